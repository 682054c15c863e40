/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "pkcs11/curve.h"
#include "devid/pkcs11.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE public;
static CK_OBJECT_HANDLE private;

static void make(void)
{
    test_module_make(0);
}

static void up(void)
{
    test_module_up();
    session = test_session();
    public = 0;
    private = 0;
}

static void reload(void)
{
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
}

static void assert_ulong(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG wanted)
{
    ck_assert_msg(test_attribute_is(session, object, type, &wanted, sizeof wanted), "attribute 0x%lx", type);
}

static void assert_flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool wanted)
{
    ck_assert_msg(test_attribute_is(session, object, type, wanted ? &test_yes : &test_no, 1),
                  "attribute 0x%lx", type);
}

/* What holds for every key that this module makes, just made or read from its file. */
static void assert_origin(CK_MECHANISM_TYPE mechanism)
{
    assert_flag(private, CKA_LOCAL, true);
    assert_flag(public, CKA_LOCAL, true);
    assert_ulong(private, CKA_KEY_GEN_MECHANISM, mechanism);
    assert_ulong(public, CKA_KEY_GEN_MECHANISM, mechanism);
    assert_flag(private, CKA_SENSITIVE, true);
    assert_flag(private, CKA_ALWAYS_SENSITIVE, true);
    assert_flag(private, CKA_EXTRACTABLE, false);
    assert_flag(private, CKA_NEVER_EXTRACTABLE, true);
    assert_flag(private, CKA_TOKEN, true);
    assert_flag(public, CKA_TOKEN, true);
    assert_flag(private, CKA_PRIVATE, true);
    assert_flag(public, CKA_PRIVATE, false);
    assert_flag(private, CKA_SIGN, true);
    assert_flag(public, CKA_VERIFY, true);
}

static void assert_same_id(void)
{
    size_t size;
    unsigned char *id = test_attribute(session, private, CKA_ID, &size);

    ck_assert_uint_eq(size, 20);
    ck_assert(test_attribute_is(session, public, CKA_ID, id, size));
    free(id);
}

START_TEST(every_curve_of_the_tpm_makes_keys)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};

    for (size_t i = 0; i < 3; i++) {
        const struct p11_curve *curve = p11_curve_by_name(curves[i], 5);
        CK_RV rv = test_generate_ec(session, curves[i], curves[i], true, &public, &private);

        if (rv == CKR_CURVE_NOT_SUPPORTED && i == 2)
            continue; /* an swtpm of 2022 has no P-521 */
        ck_assert_rv_of(curves[i], rv, CKR_OK);
        for (int again = 0; again < 2; again++) {
            assert_origin(CKM_EC_KEY_PAIR_GEN);
            assert_same_id();
            ck_assert(test_attribute_is(session, public, CKA_EC_PARAMS, curve->params, curve->params_size));
            ck_assert(test_attribute_is(session, private, CKA_EC_PARAMS, curve->params, curve->params_size));
            ck_assert_rv(test_sign(session, private), CKR_OK);
            reload();
            public = test_find(session, CKO_PUBLIC_KEY, curves[i]);
            private = test_find(session, CKO_PRIVATE_KEY, curves[i]);
        }
    }
}
END_TEST

START_TEST(rsa_keys_are_made)
{
    ck_assert_rv(test_generate_rsa(session, 2048, "rsa", true, false, &public, &private), CKR_OK);
    for (int again = 0; again < 2; again++) {
        assert_origin(CKM_RSA_PKCS_KEY_PAIR_GEN);
        assert_same_id();
        assert_ulong(public, CKA_MODULUS_BITS, 2048);
        ck_assert(test_attribute_is(session, public, CKA_PUBLIC_EXPONENT, "\1\0\1", 3));
        reload();
        public = test_find(session, CKO_PUBLIC_KEY, "rsa");
        private = test_find(session, CKO_PRIVATE_KEY, "rsa");
    }
}
END_TEST

