/* SPDX-License-Identifier: Apache-2.0 */
/* Through a proxy; and since one leads anywhere, to hosts that are not this machine's names. */
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define ASSIGNED                                                                                             \
    "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\",\"deviceId\":\"device-1\"}}"

/* A proxy for one CONNECT, which it sends to a port of 127.0.0.1 whatever its name. */
static struct proxy {
    int listener;
    uint16_t port;
    uint16_t target;
    const char *answer; /* NULL: it connects */
    char head[4096];    /* what it was asked */
    pthread_t thread;
} proxy;

static struct dps_fixture_clock hands;

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Moves what one side says to the other. False: it has hung up. */
static bool pass_on(int from, int to)
{
    char data[4096];
    ssize_t size = read(from, data, sizeof data);

    return size > 0 && write(to, data, (size_t)size) == size;
}

static void relay(int client, int server)
{
    struct pollfd descriptors[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};

    while (poll(descriptors, 2, -1) > 0) {
        if (descriptors[0].revents != 0 && !pass_on(client, server))
            return;
        if (descriptors[1].revents != 0 && !pass_on(server, client))
            return;
    }
}

static bool read_head(int client)
{
    size_t size = 0;

    while (size < sizeof proxy.head - 1 && read(client, proxy.head + size, 1) == 1) {
        proxy.head[++size] = '\0';
        if (strstr(proxy.head, "\r\n\r\n") != NULL)
            return true;
    }
    return false;
}

static void *serve(void *data)
{
    static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    int client = accept(proxy.listener, NULL, NULL);
    int server = -1;

    (void)data;
    if (read_head(client) && proxy.answer != NULL) {
        (void)!write(client, proxy.answer, strlen(proxy.answer));
    } else {
        server = connect_to(proxy.target);
        (void)!write(client, established, strlen(established));
        relay(client, server);
        close(server);
    }
    close(client);
    return NULL;
}

static void start_proxy(uint16_t target, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    proxy = (struct proxy){.target = target, .answer = answer};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(proxy.listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(proxy.listener, 4), 0);
    ck_assert_int_eq(getsockname(proxy.listener, (struct sockaddr *)&address, &size), 0);
    proxy.port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&proxy.thread, NULL, serve, NULL), 0);
}

static void stop_proxy(void)
{
    pthread_join(proxy.thread, NULL);
    close(proxy.listener);
}

/* A client of the server by way of the proxy, to which it says `user` ("NAME:PASSWORD@" or ""). */
static dps_client *make_client(const struct dps_server *server, const char *user)
{
    dps_client *client = dps_fixture_client(server, &hands);
    char url[128];

    snprintf(url, sizeof url, "http://%s127.0.0.1:%u", user, proxy.port);
    ck_assert_int_eq(dps_client_set_proxy(client, url), DPS_OK);
    return client;
}

static const struct dps_server_row rows[] = {{.method = "PUT", .status = 200, .answer = ASSIGNED}};

START_TEST(a_registration_goes_through_a_proxy_that_sees_only_where)
{
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_registration *registration;
    dps_client *client;
    char expected[64];

    start_proxy(dps_server_port(server), NULL);
    client = make_client(server, "user:secret@");
    ck_assert_msg(dps_client_register(client, &registration) == DPS_OK, "%s", dps_client_error(client));
    dps_registration_free(registration);
    dps_client_free(client);
    stop_proxy();
    snprintf(expected, sizeof expected, "CONNECT localhost:%u HTTP/1.1\r\n", dps_server_port(server));
    ck_assert_ptr_eq(strstr(proxy.head, expected), proxy.head);
    ck_assert_ptr_nonnull(strstr(proxy.head, "\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"));
    ck_assert_ptr_null(strstr(proxy.head, "scope"));
    dps_server_stop(server);
    ck_assert_ptr_null(strstr(dps_server_request(server, 0)->head, "Proxy-"));
    ck_assert_str_eq(dps_server_request(server, 0)->peer, "device-1");
    dps_server_finish(server);
}
END_TEST

START_TEST(an_ipv6_address_with_a_port_is_an_endpoint)
{
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_registration *registration;
    dps_client *client;
    char endpoint[64];

    start_proxy(dps_server_port(server), NULL);
    client = make_client(server, "");
    snprintf(endpoint, sizeof endpoint, "https://[::1]:%u", dps_server_port(server));
    ck_assert_int_eq(dps_client_set_endpoint(client, endpoint), DPS_OK);
    ck_assert_msg(dps_client_register(client, &registration) == DPS_OK, "%s", dps_client_error(client));
    dps_registration_free(registration);
    dps_client_free(client);
    stop_proxy();
    ck_assert_ptr_eq(strstr(proxy.head, "CONNECT [::1]:"), proxy.head);
    dps_server_stop(server);
    ck_assert_ptr_nonnull(strstr(dps_server_request(server, 0)->head, "\r\nHost: [::1]:"));
    dps_server_finish(server);
}
END_TEST

START_TEST(a_proxy_that_refuses_is_told_as_such)
{
    struct dps_server *server = dps_fixture_server(NULL, 0);
    dps_registration *registration;
    dps_client *client;

    start_proxy(dps_server_port(server), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    client = make_client(server, "user:secret@");
    ck_assert_int_eq(dps_client_set_timeout(client, 1), DPS_OK);
    hands.random = 500; /* a pause of a second, for which there is no time */
    ck_assert_int_eq(dps_client_register(client, &registration), DPS_TRANSPORT);
    ck_assert_msg(strstr(dps_client_error(client), "403") != NULL, "%s", dps_client_error(client));
    ck_assert_ptr_null(strstr(dps_client_error(client), "secret"));
    dps_client_free(client);
    stop_proxy();
    dps_server_finish(server);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("proxy");
    TCase *t = tcase_create("proxy");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, a_registration_goes_through_a_proxy_that_sees_only_where);
    tcase_add_test(t, an_ipv6_address_with_a_port_is_an_endpoint);
    tcase_add_test(t, a_proxy_that_refuses_is_told_as_such);
    suite_add_tcase(s, t);
    return s;
}
