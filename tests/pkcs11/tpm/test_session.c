/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/session.h"
#include "common/file.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/tpm/backend.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/seal.h"
#include "tests/support/support.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* The parents that sessions are salted to: the RSA key at 0x81000001 and the ECC primary. */
static const char *const parents[] = {"auto", "owner"};
static struct token_conf confs[2];
static struct tpm_token *token;

static uint8_t auth_bytes[32] = "auth value, that nobody may see";
static uint8_t data_bytes[32] = "sealed data, no more public tha";
static const struct bytes auth = {auth_bytes, sizeof auth_bytes};
static const struct bytes data = {data_bytes, sizeof data_bytes};

static void make_tokens(void)
{
    struct token_conf process = {0};

    test_tpm_start();
    ck_assert_uint_eq(soft_start(), CKR_OK);
    ck_assert_uint_eq(token_conf_set(&process, "tcti", getenv("DEVID_TCTI")), CKR_OK);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(token_conf_set(&confs[i], "parent", parents[i]), CKR_OK);
        ck_assert_msg(tpm_backend.init(&confs[i], &process) == CKR_OK, "%s", p11_failure_text());
        ck_assert_uint_eq(token_conf_set(&confs[i], "tcti", getenv("DEVID_TCTI")), CKR_OK);
    }
    token_conf_free(&process);
}

static void drop_tokens(void)
{
    for (size_t i = 0; i < 2; i++)
        token_conf_free(&confs[i]);
}

static void open_with(struct token_conf *conf, const char *protection)
{
    void *instance;

    if (protection != NULL)
        ck_assert_uint_eq(token_conf_set(conf, "bus-protection", protection), CKR_OK);
    ck_assert_msg(tpm_backend.open(conf, support_directory(), &instance) == CKR_OK, "%s", p11_failure_text());
    token = instance;
    test_tpm_count_reset();
}

static void reset(void)
{
    token = NULL;
    p11_failure_clear();
    support_shell(NULL, "tpm2_dictionarylockout -T %s -c", test_tpm_tcti());
}

static void close_token(void)
{
    if (token != NULL)
        tpm_backend.close(token);
    ck_assert_int_eq(support_shell(NULL,
                                   "test -z \"$(tpm2_getcap -T %s handles-transient)$(tpm2_getcap -T %s "
                                   "handles-loaded-session)\"",
                                   test_tpm_tcti(), test_tpm_tcti()),
                     0);
}

static void seal(struct bytes *block)
{
    ck_assert_msg(tpm_seal(token, &auth, &data, block) == CKR_OK, "%s", p11_failure_text());
}

/* --- one command after the other
 * ------------------------------------------------------------------------------ */

START_TEST(sealed_data_opens_with_its_auth_value)
{
    struct bytes block;
    struct bytes opened;

    open_with(&confs[_i], NULL);
    seal(&block);
    ck_assert_msg(tpm_unseal(token, &block, &auth, &opened) == CKR_OK, "%s", p11_failure_text());
    ck_assert(bytes_equal(opened.data, opened.size, data.data, data.size));
    bytes_free(&opened);
    bytes_free(&block);
}
END_TEST

START_TEST(unsealing_takes_four_commands)
{
    struct bytes block;
    struct bytes opened;

    open_with(&confs[_i], NULL);
    seal(&block);
    ck_assert_uint_eq(tpm_unseal(token, &block, &auth, &opened),
                      CKR_OK); /* the first one may be told to RETRY */
    bytes_free(&opened);
    test_tpm_count_reset();
    ck_assert_uint_eq(tpm_unseal(token, &block, &auth, &opened), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Unseal), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
    ck_assert_uint_eq(test_tpm_count()->total, 4);
    bytes_free(&opened);
    bytes_free(&block);
}
END_TEST