START_TEST(a_key_is_one_file_of_the_owner)
{
    struct stat status;

    ck_assert_rv(test_generate_ec(session, "P-256", "My Key", true, &public, &private), CKR_OK);
    ck_assert_uint_eq(test_token_files(), 1);
    ck_assert_int_eq(stat(test_token_file("my-key.pem"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 1);
}
END_TEST

START_TEST(equal_labels_make_two_files)
{
    ck_assert_rv(test_generate_ec(session, "P-256", "same", true, &public, &private), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "same", true, &public, &private), CKR_OK);
    ck_assert_uint_eq(test_token_files(), 2);
    ck_assert_uint_eq(test_count(session, NULL, 0), 4);
}
END_TEST

START_TEST(a_label_is_no_way_into_the_file)
{
    static const char label[] = "x\nDecrypt: yes\n-----BEGIN TSS2 PRIVATE KEY-----\n%41";

    ck_assert_rv(test_generate_ec(session, "P-256", label, true, &public, &private), CKR_OK);
    reload();
    ck_assert_uint_eq(test_count(session, NULL, 0), 2);
    private = test_find(session, CKO_PRIVATE_KEY, label);
    ck_assert_uint_ne(private, 0);
    assert_flag(private, CKA_DECRYPT, false);
}
END_TEST

/* --- templates */

static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static CK_BYTE secp256k1[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};
static CK_BYTE f4[] = {0x00, 0x01, 0x00, 0x01};
static CK_BYTE three[] = {0x03};
static CK_ULONG bits_2048 = 2048;
static CK_ULONG bits_2047 = 2047;
static CK_ULONG bits_2056 = 2056;
static CK_ULONG bits_512 = 512;
static CK_ULONG bits_8192 = 8192;
static CK_ULONG bits_huge = (CK_ULONG)-1;
static CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
static CK_KEY_TYPE rsa = CKK_RSA;

#define CURVE                                                                                                \
    {                                                                                                        \
        CKA_EC_PARAMS, p256, sizeof p256                                                                     \
    }
#define BITS(value)                                                                                          \
    {                                                                                                        \
        CKA_MODULUS_BITS, &(value), sizeof(value)                                                            \
    }
#define YES(type)                                                                                            \
    {                                                                                                        \
        type, &test_yes, 1                                                                                   \
    }
#define NO(type)                                                                                             \
    {                                                                                                        \
        type, &test_no, 1                                                                                    \
    }

static const struct bad_template {
    const char *what;
    CK_MECHANISM_TYPE mechanism;
    CK_ATTRIBUTE public[4];
    CK_ATTRIBUTE private[4];
    CK_RV rv;
} bad_templates[] = {
    {"no curve",                  CKM_EC_KEY_PAIR_GEN,       {{0}},                                                  {{0}},                  CKR_TEMPLATE_INCOMPLETE    },
    {"no size",                   CKM_RSA_PKCS_KEY_PAIR_GEN, {{0}},                                                  {{0}},                  CKR_TEMPLATE_INCOMPLETE    },
    {"another curve",
     CKM_EC_KEY_PAIR_GEN,                                    {{CKA_EC_PARAMS, secp256k1, sizeof secp256k1}},
     {{0}},
     CKR_CURVE_NOT_SUPPORTED                                                                                                                                            },
    {"half a curve",              CKM_EC_KEY_PAIR_GEN,       {{CKA_EC_PARAMS, p256, 5}},                             {{0}},                  CKR_CURVE_NOT_SUPPORTED    },
    {"empty curve",               CKM_EC_KEY_PAIR_GEN,       {{CKA_EC_PARAMS, p256, 0}},                             {{0}},                  CKR_CURVE_NOT_SUPPORTED    },
    {"NULL curve",                CKM_EC_KEY_PAIR_GEN,       {{CKA_EC_PARAMS, NULL, 10}},                            {{0}},                  CKR_ATTRIBUTE_VALUE_INVALID},
    {"curve on the private half", CKM_EC_KEY_PAIR_GEN,       {CURVE},                                                {CURVE},                CKR_ATTRIBUTE_READ_ONLY    },
    {"odd size",                  CKM_RSA_PKCS_KEY_PAIR_GEN, {BITS(bits_2047)},                                      {{0}},                  CKR_KEY_SIZE_RANGE         },
    {"size between",              CKM_RSA_PKCS_KEY_PAIR_GEN, {BITS(bits_2056)},                                      {{0}},                  CKR_KEY_SIZE_RANGE         },
    {"small size",                CKM_RSA_PKCS_KEY_PAIR_GEN, {BITS(bits_512)},                                       {{0}},                  CKR_KEY_SIZE_RANGE         },
    {"large size",                CKM_RSA_PKCS_KEY_PAIR_GEN, {BITS(bits_8192)},                                      {{0}},                  CKR_KEY_SIZE_RANGE         },
    {"huge size",                 CKM_RSA_PKCS_KEY_PAIR_GEN, {BITS(bits_huge)},                                      {{0}},                  CKR_KEY_SIZE_RANGE         },
    {"another exponent",
     CKM_RSA_PKCS_KEY_PAIR_GEN,                              {BITS(bits_2048), {CKA_PUBLIC_EXPONENT, three, 1}},
     {{0}},
     CKR_ATTRIBUTE_VALUE_INVALID                                                                                                                                        },
    {"empty exponent",
     CKM_RSA_PKCS_KEY_PAIR_GEN,                              {BITS(bits_2048), {CKA_PUBLIC_EXPONENT, three, 0}},
     {{0}},
     CKR_ATTRIBUTE_VALUE_INVALID                                                                                                                                        },
    {"modulus",
     CKM_RSA_PKCS_KEY_PAIR_GEN,                              {BITS(bits_2048), {CKA_MODULUS, f4, 4}},
     {{0}},
     CKR_ATTRIBUTE_READ_ONLY                                                                                                                                            },
    {"one half on the token",
     CKM_EC_KEY_PAIR_GEN,                                    {CURVE, YES(CKA_TOKEN)},
     {NO(CKA_TOKEN)},
     CKR_TEMPLATE_INCONSISTENT                                                                                                                                          },
    {"the other half",            CKM_EC_KEY_PAIR_GEN,       {CURVE},                                                {YES(CKA_TOKEN)},       CKR_TEMPLATE_INCONSISTENT  },
    {"another class",
     CKM_EC_KEY_PAIR_GEN,                                    {CURVE, {CKA_CLASS, &certificate, sizeof certificate}},
     {{0}},
     CKR_TEMPLATE_INCONSISTENT                                                                                                                                          },
    {"another type",
     CKM_EC_KEY_PAIR_GEN,                                    {CURVE},
     {{CKA_KEY_TYPE, &rsa, sizeof rsa}},
     CKR_TEMPLATE_INCONSISTENT                                                                                                                                          },
    {"twice, differing",
     CKM_EC_KEY_PAIR_GEN,                                    {CURVE, YES(CKA_VERIFY), NO(CKA_VERIFY)},
     {{0}},
     CKR_TEMPLATE_INCONSISTENT                                                                                                                                          },
    {"extractable",
     CKM_EC_KEY_PAIR_GEN,                                    {CURVE, YES(CKA_TOKEN)},
     {YES(CKA_EXTRACTABLE), YES(CKA_TOKEN)},
     CKR_TEMPLATE_INCONSISTENT                                                                                                                                          },
    {"not sensitive",
     CKM_EC_KEY_PAIR_GEN,                                    {CURVE, YES(CKA_TOKEN)},
     {NO(CKA_SENSITIVE), YES(CKA_TOKEN)},
     CKR_TEMPLATE_INCONSISTENT                                                                                                                                          },
    {"asks every time",
     CKM_EC_KEY_PAIR_GEN,                                    {CURVE},
     {YES(CKA_ALWAYS_AUTHENTICATE)},
     CKR_TEMPLATE_INCONSISTENT                                                                                                                                          },
    {"of no use",                 CKM_EC_KEY_PAIR_GEN,       {CURVE},                                                {NO(CKA_SIGN)},         CKR_TEMPLATE_INCONSISTENT  },
    {"of no use",                 CKM_RSA_PKCS_KEY_PAIR_GEN, {BITS(bits_2048)},                                      {NO(CKA_SIGN)},         CKR_TEMPLATE_INCONSISTENT  },
    {"local",                     CKM_EC_KEY_PAIR_GEN,       {CURVE},                                                {YES(CKA_LOCAL)},       CKR_ATTRIBUTE_READ_ONLY    },
    {"public sign",               CKM_EC_KEY_PAIR_GEN,       {CURVE, YES(CKA_SIGN)},                                 {{0}},                  CKR_ATTRIBUTE_TYPE_INVALID },
    {"private verify",            CKM_EC_KEY_PAIR_GEN,       {CURVE},                                                {YES(CKA_VERIFY)},      CKR_ATTRIBUTE_TYPE_INVALID },
    {"long boolean",              CKM_EC_KEY_PAIR_GEN,       {CURVE},                                                {{CKA_SIGN, f4, 2}},    CKR_ATTRIBUTE_VALUE_INVALID},
    {"strange boolean",           CKM_EC_KEY_PAIR_GEN,       {CURVE},                                                {{CKA_SIGN, three, 1}}, CKR_ATTRIBUTE_VALUE_INVALID},
    {"signature mechanism",       CKM_ECDSA,                 {CURVE},                                                {{0}},                  CKR_MECHANISM_INVALID      },
};

static CK_ULONG count_of(const CK_ATTRIBUTE items[4])
{
    CK_ULONG count = 0;

    while (count < 4 && (items[count].type != 0 || items[count].pValue != NULL))
        count++;
    return count;
}

/* As secret keys: who asks for a key of the session that may leave gets one in software, and no TPM command.
 */
START_TEST(an_open_key_of_the_session_is_software)
{
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_items[] = {CURVE};
    CK_ATTRIBUTE open_items[] = {NO(CKA_SENSITIVE), YES(CKA_EXTRACTABLE)};
    CK_ATTRIBUTE kept_items[] = {YES(CKA_TOKEN), YES(CKA_SENSITIVE), NO(CKA_EXTRACTABLE)};
    CK_OBJECT_HANDLE kept;
    unsigned char *value;
    size_t size;

    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, public_items, 1, open_items, 2, &public, &private),
                 CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert(test_attribute_is(session, private, CKA_DEVID_BACKEND, "file", 4));
    value = test_attribute(session, private, CKA_VALUE, &size);
    ck_assert_uint_ne(size, 0);
    free(value);
    ck_assert_rv(C_CopyObject(session, private, kept_items, 1, &kept), CKR_TEMPLATE_INCONSISTENT);
    ck_assert_rv(C_CopyObject(session, private, kept_items, 3, &kept), CKR_OK);
    ck_assert(test_attribute_is(session, kept, CKA_DEVID_BACKEND, "tpm", 3));
    ck_assert_rv(test_sign(session, kept), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, kept), CKR_OK);
}
END_TEST

