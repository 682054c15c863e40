/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that tpm2-tools left at persistent handles, restricted ones too, and NV indexes. */
#include "devid/pkcs11.h"
#include "pkcs11/device.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

static CK_SESSION_HANDLE session;

/* 0x81000010: EC. 0x81000020 to 22: attestation keys, RSA PKCS#1, RSA PSS, ECDSA, with SHA-256. */
static void make(void)
{
    test_module_make(0);
    ck_assert_int_eq(
        support_shell(
            NULL,
            "cd %s && export TPM2TOOLS_TCTI=%s && exec >make.log 2>&1 && set -e;"
            "tpm2_createprimary -C o -G ecc -c p.ctx; tpm2_flushcontext -t;"
            "tpm2_create -C p.ctx -G ecc -u k.pub -r k.priv; tpm2_flushcontext -t;"
            "tpm2_load -C p.ctx -u k.pub -r k.priv -c k.ctx; tpm2_evictcontrol -C o -c k.ctx 0x81000010;"
            "tpm2_flushcontext -t; tpm2_readpublic -c 0x81000010 -n name;"
            "ak() { tpm2_createek -G $1 -c ek.ctx; tpm2_flushcontext -t;"
            " tpm2_createak -C ek.ctx -G $1 -g sha256 -s $2 -c ak.ctx; tpm2_flushcontext -t -l -s;"
            " tpm2_evictcontrol -C o -c ak.ctx $3; tpm2_flushcontext -t; };"
            "ak rsa rsassa 0x81000020; ak rsa rsapss 0x81000021; ak ecc ecdsa 0x81000022;"
            "tpm2_nvdefine -C o -s 2000 0x01800020; head -c 2000 /dev/zero | tr '\\0' x >nv;"
            "tpm2_nvwrite -C o -i nv 0x01800020",
            support_path("."), test_tpm_tcti()),
        0);
}

static void up(void)
{
    test_module_up();
    session = test_session();
}

static CK_RV take(const void *place, size_t size, CK_OBJECT_HANDLE *key)
{
    CK_MECHANISM mechanism = {CKM_DEVID_TSS2_KEY, NULL, 0};
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS,   &class,    sizeof class   },
        {CKA_TOKEN,   &test_no,  sizeof test_no },
        {CKA_PRIVATE, &test_no,  sizeof test_no },
        {CKA_SIGN,    &test_yes, sizeof test_yes},
    };

    return C_UnwrapKey(session, &mechanism, CK_INVALID_HANDLE, (CK_BYTE *)(uintptr_t)place, size, template, 4,
                       key);
}

START_TEST(a_place_becomes_a_key_by_one_command)
{
    CK_OBJECT_HANDLE key;

    test_tpm_count_reset();
    ck_assert_rv(take("\x81\0\0\x10\0", 5, &key), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 1);
    ck_assert_rv(test_sign(session, key), CKR_OK);
    ck_assert_rv(test_sign(session, key), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 2);
    ck_assert_uint_eq(test_tpm_count()->total, 3); /* the first signature showed that it is the key */
}
END_TEST

START_TEST(its_name_may_be_said)
{
    size_t size;
    char *name = support_read(support_path("name"), &size);
    uint8_t place[64] = {0x81, 0, 0, 0x10, 0, 0, (uint8_t)size};
    CK_OBJECT_HANDLE key;

    memcpy(place + 7, name, size);
    ck_assert_rv(take(place, 7 + size, &key), CKR_OK);
    place[7 + size - 1] ^= 1;
    ck_assert_rv(take(place, 7 + size, &key), CKR_OBJECT_HANDLE_INVALID);
    place[7 + size - 1] ^= 1;
    ck_assert_rv(take(place, 7 + size - 1, &key), CKR_WRAPPED_KEY_INVALID);
    free(name);
}
END_TEST

/* It is somebody else's: neither made a token's own, nor evicted. */
START_TEST(it_stays_where_it_is)
{
    CK_ULONG elsewhere = 0x81000012;
    CK_ATTRIBUTE change = {CKA_DEVID_PERSISTENT, &elsewhere, sizeof elsewhere};
    CK_OBJECT_HANDLE key;

    ck_assert_rv(take("\x81\0\0\x10\0", 5, &key), CKR_OK);
    ck_assert_rv(C_SetAttributeValue(session, key, &change, 1), CKR_ATTRIBUTE_READ_ONLY);
    elsewhere = 0;
    ck_assert_rv(C_SetAttributeValue(session, key, &change, 1), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, key), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_EvictControl), 0);
    ck_assert_rv(take("\x81\0\0\x10\0", 5, &key), CKR_OK);
}
END_TEST

