/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "pkcs11/curve.h"
#include "pkcs11/mechanism.h"
#include "tests/pkcs11/wrap_fixture.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>

static CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY;
static CK_OBJECT_CLASS data_class = CKO_DATA;
static CK_KEY_TYPE generic_type = CKK_GENERIC_SECRET;
static CK_KEY_TYPE aes_type = CKK_AES;
static CK_BYTE value_40[40] = "forty bytes of a key that is to be kept";
static CK_MECHANISM key_wrap = {CKM_AES_KEY_WRAP, NULL, 0};
static CK_MECHANISM key_wrap_pad = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
static CK_MECHANISM rsa_pkcs = {CKM_RSA_PKCS, NULL, 0};

static CK_OBJECT_HANDLE create_target(CK_ULONG size)
{
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};

    return create_secret(CKK_GENERIC_SECRET, value_40, size, &extractable, 1);
}

static bool attribute_bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = 7;
    CK_ULONG size = sizeof value;

    filetoken_assert_rv(filetoken_attribute(session, object, type, &value, &size), CKR_OK);
    return value == CK_TRUE;
}

/* --- under an AES key
 * ------------------------------------------------------------------------------------------ */

/* RFC 3394, 4.6, and RFC 5649, 6, through the C_ functions. */
static const struct {
    CK_MECHANISM_TYPE mechanism;
    const char *kek;
    const char *value;
    const char *wrapped;
} vectors[] = {
    {CKM_AES_KEY_WRAP,     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",                                         "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
    {CKM_AES_KEY_WRAP_PAD, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
     "c37b7e6492584340bed12207808941155068f738",                                                                 "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"                },
    {CKM_AES_KEY_WRAP_KWP, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",                 "466f7250617369",
     "afbeb0f07dfbf5419200f2ccb50bb24f"                                                                                                                                                            },
};

START_TEST(aes_wraps_as_the_rfcs_say)
{
    CK_MECHANISM mechanism = {vectors[_i].mechanism, NULL, 0};
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};
    CK_ATTRIBUTE usage[] = {
        {CKA_WRAP,   &yes, sizeof yes},
        {CKA_UNWRAP, &yes, sizeof yes},
    };
    char hex[2 * WRAPPED_MAXIMUM + 1];
    CK_OBJECT_HANDLE kek, target, key;
    struct bytes kek_bytes, value;

    ck_assert(bytes_from_hex(vectors[_i].kek, strlen(vectors[_i].kek), &kek_bytes));
    ck_assert(bytes_from_hex(vectors[_i].value, strlen(vectors[_i].value), &value));
    kek = create_secret(CKK_AES, kek_bytes.data, kek_bytes.size, usage, 2);
    target = create_secret(CKK_GENERIC_SECRET, value.data, value.size, &extractable, 1);
    filetoken_assert_rv(wrap(&mechanism, kek, target), CKR_OK);
    bytes_to_hex(wrapped, wrapped_size, hex);
    ck_assert_str_eq(hex, vectors[_i].wrapped);
    filetoken_assert_rv(unwrap(&mechanism, kek, &secret_class, CKK_GENERIC_SECRET, &key), CKR_OK);
    assert_value(key, value.data, value.size);
    bytes_free(&kek_bytes);
    bytes_free(&value);
}
END_TEST

/* PKCS#11 2.40, 5.13. */
START_TEST(an_unwrapped_key_has_a_past_outside)
{
    CK_OBJECT_HANDLE kek = create_kek(), key;
    CK_ULONG origin = 0, size = sizeof origin;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &secret_class, sizeof secret_class},
        {CKA_KEY_TYPE, &generic_type, sizeof generic_type},
    };

    filetoken_assert_rv(wrap(&key_wrap, kek, create_target(40)), CKR_OK);
    filetoken_assert_rv(C_UnwrapKey(session, &key_wrap, kek, wrapped, wrapped_size, items, 2, &key), CKR_OK);
    ck_assert(!attribute_bool(key, CKA_LOCAL));
    ck_assert(!attribute_bool(key, CKA_ALWAYS_SENSITIVE) && !attribute_bool(key, CKA_NEVER_EXTRACTABLE));
    ck_assert(attribute_bool(key, CKA_SENSITIVE) && attribute_bool(key, CKA_EXTRACTABLE));
    filetoken_assert_rv(filetoken_attribute(session, key, CKA_KEY_GEN_MECHANISM, &origin, &size), CKR_OK);
    ck_assert_uint_eq(origin, CK_UNAVAILABLE_INFORMATION);
}
END_TEST

