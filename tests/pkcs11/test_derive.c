/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/curve.h"
#include "pkcs11/parameters.h"
#include "tests/support/filetoken.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdlib.h>
#include <string.h>

#define SECRET_MAXIMUM 66
#define POINT_SIZE 160

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE base;
static CK_OBJECT_HANDLE base_public;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_OBJECT_CLASS data_class = CKO_DATA;
static CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY;
static CK_KEY_TYPE generic_type = CKK_GENERIC_SECRET;
static CK_KEY_TYPE aes_type = CKK_AES;
static CK_KEY_TYPE rsa_type = CKK_RSA;
static CK_BYTE shared_data[] = "shared by both parties";

static void up(void)
{
    filetoken_up();
    session = filetoken_session("disk");
}

static void make_base(const char *kind)
{
    CK_ATTRIBUTE derives = {CKA_DERIVE, &yes, sizeof yes};

    filetoken_assert_rv(filetoken_generate(session, kind, false, &derives, 1, &base_public, &base), CKR_OK);
}

/* --- the other party, with libcrypto
 * --------------------------------------------------------------------------- */

struct peer {
    EVP_PKEY *pkey;
    CK_BYTE point[POINT_SIZE];
    size_t size;
};

static void make_peer(struct peer *peer, const char *kind)
{
    bool x25519 = strcmp(kind, "X25519") == 0;

    peer->pkey = x25519 ? EVP_PKEY_Q_keygen(NULL, NULL, kind) : EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
    ck_assert_ptr_nonnull(peer->pkey);
    ck_assert_int_eq(EVP_PKEY_get_octet_string_param(peer->pkey, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
                                                     peer->point, sizeof peer->point, &peer->size),
                     1);
}

/* In a DER OCTET STRING. */
static void enclose(struct peer *peer)
{
    size_t header = peer->size > 127 ? 3 : 2;

    memmove(peer->point + header, peer->point, peer->size);
    peer->point[0] = 0x04;
    peer->point[1] = 0x81;
    peer->point[header - 1] = (CK_BYTE)peer->size;
    peer->size += header;
}

/* The secret that the peer comes to with the base key's public half. */
static size_t agree(const struct peer *peer, CK_BYTE secret[SECRET_MAXIMUM])
{
    EVP_PKEY *public = filetoken_public(session, base_public);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(peer->pkey, NULL);
    size_t size = SECRET_MAXIMUM;

    ck_assert_int_eq(EVP_PKEY_derive_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_derive_set_peer(context, public), 1);
    ck_assert_int_eq(EVP_PKEY_derive(context, secret, &size), 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(public);
    return size;
}

static void x963(const char *digest, const CK_BYTE *secret, size_t secret_size, const CK_BYTE *shared,
                 size_t shared_size, CK_BYTE *out, size_t size)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, secret_size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)shared, shared_size),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "X963KDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);

    ck_assert_int_eq(EVP_KDF_derive(context, out, size, params), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

/* --- the call
 * ------------------------------------------------------------------------------------------------ */

/* A session key that can be read. */
static CK_RV derive_with(CK_MECHANISM *mechanism, CK_KEY_TYPE *type, CK_ULONG value_size,
                         CK_OBJECT_HANDLE *key)
{
    CK_ATTRIBUTE items[8] = {
        {CKA_CLASS,       &secret_class, sizeof secret_class},
        {CKA_SENSITIVE,   &no,           sizeof no          },
        {CKA_EXTRACTABLE, &yes,          sizeof yes         },
    };
    CK_ULONG count = 3;

    if (type != NULL)
        items[count++] = (CK_ATTRIBUTE){CKA_KEY_TYPE, type, sizeof *type};
    if (value_size != 0)
        items[count++] = (CK_ATTRIBUTE){CKA_VALUE_LEN, &value_size, sizeof value_size};
    return C_DeriveKey(session, mechanism, base, items, count, key);
}

static void assert_value(CK_OBJECT_HANDLE key, const CK_BYTE *wanted, size_t size)
{
    CK_BYTE value[6000];
    CK_ULONG value_size = sizeof value;

    filetoken_assert_rv(filetoken_attribute(session, key, CKA_VALUE, value, &value_size), CKR_OK);
    ck_assert_uint_eq(value_size, size);
    ck_assert_mem_eq(value, wanted, size);
}

static bool attribute_bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = 7;
    CK_ULONG size = sizeof value;

    filetoken_assert_rv(filetoken_attribute(session, object, type, &value, &size), CKR_OK);
    return value == CK_TRUE;
}

