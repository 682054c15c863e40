/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "pkcs11/keyfile.h"
#include "pkcs11/template.h"
#include "tests/support/module.h"

#include <stdio.h>
#include <string.h>

#define BLOCK "-----BEGIN X-----\nYWJj\n-----END X-----\n"

static CK_RV read_text(const char *text, CK_OBJECT_CLASS object_class, struct attributes *out)
{
    struct keyfile_block block;
    size_t offset = 0;

    ck_assert(keyfile_next(text, strlen(text), &offset, &block));
    return keyfile_read_lines(&block, object_class, out);
}

/* What `set` becomes when it is written above a block and read again. */
static struct attributes round_trip(const struct attributes *set, CK_OBJECT_CLASS object_class)
{
    struct attributes read = {0};
    struct buffer text;

    buffer_init(&text, 1024 * 1024);
    ck_assert_rv(keyfile_write_lines(set, object_class, &text), CKR_OK);
    ck_assert(buffer_add_text(&text, BLOCK));
    ck_assert_rv_of(buffer_text(&text), read_text(buffer_text(&text), object_class, &read), CKR_OK);
    buffer_free(&text);
    return read;
}

static void assert_same(const struct attributes *a, const struct attributes *b, const char *name)
{
    ck_assert_msg(a->count == b->count, "%s: %zu attributes, not %zu", name, b->count, a->count);
    for (size_t i = 0; i < a->count; i++) {
        const CK_ATTRIBUTE *item = attributes_find(b, a->items[i].type);

        ck_assert_msg(
            item != NULL && item->ulValueLen == a->items[i].ulValueLen &&
                (item->ulValueLen == 0 || memcmp(item->pValue, a->items[i].pValue, item->ulValueLen) == 0),
            "%s: attribute 0x%lx changed", name, a->items[i].type);
    }
}

/* --- blocks */

START_TEST(next_walks_the_blocks_with_their_lines)
{
    static const char text[] =
        "Label: a\n" BLOCK "Label: b\r\n-----BEGIN Y Z-----\r\n-----END Y Z-----\r\ntail";
    struct keyfile_block block;
    size_t offset = 0;

    ck_assert(keyfile_next(text, strlen(text), &offset, &block));
    ck_assert_uint_eq(block.label_size, 1);
    ck_assert_uint_eq(block.lines_size, strlen("Label: a\n"));
    ck_assert_mem_eq(block.text, BLOCK, strlen(BLOCK) - 1);
    ck_assert_uint_eq(block.text_size, strlen(BLOCK) - 1);
    ck_assert(keyfile_next(text, strlen(text), &offset, &block));
    ck_assert_uint_eq(block.label_size, 3);
    ck_assert_mem_eq(block.label, "Y Z", 3);
    ck_assert(!keyfile_next(text, strlen(text), &offset, &block));
    ck_assert_uint_eq(offset, strlen(text));
}
END_TEST

START_TEST(broken_blocks_stop_the_walk_where_they_begin)
{
    static const char *const texts[] = {
        "Label: a\n-----BEGIN X-----\nYWJj\n",
        "Label: a\n-----BEGIN X\nYWJj\n-----END X-----\n",
        "Label: a\n-----BEGIN ----\n-----END ----\n",
        "Label: a\n-----BEGIN X-----\nYWJj\n -----END X-----\n",
        "Label: a\n-----BEGIN ",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct keyfile_block block;
        size_t offset = 0;

        ck_assert_msg(!keyfile_next(texts[i], strlen(texts[i]), &offset, &block), "%s", texts[i]);
        ck_assert_msg(offset == strlen("Label: a\n"), "%s", texts[i]);
    }
}
END_TEST

START_TEST(text_without_a_block_is_passed_over)
{
    static const char *const texts[] = {"", "\n", "Label: a", "Label: a\n x-----BEGIN X-----\n",
                                        "-----BEGIN"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct keyfile_block block;
        size_t offset = 0;

        ck_assert(!keyfile_next(texts[i], strlen(texts[i]), &offset, &block));
        ck_assert_uint_eq(offset, strlen(texts[i]));
    }
}
END_TEST

