/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/emulator/fixture.h"

#include <string.h>

/*
 * Which handler a request goes to shows in what it is refused for: all of these carry neither version nor
 * credentials, and every API asks for its own.
 */
static const struct {
    const char *method;
    const char *target;
    unsigned status;
    const char *text; /* in the message, or the Allow header for 405 */
} requests[] = {
    {"PUT",  "/" FIXTURE_SCOPE "/registrations/x/register",       400, "api-version"              },
    {"PUT",  "/" FIXTURE_SCOPE "/REGISTRATIONS/x/Register/",      400, "api-version"              },
    {"GET",  "/" FIXTURE_SCOPE "/registrations/x/operations/4.1", 400, "api-version"              },
    {"POST", "/" FIXTURE_SCOPE "/registrations/x",                400, "api-version"              },
    {"POST", "/devices/x/messages/events",                        400, "ErrorCode:ArgumentInvalid"},
    {"GET",  "/enrollmentgroups/x",                               400, "api-version"              },
    {"GET",  "/",                                                 404, "nothing at /"             },
    {"GET",  "//",                                                404, "nothing at //"            },
    {"GET",  "",                                                  404, "nothing"                  },
    {"GET",  "enrollments/x",                                     404, "nothing"                  },
    {"GET",  "/enrollments",                                      405, "POST"                     },
    {"GET",  "/enrollments//",                                    404, "nothing"                  },
    {"GET",  "/enrollments/x/y",                                  404, "nothing"                  },
    {"GET",  "/enrollments/%00",                                  404, "nothing"                  },
    {"GET",  "/enrollments/%zz",                                  404, "nothing"                  },
    {"GET",  "/enrollment/x",                                     404, "nothing"                  },
    {"GET",  "/a\xff\n",                                          404, "nothing at /a??"          },
    {"POST", "/enrollments/x",                                    405, "PUT, GET, DELETE"         },
    {"GET",  "/" FIXTURE_SCOPE "/registrations/x/register",       405, "PUT"                      },
    {"PUT",  "/registrations/x",                                  405, "GET, DELETE"              },
    {"GET",  "/devices/x/messages/events",                        405, "POST"                     },
    {"get",  "/enrollments/x",                                    405, "PUT, GET, DELETE"         },
    {"HEAD", "/enrollments/x",                                    405, "PUT, GET, DELETE"         },
};

START_TEST(goes_where_the_table_says)
{
    ck_assert_uint_eq(perform(&(struct call){.method = requests[_i].method, .target = requests[_i].target}),
                      requests[_i].status);
    ck_assert_msg(strstr(reply_message(), requests[_i].text) != NULL, "%s", reply_message());
    if (requests[_i].status == 405)
        ck_assert_str_eq(reply_header("Allow"), requests[_i].text);
    else
        ck_assert_ptr_null(reply_header("Allow"));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("route");
    TCase *t = tcase_create("route");

    tcase_add_checked_fixture(t, fixture_setup, fixture_teardown);
    tcase_add_loop_test(t, goes_where_the_table_says, 0, (int)(sizeof requests / sizeof requests[0]));
    suite_add_tcase(s, t);
    return s;
}