/* A TPM strips zeros from the end of an auth value; both sides have to. */
START_TEST(auth_values_may_end_in_zeros)
{
    static const size_t zeros[] = {1, 7, 31, 32};
    struct bytes block;
    struct bytes opened;

    open_with(&confs[1], NULL);
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        uint8_t value[32];
        const struct bytes short_auth = {value, sizeof value};

        memset(value, 0x5a, sizeof value);
        memset(value + sizeof value - zeros[i], 0, zeros[i]);
        ck_assert_uint_eq(tpm_seal(token, &short_auth, &data, &block), CKR_OK);
        ck_assert_msg(tpm_unseal(token, &block, &short_auth, &opened) == CKR_OK, "%zu: %s", zeros[i],
                      p11_failure_text());
        bytes_free(&opened);
        bytes_free(&block);
    }
}
END_TEST

START_TEST(wrong_auth_value_is_an_incorrect_pin_and_then_lockout)
{
    uint8_t wrong_bytes[32] = "wrong";
    const struct bytes wrong = {wrong_bytes, sizeof wrong_bytes};
    struct bytes block;
    struct bytes opened;

    open_with(&confs[_i], NULL);
    seal(&block);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(tpm_unseal(token, &block, &wrong, &opened), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(tpm_unseal(token, &block, &auth, &opened), CKR_PIN_LOCKED);
    ck_assert_uint_eq(opened.size, 0);
    bytes_free(&block);
}
END_TEST

START_TEST(failure_of_the_tpm_is_no_wrong_pin)
{
    static const uint32_t codes[] = {TPM2_RC_FAILURE, TPM2_RC_COMMAND_CODE, TPM2_RC_NV_UNAVAILABLE};
    struct bytes block;
    struct bytes opened;

    open_with(&confs[0], NULL);
    seal(&block);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        test_tpm_count_reset();
        test_tpm_count()->inject_command = TPM2_CC_Unseal;
        test_tpm_count()->inject_times = 1;
        test_tpm_count()->inject_code = codes[i];
        ck_assert_uint_eq(tpm_unseal(token, &block, &auth, &opened), CKR_DEVICE_ERROR);
    }
    ck_assert_uint_eq(tpm_unseal(token, &block, &auth, &opened), CKR_OK);
    bytes_free(&opened);
    bytes_free(&block);
}
END_TEST

START_TEST(busy_tpm_is_asked_again_in_the_same_session)
{
    struct bytes block;
    struct bytes opened;

    open_with(&confs[1], NULL);
    seal(&block);
    test_tpm_count_reset();
    test_tpm_count()->inject_command = TPM2_CC_Unseal;
    test_tpm_count()->inject_times = 2;
    test_tpm_count()->inject_code = TPM2_RC_YIELDED;
    ck_assert_uint_eq(tpm_unseal(token, &block, &auth, &opened), CKR_OK);
    ck_assert_uint_ge(test_tpm_count_of(TPM2_CC_Unseal), 3);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    bytes_free(&opened);
    bytes_free(&block);
}
END_TEST

START_TEST(lost_session_is_made_anew)
{
    struct bytes block;
    struct bytes opened;

    open_with(&confs[_i], NULL);
    seal(&block);
    test_tpm_count_reset();
    test_tpm_count()->inject_command = TPM2_CC_Unseal;
    test_tpm_count()->inject_times = 1;
    test_tpm_count()->inject_code = TPM2_RC_REFERENCE_S0;
    ck_assert_msg(tpm_unseal(token, &block, &auth, &opened) == CKR_OK, "%s", p11_failure_text());
    bytes_free(&opened);
    bytes_free(&block);
    support_shell(NULL, "tpm2_flushcontext -T %s -t",
                  test_tpm_tcti()); /* what a real reset would have done */
}
END_TEST

/* --- somebody on the bus
 * ------------------------------------------------------------------------------------- */

/* The header's size (bits 16 to 47) is the TCTI's business: nothing depends on it later, so a change of it
 * may go by, and changes nothing. */
