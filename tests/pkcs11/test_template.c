/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/template.h"
#include "pkcs11/curve.h"
#include "tests/support/module.h"

#include <stdio.h>
#include <string.h>

/* Every kind of object that the schema speaks of. */
static const struct object_kind {
    const char *name;
    CK_OBJECT_CLASS object_class;
    unsigned bit;
    CK_KEY_TYPE key_type;
} kinds[] = {
    {"certificate",        CKO_CERTIFICATE, CLASS_CERTIFICATE, ANY_KEY           },
    {"RSA public key",     CKO_PUBLIC_KEY,  CLASS_PUBLIC,      CKK_RSA           },
    {"RSA private key",    CKO_PRIVATE_KEY, CLASS_PRIVATE,     CKK_RSA           },
    {"EC public key",      CKO_PUBLIC_KEY,  CLASS_PUBLIC,      CKK_EC            },
    {"EC private key",     CKO_PRIVATE_KEY, CLASS_PRIVATE,     CKK_EC            },
    {"X25519 public key",  CKO_PUBLIC_KEY,  CLASS_PUBLIC,      CKK_EC_MONTGOMERY },
    {"X25519 private key", CKO_PRIVATE_KEY, CLASS_PRIVATE,     CKK_EC_MONTGOMERY },
    {"AES key",            CKO_SECRET_KEY,  CLASS_SECRET,      CKK_AES           },
    {"generic secret",     CKO_SECRET_KEY,  CLASS_SECRET,      CKK_GENERIC_SECRET},
    {"HMAC key",           CKO_SECRET_KEY,  CLASS_SECRET,      CKK_SHA256_HMAC   },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static const struct {
    const char *name;
    unsigned allowed;
    unsigned required;
} purposes[TEMPLATE_PURPOSES] = {
    [TEMPLATE_CREATE] = {"create",   RULE_CREATE,   RULE_CREATE_REQUIRED  },
    [TEMPLATE_GENERATE] = {"generate", RULE_GENERATE, RULE_GENERATE_REQUIRED},
    [TEMPLATE_UNWRAP] = {"unwrap",   RULE_UNWRAP,   ~0U                   },
    [TEMPLATE_DERIVE] = {"derive",   RULE_DERIVE,   ~0U                   },
};

static CK_ULONG numbers[2] = {1, 2};
static CK_BBOOL flags[2] = {CK_TRUE, CK_FALSE};
static char words[2][3] = {"abc", "abd"};
static char date[8] = "20260101";
static CK_ATTRIBUTE inner[2] = {
    {CKA_SIGN,   &flags[0], sizeof flags[0]},
    {CKA_VERIFY, &flags[1], sizeof flags[1]},
};

/* Two different good values of each kind, and one whose size is wrong (where there is such a thing). */
static const struct {
    CK_ATTRIBUTE good[2];
    CK_ATTRIBUTE bad;
} values[] = {
    [KIND_BOOL] = {{{0, &flags[0], sizeof flags[0]}, {0, &flags[1], sizeof flags[1]}},         {0, flags, 2}  },
    [KIND_ULONG] = {{{0, &numbers[0], sizeof numbers[0]}, {0, &numbers[1], sizeof numbers[1]}},
                   {0, numbers, 1}                                                                            },
    [KIND_BYTES] = {{{0, words[0], 3}, {0, words[1], 3}},                                       {0, NULL, 3}   },
    [KIND_DATE] = {{{0, date, 8}, {0, NULL, 0}},                                               {0, date, 4}   },
    [KIND_TEMPLATE] = {{{0, &inner[0], sizeof inner[0]}, {0, &inner[1], sizeof inner[1]}},         {0, inner, 3}  },
    [KIND_MECHANISMS] = {{{0, numbers, sizeof numbers}, {0, numbers, sizeof numbers[0]}},            {0, numbers, 3}},
};

/* A template under test: the required attributes, and room for more. */
struct template
{
    CK_ATTRIBUTE items[80];
    CK_ULONG count;
};

static bool holds(const struct attribute_rule *rule, const struct object_kind *kind)
{
    return (rule->classes & kind->bit) != 0 &&
           (rule->key_type == ANY_KEY || rule->key_type == kind->key_type);
}

static void add(struct template *template, const struct attribute_rule *rule, CK_ATTRIBUTE value)
{
    value.type = rule->type;
    template->items[template->count++] = value;
}

static struct template required_but(const struct object_kind *kind, enum template_purpose purpose,
                                    CK_ATTRIBUTE_TYPE left_out)
{
    struct template template = {.count = 0};
    size_t count;
    const struct attribute_rule *rules = template_rules(&count);
    unsigned required = purposes[purpose].required;

    for (size_t i = 0; i < count; i++)
        if (holds(&rules[i], kind) && (rules[i].flags & required) == required && rules[i].type != left_out)
            add(&template, &rules[i], values[rules[i].kind].good[0]);
    return template;
}

static CK_RV check(const struct object_kind *kind, enum template_purpose purpose,
                   const struct template *template)
{
    struct attributes out = {0};
    CK_RV rv =
        template_check(purpose, kind->object_class, kind->key_type, template->items, template->count, &out);

    attributes_free(&out);
    p11_failure_clear();
    return rv;
}

typedef void rule_test(const struct object_kind *kind, enum template_purpose purpose,
                       const struct attribute_rule *rule, const char *name);

static void for_each_rule(rule_test *test)
{
    size_t count;
    const struct attribute_rule *rules = template_rules(&count);

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t p = 0; p < TEMPLATE_PURPOSES; p++) {
            for (size_t i = 0; i < count; i++) {
                char name[128];

                if (!holds(&rules[i], &kinds[k]))
                    continue;
                snprintf(name, sizeof name, "%s of %s to %s", rules[i].name, kinds[k].name, purposes[p].name);
                test(&kinds[k], (enum template_purpose)p, &rules[i], name);
            }
        }
    }
}