static const struct {
    const char *kind;
    CK_KEY_TYPE type;
    CK_MECHANISM_TYPE mechanism; /* deterministic, or 0: the public halves are compared */
} pairs[] = {
    {"RSA-2048", CKK_RSA,           CKM_SHA256_RSA_PKCS},
    {"P-256",    CKK_EC,            0                  },
    {"P-521",    CKK_EC,            0                  },
    {"ED25519",  CKK_EC_EDWARDS,    CKM_EDDSA          },
    {"X25519",   CKK_EC_MONTGOMERY, 0                  },
};

static void read_public(CK_OBJECT_HANDLE key, CK_BYTE info[512], CK_ULONG *size)
{
    *size = 512;
    filetoken_assert_rv(filetoken_attribute(session, key, CKA_PUBLIC_KEY_INFO, info, size), CKR_OK);
}

START_TEST(private_keys_are_wrapped_and_come_back_as_files)
{
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};
    CK_OBJECT_HANDLE kek = create_kek(), public, private, key;
    CK_KEY_TYPE type = pairs[_i].type;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &private_class,        sizeof private_class},
        {CKA_KEY_TYPE, &type,                 sizeof type         },
        {CKA_TOKEN,    &yes,                  sizeof yes          },
        {CKA_LABEL,    (char[]){"come back"}, 9                   },
    };
    CK_BYTE infos[2][512];
    CK_ULONG sizes[2];

    filetoken_assert_rv(
        filetoken_generate(session, pairs[_i].kind, false, &extractable, 1, &public, &private), CKR_OK);
    filetoken_assert_rv(wrap(&key_wrap_pad, kek, private), CKR_OK);
    filetoken_assert_rv(C_UnwrapKey(session, &key_wrap_pad, kek, wrapped, wrapped_size, items, 4, &key),
                        CKR_OK);
    read_public(private, infos[0], &sizes[0]);
    read_public(key, infos[1], &sizes[1]);
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(infos[0], infos[1], sizes[0]);
    ck_assert(!attribute_bool(key, CKA_LOCAL) && attribute_bool(key, CKA_EXTRACTABLE));
    ck_assert(!attribute_bool(key, CKA_ALWAYS_SENSITIVE) && !attribute_bool(key, CKA_NEVER_EXTRACTABLE));
    ck_assert_uint_ne(filetoken_find(session, CKO_PUBLIC_KEY, "come back"), CK_INVALID_HANDLE);
    ck_assert_int_eq(
        support_shell(NULL, "openssl pkey -in '%s/come-back.pem' -noout", support_path("tokens/disk")), 0);
}
END_TEST

/* A key that was wrapped with padding is PKCS#8 for whoever has the wrapping key. */
START_TEST(what_is_inside_is_pkcs8)
{
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};
    CK_OBJECT_HANDLE kek = create_kek(), public, private;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    CK_BYTE plain[WRAPPED_MAXIMUM + 16];
    const unsigned char *end = plain;
    EVP_PKEY *pkey, *wanted;
    int size = 0;

    filetoken_assert_rv(filetoken_generate(session, "P-384", false, &extractable, 1, &public, &private),
                        CKR_OK);
    filetoken_assert_rv(wrap(&key_wrap_pad, kek, private), CKR_OK);
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    ck_assert_int_eq(EVP_DecryptInit_ex2(context, cipher, kek_value, NULL, NULL), 1);
    ck_assert_int_eq(EVP_DecryptUpdate(context, plain, &size, wrapped, (int)wrapped_size), 1);
    pkey = d2i_AutoPrivateKey(NULL, &end, size);
    ck_assert_ptr_nonnull(pkey);
    wanted = filetoken_public(session, public);
    ck_assert_int_eq(EVP_PKEY_eq(pkey, wanted), 1);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(wanted);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
}
END_TEST

