/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/toml.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char message[300];

static json_t *read_text(const char *text)
{
    return cli_toml_read(text, strlen(text), message, sizeof message);
}

/* Texts, and what they are as JSON. */
static const struct {
    const char *toml;
    const char *json;
} texts[] = {
    {"",                                                       "{}"                                                },
    {"# nothing\n\n \t\r\n",                                   "{}"                                                },
    {"a = \"b\"",                                              "{\"a\":\"b\"}"                                     },
    {"a=1\r\nb = -17 # c\nc=+3\n",                             "{\"a\":1,\"b\":-17,\"c\":3}"                       },
    {"a = 1_000\nb = 0xDEAD_beef\nc = 0o17\nd = 0b101\ne = 0",
     "{\"a\":1000,\"b\":3735928559,\"c\":15,\"d\":5,\"e\":0}"                                                      },
    {"a = 9223372036854775807\nb = -9223372036854775808",
     "{\"a\":9223372036854775807,\"b\":-9223372036854775808}"                                                      },
    {"a = true\nb = false",                                    "{\"a\":true,\"b\":false}"                          },
    {"a.b.c = 1\na.b.d = 2",                                   "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}"                 },
    {"a . \"b.c\" . 'd' = 1",                                  "{\"a\":{\"b.c\":{\"d\":1}}}"                       },
    {"\"\" = 1\n1-_x = 2",                                     "{\"\":1,\"1-_x\":2}"                               },
    {"[a]\nb = 1\n[a.c]\nd = 2\n[ e . f ]\n",                  "{\"a\":{\"b\":1,\"c\":{\"d\":2}},\"e\":{\"f\":{}}}"},
    {"[a.b]\nx=1\n[a]\ny=2",                                   "{\"a\":{\"b\":{\"x\":1},\"y\":2}}"                 },
    {"a.b = 1\n[a.c]\nd = 1",                                  "{\"a\":{\"b\":1,\"c\":{\"d\":1}}}"                 },
    {"a = { b = 1, c.d = \"x\" }\ne = {}",                     "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}},\"e\":{}}"    },
    {"a = [ 1, \"x\", [true], {b=1},\n # c\n 2,\n]\nb = []",   "{\"a\":[1,\"x\",[true],{\"b\":1},2],\"b\":[]}"     },
    {"a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u00e9\\U0001F600\"",
     "{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\\\u00e9\\ud83d\\ude00\"}"                                                    },
    {"a = 'C:\\no \"escape\"'",                                "{\"a\":\"C:\\\\no \\\"escape\\\"\"}"               },
    {"a = \"\"\"\none\ntwo \\\n   three\"\"\"",                "{\"a\":\"one\\ntwo three\"}"                       },
    {"a = \"\"\"\"two\" quotes\"\"\"\"\"",                     "{\"a\":\"\\\"two\\\" quotes\\\"\\\"\"}"            },
    {"a = '''\r\none'\r\n\\two'''",                            "{\"a\":\"one'\\n\\\\two\"}"                        },
    {"a = \"\"\nb = ''\nc = \"\"\"\"\"\"\nd = ''''''",         "{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\"}"     },
};

START_TEST(reads)
{
    json_t *wanted = json_loads(texts[_i].json, 0, NULL);
    json_t *read = read_text(texts[_i].toml);

    ck_assert_msg(read != NULL, "%s: %s", texts[_i].toml, message);
    ck_assert_ptr_nonnull(wanted);
    ck_assert_msg(json_equal(read, wanted), "%s", texts[_i].toml);
    json_decref(read);
    json_decref(wanted);
}
END_TEST

