/* SPDX-License-Identifier: Apache-2.0 */
/* What the network, a strange service and a full disk do to a registration. The other faults are beside what
 * they hit: docs/dps.md says which test has which. */
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define ASSIGNING "{\"operationId\":\"4.op\",\"status\":\"assigning\"}"
#define ASSIGNED                                                                                             \
    "{\"operationId\":\"4.op\",\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\","        \
    "\"deviceId\":\"device-1\"}}"

static struct dps_fixture_clock hands;

static dps_status try_once(dps_client *client)
{
    dps_registration *registration;
    dps_status status;

    hands.sleeps = 0;
    status = dps_client_register(client, &registration);
    dps_registration_free(registration);
    return status;
}

/* ---- the connection is cut */

/* In the middle of the answer, at each of its bytes: the request is made again, and its answer counts. */
#define CUTS 100 /* in one test: the server remembers 256 requests */
START_TEST(an_answer_cut_at_any_byte_is_asked_for_again)
{
    static char whole[300];
    static char cut[CUTS][sizeof whole];
    static struct dps_server_row rows[2 * CUTS];
    size_t size = (size_t)snprintf(whole, sizeof whole,
                                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Length: %zu\r\n\r\n%s",
                                   strlen(ASSIGNED), ASSIGNED);
    size_t first = (size_t)_i * CUTS;
    size_t count = first + CUTS < size ? CUTS : size - first;
    struct dps_server *server;
    dps_client *client;

    ck_assert_uint_le(size, 2 * CUTS);
    for (size_t i = 0; i < count; i++) {
        memcpy(cut[i], whole, first + i);
        rows[2 * i] = (struct dps_server_row){.method = "PUT", .conduct = SERVER_BABBLES, .answer = cut[i]};
        rows[2 * i + 1] = (struct dps_server_row){.method = "PUT", .status = 200, .answer = ASSIGNED};
    }
    server = dps_fixture_server(rows, 2 * count);
    client = dps_fixture_client(server, &hands);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(try_once(client) == DPS_OK, "%zu bytes: %s", first + i, dps_client_error(client));
        ck_assert_uint_eq(hands.sleeps, 1);
    }
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* A listener that ends each connection before TLS is there, in its own way. */
struct cutter {
    int fd;
    uint16_t port;
    size_t reads;       /* so many bytes of what the client says first, */
    const char *answer; /* then this, */
    size_t size;
    bool resets; /* and the end, with a reset or without */
    unsigned connections;
    pthread_t thread;
};

static void cut_one(struct cutter *cutter, int peer)
{
    const struct linger now = {.l_onoff = 1};
    char sink[1024];
    size_t left = cutter->reads;

    while (left > 0) {
        ssize_t got = recv(peer, sink, left < sizeof sink ? left : sizeof sink, 0);

        if (got <= 0)
            break;
        left -= (size_t)got;
    }
    if (cutter->size != 0 && send(peer, cutter->answer, cutter->size, MSG_NOSIGNAL) < 0)
        return;
    if (cutter->resets)
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void *cut_all(void *data)
{
    struct cutter *cutter = data;
    int peer;

    while ((peer = accept(cutter->fd, NULL, NULL)) >= 0) {
        __atomic_add_fetch(&cutter->connections, 1, __ATOMIC_SEQ_CST);
        cut_one(cutter, peer);
        close(peer);
    }
    return NULL;
}

static void start_cutter(struct cutter *cutter)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    cutter->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(cutter->fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(cutter->fd, 16), 0);
    ck_assert_int_eq(getsockname(cutter->fd, (struct sockaddr *)&address, &size), 0);
    cutter->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&cutter->thread, NULL, cut_all, cutter), 0);
}

static void stop_cutter(struct cutter *cutter)
{
    shutdown(cutter->fd, SHUT_RDWR);
    pthread_join(cutter->thread, NULL);
    close(cutter->fd);
}

