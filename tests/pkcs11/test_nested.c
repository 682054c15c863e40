/* SPDX-License-Identifier: Apache-2.0 */
/* CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE and CKA_DERIVE_TEMPLATE, on a TPM token and on a file token. */
#include "pkcs11/nested.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"

#include <stdlib.h>
#include <string.h>

static CK_SESSION_HANDLE session;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
static CK_KEY_TYPE aes_type = CKK_AES;
static CK_KEY_TYPE generic_type = CKK_GENERIC_SECRET;
static CK_KEY_TYPE sha256_type = CKK_SHA256_HMAC;
static CK_ULONG sixteen = 16;
static CK_BYTE value[32] = "some key, it may be any, really";
static CK_MECHANISM rsa_pkcs = {CKM_RSA_PKCS, NULL, 0};
static CK_BYTE wrapped[512];
static CK_ULONG wrapped_size;

#define TOKENS 2
static const char *const labels[TOKENS] = {"device", "disk"};

#define COUNT(items) (sizeof(items) / sizeof(items)[0])
#define TEXT(text) (void *)(uintptr_t)(text), strlen(text)

static void make(void)
{
    test_module_make(0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    filetoken_init("DevID file slot", "disk");
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s; cp -a %s %s", support_path("made"),
                                   support_path("tokens"), support_path("made")),
                     0);
}

static void open_token(int token)
{
    ck_assert_rv(
        C_OpenSession(test_slot(labels[token]), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
        CKR_OK);
}

static CK_RV generate_rsa(CK_ATTRIBUTE *wrap, CK_ATTRIBUTE *unwrap, CK_OBJECT_HANDLE *public,
                          CK_OBJECT_HANDLE *private)
{
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ULONG bits = 2048;
    CK_ATTRIBUTE public_items[] = {
        {CKA_MODULUS_BITS, &bits,     sizeof bits},
        {CKA_TOKEN,                &test_yes,                 sizeof test_yes},
        {CKA_WRAP, &test_yes,sizeof test_yes},
        {CKA_LABEL,       TEXT("rsa")       },
        *wrap,
    };
    CK_ATTRIBUTE private_items[] = {
        {CKA_TOKEN,        &test_yes, sizeof test_yes},
        {CKA_UNWRAP,                &test_yes,                sizeof test_yes},
        {CKA_LABEL, TEXT("rsa")},
        *unwrap,
    };

    return C_GenerateKeyPair(session, &mechanism, public_items, 5, private_items, 4, public, private);
}

/* A key of the session that may leave. */
static CK_OBJECT_HANDLE open_key(CK_KEY_TYPE *type)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,       &secret_class, sizeof secret_class},
        {CKA_KEY_TYPE,    type,          sizeof *type       },
        {CKA_EXTRACTABLE, &test_yes,     sizeof test_yes    },
        {CKA_VALUE,       value,         sizeof value       },
    };
    CK_OBJECT_HANDLE key;

    ck_assert_rv(C_CreateObject(session, items, 4, &key), CKR_OK);
    return key;
}

static CK_RV wrap(CK_OBJECT_HANDLE with, CK_OBJECT_HANDLE key)
{
    wrapped_size = sizeof wrapped;
    return C_WrapKey(session, &rsa_pkcs, with, key, wrapped, &wrapped_size);
}

static CK_RV unwrap(CK_OBJECT_HANDLE with, CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    return C_UnwrapKey(session, &rsa_pkcs, with, wrapped, wrapped_size, items, count, key);
}

/* --- kept and given
 * ---------------------------------------------------------------------------------------------- */

