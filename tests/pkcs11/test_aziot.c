/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure's aziot-keyd, as far as a PKCS#11 module sees it: the calls that it makes, with its templates and
 * flags and in its order, on a file token and, where a TPM does the same, on a TPM token.
 */
#include "tests/support/filetoken.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const CK_FUNCTION_LIST *functions;
static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE generic_type = CKK_GENERIC_SECRET;
static CK_KEY_TYPE aes_type = CKK_AES;
static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

enum { TOKEN_FILE, TOKEN_TPM, TOKENS };
static const struct {
    const char *slot;
    const char *label;
} tokens[TOKENS] = {
    [TOKEN_FILE] = {"DevID file slot", "disk"},
    [TOKEN_TPM] = {"DevID TPM slot",  "chip"},
};

/* --- as it loads a module
 * -------------------------------------------------------------------------------------- */

/* It asks C_GetFunctionList alone, and refuses 3.x there. */
static void load(void)
{
    CK_FUNCTION_LIST *list = NULL;
    CK_C_GetFunctionList get_list;
    void *module = dlopen(support_build_path("pkcs11/.libs/devid-pkcs11.so"), RTLD_NOW | RTLD_LOCAL);

    ck_assert_msg(module != NULL, "%s", dlerror());
    *(void **)&get_list = dlsym(module, "C_GetFunctionList");
    ck_assert_uint_eq(get_list(&list), CKR_OK);
    ck_assert_uint_eq(list->version.major, 2);
    ck_assert_uint_ge(list->version.minor, 1);
    functions = list;
}

static CK_RV create_mutex(void **mutex)
{
    *mutex = NULL;
    return CKR_OK;
}

static CK_RV use_mutex(void *mutex)
{
    (void)mutex;
    return CKR_OK;
}

/* All four callbacks and both flags: no threads of ours, and locks of the system if we like. It refuses 3.x
 * in C_GetInfo too. */
static void initialize(void)
{
    CK_C_INITIALIZE_ARGS arguments = {
        .CreateMutex = create_mutex,
        .DestroyMutex = use_mutex,
        .LockMutex = use_mutex,
        .UnlockMutex = use_mutex,
        .flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK,
    };

    CK_INFO info;

    filetoken_assert_rv(functions->C_Initialize(&arguments), CKR_OK);
    filetoken_assert_rv(functions->C_GetInfo(&info), CKR_OK);
    ck_assert_uint_eq(info.cryptokiVersion.major, 2);
    ck_assert_uint_ge(info.cryptokiVersion.minor, 20);
}

/* The first initialised token whose label, without the blanks, is the one. */
static CK_SLOT_ID find_slot(const char *label)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    filetoken_assert_rv(functions->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;

        if (functions->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            (info.flags & CKF_TOKEN_INITIALIZED) != 0 && memcmp(info.label, label, strlen(label)) == 0 &&
            info.label[strlen(label)] == ' ')
            return slots[i];
    }
    ck_abort_msg("no token is called %s", label);
}