START_TEST(the_length_comes_first)
{
    CK_OBJECT_HANDLE kek = create_kek(), target = create_target(24);
    CK_BYTE out[32];
    CK_ULONG size = 0;

    filetoken_assert_rv(C_WrapKey(session, &key_wrap, kek, target, NULL, &size), CKR_OK);
    ck_assert_uint_eq(size, 32);
    size = 31;
    filetoken_assert_rv(C_WrapKey(session, &key_wrap, kek, target, out, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 32);
    filetoken_assert_rv(C_WrapKey(session, &key_wrap, kek, target, out, &size), CKR_OK);
    ck_assert_uint_eq(size, 32);
    filetoken_assert_rv(C_WrapKey(session, &key_wrap, kek, target, out, NULL), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_WrapKey(session, NULL, kek, target, out, &size), CKR_ARGUMENTS_BAD);
}
END_TEST

/* --- under an RSA key
 * ------------------------------------------------------------------------------------------ */

static void generate_rsa(CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    CK_ULONG bits = 2048;
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_items[] = {
        {CKA_MODULUS_BITS, &bits, sizeof bits},
        {CKA_WRAP,         &yes,  sizeof yes },
    };
    CK_ATTRIBUTE private_items[] = {
        {CKA_UNWRAP, &yes, sizeof yes},
    };

    filetoken_assert_rv(
        C_GenerateKeyPair(session, &mechanism, public_items, 2, private_items, 1, public, private), CKR_OK);
}

static CK_RSA_PKCS_OAEP_PARAMS oaep_params = {
    .hashAlg = CKM_SHA256, .mgf = CKG_MGF1_SHA256, .source = CKZ_DATA_SPECIFIED};
static CK_MECHANISM oaep = {CKM_RSA_PKCS_OAEP, &oaep_params, sizeof oaep_params};
static CK_MECHANISM *const rsa_mechanisms[] = {&rsa_pkcs, &oaep};

START_TEST(rsa_wraps_secret_keys)
{
    CK_OBJECT_HANDLE public, private, key;

    generate_rsa(&public, &private);
    filetoken_assert_rv(wrap(rsa_mechanisms[_i], public, create_target(40)), CKR_OK);
    ck_assert_uint_eq(wrapped_size, 256);
    filetoken_assert_rv(unwrap(rsa_mechanisms[_i], private, &secret_class, CKK_GENERIC_SECRET, &key), CKR_OK);
    assert_value(key, value_40, 40);
    filetoken_assert_rv(unwrap(rsa_mechanisms[_i], private, &secret_class, CKK_AES, &key),
                        CKR_WRAPPED_KEY_INVALID);
    filetoken_assert_rv(unwrap(rsa_mechanisms[_i], private, &private_class, CKK_EC, &key),
                        CKR_WRAPPED_KEY_INVALID);
    wrapped_size--;
    filetoken_assert_rv(unwrap(rsa_mechanisms[_i], private, &secret_class, CKK_GENERIC_SECRET, &key),
                        CKR_WRAPPED_KEY_LEN_RANGE);
}
END_TEST

START_TEST(a_changed_oaep_block_is_seen)
{
    CK_OBJECT_HANDLE public, private, key;

    generate_rsa(&public, &private);
    filetoken_assert_rv(wrap(&oaep, public, create_target(40)), CKR_OK);
    wrapped[100] ^= 1;
    filetoken_assert_rv(unwrap(&oaep, private, &secret_class, CKK_GENERIC_SECRET, &key),
                        CKR_WRAPPED_KEY_INVALID);
}
END_TEST

/* Bytes that were never padded: with PKCS#1 v1.5 they unwrap to something, always the same, or are of a
 * length that the type has not. No answer says that the padding is broken. */
START_TEST(pkcs1_unwrapping_is_no_oracle)
{
    CK_OBJECT_HANDLE public, private, key;
    unsigned made = 0;

    generate_rsa(&public, &private);
    wrapped_size = 256;
    memset(wrapped, 0x5a, sizeof wrapped);
    wrapped[0] = 0;
    for (unsigned i = 0; i < 200; i++) {
        CK_BYTE values[2][256];
        CK_ULONG sizes[2] = {256, 256};
        CK_RV rv;

        wrapped[255] = (CK_BYTE)i;
        rv = unwrap(&rsa_pkcs, private, &secret_class, CKK_GENERIC_SECRET, &key);
        ck_assert_msg(rv == CKR_OK || rv == CKR_WRAPPED_KEY_INVALID, "0x%lx: %s", rv, p11_failure_text());
        if (rv != CKR_OK)
            continue; /* no bytes at all */
        filetoken_assert_rv(filetoken_attribute(session, key, CKA_VALUE, values[0], &sizes[0]), CKR_OK);
        filetoken_assert_rv(unwrap(&rsa_pkcs, private, &secret_class, CKK_GENERIC_SECRET, &key), CKR_OK);
        filetoken_assert_rv(filetoken_attribute(session, key, CKA_VALUE, values[1], &sizes[1]), CKR_OK);
        ck_assert_uint_eq(sizes[0], sizes[1]);
        ck_assert_mem_eq(values[0], values[1], sizes[0]);
        made++;
    }
    ck_assert_uint_gt(made, 190);
}
END_TEST

START_TEST(a_key_too_large_for_the_modulus)
{
    static CK_BYTE large[246];
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};
    CK_OBJECT_HANDLE public, private;

    generate_rsa(&public, &private);
    filetoken_assert_rv(
        wrap(&rsa_pkcs, public, create_secret(CKK_GENERIC_SECRET, large, 245, &extractable, 1)), CKR_OK);
    filetoken_assert_rv(
        wrap(&rsa_pkcs, public, create_secret(CKK_GENERIC_SECRET, large, 246, &extractable, 1)),
        CKR_KEY_SIZE_RANGE);
    filetoken_assert_rv(wrap(&oaep, public, create_secret(CKK_GENERIC_SECRET, large, 191, &extractable, 1)),
                        CKR_KEY_SIZE_RANGE);
}
END_TEST

