/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/sealed.h"
#include "devid/pkcs11.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include "common/file.h"

#include <tss2/tss2_tpm2_types.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A swtpm that hides TPM2_EncryptDecrypt2. The tokens: "device" asks for sealed keys, "plain" does not, and
 * "pinned" does and has PINs. */

#define PIN "1234567890"

static CK_SESSION_HANDLE session;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE aes_type = CKK_AES;

/* NIST SP 800-38A F.1.1, and SP 800-38B D.1 (example 2). */
static CK_BYTE value[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                            0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
static CK_BYTE plain[16] = {0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96,
                            0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a};
static const CK_BYTE by_ecb[16] = {0x3a, 0xd7, 0x7b, 0xb4, 0x0d, 0x7a, 0x36, 0x60,
                                   0xa8, 0x9e, 0xca, 0xf3, 0x24, 0x66, 0xef, 0x97};
static const CK_BYTE by_cmac[16] = {0x07, 0x0a, 0x16, 0xb4, 0x6b, 0x4d, 0x41, 0x44,
                                    0xf7, 0x9b, 0xdd, 0x9d, 0xd0, 0x4a, 0x28, 0x7c};

static void make_pinned(void)
{
    CK_UTF8CHAR label[32] = "pinned                          ";
    CK_UTF8CHAR pin[] = PIN;
    CK_SLOT_ID slot = test_slot(NULL);

    ck_assert_rv(C_InitToken(slot, pin, strlen(PIN), label), CKR_OK);
    ck_assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_SO, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, pin, strlen(PIN)), CKR_OK);
}

static void make(void)
{
    test_tpm_start();
    test_tpm_count()->hide_command = TPM2_CC_EncryptDecrypt2;
    test_module_make(0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    test_init_token("plain");
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK); /* the first empty slot is for a TPM again */
    make_pinned();
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(
        support_shell(NULL,
                      "for t in device pinned; do echo 'software-secrets = sealed' >> %s/$t/token.conf; "
                      "done; rm -rf %s; cp -a %s %s",
                      support_path("tokens"), support_path("made"), support_path("tokens"),
                      support_path("made")),
        0);
}

static CK_SESSION_HANDLE open_session(const char *label)
{
    CK_SESSION_HANDLE opened = 0;

    ck_assert_rv(C_OpenSession(test_slot(label), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &opened),
                 CKR_OK);
    return opened;
}

static void up(void)
{
    unlink(support_path("traffic"));
    setenv("TCTI_RECORD_FILE", support_path("traffic"), 1);
    test_module_up();
    session = open_session("device");
}

static bool was_on_the_bus(const void *needle, size_t size)
{
    struct bytes traffic;
    bool found;

    ck_assert_int_eq(file_read(AT_FDCWD, support_path("traffic"), 1 << 22, &traffic), 0);
    ck_assert_uint_gt(traffic.size, 100);
    found = memmem(traffic.data, traffic.size, needle, size) != NULL;
    bytes_free(&traffic);
    return found;
}

static CK_RV create_in(CK_SESSION_HANDLE where, const char *label, bool token, CK_OBJECT_HANDLE *key)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &secret_class,                sizeof secret_class},
        {CKA_KEY_TYPE, &aes_type,                    sizeof aes_type    },
        {CKA_TOKEN,    token ? &test_yes : &test_no, sizeof test_yes    },
        {CKA_LABEL,    (void *)(uintptr_t)label,     strlen(label)      },
        {CKA_WRAP,     &test_yes,                    sizeof test_yes    },
        {CKA_UNWRAP,   &test_yes,                    sizeof test_yes    },
        {CKA_VALUE,    value,                        sizeof value       },
    };

    return C_CreateObject(where, items, sizeof items / sizeof items[0], key);
}

static CK_OBJECT_HANDLE create(void)
{
    CK_OBJECT_HANDLE key = 0;

    ck_assert_rv(create_in(session, "sealed", true, &key), CKR_OK);
    return key;
}