static bool is_allowed(const struct attribute_rule *rule, enum template_purpose purpose)
{
    return (rule->flags & purposes[purpose].allowed) != 0;
}

static void one_value(const struct object_kind *kind, enum template_purpose purpose,
                      const struct attribute_rule *rule, const char *name)
{
    struct template template = required_but(kind, purpose, rule->type);

    add(&template, rule, values[rule->kind].good[0]);
    ck_assert_rv_of(name, check(kind, purpose, &template),
                    is_allowed(rule, purpose) ? CKR_OK : CKR_ATTRIBUTE_READ_ONLY);
}

START_TEST(an_attribute_is_taken_when_its_row_says_so)
{
    for_each_rule(one_value);
}
END_TEST

static void wrong_form(const struct object_kind *kind, enum template_purpose purpose,
                       const struct attribute_rule *rule, const char *name)
{
    const CK_ATTRIBUTE unavailable = {0, flags, CK_UNAVAILABLE_INFORMATION};
    struct template template = required_but(kind, purpose, rule->type);

    add(&template, rule, values[rule->kind].bad);
    ck_assert_rv_of(name, check(kind, purpose, &template), CKR_ATTRIBUTE_VALUE_INVALID);
    template.count--;
    add(&template, rule, unavailable);
    ck_assert_rv_of(name, check(kind, purpose, &template), CKR_ATTRIBUTE_VALUE_INVALID);
}

START_TEST(a_value_of_the_wrong_form_is_refused)
{
    for_each_rule(wrong_form);
}
END_TEST