/* --- refusals of C_WrapKey
 * ------------------------------------------------------------------------------------- */

struct call {
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE wrapping;
    CK_OBJECT_HANDLE target;
};

static void no_target(struct call *call)
{
    call->target = 999;
}

static void no_wrapping_key(struct call *call)
{
    call->wrapping = 999;
}

static void null_wrapping_key(struct call *call)
{
    call->wrapping = CK_INVALID_HANDLE;
}

static void not_extractable(struct call *call)
{
    call->target = create_secret(CKK_GENERIC_SECRET, value_40, 40, NULL, 0);
}

static void trusted_only(struct call *call)
{
    CK_ATTRIBUTE items[] = {
        {CKA_EXTRACTABLE,       &yes, sizeof yes},
        {CKA_WRAP_WITH_TRUSTED, &yes, sizeof yes},
    };

    call->target = create_secret(CKK_GENERIC_SECRET, value_40, 40, items, 2);
}

static void odd_length(struct call *call)
{
    call->target = create_target(39);
}

static void eight_bytes(struct call *call)
{
    call->target = create_target(8);
}

static void public_target(struct call *call)
{
    CK_OBJECT_HANDLE private;

    generate_rsa(&call->target, &private);
}

static void data_target(struct call *call)
{
    CK_ATTRIBUTE item = {CKA_CLASS, &data_class, sizeof data_class};

    filetoken_assert_rv(C_CreateObject(session, &item, 1, &call->target), CKR_OK);
}

