/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_PROVIDER_ORDERS_H
#define DEVID_TESTS_PROVIDER_ORDERS_H

/* For tests that are done with a token of SoftHSM, in each order of the providers. */

#include "tests/support/softhsm.h"
#include "tests/support/support.h"

static OSSL_LIB_CTX *context; /* with both providers, new for each test */

static void default_first(void)
{
    test_spy_reset();
    context = test_context(DEFAULT_FIRST);
}

static void devid_first(void)
{
    test_spy_reset();
    context = test_context(DEVID_FIRST);
}

static void devid_by_property(void)
{
    test_spy_reset();
    context = test_context(DEVID_BY_PROPERTY);
}

static void tear_down(void)
{
    test_context_free(context);
    context = NULL;
}

/* A suite of one case for each order, with the tests that are added to it. */
static Suite *suite_of_orders(const char *name, void (*add_tests)(TCase *t))
{
    static const struct {
        const char *name;
        SFun set_up;
    } orders[TEST_ORDERS] = {
        {"default first",   default_first    },
        {"devid first",     devid_first      },
        {"?provider=devid", devid_by_property},
    };
    Suite *suite = suite_create(name);

    for (int i = 0; i < TEST_ORDERS; i++) {
        TCase *t = tcase_create(orders[i].name);

        tcase_set_timeout(t, 300);
        tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
        tcase_add_checked_fixture(t, orders[i].set_up, tear_down);
        add_tests(t);
        suite_add_tcase(suite, t);
    }
    return suite;
}

#endif