/* --- round trips */

START_TEST(no_label_breaks_out_of_its_line)
{
    static const char *const labels[] = {
        "plain",
        "",
        " ",
        "  both ends  ",
        "-----BEGIN TSS2 PRIVATE KEY-----",
        "\n-----BEGIN X-----\nYWJj\n-----END X-----\n",
        "line\r\nDecrypt: yes",
        "100% of it, %41 and %",
        "tab\there, escape\033[2J, delete\177",
        "-- - ---",
        "\xc3\xa4\xc3\xb6 \xe2\x82\xac",
        "not utf-8 \xff\xfe",
        "colon: # equals = ",
        "\"quoted\" 'and' \\backslash",
    };

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        struct attributes set = {0};
        struct attributes read;

        ck_assert_rv(attributes_set(&set, CKA_LABEL, labels[i], strlen(labels[i])), CKR_OK);
        read = round_trip(&set, CKO_PRIVATE_KEY);
        assert_same(&set, &read, labels[i]);
        attributes_free(&set);
        attributes_free(&read);
    }
}
END_TEST

START_TEST(every_byte_of_a_label_survives)
{
    struct attributes set = {0};
    struct attributes read;
    unsigned char label[256];

    for (size_t i = 0; i < sizeof label; i++)
        label[i] = (unsigned char)i;
    ck_assert_rv(attributes_set(&set, CKA_LABEL, label, sizeof label), CKR_OK);
    read = round_trip(&set, CKO_PRIVATE_KEY);
    assert_same(&set, &read, "all bytes");
    attributes_free(&set);
    attributes_free(&read);
}
END_TEST

START_TEST(long_values_survive)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID, CKA_SUBJECT, CKA_ALLOWED_MECHANISMS};
    static char value[12000];

    memset(value, 0x25, sizeof value);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct attributes set = {0};
        struct attributes read;

        ck_assert_rv(attributes_set(&set, types[i], value, sizeof value), CKR_OK);
        read = round_trip(&set, CKO_PRIVATE_KEY);
        assert_same(&set, &read, "long");
        attributes_free(&set);
        attributes_free(&read);
    }
}
END_TEST

/* Attributes that a file does not state in lines: what the block says or holds wrapped, and where the
 * object is. */
static bool is_in_the_block(CK_ATTRIBUTE_TYPE type)
{
    static const CK_ATTRIBUTE_TYPE types[] = {
        CKA_CLASS,    CKA_TOKEN,           CKA_KEY_TYPE,      CKA_EC_PARAMS,        CKA_MODULUS_BITS,
        CKA_MODULUS,  CKA_PUBLIC_EXPONENT, CKA_CHECK_VALUE,   CKA_CERTIFICATE_TYPE, CKA_VALUE,
        CKA_EC_POINT, CKA_ISSUER,          CKA_SERIAL_NUMBER, CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
        CKA_PRIME_2,  CKA_EXPONENT_1,      CKA_EXPONENT_2,    CKA_COEFFICIENT,      CKA_DEVID_AUTH,
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i] == type)
            return true;
    return false;
}

static CK_RV set_some_value(struct attributes *set, const struct attribute_rule *rule)
{
    static const CK_MECHANISM_TYPE mechanisms[] = {CKM_ECDSA, CKM_ECDSA_SHA256};

    switch (rule->kind) {
    case KIND_BOOL:
        return attributes_set_bool(set, rule->type, rule->otherwise != CK_TRUE);
    case KIND_ULONG:
        return attributes_set_ulong(set, rule->type, 3);
    case KIND_DATE:
        return attributes_set(set, rule->type, "20261121", 8);
    case KIND_MECHANISMS:
        return attributes_set(set, rule->type, mechanisms, sizeof mechanisms);
    case KIND_TEMPLATE: /* of CKA_SIGN true, packed */
        return attributes_set(set, rule->type, "\x00\x00\x01\x08\x00\x00\x00\x01\x01", 9);
    case KIND_BYTES:
        break;
    }
    return attributes_set(set, rule->type, "\x00-- x", 5);
}

