/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/http.h"

#include "common/file.h"
#include "emulator/ca.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct emu_listener *listener;
static uint16_t port;

/* The last answer. */
static char *body;
static size_t body_size;
static char headers[4096];

static char *read_state(const char *name)
{
    return support_read(support_path("%s", name), NULL);
}

static void setup(void)
{
    int directory = open(support_directory(), O_RDONLY | O_DIRECTORY);
    char message[256] = "";
    char *certificate;
    char *key;
    char *authority;

    fixture_setup();
    ck_assert_msg(emu_ca_ensure(directory, NULL, time(NULL), message, sizeof message), "%s", message);
    close(directory);
    listener = emu_http_listen("127.0.0.1", 0, &port, message, sizeof message);
    ck_assert_msg(listener != NULL, "%s", message);
    fixture_emulator.port = port;
    certificate = read_state(EMU_SERVER_CERTIFICATE);
    key = read_state(EMU_SERVER_KEY);
    authority = read_state(EMU_CA_CERTIFICATE);
    ck_assert_msg(
        emu_http_start(listener, &fixture_emulator, certificate, key, authority, message, sizeof message),
        "%s", message);
    free(certificate);
    free(key);
    free(authority);
}

static void teardown(void)
{
    emu_http_stop(listener);
    free(body);
    body = NULL;
    fixture_teardown();
}

static size_t keep_body(char *data, size_t size, size_t count, void *unused)
{
    (void)unused;
    body = realloc(body, body_size + size * count + 1);
    memcpy(body + body_size, data, size * count);
    body_size += size * count;
    body[body_size] = '\0';
    return size * count;
}

static size_t keep_header(char *data, size_t size, size_t count, void *unused)
{
    size_t length = strlen(headers);

    (void)unused;
    snprintf(headers + length, sizeof headers - length, "%.*s", (int)(size * count), data);
    return size * count;
}

/* Uploads this many 'x'. */
static size_t supply(char *data, size_t size, size_t count, void *left)
{
    size_t *remaining = left;
    size_t part = size * count < *remaining ? size * count : *remaining;

    memset(data, 'x', part);
    *remaining -= part;
    return part;
}

static const char *identity_file(const struct identity *identity)
{
    const char *path = support_path("identity.pem");
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    PEM_write_X509(file, identity->certificate);
    PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    return path;
}

struct exchange {
    const char *method;
    const char *target;
    const char *text; /* a body with its length announced */
    size_t chunked;   /* else: a chunked body of this many bytes */
    const struct identity *who;
    long tls; /* CURL_SSLVERSION_... or 0 */
    const char *authorization;
};

/* The status; 0 when the connection failed. */
static long fetch(const struct exchange *exchange)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *lines = curl_slist_append(NULL, "Content-Type: application/json");
    size_t left = exchange->chunked;
    char url[512];
    char line[600];
    long status = 0;

    snprintf(url, sizeof url, "https://localhost:%u%s", port, exchange->target);
    lines = curl_slist_append(lines, "Expect:");
    if (exchange->chunked != 0)
        lines = curl_slist_append(lines, "Transfer-Encoding: chunked");
    if (exchange->authorization != NULL) {
        snprintf(line, sizeof line, "Authorization: %s", exchange->authorization);
        lines = curl_slist_append(lines, line);
    }
    body_size = 0;
    headers[0] = '\0';
    keep_body(headers, 1, 0, NULL);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CAINFO, support_path(EMU_CA_CERTIFICATE));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_header);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    if (exchange->text != NULL)
        curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, exchange->text);
    if (exchange->chunked != 0) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, supply);
        curl_easy_setopt(curl, CURLOPT_READDATA, &left);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, exchange->method);
    if (exchange->who != NULL)
        curl_easy_setopt(curl, CURLOPT_SSLCERT, identity_file(exchange->who));
    if (exchange->who != NULL)
        curl_easy_setopt(curl, CURLOPT_SSLKEY, support_path("identity.pem"));
    if (exchange->tls != 0)
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, exchange->tls);
    curl_easy_setopt(curl, CURLOPT_SSL_CIPHER_LIST,
                     "ALL@SECLEVEL=0"); /* so that it is the server that refuses */
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(lines);
    return status;
}

#define REGISTER "/" FIXTURE_SCOPE "/registrations/dev/register" DEVICE_VERSION

static const long versions[] = {CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2,
                                CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3};

START_TEST(client_certificate_reaches_the_judge)
{
    const struct identity *leaf =
        identity_make(&(struct identity_options){.common_name = "dev", .rsa = _i % 2 == 0});
    struct exchange exchange = {
        .method = "PUT", .target = REGISTER, .text = "{}", .who = leaf, .tls = versions[_i / 2]};

    ck_assert_uint_eq(enroll("dev", leaf, NULL, NULL), 200);
    ck_assert_int_eq(fetch(&exchange), 202);
    exchange.who = NULL;
    ck_assert_int_eq(fetch(&exchange), 401);
    ck_assert(strstr(body, "showed no certificate") != NULL);
    exchange.who = identity_leaf("dev", NULL);
    ck_assert_int_eq(fetch(&exchange), 401);
}
END_TEST

START_TEST(old_tls_is_refused)
{
    ck_assert_int_eq(fetch(&(struct exchange){.method = "GET",
                                              .target = "/",
                                              .tls = CURL_SSLVERSION_TLSv1_0 | CURL_SSLVERSION_MAX_TLSv1_1}),
                     0);
}
END_TEST

