/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tpmtoken.h"
#include "common/rvname.h"

#include "common/file.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/libctx.h"

#include <openssl/x509.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct way {
    const char *parent;
    const char *protection;
    bool secret; /* keys carry the token secret */
} ways[TPMTOKEN_WAYS] = {
    {"auto",  "auto",   false},
    {"owner", "auto",   false},
    {"auto",  "always", false},
    {"owner", "always", false},
    {"auto",  "auto",   true },
    {"owner", "always", true },
};

static const char *const parents[] = {"auto", "owner"};
static struct token_conf confs[2];
static const struct way *current;
static struct tpm_token *token;

void tpmtoken_make(void)
{
    struct token_conf process = {0};

    test_tpm_start();
    ck_assert_uint_eq(soft_start(), CKR_OK);
    assert_rv(token_conf_set(&process, "tcti", getenv("DEVID_TCTI")), CKR_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_rv(token_conf_set(&confs[i], "parent", parents[i]), CKR_OK);
        assert_rv(tpm_backend.init(&confs[i], &process), CKR_OK);
        assert_rv(token_conf_set(&confs[i], "tcti", getenv("DEVID_TCTI")), CKR_OK);
    }
    token_conf_free(&process);
}

void tpmtoken_drop(void)
{
    for (size_t i = 0; i < 2; i++)
        token_conf_free(&confs[i]);
}

struct tpm_token *tpmtoken_open(int way)
{
    struct token_conf *conf;
    void *instance;

    current = &ways[way];
    conf = &confs[strcmp(current->parent, parents[0]) == 0 ? 0 : 1];
    p11_failure_clear();
    support_shell(NULL, "tpm2_flushcontext -T %s -t; tpm2_flushcontext -T %s -l", test_tpm_tcti(),
                  test_tpm_tcti()); /* what a test before that failed has left */
    unlink(support_path("traffic"));
    setenv("TCTI_RECORD_FILE", support_path("traffic"), 1);
    assert_rv(token_conf_set(conf, "bus-protection", current->protection), CKR_OK);
    assert_rv(token_conf_set(conf, "session-idle", "0"), CKR_OK);
    assert_rv(tpm_backend.open(conf, support_directory(), &instance), CKR_OK);
    token = instance;
    token->has_pin = current->secret;
    if (current->secret)
        ck_assert(bytes_copy(&token->secret, "the token's secret, all 32 bytes", 32));
    test_tpm_count_reset();
    return token;
}

unsigned tpmtoken_sessions(bool secret)
{
    return secret || current->secret || strcmp(current->protection, "always") == 0 ? 1 : 0;
}

void tpmtoken_close(void)
{
    if (current->secret)
        ck_assert(!tpmtoken_recorded("the token's secr", 16));
    tpm_backend.close(token);
    token = NULL;
    ck_assert_int_eq(support_shell(NULL,
                                   "test -z \"$(tpm2_getcap -T %s handles-transient)$(tpm2_getcap -T %s "
                                   "handles-loaded-session)\"",
                                   test_tpm_tcti(), test_tpm_tcti()),
                     0);
}

bool tpmtoken_recorded(const void *needle, size_t size)
{
    struct bytes traffic;
    bool found;

    ck_assert_int_eq(file_read(AT_FDCWD, support_path("traffic"), 1 << 22, &traffic), 0);
    ck_assert_uint_gt(traffic.size, 100);
    found = memmem(traffic.data, traffic.size, needle, size) != NULL;
    bytes_free(&traffic);
    return found;
}

void tpmtoken_assert(const char *file, int line, CK_RV got, CK_RV wanted)
{
    char name[64];

    if (got == wanted)
        return;
    snprintf(name, sizeof name, "%s", rv_name(got));
    ck_abort_msg("%s:%d: %s (%s), not %s", file, line, name, p11_failure_text(), rv_name(wanted));
}

void tpmtoken_generate(const struct key_request *request, struct tpmtoken_key *key)
{
    *key = (struct tpmtoken_key){0};
    assert_rv(request->size != 0 ? tpm_backend.generate(token, request, &key->block)
                                 : tpm_backend.generate_pair(token, request, &key->block),
              CKR_OK);
    tpmtoken_load(key);
}

void tpmtoken_load(struct tpmtoken_key *key)
{
    assert_rv(tpm_backend.load(token, &key->block, &key->key, &key->public), CKR_OK);
}

void tpmtoken_free(struct tpmtoken_key *key)
{
    tpm_backend.drop(token, key->key);
    public_key_free(&key->public);
    bytes_free(&key->block);
}

EVP_PKEY *tpmtoken_public(const struct tpmtoken_key *key)
{
    struct bytes info;
    const unsigned char *end;
    EVP_PKEY *pkey;

    assert_rv(soft_public_info(&key->public, &info), CKR_OK);
    end = info.data;
    pkey = d2i_PUBKEY(NULL, &end, (long)info.size);
    bytes_free(&info);
    ck_assert_ptr_nonnull(pkey);
    return pkey;
}