static const struct {
    size_t reads;
    const char *answer;
    size_t size;
    bool resets;
    dps_status status;
    unsigned connections; /* 0: more than one, it may pass */
    const char *words;
} handshakes[] = {
    {0, "", 0, true, DPS_TRANSPORT, 0, "gave up after attempt 12"},
    {0, "", 0, false, DPS_TRANSPORT, 0, "the connection was lost; gave up after attempt 12"},
    {100, "", 0, true, DPS_TRANSPORT, 0, "the connection was lost; gave up after attempt 12"},
    {5, "", 0, false, DPS_TRANSPORT, 0, "the connection was lost; gave up after attempt 12"},
    /* half a record of a handshake */
    {100, "\x16\x03\x03\x00\x40\x02\x00\x00", 8, false, DPS_TRANSPORT, 0,
     "the connection was lost; gave up after attempt 12"},
    /* an alert: it has its reasons */
    {100, "\x15\x03\x03\x00\x02\x02\x28", 7, false, DPS_TLS, 1, "alert"},
    /* what speaks something else stays so */
    {100, "220 mail ESMTP\r\n", 16, false, DPS_TLS, 1, "does not speak TLS"},
    {100, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, false, DPS_TLS, 1, "does not speak TLS"},
};

START_TEST(a_connection_cut_before_tls_is_tried_again_until_the_time_is_up)
{
    struct cutter cutter = {.reads = handshakes[_i].reads,
                            .answer = handshakes[_i].answer,
                            .size = handshakes[_i].size,
                            .resets = handshakes[_i].resets};
    struct dps_server *server = dps_fixture_server(NULL, 0);
    dps_client *client = dps_fixture_client(server, &hands);
    char authority[32];
    dps_status status;

    start_cutter(&cutter);
    snprintf(authority, sizeof authority, "127.0.0.1:%u", cutter.port);
    ck_assert_int_eq(dps_client_set_endpoint(client, authority), DPS_OK);
    status = try_once(client);
    stop_cutter(&cutter);
    ck_assert_msg(status == handshakes[_i].status, "%d: %s", (int)status, dps_client_error(client));
    ck_assert_msg(strstr(dps_client_error(client), handshakes[_i].words) != NULL &&
                      strstr(dps_client_error(client), authority) != NULL,
                  "%s", dps_client_error(client));
    if (handshakes[_i].connections != 0)
        ck_assert_uint_eq(cutter.connections, handshakes[_i].connections);
    else
        ck_assert_uint_gt(cutter.connections, 5);
    ck_assert_int_le(hands.now, 1000 + 120 * 1000);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* ---- what no provisioning service says */

static const unsigned redirections[] = {300, 301, 302, 303, 305, 307, 308};

/* Wherever it leads, a redirection is not followed, at any stage: credentials go to whom they were meant for.
 */
START_TEST(a_redirection_is_refused)
{
    static char location[100];
    struct dps_server_row rows[] = {
        {.method = "PUT", .status = redirections[_i], .headers = location},
        {.method = "PUT", .status = 202, .answer = ASSIGNING},
        {.method = "GET", .status = redirections[_i], .headers = location},
    };
    struct dps_server *elsewhere = dps_fixture_server(NULL, 0);
    struct dps_server *server;
    dps_client *client;

    snprintf(location, sizeof location, "Location: https://%s/scope\r\n", dps_server_authority(elsewhere));
    server = dps_fixture_server(rows, COUNT(rows));
    client = dps_fixture_client(server, &hands);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(try_once(client), DPS_PROTOCOL);
        ck_assert_msg(strstr(dps_client_error(client), "which the service never does") != NULL, "%s",
                      dps_client_error(client));
    }
    dps_client_free(client);
    dps_server_finish(server);
    dps_server_stop(elsewhere);
    ck_assert_uint_eq(dps_server_connections(elsewhere), 0);
    dps_server_finish(elsewhere);
}
END_TEST

/* Retry-After as it comes, and the pause that is made: without one the client's own, with one that cannot be
 * meant its bounds. */
static const struct {
    const char *headers;
    int64_t polling;
    int64_t throttled;
} pauses[] = {
    {"Retry-After: 0\r\n", 1000, 1000},
    {"Retry-After: -1\r\n", 2000, 500},
    {"Retry-After: 1000000000\r\n", 300000, 300000},
    {"Retry-After: 99999999999999999999999999999999\r\n", 300000, 300000},
    {"Retry-After: soon\r\n", 2000, 500},
    {"Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n", 2000, 500},
    {"Retry-After:\r\n", 2000, 500},
};

