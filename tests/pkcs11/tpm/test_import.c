/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buffer.h"
#include "pkcs11/soft/encrypt.h"
#include "pkcs11/soft/pkcs8.h"
#include "pkcs11/soft/private.h"
#include "pkcs11/soft/verify.h"
#include "pkcs11/tpm/duplicate.h"
#include "pkcs11/tpm/loaded.h"
#include "tests/support/tpmtoken.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdlib.h>

static struct tpm_token *token;
static struct tpmtoken_key key;

/* Key material in plain, from libcrypto. */
static struct bytes der;
static struct private_parts parts;
static struct attributes attributes;

static void make_material(const char *what)
{
    const struct p11_curve *curve = p11_curve_by_name(what, strlen(what));

    assert_rv(curve != NULL ? soft_generate_on_curve(curve, &der)
                            : soft_generate_rsa(strtoul(what, NULL, 10), &der),
              CKR_OK);
    assert_rv(soft_pkcs8_read(&der, &parts), CKR_OK);
    attributes = (struct attributes){0};
    assert_rv(attributes_set_ulong(&attributes, CKA_KEY_TYPE, parts.type), CKR_OK);
    assert_rv(attributes_set_bool(&attributes, CKA_DECRYPT, curve == NULL), CKR_OK);
}

static void set(CK_ATTRIBUTE_TYPE type, const struct bytes *value)
{
    assert_rv(attributes_set(&attributes, type, value->data, value->size), CKR_OK);
}

/* `primes`: the template has them too. */
static void describe(bool primes)
{
    if (parts.type == CKK_RSA) {
        set(CKA_MODULUS, &parts.rsa[RSA_MODULUS]);
        set(CKA_PUBLIC_EXPONENT, &parts.rsa[RSA_EXPONENT]);
        set(CKA_PRIVATE_EXPONENT, &parts.rsa[RSA_PRIVATE_EXPONENT]);
        if (primes) {
            set(CKA_PRIME_1, &parts.rsa[RSA_PRIME_1]);
            set(CKA_PRIME_2, &parts.rsa[RSA_PRIME_2]);
        }
    } else {
        const struct bytes params = {(uint8_t *)(uintptr_t)parts.curve->params, parts.curve->params_size};

        set(CKA_EC_PARAMS, &params);
        set(CKA_VALUE, &parts.secret);
    }
}

static void drop_material(void)
{
    attributes_free(&attributes);
    bytes_free(&der);
}

static CK_RV import(void)
{
    key = (struct tpmtoken_key){0};
    return tpm_backend.import(token, &attributes, &key.block);
}

/* The public half is the one that the material has, and what the TPM signs verifies with it. */
static void assert_signs(void)
{
    const struct p11_parameters parameters = {
        .hash = HASH_SHA256, .mgf_hash = HASH_SHA256, .salt_length = 32};
    enum p11_scheme scheme = parts.type == CKK_RSA ? SCHEME_PSS : SCHEME_ECDSA;
    const struct bytes *number = parts.type == CKK_RSA ? &parts.rsa[RSA_MODULUS] : &parts.point;
    uint8_t digest[32] = "what is signed";
    uint8_t signature[512];
    size_t size = public_key_signature_size(&key.public);

    ck_assert(bytes_equal(parts.type == CKK_RSA ? key.public.modulus.data : key.public.point.data,
                          parts.type == CKK_RSA ? key.public.modulus.size : key.public.point.size,
                          number->data, number->size));
    assert_rv(tpm_backend.sign(token, key.key, scheme, &parameters, digest, sizeof digest, signature, size),
              CKR_OK);
    assert_rv(soft_verify(&key.public, scheme, &parameters, digest, sizeof digest, signature), CKR_OK);
}

static const char *const materials[] = {"2048", "P-256", "P-384"};

#define MATERIALS (sizeof materials / sizeof materials[0])

START_TEST(an_imported_key_signs_and_was_not_seen)
{
    for (size_t i = 0; i < MATERIALS; i++) {
        const struct bytes *secret;

        make_material(materials[i]);
        describe(i % 2 == 0);
        token = tpmtoken_open(_i);
        assert_rv(import(), CKR_OK);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Import), 1);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession),
                          tpmtoken_sessions(false) != 0 && _i != 4);
        tpmtoken_load(&key);
        assert_signs();
        secret = parts.type == CKK_RSA ? &parts.rsa[RSA_PRIME_1] : &parts.secret;
        ck_assert(!tpmtoken_recorded(secret->data, 12));
        if (parts.type == CKK_RSA)
            ck_assert(!tpmtoken_recorded(parts.rsa[RSA_PRIME_2].data, 12));
        tpmtoken_free(&key);
        tpmtoken_close();
        drop_material();
    }
}
END_TEST