static CK_RV generate(CK_ULONG size, CK_OBJECT_HANDLE *key)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE items[] = {
        {CKA_TOKEN,     &test_yes,                       sizeof test_yes},
        {CKA_LABEL,     (void *)(uintptr_t) "generated", 9              },
        {CKA_VALUE_LEN, &size,                           sizeof size    },
    };

    return C_GenerateKey(session, &mechanism, items, 3, key);
}

static CK_RV encrypt_with(CK_SESSION_HANDLE where, CK_OBJECT_HANDLE key, CK_BYTE out[16])
{
    CK_MECHANISM mechanism = {CKM_AES_ECB, NULL, 0};
    CK_ULONG size = 16;
    CK_RV rv = C_EncryptInit(where, &mechanism, key);

    memset(out, 0, 16);
    return rv == CKR_OK ? C_Encrypt(where, plain, sizeof plain, out, &size) : rv;
}

static void assert_encrypts(CK_OBJECT_HANDLE key)
{
    CK_BYTE out[16];

    ck_assert_rv(encrypt_with(session, key, out), CKR_OK);
    ck_assert_mem_eq(out, by_ecb, sizeof by_ecb);
}

static void assert_commands(unsigned total, unsigned unseals)
{
    ck_assert_uint_eq(test_tpm_count()->total, total);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Unseal), unseals);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_EncryptDecrypt2), 0);
}

/* --- which mechanisms there are
 * ------------------------------------------------------------------------------------- */

static bool lists(const char *label, CK_MECHANISM_TYPE type)
{
    CK_MECHANISM_TYPE list[128];
    CK_ULONG count = 128;

    ck_assert_rv(C_GetMechanismList(test_slot(label), list, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++)
        if (list[i] == type)
            return true;
    return false;
}

static const CK_MECHANISM_TYPE aes_mechanisms[] = {
    CKM_AES_KEY_GEN, CKM_AES_ECB,  CKM_AES_CBC,          CKM_AES_CBC_PAD,  CKM_AES_CTR,
    CKM_AES_GCM,     CKM_AES_CMAC, CKM_AES_CMAC_GENERAL, CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_PAD,
};

START_TEST(the_mechanisms_are_there_where_they_are_asked_for)
{
    CK_MECHANISM_INFO info;

    for (size_t i = 0; i < sizeof aes_mechanisms / sizeof aes_mechanisms[0]; i++) {
        ck_assert_msg(lists("device", aes_mechanisms[i]), "0x%lx", aes_mechanisms[i]);
        ck_assert_msg(!lists("plain", aes_mechanisms[i]), "0x%lx", aes_mechanisms[i]);
    }
    ck_assert_rv(C_GetMechanismInfo(test_slot("device"), CKM_AES_CBC_PAD, &info), CKR_OK);
    ck_assert_uint_eq(info.ulMinKeySize, 16);
    ck_assert_uint_eq(info.ulMaxKeySize, 32);
    ck_assert_uint_eq(info.flags & (CKF_WRAP | CKF_UNWRAP), CKF_WRAP | CKF_UNWRAP);
    assert_commands(0, 0);
}
END_TEST

START_TEST(a_token_that_does_not_ask_takes_no_aes_keys)
{
    CK_OBJECT_HANDLE key = 0;

    session = open_session("plain");
    ck_assert_rv(create_in(session, "none", true, &key), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "software-secrets = sealed"));
    ck_assert_rv(generate(16, &key), CKR_MECHANISM_INVALID);
    assert_commands(0, 0);
}
END_TEST