START_TEST(a_bad_template_costs_no_tpm_command_and_leaves_no_file)
{
    for (size_t i = 0; i < sizeof bad_templates / sizeof bad_templates[0]; i++) {
        const struct bad_template *row = &bad_templates[i];
        CK_MECHANISM mechanism = {row->mechanism, NULL, 0};
        CK_ATTRIBUTE public_items[4];
        CK_ATTRIBUTE private_items[4];

        memcpy(public_items, row->public, sizeof public_items);
        memcpy(private_items, row->private, sizeof private_items);
        ck_assert_rv_of(row->what,
                        C_GenerateKeyPair(session, &mechanism, public_items, count_of(public_items),
                                          private_items, count_of(private_items), &public, &private),
                        row->rv);
        ck_assert_uint_eq(public, 0);
        ck_assert_uint_eq(private, 0);
        ck_assert_uint_eq(test_token_files(), 0);
        ck_assert_msg(test_tpm_count()->total == 0, "%s", row->what);
    }
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
}
END_TEST

START_TEST(arguments_are_checked)
{
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM with_parameter = {CKM_EC_KEY_PAIR_GEN, p256, 3};
    CK_ATTRIBUTE item = CURVE;

    ck_assert_rv(C_GenerateKeyPair(session, NULL, &item, 1, NULL, 0, &public, &private), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, NULL, 1, NULL, 0, &public, &private),
                 CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, &item, 1, NULL, 1, &public, &private),
                 CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, &item, 1, NULL, 0, NULL, &private),
                 CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, &item, 1, NULL, 0, &public, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GenerateKeyPair(session, &with_parameter, &item, 1, NULL, 0, &public, &private),
                 CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