static const struct {
    const char *place;
    size_t size;
    CK_RV rv;
} refusals[] = {
    {"\x81\0\0\x66\0",   5, CKR_OBJECT_HANDLE_INVALID}, /* nothing is there */
    {"\x81\0\0\x10",     4, CKR_WRAPPED_KEY_INVALID  },
    {"\x81\0\0\x10\2",   5, CKR_WRAPPED_KEY_INVALID  },
    {"\x81\0\0\x10\0\0", 6, CKR_WRAPPED_KEY_INVALID  },
    {"\x80\0\0\x10\0",   5, CKR_WRAPPED_KEY_INVALID  }, /* a transient handle */
    {"\x81",             1, CKR_WRAPPED_KEY_INVALID  },
};
enum { REFUSALS = sizeof refusals / sizeof refusals[0] };

START_TEST(what_is_no_place_is_refused)
{
    CK_OBJECT_HANDLE key;

    ck_assert_rv(take(refusals[_i].place, refusals[_i].size, &key), refusals[_i].rv);
}
END_TEST

static CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
static CK_RSA_PKCS_PSS_PARAMS other_salt = {CKM_SHA256, CKG_MGF1_SHA256, 20};

static const struct {
    const char *place;
    CK_MECHANISM hashing;
    CK_MECHANISM bare;
} keys[] = {
    {"\x81\0\0\x20\0", {CKM_SHA256_RSA_PKCS, NULL, 0},              {CKM_RSA_PKCS, NULL, 0}             },
    {"\x81\0\0\x21\0", {CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss}, {CKM_RSA_PKCS_PSS, &pss, sizeof pss}},
    {"\x81\0\0\x22\0", {CKM_ECDSA_SHA256, NULL, 0},                 {CKM_ECDSA, NULL, 0}                },
};
enum { AKS = sizeof keys / sizeof keys[0] };

static CK_OBJECT_HANDLE public_of(CK_OBJECT_HANDLE private)
{
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    size_t size;
    unsigned char *id = test_attribute(session, private, CKA_ID, &size);
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_ID,    id,     size        },
    };
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ULONG count = 0;

    ck_assert_rv(C_FindObjectsInit(session, template, 2), CKR_OK);
    ck_assert_rv(C_FindObjects(session, &found, 1, &count), CKR_OK);
    ck_assert_rv(C_FindObjectsFinal(session), CKR_OK);
    ck_assert_uint_eq(count, 1);
    free(id);
    return found;
}

/* In parts of `part` bytes, 0: at once. */
static void sign_and_verify(CK_OBJECT_HANDLE key, const CK_MECHANISM *how, size_t size, size_t part)
{
    CK_MECHANISM mechanism = *how;
    CK_BYTE *message = calloc(1, size + 1);
    CK_BYTE signature[256];
    CK_ULONG signature_size = sizeof signature;

    for (size_t i = 0; i < size; i++)
        message[i] = (CK_BYTE)(i * 7 + 1);
    ck_assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
    for (size_t i = 0; part != 0 && i < size; i += part)
        ck_assert_rv(C_SignUpdate(session, message + i, size - i < part ? size - i : part), CKR_OK);
    if (part != 0)
        ck_assert_rv(C_SignFinal(session, signature, &signature_size), CKR_OK);
    else
        ck_assert_rv(C_Sign(session, message, size, signature, &signature_size), CKR_OK);
    ck_assert_rv(C_VerifyInit(session, &mechanism, public_of(key)), CKR_OK);
    ck_assert_rv(C_Verify(session, message, size, signature, signature_size), CKR_OK);
    free(message);
}

START_TEST(a_restricted_key_signs_what_the_tpm_hashed)
{
    static const size_t sizes[] = {0, 1, 1023, 1024, 1025, 2048, 5000};
    CK_OBJECT_HANDLE key;

    ck_assert_rv(take(keys[_i].place, 5, &key), CKR_OK);
    ck_assert(test_attribute_is(session, key, CKA_ALLOWED_MECHANISMS, &keys[_i].hashing.mechanism,
                                sizeof(CK_MECHANISM_TYPE)));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        sign_and_verify(key, &keys[_i].hashing, sizes[i], 0);
    sign_and_verify(key, &keys[_i].hashing, 5000, 700);
    test_tpm_count_reset();
    sign_and_verify(key, &keys[_i].hashing, 100, 0);
    ck_assert_uint_eq(test_tpm_count()->total, 2); /* Hash, Sign */
}
END_TEST