START_TEST(a_strange_retry_after_gives_a_sane_pause)
{
    const struct dps_server_row rows[] = {
        {.method = "PUT", .status = 429, .headers = pauses[_i].headers},
        {.method = "PUT", .status = 202, .headers = pauses[_i].headers, .answer = ASSIGNING},
        {.method = "GET", .status = 200, .answer = ASSIGNED},
    };
    struct dps_server *server = dps_fixture_server(rows, COUNT(rows));
    dps_client *client = dps_fixture_client(server, &hands);

    ck_assert_int_eq(dps_client_set_timeout(client, 1000), DPS_OK);
    ck_assert_msg(try_once(client) == DPS_OK, "%s", dps_client_error(client));
    ck_assert_uint_eq(hands.sleeps, 2);
    ck_assert_int_eq(hands.slept[0], pauses[_i].throttled);
    ck_assert_int_eq(hands.slept[1], pauses[_i].polling);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* JSON that is right and has 1 MiB is not read to its end. */
START_TEST(a_mebibyte_of_json_is_refused)
{
    static char large[1024 * 1024 + 1];
    const struct dps_server_row rows[] = {{.method = "PUT", .status = 200, .answer = large}};
    struct dps_server *server;
    dps_client *client;
    int length = snprintf(large, sizeof large, "%.*s,\"payload\":\"", (int)strlen(ASSIGNED) - 2, ASSIGNED);

    memset(large + length, 'x', sizeof large - 1 - (size_t)length);
    memcpy(large + sizeof large - 4, "\"}}", 3);
    server = dps_fixture_server(rows, COUNT(rows));
    client = dps_fixture_client(server, &hands);
    ck_assert_int_eq(try_once(client), DPS_PROTOCOL);
    ck_assert_ptr_nonnull(strstr(dps_client_error(client), "larger than any of the service's"));
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

/* ---- a full disk */

/* From here on no file grows: write() fails, as on a disk that is full. */
static void fill_disk(bool full)
{
    static struct rlimit before;
    struct rlimit none = {0, 0};

    if (!full) {
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        return;
    }
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    none.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
}

/* The device has its assignment, but it would be gone at the next start: that is told, and what was there
 * before stays. */
START_TEST(a_full_disk_is_told_and_leaves_the_old_assignment)
{
    static const struct dps_server_row rows[] = {
        {.method = "PUT", .status = 200, .answer = ASSIGNED, .times = 3}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_client *client = dps_fixture_client(server, &hands);
    dps_registration *registration;
    char *before;
    char *after;

    ck_assert_int_eq(dps_client_set_state(client, support_path("full.json")), DPS_OK);
    ck_assert_int_eq(dps_client_set_reprovision(client, DPS_REPROVISION_ALWAYS_ON_STARTUP), DPS_OK);
    ck_assert_int_eq(dps_client_provision(client, &registration), DPS_OK);
    dps_registration_free(registration);
    before = support_read(support_path("full.json"), NULL);
    fill_disk(true);
    ck_assert_int_eq(dps_client_provision(client, &registration), DPS_INVALID);
    fill_disk(false);
    ck_assert_ptr_null(registration);
    ck_assert_msg(strstr(dps_client_error(client), "full.json cannot be written") != NULL, "%s",
                  dps_client_error(client));
    after = support_read(support_path("full.json"), NULL);
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(support_shell(NULL, "test \"$(ls -A %s | grep -c full)\" = 1", support_directory()), 0);
    ck_assert_int_eq(dps_client_provision(client, &registration),
                     DPS_OK); /* the same client, with room again */
    dps_registration_free(registration);
    free(before);
    free(after);
    dps_client_free(client);
    dps_server_finish(server);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("faults");
    TCase *t = tcase_create("faults");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_loop_test(t, an_answer_cut_at_any_byte_is_asked_for_again, 0, 2);
    tcase_add_loop_test(t, a_connection_cut_before_tls_is_tried_again_until_the_time_is_up, 0,
                        COUNT(handshakes));
    tcase_add_loop_test(t, a_redirection_is_refused, 0, COUNT(redirections));
    tcase_add_loop_test(t, a_strange_retry_after_gives_a_sane_pause, 0, COUNT(pauses));
    tcase_add_test(t, a_mebibyte_of_json_is_refused);
    tcase_add_test(t, a_full_disk_is_told_and_leaves_the_old_assignment);
    suite_add_tcase(s, t);
    return s;
}