/* What only one half was told, and what a caller left out, look the same after the file was read again. */
START_TEST(attributes_do_not_change_when_the_file_is_read_again)
{
    static char id[] = "id-1";
    static char label[] = "only private";
    CK_MECHANISM_TYPE allowed[] = {CKM_ECDSA};
    CK_ATTRIBUTE public_items[] = {CURVE, YES(CKA_TOKEN), NO(CKA_VERIFY)};
    CK_ATTRIBUTE private_items[] = {
        YES(CKA_TOKEN),
        {CKA_ID,                 id,      sizeof id - 1   },
        {CKA_LABEL,              label,   sizeof label - 1},
        {CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed  },
        {CKA_SUBJECT,            p256,    sizeof p256     },
        {CKA_START_DATE,         NULL,    0               },
    };
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};

    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, public_items, 3, private_items, 6, &public, &private),
                 CKR_OK);
    for (int again = 0; again < 2; again++) {
        const CK_OBJECT_HANDLE both[] = {public, private};

        for (size_t i = 0; i < 2; i++) {
            ck_assert(test_attribute_is(session, both[i], CKA_ID, id, sizeof id - 1));
            ck_assert(test_attribute_is(session, both[i], CKA_LABEL, label, sizeof label - 1));
            ck_assert(test_attribute_is(session, both[i], CKA_SUBJECT, p256, sizeof p256));
            ck_assert(test_attribute_is(session, both[i], CKA_START_DATE, "", 0));
        }
        ck_assert(test_attribute_is(session, private, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed));
        assert_flag(public, CKA_VERIFY, false);
        reload();
        public = test_find(session, CKO_PUBLIC_KEY, label);
        private = test_find(session, CKO_PRIVATE_KEY, label);
    }
}
END_TEST