static CK_ULONG attribute_ulong(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_ULONG value = 0;
    CK_ULONG size = sizeof value;

    filetoken_assert_rv(filetoken_attribute(session, object, type, &value, &size), CKR_OK);
    return value;
}

/* --- ECDH
 * ------------------------------------------------------------------------------------------------------ */

static const char *const kinds[] = {"P-256", "P-384", "P-521", "X25519"};

static const struct {
    CK_MECHANISM_TYPE mechanism;
    CK_ULONG kdf;
    const char *digest;
} kdfs[] = {
    {CKM_ECDH1_DERIVE,          CKD_NULL,       NULL    },
    {CKM_ECDH1_COFACTOR_DERIVE, CKD_NULL,       NULL    },
    {CKM_ECDH1_DERIVE,          CKD_SHA1_KDF,   "SHA1"  },
    {CKM_ECDH1_DERIVE,          CKD_SHA224_KDF, "SHA224"},
    {CKM_ECDH1_DERIVE,          CKD_SHA256_KDF, "SHA256"},
    {CKM_ECDH1_DERIVE,          CKD_SHA384_KDF, "SHA384"},
    {CKM_ECDH1_DERIVE,          CKD_SHA512_KDF, "SHA512"},
    {CKM_ECDH1_COFACTOR_DERIVE, CKD_SHA256_KDF, "SHA256"},
};

/* Each curve, with and without a KDF, with a bare point and one in its OCTET STRING: what libcrypto comes to.
 */
START_TEST(both_parties_come_to_the_same_key)
{
    struct peer peer;
    CK_BYTE secret[SECRET_MAXIMUM];
    CK_BYTE wanted[100];
    size_t size;

    make_base(kinds[_i]);
    make_peer(&peer, kinds[_i]);
    size = agree(&peer, secret);
    for (size_t k = 0; k < 2 * sizeof kdfs / sizeof kdfs[0]; k++) {
        bool plain = kdfs[k / 2].kdf == CKD_NULL;
        CK_ECDH1_DERIVE_PARAMS params = {.kdf = kdfs[k / 2].kdf};
        CK_MECHANISM mechanism = {kdfs[k / 2].mechanism, &params, sizeof params};
        CK_OBJECT_HANDLE key;

        if (k == sizeof kdfs / sizeof kdfs[0])
            enclose(&peer);
        params.pPublicData = peer.point;
        params.ulPublicDataLen = peer.size;
        if (!plain && k % 2 == 0) {
            params.pSharedData = shared_data;
            params.ulSharedDataLen = sizeof shared_data;
        }
        filetoken_assert_rv(derive_with(&mechanism, &generic_type, plain ? 0 : sizeof wanted, &key), CKR_OK);
        if (plain) {
            assert_value(key, secret, size);
            continue;
        }
        x963(kdfs[k / 2].digest, secret, size, params.pSharedData, params.ulSharedDataLen, wanted,
             sizeof wanted);
        assert_value(key, wanted, sizeof wanted);
    }
    EVP_PKEY_free(peer.pkey);
}
END_TEST

/* A good call with P-256, to be spoilt. */
struct call {
    struct peer peer;
    CK_ECDH1_DERIVE_PARAMS params;
    CK_MECHANISM mechanism;
};

static void prepare(struct call *call, const char *kind)
{
    make_base(kind);
    make_peer(&call->peer, kind);
    call->params = (CK_ECDH1_DERIVE_PARAMS){
        .kdf = CKD_NULL, .pPublicData = call->peer.point, .ulPublicDataLen = call->peer.size};
    call->mechanism = (CK_MECHANISM){CKM_ECDH1_DERIVE, &call->params, sizeof call->params};
}

static void end(struct call *call)
{
    EVP_PKEY_free(call->peer.pkey);
}