START_TEST(every_changed_bit_of_a_response_is_refused)
{
    struct bytes block;
    struct bytes opened;
    uint32_t bits = 1;

    open_with(&confs[1], NULL);
    seal(&block);
    for (uint32_t bit = 0; bit < bits; bit++) {
        CK_RV rv;

        test_tpm_count()->flip_bit = bit;
        test_tpm_count()->flip_command = TPM2_CC_Unseal;
        rv = tpm_unseal(token, &block, &auth, &opened);
        if (bit >= 16 && bit < 48 && rv == CKR_OK)
            ck_assert(bytes_equal(opened.data, opened.size, data.data, data.size));
        else
            ck_assert_msg(rv == CKR_DEVICE_ERROR && opened.size == 0, "bit %u: 0x%lx %s", bit, rv,
                          p11_failure_text());
        bytes_free(&opened);
        ck_assert_msg(test_tpm_count()->flip_command == 0, "bit %u: %s", bit, p11_failure_text());
        bits = 8 * test_tpm_count()->response_size;
        p11_failure_clear();
    }
    ck_assert_uint_gt(bits, 8 * (10 + 4 + 34 + 34 + 1 + 34 - 1));
    ck_assert_uint_eq(tpm_unseal(token, &block, &auth, &opened), CKR_OK);
    bytes_free(&opened);
    bytes_free(&block);
}
END_TEST

START_TEST(changed_answer_is_named)
{
    struct bytes block;
    struct bytes opened;

    open_with(&confs[1], NULL);
    seal(&block);
    test_tpm_count()->flip_bit = 8 * (10 + 4 + 2 + 5); /* within the encrypted data */
    test_tpm_count()->flip_command = TPM2_CC_Unseal;
    ck_assert_uint_eq(tpm_unseal(token, &block, &auth, &opened), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "changed on the way"));
    bytes_free(&block);
}
END_TEST

/* A TPM that answers StartAuthSession with another nonce, or loads another object, is found out by the HMAC.
 */
START_TEST(changed_session_start_is_refused)
{
    struct bytes block;
    struct bytes opened;

    open_with(&confs[_i], NULL);
    seal(&block);
    test_tpm_count()->flip_bit = 8 * (10 + 4 + 2 + 3);
    test_tpm_count()->flip_command = TPM2_CC_StartAuthSession;
    ck_assert_uint_ne(tpm_unseal(token, &block, &auth, &opened), CKR_OK);
    ck_assert_uint_eq(opened.size, 0);
    bytes_free(&block);
}
END_TEST

static bool recorded(const char *path, const void *needle, size_t size)
{
    struct bytes traffic;
    bool found;

    ck_assert_int_eq(file_read(AT_FDCWD, path, 1 << 20, &traffic), 0);
    ck_assert_uint_gt(traffic.size, 100);
    found = memmem(traffic.data, traffic.size, needle, size) != NULL;
    bytes_free(&traffic);
    return found;
}

static const struct {
    const char *protection;
    bool seen;
} wire_cases[] = {
    {"auto",   false},
    {"always", false},
    {"never",  true }
};

START_TEST(secrets_are_on_the_wire_only_without_protection)
{
    const char *path = support_path("traffic-%d", _i);
    bool seen = wire_cases[_i].seen;
    uint8_t random[16];
    struct bytes block;
    struct bytes opened;

    setenv("TCTI_RECORD_FILE", path, 1);
    open_with(&confs[1], wire_cases[_i].protection);
    seal(&block);
    ck_assert_uint_eq(tpm_unseal(token, &block, &auth, &opened), CKR_OK);
    ck_assert_uint_eq(tpm_backend.random(token, random, sizeof random), CKR_OK);
    ck_assert_int_eq(recorded(path, auth.data, 16), seen);
    ck_assert_int_eq(recorded(path, data.data, 16), seen);
    ck_assert_int_eq(recorded(path, random, sizeof random), seen);
    ck_assert(recorded(path, "\x00\x00\x01\x5e", 4)); /* TPM2_CC_Unseal: it does record */
    bytes_free(&opened);
    bytes_free(&block);
}
END_TEST

/* --- another TPM
 * --------------------------------------------------------------------------------------------- */

