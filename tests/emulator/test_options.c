/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/options.h"

#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

static struct emu_options options;
static char message[256];
static char *words;

static void teardown(void)
{
    free(words);
    words = NULL;
}

/* Reads a command line given as one text. The words live until the next call. */
static bool read_line(const char *line)
{
    char *arguments[20] = {NULL};
    int count = 0;

    free(words);
    words = strdup(line);
    for (char *word = strtok(words, " "); word != NULL && count < 19; word = strtok(NULL, " "))
        arguments[count++] = word;
    message[0] = '\0';
    return emu_options_read(count, arguments, &options, message, sizeof message);
}

START_TEST(has_defaults)
{
    ck_assert(read_line("devid-emulator"));
    ck_assert_str_eq(options.listen, "127.0.0.1");
    ck_assert_uint_eq(options.port, 8443);
    ck_assert_uint_eq(options.polls, 1);
    ck_assert_uint_eq(options.hub_count, 1);
    ck_assert_str_eq(options.hubs[0], "localhost");
    ck_assert_ptr_null(options.state);
    ck_assert(!options.messages && !options.help && !options.version);
}
END_TEST

START_TEST(reads_every_option)
{
    ck_assert(read_line("devid-emulator --listen ::1 --port 0 --state=/s --id-scope 0neA --hub a --hub=b "
                        "--polls 0 --retry-after 7 --log debug"));
    ck_assert_str_eq(options.listen, "::1");
    ck_assert_uint_eq(options.port, 0);
    ck_assert_str_eq(options.state, "/s");
    ck_assert_str_eq(options.id_scope, "0neA");
    ck_assert_uint_eq(options.hub_count, 2);
    ck_assert_str_eq(options.hubs[1], "b");
    ck_assert_uint_eq(options.polls, 0);
    ck_assert_uint_eq(options.retry_after, 7);
    ck_assert_str_eq(options.log, "debug");
}
END_TEST

START_TEST(reads_what_makes_trouble)
{
    ck_assert(read_line("devid-emulator --clock-offset -90 --disabled-as status --fault {} --fault=[]"));
    ck_assert_int_eq(options.clock_offset, -90);
    ck_assert(options.disabled_is_status);
    ck_assert_uint_eq(options.fault_count, 2);
    ck_assert_str_eq(options.faults[1], "[]");
    ck_assert(read_line("devid-emulator --clock-offset=90 --disabled-as error"));
    ck_assert_int_eq(options.clock_offset, 90);
    ck_assert(!options.disabled_is_status);
}
END_TEST

START_TEST(messages_go_to_a_device)
{
    ck_assert(read_line("devid-emulator --send dev hello --state /s"));
    ck_assert_str_eq(options.send_to, "dev");
    ck_assert_str_eq(options.text, "hello");
    ck_assert_str_eq(options.state, "/s");
    ck_assert(read_line("devid-emulator --commands dev"));
    ck_assert_str_eq(options.commands_of, "dev");
    ck_assert(read_line("devid-emulator --forget dev"));
    ck_assert_str_eq(options.forget, "dev");
}
END_TEST

START_TEST(messages_may_name_a_device)
{
    ck_assert(read_line("devid-emulator --messages dev --state /s"));
    ck_assert(options.messages);
    ck_assert_str_eq(options.device, "dev");
    ck_assert(read_line("devid-emulator --messages --state /s"));
    ck_assert_ptr_null(options.device);
    ck_assert_str_eq(options.state, "/s");
}
END_TEST

static const struct {
    const char *line;
    const char *text;
} refused[] = {
    {"devid-emulator extra",               "unknown option extra"            },
    {"devid-emulator --ports 1",           "unknown option --ports"          },
    {"devid-emulator --port",              "--port needs a value"            },
    {"devid-emulator --port 65536",        "--port cannot be 65536"          },
    {"devid-emulator --port -1",           "--port cannot be -1"             },
    {"devid-emulator --port 1x",           "--port cannot be 1x"             },
    {"devid-emulator --state=",            "--state cannot be empty"         },
    {"devid-emulator --id-scope a/b",      "--id-scope cannot be"            },
    {"devid-emulator --polls many",        "--polls cannot be many"          },
    {"devid-emulator --clock-offset x",    "--clock-offset cannot"           },
    {"devid-emulator --disabled-as x",     "--disabled-as cannot be x"       },
    {"devid-emulator --send dev",          "--send needs a device and a text"},
    {"devid-emulator --commands",          "--commands needs a value"        },
    {"devid-emulator --forget=",           "--forget cannot be empty"        },
    {"devid-emulator --retry-after 90000", "--retry-after cannot"            },
};

START_TEST(refuses_with_the_name)
{
    ck_assert(!read_line(refused[_i].line));
    ck_assert_msg(strstr(message, refused[_i].text) != NULL, "%s", message);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("options");
    TCase *t = tcase_create("options");

    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, has_defaults);
    tcase_add_test(t, reads_every_option);
    tcase_add_test(t, reads_what_makes_trouble);
    tcase_add_test(t, messages_go_to_a_device);
    tcase_add_test(t, messages_may_name_a_device);
    tcase_add_loop_test(t, refuses_with_the_name, 0, (int)(sizeof refused / sizeof refused[0]));
    suite_add_tcase(s, t);
    return s;
}
