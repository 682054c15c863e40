/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/uri.h"
#include "provider/error.h"
#include "tests/provider/fake_core.h"
#include "tests/support/support.h"

#include <stdlib.h>

static struct prov_uri *parse(const char *text)
{
    fake_error[0] = '\0';
    return prov_uri_parse(&fake_core, text);
}

START_TEST(keeps_the_pin_out_of_the_text)
{
    static const char *const rows[][3] = {
        {"pkcs11:token=a?pin-value=1234",            "pkcs11:token=a?pin-value=...",               "1234" },
        {"pkcs11:?pin-value=12%2034&x-more=1",       "pkcs11:?pin-value=...&x-more=1",             "12 34"},
        {"pkcs11:token=a?module-name=m&pin-value=x", "pkcs11:token=a?module-name=m&pin-value=...", "x"    },
        {"pkcs11:token=a?pin-value=1&pin-source=/f", "pkcs11:token=a?pin-value=...&pin-source=/f", "1"    },
        {"pkcs11:pin-value=1;token=a",               "pkcs11:pin-value=...;token=a",               "1"    },
        {"pkcs11:token=a",                           "pkcs11:token=a",                             ""     },
        {"pkcs11:token=a?pin-va\n lue=12\n34",       "pkcs11:token=a?pin-value=...",               "1234" },
        {"pkcs11:pkcs11:token=a?pin-value=x",        "pkcs11:token=a?pin-value=...",               "x"    },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prov_uri *uri = parse(rows[i][0]);

        ck_assert_msg(uri != NULL, "%s: %s", rows[i][0], fake_error);
        ck_assert_str_eq(uri->text, rows[i][1]);
        ck_assert(bytes_equal(uri->pin.data, uri->pin.size, rows[i][2], strlen(rows[i][2])));
        prov_uri_free(uri);
    }
}
END_TEST

START_TEST(refuses_what_is_no_such_uri)
{
    static const char *const rows[] = {
        "",
        "pkcs11",
        "file:/etc/passwd",
        "pkcs11:token",
        "pkcs11:token=%4",
        "pkcs11:token=%zz",
        "pkcs11:type=spoon",
        "pkcs11:unknown=1",
        "pkcs11:pkcs11:pkcs11:token=a",
        "pkcs11:token=a;unknown=1?pin-value=verysecret",
        "pkcs11:token=%zz?pin-value=verysecret",
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prov_uri *uri = parse(rows[i]);

        ck_assert_msg(uri == NULL, "%s was accepted", rows[i]);
        ck_assert_uint_eq(fake_reason, PROV_R_BAD_URI);
        ck_assert_msg(fake_error[0] != '\0' && strstr(fake_error, "verysecret") == NULL, "%s", fake_error);
    }
}
END_TEST

static CK_TOKEN_INFO token_info(const char *label, const char *serial)
{
    CK_TOKEN_INFO info;

    memset(&info, ' ', sizeof info);
    memcpy(info.label, label, strlen(label));
    memcpy(info.serialNumber, serial, strlen(serial));
    return info;
}

START_TEST(matches_tokens_by_every_attribute_it_names)
{
    static const struct {
        const char *uri;
        bool matches;
    } rows[] = {
        {"pkcs11:",                           true },
        {"pkcs11:token=my%20token",           true },
        {"pkcs11:token=my",                   false},
        {"pkcs11:token=my%20token;serial=77", true },
        {"pkcs11:token=my%20token;serial=78", false},
        {"pkcs11:slot-id=3",                  true },
        {"pkcs11:slot-id=4",                  false},
    };
    CK_TOKEN_INFO info = token_info("my token", "77");

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prov_uri *uri = parse(rows[i].uri);

        ck_assert_ptr_nonnull(uri);
        ck_assert_msg(prov_uri_matches_token(uri, 3, &info) == rows[i].matches, "%s", rows[i].uri);
        prov_uri_free(uri);
    }
}
END_TEST

START_TEST(gives_id_and_label_for_a_template)
{
    struct prov_uri *uri = parse("pkcs11:object=a%20b;id=%00%01;type=private");
    CK_ATTRIBUTE attributes[2];

    ck_assert_uint_eq(prov_uri_add_to_template(uri, attributes), 2);
    ck_assert_uint_eq(attributes[0].type, CKA_ID);
    ck_assert_uint_eq(attributes[0].ulValueLen, 2);
    ck_assert_mem_eq(attributes[0].pValue, "\0\1", 2);
    ck_assert_uint_eq(attributes[1].type, CKA_LABEL);
    ck_assert_uint_eq(attributes[1].ulValueLen, 3);
    ck_assert(prov_uri_admits_class(uri, CKO_PRIVATE_KEY));
    ck_assert(!prov_uri_admits_class(uri, CKO_CERTIFICATE));
    prov_uri_free(uri);

    uri = parse("pkcs11:");
    ck_assert_uint_eq(prov_uri_add_to_template(uri, attributes), 0);
    ck_assert(prov_uri_admits_class(uri, CKO_CERTIFICATE));
    prov_uri_free(uri);
}
END_TEST

START_TEST(formats_what_it_can_parse)
{
    CK_TOKEN_INFO info = token_info("a;b", "1");
    uint8_t id_data[] = {1, 0xff};
    uint8_t label_data[] = {'k', '&', '?'};
    struct bytes id = {id_data, sizeof id_data};
    struct bytes label = {label_data, sizeof label_data};
    char *text = prov_uri_format(&info, CKO_PRIVATE_KEY, &id, &label);
    struct prov_uri *uri = parse(text);
    CK_ATTRIBUTE attributes[2];

    ck_assert_msg(uri != NULL, "%s: %s", text, fake_error);
    ck_assert(prov_uri_matches_token(uri, 1, &info));
    ck_assert_uint_eq(prov_uri_add_to_template(uri, attributes), 2);
    ck_assert_mem_eq(attributes[0].pValue, "\1\377", 2);
    ck_assert_mem_eq(attributes[1].pValue, "k&?", 3);
    prov_uri_free(uri);
    free(text);
}
END_TEST

START_TEST(equality_regards_the_pin)
{
    struct prov_uri *a = parse("pkcs11:token=a?pin-value=1");
    struct prov_uri *b = parse("pkcs11:token=a?pin-value=2");
    struct prov_uri *c = parse("pkcs11:token=a?pin-value=1");

    ck_assert(prov_uri_equal(a, c));
    ck_assert(!prov_uri_equal(a, b));
    prov_uri_free(a);
    prov_uri_free(b);
    prov_uri_free(c);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("uri");
    TCase *t = tcase_create("uri");

    tcase_add_test(t, keeps_the_pin_out_of_the_text);
    tcase_add_test(t, refuses_what_is_no_such_uri);
    tcase_add_test(t, matches_tokens_by_every_attribute_it_names);
    tcase_add_test(t, gives_id_and_label_for_a_template);
    tcase_add_test(t, formats_what_it_can_parse);
    tcase_add_test(t, equality_regards_the_pin);
    suite_add_tcase(s, t);
    return s;
}