static void twice(const struct object_kind *kind, enum template_purpose purpose,
                  const struct attribute_rule *rule, const char *name)
{
    struct template template = required_but(kind, purpose, rule->type);

    if (!is_allowed(rule, purpose))
        return;
    add(&template, rule, values[rule->kind].good[0]);
    add(&template, rule, values[rule->kind].good[0]);
    ck_assert_rv_of(name, check(kind, purpose, &template), CKR_OK);
    template.count--;
    add(&template, rule, values[rule->kind].good[1]);
    ck_assert_rv_of(name, check(kind, purpose, &template), CKR_TEMPLATE_INCONSISTENT);
}

START_TEST(an_attribute_may_be_said_twice_but_not_contradicted)
{
    for_each_rule(twice);
}
END_TEST

static void left_out(const struct object_kind *kind, enum template_purpose purpose,
                     const struct attribute_rule *rule, const char *name)
{
    unsigned required = purposes[purpose].required;
    struct template template = required_but(kind, purpose, rule->type);

    ck_assert_rv_of(name, check(kind, purpose, &template),
                    (rule->flags & required) == required ? CKR_TEMPLATE_INCOMPLETE : CKR_OK);
}

START_TEST(a_required_attribute_is_missed)
{
    for_each_rule(left_out);
}
END_TEST

START_TEST(what_another_kind_of_object_has_does_not_belong)
{
    size_t count;
    const struct attribute_rule *rules = template_rules(&count);

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < count; i++) {
            struct template template = required_but(&kinds[k], TEMPLATE_GENERATE, (CK_ATTRIBUTE_TYPE)-1);

            if (template_rule(kinds[k].object_class, kinds[k].key_type, rules[i].type) != NULL)
                continue;
            add(&template, &rules[i], values[rules[i].kind].good[0]);
            ck_assert_rv_of(rules[i].name, check(&kinds[k], TEMPLATE_GENERATE, &template),
                            CKR_ATTRIBUTE_TYPE_INVALID);
        }
    }
}
END_TEST

START_TEST(a_template_must_not_contradict_what_the_call_says)
{
    CK_ULONG other = CKO_DATA;
    CK_ATTRIBUTE item = {CKA_CLASS, &other, sizeof other};
    struct attributes out = {0};

    ck_assert_rv(attributes_set_ulong(&out, CKA_CLASS, CKO_PRIVATE_KEY), CKR_OK);
    ck_assert_rv(template_check(TEMPLATE_GENERATE, CKO_PRIVATE_KEY, CKK_EC, &item, 1, &out),
                 CKR_TEMPLATE_INCONSISTENT);
    other = CKO_PRIVATE_KEY;
    ck_assert_rv(template_check(TEMPLATE_GENERATE, CKO_PRIVATE_KEY, CKK_EC, &item, 1, &out), CKR_OK);
    attributes_free(&out);
}
END_TEST

START_TEST(a_boolean_is_zero_or_one)
{
    CK_BBOOL two = 2;
    CK_ATTRIBUTE item = {CKA_TOKEN, &two, sizeof two};
    struct attributes out = {0};

    ck_assert_rv(template_check(TEMPLATE_GENERATE, CKO_PRIVATE_KEY, CKK_EC, &item, 1, &out),
                 CKR_ATTRIBUTE_VALUE_INVALID);
    attributes_free(&out);
}
END_TEST

/* A key with another one would be written to a file that nobody can read again. */
START_TEST(a_date_is_eight_digits_or_none)
{
    static const struct {
        const char *value;
        CK_ULONG size;
        CK_RV rv;
    } rows[] = {
        {"20260131",       8, CKR_OK                     },
        {"",               0, CKR_OK                     },
        {"2026013",        7, CKR_ATTRIBUTE_VALUE_INVALID},
        {"2026-1-1",       8, CKR_ATTRIBUTE_VALUE_INVALID},
        {"\nID: 41\n",     8, CKR_ATTRIBUTE_VALUE_INVALID},
        {"\0\0\0\0\0\0\0", 8, CKR_ATTRIBUTE_VALUE_INVALID},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_ATTRIBUTE item = {CKA_START_DATE, (void *)(uintptr_t)rows[i].value, rows[i].size};
        struct attributes out = {0};

        ck_assert_rv(template_check(TEMPLATE_GENERATE, CKO_PRIVATE_KEY, CKK_EC, &item, 1, &out), rows[i].rv);
        attributes_free(&out);
    }
}
END_TEST

