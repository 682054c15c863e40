/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM commands of a registration by TPM attestation and of what follows it: which, in which order, and
 * not one more. A TPM in software, DevID's module as programs load it, a service that wraps keys for that
 * TPM. docs/dps.md has the same lists. */
#include "dps/base64.h"
#include "tests/support/credential.h"
#include "tests/support/dps_fixture.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define WRAPPED_MAXIMUM 3072

/* What the service answers, made for this TPM. */
static char challenge[WRAPPED_MAXIMUM + 256];
static char assigned[WRAPPED_MAXIMUM + 256];
static struct dps_fixture_clock hands;

/* ---- a token as `devid token init` makes it, and the same with the endorsement key in the TPM */

static int devid(const char *command)
{
    char *output = NULL;
    int status = support_shell(&output, "%s %s", support_build_path("cli/devid"), command);

    ck_assert_msg(status == 0, "devid %s: %s", command, output);
    free(output);
    return status;
}

static void make(void)
{
    dps_fixture_make();
    test_module_environment();
    unsetenv("DEVID_DEVICE_OBJECTS");
    test_tpm_start();
    setenv("DEVID_PKCS11_MODULE", support_build_path("pkcs11/.libs/devid-pkcs11.so"), 1);
    setenv("TCTI_RECORD_FILE", support_path("traffic"), 1);
    devid("token init --label device");
}

/* The second test case has the token of the first. */
static void make_persistent(void)
{
    devid("tpm setup --token device --persist");
}

/* ---- the service */

static dps_client *make_client(const struct dps_server *server)
{
    dps_client *client = dps_client_new("scope", "dev");

    if (server != NULL)
        ck_assert_int_eq(dps_client_set_endpoint(client, dps_server_authority(server)), DPS_OK);
    ck_assert_int_eq(dps_client_set_trust(client, support_path("ca.pem")), DPS_OK);
    ck_assert_int_eq(dps_client_set_proxy(client, ""), DPS_OK);
    ck_assert_int_eq(dps_client_use_tpm(client, NULL), DPS_OK);
    client->clock = dps_fixture_clock(&hands);
    return client;
}

static void wrap(const struct dps_tpm_identity *identity, uint8_t letter, char *text)
{
    struct test_credential credential = test_credential_known();
    struct bytes ek = BYTES_EMPTY;
    struct bytes srk = BYTES_EMPTY;
    uint8_t blob[TEST_CREDENTIAL_MAXIMUM];
    struct buffer base64;

    memset(credential.key, letter, sizeof credential.key);
    ck_assert(dps_base64_read(identity->endorsement_key, strlen(identity->endorsement_key), &ek));
    ck_assert(dps_base64_read(identity->storage_root_key, strlen(identity->storage_root_key), &srk));
    buffer_init(&base64, WRAPPED_MAXIMUM);
    ck_assert(dps_base64_add(&base64, blob,
                             test_credential_make(&credential, ek.data, ek.size, srk.data, srk.size, blob)));
    snprintf(text, WRAPPED_MAXIMUM, "%.*s", (int)base64.size, (const char *)base64.data);
    buffer_free(&base64);
    bytes_free(&ek);
    bytes_free(&srk);
}

/* Forgets what was counted and recorded; the file stays the one that an open connection writes to. */
static void forget(void)
{
    FILE *file = fopen(support_path("traffic"), "w");

    ck_assert_ptr_nonnull(file);
    fclose(file);
    test_tpm_count_reset();
}

static void prepare(void)
{
    dps_client *client = make_client(NULL);
    struct dps_tpm_identity identity;
    char text[WRAPPED_MAXIMUM];

    ck_assert_msg(dps_client_tpm_identity(client, &identity) == DPS_OK, "%s", dps_client_error(client));
    wrap(&identity, 'a', text);
    snprintf(challenge, sizeof challenge, "{\"keyName\":\"registration\",\"authenticationKey\":\"%s\"}",
             text);
    wrap(&identity, 'b', text);
    snprintf(assigned, sizeof assigned,
             "{\"operationId\":\"o-1\",\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":"
             "\"localhost\","
             "\"deviceId\":\"dev\",\"tpm\":{\"authenticationKey\":\"%s\"}}}",
             text);
    dps_client_free(client);
    forget();
}

/* ---- what the TPM was asked */