START_TEST(without_a_kdf_the_front_is_cut_off)
{
    struct call call;
    CK_BYTE secret[SECRET_MAXIMUM];
    CK_OBJECT_HANDLE key;
    size_t size;

    prepare(&call, "P-384");
    size = agree(&call.peer, secret);
    filetoken_assert_rv(derive_with(&call.mechanism, &generic_type, 20, &key), CKR_OK);
    assert_value(key, secret + size - 20, 20);
    filetoken_assert_rv(derive_with(&call.mechanism, &aes_type, 16, &key), CKR_OK);
    assert_value(key, secret + size - 16, 16);
    filetoken_assert_rv(derive_with(&call.mechanism, &generic_type, 49, &key), CKR_KEY_SIZE_RANGE);
    end(&call);
}
END_TEST

START_TEST(without_a_length_a_key_is_as_long_as_it_can_be)
{
    struct call call;
    CK_BYTE secret[SECRET_MAXIMUM];
    CK_OBJECT_HANDLE key;
    size_t size;

    prepare(&call, "P-521");
    size = agree(&call.peer, secret);
    filetoken_assert_rv(derive_with(&call.mechanism, &aes_type, 0, &key), CKR_OK);
    assert_value(key, secret + size - 32, 32);
    filetoken_assert_rv(derive_with(&call.mechanism, NULL, 0, &key), CKR_OK);
    ck_assert_uint_eq(attribute_ulong(key, CKA_KEY_TYPE), CKK_GENERIC_SECRET);
    ck_assert_uint_eq(attribute_ulong(key, CKA_VALUE_LEN), size);
    assert_value(key, secret, size);
    end(&call);
}
END_TEST

/* PKCS#11 2.40 current mechanisms, 2.3.9: what the base key always was, the derived key may be. */
START_TEST(a_derived_key_inherits_its_history)
{
    CK_ATTRIBUTE open[] = {
        {CKA_DERIVE,      &yes, sizeof yes},
        {CKA_SENSITIVE,   &no,  sizeof no },
        {CKA_EXTRACTABLE, &yes, sizeof yes},
    };
    struct call call;
    CK_OBJECT_HANDLE key;

    prepare(&call, "P-256");
    filetoken_assert_rv(C_DeriveKey(session, &call.mechanism, base, NULL, 0, &key), CKR_OK);
    ck_assert(attribute_bool(key, CKA_SENSITIVE) && attribute_bool(key, CKA_ALWAYS_SENSITIVE));
    ck_assert(!attribute_bool(key, CKA_EXTRACTABLE) && attribute_bool(key, CKA_NEVER_EXTRACTABLE));
    ck_assert(!attribute_bool(key, CKA_LOCAL) && !attribute_bool(key, CKA_TOKEN));
    ck_assert_uint_eq(attribute_ulong(key, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION);
    filetoken_assert_rv(derive_with(&call.mechanism, NULL, 0, &key), CKR_OK);
    ck_assert(!attribute_bool(key, CKA_ALWAYS_SENSITIVE) && !attribute_bool(key, CKA_NEVER_EXTRACTABLE));
    filetoken_assert_rv(filetoken_generate(session, "P-256", false, open, 3, &base_public, &base), CKR_OK);
    filetoken_assert_rv(C_DeriveKey(session, &call.mechanism, base, NULL, 0, &key), CKR_OK);
    ck_assert(attribute_bool(key, CKA_SENSITIVE) && !attribute_bool(key, CKA_ALWAYS_SENSITIVE));
    ck_assert(!attribute_bool(key, CKA_EXTRACTABLE) && !attribute_bool(key, CKA_NEVER_EXTRACTABLE));
    end(&call);
}
END_TEST

START_TEST(only_a_token_key_reaches_the_disk)
{
    CK_ATTRIBUTE items[] = {
        {CKA_TOKEN, &yes,               sizeof yes},
        {CKA_LABEL, (char[]){"agreed"}, 6         },
    };
    CK_SESSION_HANDLE reader;
    CK_OBJECT_HANDLE key;
    struct call call;

    prepare(&call, "P-256");
    filetoken_assert_rv(C_DeriveKey(session, &call.mechanism, base, NULL, 0, &key), CKR_OK);
    ck_assert_int_ne(support_shell(NULL, "ls '%s'/*.pem", support_path("tokens/disk")), 0);
    filetoken_assert_rv(C_DeriveKey(session, &call.mechanism, base, items, 2, &key), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "ls '%s'/agreed.pem", support_path("tokens/disk")), 0);
    filetoken_assert_rv(C_OpenSession(filetoken_slot("disk"), CKF_SERIAL_SESSION, NULL, NULL, &reader),
                        CKR_OK);
    filetoken_assert_rv(C_DeriveKey(reader, &call.mechanism, base, items, 2, &key), CKR_SESSION_READ_ONLY);
    filetoken_assert_rv(C_DeriveKey(reader, &call.mechanism, base, NULL, 0, &key), CKR_OK);
    end(&call);
}
END_TEST