START_TEST(parent_public_must_be_that_of_the_name)
{
    struct tpm_bus bus;

    ck_assert_uint_eq(tpm_bus_read(&confs[0], "t", &bus), CKR_OK);
    ck_assert_uint_eq(bus.area.publicArea.type, TPM2_ALG_RSA);
    ck_assert_uint_eq(token_conf_set(&confs[0], "parent-public", token_conf_get(&confs[1], "parent-public")),
                      CKR_OK);
    ck_assert_uint_eq(tpm_bus_read(&confs[0], "t", &bus), CKR_TOKEN_NOT_RECOGNIZED);
    ck_assert_uint_eq(token_conf_set(&confs[0], "parent-public", "00"), CKR_OK);
    ck_assert_uint_eq(tpm_bus_read(&confs[0], "t", &bus), CKR_TOKEN_NOT_RECOGNIZED);
    ck_assert_uint_eq(token_conf_set(&confs[1], "bus-protection", "perhaps"), CKR_OK);
    ck_assert_uint_eq(tpm_bus_read(&confs[1], "t", &bus), CKR_TOKEN_NOT_RECOGNIZED);
}
END_TEST

/* An interposer's own key in place of the parent: the salt is not for it. Here the pinned key is another one.
 */
START_TEST(session_with_another_parent_does_not_come_about)
{
    uint8_t random[16];

    open_with(&confs[_i], NULL);
    token->bus.area.publicArea.unique.ecc.x.buffer[0] ^= 1; /* RSA: the modulus */
    ck_assert_uint_eq(tpm_backend.random(token, random, sizeof random), CKR_DEVICE_ERROR);
}
END_TEST

START_TEST(no_pinned_parent_is_said)
{
    uint8_t random[16];

    open_with(&confs[1], NULL);
    token->bus.area.size = 0;
    ck_assert_uint_eq(tpm_backend.random(token, random, sizeof random), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "parent-public"));
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

/* --- ESYS does the same
 * -------------------------------------------------------------------------------------- */

struct esys {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *context;
    ESYS_TR parent;
    ESYS_TR session;
};

static const TPMT_SYM_DEF esys_cfb = {
    .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};

static void esys_open(struct esys *esys, TPMA_SESSION attributes)
{
    ck_assert_uint_eq(Tss2_TctiLdr_Initialize(test_tpm_tcti(), &esys->tcti), 0);
    ck_assert_uint_eq(Esys_Initialize(&esys->context, esys->tcti, NULL), 0);
    ck_assert_uint_eq(Esys_TR_FromTPMPublic(esys->context, 0x81000001, ESYS_TR_NONE, ESYS_TR_NONE,
                                            ESYS_TR_NONE, &esys->parent),
                      0);
    ck_assert_uint_eq(Esys_StartAuthSession(esys->context, esys->parent, ESYS_TR_NONE, ESYS_TR_NONE,
                                            ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &esys_cfb,
                                            TPM2_ALG_SHA256, &esys->session),
                      0);
    ck_assert_uint_eq(Esys_TRSess_SetAttributes(esys->context, esys->session, attributes, 0xff), 0);
}

static void esys_close(struct esys *esys)
{
    Esys_FlushContext(esys->context, esys->session);
    Esys_Finalize(&esys->context);
    Tss2_TctiLdr_Finalize(&esys->tcti);
}

START_TEST(esys_opens_what_we_seal)
{
    TPM2B_AUTH esys_auth = {.size = sizeof auth_bytes};
    TPM2B_SENSITIVE_DATA *opened;
    TPM2B_PUBLIC public_area = {0};
    TPM2B_PRIVATE private_area = {0};
    struct tss_key file;
    struct bytes block;
    struct esys esys;
    ESYS_TR object;

    open_with(&confs[0], NULL);
    seal(&block);
    ck_assert_uint_eq(soft_tss_key_read(&block, &file), CKR_OK);
    ck_assert(!file.empty_auth);
    ck_assert_uint_eq(tpm_created_read(&file, &public_area, &private_area), CKR_OK);
    memcpy(esys_auth.buffer, auth_bytes, sizeof auth_bytes);
    esys_open(&esys, TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_ENCRYPT);
    ck_assert_uint_eq(Esys_Load(esys.context, esys.parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                &private_area, &public_area, &object),
                      0);
    ck_assert_uint_eq(Esys_TR_SetAuth(esys.context, object, &esys_auth), 0);
    ck_assert_uint_eq(Esys_Unseal(esys.context, object, esys.session, ESYS_TR_NONE, ESYS_TR_NONE, &opened),
                      0);
    ck_assert(bytes_equal(opened->buffer, opened->size, data.data, data.size));
    Esys_Free(opened);
    Esys_FlushContext(esys.context, object);
    esys_close(&esys);
    tss_key_free(&file);
    bytes_free(&block);
}
END_TEST

