/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "pkcs11/soft/hmac.h"
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/soft/verify.h"
#include "pkcs11/tpm/duplicate.h"
#include "pkcs11/tpm/hmac.h"
#include "pkcs11/tpm/loaded.h"
#include "tests/support/tpmtoken.h"

#include <tss2/tss2_mu.h>

#include <fcntl.h>

/* Key files of other programs: importable ones, and ones under another parent than the token's. */

static struct tpm_token *token;
static struct tpmtoken_key key;
static uint8_t value[] = "an HMAC key in plain";

static CK_RV load(void)
{
    return tpm_backend.load(token, &key.block, &key.key, &key.public);
}

/* Makes an importable key file for the token's parent. */
static void make_importable(void)
{
    uint8_t public_wire[sizeof(TPM2B_PUBLIC)];
    uint8_t private_wire[sizeof(TPM2B_PRIVATE)];
    uint8_t secret_wire[sizeof(TPM2B_ENCRYPTED_SECRET)];
    struct tss_key file = {.kind = TSS_KEY_IMPORTABLE,
                           .empty_auth = true,
                           .parent = token->parent,
                           .public.data = public_wire,
                           .private.data = private_wire,
                           .secret.data = secret_wire};
    struct tpm_duplicate duplicate = {
        .public_area.publicArea = {
                                   .type = TPM2_ALG_KEYEDHASH,
                                   .nameAlg = TPM2_ALG_SHA256,
                                   .objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT,
                                   .parameters.keyedHashDetail.scheme = {.scheme = TPM2_ALG_HMAC,
                                                  .details.hmac.hashAlg = TPM2_ALG_SHA256},
                                   .unique.keyedHash.size = 32}
    };
    TPM2B_SENSITIVE sensitive = {
        .sensitiveArea = {.sensitiveType = TPM2_ALG_KEYEDHASH, .seedValue.size = 32}
    };
    struct soft_piece pieces[2] = {
        {sensitive.sensitiveArea.seedValue.buffer, 32          },
        {value,                                    sizeof value}
    };

    sensitive.sensitiveArea.sensitive.bits.size = sizeof value;
    memcpy(sensitive.sensitiveArea.sensitive.bits.buffer, value, sizeof value);
    assert_rv(
        soft_hash_pieces(HASH_SHA256, pieces, 2, duplicate.public_area.publicArea.unique.keyedHash.buffer),
        CKR_OK);
    assert_rv(tpm_duplicate_wrap(&token->bus.area, &sensitive, &duplicate), CKR_OK);
    ck_assert_uint_eq(Tss2_MU_TPM2B_PUBLIC_Marshal(&duplicate.public_area, public_wire, sizeof public_wire,
                                                   &file.public.size),
                      TSS2_RC_SUCCESS);
    ck_assert_uint_eq(Tss2_MU_TPM2B_PRIVATE_Marshal(&duplicate.wrapped, private_wire, sizeof private_wire,
                                                    &file.private.size),
                      TSS2_RC_SUCCESS);
    ck_assert_uint_eq(Tss2_MU_TPM2B_ENCRYPTED_SECRET_Marshal(&duplicate.seed, secret_wire, sizeof secret_wire,
                                                             &file.secret.size),
                      TSS2_RC_SUCCESS);
    key = (struct tpmtoken_key){0};
    assert_rv(soft_tss_key_write(&file, &key.block), CKR_OK);
}

static void assert_mac(void)
{
    const struct p11_parameters parameters = {.hash = HASH_SHA256};
    const struct soft_piece piece = {"message", 7};
    uint8_t wanted[32];
    uint8_t mac[32];

    assert_rv(soft_hmac(HASH_SHA256, value, sizeof value, &piece, 1, wanted), CKR_OK);
    assert_rv(tpm_hmac(token, key.key, &parameters, (const uint8_t *)"message", 7, mac, 32), CKR_OK);
    ck_assert_mem_eq(mac, wanted, 32);
}

START_TEST(an_importable_key_is_imported_once)
{
    token = tpmtoken_open(_i);
    make_importable();
    assert_rv(load(), CKR_OK);
    ck_assert_uint_eq(key.public.type, CKK_SHA256_HMAC);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    for (int round = 0; round < 3; round++) {
        assert_mac();
        tpm_flush_key(token->tpm, key.key);
    }
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Import), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 3);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_HMAC), 3);
    ck_assert(!tpmtoken_recorded(value, sizeof value - 1));
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