static CK_ATTRIBUTE wants[] = {
    {CKA_CLASS,    &secret_class, sizeof secret_class},
    {CKA_KEY_TYPE, &sha256_type,  sizeof sha256_type },
    {CKA_LABEL,    NULL,          0                  },
};
static CK_ATTRIBUTE makes[] = {
    {CKA_CLASS,    &secret_class,        sizeof secret_class},
    {CKA_KEY_TYPE, &sha256_type,         sizeof sha256_type },
    {CKA_LABEL,    TEXT("came wrapped")},
    {CKA_VERIFY,    &test_no,       sizeof test_no                   },
};
static CK_ATTRIBUTE wrap_item = {CKA_WRAP_TEMPLATE, wants, sizeof wants};
static CK_ATTRIBUTE unwrap_item = {CKA_UNWRAP_TEMPLATE, makes, sizeof makes};

/* The two-call rule of 2.40, 5.7, level by level. */
static void assert_makes(CK_OBJECT_HANDLE key)
{
    CK_BYTE label[32];
    CK_ULONG number;
    CK_ATTRIBUTE inner[5] = {{0}};
    CK_ATTRIBUTE item = {CKA_UNWRAP_TEMPLATE, NULL, 0};

    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_OK);
    ck_assert_uint_eq(item.ulValueLen, sizeof makes);
    item.pValue = inner;
    item.ulValueLen = sizeof makes - 1;
    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(item.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    item.ulValueLen = sizeof inner; /* more than are needed */
    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_OK);
    ck_assert_uint_eq(item.ulValueLen, sizeof makes);
    for (size_t i = 0; i < COUNT(makes); i++) {
        ck_assert_uint_eq(inner[i].type, makes[i].type);
        ck_assert_uint_eq(inner[i].ulValueLen, makes[i].ulValueLen);
        ck_assert_ptr_null(inner[i].pValue);
    }
    inner[1].pValue = &number;
    inner[2].pValue = label;
    inner[2].ulValueLen = 3;
    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(number, CKK_SHA256_HMAC);
    ck_assert_uint_eq(inner[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    inner[2].ulValueLen = sizeof label;
    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_OK);
    ck_assert_uint_eq(inner[2].ulValueLen, 12);
    ck_assert_mem_eq(label, "came wrapped", 12);
}

START_TEST(a_template_in_a_template_is_kept_and_given)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_ATTRIBUTE item = {CKA_DERIVE_TEMPLATE, NULL, 7};
    CK_ATTRIBUTE session_key = {CKA_TOKEN, &test_no, sizeof test_no};
    CK_ATTRIBUTE others[] = {unwrap_item, wrap_item};

    open_token(_i);
    ck_assert_rv(generate_rsa(&wrap_item, &unwrap_item, &public, &private), CKR_OK);
    assert_makes(private);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    open_token(_i);
    public = test_find(session, CKO_PUBLIC_KEY, "rsa");
    private = test_find(session, CKO_PRIVATE_KEY, "rsa");
    assert_makes(private);
    ck_assert_rv(C_GetAttributeValue(session, private, &item, 1), CKR_OK);
    ck_assert_uint_eq(item.ulValueLen, 0); /* none */
    ck_assert_uint_eq(test_count(session, &others[0], 1), 1);
    ck_assert_uint_eq(test_count(session, &others[1], 1), 1);
    others[1].ulValueLen -= sizeof(CK_ATTRIBUTE);
    ck_assert_uint_eq(test_count(session, &others[1], 1), 0);
    ck_assert_rv(C_SetAttributeValue(session, private, &unwrap_item, 1), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_rv(C_CopyObject(session, private, &session_key, 1, &public), CKR_OK);
    assert_makes(public);
}
END_TEST

/* --- at work
 * ------------------------------------------------------------------------------------------------------ */

static CK_ATTRIBUTE only_aes[] = {
    {CKA_KEY_TYPE, &aes_type, sizeof aes_type},
    {CKA_WRAP,     &test_no,  sizeof test_no },
};

START_TEST(only_what_is_like_the_template_is_wrapped)
{
    CK_ATTRIBUTE item = {CKA_WRAP_TEMPLATE, only_aes, sizeof only_aes};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    open_token(_i);
    ck_assert_rv(generate_rsa(&item, &unwrap_item, &public, &private), CKR_OK);
    ck_assert_rv(wrap(public, open_key(&aes_type)), CKR_OK);
    ck_assert_rv(wrap(public, open_key(&generic_type)), CKR_KEY_NOT_WRAPPABLE);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "CKA_WRAP_TEMPLATE"));
}
END_TEST