/* --- refusals of ECDH
 * ------------------------------------------------------------------------------------------------ */

static void leave_it(struct call *call)
{
    (void)call;
}

static void bend_point(struct call *call)
{
    call->peer.point[call->peer.size - 1] ^= 1;
}

static void cut_point(struct call *call)
{
    call->params.ulPublicDataLen--;
}

static void no_point(struct call *call)
{
    call->params.ulPublicDataLen = 0;
}

static void null_point(struct call *call)
{
    call->params.pPublicData = NULL;
}

static void huge_point(struct call *call)
{
    call->params.ulPublicDataLen = CK_UNAVAILABLE_INFORMATION;
}

static void infinity(struct call *call)
{
    call->peer.point[0] = 0;
    call->params.ulPublicDataLen = 1;
}

static void other_curve(struct call *call)
{
    end(call);
    make_peer(&call->peer, "P-384");
    call->params.ulPublicDataLen = call->peer.size;
}

static void compressed(struct call *call)
{
    call->peer.point[0] = 0x02;
    call->params.ulPublicDataLen = 33;
}

static void unknown_kdf(struct call *call)
{
    call->params.kdf = CKD_SHA1_KDF_CONCATENATE;
}

static void shared_without_kdf(struct call *call)
{
    call->params.pSharedData = shared_data;
    call->params.ulSharedDataLen = sizeof shared_data;
}

static void null_shared(struct call *call)
{
    call->params.kdf = CKD_SHA256_KDF;
    call->params.ulSharedDataLen = 1;
}

static void short_parameter(struct call *call)
{
    call->mechanism.ulParameterLen--;
}

static void no_parameter(struct call *call)
{
    call->mechanism.pParameter = NULL;
}

static void other_mechanism(struct call *call)
{
    call->mechanism.mechanism = CKM_ECDSA;
}

static void public_half(struct call *call)
{
    (void)call;
    base = base_public;
}

static void no_object(struct call *call)
{
    (void)call;
    base = 999;
}

static void key_that_does_not_derive(struct call *call)
{
    (void)call;
    filetoken_assert_rv(filetoken_generate(session, "P-256", false, NULL, 0, &base_public, &base), CKR_OK);
}

static void rsa_key(struct call *call)
{
    CK_ATTRIBUTE derives = {CKA_DERIVE, &yes, sizeof yes};

    (void)call;
    filetoken_assert_rv(filetoken_generate(session, "RSA-2048", false, &derives, 1, &base_public, &base),
                        CKR_OK);
}

static void key_for_something_else(struct call *call)
{
    CK_MECHANISM_TYPE allowed = CKM_ECDSA;
    CK_ATTRIBUTE items[] = {
        {CKA_DERIVE,             &yes,     sizeof yes    },
        {CKA_ALLOWED_MECHANISMS, &allowed, sizeof allowed},
    };

    (void)call;
    filetoken_assert_rv(filetoken_generate(session, "P-256", false, items, 2, &base_public, &base), CKR_OK);
}