static uint32_t big_endian(const char *data)
{
    const unsigned char *bytes = (const unsigned char *)data;

    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static const char *name_of(uint32_t command)
{
    static const struct {
        uint32_t command;
        const char *name;
    } names[] = {
        {TPM2_CC_CreatePrimary, "CreatePrimary"},
        {TPM2_CC_StartAuthSession, "StartAuthSession"},
        {TPM2_CC_PolicySecret, "PolicySecret"},
        {TPM2_CC_ActivateCredential, "ActivateCredential"},
        {TPM2_CC_Import, "Import"},
        {TPM2_CC_FlushContext, "FlushContext"},
        {TPM2_CC_Load, "Load"},
        {TPM2_CC_HMAC, "HMAC"},
    };
    static char other[16];

    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].command == command)
            return names[i].name;
    snprintf(other, sizeof other, "0x%x", command);
    return other;
}

/* The names of all commands since prepare(), in their order; what was recorded is command, response, and so
 * on. */
static void commands(char *list, size_t size)
{
    size_t recorded = 0;
    char *traffic = support_read(support_path("traffic"), &recorded);
    bool is_command = true;

    list[0] = '\0';
    for (size_t offset = 0; offset + 10 <= recorded; is_command = !is_command) {
        size_t used = strlen(list);

        if (is_command)
            snprintf(list + used, size - used, "%s%s", used != 0 ? " " : "",
                     name_of(big_endian(traffic + offset + 6)));
        offset += big_endian(traffic + offset + 2);
    }
    free(traffic);
}

static void assert_commands(const char *wanted)
{
    char list[2048];
    unsigned count = wanted[0] != '\0' ? 1 : 0;

    commands(list, sizeof list);
    ck_assert_str_eq(list, wanted);
    for (const char *space = strchr(wanted, ' '); space != NULL; space = strchr(space + 1, ' '))
        count++;
    ck_assert_uint_eq(test_tpm_count()->total, count);
    forget();
}

/* ---- the tests */

/* A policy session for the endorsement key, which is used by its hierarchy's password, and one that keeps
 * what comes out and goes in secret. */
#define UNWRAP "StartAuthSession PolicySecret StartAuthSession ActivateCredential Import"
#define UNWRAP_TRANSIENT "CreatePrimary " UNWRAP " FlushContext"
/* One shared access signature, for all requests that need one. */
#define REFUSED "StartAuthSession PolicySecret StartAuthSession ActivateCredential FlushContext FlushContext"
#define SIGN "Load HMAC FlushContext"

