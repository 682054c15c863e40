/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/filetoken.h"

#include "pkcs11/mechanism.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 64

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

void filetoken_up(void)
{
    setenv("DEVID_CONF", "/dev/null", 1);
    setenv("DEVID_TOKENS", support_path("tokens"), 1);
    setenv("DEVID_TCTI", "swtpm:host=127.0.0.1,port=1", 1); /* nobody listens there */
    ck_assert_int_eq(support_shell(NULL, "rm -rf '%s'", support_path("tokens")), 0);
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    filetoken_init("DevID file slot", "disk");
}

void filetoken_down(void)
{
    C_Finalize(NULL);
}

static bool is_field(const CK_UTF8CHAR *field, size_t size, const char *text)
{
    while (size > 0 && field[size - 1] == ' ')
        size--;
    return strlen(text) == size && memcmp(field, text, size) == 0;
}

static bool slot_is(CK_SLOT_ID slot, const char *description)
{
    CK_SLOT_INFO info;

    return C_GetSlotInfo(slot, &info) == CKR_OK &&
           is_field(info.slotDescription, sizeof info.slotDescription, description);
}

static bool holds(CK_SLOT_ID slot, const char *label)
{
    CK_TOKEN_INFO info;

    return C_GetTokenInfo(slot, &info) == CKR_OK && (info.flags & CKF_TOKEN_INITIALIZED) != 0 &&
           is_field(info.label, sizeof info.label, label);
}

static CK_SLOT_ID find_slot(bool (*test)(CK_SLOT_ID slot, const char *text), const char *text)
{
    CK_SLOT_ID slots[32];
    CK_ULONG count = 32;

    filetoken_assert_rv(C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
    filetoken_assert_rv(C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++)
        if (test(slots[i], text))
            return slots[i];
    ck_abort_msg("no slot is %s", text);
    return 0;
}

CK_SLOT_ID filetoken_init(const char *slot_description, const char *label)
{
    CK_SLOT_ID slot = find_slot(slot_is, slot_description);
    CK_UTF8CHAR field[32];

    memset(field, ' ', sizeof field);
    memcpy(field, label, strlen(label));
    filetoken_assert_rv(C_InitToken(slot, NULL, 0, field), CKR_OK);
    return slot;
}

CK_SLOT_ID filetoken_slot(const char *label)
{
    return find_slot(holds, label);
}

CK_SLOT_ID filetoken_empty_slot(void)
{
    return find_slot(slot_is, "DevID file slot");
}

CK_SESSION_HANDLE filetoken_session(const char *label)
{
    CK_SESSION_HANDLE session;

    filetoken_assert_rv(
        C_OpenSession(filetoken_slot(label), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
        CKR_OK);
    return session;
}

static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static CK_BYTE p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static CK_BYTE p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
static CK_BYTE ed25519[] = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'};

static CK_BYTE x25519[] = {0x06, 0x03, 0x2b, 0x65, 0x6e};

static const struct {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    CK_BYTE *params;
    size_t size;
} kinds[] = {
    {"P-256",   CKM_EC_KEY_PAIR_GEN,            p256,    sizeof p256   },
    {"P-384",   CKM_EC_KEY_PAIR_GEN,            p384,    sizeof p384   },
    {"P-521",   CKM_EC_KEY_PAIR_GEN,            p521,    sizeof p521   },
    {"ED25519", CKM_EC_EDWARDS_KEY_PAIR_GEN,    ed25519, sizeof ed25519},
    {"X25519",  CKM_EC_MONTGOMERY_KEY_PAIR_GEN, x25519,  sizeof x25519 },
};

CK_RV filetoken_generate(CK_SESSION_HANDLE session, const char *kind, bool token, const CK_ATTRIBUTE *extra,
                         CK_ULONG count, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    CK_ULONG bits = 0;
    char label[NAME_SIZE];
    CK_ATTRIBUTE common[2] = {
        {CKA_TOKEN, token ? &yes : &no, sizeof yes  },
        {CKA_LABEL, label,              strlen(kind)},
    };
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_items[3] = {
        common[0], common[1], {CKA_MODULUS_BITS, &bits, sizeof bits}
    };
    CK_ATTRIBUTE private_items[16] = {common[0], common[1]};

    snprintf(label, sizeof label, "%s", kind);
    if (strncmp(kind, "RSA-", 4) == 0)
        bits = strtoul(kind + 4, NULL, 10);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, kind) != 0)
            continue;
        mechanism.mechanism = kinds[i].mechanism;
        public_items[2] = (CK_ATTRIBUTE){CKA_EC_PARAMS, kinds[i].params, kinds[i].size};
    }
    for (CK_ULONG i = 0; i < count; i++)
        private_items[2 + i] = extra[i];
    return C_GenerateKeyPair(session, &mechanism, public_items, 3, private_items, 2 + count, public, private);
}

