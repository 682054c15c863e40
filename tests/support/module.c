/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "common/rvname.h"

#include "pkcs11/curve.h"
#include "tests/support/tpm.h"

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

CK_BBOOL test_yes = CK_TRUE;
CK_BBOOL test_no = CK_FALSE;

void test_rv(const char *file, int line, const char *what, CK_RV got, CK_RV wanted)
{
    char name[64];

    if (got == wanted)
        return;
    snprintf(name, sizeof name, "%s", rv_name(got));
    ck_abort_msg("%s:%d: %s answers %s (%s), not %s", file, line, what, name, p11_failure_text(),
                 rv_name(wanted));
}

void test_module_environment(void)
{
    static const char *const unset[] = {
        "DEVID_EMPTY_SLOTS",      "DEVID_PARENT",          "DEVID_LOG",       "DEVID_OWNER_AUTH",
        "DEVID_ENDORSEMENT_AUTH", "CREDENTIALS_DIRECTORY", "DEVID_PIN_SOURCE"};
    const char *tokens = support_path("tokens");

    for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++)
        unsetenv(unset[i]);
    setenv("DEVID_CONF", "/dev/null", 1);
    setenv("DEVID_DEVICE_OBJECTS", "no", 1); /* most tests count objects of their own */
    setenv("TSS2_LOG", "all+none", 0);       /* errors that a test provokes are not for the terminal */
    setenv("DEVID_TOKENS", tokens, 1);
    mkdir(tokens, 0700);
}

static void make_keys(unsigned keys)
{
    CK_SESSION_HANDLE session = test_session();
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    if ((keys & TEST_EC) != 0)
        ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    if ((keys & TEST_RSA) != 0)
        ck_assert_rv(test_generate_rsa(session, 2048, "rsa", true, true, &public, &private), CKR_OK);
    if ((keys & TEST_RSA_SIGNS) != 0)
        ck_assert_rv(test_generate_rsa(session, 2048, "rsa-signs", true, false, &public, &private), CKR_OK);
}

void test_module_make(unsigned keys)
{
    test_module_environment();
    test_tpm_start();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    test_init_token("device");
    make_keys(keys);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "cp -a %s %s", support_path("tokens"), support_path("made")), 0);
}

void test_module_up(void)
{
    const char *tokens = support_path("tokens");

    ck_assert_int_eq(support_shell(NULL, "chmod -R u+rwX %s; rm -rf %s && cp -a %s %s", tokens, tokens,
                                   support_path("made"), tokens),
                     0);
    test_tpm_count_reset();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
}

void test_module_down(void)
{
    CK_RV rv = C_Finalize(NULL);

    ck_assert(rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED);
}

void test_write_token(const char *folder, const char *settings)
{
    char text[4096];

    snprintf(text, sizeof text, "format = 1\nlabel = %s\nserial = 00\nslot = 0\nbackend = tpm\n%s", folder,
             settings);
    mkdir(support_path("tokens/%s", folder), 0700);
    support_write(support_path("tokens/%s/token.conf", folder), text);
}

CK_SLOT_ID test_init_token(const char *label)
{
    CK_SLOT_ID slot = test_slot(NULL);
    CK_UTF8CHAR field[32];

    memset(field, ' ', sizeof field);
    memcpy(field, label, strlen(label));
    ck_assert_rv(C_InitToken(slot, NULL, 0, field), CKR_OK);
    return slot;
}

static bool slot_has(CK_SLOT_ID slot, const char *label)
{
    CK_TOKEN_INFO info;

    ck_assert_rv(C_GetTokenInfo(slot, &info), CKR_OK);
    if (label == NULL)
        return (info.flags & CKF_TOKEN_INITIALIZED) == 0;
    return (info.flags & CKF_TOKEN_INITIALIZED) != 0 && memcmp(info.label, label, strlen(label)) == 0 &&
           info.label[strlen(label)] == ' ';
}

