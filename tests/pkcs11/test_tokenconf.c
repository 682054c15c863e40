/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tokenconf.h"
#include "tests/support/module.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "format = 1\nlabel = l\nserial = s\nslot = 3\nbackend = tpm\n"

static int directory;

static void make_directory(void)
{
    support_directory();
}

static void open_directory(void)
{
    directory = open(support_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(directory, 0);
}

static void close_directory(void)
{
    close(directory);
    unlink(support_path(TOKEN_CONF_FILE));
}

static CK_RV read_bytes(const char *text, size_t size, struct token_conf *conf)
{
    support_write_bytes(support_path(TOKEN_CONF_FILE), text, size);
    p11_failure_clear();
    return token_conf_read(directory, "THE-TOKEN", conf);
}

static CK_RV read_text(const char *text, struct token_conf *conf)
{
    return read_bytes(text, strlen(text), conf);
}

START_TEST(reads_settings_known_and_unknown)
{
    struct token_conf conf;

    ck_assert_rv(read_text(HEAD "# comment\nfuture = yes = no\n", &conf), CKR_OK);
    ck_assert_str_eq(token_conf_get(&conf, "label"), "l");
    ck_assert_str_eq(token_conf_get(&conf, "future"), "yes = no");
    ck_assert_ptr_null(token_conf_get(&conf, "absent"));
    token_conf_free(&conf);
}
END_TEST

START_TEST(bad_files_are_refused_by_line_or_name)
{
    static const struct {
        const char *text;
        const char *said;
    } rows[] = {
        {"",                                                             "format"         },
        {"label = l\nserial = s\nslot = 3\nbackend = tpm\n",             "format ''"      },
        {"format = 2\nlabel = l\nserial = s\nslot = 3\nbackend = tpm\n", "format '2'"     },
        {"format = 1\nserial = s\nslot = 3\nbackend = tpm\n",            "'label = ...'"  },
        {"format = 1\nlabel = l\nslot = 3\nbackend = tpm\n",             "'serial = ...'" },
        {"format = 1\nlabel = l\nserial = s\nbackend = tpm\n",           "'slot = ...'"   },
        {"format = 1\nlabel = l\nserial = s\nslot = 3\n",                "'backend = ...'"},
        {HEAD "nonsense\n",                                              ":6 "            },
        {HEAD "= value\n",                                               ":6 "            },
        {HEAD "\nlabel = again\n",                                       ":7 "            },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_conf conf;

        ck_assert_rv_of(rows[i].text, read_text(rows[i].text, &conf), CKR_TOKEN_NOT_RECOGNIZED);
        ck_assert_msg(strstr(p11_failure_text(), rows[i].said) != NULL &&
                          strstr(p11_failure_text(), "THE-TOKEN/token.conf") != NULL,
                      "%s", p11_failure_text());
        ck_assert_ptr_null(conf.settings);
    }
}
END_TEST

START_TEST(a_directory_without_the_file_is_no_token_and_no_error)
{
    struct token_conf conf;

    p11_failure_clear();
    ck_assert_rv(token_conf_read(directory, "x", &conf), CKR_TOKEN_NOT_RECOGNIZED);
    ck_assert_str_eq(p11_failure_text(), "");
}
END_TEST

START_TEST(nuls_and_endless_lines_are_refused)
{
    static char text[70000];
    struct token_conf conf;

    ck_assert_rv(read_bytes(HEAD "a = \0b\n", sizeof(HEAD "a = \0b\n") - 1, &conf), CKR_TOKEN_NOT_RECOGNIZED);
    memset(text, 'a', sizeof text);
    memcpy(text, HEAD "a = ", strlen(HEAD "a = "));
    ck_assert_rv(read_bytes(text, 5000, &conf), CKR_TOKEN_NOT_RECOGNIZED);
    ck_assert_rv(read_bytes(text, sizeof text, &conf), CKR_TOKEN_NOT_RECOGNIZED);
}
END_TEST

START_TEST(what_is_written_is_read_again_in_its_order)
{
    struct token_conf conf;
    char *text;

    ck_assert_rv(read_text(HEAD "zz = 1\nfuture = 2\n", &conf), CKR_OK);
    ck_assert_rv(token_conf_set(&conf, "label", "other"), CKR_OK);
    ck_assert_rv(token_conf_setf(&conf, "new", "0x%x", 255), CKR_OK);
    ck_assert_rv(token_conf_write(directory, "x", &conf), CKR_OK);
    token_conf_free(&conf);
    text = support_read(support_path(TOKEN_CONF_FILE), NULL);
    ck_assert_str_eq(text,
                     "format = 1\nlabel = other\nserial = s\nslot = 3\nbackend = tpm\nzz = 1\nfuture = 2\n"
                     "new = 0xff\n");
    free(text);
}
END_TEST

START_TEST(a_value_does_not_break_its_line)
{
    struct token_conf conf = {0};

    ck_assert_rv(token_conf_set(&conf, "label", "a\nbackend = file"), CKR_ARGUMENTS_BAD);
    ck_assert_ptr_null(token_conf_get(&conf, "label"));
    ck_assert_rv(token_conf_setf(&conf, "long", "%02000d", 1), CKR_GENERAL_ERROR);
    token_conf_free(&conf);
}
END_TEST

START_TEST(numbers_are_whole_and_in_range)
{
    static const struct {
        const char *text;
        bool good;
        unsigned long value;
    } rows[] = {
        {"0",                    true,  0   },
        {"100",                  true,  100 },
        {"0x40",                 true,  0x40},
        {"101",                  false, 0   },
        {"-1",                   false, 0   },
        {" 1",                   false, 0   },
        {"1x",                   false, 0   },
        {"",                     false, 0   },
        {"0x",                   false, 0   },
        {"99999999999999999999", false, 0   },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_conf conf = {0};
        unsigned long value = 0;

        ck_assert_rv(token_conf_set(&conf, "n", rows[i].text), CKR_OK);
        ck_assert_msg(token_conf_get_number(&conf, "n", 100, &value) == rows[i].good, "%s", rows[i].text);
        if (rows[i].good)
            ck_assert_uint_eq(value, rows[i].value);
        token_conf_free(&conf);
    }
}
END_TEST

START_TEST(lists_hold_whole_words)
{
    struct token_conf conf = {0};

    ck_assert_rv(token_conf_set(&conf, "list", "P-256  P-384"), CKR_OK);
    ck_assert(token_conf_lists(&conf, "list", "P-256"));
    ck_assert(token_conf_lists(&conf, "list", "P-384"));
    ck_assert(!token_conf_lists(&conf, "list", "P-38"));
    ck_assert(!token_conf_lists(&conf, "list", "P-3845"));
    ck_assert(!token_conf_lists(&conf, "absent", "P-256"));
    token_conf_free(&conf);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("tokenconf");
    TCase *t = tcase_create("tokenconf");

    tcase_add_unchecked_fixture(t, make_directory, NULL);
    tcase_add_checked_fixture(t, open_directory, close_directory);
    tcase_add_test(t, reads_settings_known_and_unknown);
    tcase_add_test(t, bad_files_are_refused_by_line_or_name);
    tcase_add_test(t, a_directory_without_the_file_is_no_token_and_no_error);
    tcase_add_test(t, nuls_and_endless_lines_are_refused);
    tcase_add_test(t, what_is_written_is_read_again_in_its_order);
    tcase_add_test(t, a_value_does_not_break_its_line);
    tcase_add_test(t, numbers_are_whole_and_in_range);
    tcase_add_test(t, lists_hold_whole_words);
    suite_add_tcase(s, t);
    return s;
}