START_TEST(a_restricted_key_signs_nothing_else)
{
    CK_MECHANISM bare = keys[_i].bare;
    CK_MECHANISM hashing = keys[_i].hashing;
    CK_BYTE message[8] = {0xff, 'T', 'C', 'G'}; /* as the TPM's own statements begin */
    CK_BYTE signature[256];
    CK_ULONG size = sizeof signature;
    CK_OBJECT_HANDLE key;

    ck_assert_rv(take(keys[_i].place, 5, &key), CKR_OK);
    ck_assert_rv(C_SignInit(session, &bare, key), CKR_MECHANISM_INVALID);
    ck_assert_rv(C_SignInit(session, &hashing, key), CKR_OK);
    ck_assert_rv(C_Sign(session, message, sizeof message, signature, &size), CKR_DEVICE_ERROR);
    if (hashing.mechanism == CKM_SHA256_RSA_PKCS_PSS) {
        hashing.pParameter = &other_salt;
        ck_assert_rv(C_SignInit(session, &hashing, key), CKR_OK);
        ck_assert_rv(C_Sign(session, message + 4, 4, signature, &size), CKR_MECHANISM_PARAM_INVALID);
    }
}
END_TEST

/* The sequence of a hash that breaks off does not stay in the TPM. */
START_TEST(a_failure_in_the_middle_leaves_nothing)
{
    CK_MECHANISM mechanism = keys[0].hashing;
    CK_BYTE message[5000] = {0};
    CK_BYTE signature[256];
    CK_ULONG size = sizeof signature;
    char *handles = NULL;
    CK_OBJECT_HANDLE key;

    ck_assert_rv(take(keys[0].place, 5, &key), CKR_OK);
    ck_assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
    test_tpm_count()->inject_command = TPM2_CC_SequenceUpdate;
    test_tpm_count()->inject_code = TPM2_RC_FAILURE;
    test_tpm_count()->inject_after = 1;
    test_tpm_count()->inject_times = 1;
    ck_assert_rv(C_Sign(session, message, sizeof message, signature, &size), CKR_DEVICE_ERROR);
    ck_assert_int_eq(support_shell(&handles, "tpm2_getcap -T %s handles-transient", test_tpm_tcti()), 0);
    ck_assert_str_eq(handles, "");
    free(handles);
    sign_and_verify(key, &keys[0].hashing, 5000, 0);
}
END_TEST

START_TEST(an_index_is_read)
{
    CK_BYTE content[2000];
    CK_ULONG size = 0;

    ck_assert_rv(device_read_index(session, 0x01800020, NULL, &size), CKR_OK);
    ck_assert_uint_eq(size, 2000);
    size = 1999;
    ck_assert_rv(device_read_index(session, 0x01800020, content, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 2000);
    ck_assert_rv(device_read_index(session, 0x01800020, content, &size), CKR_OK);
    for (size_t i = 0; i < sizeof content; i++)
        ck_assert_int_eq(content[i], 'x');
    ck_assert_rv(device_read_index(session, 0x01800020, content, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(device_read_index(session, 0x81000010, content, &size), CKR_ARGUMENTS_BAD);
    ck_assert_rv(device_read_index(session, 0x01800066, content, &size), CKR_DEVICE_ERROR);
    ck_assert_rv(device_read_index(0, 0x01800020, content, &size), CKR_SESSION_HANDLE_INVALID);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("athandle");
    TCase *t = tcase_create("athandle");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_add_test(t, a_place_becomes_a_key_by_one_command);
    tcase_add_test(t, its_name_may_be_said);
    tcase_add_test(t, it_stays_where_it_is);
    tcase_add_loop_test(t, what_is_no_place_is_refused, 0, REFUSALS);
    tcase_add_loop_test(t, a_restricted_key_signs_what_the_tpm_hashed, 0, AKS);
    tcase_add_loop_test(t, a_restricted_key_signs_nothing_else, 0, AKS);
    tcase_add_test(t, a_failure_in_the_middle_leaves_nothing);
    tcase_add_test(t, an_index_is_read);
    suite_add_tcase(s, t);
    return s;
}