START_TEST(an_importable_key_that_was_changed_is_refused)
{
    token = tpmtoken_open(_i);
    make_importable();
    key.block.data[key.block.size - 40] ^= 1; /* in the wrapped key */
    assert_rv(load(), CKR_OK);
    ck_assert_uint_eq(
        tpm_hmac(token, key.key, &(struct p11_parameters){.hash = HASH_SHA256}, value, 1, value, 0),
        CKR_DEVICE_ERROR);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

START_TEST(an_importable_key_without_its_secret_is_broken)
{
    struct tss_key file;
    struct bytes whole;

    token = tpmtoken_open(0);
    make_importable();
    whole = key.block;
    assert_rv(soft_tss_key_read(&whole, &file), CKR_OK);
    file.secret.size--;
    assert_rv(soft_tss_key_write(&file, &key.block), CKR_OK);
    assert_rv(load(), CKR_DATA_INVALID);
    bytes_free(&key.block);
    bytes_free(&file.secret);
    assert_rv(soft_tss_key_write(&file, &key.block), CKR_OK);
    assert_rv(load(), CKR_DATA_INVALID);
    bytes_free(&key.block);
    tss_key_free(&file);
    bytes_free(&whole);
    tpm_backend.close(token);
}
END_TEST

/* --- under the RSA primary, as other tools make it
 * -------------------------------------------------------------------- */

static void read_file(const char *name, struct bytes *out)
{
    ck_assert_int_eq(file_read(AT_FDCWD, support_path("%s", name), 4096, out), 0);
}

static void make_under_rsa_primary(void)
{
    struct tss_key file = {
        .kind = TSS_KEY_LOADABLE, .empty_auth = true, .parent = TPM2_RH_OWNER, .rsa_parent = true};

    ck_assert_int_eq(
        support_shell(
            NULL,
            "cd %s && export TPM2TOOLS_TCTI=%s && tpm2_createprimary -Q -C o -g sha256 -G rsa2048:aes128cfb "
            "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt' -c p.ctx && "
            "tpm2_flushcontext -t && tpm2_create -Q -C p.ctx -G ecc256 -u k.pub -r k.priv && "
            "tpm2_flushcontext -t",
            support_directory(), test_tpm_tcti()),
        0);
    read_file("k.pub", &file.public);
    read_file("k.priv", &file.private);
    key = (struct tpmtoken_key){0};
    assert_rv(soft_tss_key_write(&file, &key.block), CKR_OK);
    tss_key_free(&file);
}

START_TEST(a_key_under_the_rsa_primary_signs)
{
    const struct p11_parameters none = {0};
    uint8_t digest[32] = "what is signed";
    uint8_t signature[64];
    struct tpmtoken_key own;
    const struct key_request request = {
        .type = CKK_EC, .curve = p11_curve_by_name("P-256", 5), .sign = true, .private = true};

    token = tpmtoken_open(_i);
    make_under_rsa_primary();
    assert_rv(load(), CKR_OK);
    tpmtoken_generate(&request, &own);
    for (int round = 0; round < 3; round++) {
        assert_rv(tpm_backend.sign(token, key.key, SCHEME_ECDSA, &none, digest, 32, signature, 64), CKR_OK);
        assert_rv(soft_verify(&key.public, SCHEME_ECDSA, &none, digest, 32, signature), CKR_OK);
        assert_rv(tpm_backend.sign(token, own.key, SCHEME_ECDSA, &none, digest, 32, signature, 64), CKR_OK);
        assert_rv(soft_verify(&own.public, SCHEME_ECDSA, &none, digest, 32, signature), CKR_OK);
    }
    tpmtoken_free(&key);
    tpmtoken_free(&own);
    tpmtoken_close();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/backend");
    TCase *t = tcase_create("backend");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, tpmtoken_make, tpmtoken_drop);
    tcase_add_loop_test(t, an_importable_key_is_imported_once, 0, TPMTOKEN_WAYS);
    tcase_add_loop_test(t, an_importable_key_that_was_changed_is_refused, 0, 2);
    tcase_add_test(t, an_importable_key_without_its_secret_is_broken);
    tcase_add_loop_test(t, a_key_under_the_rsa_primary_signs, 0, TPMTOKEN_WAYS);
    suite_add_tcase(s, t);
    return s;
}
