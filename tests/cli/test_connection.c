/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/connection.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

static struct cli_connection connection;
static char message[200];

static bool read_text(const char *text, enum cli_connection_kind kind)
{
    return cli_connection_read(text, kind, &connection, message, sizeof message);
}

START_TEST(a_device_is_read)
{
    ck_assert(!read_text("HostName=h;DeviceId=dev 1;SharedAccessKey=AAEC", CLI_CONNECTION_DEVICE));
    ck_assert_msg(read_text("HostName=my-hub.azure-devices.net;DeviceId=dev-1;SharedAccessKey=AAECAw==\n",
                            CLI_CONNECTION_DEVICE),
                  "%s", message);
    ck_assert_str_eq(connection.host, "my-hub.azure-devices.net");
    ck_assert_str_eq(connection.device_id, "dev-1");
    ck_assert_uint_eq(connection.key.size, 4);
    ck_assert_mem_eq(connection.key.data, "\0\1\2\3", 4);
    ck_assert_str_eq(connection.key_text, "AAECAw==");
    cli_connection_free(&connection);
    ck_assert_ptr_null(connection.host);
}
END_TEST

START_TEST(a_service_is_read)
{
    ck_assert(read_text("sharedaccesskey=AAEC;hostname=localhost:8443;;Other=x;SharedAccessKeyName=owner;",
                        CLI_CONNECTION_SERVICE));
    ck_assert_str_eq(connection.host, "localhost:8443");
    ck_assert_str_eq(connection.policy, "owner");
    ck_assert_uint_eq(connection.key.size, 3);
    cli_connection_free(&connection);
}
END_TEST

#define SERVICE "HostName=h;SharedAccessKeyName=n;"
static const struct {
    const char *text;
    enum cli_connection_kind kind;
    const char *said;
} refusals[] = {
    {"",                                                        CLI_CONNECTION_SERVICE, "is empty"              },
    {" \n",                                                     CLI_CONNECTION_SERVICE, "is empty"              },
    {"nonsense",                                                CLI_CONNECTION_SERVICE, "no list of Name=value" },
    {"SharedAccessKeyName=n;SharedAccessKey=AAEC",              CLI_CONNECTION_SERVICE, "HostName"              },
    {"HostName=a b;SharedAccessKeyName=n;SharedAccessKey=AAEC", CLI_CONNECTION_SERVICE, "HostName"              },
    {"HostName=h/x;SharedAccessKeyName=n;SharedAccessKey=AAEC", CLI_CONNECTION_SERVICE, "HostName"              },
    {"HostName=h;DeviceId=d;SharedAccessKey=AAEC",              CLI_CONNECTION_SERVICE, "it is a device's"      },
    {"HostName=h;SharedAccessKey=AAEC",                         CLI_CONNECTION_SERVICE, "no SharedAccessKeyName"},
    {SERVICE "SharedAccessKey=AAEC",                            CLI_CONNECTION_DEVICE,  "it is a service's"     },
    {"HostName=h;SharedAccessKey=AAEC",                         CLI_CONNECTION_DEVICE,  "no DeviceId"           },
    {SERVICE,                                                   CLI_CONNECTION_SERVICE, "SharedAccessKey"       },
    {SERVICE "SharedAccessKey=",                                CLI_CONNECTION_SERVICE, "no base64"             },
    {SERVICE "SharedAccessKey=AAE",                             CLI_CONNECTION_SERVICE, "no base64"             },
    {SERVICE "SharedAccessKey=A=AA",                            CLI_CONNECTION_SERVICE, "no base64"             },
    {SERVICE "SharedAccessKey=AA A",                            CLI_CONNECTION_SERVICE, "no base64"             },
    {SERVICE "SharedAccessKey=AA-_",                            CLI_CONNECTION_SERVICE, "no base64"             },
    {SERVICE "HostName=i;SharedAccessKey=AAEC",                 CLI_CONNECTION_SERVICE, "has HostName twice"    },
};

START_TEST(nonsense_is_refused_without_its_key)
{
    ck_assert(!read_text(refusals[_i].text, refusals[_i].kind));
    ck_assert_msg(strstr(message, refusals[_i].said) != NULL, "%s: %s", refusals[_i].text, message);
    ck_assert_ptr_null(strstr(message, "AAE"));
    ck_assert_ptr_null(connection.host);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("connection");
    TCase *t = tcase_create("connection");

    tcase_add_test(t, a_device_is_read);
    tcase_add_test(t, a_service_is_read);
    tcase_add_loop_test(t, nonsense_is_refused_without_its_key, 0,
                        (int)(sizeof refusals / sizeof refusals[0]));
    suite_add_tcase(s, t);
    return s;
}