START_TEST(taking_a_key_in_is_one_command)
{
    token = tpmtoken_open(_i);
    for (size_t i = 0; i < MATERIALS; i++) {
        make_material(materials[i]);
        describe(true);
        if (i == 0 && _i == 1) { /* the primary is made once */
            assert_rv(import(), CKR_OK);
            bytes_free(&key.block);
        }
        test_tpm_count_reset();
        assert_rv(import(), CKR_OK);
        ck_assert_uint_eq(test_tpm_count()->total, 1);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Import), 1);
        bytes_free(&key.block);
        drop_material();
    }
    tpmtoken_close();
}
END_TEST

START_TEST(an_imported_rsa_key_decrypts)
{
    static const struct p11_parameters oaep = {.hash = HASH_SHA256, .mgf_hash = HASH_SHA1};
    struct bytes block;
    struct bytes out;

    make_material("2048");
    describe(false); /* the primes are worked out */
    token = tpmtoken_open(_i);
    assert_rv(import(), CKR_OK);
    tpmtoken_load(&key);
    assert_rv(soft_encrypt(&key.public, SCHEME_OAEP, &oaep, (const uint8_t *)"secret", 6, &block), CKR_OK);
    assert_rv(tpm_backend.decrypt(token, key.key, SCHEME_OAEP, &oaep, block.data, block.size, &out), CKR_OK);
    ck_assert(bytes_equal(out.data, out.size, "secret", 6));
    bytes_free(&block);
    bytes_free(&out);
    tpmtoken_free(&key);
    tpmtoken_close();
    drop_material();
}
END_TEST

/* The file says so too: neither the TPM nor its parent made the key. */
START_TEST(the_tpm_knows_that_it_did_not_make_the_key)
{
    const struct tpm_key *loaded;

    make_material("P-256");
    describe(true);
    token = tpmtoken_open(0);
    assert_rv(import(), CKR_OK);
    tpmtoken_load(&key);
    loaded = key.key;
    ck_assert_uint_eq(loaded->public_area.publicArea.objectAttributes,
                      TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT);
    tpmtoken_free(&key);
    tpmtoken_close();
    drop_material();
}
END_TEST

/* --- refusals, without a command
 * ------------------------------------------------------------------------------- */

static void assert_refused(CK_RV wanted, const char *text)
{
    token = tpmtoken_open(0);
    assert_rv(import(), wanted);
    ck_assert_msg(strstr(p11_failure_text(), text) != NULL, "%s", p11_failure_text());
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert_ptr_null(key.block.data);
    tpm_backend.close(token);
    drop_material();
}

START_TEST(sizes_that_the_tpm_has_not_are_refused)
{
    make_material("4096");
    describe(true);
    assert_refused(CKR_ATTRIBUTE_VALUE_INVALID, "512 bytes");
}
END_TEST

START_TEST(curves_that_the_tpm_has_not_are_refused)
{
    make_material("P-521");
    describe(true);
    token = tpmtoken_open(0);
    token->capability.curve_maximum = 384;
    assert_rv(import(), CKR_CURVE_NOT_SUPPORTED);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    tpm_backend.close(token);
    drop_material();
}
END_TEST

START_TEST(ed25519_is_refused)
{
    make_material("ED25519");
    describe(true);
    assert_refused(CKR_ATTRIBUTE_VALUE_INVALID, "type");
}
END_TEST

START_TEST(numbers_that_are_no_key_are_refused)
{
    make_material("2048");
    parts.rsa[RSA_PRIVATE_EXPONENT].data[20] ^= 4;
    describe(true);
    assert_refused(CKR_TEMPLATE_INCONSISTENT, "");
}
END_TEST

START_TEST(a_key_without_a_use_is_refused)
{
    make_material("P-256");
    describe(true);
    assert_rv(attributes_set_bool(&attributes, CKA_SIGN, false), CKR_OK);
    assert_refused(CKR_TEMPLATE_INCONSISTENT, "of no use");
}
END_TEST