START_TEST(the_setting_has_two_values)
{
    static const struct {
        const char *value;
        CK_RV rv;
        bool configured;
    } rows[] = {
        {NULL,     CKR_OK,                   false},
        {"none",   CKR_OK,                   false},
        {"sealed", CKR_OK,                   true },
        {"seal",   CKR_TOKEN_NOT_RECOGNIZED, false},
        {"",       CKR_TOKEN_NOT_RECOGNIZED, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_conf conf = {0};
        bool configured = true;

        if (rows[i].value != NULL)
            ck_assert_rv(token_conf_set(&conf, "software-secrets", rows[i].value), CKR_OK);
        ck_assert_rv(tpm_sealed_read(&conf, "token", &configured), rows[i].rv);
        ck_assert(configured == rows[i].configured);
        token_conf_free(&conf);
    }
}
END_TEST

/* --- commands
 * ------------------------------------------------------------------------------------------------ */

START_TEST(a_key_is_made_by_one_command_and_a_session)
{
    CK_OBJECT_HANDLE key;

    for (CK_ULONG size = 16; size <= 32; size += 8) {
        test_tpm_count_reset();
        ck_assert_rv(generate(size, &key), CKR_OK);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 1);
        assert_commands(2, 0);
        ck_assert(test_attribute_is(session, key, CKA_VALUE_LEN, &size, sizeof size));
        ck_assert(test_attribute_is(session, key, CKA_LOCAL, &test_yes, 1));
    }
    test_tpm_count_reset();
    create();
    assert_commands(2, 0);
}
END_TEST

START_TEST(the_first_use_is_four_commands_and_further_ones_are_none)
{
    CK_OBJECT_HANDLE key = create();

    test_tpm_count_reset();
    assert_encrypts(key);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
    assert_commands(4, 1);
    for (int i = 0; i < 5; i++)
        assert_encrypts(key);
    assert_commands(4, 1);
    ck_assert_rv(C_CloseSession(session), CKR_OK); /* the last one: the value is wiped */
    session = open_session("device");
    assert_encrypts(test_find(session, CKO_SECRET_KEY, "sealed"));
    assert_commands(8, 2);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    assert_commands(8, 2);
}
END_TEST

START_TEST(a_session_key_is_sealed_too)
{
    CK_OBJECT_HANDLE key;

    ck_assert_rv(create_in(session, "for now", false, &key), CKR_OK);
    ck_assert(test_attribute_is(session, key, CKA_DEVID_BACKEND, "tpm-sealed", 10));
    assert_encrypts(key);
    ck_assert_uint_eq(test_token_files(), 0);
}
END_TEST

static void *encrypt_in_thread(void *key)
{
    CK_SESSION_HANDLE own;
    CK_BYTE out[16];
    CK_RV rv = C_OpenSession(test_slot("device"), CKF_SERIAL_SESSION, NULL, NULL, &own);

    if (rv == CKR_OK)
        rv = encrypt_with(own, *(CK_OBJECT_HANDLE *)key, out);
    return rv == CKR_OK && memcmp(out, by_ecb, sizeof out) == 0 ? key : NULL;
}

START_TEST(threads_at_once_unseal_it_once)
{
    CK_OBJECT_HANDLE key = create();
    pthread_t threads[8];
    void *result;

    test_tpm_count_reset();
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, encrypt_in_thread, &key), 0);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_eq(result, &key);
    }
    assert_commands(4, 1);
}
END_TEST

/* --- what it does, and what it tells
 * -------------------------------------------------------------------------------- */

START_TEST(it_does_all_that_a_key_in_a_file_does)
{
    CK_OBJECT_HANDLE key = create();
    CK_MECHANISM cmac = {CKM_AES_CMAC, NULL, 0};
    CK_BYTE nonce[12] = {1};
    CK_GCM_PARAMS params = {.pIv = nonce, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128};
    CK_MECHANISM gcm = {CKM_AES_GCM, &params, sizeof params};
    CK_BYTE out[64];
    CK_BYTE back[64];
    CK_ULONG size = sizeof out;
    CK_ULONG back_size = sizeof back;

    assert_encrypts(key);
    ck_assert_rv(C_SignInit(session, &cmac, key), CKR_OK);
    ck_assert_rv(C_Sign(session, plain, sizeof plain, out, &size), CKR_OK);
    ck_assert_mem_eq(out, by_cmac, sizeof by_cmac);
    ck_assert_rv(C_SignInit(session, &cmac, key), CKR_OK);
    ck_assert_rv(C_SignUpdate(session, plain, 7), CKR_OK);
    ck_assert_rv(C_SignUpdate(session, plain + 7, 9), CKR_OK);
    ck_assert_rv(C_SignFinal(session, out, &size), CKR_OK);
    ck_assert_mem_eq(out, by_cmac, sizeof by_cmac);
    size = sizeof out;
    ck_assert_rv(C_EncryptInit(session, &gcm, key), CKR_OK);
    ck_assert_rv(C_Encrypt(session, plain, 11, out, &size), CKR_OK);
    ck_assert_uint_eq(size, 27);
    ck_assert_rv(C_DecryptInit(session, &gcm, key), CKR_OK);
    ck_assert_rv(C_Decrypt(session, out, size, back, &back_size), CKR_OK);
    ck_assert_uint_eq(back_size, 11);
    ck_assert_mem_eq(back, plain, 11);
    out[3] ^= 1;
    ck_assert_rv(C_DecryptInit(session, &gcm, key), CKR_OK);
    ck_assert_rv(C_Decrypt(session, out, size, back, &back_size), CKR_ENCRYPTED_DATA_INVALID);
}
END_TEST