static void does_not_wrap(struct call *call)
{
    call->wrapping = create_secret(CKK_AES, kek_value, 32, NULL, 0);
}

static void generic_wrapping_key(struct call *call)
{
    CK_ATTRIBUTE wraps = {CKA_WRAP, &yes, sizeof yes};

    call->wrapping = create_secret(CKK_GENERIC_SECRET, kek_value, 32, &wraps, 1);
}

static void rsa_under_aes(struct call *call)
{
    CK_OBJECT_HANDLE private;

    generate_rsa(&call->wrapping, &private);
}

static void private_rsa_wraps(struct call *call)
{
    CK_OBJECT_HANDLE public;

    call->mechanism = rsa_pkcs;
    generate_rsa(&public, &call->wrapping);
}

static void aes_under_rsa(struct call *call)
{
    call->mechanism = rsa_pkcs;
}

static void private_under_rsa(struct call *call)
{
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};
    CK_OBJECT_HANDLE public;

    call->mechanism = rsa_pkcs;
    generate_rsa(&call->wrapping, &public);
    filetoken_assert_rv(filetoken_generate(session, "P-256", false, &extractable, 1, &public, &call->target),
                        CKR_OK);
}

static void no_mechanism_that_wraps(struct call *call)
{
    call->mechanism.mechanism = CKM_SHA256;
}

static void unknown_mechanism(struct call *call)
{
    call->mechanism.mechanism = CKM_DES_CBC;
}