START_TEST(unknown_paths_and_methods_get_json)
{
    ck_assert_int_eq(fetch(&(struct exchange){.method = "GET", .target = "/nothing/here"}), 404);
    ck_assert(strstr(headers, "application/json; charset=utf-8") != NULL);
    ck_assert_int_eq(fetch(&(struct exchange){.method = "PATCH", .target = "/enrollments/x", .text = "{}"}),
                     405);
    ck_assert(strstr(headers, "Allow: PUT, GET, DELETE\r\n") != NULL);
    ck_assert_int_eq(fetch(&(struct exchange){.method = "GET", .target = "/"}), 404);
}
END_TEST

START_TEST(a_get_may_have_a_body)
{
    ck_assert_int_eq(fetch(&(struct exchange){.method = "GET",
                                              .target = "/enrollments/x" SERVICE_VERSION,
                                              .text = "{}",
                                              .authorization = service_token()}),
                     404);
    ck_assert(strstr(body, "404201") != NULL);
}
END_TEST

START_TEST(an_encoded_slash_is_part_of_its_segment)
{
    ck_assert_int_eq(fetch(&(struct exchange){.method = "GET",
                                              .target = "/enrollments/a%2fb" SERVICE_VERSION,
                                              .authorization = service_token()}),
                     404);
    ck_assert(strstr(body, "no enrollment a/b") != NULL);
    ck_assert_int_eq(fetch(&(struct exchange){.method = "GET", .target = "/enrollments/a%2" SERVICE_VERSION}),
                     404);
    ck_assert_int_eq(
        fetch(&(struct exchange){.method = "GET", .target = "/enrollments/a%00" SERVICE_VERSION}), 404);
    ck_assert_int_eq(fetch(&(struct exchange){.method = "GET", .target = "/enrollments/a?api-version=%zz"}),
                     400);
}
END_TEST

START_TEST(chunked_bodies_are_read)
{
    const struct identity *leaf = identity_leaf("dev", NULL);
    struct exchange exchange = {.method = "POST",
                                .target = "/devices/dev/messages/events" HUB_VERSION,
                                .chunked = 100000,
                                .who = leaf};

    ck_assert_uint_eq(enroll("dev", leaf, NULL, NULL), 200);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_int_eq(fetch(&exchange), 204);
    ck_assert_uint_eq(body_size, 0);
    exchange.chunked = 300 * 1024;
    ck_assert_int_eq(fetch(&exchange), 413);
    ck_assert(strstr(headers, "iothub-errorcode: MessageTooLarge") != NULL);
}
END_TEST

START_TEST(bodies_have_a_limit)
{
    char *text = calloc(1, EMU_HTTP_BODY_MAXIMUM + 2);

    memset(text, ' ', EMU_HTTP_BODY_MAXIMUM + 1);
    ck_assert_int_eq(fetch(&(struct exchange){.method = "PUT", .target = REGISTER, .text = text}), 413);
    text[EMU_HTTP_BODY_MAXIMUM] = '\0';
    ck_assert_int_eq(fetch(&(struct exchange){.method = "PUT", .target = REGISTER, .text = text}), 400);
    free(text);
    ck_assert_int_eq(
        fetch(&(struct exchange){.method = "PUT", .target = REGISTER, .chunked = EMU_HTTP_BODY_MAXIMUM + 1}),
        413);
    ck_assert_int_eq(
        fetch(&(struct exchange){.method = "PUT", .target = REGISTER, .chunked = 40 * 1024 * 1024}), 0);
    ck_assert_int_eq(fetch(&(struct exchange){.method = "GET", .target = "/"}), 404); /* it still serves */
}
END_TEST

START_TEST(noise_does_not_end_the_server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    static const char noise[] = "GET / HTTP/1.1\r\n\r\n";

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 20; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        if (i % 2 == 0)
            ck_assert_int_gt(write(fd, noise, sizeof noise), 0);
        close(fd);
    }
    ck_assert_int_eq(fetch(&(struct exchange){.method = "GET", .target = "/"}), 404);
}
END_TEST

START_TEST(a_taken_port_and_a_bad_address_are_named)
{
    char message[256] = "";
    uint16_t bound;

    ck_assert_ptr_null(emu_http_listen("127.0.0.1", port, &bound, message, sizeof message));
    ck_assert_msg(strstr(message, "Address already in use; choose another with --port") != NULL, "%s",
                  message);
    ck_assert_ptr_null(emu_http_listen("localhost", 0, &bound, message, sizeof message));
    ck_assert_msg(strstr(message, "localhost is not an address") != NULL, "%s", message);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("http");
    TCase *t = tcase_create("http");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, client_certificate_reaches_the_judge, 0, 4);
    tcase_add_test(t, old_tls_is_refused);
    tcase_add_test(t, unknown_paths_and_methods_get_json);
    tcase_add_test(t, a_get_may_have_a_body);
    tcase_add_test(t, an_encoded_slash_is_part_of_its_segment);
    tcase_add_test(t, chunked_bodies_are_read);
    tcase_add_test(t, bodies_have_a_limit);
    tcase_add_test(t, noise_does_not_end_the_server);
    tcase_add_test(t, a_taken_port_and_a_bad_address_are_named);
    suite_add_tcase(s, t);
    return s;
}