START_TEST(it_says_that_it_is_sealed_and_gives_nothing_away)
{
    CK_OBJECT_HANDLE key = create();
    CK_BYTE out[64];
    CK_ATTRIBUTE item = {CKA_VALUE, out, sizeof out};
    CK_MECHANISM wrap = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_ULONG size = sizeof out;

    assert_encrypts(key);
    ck_assert(test_attribute_is(session, key, CKA_DEVID_BACKEND, "tpm-sealed", 10));
    ck_assert(test_attribute_is(session, key, CKA_NEVER_EXTRACTABLE, &test_no, 1)); /* it came from outside */
    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_ATTRIBUTE_SENSITIVE);
    ck_assert_rv(C_WrapKey(session, &wrap, key, key, out, &size), CKR_KEY_UNEXTRACTABLE);
    ck_assert(!was_on_the_bus(value, 12));
}
END_TEST

/* Who can write the file can say so, but not make it true. */
START_TEST(a_file_that_says_extractable_changes_nothing)
{
    CK_MECHANISM wrap = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_OBJECT_HANDLE key = create();
    CK_BYTE out[64];
    CK_ATTRIBUTE item = {CKA_VALUE, out, sizeof out};
    CK_ULONG size = sizeof out;

    ck_assert_int_eq(
        support_shell(NULL, "sed -i '1i Extractable: yes\\nSensitive: no' %s", test_token_file("sealed.pem")),
        0);
    key = test_find(session, CKO_SECRET_KEY, "sealed");
    ck_assert(test_attribute_is(session, key, CKA_EXTRACTABLE, &test_yes, 1));
    ck_assert_rv(C_WrapKey(session, &wrap, key, key, out, &size), CKR_KEY_UNEXTRACTABLE);
    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_ATTRIBUTE_TYPE_INVALID);
}
END_TEST

START_TEST(it_wraps_and_unwraps_other_keys)
{
    CK_OBJECT_HANDLE wrapping = create();
    CK_MECHANISM wrap = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_BYTE iv[16] = {9};
    CK_MECHANISM cbc = {CKM_AES_CBC_PAD, iv, sizeof iv};
    CK_MECHANISM *ways[] = {&wrap, &cbc};
    CK_ATTRIBUTE open_items[] = {
        {CKA_CLASS,       &secret_class, sizeof secret_class},
        {CKA_KEY_TYPE,    &aes_type,     sizeof aes_type    },
        {CKA_EXTRACTABLE, &test_yes,     sizeof test_yes    },
        {CKA_VALUE,       value,         sizeof value       },
    };
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &secret_class, sizeof secret_class},
        {CKA_KEY_TYPE, &aes_type,     sizeof aes_type    },
        {CKA_TOKEN,    &test_yes,     sizeof test_yes    },
    };
    CK_OBJECT_HANDLE open;
    CK_OBJECT_HANDLE key;

    ck_assert_rv(C_CreateObject(session, open_items, 4, &open), CKR_OK);
    ck_assert(test_attribute_is(session, open, CKA_DEVID_BACKEND, "file", 4));
    for (size_t i = 0; i < 2; i++) {
        CK_BYTE wrapped[64];
        CK_ULONG size = sizeof wrapped;

        ck_assert_rv(C_WrapKey(session, ways[i], wrapping, open, wrapped, &size), CKR_OK);
        ck_assert_rv(C_UnwrapKey(session, ways[i], wrapping, wrapped, size, items, 3, &key), CKR_OK);
        ck_assert(test_attribute_is(session, key, CKA_DEVID_BACKEND, "tpm-sealed", 10));
        assert_encrypts(key);
    }
}
END_TEST