START_TEST(an_unwrapped_key_is_as_the_template_says)
{
    CK_ATTRIBUTE none = {CKA_WRAP_TEMPLATE, NULL, 0};
    CK_ATTRIBUTE label = {CKA_LABEL, TEXT("came otherwise")};
    CK_ATTRIBUTE same[] = {makes[1], makes[2]};
    CK_ATTRIBUTE more[] = {
        {CKA_TOKEN, &test_yes, sizeof test_yes}
    };
    CK_ATTRIBUTE other_type = {CKA_KEY_TYPE, &generic_type, sizeof generic_type};
    CK_ATTRIBUTE other_class = {CKA_CLASS, &private_class, sizeof private_class};
    CK_ATTRIBUTE verify = {CKA_VERIFY, &test_yes, sizeof test_yes};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_OBJECT_HANDLE key;

    open_token(_i);
    ck_assert_rv(generate_rsa(&none, &unwrap_item, &public, &private), CKR_OK);
    ck_assert_rv(wrap(public, open_key(&generic_type)), CKR_OK);
    ck_assert_rv(unwrap(private, more, 1, &key), CKR_OK); /* class and type are the template's */
    ck_assert(test_attribute_is(session, key, CKA_KEY_TYPE, &sha256_type, sizeof sha256_type));
    ck_assert(test_attribute_is(session, key, CKA_LABEL, "came wrapped", 12));
    ck_assert(test_attribute_is(session, key, CKA_VERIFY, &test_no, 1));
    ck_assert(test_attribute_is(session, key, CKA_SIGN, &test_yes, 1));
    ck_assert(test_attribute_is(session, key, CKA_TOKEN, &test_yes, 1));
    ck_assert_rv(unwrap(private, same, 2, &key), CKR_OK);
    ck_assert_rv(unwrap(private, &label, 1, &key), CKR_TEMPLATE_INCONSISTENT);
    ck_assert_rv(unwrap(private, &verify, 1, &key), CKR_TEMPLATE_INCONSISTENT);
    ck_assert_rv(unwrap(private, &other_type, 1, &key), CKR_TEMPLATE_INCONSISTENT);
    ck_assert_rv(unwrap(private, &other_class, 1, &key), CKR_TEMPLATE_INCONSISTENT);
}
END_TEST

START_TEST(a_template_that_fits_no_key_unwraps_none)
{
    CK_ATTRIBUTE none = {CKA_WRAP_TEMPLATE, NULL, 0};
    CK_ATTRIBUTE inner = {CKA_MODULUS_BITS, &sixteen, sizeof sixteen};
    CK_ATTRIBUTE item = {CKA_UNWRAP_TEMPLATE, &inner, sizeof inner};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_OBJECT_HANDLE key;

    open_token(_i);
    ck_assert_rv(generate_rsa(&none, &item, &public, &private), CKR_OK);
    ck_assert_rv(wrap(public, open_key(&generic_type)), CKR_OK);
    ck_assert_rv(unwrap(private, makes, 2, &key), CKR_TEMPLATE_INCONSISTENT);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "does not fit"));
}
END_TEST