/* A caller's wish that the file forgets would change when the file is read again. */
START_TEST(all_that_a_caller_may_say_of_a_key_is_kept)
{
    static const struct {
        CK_OBJECT_CLASS object_class;
        unsigned bit;
    } classes[] = {
        {CKO_PRIVATE_KEY, CLASS_PRIVATE},
        {CKO_PUBLIC_KEY,  CLASS_PUBLIC },
    };
    size_t count;
    const struct attribute_rule *rules = template_rules(&count);

    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < count; i++) {
            struct attributes set = {0};
            struct attributes read;

            if ((rules[i].classes & classes[c].bit) == 0 || (rules[i].flags & RULE_GENERATE) == 0 ||
                is_in_the_block(rules[i].type))
                continue;
            ck_assert_rv(set_some_value(&set, &rules[i]), CKR_OK);
            read = round_trip(&set, classes[c].object_class);
            assert_same(&set, &read, rules[i].name);
            attributes_free(&set);
            attributes_free(&read);
        }
    }
}
END_TEST

START_TEST(an_empty_list_of_mechanisms_still_permits_none)
{
    struct attributes set = {0};
    struct attributes read;

    ck_assert_rv(attributes_set(&set, CKA_ALLOWED_MECHANISMS, NULL, 0), CKR_OK);
    read = round_trip(&set, CKO_PRIVATE_KEY);
    assert_same(&set, &read, "empty list");
    attributes_free(&set);
    attributes_free(&read);
}
END_TEST

/* --- reading */

START_TEST(lines_speak_to_their_half_of_the_pair)
{
    static const char text[] = "Label: both\nPublic-Label: public\nSign: no\nPublic-Verify: no\n" BLOCK;
    struct attributes private = {0};
    struct attributes public = {0};

    ck_assert_rv(read_text(text, CKO_PRIVATE_KEY, &private), CKR_OK);
    ck_assert_rv(read_text(text, CKO_PUBLIC_KEY, &public), CKR_OK);
    ck_assert_uint_eq(private.count, 2);
    ck_assert_mem_eq(attributes_find(&private, CKA_LABEL)->pValue, "both", 4);
    ck_assert(!attributes_get_bool(&private, CKA_SIGN, true));
    ck_assert_uint_eq(public.count, 2);
    ck_assert_mem_eq(attributes_find(&public, CKA_LABEL)->pValue, "public", 6);
    ck_assert(!attributes_get_bool(&public, CKA_VERIFY, true));
    attributes_free(&private);
    attributes_free(&public);
}
END_TEST

START_TEST(lines_of_others_are_passed_over)
{
    static const char text[] = "no colon\n: nothing\n Label: indented\nX-Label: other\n"
                               "Verify: no\nTrusted: yes\n-----END X-----\n" BLOCK;
    struct attributes set = {0};

    ck_assert_rv(read_text(text, CKO_PRIVATE_KEY, &set), CKR_OK);
    ck_assert_uint_eq(set.count, 0);
    attributes_free(&set);
}
END_TEST