static CK_BYTE iv[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static void short_iv(struct call *call)
{
    call->mechanism.pParameter = iv;
    call->mechanism.ulParameterLen = 4;
}

static void null_iv(struct call *call)
{
    call->mechanism.ulParameterLen = 8;
}

static void as_tss2(struct call *call)
{
    call->mechanism.mechanism = CKM_DEVID_TSS2_KEY;
}

static void as_credential(struct call *call)
{
    call->mechanism.mechanism = CKM_DEVID_TPM2_CREDENTIAL;
}

static const struct {
    const char *what;
    void (*spoil)(struct call *call);
    CK_RV rv;
} wrap_refusals[] = {
    {"no key",                        no_target,               CKR_KEY_HANDLE_INVALID            },
    {"no wrapping key",               no_wrapping_key,         CKR_WRAPPING_KEY_HANDLE_INVALID   },
    {"wrapping key 0",                null_wrapping_key,       CKR_WRAPPING_KEY_HANDLE_INVALID   },
    {"CKA_EXTRACTABLE false",         not_extractable,         CKR_KEY_UNEXTRACTABLE             },
    {"CKA_WRAP_WITH_TRUSTED",         trusted_only,            CKR_KEY_NOT_WRAPPABLE             },
    {"39 bytes without padding",      odd_length,              CKR_KEY_SIZE_RANGE                },
    {"8 bytes without padding",       eight_bytes,             CKR_KEY_SIZE_RANGE                },
    {"a public key",                  public_target,           CKR_KEY_NOT_WRAPPABLE             },
    {"data",                          data_target,             CKR_KEY_HANDLE_INVALID            },
    {"without CKA_WRAP",              does_not_wrap,           CKR_KEY_FUNCTION_NOT_PERMITTED    },
    {"under a generic secret",        generic_wrapping_key,    CKR_WRAPPING_KEY_TYPE_INCONSISTENT},
    {"RSA with AES's mechanism",      rsa_under_aes,           CKR_WRAPPING_KEY_TYPE_INCONSISTENT},
    {"AES with RSA's mechanism",      aes_under_rsa,           CKR_WRAPPING_KEY_TYPE_INCONSISTENT},
    {"under a private key",           private_rsa_wraps,       CKR_WRAPPING_KEY_TYPE_INCONSISTENT},
    {"a private key under RSA",       private_under_rsa,       CKR_KEY_NOT_WRAPPABLE             },
    {"a digest",                      no_mechanism_that_wraps, CKR_MECHANISM_INVALID             },
    {"a mechanism without a row",     unknown_mechanism,       CKR_MECHANISM_INVALID             },
    {"an IV too short",               short_iv,                CKR_MECHANISM_PARAM_INVALID       },
    {"an IV at NULL",                 null_iv,                 CKR_MECHANISM_PARAM_INVALID       },
    {"a key of no TPM as TSS2",       as_tss2,                 CKR_KEY_NOT_WRAPPABLE             },
    {"a mechanism that only unwraps", as_credential,           CKR_MECHANISM_INVALID             },
};

START_TEST(what_is_not_wrapped)
{
    struct call call = {key_wrap, create_kek(), create_target(40)};
    CK_RV rv;

    wrap_refusals[_i].spoil(&call);
    rv = wrap(&call.mechanism, call.wrapping, call.target);
    ck_assert_msg(rv == wrap_refusals[_i].rv, "%s: 0x%lx, wanted 0x%lx: %s", wrap_refusals[_i].what, rv,
                  wrap_refusals[_i].rv, p11_failure_text());
    ck_assert_uint_eq(wrapped_size, sizeof wrapped);
}
END_TEST

/* --- refusals of C_UnwrapKey
 * ----------------------------------------------------------------------------------- */

/* A good call with AES key wrap of 40 bytes, to be spoilt. */
struct unwrap_call {
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE items[6];
    CK_ULONG count;
};

static void changed(struct unwrap_call *call)
{
    (void)call;
    wrapped[20] ^= 1;
}

static void shorter(struct unwrap_call *call)
{
    (void)call;
    wrapped_size -= 8;
}

static void odd(struct unwrap_call *call)
{
    (void)call;
    wrapped_size--;
}

static void empty(struct unwrap_call *call)
{
    (void)call;
    wrapped_size = 0;
}

static void endless(struct unwrap_call *call)
{
    (void)call;
    wrapped_size = CK_UNAVAILABLE_INFORMATION;
}

static void no_unwrapping_key(struct unwrap_call *call)
{
    call->key = 999;
}

static void does_not_unwrap(struct unwrap_call *call)
{
    call->key = create_secret(CKK_AES, kek_value, 32, NULL, 0);
}

static void public_unwraps(struct unwrap_call *call)
{
    CK_OBJECT_HANDLE private;

    call->mechanism = rsa_pkcs;
    generate_rsa(&call->key, &private);
}

static void aes_unwraps_rsa(struct unwrap_call *call)
{
    call->mechanism = rsa_pkcs;
}

static void no_class(struct unwrap_call *call)
{
    call->items[0] = call->items[1];
    call->count = 1;
}

static void no_type(struct unwrap_call *call)
{
    call->count = 1;
}

static void public_result(struct unwrap_call *call)
{
    call->items[0].pValue = &public_class;
}

static void private_of_secret_type(struct unwrap_call *call)
{
    call->items[0].pValue = &private_class;
}

static CK_KEY_TYPE ec_type = CKK_EC;

static void secret_of_private_type(struct unwrap_call *call)
{
    call->items[1].pValue = &ec_type;
}

static void no_pkcs8(struct unwrap_call *call)
{
    call->items[0].pValue = &private_class;
    call->items[1].pValue = &ec_type;
}

static void another_length(struct unwrap_call *call)
{
    static CK_ULONG size = 39;

    call->items[call->count++] = (CK_ATTRIBUTE){CKA_VALUE_LEN, &size, sizeof size};
}

static void an_aes_key(struct unwrap_call *call)
{
    call->items[1].pValue = &aes_type;
}

static void a_value_given(struct unwrap_call *call)
{
    call->items[call->count++] = (CK_ATTRIBUTE){CKA_VALUE, value_40, 40};
}

static void a_stranger(struct unwrap_call *call)
{
    call->items[call->count++] = (CK_ATTRIBUTE){CKA_MODULUS, value_40, 40};
}

static void twice(struct unwrap_call *call)
{
    call->items[call->count++] = (CK_ATTRIBUTE){CKA_TOKEN, &no, sizeof no};
    call->items[call->count++] = (CK_ATTRIBUTE){CKA_TOKEN, &yes, sizeof yes};
}

static void as_tss2_der(struct unwrap_call *call)
{
    call->mechanism.mechanism = CKM_DEVID_TSS2_KEY;
}

static void by_a_tpm(struct unwrap_call *call)
{
    call->mechanism.mechanism = CKM_DEVID_TPM2_CREDENTIAL;
}

static const struct {
    const char *what;
    void (*spoil)(struct unwrap_call *call);
    CK_RV rv;
} unwrap_refusals[] = {
    {"a changed bit",              changed,                CKR_WRAPPED_KEY_INVALID             },
    {"a block missing",            shorter,                CKR_WRAPPED_KEY_INVALID             },
    {"a byte missing",             odd,                    CKR_WRAPPED_KEY_LEN_RANGE           },
    {"nothing",                    empty,                  CKR_WRAPPED_KEY_LEN_RANGE           },
    {"a length without end",       endless,                CKR_WRAPPED_KEY_LEN_RANGE           },
    {"no key",                     no_unwrapping_key,      CKR_UNWRAPPING_KEY_HANDLE_INVALID   },
    {"without CKA_UNWRAP",         does_not_unwrap,        CKR_KEY_FUNCTION_NOT_PERMITTED      },
    {"a public key",               public_unwraps,         CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT},
    {"AES with RSA's mechanism",   aes_unwraps_rsa,        CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT},
    {"no class",                   no_class,               CKR_TEMPLATE_INCOMPLETE             },
    {"no type",                    no_type,                CKR_TEMPLATE_INCOMPLETE             },
    {"to a public key",            public_result,          CKR_TEMPLATE_INCONSISTENT           },
    {"private, generic",           private_of_secret_type, CKR_TEMPLATE_INCONSISTENT           },
    {"secret, EC",                 secret_of_private_type, CKR_TEMPLATE_INCONSISTENT           },
    {"a private key, and is none", no_pkcs8,               CKR_WRAPPED_KEY_INVALID             },
    {"another CKA_VALUE_LEN",      another_length,         CKR_WRAPPED_KEY_INVALID             },
    {"40 bytes for AES",           an_aes_key,             CKR_WRAPPED_KEY_INVALID             },
    {"with a value",               a_value_given,          CKR_ATTRIBUTE_READ_ONLY             },
    {"an attribute of others",     a_stranger,             CKR_ATTRIBUTE_TYPE_INVALID          },
    {"against itself",             twice,                  CKR_TEMPLATE_INCONSISTENT           },
    {"as a TSS2 key",              as_tss2_der,            CKR_WRAPPED_KEY_INVALID             },
    {"by a TPM's credential",      by_a_tpm,               CKR_MECHANISM_INVALID               },
};

START_TEST(what_is_not_unwrapped)
{
    CK_OBJECT_HANDLE kek = create_kek(), made = 0;
    struct unwrap_call call = {
        .mechanism = key_wrap,
        .key = kek,
        .items = {{CKA_CLASS, &secret_class, sizeof secret_class},
                  {CKA_KEY_TYPE, &generic_type, sizeof generic_type}},
        .count = 2,
    };
    CK_RV rv;

    filetoken_assert_rv(wrap(&key_wrap, kek, create_target(40)), CKR_OK);
    unwrap_refusals[_i].spoil(&call);
    rv =
        C_UnwrapKey(session, &call.mechanism, call.key, wrapped, wrapped_size, call.items, call.count, &made);
    ck_assert_msg(rv == unwrap_refusals[_i].rv, "%s: 0x%lx, wanted 0x%lx: %s", unwrap_refusals[_i].what, rv,
                  unwrap_refusals[_i].rv, p11_failure_text());
    ck_assert_uint_eq(made, 0);
}
END_TEST

START_TEST(arguments_are_checked)
{
    CK_OBJECT_HANDLE kek = create_kek(), key;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &secret_class, sizeof secret_class},
        {CKA_KEY_TYPE, &generic_type, sizeof generic_type},
        {CKA_TOKEN,    &yes,          sizeof yes         },
    };
    CK_SESSION_HANDLE reader;

    filetoken_assert_rv(wrap(&key_wrap, kek, create_target(40)), CKR_OK);
    filetoken_assert_rv(C_UnwrapKey(session, NULL, kek, wrapped, wrapped_size, items, 2, &key),
                        CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_UnwrapKey(session, &key_wrap, kek, NULL, wrapped_size, items, 2, &key),
                        CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_UnwrapKey(session, &key_wrap, kek, wrapped, wrapped_size, NULL, 2, &key),
                        CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_UnwrapKey(session, &key_wrap, kek, wrapped, wrapped_size, items, 2, NULL),
                        CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_UnwrapKey(session + 77, &key_wrap, kek, wrapped, wrapped_size, items, 2, &key),
                        CKR_SESSION_HANDLE_INVALID);
    filetoken_assert_rv(C_OpenSession(filetoken_slot("disk"), CKF_SERIAL_SESSION, NULL, NULL, &reader),
                        CKR_OK);
    filetoken_assert_rv(C_UnwrapKey(reader, &key_wrap, kek, wrapped, wrapped_size, items, 3, &key),
                        CKR_SESSION_READ_ONLY);
}
END_TEST