START_TEST(a_key_without_a_label_is_called_as_its_file)
{
    CK_ATTRIBUTE public_items[] = {CURVE, YES(CKA_TOKEN)};
    CK_ATTRIBUTE private_items[] = {YES(CKA_TOKEN)};
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};

    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, public_items, 2, private_items, 1, &public, &private),
                 CKR_OK);
    ck_assert(test_attribute_is(session, private, CKA_LABEL, "key", 3));
    ck_assert(test_attribute_is(session, public, CKA_LABEL, "key", 3));
    reload();
    ck_assert_uint_ne(test_find(session, CKO_PRIVATE_KEY, "key"), 0);
}
END_TEST

START_TEST(an_exponent_may_have_leading_zeros)
{
    CK_ATTRIBUTE items[] = {
        BITS(bits_2048), {CKA_PUBLIC_EXPONENT, f4, sizeof f4}
    };
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};

    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, items, 2, NULL, 0, &public, &private), CKR_OK);
    ck_assert(test_attribute_is(session, public, CKA_PUBLIC_EXPONENT, "\1\0\1", 3));
}
END_TEST

/* --- failures on the way */

/* --- keys that are bound to PCRs
 * --------------------------------------------------------------------------------- */

static CK_RV generate_bound(CK_SESSION_HANDLE where, const char *pcrs, bool in_public)
{
    const struct p11_curve *curve = p11_curve_by_name("P-256", 5);
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE bound = {CKA_DEVID_POLICY_PCR, (void *)(uintptr_t)pcrs, strlen(pcrs)};
    CK_ATTRIBUTE public_items[] = {
        {CKA_EC_PARAMS, (void *)(uintptr_t)curve->params, curve->params_size},
        {CKA_TOKEN,     &test_yes,                        sizeof test_yes   },
        bound,
    };
    CK_ATTRIBUTE private_items[] = {
        {CKA_TOKEN, &test_yes,                   sizeof test_yes},
        {CKA_LABEL, (void *)(uintptr_t) "bound", 5              },
        bound,
    };

    return C_GenerateKeyPair(where, &mechanism, public_items, in_public ? 3 : 2, private_items,
                             in_public ? 2 : 3, &public, &private);
}

START_TEST(a_key_is_bound_to_pcrs)
{
    ck_assert_int_eq(support_shell(NULL, "tpm2_pcrreset -T %s 23", test_tpm_tcti()), 0);
    ck_assert_rv(generate_bound(session, "sha256:7,23", false), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_PCR_Read), 1);
    ck_assert(test_attribute_is(session, private, CKA_DEVID_POLICY_PCR, "sha256:7,23", 11));
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_int_eq(
        support_shell(NULL, "grep -q '^Policy-PCR: sha256:7,23$' %s", test_token_file("bound.pem")), 0);
    reload();
    private = test_find(session, CKO_PRIVATE_KEY, "bound");
    ck_assert(test_attribute_is(session, private, CKA_DEVID_POLICY_PCR, "sha256:7,23", 11));
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "tpm2_pcrextend -T %s 23:sha256=%064d", test_tpm_tcti(), 1), 0);
    ck_assert_rv(test_sign(session, private), CKR_FUNCTION_REJECTED);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "the PCRs have changed"));
    ck_assert_int_eq(support_shell(NULL, "tpm2_pcrreset -T %s 23", test_tpm_tcti()), 0);
    ck_assert_rv(test_sign(session, private), CKR_OK);
}
END_TEST