START_TEST(a_derived_key_is_as_the_template_says)
{
    CK_ATTRIBUTE inner[] = {
        {CKA_KEY_TYPE,  &aes_type, sizeof aes_type},
        {CKA_VALUE_LEN, &sixteen,  sizeof sixteen },
        {CKA_DECRYPT,   &test_no,  sizeof test_no },
    };
    CK_MECHANISM generation = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    const struct p11_curve *curve = p11_curve_by_name("P-256", 5);
    CK_ATTRIBUTE public_items[] = {
        {CKA_EC_PARAMS, (void *)(uintptr_t)curve->params, curve->params_size},
    };
    CK_ATTRIBUTE private_items[] = {
        {CKA_DERIVE,          &test_yes, sizeof test_yes},
        {CKA_DERIVE_TEMPLATE, inner,     sizeof inner   },
    };
    CK_ATTRIBUTE decrypt = {CKA_DECRYPT, &test_yes, sizeof test_yes};
    CK_ATTRIBUTE generic = {CKA_KEY_TYPE, &generic_type, sizeof generic_type};
    CK_ECDH1_DERIVE_PARAMS params = {.kdf = CKD_NULL};
    CK_MECHANISM derivation = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_OBJECT_HANDLE key;
    size_t size;

    open_token(_i);
    ck_assert_rv(
        C_GenerateKeyPair(session, &generation, public_items, 1, private_items, 2, &public, &private),
        CKR_OK);
    params.pPublicData = test_attribute(session, public, CKA_EC_POINT, &size);
    params.ulPublicDataLen = size;
    ck_assert_rv(C_DeriveKey(session, &derivation, private, NULL, 0, &key), CKR_OK);
    ck_assert(test_attribute_is(session, key, CKA_KEY_TYPE, &aes_type, sizeof aes_type));
    ck_assert(test_attribute_is(session, key, CKA_VALUE_LEN, &sixteen, sizeof sixteen));
    ck_assert(test_attribute_is(session, key, CKA_DECRYPT, &test_no, 1));
    ck_assert(test_attribute_is(session, key, CKA_ENCRYPT, &test_yes, 1));
    ck_assert_rv(C_DeriveKey(session, &derivation, private, &decrypt, 1, &key), CKR_TEMPLATE_INCONSISTENT);
    ck_assert_rv(C_DeriveKey(session, &derivation, private, &generic, 1, &key), CKR_TEMPLATE_INCONSISTENT);
    free(params.pPublicData);
}
END_TEST

/* A secret key has all three. */
START_TEST(a_secret_key_wraps_and_unwraps_by_its_templates)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,           &secret_class, sizeof secret_class},
        {CKA_KEY_TYPE,        &aes_type,     sizeof aes_type    },
        {CKA_VALUE,           value,         sizeof value       },
        {CKA_EXTRACTABLE,     &test_yes,     sizeof test_yes    },
        {CKA_WRAP,            &test_yes,     sizeof test_yes    },
        {CKA_UNWRAP,          &test_yes,     sizeof test_yes    },
        {CKA_WRAP_TEMPLATE,   only_aes,      sizeof only_aes    },
        {CKA_UNWRAP_TEMPLATE, only_aes,      sizeof only_aes    },
        {CKA_DERIVE_TEMPLATE, only_aes,      sizeof only_aes    },
    };
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_OBJECT_HANDLE wrapping;
    CK_OBJECT_HANDLE key;

    open_token(_i);
    ck_assert_rv(C_CreateObject(session, items, COUNT(items), &wrapping), CKR_OK);
    wrapped_size = sizeof wrapped;
    ck_assert_rv(C_WrapKey(session, &mechanism, wrapping, open_key(&generic_type), wrapped, &wrapped_size),
                 CKR_KEY_NOT_WRAPPABLE);
    ck_assert_rv(C_WrapKey(session, &mechanism, wrapping, wrapping, wrapped, &wrapped_size),
                 CKR_KEY_NOT_WRAPPABLE); /* it has CKA_WRAP */
    ck_assert_rv(C_WrapKey(session, &mechanism, wrapping, open_key(&aes_type), wrapped, &wrapped_size),
                 CKR_OK);
    ck_assert_rv(C_UnwrapKey(session, &mechanism, wrapping, wrapped, wrapped_size, items, 1, &key), CKR_OK);
    ck_assert(test_attribute_is(session, key, CKA_KEY_TYPE, &aes_type, sizeof aes_type));
    ck_assert_rv(C_UnwrapKey(session, &mechanism, wrapping, wrapped, wrapped_size, items + 4, 1, &key),
                 CKR_TEMPLATE_INCOMPLETE); /* no class */
}
END_TEST