static void open_token(int kind)
{
    CK_SESSION_INFO info;

    ck_assert_int_eq(support_shell(NULL, "rm -rf '%s'", support_path("tokens")), 0);
    test_module_environment();
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    filetoken_init(tokens[kind].slot, tokens[kind].label);
    C_Finalize(NULL);
    load();
    initialize();
    filetoken_assert_rv(functions->C_OpenSession(find_slot(tokens[kind].label),
                                                 CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
                        CKR_OK);
    filetoken_assert_rv(functions->C_GetSessionInfo(session, &info), CKR_OK);
    ck_assert_uint_eq(info.state, CKS_RW_PUBLIC_SESSION); /* without a PIN there is no login */
}

/* It never calls C_Finalize; here the next test does without its leftovers. */
static void down(void)
{
    functions->C_Finalize(NULL);
}

START_TEST(what_it_calls_is_there)
{
    load();
    ck_assert(functions->C_Initialize != NULL && functions->C_GetSlotList != NULL);
    ck_assert(functions->C_GetTokenInfo != NULL && functions->C_OpenSession != NULL);
    ck_assert(functions->C_CloseSession != NULL && functions->C_GetSessionInfo != NULL);
    ck_assert(functions->C_Login != NULL && functions->C_CreateObject != NULL);
    ck_assert(functions->C_DestroyObject != NULL && functions->C_GetAttributeValue != NULL);
    ck_assert(functions->C_SetAttributeValue != NULL && functions->C_FindObjectsInit != NULL);
    ck_assert(functions->C_FindObjects != NULL && functions->C_FindObjectsFinal != NULL);
    ck_assert(functions->C_EncryptInit != NULL && functions->C_Encrypt != NULL);
    ck_assert(functions->C_DecryptInit != NULL && functions->C_Decrypt != NULL);
    ck_assert(functions->C_SignInit != NULL && functions->C_Sign != NULL);
    ck_assert(functions->C_VerifyInit != NULL && functions->C_Verify != NULL);
    ck_assert(functions->C_GenerateKey != NULL && functions->C_GenerateKeyPair != NULL);
}
END_TEST

/* --- as it finds and reads
 * ---------------------------------------------------------------------------------------- */

/* By class and label; one object at a time, and only the first is used. */
static CK_OBJECT_HANDLE find(CK_OBJECT_CLASS object_class, const char *label)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class,            sizeof object_class},
        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)      },
    };
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE, another;
    CK_ULONG count = 0;

    filetoken_assert_rv(functions->C_FindObjectsInit(session, items, 2), CKR_OK);
    filetoken_assert_rv(functions->C_FindObjects(session, &found, 1, &count), CKR_OK);
    if (count == 1) {
        filetoken_assert_rv(functions->C_FindObjects(session, &another, 1, &count), CKR_OK);
        ck_assert_uint_eq(count, 0);
    }
    filetoken_assert_rv(functions->C_FindObjectsFinal(session), CKR_OK);
    return found;
}

/* Asked for its size first, as both of its readers do. */
static size_t read_value(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_BYTE *value, size_t room)
{
    CK_ATTRIBUTE item = {type, NULL, 0};

    filetoken_assert_rv(functions->C_GetAttributeValue(session, object, &item, 1), CKR_OK);
    ck_assert_uint_le(item.ulValueLen, room);
    item.pValue = value;
    filetoken_assert_rv(functions->C_GetAttributeValue(session, object, &item, 1), CKR_OK);
    return item.ulValueLen;
}

/* For the judges here; it makes the key of the numbers above. */
static EVP_PKEY *read_public(CK_OBJECT_HANDLE object)
{
    CK_BYTE info[1024];
    const unsigned char *end = info;
    size_t size = read_value(object, CKA_PUBLIC_KEY_INFO, info, sizeof info);
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &end, (long)size);

    ck_assert_ptr_nonnull(pkey);
    return pkey;
}

static void assert_key_type(CK_OBJECT_HANDLE object, CK_KEY_TYPE wanted)
{
    CK_KEY_TYPE type = 0;

    ck_assert_uint_eq(read_value(object, CKA_KEY_TYPE, (CK_BYTE *)&type, sizeof type), sizeof type);
    ck_assert_uint_eq(type, wanted);
}

/* --- key pairs
 * ------------------------------------------------------------------------------------------------------ */

static void generate_pair(CK_MECHANISM_TYPE type, const CK_ATTRIBUTE *own, CK_ULONG count, const char *label)
{
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_OBJECT_HANDLE public, private;
    CK_ATTRIBUTE private_items[] = {
        {CKA_DECRYPT,   &yes,                     sizeof yes   },
        {CKA_PRIVATE,   &yes,                     sizeof yes   },
        {CKA_SENSITIVE, &yes,                     sizeof yes   },
        {CKA_SIGN,      &yes,                     sizeof yes   },
        {CKA_TOKEN,     &yes,                     sizeof yes   },
        {CKA_LABEL,     (void *)(uintptr_t)label, strlen(label)},
    };
    CK_ATTRIBUTE public_items[7] = {
        {CKA_ENCRYPT, &yes,                     sizeof yes   },
        {CKA_PRIVATE, &no,                      sizeof no    },
        {CKA_TOKEN,   &yes,                     sizeof yes   },
        {CKA_VERIFY,  &yes,                     sizeof yes   },
        {CKA_LABEL,   (void *)(uintptr_t)label, strlen(label)},
    };

    for (CK_ULONG i = 0; i < count; i++)
        public_items[5 + i] = own[i];
    filetoken_assert_rv(functions->C_GenerateKeyPair(session, &mechanism, public_items, 5 + count,
                                                     private_items, 6, &public, &private),
                        CKR_OK);
}