CK_RV filetoken_secret(CK_SESSION_HANDLE session, CK_KEY_TYPE type, const void *value, size_t size,
                       const CK_ATTRIBUTE *extra, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
    CK_ATTRIBUTE items[16] = {
        {CKA_CLASS,    &secret,                  sizeof secret},
        {CKA_KEY_TYPE, &type,                    sizeof type  },
        {CKA_VALUE,    (void *)(uintptr_t)value, size         },
    };

    for (CK_ULONG i = 0; i < count; i++)
        items[3 + i] = extra[i];
    return C_CreateObject(session, items, 3 + count, key);
}

CK_OBJECT_HANDLE filetoken_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, const char *label)
{
    char text[NAME_SIZE];
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class, sizeof object_class},
        {CKA_LABEL, text,          strlen(label)      },
    };
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count;

    snprintf(text, sizeof text, "%s", label);
    filetoken_assert_rv(C_FindObjectsInit(session, items, 2), CKR_OK);
    filetoken_assert_rv(C_FindObjects(session, found, 2, &count), CKR_OK);
    filetoken_assert_rv(C_FindObjectsFinal(session), CKR_OK);
    ck_assert_msg(count < 2, "more than one object is called %s", label);
    return count == 1 ? found[0] : CK_INVALID_HANDLE;
}

CK_RV filetoken_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                          void *value, CK_ULONG *size)
{
    CK_ATTRIBUTE item = {type, value, *size};
    CK_RV rv = C_GetAttributeValue(session, object, &item, 1);

    *size = item.ulValueLen;
    return rv;
}

EVP_PKEY *filetoken_public(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    unsigned char info[2048];
    const unsigned char *end = info;
    CK_ULONG size = sizeof info;
    EVP_PKEY *pkey;

    filetoken_assert_rv(filetoken_attribute(session, object, CKA_PUBLIC_KEY_INFO, info, &size), CKR_OK);
    pkey = d2i_PUBKEY(NULL, &end, (long)size);
    ck_assert_ptr_nonnull(pkey);
    return pkey;
}

CK_RV filetoken_sign(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                     const void *data, size_t size, uint8_t *signature, CK_ULONG *signature_size)
{
    CK_RV rv = C_SignInit(session, mechanism, key);

    return rv == CKR_OK ? C_Sign(session, (CK_BYTE *)(uintptr_t)data, size, signature, signature_size) : rv;
}

bool filetoken_verify_ecdsa(EVP_PKEY *pkey, const uint8_t *digest, size_t digest_size,
                            const uint8_t *signature, size_t size)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    unsigned char *der = NULL;
    int der_size;
    bool good;

    ECDSA_SIG_set0(pair, BN_bin2bn(signature, (int)(size / 2), NULL),
                   BN_bin2bn(signature + size / 2, (int)(size / 2), NULL));
    der_size = i2d_ECDSA_SIG(pair, &der);
    good = der_size > 0 && EVP_PKEY_verify_init(context) == 1 &&
           EVP_PKEY_verify(context, der, (size_t)der_size, digest, digest_size) == 1;
    OPENSSL_free(der);
    EVP_PKEY_CTX_free(context);
    ECDSA_SIG_free(pair);
    return good;
}