/* --- its file
 * -------------------------------------------------------------------------------------------------- */

START_TEST(another_process_finds_and_uses_it)
{
    CK_BYTE out[16];
    int status;
    pid_t child;

    create();
    child = fork();
    if (child == 0) {
        CK_RV rv = C_Initialize(NULL);

        if (rv == CKR_OK) {
            session = open_session("device");
            rv = encrypt_with(session, test_find(session, CKO_SECRET_KEY, "sealed"), out);
        }
        _exit(rv == CKR_OK && memcmp(out, by_ecb, sizeof out) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = open_session("device");
    assert_encrypts(test_find(session, CKO_SECRET_KEY, "sealed"));
}
END_TEST

START_TEST(it_is_renamed_and_destroyed_like_any_other)
{
    CK_OBJECT_HANDLE key = create();
    CK_ATTRIBUTE label = {CKA_LABEL, (void *)(uintptr_t) "renamed", 7};

    ck_assert_rv(C_SetAttributeValue(session, key, &label, 1), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = open_session("device");
    key = test_find(session, CKO_SECRET_KEY, "renamed");
    assert_encrypts(key);
    ck_assert_uint_eq(test_token_files(), 1);
    ck_assert_rv(C_DestroyObject(session, key), CKR_OK);
    ck_assert_uint_eq(test_token_files(), 0);
    ck_assert_uint_eq(test_find(session, CKO_SECRET_KEY, "renamed"), 0);
}
END_TEST

START_TEST(its_file_is_a_sealed_object_for_other_programs)
{
    create();
    ck_assert_int_eq(support_shell(NULL, "openssl asn1parse -in %s > %s && grep -q 2.23.133.10.1.5 %s",
                                   test_token_file("sealed.pem"), support_path("asn1"), support_path("asn1")),
                     0);
    ck_assert_int_eq(support_shell(NULL, "grep -q 'AES key of 16 bytes' %s", support_path("asn1")), 0);
}
END_TEST

START_TEST(its_file_waits_on_a_token_that_does_not_ask)
{
    create();
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "sed -i /software-secrets/d %s", test_token_file("token.conf")), 0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = open_session("device");
    ck_assert_uint_eq(test_find(session, CKO_SECRET_KEY, "sealed"), 0);
    ck_assert_uint_eq(test_token_files(), 1);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    setenv("DEVID_SOFTWARE_SECRETS", "sealed", 1);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = open_session("device");
    assert_encrypts(test_find(session, CKO_SECRET_KEY, "sealed"));
}
END_TEST

/* A key of 32 bytes it is not. */
START_TEST(a_description_that_is_not_true_is_found_out)
{
    struct bytes block = BYTES_EMPTY;
    const CK_RV wanted[] = {CKR_OK, CKR_DEVICE_ERROR};
    CK_OBJECT_HANDLE key = create();
    size_t size;
    unsigned char *der = test_attribute(session, key, CKA_DEVID_TSS2_KEY, &size);
    CK_MECHANISM tss2 = {CKM_DEVID_TSS2_KEY, NULL, 0};
    unsigned char *text = memmem(der, size, "AES key of 16", 13);
    CK_BYTE out[16];

    ck_assert_ptr_nonnull(text);
    for (int i = 0; i < 2; i++) {
        ck_assert_rv(C_UnwrapKey(session, &tss2, 0, der, size, NULL, 0, &key), CKR_OK);
        ck_assert_rv(encrypt_with(session, key, out), wanted[i]);
        memcpy(text + 11, "32", 2);
    }
    memcpy(text, "some key of ours", 16);
    ck_assert_rv(C_UnwrapKey(session, &tss2, 0, der, size, NULL, 0, &key), CKR_WRAPPED_KEY_INVALID);
    free(der);
    bytes_free(&block);
}
END_TEST

START_TEST(a_failure_to_unseal_is_told_and_leaves_nothing)
{
    CK_OBJECT_HANDLE key = create();
    CK_BYTE out[16];

    test_tpm_count_reset();
    test_tpm_count()->inject_command = TPM2_CC_Unseal;
    test_tpm_count()->inject_times = 1;
    test_tpm_count()->inject_code = TPM2_RC_FAILURE;
    ck_assert_rv(encrypt_with(session, key, out), CKR_DEVICE_ERROR);
    assert_encrypts(key);
    test_tpm_count()->flip_command = TPM2_CC_Unseal;
    test_tpm_count()->flip_bit = 8 * 18;
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    session = open_session("device");
    key = test_find(session, CKO_SECRET_KEY, "sealed");
    ck_assert_rv(encrypt_with(session, key, out), CKR_DEVICE_ERROR);
    assert_encrypts(key);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL,
                                   "test -z \"$(tpm2_getcap -T %s handles-transient)$(tpm2_getcap -T %s "
                                   "handles-loaded-session)\"",
                                   test_tpm_tcti(), test_tpm_tcti()),
                     0);
}
END_TEST