START_TEST(an_ec_pair_signs_digests)
{
    CK_ATTRIBUTE params = {CKA_EC_PARAMS, p256, sizeof p256};
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {1, 2, 3}, signature[64], value[128];
    CK_ULONG size = sizeof signature;
    CK_OBJECT_HANDLE public, private;
    EVP_PKEY *pkey;

    open_token(_i);
    ck_assert_uint_eq(find(CKO_PRIVATE_KEY, "device-id"), CK_INVALID_HANDLE);
    generate_pair(CKM_EC_KEY_PAIR_GEN, &params, 1, "device-id");
    public = find(CKO_PUBLIC_KEY, "device-id");
    private = find(CKO_PRIVATE_KEY, "device-id");
    assert_key_type(public, CKK_EC);
    ck_assert_uint_eq(read_value(public, CKA_EC_PARAMS, value, sizeof value), sizeof p256);
    ck_assert_mem_eq(value, p256, sizeof p256);
    ck_assert_uint_eq(read_value(public, CKA_EC_POINT, value, sizeof value), 67);
    ck_assert_mem_eq(value, "\x04\x41\x04", 3);
    filetoken_assert_rv(functions->C_SignInit(session, &ecdsa, private), CKR_OK);
    filetoken_assert_rv(functions->C_Sign(session, digest, sizeof digest, signature, &size), CKR_OK);
    ck_assert_uint_eq(size, 64);
    pkey = read_public(public);
    ck_assert(filetoken_verify_ecdsa(pkey, digest, sizeof digest, signature, size));
    EVP_PKEY_free(pkey);
}
END_TEST

/* CKM_RSA_PKCS over a DigestInfo, and CKM_RSA_X_509 over a block that it has padded for PSS by itself. */
START_TEST(an_rsa_pair_signs_what_is_padded)
{
    static const CK_BYTE info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    static CK_BYTE exponent[] = {1, 0, 1};
    CK_ULONG bits = 2048, size = 256;
    CK_ATTRIBUTE own[] = {
        {CKA_MODULUS_BITS,    &bits,    sizeof bits    },
        {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent},
    };
    CK_MECHANISM pkcs = {CKM_RSA_PKCS, NULL, 0}, raw = {CKM_RSA_X_509, NULL, 0};
    CK_BYTE input[sizeof info + 32] = {0}, block[256] = {0}, signature[256], recovered[256], value[512];
    CK_OBJECT_HANDLE public, private;
    size_t recovered_size = sizeof recovered;
    EVP_PKEY_CTX *context;
    EVP_PKEY *pkey;

    open_token(_i);
    generate_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, own, 2, "device-ca");
    public = find(CKO_PUBLIC_KEY, "device-ca");
    private = find(CKO_PRIVATE_KEY, "device-ca");
    assert_key_type(public, CKK_RSA);
    ck_assert_uint_eq(read_value(public, CKA_MODULUS, value, sizeof value), 256);
    ck_assert_uint_eq(read_value(public, CKA_PUBLIC_EXPONENT, value, sizeof value), 3);
    pkey = read_public(public);
    memcpy(input, info, sizeof info);
    filetoken_assert_rv(functions->C_SignInit(session, &pkcs, private), CKR_OK);
    filetoken_assert_rv(functions->C_Sign(session, input, sizeof input, signature, &size), CKR_OK);
    context = EVP_PKEY_CTX_new(pkey, NULL);
    ck_assert_int_eq(EVP_PKEY_verify_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_verify(context, signature, size, input, sizeof input), 1);
    block[1] = 0x7f;
    block[255] = 0xbc;
    filetoken_assert_rv(functions->C_SignInit(session, &raw, private), CKR_OK);
    filetoken_assert_rv(functions->C_Sign(session, block, sizeof block, signature, &size), CKR_OK);
    ck_assert_int_eq(EVP_PKEY_verify_recover_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_verify_recover(context, recovered, &recovered_size, signature, size), 1);
    ck_assert_mem_eq(recovered, block, sizeof block);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
}
END_TEST

