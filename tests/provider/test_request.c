/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/request.h"
#include "tests/support/support.h"

START_TEST(usages_are_words)
{
    static const struct {
        const char *text;
        unsigned usage; /* 0: refused */
    } rows[] = {
        {"digitalSignature",                  PROV_USAGE_SIGN                       },
        {"digitalSignature keyAgreement",     PROV_USAGE_SIGN | PROV_USAGE_DERIVE   },
        {" keyEncipherment,dataEncipherment", PROV_USAGE_DECRYPT | PROV_USAGE_UNWRAP},
        {"cRLSign|keyCertSign",               PROV_USAGE_SIGN                       },
        {"",                                  0                                     },
        {"  ,",                               0                                     },
        {"digitalsignature",                  0                                     },
        {"digital",                           0                                     },
        {"digitalSignatures",                 0                                     },
        {"digitalSignature sign",             0                                     },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned usage;
        bool ok = prov_request_usage(rows[i].text, &usage);

        ck_assert_msg(ok == (rows[i].usage != 0), "'%s'", rows[i].text);
        ck_assert_msg(!ok || usage == rows[i].usage, "'%s': %u", rows[i].text, usage);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("request");
    TCase *request = tcase_create("request");

    tcase_add_test(request, usages_are_words);
    suite_add_tcase(suite, request);
    return suite;
}