/* Texts that are none, where that shows, and what is said of it. */
static const struct {
    const char *toml;
    const char *text;
} refusals[] = {
    {"a",                                                                                    "line 1, column 2: = is to stand"                },
    {"a = ",                                                                                 "line 1, column 5: a value"                      },
    {"a = x",                                                                                "line 1, column 5: a value"                      },
    {"a = truex",                                                                            "line 1, column 9: the line is to end"           },
    {"a = 1 b = 2",                                                                          "line 1, column 7: the line is to end"           },
    {"= 1",                                                                                  "line 1, column 1: a key"                        },
    {"a..b = 1",                                                                             "line 1, column 3: a key"                        },
    {"\na = 1\na = 2",                                                                       "line 3, column 3: a has a value already"        },
    {"a = 1\na.b = 2",                                                                       "a has a value already"                          },
    {"a.b = 1\na = 2",                                                                       "a has a value already"                          },
    {"[a]\n[a]",                                                                             "line 2, column 3: the table a is there already" },
    {"a = 1\n[a]",                                                                           "a has a value already"                          },
    {"a = {b=1}\n[a]",                                                                       "a has a value already"                          },
    {"a = {b=1}\na.c = 2",                                                                   "a has a value already"                          },
    {"a = {b.c=1}\n[a.b]",                                                                   "a has a value already"                          },
    {"a.b = 1\n[a]",                                                                         "the table a is there already"                   },
    {"[a.b]\n[a]\nb.c = 1",                                                                  "the table b is written elsewhere"               },
    {"[a",                                                                                   "] is to end"                                    },
    {"[a]]",                                                                                 "the line is to end"                             },
    {"[]",                                                                                   "a key is to stand"                              },
    {"[[a]]",                                                                                "line 1, column 2: arrays of tables are not read"},
    {"a = 1.5",                                                                              "fractions"                                      },
    {"a = 1e3",                                                                              "fractions"                                      },
    {"a = 1979-05-27",                                                                       "fractions"                                      },
    {"a = 07:32:00",                                                                         "begin with 0"                                   },
    {"a = inf",                                                                              "a value"                                        },
    {"a = 01",                                                                               "begin with 0"                                   },
    {"a = 1__0",                                                                             "digit is missing"                               },
    {"a = 1_",                                                                               "digit is missing"                               },
    {"a = 0x",                                                                               "digit is missing"                               },
    {"a = -0x1",                                                                             "no sign"                                        },
    {"a = +",                                                                                "digit is missing"                               },
    {"a = 9223372036854775808",                                                              "too large"                                      },
    {"a = 99999999999999999999999999999999999999999999999999999999999999999999999999999999", "too large"                                      },
    {"a = \"x",                                                                              "has no end"                                     },
    {"a = \"x\ny\"",                                                                         "line 1, column 7: the string has no end"        },
    {"a = 'x\ny'",                                                                           "has no end"                                     },
    {"a = \"\"\"x",                                                                          "has no end"                                     },
    {"a = \"\\x41\"",                                                                        "no such escape"                                 },
    {"a = \"\\u12\"",                                                                        "hexadecimal digits"                             },
    {"a = \"\\ud800\"",                                                                      "no such character"                              },
    {"a = \"\\U00110000\"",                                                                  "no such character"                              },
    {"a = \"\\u0000\"",                                                                      "no such character"                              },
    {"a = \"\x01\"",                                                                         "control characters"                             },
    {"a = \"\xff\"",                                                                         "not UTF-8"                                      },
    {"\"\xff\" = 1",                                                                         "not UTF-8"                                      },
    {"# \x01",                                                                               "control characters"                             },
    {"a = [1 2]",                                                                            ", or ] is to follow"                            },
    {"a = [1,,2]",                                                                           "a value"                                        },
    {"a = [1",                                                                               ", or ] is to follow"                            },
    {"a = {b=1,}",                                                                           "a key is to stand"                              },
    {"a = {b=1\n}",                                                                          ", or } is to follow"                            },
    {"a = {b=1, b=2}",                                                                       "b has a value already"                          },
    {"\"\"\"a\"\"\" = 1",                                                                    "several lines"                                  },
    {"a = 1\rb = 2",                                                                         "the line is to end"                             },
};

START_TEST(refuses_with_the_place)
{
    ck_assert_ptr_null(read_text(refusals[_i].toml));
    ck_assert_msg(strncmp(message, "line ", 5) == 0 && strstr(message, refusals[_i].text) != NULL, "%s: %s",
                  refusals[_i].toml, message);
}
END_TEST

START_TEST(depth_is_limited)
{
    char text[200] = "a = ";

    memset(text + 4, '[', 100);
    ck_assert_ptr_null(read_text(text));
    ck_assert_msg(strstr(message, "nested too deeply") != NULL, "%s", message);
    for (size_t i = 0; i < 99; i++)
        text[i] = i % 2 == 0 ? 'a' : '.';
    strcpy(text + 99, " = 1");
    ck_assert_ptr_null(read_text(text));
    ck_assert_msg(strstr(message, "nested too deeply") != NULL, "%s", message);
}
END_TEST

START_TEST(a_nul_is_no_end)
{
    static const char text[] = "a = 1\n\0b = 2";

    ck_assert_ptr_null(cli_toml_read(text, sizeof text - 1, message, sizeof message));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("toml");
    TCase *t = tcase_create("toml");

    tcase_add_loop_test(t, reads, 0, (int)(sizeof texts / sizeof texts[0]));
    tcase_add_loop_test(t, refuses_with_the_place, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(t, depth_is_limited);
    tcase_add_test(t, a_nul_is_no_end);
    suite_add_tcase(s, t);
    return s;
}