/* --- HMAC keys: SAS tokens
 * -------------------------------------------------------------------------------------------- */

static void generate_hmac(const char *label)
{
    CK_MECHANISM mechanism = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
    CK_ULONG size = 32;
    CK_ATTRIBUTE items[] = {
        {CKA_PRIVATE,   &yes,                     sizeof yes         },
        {CKA_SENSITIVE, &yes,                     sizeof yes         },
        {CKA_TOKEN,     &yes,                     sizeof yes         },
        {CKA_VERIFY,    &yes,                     sizeof yes         },
        {CKA_SIGN,      &yes,                     sizeof yes         },
        {CKA_LABEL,     (void *)(uintptr_t)label, strlen(label)      },
        {CKA_VALUE_LEN, &size,                    sizeof size        },
        {CKA_KEY_TYPE,  &generic_type,            sizeof generic_type},
    };
    CK_OBJECT_HANDLE key;

    filetoken_assert_rv(functions->C_GenerateKey(session, &mechanism, items, 8, &key), CKR_OK);
}

/* The key of an enrollment, which the user brings. */
static void import_hmac(const char *label, CK_BYTE *value, CK_ULONG value_size)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,     &secret_class,            sizeof secret_class},
        {CKA_KEY_TYPE,  &generic_type,            sizeof generic_type},
        {CKA_PRIVATE,   &yes,                     sizeof yes         },
        {CKA_SENSITIVE, &yes,                     sizeof yes         },
        {CKA_TOKEN,     &yes,                     sizeof yes         },
        {CKA_VERIFY,    &yes,                     sizeof yes         },
        {CKA_SIGN,      &yes,                     sizeof yes         },
        {CKA_LABEL,     (void *)(uintptr_t)label, strlen(label)      },
        {CKA_VALUE,     value,                    value_size         },
    };
    CK_OBJECT_HANDLE key;

    filetoken_assert_rv(functions->C_CreateObject(session, items, 9, &key), CKR_OK);
}

static void sign_sas(CK_OBJECT_HANDLE key, CK_BYTE *data, CK_ULONG data_size, CK_BYTE mac[32])
{
    CK_MECHANISM mechanism = {CKM_SHA256_HMAC, NULL, 0};
    CK_ULONG size = 32;

    filetoken_assert_rv(functions->C_SignInit(session, &mechanism, key), CKR_OK);
    filetoken_assert_rv(functions->C_Sign(session, data, data_size, mac, &size), CKR_OK);
    ck_assert_uint_eq(size, 32);
    filetoken_assert_rv(functions->C_VerifyInit(session, &mechanism, key), CKR_OK);
    filetoken_assert_rv(functions->C_Verify(session, data, data_size, mac, 32), CKR_OK);
    mac[5] ^= 1;
    filetoken_assert_rv(functions->C_VerifyInit(session, &mechanism, key), CKR_OK);
    filetoken_assert_rv(functions->C_Verify(session, data, data_size, mac, 32), CKR_SIGNATURE_INVALID);
    mac[5] ^= 1;
}

static CK_BYTE to_sign[] = "hub.azure-devices.net%2fdevices%2fdevice\n1798761600";