/* Registers and sends `messages` messages in one process, as devid does it in two. */
static void register_and_send(const char *registering, const char *sending)
{
    const struct dps_server_row rows[] = {
        {.method = "PUT", .status = 401, .answer = challenge},
        {.method = "PUT", .status = 202, .answer = "{\"operationId\":\"o-1\",\"status\":\"assigning\"}"},
        {.method = "GET",
         .status = 202,
         .answer = "{\"operationId\":\"o-1\",\"status\":\"assigning\"}",
         .times = 3},
        {.method = "GET", .status = 200, .answer = assigned},
        {.method = "POST", .status = 204, .times = 3},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = make_client(server);
    dps_registration *registration;
    dps_hub *hub;

    ck_assert_msg(dps_client_register(client, &registration) == DPS_OK, "%s", dps_client_error(client));
    dps_registration_free(registration);
    assert_commands(registering);
    ck_assert_int_eq(dps_hub_open(client, dps_server_authority(server), "dev", &hub), DPS_OK);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(dps_hub_send(hub, &(struct dps_message){.body = "x", .size = 1}) == DPS_OK, "%s",
                      dps_client_error(client));
    dps_hub_close(hub);
    dps_client_free(client);
    assert_commands(sending);
    dps_server_stop(server);
    ck_assert_uint_eq(dps_server_request(server, 5)->connection, 1); /* the whole registration */
    dps_server_finish(server);
}

START_TEST(a_registration_with_a_transient_endorsement_key)
{
    register_and_send(UNWRAP_TRANSIENT " " SIGN " " UNWRAP_TRANSIENT, SIGN);
}
END_TEST

START_TEST(a_registration_with_a_persistent_endorsement_key)
{
    register_and_send(UNWRAP " " SIGN " " UNWRAP, SIGN);
}
END_TEST

/* A key for another TPM costs what it takes to see that, and leaves nothing in this one: the next try begins
 * anew. */
START_TEST(a_credential_for_another_tpm_ends_at_activation)
{
    const struct dps_server_row rows[] = {{.method = "PUT", .status = 401, .answer = challenge, .times = 2}};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = make_client(server);
    char *key = strstr(challenge, "\"authenticationKey\":\"") + strlen("\"authenticationKey\":\"");
    dps_registration *registration;

    key[10] = key[10] == 'A' ? 'B' : 'A'; /* in the credential's MAC */
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(dps_client_register(client, &registration), DPS_KEY);
        ck_assert_ptr_nonnull(strstr(dps_client_error(client), "CKR_WRAPPED_KEY_INVALID"));
        assert_commands(REFUSED);
    }
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* Each command of a registration, and how many of its kind come before it. */
static const struct {
    uint32_t command;
    uint32_t before;
} places[] = {
    {TPM2_CC_StartAuthSession, 0},
    {TPM2_CC_PolicySecret, 0},
    {TPM2_CC_StartAuthSession, 1},
    {TPM2_CC_ActivateCredential, 0},
    {TPM2_CC_Import, 0},
    {TPM2_CC_Load, 0},
    {TPM2_CC_HMAC, 0},
    {TPM2_CC_StartAuthSession, 2},
    {TPM2_CC_PolicySecret, 1},
    {TPM2_CC_StartAuthSession, 3},
    {TPM2_CC_ActivateCredential, 1},
    {TPM2_CC_Import, 1},
};

static dps_status register_once(dps_client *client)
{
    const struct dps_server_row rows[] = {{.method = "PUT", .status = 401, .answer = challenge},
                                          {.method = "PUT", .status = 200, .answer = assigned}};
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_registration *registration;
    dps_status status;

    ck_assert_int_eq(dps_client_set_endpoint(client, dps_server_authority(server)), DPS_OK);
    status = dps_client_register(client, &registration);
    ck_assert((registration != NULL) == (status == DPS_OK));
    dps_registration_free(registration);
    dps_server_free(server); /* not each registration comes to the second request */
    return status;
}

/* What a TPM that is gone does not keep: without a resource manager it is up to us. */
static void flush(void)
{
    ck_assert_int_eq(support_shell(NULL,
                                   "for what in -t -l -s; do tpm2_flushcontext -T %s $what || exit 1; done",
                                   test_tpm_tcti()),
                     0);
}

/* Lost once, it is reached again, and nothing is noticed; for good, the registration ends and names it, and
 * the same client registers when the TPM is back. */
START_TEST(a_tpm_that_is_lost_at_any_command)
{
    dps_client *client = make_client(NULL);
    struct tcti_count *count = test_tpm_count();

    flush();
    count->inject_command = places[_i].command;
    count->inject_after = places[_i].before;
    count->inject_times = 1;
    ck_assert_msg(register_once(client) == DPS_OK, "%s", dps_client_error(client));
    ck_assert_uint_eq(count->inject_times, 0);
    ck_assert_uint_eq(count->connections, 2);
    flush();
    count->inject_after = places[_i].before;
    count->inject_times = 1000;
    ck_assert_int_eq(register_once(client), DPS_KEY);
    ck_assert_msg(strstr(dps_client_error(client), "does not answer") != NULL &&
                      strstr(dps_client_error(client), "(CKR_DEVICE_ERROR)") != NULL,
                  "%s", dps_client_error(client));
    ck_assert_uint_eq(count->inject_times, 998); /* it is tried once more, no oftener */
    count->inject_times = 0;
    flush();
    ck_assert_msg(register_once(client) == DPS_OK, "%s", dps_client_error(client));
    dps_client_free(client);
}
END_TEST

/* Registration ids and endorsement key, `devid tpm info`: read when the token was made. */
START_TEST(the_identity_costs_no_command)
{
    dps_client *client = make_client(NULL);
    struct dps_tpm_identity identity;

    ck_assert_int_eq(dps_client_tpm_identity(client, &identity), DPS_OK);
    dps_client_free(client);
    assert_commands("");
    ck_assert_uint_eq(test_tpm_count()->connections, 0);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("commands");
    TCase *transient = tcase_create("transient");
    TCase *persistent = tcase_create("persistent");

    tcase_add_unchecked_fixture(transient, make, NULL);
    tcase_add_checked_fixture(transient, prepare, NULL);
    tcase_add_test(transient, a_registration_with_a_transient_endorsement_key);
    suite_add_tcase(suite, transient);
    tcase_add_unchecked_fixture(persistent, make_persistent, NULL);
    tcase_add_checked_fixture(persistent, prepare, NULL);
    tcase_add_test(persistent, a_registration_with_a_persistent_endorsement_key);
    tcase_add_test(persistent, a_credential_for_another_tpm_ends_at_activation);
    tcase_add_test(persistent, the_identity_costs_no_command);
    tcase_add_loop_test(persistent, a_tpm_that_is_lost_at_any_command, 0, COUNT(places));
    suite_add_tcase(suite, persistent);
    return suite;
}
