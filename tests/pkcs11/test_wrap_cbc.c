/* SPDX-License-Identifier: Apache-2.0 */
/* Keys under AES-CBC: what comes out is what libcrypto makes of the key, and what libcrypto made comes in. */
#include "tests/pkcs11/wrap_fixture.h"

#include <openssl/evp.h>

#include <string.h>

static CK_BYTE iv[16] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
static CK_BYTE value[48] = "forty-eight bytes of a key that is to be kept so";
static CK_MECHANISM cbc = {CKM_AES_CBC, iv, sizeof iv};
static CK_MECHANISM cbc_pad = {CKM_AES_CBC_PAD, iv, sizeof iv};

static CK_OBJECT_HANDLE create_target(size_t size)
{
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};

    return create_secret(CKK_GENERIC_SECRET, value, size, &extractable, 1);
}

/* libcrypto's AES-256-CBC under the same key; answers the size. */
static size_t run_cbc(bool encrypt, bool padded, const CK_BYTE *input, size_t size, CK_BYTE *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int written;
    int rest;

    ck_assert_int_eq(EVP_CipherInit_ex(context, EVP_aes_256_cbc(), NULL, kek_value, iv, encrypt), 1);
    EVP_CIPHER_CTX_set_padding(context, padded);
    ck_assert_int_eq(EVP_CipherUpdate(context, out, &written, input, (int)size), 1);
    ck_assert_int_eq(EVP_CipherFinal_ex(context, out + written, &rest), 1);
    EVP_CIPHER_CTX_free(context);
    return (size_t)(written + rest);
}

/* --- what is done
 * --------------------------------------------------------------------------------------------- */

static const size_t sizes[] = {1, 15, 16, 17, 20, 32, 47, 48};

START_TEST(padded_secrets_are_as_libcrypto_pads_them)
{
    CK_OBJECT_HANDLE kek = create_kek();
    CK_OBJECT_HANDLE key;
    CK_BYTE wanted[64];

    filetoken_assert_rv(wrap(&cbc_pad, kek, create_target(sizes[_i])), CKR_OK);
    ck_assert_uint_eq(wrapped_size, run_cbc(true, true, value, sizes[_i], wanted));
    ck_assert_mem_eq(wrapped, wanted, wrapped_size);
    filetoken_assert_rv(unwrap(&cbc_pad, kek, &secret_class, CKK_GENERIC_SECRET, &key), CKR_OK);
    assert_value(key, value, sizes[_i]);
}
END_TEST

/* PKCS#11 2.40 current mechanisms, 2.8.4. */
START_TEST(unpadded_secrets_end_with_zeros)
{
    CK_OBJECT_HANDLE kek = create_kek();
    CK_OBJECT_HANDLE key;
    CK_BYTE filled[48] = {0};
    CK_BYTE wanted[48];
    size_t whole = (sizes[_i] + 15) / 16 * 16;

    memcpy(filled, value, sizes[_i]);
    filetoken_assert_rv(wrap(&cbc, kek, create_target(sizes[_i])), CKR_OK);
    ck_assert_uint_eq(wrapped_size, whole);
    ck_assert_uint_eq(run_cbc(true, false, filled, whole, wanted), whole);
    ck_assert_mem_eq(wrapped, wanted, whole);
    filetoken_assert_rv(unwrap_sized(&cbc, kek, &secret_class, CKK_GENERIC_SECRET, sizes[_i], &key), CKR_OK);
    assert_value(key, value, sizes[_i]);
    filetoken_assert_rv(unwrap(&cbc, kek, &secret_class, CKK_GENERIC_SECRET, &key), CKR_OK);
    assert_value(key, filled, whole);
}
END_TEST

START_TEST(private_keys_are_pkcs8_inside)
{
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};
    CK_OBJECT_HANDLE kek = create_kek(), public, private, key;
    CK_BYTE plain[WRAPPED_MAXIMUM + 16];
    const unsigned char *end = plain;
    CK_BYTE point[2][100];
    CK_ULONG point_size[2] = {100, 100};
    EVP_PKEY *wanted;
    EVP_PKEY *pkey;

    filetoken_assert_rv(filetoken_generate(session, "P-256", false, &extractable, 1, &public, &private),
                        CKR_OK);
    filetoken_assert_rv(wrap(&cbc_pad, kek, private), CKR_OK);
    pkey = d2i_AutoPrivateKey(NULL, &end, (long)run_cbc(false, true, wrapped, wrapped_size, plain));
    wanted = filetoken_public(session, public);
    ck_assert_ptr_nonnull(pkey);
    ck_assert_int_eq(EVP_PKEY_eq(pkey, wanted), 1);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(wanted);
    filetoken_assert_rv(unwrap(&cbc_pad, kek, &private_class, CKK_EC, &key), CKR_OK);
    filetoken_assert_rv(filetoken_attribute(session, private, CKA_PUBLIC_KEY_INFO, point[0], &point_size[0]),
                        CKR_OK);
    filetoken_assert_rv(filetoken_attribute(session, key, CKA_PUBLIC_KEY_INFO, point[1], &point_size[1]),
                        CKR_OK);
    ck_assert_uint_eq(point_size[0], point_size[1]);
    ck_assert_mem_eq(point[0], point[1], point_size[0]);
}
END_TEST