START_TEST(what_names_no_pcrs_binds_no_key)
{
    CK_ATTRIBUTE item = {CKA_DEVID_POLICY_PCR, (void *)(uintptr_t) "sha256:7", 8};
    CK_SESSION_HANDLE other;

    ck_assert_rv(generate_bound(session, "", false), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_rv(generate_bound(session, "sha256:24", false), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_rv(generate_bound(session, "sha256:7", true), CKR_ATTRIBUTE_TYPE_INVALID);
    ck_assert_uint_eq(test_token_files(), 0);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert_rv(test_generate_ec(session, "P-256", "free", true, &public, &private), CKR_OK);
    ck_assert_rv(C_SetAttributeValue(session, private, &item, 1), CKR_ATTRIBUTE_READ_ONLY);
    filetoken_init("DevID file slot", "disk");
    other = filetoken_session("disk");
    ck_assert_rv(generate_bound(other, "sha256:7", false), CKR_TEMPLATE_INCONSISTENT);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "only keys in a TPM"));
}
END_TEST

START_TEST(a_tpm_that_fails_leaves_no_file)
{
    struct tcti_count *count = test_tpm_count();

    count->inject_command = TPM2_CC_Create;
    count->inject_times = 1;
    count->inject_code = TPM2_RC_FAILURE;
    ck_assert_rv(test_generate_ec(session, "P-256", "x", true, &public, &private), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(test_token_files(), 0);
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
}
END_TEST

START_TEST(a_store_that_fails_leaves_no_object)
{
    ck_assert_int_eq(support_shell(NULL, "rm -f %s; mkdir %s", test_token_file(".generation"),
                                   test_token_file(".generation")),
                     0);
    ck_assert_rv(test_generate_ec(session, "P-256", "x", true, &public, &private), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(test_token_files(), 0);
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
    ck_assert_uint_eq(public, 0);
}
END_TEST

START_TEST(attributes_too_large_for_a_file_are_refused)
{
    CK_ULONG size = 80000;
    CK_BYTE *large = calloc(1, size);
    CK_ATTRIBUTE public_items[] = {CURVE, YES(CKA_TOKEN)};
    CK_ATTRIBUTE private_items[] = {
        YES(CKA_TOKEN), {CKA_LABEL, large, size}
    };
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};

    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, public_items, 2, private_items, 2, &public, &private),
                 CKR_DEVICE_MEMORY);
    ck_assert_uint_eq(test_token_files(), 0);
    free(large);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("generate");
    TCase *t = tcase_create("generate");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_curve_of_the_tpm_makes_keys);
    tcase_add_test(t, rsa_keys_are_made);
    tcase_add_test(t, a_key_is_one_file_of_the_owner);
    tcase_add_test(t, equal_labels_make_two_files);
    tcase_add_test(t, a_label_is_no_way_into_the_file);
    tcase_add_test(t, an_open_key_of_the_session_is_software);
    tcase_add_test(t, a_bad_template_costs_no_tpm_command_and_leaves_no_file);
    tcase_add_test(t, arguments_are_checked);
    tcase_add_test(t, attributes_do_not_change_when_the_file_is_read_again);
    tcase_add_test(t, a_key_without_a_label_is_called_as_its_file);
    tcase_add_test(t, an_exponent_may_have_leading_zeros);
    tcase_add_test(t, a_key_is_bound_to_pcrs);
    tcase_add_test(t, what_names_no_pcrs_binds_no_key);
    tcase_add_test(t, a_tpm_that_fails_leaves_no_file);
    tcase_add_test(t, a_store_that_fails_leaves_no_object);
    tcase_add_test(t, attributes_too_large_for_a_file_are_refused);
    suite_add_tcase(s, t);
    return s;
}