START_TEST(a_value_that_is_none_is_refused_with_its_name)
{
    static const struct {
        const char *line;
        const char *name;
        CK_OBJECT_CLASS object_class;
    } rows[] = {
        {"ID: 0",                                       "ID",                   CKO_PRIVATE_KEY},
        {"ID: 0g",                                      "ID",                   CKO_PRIVATE_KEY},
        {"ID: 01 02",                                   "ID",                   CKO_PRIVATE_KEY},
        {"Label: %",                                    "Label",                CKO_PRIVATE_KEY},
        {"Label: a%4",                                  "Label",                CKO_PRIVATE_KEY},
        {"Label: %zz",                                  "Label",                CKO_PRIVATE_KEY},
        {"Start-Date: 2026",                            "Start-Date",           CKO_PRIVATE_KEY},
        {"Start-Date: 2026-1-1",                        "Start-Date",           CKO_PRIVATE_KEY},
        {"Start-Date: 202601011",                       "Start-Date",           CKO_PRIVATE_KEY},
        {"Sign: YES",                                   "Sign",                 CKO_PRIVATE_KEY},
        {"Sign:",                                       "Sign",                 CKO_PRIVATE_KEY},
        {"Sign: 1",                                     "Sign",                 CKO_PRIVATE_KEY},
        {"Sign: yes ",                                  "Sign",                 CKO_PRIVATE_KEY},
        {"Allowed-Mechanisms: 1,2",                     "Allowed-Mechanisms",   CKO_PRIVATE_KEY},
        {"Allowed-Mechanisms: -1",                      "Allowed-Mechanisms",   CKO_PRIVATE_KEY},
        {"Allowed-Mechanisms: 0x",                      "Allowed-Mechanisms",   CKO_PRIVATE_KEY},
        {"Allowed-Mechanisms: 99999999999999999999999", "Allowed-Mechanisms",   CKO_PRIVATE_KEY},
        {"Key-Gen-Mechanism: 1 2",                      "Key-Gen-Mechanism",    CKO_PRIVATE_KEY},
        {"Key-Gen-Mechanism:",                          "Key-Gen-Mechanism",    CKO_PRIVATE_KEY},
        {"Certificate-Category: 1 2",                   "Certificate-Category", CKO_CERTIFICATE},
        {"Public-Verify: maybe",                        "Public-Verify",        CKO_PUBLIC_KEY },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct attributes set = {0};
        char text[256];

        snprintf(text, sizeof text, "%s\n%s", rows[i].line, BLOCK);
        p11_failure_clear();
        ck_assert_rv_of(rows[i].line, read_text(text, rows[i].object_class, &set), CKR_DATA_INVALID);
        ck_assert_msg(strstr(p11_failure_text(), rows[i].name) != NULL, "%s", p11_failure_text());
        attributes_free(&set);
    }
}
END_TEST

START_TEST(a_nul_in_a_line_is_no_end_of_it)
{
    static const char text[] = "Label: ab\0cd\n" BLOCK;
    struct keyfile_block block;
    struct attributes set = {0};
    size_t offset = 0;

    ck_assert(keyfile_next(text, sizeof text - 1, &offset, &block));
    ck_assert_rv(keyfile_read_lines(&block, CKO_PRIVATE_KEY, &set), CKR_DATA_INVALID);
    attributes_free(&set);
}
END_TEST

START_TEST(lines_that_do_not_fit_the_file_fail_the_writing)
{
    struct attributes set = {0};
    struct buffer text;

    ck_assert_rv(attributes_set(&set, CKA_LABEL, "0123456789", 10), CKR_OK);
    buffer_init(&text, 12);
    ck_assert_rv(keyfile_write_lines(&set, CKO_PRIVATE_KEY, &text), CKR_DEVICE_MEMORY);
    buffer_free(&text);
    attributes_free(&set);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("keyfile");
    TCase *t = tcase_create("keyfile");

    tcase_add_test(t, next_walks_the_blocks_with_their_lines);
    tcase_add_test(t, broken_blocks_stop_the_walk_where_they_begin);
    tcase_add_test(t, text_without_a_block_is_passed_over);
    tcase_add_test(t, no_label_breaks_out_of_its_line);
    tcase_add_test(t, every_byte_of_a_label_survives);
    tcase_add_test(t, long_values_survive);
    tcase_add_test(t, all_that_a_caller_may_say_of_a_key_is_kept);
    tcase_add_test(t, an_empty_list_of_mechanisms_still_permits_none);
    tcase_add_test(t, lines_speak_to_their_half_of_the_pair);
    tcase_add_test(t, lines_of_others_are_passed_over);
    tcase_add_test(t, a_value_that_is_none_is_refused_with_its_name);
    tcase_add_test(t, a_nul_in_a_line_is_no_end_of_it);
    tcase_add_test(t, lines_that_do_not_fit_the_file_fail_the_writing);
    suite_add_tcase(s, t);
    return s;
}