START_TEST(the_length_comes_first)
{
    CK_OBJECT_HANDLE kek = create_kek(), target = create_target(20);
    CK_BYTE out[32];
    CK_ULONG size = 0;

    filetoken_assert_rv(C_WrapKey(session, &cbc_pad, kek, target, NULL, &size), CKR_OK);
    ck_assert_uint_eq(size, 32);
    size = 31;
    filetoken_assert_rv(C_WrapKey(session, &cbc_pad, kek, target, out, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 32);
    filetoken_assert_rv(C_WrapKey(session, &cbc_pad, kek, target, out, &size), CKR_OK);
}
END_TEST

START_TEST(the_mechanisms_say_that_they_wrap)
{
    const CK_MECHANISM_TYPE types[] = {CKM_AES_CBC, CKM_AES_CBC_PAD};
    CK_MECHANISM_INFO info;

    for (size_t i = 0; i < 2; i++) {
        filetoken_assert_rv(C_GetMechanismInfo(filetoken_slot("disk"), types[i], &info), CKR_OK);
        ck_assert_uint_eq(info.flags & (CKF_WRAP | CKF_UNWRAP), CKF_WRAP | CKF_UNWRAP);
    }
}
END_TEST

/* --- what is not
 * ---------------------------------------------------------------------------------------------- */

START_TEST(what_is_not_wrapped)
{
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};
    CK_OBJECT_HANDLE kek = create_kek(), bare, public, private;
    CK_MECHANISM no_iv = {CKM_AES_CBC_PAD, NULL, 0};

    filetoken_assert_rv(filetoken_generate(session, "P-256", false, &extractable, 1, &public, &private),
                        CKR_OK);
    filetoken_assert_rv(wrap(&cbc, kek, private), CKR_KEY_NOT_WRAPPABLE);
    filetoken_assert_rv(wrap(&cbc_pad, kek, public), CKR_KEY_NOT_WRAPPABLE);
    filetoken_assert_rv(wrap(&no_iv, kek, create_target(20)), CKR_MECHANISM_PARAM_INVALID);
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, kek_value, 32, NULL, 0, &bare), CKR_OK);
    filetoken_assert_rv(wrap(&cbc_pad, bare, create_target(20)), CKR_KEY_FUNCTION_NOT_PERMITTED);
    filetoken_assert_rv(wrap(&cbc_pad, kek, bare), CKR_KEY_UNEXTRACTABLE);
    filetoken_assert_rv(wrap(&cbc_pad, create_target(32), create_target(20)),
                        CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
}
END_TEST

/* The padding and what is inside have one code. */
START_TEST(what_is_not_unwrapped)
{
    CK_OBJECT_HANDLE kek = create_kek(), key;
    CK_BYTE zeros[16] = {0};

    filetoken_assert_rv(wrap(&cbc_pad, kek, create_target(20)), CKR_OK);
    filetoken_assert_rv(unwrap(&cbc_pad, kek, &secret_class, CKK_AES, &key), CKR_WRAPPED_KEY_INVALID);
    filetoken_assert_rv(unwrap(&cbc_pad, kek, &private_class, CKK_EC, &key), CKR_WRAPPED_KEY_INVALID);
    filetoken_assert_rv(unwrap_sized(&cbc_pad, kek, &secret_class, CKK_GENERIC_SECRET, 19, &key),
                        CKR_WRAPPED_KEY_INVALID);
    filetoken_assert_rv(unwrap(&cbc, kek, &private_class, CKK_EC, &key), CKR_TEMPLATE_INCONSISTENT);
    filetoken_assert_rv(unwrap_sized(&cbc, kek, &secret_class, CKK_GENERIC_SECRET, 20, &key),
                        CKR_WRAPPED_KEY_INVALID); /* PKCS#7 is no zeros */
    wrapped_size--;
    filetoken_assert_rv(unwrap(&cbc_pad, kek, &secret_class, CKK_GENERIC_SECRET, &key),
                        CKR_WRAPPED_KEY_LEN_RANGE);
    filetoken_assert_rv(unwrap(&cbc, kek, &secret_class, CKK_GENERIC_SECRET, &key),
                        CKR_WRAPPED_KEY_LEN_RANGE);
    wrapped_size = 0;
    filetoken_assert_rv(unwrap(&cbc_pad, kek, &secret_class, CKK_GENERIC_SECRET, &key),
                        CKR_WRAPPED_KEY_LEN_RANGE);
    wrapped_size = run_cbc(true, false, zeros, sizeof zeros, wrapped); /* no padding of PKCS#7 */
    filetoken_assert_rv(unwrap(&cbc_pad, kek, &secret_class, CKK_GENERIC_SECRET, &key),
                        CKR_WRAPPED_KEY_INVALID);
    wrapped_size = run_cbc(true, true, zeros, 0, wrapped); /* nothing but padding */
    filetoken_assert_rv(unwrap(&cbc_pad, kek, &secret_class, CKK_GENERIC_SECRET, &key),
                        CKR_WRAPPED_KEY_INVALID);
    filetoken_assert_rv(unwrap_sized(&cbc, kek, &secret_class, CKK_GENERIC_SECRET, 17, &key),
                        CKR_WRAPPED_KEY_INVALID);
    ck_assert_uint_eq(key, CK_INVALID_HANDLE);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/wrap_cbc");
    TCase *t = tcase_create("wrap_cbc");

    tcase_add_checked_fixture(t, up, filetoken_down);
    tcase_add_loop_test(t, padded_secrets_are_as_libcrypto_pads_them, 0,
                        (int)(sizeof sizes / sizeof sizes[0]));
    tcase_add_loop_test(t, unpadded_secrets_end_with_zeros, 0, (int)(sizeof sizes / sizeof sizes[0]));
    tcase_add_test(t, private_keys_are_pkcs8_inside);
    tcase_add_test(t, the_length_comes_first);
    tcase_add_test(t, the_mechanisms_say_that_they_wrap);
    tcase_add_test(t, what_is_not_wrapped);
    tcase_add_test(t, what_is_not_unwrapped);
    suite_add_tcase(s, t);
    return s;
}