CK_SLOT_ID test_slot(const char *label)
{
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;

    ck_assert_rv(C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
    ck_assert_uint_le(count, 16);
    ck_assert_rv(C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++)
        if (slot_has(slots[i], label))
            return slots[i];
    ck_abort_msg("there is no slot with %s", label != NULL ? label : "no token");
    return 0;
}

CK_SESSION_HANDLE test_session_with(CK_FLAGS flags)
{
    CK_SESSION_HANDLE session = 0;

    ck_assert_rv(C_OpenSession(test_slot("device"), flags, NULL, NULL, &session), CKR_OK);
    return session;
}

CK_SESSION_HANDLE test_session(void)
{
    return test_session_with(CKF_SERIAL_SESSION | CKF_RW_SESSION);
}

static CK_ATTRIBUTE text(CK_ATTRIBUTE_TYPE type, const char *value)
{
    return (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, strlen(value)};
}

static CK_ATTRIBUTE flag(CK_ATTRIBUTE_TYPE type, bool on)
{
    return (CK_ATTRIBUTE){type, on ? &test_yes : &test_no, sizeof test_yes};
}

CK_RV test_generate_ec(CK_SESSION_HANDLE session, const char *curve, const char *label, bool token,
                       CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    const struct p11_curve *row = p11_curve_by_name(curve, strlen(curve));
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_items[] = {
        {CKA_EC_PARAMS, (void *)(uintptr_t)row->params, row->params_size},
        flag(CKA_TOKEN, token),
        text(CKA_LABEL, label),
    };
    CK_ATTRIBUTE private_items[] = {flag(CKA_TOKEN, token), text(CKA_LABEL, label)};

    return C_GenerateKeyPair(session, &mechanism, public_items, 3, private_items, 2, public, private);
}

CK_RV test_generate_rsa(CK_SESSION_HANDLE session, CK_ULONG bits, const char *label, bool token, bool decrypt,
                        CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_items[] = {
        {CKA_MODULUS_BITS, &bits, sizeof bits},
        flag(CKA_TOKEN, token),
        text(CKA_LABEL, label),
    };
    CK_ATTRIBUTE private_items[] = {
        flag(CKA_TOKEN, token),
        text(CKA_LABEL, label),
        flag(CKA_DECRYPT, decrypt),
    };

    return C_GenerateKeyPair(session, &mechanism, public_items, 3, private_items, 3, public, private);
}

static size_t find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_HANDLE *first)
{
    CK_OBJECT_HANDLE found[64];
    CK_ULONG number = 0;

    ck_assert_rv(C_FindObjectsInit(session, items, count), CKR_OK);
    ck_assert_rv(C_FindObjects(session, found, 64, &number), CKR_OK);
    ck_assert_rv(C_FindObjectsFinal(session), CKR_OK);
    *first = number != 0 ? found[0] : 0;
    return number;
}

size_t test_count(CK_SESSION_HANDLE session, CK_ATTRIBUTE *items, CK_ULONG count)
{
    CK_OBJECT_HANDLE first;

    return find(session, items, count, &first);
}

CK_OBJECT_HANDLE test_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, const char *label)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class, sizeof object_class},
        text(CKA_LABEL, label),
    };
    CK_OBJECT_HANDLE object;
    size_t number = find(session, items, 2, &object);

    ck_assert_msg(number <= 1, "%zu objects are called %s", number, label);
    return object;
}

unsigned char *test_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                              size_t *size)
{
    CK_ATTRIBUTE item = {type, NULL, 0};
    unsigned char *value;

    ck_assert_rv(C_GetAttributeValue(session, object, &item, 1), CKR_OK);
    value = calloc(1, item.ulValueLen + 1);
    ck_assert_ptr_nonnull(value);
    item.pValue = value;
    ck_assert_rv(C_GetAttributeValue(session, object, &item, 1), CKR_OK);
    *size = item.ulValueLen;
    return value;
}

bool test_attribute_is(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       const void *value, size_t size)
{
    size_t got_size;
    unsigned char *got = test_attribute(session, object, type, &got_size);
    bool same = got_size == size && memcmp(got, value, size) == 0;

    free(got);
    return same;
}

CK_RV test_sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {1, 2, 3};
    CK_BYTE signature[256];
    CK_ULONG size = sizeof signature;
    CK_RV rv = C_SignInit(session, &mechanism, key);

    return rv == CKR_OK ? C_Sign(session, digest, sizeof digest, signature, &size) : rv;
}

static X509 *make_certificate(const char *common_name, long serial)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    ck_assert_ptr_nonnull(key);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    ASN1_TIME_set_string(X509_getm_notBefore(certificate), "20260102000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(certificate), "20271231235959Z");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    EVP_PKEY_free(key);
    return certificate;
}

unsigned char *test_certificate(const char *common_name, long serial, size_t *size)
{
    X509 *certificate = make_certificate(common_name, serial);
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);

    ck_assert_int_gt(length, 0);
    *size = (size_t)length;
    X509_free(certificate);
    return der;
}

char *test_certificate_pem(const char *common_name, long serial)
{
    X509 *certificate = make_certificate(common_name, serial);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    char *copy;
    long size;

    ck_assert_int_eq(PEM_write_bio_X509(bio, certificate), 1);
    size = BIO_get_mem_data(bio, &text);
    copy = strndup(text, (size_t)size);
    BIO_free(bio);
    X509_free(certificate);
    return copy;
}

const char *test_token_file(const char *name)
{
    return support_path("tokens/device/%s", name);
}

static int is_object(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && strcmp(entry->d_name + length - 4, ".pem") == 0;
}

size_t test_token_files(void)
{
    struct dirent **entries;
    int count = scandir(support_path("tokens/device"), &entries, is_object, alphasort);

    ck_assert_int_ge(count, 0);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return (size_t)count;
}

void test_no_descriptors(bool none)
{
    static struct rlimit usual;
    struct rlimit limit;

    if (none)
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
    limit = usual;
    if (none)
        limit.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