START_TEST(secrets_are_rows_of_keys_without_a_default)
{
    size_t count;
    const struct attribute_rule *rules = template_rules(&count);

    for (size_t i = 0; i < count; i++) {
        if ((rules[i].flags & RULE_SECRET) == 0)
            continue;
        ck_assert_msg((rules[i].classes & ~(CLASS_PRIVATE | CLASS_SECRET)) == 0, "%s", rules[i].name);
        ck_assert_msg((rules[i].flags & RULE_DEFAULT) == 0, "%s", rules[i].name);
    }
}
END_TEST

/* PKCS#11 2.40, 4.10 and footnotes: what a call makes of a secret key is not the caller's to give. */
START_TEST(only_creation_takes_the_value_of_a_secret_key)
{
    CK_ATTRIBUTE item = {CKA_VALUE, words[0], 3};

    for (size_t p = 0; p < TEMPLATE_PURPOSES; p++) {
        struct attributes out = {0};
        CK_RV rv;

        ck_assert_rv(attributes_set_ulong(&out, CKA_CLASS, CKO_SECRET_KEY), CKR_OK);
        ck_assert_rv(attributes_set_ulong(&out, CKA_KEY_TYPE, CKK_AES), CKR_OK);
        rv = template_check((enum template_purpose)p, CKO_SECRET_KEY, CKK_AES, &item, 1, &out);
        ck_assert_rv_of(purposes[p].name, rv, p == TEMPLATE_CREATE ? CKR_OK : CKR_ATTRIBUTE_READ_ONLY);
        attributes_free(&out);
    }
}
END_TEST

START_TEST(what_a_key_is_good_for_follows_from_its_type)
{
    static const struct {
        CK_KEY_TYPE type;
        CK_ATTRIBUTE_TYPE usage;
        CK_BBOOL otherwise;
    } rows[] = {
        {CKK_AES,            CKA_ENCRYPT, CK_TRUE },
        {CKK_AES,            CKA_DECRYPT, CK_TRUE },
        {CKK_GENERIC_SECRET, CKA_ENCRYPT, CK_FALSE},
        {CKK_SHA256_HMAC,    CKA_DECRYPT, CK_FALSE},
        {CKK_SHA256_HMAC,    CKA_SIGN,    CK_TRUE },
        {CKK_GENERIC_SECRET, CKA_VERIFY,  CK_TRUE },
        {CKK_AES,            CKA_WRAP,    CK_FALSE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_uint_eq(template_rule(CKO_SECRET_KEY, rows[i].type, rows[i].usage)->otherwise,
                          rows[i].otherwise);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("template");
    TCase *t = tcase_create("template");

    tcase_add_test(t, an_attribute_is_taken_when_its_row_says_so);
    tcase_add_test(t, a_value_of_the_wrong_form_is_refused);
    tcase_add_test(t, an_attribute_may_be_said_twice_but_not_contradicted);
    tcase_add_test(t, a_required_attribute_is_missed);
    tcase_add_test(t, what_another_kind_of_object_has_does_not_belong);
    tcase_add_test(t, a_template_must_not_contradict_what_the_call_says);
    tcase_add_test(t, a_boolean_is_zero_or_one);
    tcase_add_test(t, a_date_is_eight_digits_or_none);
    tcase_add_test(t, secrets_are_rows_of_keys_without_a_default);
    tcase_add_test(t, only_creation_takes_the_value_of_a_secret_key);
    tcase_add_test(t, what_a_key_is_good_for_follows_from_its_type);
    suite_add_tcase(s, t);
    return s;
}