/* --- a token with a PIN
 * ------------------------------------------------------------------------------------------- */

START_TEST(behind_a_pin_it_goes_with_the_login)
{
    CK_UTF8CHAR pin[] = PIN;
    CK_OBJECT_HANDLE key;
    CK_BYTE out[16];

    session = open_session("pinned");
    ck_assert_rv(create_in(session, "sealed", true, &key), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(create_in(session, "sealed", true, &key), CKR_OK);
    test_tpm_count_reset();
    assert_encrypts(key);
    assert_encrypts(key);
    assert_commands(4, 1);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(encrypt_with(session, key, out), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
    test_tpm_count_reset();
    assert_encrypts(test_find(session, CKO_SECRET_KEY, "sealed"));
    assert_commands(4, 1);
    ck_assert(!was_on_the_bus(value, 12));
    ck_assert_int_eq(support_shell(NULL, "test $(openssl asn1parse -in %s | grep -c BOOLEAN) = 0",
                                   support_path("tokens/pinned/sealed.pem")),
                     0); /* no emptyAuth: the TPM asks for the token's secret */
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/sealed");
    TCase *t = tcase_create("sealed");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_add_test(t, the_mechanisms_are_there_where_they_are_asked_for);
    tcase_add_test(t, a_token_that_does_not_ask_takes_no_aes_keys);
    tcase_add_test(t, the_setting_has_two_values);
    tcase_add_test(t, a_key_is_made_by_one_command_and_a_session);
    tcase_add_test(t, the_first_use_is_four_commands_and_further_ones_are_none);
    tcase_add_test(t, a_session_key_is_sealed_too);
    tcase_add_test(t, threads_at_once_unseal_it_once);
    tcase_add_test(t, it_does_all_that_a_key_in_a_file_does);
    tcase_add_test(t, it_says_that_it_is_sealed_and_gives_nothing_away);
    tcase_add_test(t, a_file_that_says_extractable_changes_nothing);
    tcase_add_test(t, it_wraps_and_unwraps_other_keys);
    tcase_add_test(t, another_process_finds_and_uses_it);
    tcase_add_test(t, it_is_renamed_and_destroyed_like_any_other);
    tcase_add_test(t, its_file_is_a_sealed_object_for_other_programs);
    tcase_add_test(t, its_file_waits_on_a_token_that_does_not_ask);
    tcase_add_test(t, a_description_that_is_not_true_is_found_out);
    tcase_add_test(t, a_failure_to_unseal_is_told_and_leaves_nothing);
    tcase_add_test(t, behind_a_pin_it_goes_with_the_login);
    suite_add_tcase(s, t);
    return s;
}