START_TEST(a_token_whose_parent_is_not_pinned_takes_none)
{
    make_material("P-256");
    describe(true);
    token = tpmtoken_open(0);
    token->bus.area.size = 0;
    assert_rv(import(), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "parent-public"));
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    tpm_backend.close(token);
    drop_material();
}
END_TEST

START_TEST(nobody_logged_in_is_said)
{
    make_material("P-256");
    describe(true);
    token = tpmtoken_open(4);
    bytes_free(&token->secret);
    assert_rv(import(), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    tpm_backend.close(token);
    drop_material();
}
END_TEST

/* --- somebody on the bus
 * -------------------------------------------------------------------------------------------- */

/* Whoever answers in the TPM's place cannot unwrap the key: a storage key that is another one refuses it. */
START_TEST(another_storage_key_cannot_unwrap_it)
{
    make_material("P-256");
    describe(true);
    token = tpmtoken_open(_i);
    token->bus.area.publicArea.unique.rsa.buffer[30] ^= 1; /* ECC: no point any more */
    assert_rv(import(), _i == 0 ? CKR_DEVICE_ERROR : CKR_GENERAL_ERROR);
    tpm_backend.close(token);
    drop_material();
}
END_TEST

struct bent {
    struct tpm_duplicate duplicate;
    TPM2B_PRIVATE private_area;
};

static TSS2_RC import_bent(struct tpm *tpm, TPM2_HANDLE parent, void *data)
{
    struct bent *bent = data;

    return tpm_duplicate_import(tpm, parent, &bent->duplicate, &bent->private_area);
}

/* Every bit counts: of the wrapped area, and of the public area that goes with it. */
START_TEST(a_flipped_bit_is_refused_by_the_tpm)
{
    TPM2B_PUBLIC area = {
        .publicArea = {.type = TPM2_ALG_KEYEDHASH,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT,
                       .parameters.keyedHashDetail.scheme = {.scheme = TPM2_ALG_HMAC,
                                                             .details.hmac.hashAlg = TPM2_ALG_SHA256},
                       .unique.keyedHash.size = 32}
    };
    TPM2B_SENSITIVE sensitive = {
        .sensitiveArea = {.sensitiveType = TPM2_ALG_KEYEDHASH,
                          .seedValue.size = 32,
                          .sensitive.bits = {.size = 5, .buffer = "bytes"}}
    };
    struct bent bent = {.duplicate.public_area = area};

    token = tpmtoken_open(_i);
    assert_rv(tpm_duplicate_wrap(&token->bus.area, &sensitive, &bent.duplicate), CKR_OK);
    for (size_t bit = 0; bit < 8U * bent.duplicate.wrapped.size; bit += 7) {
        bent.duplicate.wrapped.buffer[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(tpm_with_parent(token, "take it in", import_bent, &bent) != CKR_OK, "bit %zu", bit);
        bent.duplicate.wrapped.buffer[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    bent.duplicate.public_area.publicArea.objectAttributes |= TPMA_OBJECT_NODA;
    ck_assert_uint_ne(tpm_with_parent(token, "take it in", import_bent, &bent), CKR_OK);
    tpmtoken_close();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/import");
    TCase *t = tcase_create("import");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, tpmtoken_make, tpmtoken_drop);
    tcase_add_loop_test(t, an_imported_key_signs_and_was_not_seen, 0, TPMTOKEN_WAYS);
    tcase_add_loop_test(t, taking_a_key_in_is_one_command, 0, 2);
    tcase_add_loop_test(t, an_imported_rsa_key_decrypts, 0, TPMTOKEN_WAYS);
    tcase_add_test(t, the_tpm_knows_that_it_did_not_make_the_key);
    tcase_add_test(t, sizes_that_the_tpm_has_not_are_refused);
    tcase_add_test(t, curves_that_the_tpm_has_not_are_refused);
    tcase_add_test(t, ed25519_is_refused);
    tcase_add_test(t, numbers_that_are_no_key_are_refused);
    tcase_add_test(t, a_key_without_a_use_is_refused);
    tcase_add_test(t, a_token_whose_parent_is_not_pinned_takes_none);
    tcase_add_test(t, nobody_logged_in_is_said);
    tcase_add_loop_test(t, another_storage_key_cannot_unwrap_it, 0, 2);
    tcase_add_loop_test(t, a_flipped_bit_is_refused_by_the_tpm, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
