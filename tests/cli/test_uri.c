/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/uri.h"
#include "tests/cli/capture.h"

#include <stdlib.h>
#include <string.h>

static P11KitUri *parse(const char *text)
{
    P11KitUri *uri = NULL;

    ck_assert_int_eq(cli_uri_parse(text, &uri), CLI_OK);
    return uri;
}

START_TEST(knows_uris_from_files)
{
    ck_assert(cli_is_uri("pkcs11:token=a"));
    ck_assert(cli_is_uri("PKCS11:token=a"));
    ck_assert(!cli_is_uri("file:a"));
    ck_assert(!cli_is_uri("pkcs11"));
    ck_assert(!cli_is_uri(""));
}
END_TEST

START_TEST(names_an_object_by_its_labels)
{
    char *text = cli_uri_format("my token", CKO_PRIVATE_KEY, "k;1", NULL);

    ck_assert_str_eq(text, "pkcs11:token=my%20token;object=k%3B1;type=private");
    free(text);
    text = cli_uri_format("t", CKO_CERTIFICATE, "k", NULL);
    ck_assert_str_eq(text, "pkcs11:token=t;object=k;type=cert");
    free(text);
}
END_TEST

START_TEST(adds_the_id_where_it_is_given)
{
    uint8_t id[] = {0x01, 0xab};
    struct bytes bytes = {id, sizeof id};
    P11KitUri *uri;
    char *text = cli_uri_format("t", CKO_PRIVATE_KEY, "", &bytes);
    struct bytes read;
    char *label;

    ck_assert(strstr(text, "object=") == NULL);
    uri = parse(text);
    ck_assert_int_eq(cli_uri_object(uri, &label, &read), CLI_OK);
    ck_assert_ptr_null(label);
    ck_assert(bytes_equal(id, sizeof id, read.data, read.size));
    bytes_free(&read);
    p11_kit_uri_free(uri);
    free(text);
}
END_TEST

START_TEST(reads_label_and_id)
{
    P11KitUri *uri = parse("pkcs11:token=t;object=a%20b;id=%01%02");
    struct bytes id;
    char *label;

    ck_assert_int_eq(cli_uri_object(uri, &label, &id), CLI_OK);
    ck_assert_str_eq(label, "a b");
    ck_assert_uint_eq(id.size, 2);
    free(label);
    bytes_free(&id);
    p11_kit_uri_free(uri);
}
END_TEST

static const struct {
    const char *uri;
    const char *file;
    const char *value;
} pins[] = {
    {"pkcs11:token=t",                            NULL,       NULL  },
    {"pkcs11:token=t?pin-source=/etc/pin",        "/etc/pin", NULL  },
    {"pkcs11:token=t?pin-source=file:/etc/pin",   "/etc/pin", NULL  },
    {"pkcs11:token=t?pin-source=file:///etc/pin", "/etc/pin", NULL  },
    {"pkcs11:token=t?pin-value=1234",             NULL,       "1234"},
};

START_TEST(reads_where_the_pin_is)
{
    P11KitUri *uri = parse(pins[_i].uri);
    struct cli_pin pin = cli_uri_pin(uri);

    ck_assert_pstr_eq(pin.file, pins[_i].file);
    ck_assert_pstr_eq(pin.value, pins[_i].value);
    p11_kit_uri_free(uri);
}
END_TEST

static const char *const bads[] = {
    "file:x",
    "pkcs11:token",
    "pkcs11:token=%zz",
    "pkcs11:nosuch=1",
    "pkcs11:type=nonsense?pin-value=secret-1234",
};

START_TEST(refuses_without_telling_a_pin)
{
    struct capture capture = capture_begin(STDERR_FILENO);
    P11KitUri *uri;
    enum cli_status status = cli_uri_parse(bads[_i], &uri);
    char *error = capture_end(&capture);

    ck_assert_msg(status == CLI_INPUT, "%s: %d", bads[_i], status);
    ck_assert_ptr_null(uri);
    ck_assert(strstr(error, "secret-1234") == NULL);
    free(error);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("uri");
    TCase *t = tcase_create("uri");

    tcase_add_test(t, knows_uris_from_files);
    tcase_add_test(t, names_an_object_by_its_labels);
    tcase_add_test(t, adds_the_id_where_it_is_given);
    tcase_add_test(t, reads_label_and_id);
    tcase_add_loop_test(t, reads_where_the_pin_is, 0, sizeof pins / sizeof pins[0]);
    tcase_add_loop_test(t, refuses_without_telling_a_pin, 0, sizeof bads / sizeof bads[0]);
    suite_add_tcase(s, t);
    return s;
}