START_TEST(an_hmac_key_is_made_and_another_taken_in)
{
    CK_BYTE value[32] = {7, 7, 7}, mac[32], wanted[32];

    open_token(_i);
    generate_hmac("made");
    assert_key_type(find(CKO_SECRET_KEY, "made"), CKK_GENERIC_SECRET);
    sign_sas(find(CKO_SECRET_KEY, "made"), to_sign, sizeof to_sign - 1, mac);
    import_hmac("enrollment", value, sizeof value);
    sign_sas(find(CKO_SECRET_KEY, "enrollment"), to_sign, sizeof to_sign - 1, mac);
    HMAC(EVP_sha256(), value, sizeof value, to_sign, sizeof to_sign - 1, wanted, NULL);
    ck_assert_mem_eq(mac, wanted, sizeof mac);
}
END_TEST

/* Before it makes or takes in a key, what has the label goes. */
START_TEST(a_key_is_replaced_under_its_label)
{
    CK_BYTE value[32] = {1}, mac[32], wanted[32];

    open_token(_i);
    generate_hmac("primary");
    filetoken_assert_rv(functions->C_DestroyObject(session, find(CKO_SECRET_KEY, "primary")), CKR_OK);
    ck_assert_uint_eq(find(CKO_SECRET_KEY, "primary"), CK_INVALID_HANDLE);
    import_hmac("primary", value, sizeof value);
    sign_sas(find(CKO_SECRET_KEY, "primary"), to_sign, sizeof to_sign - 1, mac);
    HMAC(EVP_sha256(), value, sizeof value, to_sign, sizeof to_sign - 1, wanted, NULL);
    ck_assert_mem_eq(mac, wanted, sizeof mac);
}
END_TEST

/* --- AES keys: its own secrets at rest
 * ------------------------------------------------------------------------------ */

static CK_RV generate_aes(CK_ULONG size, const char *label)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE items[] = {
        {CKA_PRIVATE,   &yes,                     sizeof yes     },
        {CKA_SENSITIVE, &yes,                     sizeof yes     },
        {CKA_TOKEN,     &yes,                     sizeof yes     },
        {CKA_VERIFY,    &yes,                     sizeof yes     }, /* odd, and to be tolerated */
        {CKA_ENCRYPT,   &yes,                     sizeof yes     },
        {CKA_DECRYPT,   &yes,                     sizeof yes     },
        {CKA_LABEL,     (void *)(uintptr_t)label, strlen(label)  },
        {CKA_KEY_TYPE,  &aes_type,                sizeof aes_type},
        {CKA_VALUE_LEN, &size,                    sizeof size    },
    };
    CK_OBJECT_HANDLE key;

    return functions->C_GenerateKey(session, &mechanism, items, 9, &key);
}

static CK_BYTE plain[] = "a secret of a module's identity";

static CK_RV crypt(bool encrypt, CK_OBJECT_HANDLE key, CK_BYTE *associated, CK_ULONG associated_size,
                   CK_BYTE *input, CK_ULONG input_size, CK_BYTE *out, CK_ULONG *size)
{
    CK_BYTE iv[12] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    CK_GCM_PARAMS params = {
        .pIv = iv,
        .ulIvLen = sizeof iv,
        .ulIvBits = 8 * sizeof iv,
        .pAAD = associated,
        .ulAADLen = associated_size,
        .ulTagBits = 128,
    };
    CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof params};

    filetoken_assert_rv(encrypt ? functions->C_EncryptInit(session, &mechanism, key)
                                : functions->C_DecryptInit(session, &mechanism, key),
                        CKR_OK);
    return encrypt ? functions->C_Encrypt(session, input, input_size, out, size)
                   : functions->C_Decrypt(session, input, input_size, out, size);
}

