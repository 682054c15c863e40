/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/yaml.h"
#include "tests/support/support.h"

#include <string.h>

static char message[300];

static const struct {
    const char *yaml;
    const char *json;
} texts[] = {
    {"a: b\n",                                   "{\"a\":\"b\"}"                                        },
    {"# c\na:\n  b: \"x\\ty\"\n  c: 'it''s'\n",  "{\"a\":{\"b\":\"x\\ty\",\"c\":\"it's\"}}"             },
    {"a: true\nb: false\nc: \"true\"\nd: yes\n", "{\"a\":true,\"b\":false,\"c\":\"true\",\"d\":\"yes\"}"},
    {"a: ~\nb:\nc: null\nd: \"\"\n",             "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"\"}"        },
    {"a: [1, two]\nb:\n- c: d\n",                "{\"a\":[\"1\",\"two\"],\"b\":[{\"c\":\"d\"}]}"        },
    {"{a: {b: c}}",                              "{\"a\":{\"b\":\"c\"}}"                                },
    {"--- \na: |\n  one\n  two\n...\n",          "{\"a\":\"one\\ntwo\\n\"}"                             },
};

START_TEST(reads)
{
    json_t *wanted = json_loads(texts[_i].json, 0, NULL);
    json_t *read = cli_yaml_read(texts[_i].yaml, strlen(texts[_i].yaml), message, sizeof message);

    ck_assert_msg(read != NULL, "%s", message);
    ck_assert_msg(json_equal(read, wanted), "%s", texts[_i].yaml);
    json_decref(read);
    json_decref(wanted);
}
END_TEST

static const struct {
    const char *yaml;
    const char *text;
} refusals[] = {
    {"",                                         "a value is to stand here"               },
    {"a: b\na: c\n",                             "line 2, column 1: a has a value already"},
    {"a: &x b\nc: *x\n",                         "line 1, column 4: anchors and aliases"  },
    {"a: &x [*x]\n",                             "anchors and aliases"                    },
    {"? [a]\n: b\n",                             "a key is to stand here"                 },
    {"a: \"b",                                   "line 1, column"                         },
    {"a: b\n  c: d\n",                           "line 2, column"                         },
    {"a: b\n---\nc: d\n",                        "second document"                        },
    {"a: \"x\\0y\"\n",                           "not UTF-8"                              },
    {"\t- x\n",                                  "line 1"                                 },
    {"a: [b\n",                                  "line 2"                                 },
    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested too deeply"                      },
};

START_TEST(refuses_with_the_place)
{
    ck_assert_ptr_null(cli_yaml_read(refusals[_i].yaml, strlen(refusals[_i].yaml), message, sizeof message));
    ck_assert_msg(strstr(message, refusals[_i].text) != NULL, "%s: %s", refusals[_i].yaml, message);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("yaml");
    TCase *t = tcase_create("yaml");

    tcase_add_loop_test(t, reads, 0, (int)(sizeof texts / sizeof texts[0]));
    tcase_add_loop_test(t, refuses_with_the_place, 0, (int)(sizeof refusals / sizeof refusals[0]));
    suite_add_tcase(s, t);
    return s;
}