/* --- refusals
 * ----------------------------------------------------------------------------------------------------- */

static CK_ATTRIBUTE of_itself = {CKA_WRAP_TEMPLATE, only_aes, sizeof only_aes};
static CK_ATTRIBUTE a_secret = {CKA_VALUE, value, sizeof value};
static CK_ATTRIBUTE unknown = {0x7fff, value, 1};
static CK_ATTRIBUTE long_bool = {CKA_SIGN, value, 2};
static CK_ATTRIBUTE null_value = {CKA_LABEL, NULL, 3};
static CK_ATTRIBUTE endless = {CKA_LABEL, value, CK_UNAVAILABLE_INFORMATION};
static CK_ATTRIBUTE twice[] = {
    {CKA_LABEL, value, 1},
    {CKA_LABEL, value, 1},
};
static CK_ATTRIBUTE many[65];
static CK_BYTE big[20000];
static CK_ATTRIBUTE too_big = {CKA_LABEL, big, sizeof big};

static const struct {
    const char *what;
    void *items;
    CK_ULONG size;
    CK_RV rv;
} refused[] = {
    {"no array",              only_aes,    sizeof only_aes - 1,        CKR_ATTRIBUTE_VALUE_INVALID},
    {"nothing of a length",   NULL,        sizeof only_aes,            CKR_ATTRIBUTE_VALUE_INVALID},
    {"endless",               only_aes,    CK_UNAVAILABLE_INFORMATION, CKR_ATTRIBUTE_VALUE_INVALID},
    {"a template in itself",  &of_itself,  sizeof of_itself,           CKR_ATTRIBUTE_VALUE_INVALID},
    {"a key's value",         &a_secret,   sizeof a_secret,            CKR_ATTRIBUTE_VALUE_INVALID},
    {"no such attribute",     &unknown,    sizeof unknown,             CKR_ATTRIBUTE_VALUE_INVALID},
    {"two bytes of truth",    &long_bool,  sizeof long_bool,           CKR_ATTRIBUTE_VALUE_INVALID},
    {"no value",              &null_value, sizeof null_value,          CKR_ATTRIBUTE_VALUE_INVALID},
    {"an endless value",      &endless,    sizeof endless,             CKR_ATTRIBUTE_VALUE_INVALID},
    {"an attribute twice",    twice,       sizeof twice,               CKR_TEMPLATE_INCONSISTENT  },
    {"more than any key has", many,        sizeof many,                CKR_ATTRIBUTE_VALUE_INVALID},
    {"more than is kept",     &too_big,    sizeof too_big,             CKR_ATTRIBUTE_VALUE_INVALID},
};

START_TEST(templates_that_are_none)
{
    CK_ATTRIBUTE item = {CKA_UNWRAP_TEMPLATE, refused[_i].items, refused[_i].size};
    CK_ATTRIBUTE none = {CKA_WRAP_TEMPLATE, NULL, 0};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    open_token(1);
    ck_assert_rv_of(refused[_i].what, generate_rsa(&none, &item, &public, &private), refused[_i].rv);
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
    item.type = CKA_WRAP_TEMPLATE;
    ck_assert_uint_eq(test_count(session, &item, 1), 0);
}
END_TEST

START_TEST(a_template_belongs_to_who_can_use_it)
{
    CK_ATTRIBUTE wrap_private = wrap_item;
    CK_ATTRIBUTE unwrap_public = unwrap_item;
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    open_token(1);
    ck_assert_rv(generate_rsa(&wrap_item, &wrap_private, &public, &private), CKR_ATTRIBUTE_TYPE_INVALID);
    ck_assert_rv(generate_rsa(&unwrap_public, &unwrap_item, &public, &private), CKR_ATTRIBUTE_TYPE_INVALID);
}
END_TEST