/* 32 bytes, on failure 16; GCM in the layout of 2.40, the tag behind the text. */
START_TEST(an_aes_key_encrypts_with_gcm)
{
    CK_BYTE associated[] = "edgelet", encrypted[128], decrypted[128];
    CK_ULONG size = sizeof encrypted, back = sizeof decrypted;
    CK_OBJECT_HANDLE key;

    open_token(TOKEN_FILE);
    filetoken_assert_rv(generate_aes(32, "master"), CKR_OK);
    filetoken_assert_rv(generate_aes(16, "smaller"), CKR_OK);
    key = find(CKO_SECRET_KEY, "master");
    filetoken_assert_rv(
        crypt(true, key, associated, sizeof associated, plain, sizeof plain, encrypted, &size), CKR_OK);
    ck_assert_uint_eq(size, sizeof plain + 16);
    filetoken_assert_rv(crypt(false, key, associated, sizeof associated, encrypted, size, decrypted, &back),
                        CKR_OK);
    ck_assert_uint_eq(back, sizeof plain);
    ck_assert_mem_eq(decrypted, plain, sizeof plain);
    encrypted[3] ^= 1;
    back = sizeof decrypted;
    filetoken_assert_rv(crypt(false, key, associated, sizeof associated, encrypted, size, decrypted, &back),
                        CKR_ENCRYPTED_DATA_INVALID);
    encrypted[3] ^= 1;
    associated[0] ^= 1;
    back = sizeof decrypted;
    filetoken_assert_rv(crypt(false, key, associated, sizeof associated, encrypted, size, decrypted, &back),
                        CKR_ENCRYPTED_DATA_INVALID);
}
END_TEST

/* --- key rotation
 * ------------------------------------------------------------------------------------------------------- */

static void rename_object(CK_OBJECT_CLASS object_class, const char *from, const char *to)
{
    CK_ATTRIBUTE item = {CKA_LABEL, (void *)(uintptr_t)to, strlen(to)};

    filetoken_assert_rv(functions->C_SetAttributeValue(session, find(object_class, from), &item, 1), CKR_OK);
}

/* The new pair takes the place of the old one by its label, which both halves have. */
START_TEST(a_pair_is_renamed)
{
    CK_ATTRIBUTE params = {CKA_EC_PARAMS, p256, sizeof p256};
    CK_BYTE points[2][128];
    size_t size;

    open_token(_i);
    generate_pair(CKM_EC_KEY_PAIR_GEN, &params, 1, "est-id");
    generate_pair(CKM_EC_KEY_PAIR_GEN, &params, 1, "est-id-temp");
    size = read_value(find(CKO_PUBLIC_KEY, "est-id-temp"), CKA_EC_POINT, points[0], sizeof points[0]);
    filetoken_assert_rv(functions->C_DestroyObject(session, find(CKO_PRIVATE_KEY, "est-id")), CKR_OK);
    if (find(CKO_PUBLIC_KEY, "est-id") != CK_INVALID_HANDLE)
        filetoken_assert_rv(functions->C_DestroyObject(session, find(CKO_PUBLIC_KEY, "est-id")), CKR_OK);
    rename_object(CKO_PUBLIC_KEY, "est-id-temp", "est-id");
    rename_object(CKO_PRIVATE_KEY, "est-id-temp", "est-id");
    ck_assert_uint_eq(find(CKO_PRIVATE_KEY, "est-id-temp"), CK_INVALID_HANDLE);
    ck_assert_uint_ne(find(CKO_PRIVATE_KEY, "est-id"), CK_INVALID_HANDLE);
    ck_assert_uint_eq(read_value(find(CKO_PUBLIC_KEY, "est-id"), CKA_EC_POINT, points[1], sizeof points[1]),
                      size);
    ck_assert_mem_eq(points[0], points[1], size);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/aziot");
    TCase *tcase = tcase_create("aziot");

    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, test_tpm_start, NULL);
    tcase_add_checked_fixture(tcase, NULL, down);
    tcase_add_test(tcase, what_it_calls_is_there);
    tcase_add_loop_test(tcase, an_ec_pair_signs_digests, 0, TOKENS);
    tcase_add_loop_test(tcase, an_rsa_pair_signs_what_is_padded, 0, TOKENS);
    tcase_add_loop_test(tcase, an_hmac_key_is_made_and_another_taken_in, 0, TOKENS);
    tcase_add_loop_test(tcase, a_key_is_replaced_under_its_label, 0, TOKENS);
    tcase_add_test(tcase, an_aes_key_encrypts_with_gcm);
    tcase_add_loop_test(tcase, a_pair_is_renamed, 0, TOKENS);
    suite_add_tcase(suite, tcase);
    return suite;
}
