/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/subject.h"
#include "tests/cli/capture.h"

#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

static const struct good {
    const char *text;
    const char *rfc2253;
    const char *common_name;
} goods[] = {
    {"/CN=device-17",         "CN=device-17",         "device-17"   },
    {"/O=Ex/OU=Lab/CN=d",     "CN=d,OU=Lab,O=Ex",     "d"           },
    {"/CN=a\\/b",             "CN=a/b",               "a/b"         },
    {"/CN=a\\\\b",            "CN=a\\\\b",            "a\\b"        },
    {"/CN=a=b",               "CN=a=b",               "a=b"         },
    {"/C=DE/CN=ger\xc3\xa4t", "CN=ger\\C3\\A4t,C=DE", "ger\xc3\xa4t"},
    {"/commonName=x",         "CN=x",                 "x"           },
};

START_TEST(reads_subjects)
{
    const struct good *row = &goods[_i];
    X509_NAME *name = NULL;
    BIO *memory = BIO_new(BIO_s_mem());
    char common_name[64];
    char *text;
    long size;

    ck_assert_int_eq(cli_subject_parse(row->text, &name), CLI_OK);
    X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253);
    size = BIO_get_mem_data(memory, &text);
    ck_assert_int_eq(size, (long)strlen(row->rfc2253));
    ck_assert_mem_eq(text, row->rfc2253, (size_t)size);
    ck_assert_int_gt(X509_NAME_get_text_by_NID(name, NID_commonName, common_name, sizeof common_name), 0);
    ck_assert_str_eq(common_name, row->common_name);
    BIO_free(memory);
    X509_NAME_free(name);
}
END_TEST

static const struct bad {
    const char *text;
    const char *message;
} bads[] = {
    {"",                                                                           "does not begin with a slash"},
    {"CN=x",                                                                       "does not begin with a slash"},
    {"/O=x",                                                                       "has no CN"                  },
    {"/",                                                                          "is not TYPE=VALUE"          },
    {"/CN",                                                                        "is not TYPE=VALUE"          },
    {"/CN=",                                                                       "is not TYPE=VALUE"          },
    {"/=x",                                                                        "is not TYPE=VALUE"          },
    {"/CN=x/",                                                                     "is not TYPE=VALUE"          },
    {"/CN=x/CN=y",                                                                 "has more than one CN"       },
    {"/NOSUCH=x/CN=y",                                                             "NOSUCH=x is not accepted"   },
    {"/C=Germany/CN=y",                                                            "C=Germany is not accepted"  },
    {"/CN=\xff\xfe",                                                               "is not accepted"            },
    {"/CN=0123456789012345678901234567890123456789012345678901234567890123456789", "is not accepted"            },
};

START_TEST(refuses_what_is_no_subject)
{
    struct capture capture = capture_begin(STDERR_FILENO);
    X509_NAME *name = NULL;
    enum cli_status status = cli_subject_parse(bads[_i].text, &name);
    char *error = capture_end(&capture);

    ck_assert_int_eq(status, CLI_INPUT);
    ck_assert_ptr_null(name);
    ck_assert_msg(strstr(error, bads[_i].message) != NULL, "%s", error);
    free(error);
}
END_TEST

START_TEST(a_value_may_not_be_endless)
{
    struct capture capture = capture_begin(STDERR_FILENO);
    X509_NAME *name = NULL;
    char text[2048] = "/CN=";
    char *error;

    memset(text + 4, 'x', sizeof text - 5);
    ck_assert_int_eq(cli_subject_parse(text, &name), CLI_INPUT);
    ck_assert_ptr_null(name);
    error = capture_end(&capture);
    ck_assert(strstr(error, "too long") != NULL);
    free(error);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("subject");
    TCase *t = tcase_create("subject");

    tcase_add_loop_test(t, reads_subjects, 0, sizeof goods / sizeof goods[0]);
    tcase_add_loop_test(t, refuses_what_is_no_subject, 0, sizeof bads / sizeof bads[0]);
    tcase_add_test(t, a_value_may_not_be_endless);
    suite_add_tcase(s, t);
    return s;
}