START_TEST(we_open_what_esys_seals)
{
    static const TPM2B_DATA no_data;
    static const TPML_PCR_SELECTION no_pcrs;
    static const TPM2B_PUBLIC template = {
        .publicArea = {.type = TPM2_ALG_KEYEDHASH,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes = TPMA_OBJECT_USERWITHAUTH,
                       .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL}
    };
    TPM2B_SENSITIVE_CREATE sensitive = {
        .sensitive = {.userAuth.size = sizeof auth_bytes, .data.size = sizeof data_bytes}
    };
    TPM2B_PUBLIC *public_area;
    TPM2B_PRIVATE *private_area;
    struct tpm_created created;
    struct bytes block;
    struct bytes opened;
    struct esys esys;

    memcpy(sensitive.sensitive.userAuth.buffer, auth_bytes, sizeof auth_bytes);
    memcpy(sensitive.sensitive.data.buffer, data_bytes, sizeof data_bytes);
    open_with(&confs[0], NULL);
    esys_open(&esys, TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT);
    ck_assert_uint_eq(Esys_Create(esys.context, esys.parent, esys.session, ESYS_TR_NONE, ESYS_TR_NONE,
                                  &sensitive, &template, &no_data, &no_pcrs, &private_area, &public_area,
                                  NULL, NULL, NULL),
                      0);
    created = (struct tpm_created){*public_area, *private_area};
    ck_assert_uint_eq(tpm_created_block(token, &created, TSS_KEY_SEALED, false, &block), CKR_OK);
    ck_assert_msg(tpm_unseal(token, &block, &auth, &opened) == CKR_OK, "%s", p11_failure_text());
    ck_assert(bytes_equal(opened.data, opened.size, data.data, data.size));
    Esys_Free(public_area);
    Esys_Free(private_area);
    esys_close(&esys);
    bytes_free(&opened);
    bytes_free(&block);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");

    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, make_tokens, drop_tokens);
    tcase_add_checked_fixture(t, reset, close_token);
    tcase_add_loop_test(t, sealed_data_opens_with_its_auth_value, 0, 2);
    tcase_add_loop_test(t, unsealing_takes_four_commands, 0, 2);
    tcase_add_test(t, auth_values_may_end_in_zeros);
    tcase_add_loop_test(t, wrong_auth_value_is_an_incorrect_pin_and_then_lockout, 0, 2);
    tcase_add_test(t, failure_of_the_tpm_is_no_wrong_pin);
    tcase_add_test(t, busy_tpm_is_asked_again_in_the_same_session);
    tcase_add_loop_test(t, lost_session_is_made_anew, 0, 2);
    tcase_add_test(t, every_changed_bit_of_a_response_is_refused);
    tcase_add_test(t, changed_answer_is_named);
    tcase_add_loop_test(t, changed_session_start_is_refused, 0, 2);
    tcase_add_loop_test(t, secrets_are_on_the_wire_only_without_protection, 0, 3);
    tcase_add_test(t, parent_public_must_be_that_of_the_name);
    tcase_add_loop_test(t, session_with_another_parent_does_not_come_about, 0, 2);
    tcase_add_test(t, no_pinned_parent_is_said);
    tcase_add_test(t, esys_opens_what_we_seal);
    tcase_add_test(t, we_open_what_esys_seals);
    suite_add_tcase(s, t);
    return s;
}
