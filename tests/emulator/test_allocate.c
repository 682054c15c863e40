/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/allocate.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const hubs[] = {"a.example", "b.example", "c.example"};
static const struct emulator emulator = {.host = "lab", .port = 1234, .hubs = hubs, .hub_count = 3};

static const char *allocate(const char *enrollment, const char *id)
{
    json_t *object = json_loads(enrollment, 0, NULL);
    const char *hub = emu_allocate(&emulator, object, id);
    const char *found = NULL;

    ck_assert_ptr_nonnull(object);
    for (int i = 0; hub != NULL && i < 3; i++)
        if (strcmp(hubs[i], hub) == 0)
            found = hubs[i];
    json_decref(object);
    return found;
}

START_TEST(hashing_is_even)
{
    int counts[3] = {0};
    char id[20];

    for (int i = 0; i < 3000; i++) {
        const char *hub;

        snprintf(id, sizeof id, "device-%d", i);
        hub = allocate("{\"allocationPolicy\":\"hashed\"}", id);
        for (int j = 0; j < 3; j++)
            counts[j] += hub == hubs[j];
    }
    for (int j = 0; j < 3; j++)
        ck_assert_int_gt(counts[j], 900);
}
END_TEST

START_TEST(hashing_knows_no_case)
{
    char lower[20];
    char upper[20];

    for (int i = 0; i < 30; i++) {
        snprintf(lower, sizeof lower, "device-%d", i);
        snprintf(upper, sizeof upper, "DEVICE-%d", i);
        ck_assert_ptr_eq(allocate("{\"allocationPolicy\":\"hashed\"}", lower),
                         allocate("{\"allocationPolicy\":\"hashed\"}", upper));
    }
}
END_TEST

START_TEST(an_unknown_policy_chooses_nothing)
{
    ck_assert(!emu_allocate_knows("custom"));
    ck_assert_ptr_null(allocate("{\"allocationPolicy\":\"custom\"}", "x"));
    ck_assert_ptr_null(allocate("{}", "x"));
    ck_assert_ptr_eq(allocate("{\"allocationPolicy\":\"static\"}", "x"), hubs[0]);
}
END_TEST

static const struct {
    const char *hub;
    const char *address;
    const char *key;
} names[] = {
    {"localhost",    "lab:1234",     "localhost/d"},
    {"LocalHost",    "lab:1234",     "localhost/d"},
    {"localhost:9",  "localhost:9",  "localhost/d"},
    {"LAB:1234",     "LAB:1234",     "localhost/d"},
    {"[::1]:9",      "[::1]:9",      "localhost/d"},
    {"a.example",    "a.example",    "a.example/d"},
    {"a.example:99", "a.example:99", "a.example/d"},
    {"local",        "local",        "local/d"    },
};

START_TEST(hubs_have_an_address_and_a_key)
{
    char *address = emu_hub_address(&emulator, names[_i].hub);
    char *key = emu_hub_key(&emulator, names[_i].hub, "d");

    ck_assert_str_eq(address, names[_i].address);
    ck_assert_str_eq(key, names[_i].key);
    free(address);
    free(key);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("allocate");
    TCase *t = tcase_create("allocate");

    tcase_add_test(t, hashing_is_even);
    tcase_add_test(t, hashing_knows_no_case);
    tcase_add_test(t, an_unknown_policy_chooses_nothing);
    tcase_add_loop_test(t, hubs_have_an_address_and_a_key, 0, (int)(sizeof names / sizeof names[0]));
    suite_add_tcase(s, t);
    return s;
}