static const struct {
    const char *what;
    void (*spoil)(struct call *call);
    CK_ATTRIBUTE item;
    CK_RV rv;
} refusals[] = {
    {"a point beside the curve",    bend_point,               {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"a point that is cut",         cut_point,                {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"no point",                    no_point,                 {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"a point at NULL",             null_point,               {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"a length without end",        huge_point,               {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"infinity",                    infinity,                 {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"a point of another curve",    other_curve,              {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"a compressed point",          compressed,               {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"another KDF",                 unknown_kdf,              {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"shared data without KDF",     shared_without_kdf,       {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"shared data at NULL",         null_shared,              {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"a parameter too short",       short_parameter,          {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"no parameter",                no_parameter,             {0},                                             CKR_MECHANISM_PARAM_INVALID   },
    {"a mechanism that signs",      other_mechanism,          {0},                                             CKR_MECHANISM_INVALID         },
    {"the public half",             public_half,              {0},                                             CKR_KEY_TYPE_INCONSISTENT     },
    {"no object",                   no_object,                {0},                                             CKR_KEY_HANDLE_INVALID        },
    {"a key without CKA_DERIVE",    key_that_does_not_derive, {0},                                             CKR_KEY_FUNCTION_NOT_PERMITTED},
    {"an RSA key",                  rsa_key,                  {0},                                             CKR_KEY_TYPE_INCONSISTENT     },
    {"a key for another mechanism", key_for_something_else,   {0},                                             CKR_MECHANISM_INVALID         },
    {"another class",               leave_it,                 {CKA_CLASS, &public_class, sizeof public_class}, CKR_TEMPLATE_INCONSISTENT     },
    {"another type of key",
     leave_it,                                                {CKA_KEY_TYPE, &rsa_type, sizeof rsa_type},
     CKR_ATTRIBUTE_VALUE_INVALID                                                                                                             },
    {"a value",                     leave_it,                 {CKA_VALUE, shared_data, 16},                    CKR_ATTRIBUTE_READ_ONLY       },
    {"an attribute of no key",      leave_it,                 {CKA_MODULUS, shared_data, 16},                  CKR_ATTRIBUTE_TYPE_INVALID    },
    {"what the token sets",         leave_it,                 {CKA_LOCAL, &yes, sizeof yes},                   CKR_ATTRIBUTE_READ_ONLY       },
    {"a boolean of two bytes",      leave_it,                 {CKA_SENSITIVE, shared_data, 2},                 CKR_ATTRIBUTE_VALUE_INVALID   },
    {"a length of one byte",        leave_it,                 {CKA_VALUE_LEN, shared_data, 1},                 CKR_ATTRIBUTE_VALUE_INVALID   },
};

START_TEST(what_ecdh_refuses)
{
    CK_OBJECT_HANDLE key = 0;
    CK_ATTRIBUTE item = refusals[_i].item;
    struct call call;
    CK_RV rv;

    prepare(&call, "P-256");
    refusals[_i].spoil(&call);
    rv = C_DeriveKey(session, &call.mechanism, base, item.type != 0 || item.pValue != NULL ? &item : NULL,
                     item.pValue != NULL ? 1 : 0, &key);
    ck_assert_msg(rv == refusals[_i].rv, "%s: 0x%lx, wanted 0x%lx: %s", refusals[_i].what, rv,
                  refusals[_i].rv, p11_failure_text());
    ck_assert_uint_eq(key, 0);
    ck_assert_uint_eq(filetoken_find(session, CKO_SECRET_KEY, ""), CK_INVALID_HANDLE);
    end(&call);
}
END_TEST

START_TEST(arguments_are_checked)
{
    CK_OBJECT_HANDLE key;
    CK_ULONG zero = 0, five = 5;
    CK_ATTRIBUTE lengths[] = {
        {CKA_KEY_TYPE,  &aes_type, sizeof aes_type},
        {CKA_VALUE_LEN, &zero,     sizeof zero    },
    };
    struct call call;

    prepare(&call, "P-256");
    filetoken_assert_rv(C_DeriveKey(session, NULL, base, NULL, 0, &key), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_DeriveKey(session, &call.mechanism, base, NULL, 0, NULL), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_DeriveKey(session, &call.mechanism, base, NULL, 1, &key), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_DeriveKey(session + 77, &call.mechanism, base, NULL, 0, &key),
                        CKR_SESSION_HANDLE_INVALID);
    filetoken_assert_rv(C_DeriveKey(session, &call.mechanism, base, lengths, 2, &key),
                        CKR_ATTRIBUTE_VALUE_INVALID);
    lengths[1].pValue = &five;
    filetoken_assert_rv(C_DeriveKey(session, &call.mechanism, base, lengths, 2, &key),
                        CKR_ATTRIBUTE_VALUE_INVALID);
    end(&call);
}
END_TEST

/* --- HKDF
 * ------------------------------------------------------------------------------------------------------- */

/* RFC 5869, appendix A.1. */
static CK_BYTE input_key[22] = {0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
                                0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b};
static CK_BYTE salt[13] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static CK_BYTE info[10] = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9};
#define EXTRACTED "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
#define EXPANDED "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"

static CK_OBJECT_HANDLE create_secret(CK_BYTE *value, CK_ULONG size)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &secret_class, sizeof secret_class},
        {CKA_KEY_TYPE, &generic_type, sizeof generic_type},
        {CKA_DERIVE,   &yes,          sizeof yes         },
        {CKA_VALUE,    value,         size               },
    };
    CK_OBJECT_HANDLE key;

    filetoken_assert_rv(C_CreateObject(session, items, 4, &key), CKR_OK);
    return key;
}

static CK_HKDF_PARAMS hkdf_params(bool extract, bool expand)
{
    return (CK_HKDF_PARAMS){
        .bExtract = extract,
        .bExpand = expand,
        .prfHashMechanism = CKM_SHA256,
        .ulSaltType = CKF_HKDF_SALT_DATA,
        .pSalt = salt,
        .ulSaltLen = sizeof salt,
        .pInfo = info,
        .ulInfoLen = sizeof info,
    };
}

static void assert_hex(CK_OBJECT_HANDLE key, const char *hex)
{
    struct bytes wanted;

    ck_assert(bytes_from_hex(hex, strlen(hex), &wanted));
    assert_value(key, wanted.data, wanted.size);
    bytes_free(&wanted);
}

static const struct {
    bool extract;
    bool expand;
    CK_ULONG size;
    const char *hex;
    CK_RV rv;
} steps[] = {
    {true,  true,  42,           EXPANDED,  CKR_OK                     },
    {true,  false, 0,            EXTRACTED, CKR_OK                     },
    {true,  false, 33,           NULL,      CKR_KEY_SIZE_RANGE         },
    {true,  true,  255 * 32 + 1, NULL,      CKR_KEY_SIZE_RANGE         },
    {false, false, 32,           NULL,      CKR_MECHANISM_PARAM_INVALID},
};

START_TEST(hkdf_makes_what_the_rfc_says)
{
    CK_HKDF_PARAMS params = hkdf_params(steps[_i].extract, steps[_i].expand);
    CK_MECHANISM mechanism = {CKM_HKDF_DERIVE, &params, sizeof params};
    CK_OBJECT_HANDLE key;

    base = create_secret(input_key, sizeof input_key);
    filetoken_assert_rv(derive_with(&mechanism, &generic_type, steps[_i].size, &key), steps[_i].rv);
    if (steps[_i].rv == CKR_OK)
        assert_hex(key, steps[_i].hex);
}
END_TEST

START_TEST(hkdf_step_by_step_and_with_a_key_for_salt)
{
    CK_HKDF_PARAMS params = hkdf_params(true, false);
    CK_MECHANISM mechanism = {CKM_HKDF_DERIVE, &params, sizeof params};
    CK_ATTRIBUTE derives = {CKA_DERIVE, &yes, sizeof yes};
    CK_OBJECT_HANDLE key;

    base = create_secret(input_key, sizeof input_key);
    params.ulSaltType = CKF_HKDF_SALT_KEY;
    params.hSaltKey = create_secret(salt, sizeof salt);
    params.prfHashMechanism = CKM_SHA256_HMAC;
    filetoken_assert_rv(C_DeriveKey(session, &mechanism, base, &derives, 1, &base), CKR_OK);
    params = hkdf_params(false, true);
    filetoken_assert_rv(derive_with(&mechanism, &generic_type, 42, &key), CKR_OK);
    assert_hex(key, EXPANDED);
}
END_TEST

START_TEST(hkdf_makes_data_too)
{
    CK_HKDF_PARAMS params = hkdf_params(true, true);
    CK_MECHANISM mechanism = {CKM_HKDF_DATA, &params, sizeof params};
    CK_ULONG size = 42;
    CK_ATTRIBUTE items[] = {
        {CKA_VALUE_LEN, &size,              sizeof size      },
        {CKA_CLASS,     &data_class,        sizeof data_class},
        {CKA_LABEL,     (char[]){"output"}, 6                },
        {CKA_SENSITIVE, &yes,               sizeof yes       },
    };
    CK_OBJECT_HANDLE data;

    base = create_secret(input_key, sizeof input_key);
    filetoken_assert_rv(C_DeriveKey(session, &mechanism, base, items, 3, &data), CKR_OK);
    ck_assert_uint_eq(filetoken_find(session, CKO_DATA, "output"), data);
    assert_hex(data, EXPANDED);
    filetoken_assert_rv(C_DeriveKey(session, &mechanism, base, items, 4, &data), CKR_ATTRIBUTE_TYPE_INVALID);
    items[1].pValue = &secret_class;
    filetoken_assert_rv(C_DeriveKey(session, &mechanism, base, items, 3, &data), CKR_TEMPLATE_INCONSISTENT);
}
END_TEST

static const struct {
    const char *what;
    CK_HKDF_PARAMS params;
} hkdf_refusals[] = {
    {"a hash that is none",
     {.bExtract = CK_TRUE, .prfHashMechanism = CKM_RSA_PKCS, .ulSaltType = CKF_HKDF_SALT_NULL}                        },
    {"no type of salt",         {.bExtract = CK_TRUE, .prfHashMechanism = CKM_SHA256}                                 },
    {"a salt at NULL",
     {.bExtract = CK_TRUE, .prfHashMechanism = CKM_SHA256, .ulSaltType = CKF_HKDF_SALT_DATA, .ulSaltLen = 1}          },
    {"a salt key that is none",
     {.bExtract = CK_TRUE, .prfHashMechanism = CKM_SHA256, .ulSaltType = CKF_HKDF_SALT_KEY, .hSaltKey = 999}          },
    {"no salt key",             {.bExtract = CK_TRUE, .prfHashMechanism = CKM_SHA256, .ulSaltType = CKF_HKDF_SALT_KEY}},
    {"info at NULL",            {.bExpand = CK_TRUE, .prfHashMechanism = CKM_SHA256, .ulInfoLen = 5}                  },
};

START_TEST(what_hkdf_refuses)
{
    CK_HKDF_PARAMS params = hkdf_refusals[_i].params;
    CK_MECHANISM mechanism = {CKM_HKDF_DERIVE, &params, sizeof params};
    CK_OBJECT_HANDLE key;

    base = create_secret(input_key, sizeof input_key);
    ck_assert_msg(derive_with(&mechanism, NULL, 0, &key) == CKR_MECHANISM_PARAM_INVALID, "%s",
                  hkdf_refusals[_i].what);
}
END_TEST

START_TEST(a_secret_key_does_no_ecdh_and_a_private_key_no_hkdf)
{
    CK_HKDF_PARAMS params = hkdf_params(true, true);
    CK_MECHANISM mechanism = {CKM_HKDF_DERIVE, &params, sizeof params};
    CK_OBJECT_HANDLE key;
    struct call call;

    prepare(&call, "P-256");
    filetoken_assert_rv(derive_with(&mechanism, NULL, 0, &key), CKR_KEY_TYPE_INCONSISTENT);
    base = create_secret(input_key, sizeof input_key);
    filetoken_assert_rv(derive_with(&call.mechanism, NULL, 0, &key), CKR_KEY_TYPE_INCONSISTENT);
    end(&call);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/derive");
    TCase *tcase = tcase_create("derive");

    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_loop_test(tcase, both_parties_come_to_the_same_key, 0, 4);
    tcase_add_test(tcase, without_a_kdf_the_front_is_cut_off);
    tcase_add_test(tcase, without_a_length_a_key_is_as_long_as_it_can_be);
    tcase_add_test(tcase, a_derived_key_inherits_its_history);
    tcase_add_test(tcase, only_a_token_key_reaches_the_disk);
    tcase_add_loop_test(tcase, what_ecdh_refuses, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(tcase, arguments_are_checked);
    tcase_add_loop_test(tcase, hkdf_makes_what_the_rfc_says, 0, (int)(sizeof steps / sizeof steps[0]));
    tcase_add_test(tcase, hkdf_step_by_step_and_with_a_key_for_salt);
    tcase_add_test(tcase, hkdf_makes_data_too);
    tcase_add_loop_test(tcase, what_hkdf_refuses, 0, (int)(sizeof hkdf_refusals / sizeof hkdf_refusals[0]));
    tcase_add_test(tcase, a_secret_key_does_no_ecdh_and_a_private_key_no_hkdf);
    suite_add_tcase(suite, tcase);
    return suite;
}
