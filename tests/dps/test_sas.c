/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/sas.h"
#include "dps/base64.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#define DEVICE "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
#define DEVICE_KEY "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="
#define GROUP_KEY "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="

static struct dps_report report;
static struct dps_tls *tls;

static void setup(void)
{
    const struct dps_tls_settings settings = {.report = &report};

    ck_assert_int_eq(dps_tls_new(&settings, &tls), DPS_OK);
}

static void teardown(void)
{
    dps_tls_free(tls);
}

/* Signs with the base64 key that `holder` is. */
static dps_status sign(void *holder, const void *data, size_t size, uint8_t out[DPS_SHA256_SIZE])
{
    struct bytes key;

    ck_assert(dps_base64_read(holder, strlen(holder), &key));
    ck_assert(dps_crypto_hmac_sha256(tls, key.data, key.size, data, size, out));
    bytes_free(&key);
    return DPS_OK;
}

static dps_status refuse(void *holder, const void *data, size_t size, uint8_t out[DPS_SHA256_SIZE])
{
    (void)holder;
    (void)data;
    (void)size;
    (void)out;
    return DPS_KEY;
}

/* The published example of a group's key and a device's. */
START_TEST(a_devices_key_is_derived_from_its_groups)
{
    uint8_t mac[DPS_SHA256_SIZE];
    struct buffer text;

    ck_assert_int_eq(sign((void *)(uintptr_t)GROUP_KEY, DEVICE, strlen(DEVICE), mac), DPS_OK);
    buffer_init(&text, 64);
    ck_assert(dps_base64_add(&text, mac, sizeof mac));
    ck_assert_str_eq(buffer_text(&text), DEVICE_KEY);
    buffer_free(&text);
}
END_TEST

START_TEST(a_signature_is_the_services_to_the_letter)
{
    char *token;

    ck_assert_int_eq(dps_sas_make("0ne00000A0A/registrations/" DEVICE, 1800000000, "registration", sign,
                                  (void *)(uintptr_t)DEVICE_KEY, &report, &token),
                     DPS_OK);
    ck_assert_str_eq(token, "SharedAccessSignature sr=0ne00000A0A%2Fregistrations%2F" DEVICE
                            "&sig=4GJHpvoXE7IrtAejo0rxqZ6jTFaMtb0uhOVtHS4%2BBZ0%3D"
                            "&se=1800000000&skn=registration");
    free(token);
}
END_TEST

START_TEST(a_hubs_signature_names_no_policy)
{
    char *token;

    ck_assert_int_eq(
        dps_sas_make("hub:8443/devices/a b~c", 1, NULL, sign, (void *)(uintptr_t)DEVICE_KEY, &report, &token),
        DPS_OK);
    ck_assert_ptr_eq(strstr(token, "SharedAccessSignature sr=hub%3A8443%2Fdevices%2Fa%20b~c&sig="), token);
    ck_assert_str_eq(strstr(token, "&se="), "&se=1");
    free(token);
}
END_TEST

START_TEST(a_key_that_does_not_sign_makes_no_token)
{
    char *token;

    ck_assert_int_eq(dps_sas_make("r", 1, NULL, refuse, NULL, &report, &token), DPS_KEY);
    ck_assert_ptr_null(token);
}
END_TEST

START_TEST(a_resource_beyond_all_measure_makes_no_token)
{
    char resource[5000];
    char *token;

    memset(resource, 'a', sizeof resource - 1);
    resource[sizeof resource - 1] = '\0';
    ck_assert_int_eq(dps_sas_make(resource, 1, NULL, sign, (void *)(uintptr_t)DEVICE_KEY, &report, &token),
                     DPS_NO_MEMORY);
    ck_assert_ptr_null(token);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("sas");
    TCase *t = tcase_create("sas");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_devices_key_is_derived_from_its_groups);
    tcase_add_test(t, a_signature_is_the_services_to_the_letter);
    tcase_add_test(t, a_hubs_signature_names_no_policy);
    tcase_add_test(t, a_key_that_does_not_sign_makes_no_token);
    tcase_add_test(t, a_resource_beyond_all_measure_makes_no_token);
    suite_add_tcase(s, t);
    return s;
}