START_TEST(a_private_key_of_another_type_than_said)
{
    CK_ATTRIBUTE extractable = {CKA_EXTRACTABLE, &yes, sizeof yes};
    CK_OBJECT_HANDLE kek = create_kek(), public, private, key;

    filetoken_assert_rv(filetoken_generate(session, "P-256", false, &extractable, 1, &public, &private),
                        CKR_OK);
    filetoken_assert_rv(wrap(&key_wrap_pad, kek, private), CKR_OK);
    filetoken_assert_rv(unwrap(&key_wrap_pad, kek, &private_class, CKK_RSA, &key), CKR_TEMPLATE_INCONSISTENT);
    filetoken_assert_rv(unwrap(&key_wrap_pad, kek, &private_class, CKK_EC, &key), CKR_OK);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/wrap");
    TCase *tcase = tcase_create("wrap");

    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_loop_test(tcase, aes_wraps_as_the_rfcs_say, 0, (int)(sizeof vectors / sizeof vectors[0]));
    tcase_add_test(tcase, an_unwrapped_key_has_a_past_outside);
    tcase_add_loop_test(tcase, private_keys_are_wrapped_and_come_back_as_files, 0,
                        (int)(sizeof pairs / sizeof pairs[0]));
    tcase_add_test(tcase, what_is_inside_is_pkcs8);
    tcase_add_test(tcase, the_length_comes_first);
    tcase_add_loop_test(tcase, rsa_wraps_secret_keys, 0, 2);
    tcase_add_test(tcase, a_changed_oaep_block_is_seen);
    tcase_add_test(tcase, pkcs1_unwrapping_is_no_oracle);
    tcase_add_test(tcase, a_key_too_large_for_the_modulus);
    tcase_add_loop_test(tcase, what_is_not_wrapped, 0, (int)(sizeof wrap_refusals / sizeof wrap_refusals[0]));
    tcase_add_loop_test(tcase, what_is_not_unwrapped, 0,
                        (int)(sizeof unwrap_refusals / sizeof unwrap_refusals[0]));
    tcase_add_test(tcase, arguments_are_checked);
    tcase_add_test(tcase, a_private_key_of_another_type_than_said);
    suite_add_tcase(suite, tcase);
    return suite;
}