/* As a file may have them: type, size, value. */
static const struct {
    const char *what;
    CK_BYTE data[40];
    size_t size;
    CK_RV rv;
} packed[] = {
    {"nothing",            {0},                                                    0,  CKR_OK          },
    {"CKA_SIGN",           {0, 0, 1, 8, 0, 0, 0, 1, 1},                            9,  CKR_OK          },
    {"CKA_CLASS",          {0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 4},       16, CKR_OK          },
    {"no size",            {0, 0, 1, 8, 0, 0, 0},                                  7,  CKR_DATA_INVALID},
    {"no value",           {0, 0, 1, 8, 0, 0, 0, 1},                               8,  CKR_DATA_INVALID},
    {"an endless value",   {0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff, 1},                9,  CKR_DATA_INVALID},
    {"truth of two bytes", {0, 0, 1, 8, 0, 0, 0, 2, 1, 1},                         10, CKR_DATA_INVALID},
    {"no truth",           {0, 0, 1, 8, 0, 0, 0, 1, 2},                            9,  CKR_DATA_INVALID},
    {"half a number",      {0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4},                   12, CKR_DATA_INVALID},
    {"twice",              {0, 0, 1, 8, 0, 0, 0, 1, 1, 0, 0, 1, 8, 0, 0, 0, 1, 1}, 18, CKR_DATA_INVALID},
    {"no such attribute",  {0, 0, 0x7f, 0xff, 0, 0, 0, 0},                         8,  CKR_DATA_INVALID},
    {"a secret",           {0, 0, 1, 0x23, 0, 0, 0, 1, 1},                         9,  CKR_DATA_INVALID},
    {"a template",         {0x40, 0, 2, 0x11, 0, 0, 0, 0},                         8,  CKR_DATA_INVALID},
};

START_TEST(what_a_file_has_of_a_template)
{
    for (size_t i = 0; i < COUNT(packed); i++) {
        struct attributes inner;

        ck_assert_rv_of(packed[i].what, nested_unpack(packed[i].data, packed[i].size, &inner), packed[i].rv);
        attributes_free(&inner);
    }
}
END_TEST

START_TEST(a_file_with_a_broken_template_is_left_out)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    open_token(1);
    ck_assert_rv(generate_rsa(&wrap_item, &unwrap_item, &public, &private), CKR_OK);
    ck_assert_uint_eq(test_count(session, NULL, 0), 2);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL,
                                   "grep -q '^Public-Wrap-Template: 00000000' %s && sed -i "
                                   "'s/^Unwrap-Template: 00/Unwrap-Template: ff/' %s",
                                   support_path("tokens/disk/rsa.pem"), support_path("tokens/disk/rsa.pem")),
                     0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    open_token(1);
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/nested");
    TCase *t = tcase_create("nested");

    tcase_set_timeout(t, 60);
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (CK_ATTRIBUTE){CKA_LABEL, value, 1};
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, test_module_up, test_module_down);
    tcase_add_loop_test(t, a_template_in_a_template_is_kept_and_given, 0, TOKENS);
    tcase_add_loop_test(t, only_what_is_like_the_template_is_wrapped, 0, TOKENS);
    tcase_add_loop_test(t, an_unwrapped_key_is_as_the_template_says, 0, TOKENS);
    tcase_add_loop_test(t, a_template_that_fits_no_key_unwraps_none, 0, TOKENS);
    tcase_add_loop_test(t, a_derived_key_is_as_the_template_says, 0, TOKENS);
    tcase_add_loop_test(t, a_secret_key_wraps_and_unwraps_by_its_templates, 0, TOKENS);
    tcase_add_loop_test(t, templates_that_are_none, 0, (int)COUNT(refused));
    tcase_add_test(t, a_template_belongs_to_who_can_use_it);
    tcase_add_test(t, what_a_file_has_of_a_template);
    tcase_add_test(t, a_file_with_a_broken_template_is_left_out);
    suite_add_tcase(s, t);
    return s;
}
