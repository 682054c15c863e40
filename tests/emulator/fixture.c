/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/emulator/fixture.h"

#include "emulator/certificate.h"
#include "emulator/fault.h"
#include "emulator/route.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define IDENTITIES_MAXIMUM 64

struct emulator fixture_emulator;
static struct identity identities[IDENTITIES_MAXIMUM];
static size_t identity_count;
static struct emu_response reply;
static json_t *reply_json;

/* --- certificates -------------------------------------------------------------------------------------- */

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    if (value == NULL)
        return;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void add_name(X509_NAME *name, const char *field, const char *value)
{
    if (value != NULL)
        ck_assert_int_eq(
            X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0),
            1);
}

static char *to_pem(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    char *text;
    long size;

    ck_assert_int_eq(PEM_write_bio_X509(bio, certificate), 1);
    size = BIO_get_mem_data(bio, &data);
    text = strndup(data, (size_t)size);
    BIO_free(bio);
    return text;
}

static EVP_PKEY *make_key(const struct identity_options *options)
{
    if (options->key_of != NULL) {
        EVP_PKEY_up_ref(options->key_of->key);
        return options->key_of->key;
    }
    return options->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
}

const struct identity *identity_make(const struct identity_options *options)
{
    struct identity *made = &identities[identity_count++];
    X509 *certificate = X509_new();
    X509 *issuer = options->issuer != NULL ? options->issuer->certificate : certificate;
    uint32_t serial;

    ck_assert_uint_le(identity_count, IDENTITIES_MAXIMUM);
    ck_assert_int_eq(RAND_bytes((unsigned char *)&serial, sizeof serial), 1);
    made->key = make_key(options);
    made->certificate = certificate;
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial);
    add_name(X509_get_subject_name(certificate), "O", "test");
    add_name(X509_get_subject_name(certificate), "CN", options->common_name);
    add_name(X509_get_subject_name(certificate), "CN", options->second_name);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509_gmtime_adj(X509_getm_notBefore(certificate),
                    86400L * (options->begins_days != 0 ? options->begins_days : -1));
    X509_gmtime_adj(X509_getm_notAfter(certificate),
                    86400L * (options->ends_days != 0 ? options->ends_days : 365));
    X509_set_pubkey(certificate, made->key);
    add_extension(certificate, issuer, NID_basic_constraints, options->constraints);
    add_extension(certificate, issuer, NID_key_usage, options->key_usage);
    ck_assert_int_gt(
        X509_sign(certificate, options->issuer != NULL ? options->issuer->key : made->key, EVP_sha256()), 0);
    ck_assert(emu_certificate_to_der(certificate, &made->der));
    made->pem = to_pem(certificate);
    made->base64 = emu_base64_encode(made->der.data, made->der.size);
    return made;
}

const struct identity *identity_ca(const char *common_name, const struct identity *issuer)
{
    return identity_make(&(struct identity_options){
        .common_name = common_name, .issuer = issuer, .constraints = "critical,CA:TRUE"});
}

const struct identity *identity_leaf(const char *common_name, const struct identity *issuer)
{
    return identity_make(&(struct identity_options){
        .common_name = common_name, .issuer = issuer, .constraints = "critical,CA:FALSE"});
}

static void free_identities(void)
{
    for (size_t i = 0; i < identity_count; i++) {
        EVP_PKEY_free(identities[i].key);
        X509_free(identities[i].certificate);
        bytes_free(&identities[i].der);
        free(identities[i].pem);
        free(identities[i].base64);
    }
    identity_count = 0;
}

/* --- the emulator -------------------------------------------------------------------------------------- */

static const char *const own_hub[] = {EMU_OWN_HUB};

static void open_store(void)
{
    char message[256] = "";

    fixture_emulator.store = emu_store_open(support_path("emulator.db"), true, message, sizeof message);
    ck_assert_msg(fixture_emulator.store != NULL, "%s", message);
}

void fixture_setup(void)
{
    unlink(support_path("emulator.db"));
    unlink(support_path("emulator.db-wal"));
    unlink(support_path("emulator.db-shm"));
    fixture_emulator = (struct emulator){
        .id_scope = FIXTURE_SCOPE,
        .host = "localhost",
        .port = FIXTURE_PORT,
        .hubs = own_hub,
        .hub_count = 1,
        .polls = 1,
        .retry_after = 3,
    };
    ck_assert(bytes_copy(&fixture_emulator.service_key, "0123456789abcdef0123456789abcdef", 32));
    ck_assert(bytes_copy(&fixture_emulator.hub_key, "fedcba9876543210fedcba9876543210", 32));
    ck_assert_ptr_nonnull(fixture_emulator.faults = emu_faults_new());
    open_store();
}

static void forget_reply(void)
{
    json_decref(reply_json);
    reply_json = NULL;
    emu_response_free(&reply);
}

void fixture_teardown(void)
{
    forget_reply();
    emu_store_close(fixture_emulator.store);
    bytes_free(&fixture_emulator.service_key);
    bytes_free(&fixture_emulator.hub_key);
    emu_faults_free(fixture_emulator.faults);
    free_identities();
}

void fixture_reopen(void)
{
    emu_store_close(fixture_emulator.store);
    open_store();
}

/* --- requests ------------------------------------------------------------------------------------------ */

#define FIELDS_MAXIMUM 16

/* Cuts "a=b&c" in place. */
static void split_query(char *text, struct emu_field *fields)
{
    for (size_t i = 0; text != NULL && *text != '\0' && i < FIELDS_MAXIMUM - 1; i++) {
        char *next = strchr(text, '&');
        char *equals;

        if (next != NULL)
            *next++ = '\0';
        equals = strchr(text, '=');
        if (equals != NULL)
            *equals++ = '\0';
        fields[i] = (struct emu_field){text, equals != NULL ? equals : ""};
        text = next;
    }
}

static void add_field(struct emu_field *fields, const char *name, const char *value)
{
    size_t i = 0;

    while (fields[i].name != NULL)
        i++;
    if (value != NULL)
        fields[i] = (struct emu_field){name, value};
}

unsigned perform(const struct call *call)
{
    struct emu_field headers[FIELDS_MAXIMUM] = {0};
    struct emu_field query[FIELDS_MAXIMUM] = {0};
    struct bytes peer[12];
    char *path = strdup(call->target);
    char *mark = strchr(path, '?');
    size_t size = call->body_size != 0 ? call->body_size : call->body != NULL ? strlen(call->body) : 0;
    struct emu_request request = {
        .method = call->method, .path = path, .headers = headers, .query = query, .local = !call->remote};

    forget_reply();
    if (mark != NULL)
        *mark++ = '\0';
    split_query(mark, query);
    memcpy(headers, call->headers, sizeof call->headers);
    add_field(headers, "Host", call->host != NULL ? call->host : "localhost:4433");
    add_field(headers, "Authorization", call->authorization);
    add_field(headers, "If-Match", call->if_match);
    add_field(headers, "Content-Type",
              call->type != NULL ? call->type
              : size != 0        ? "application/json"
                                 : NULL);
    for (; request.peer_count < 12 && call->peer[request.peer_count] != NULL; request.peer_count++)
        peer[request.peer_count] = call->peer[request.peer_count]->der;
    request.peer = peer;
    ck_assert(bytes_copy(&request.body, call->body, size));
    emu_route(&fixture_emulator, &request, &reply);
    bytes_free(&request.body);
    free(path);
    if (reply.body.size != 0)
        reply_json = json_loadb((const char *)reply.body.data, reply.body.size, 0, NULL);
    return reply.status;
}

const json_t *reply_body(void)
{
    return reply_json;
}

const struct emu_response *reply_whole(void)
{
    return &reply;
}

const char *reply_header(const char *name)
{
    for (size_t i = 0; i < reply.header_count; i++)
        if (strcasecmp(reply.headers[i].name, name) == 0)
            return reply.headers[i].value;
    return NULL;
}

int reply_error(void)
{
    return (int)json_integer_value(json_object_get(reply_json, "errorCode"));
}

const char *reply_message(void)
{
    const char *dps = emu_json_text(reply_json, "message");
    const char *hub = emu_json_text(reply_json, "Message");

    return dps != NULL ? dps : hub != NULL ? hub : "";
}

static const char *token_with(const struct bytes *key, const char *resource, const char *policy,
                              time_t expiry)
{
    static char token[512];
    char text[256];
    unsigned char mac[32];
    char *signature;
    const char *next;
    size_t length;

    snprintf(text, sizeof text, "%s\n%lld", resource, (long long)expiry);
    HMAC(EVP_sha256(), key->data, (int)key->size, (unsigned char *)text, strlen(text), mac, NULL);
    signature = emu_base64_encode(mac, sizeof mac);
    length = (size_t)snprintf(token, sizeof token, "SharedAccessSignature sr=%s&sig=", resource);
    for (next = signature; *next != '\0'; next++)
        length += (size_t)snprintf(token + length, sizeof token - length,
                                   *next == '+' || *next == '/' || *next == '=' ? "%%%02X" : "%c", *next);
    length += (size_t)snprintf(token + length, sizeof token - length, "&se=%lld", (long long)expiry);
    if (policy != NULL)
        snprintf(token + length, sizeof token - length, "&skn=%s", policy);
    free(signature);
    return token;
}

const char *service_token_for(const char *resource, const char *policy, time_t expiry)
{
    return token_with(&fixture_emulator.service_key, resource, policy, expiry);
}

const char *owner_token(void)
{
    return token_with(&fixture_emulator.hub_key, "localhost", "iothubowner", time(NULL) + 600);
}

const char *service_token(void)
{
    return service_token_for("localhost", "provisioningserviceowner", time(NULL) + 600);
}

static unsigned put(const char *collection, const char *id_member, const char *id, const char *list,
                    const struct identity *primary, const struct identity *secondary, const char *more)
{
    char target[300];
    char secondary_text[4096] = "";
    char body[12000];

    if (secondary != NULL)
        snprintf(secondary_text, sizeof secondary_text, ",\"secondary\":{\"certificate\":\"%s\"}",
                 secondary->base64);
    snprintf(target, sizeof target, "/%s/%s" SERVICE_VERSION, collection, id);
    snprintf(
        body, sizeof body,
        "{\"%s\":\"%s\",\"attestation\":{\"type\":\"x509\",\"x509\":{\"%s\":{\"primary\":{\"certificate\":"
        "\"%s\"}%s}}}%s}",
        id_member, id, list, primary->base64, secondary_text, more != NULL ? more : "");
    return perform(
        &(struct call){.method = "PUT", .target = target, .body = body, .authorization = service_token()});
}

unsigned enroll(const char *id, const struct identity *primary, const struct identity *secondary,
                const char *more)
{
    return put("enrollments", "registrationId", id, "clientCertificates", primary, secondary, more);
}

unsigned enroll_group(const char *id, const struct identity *primary, const struct identity *secondary,
                      const char *more)
{
    return put("enrollmentGroups", "enrollmentGroupId", id, "signingCertificates", primary, secondary, more);
}

unsigned register_device(const char *id, const struct identity *leaf, const struct identity *intermediate)
{
    char target[400];
    char body[200];
    unsigned status;

    snprintf(target, sizeof target, "/" FIXTURE_SCOPE "/registrations/%s/register" DEVICE_VERSION, id);
    snprintf(body, sizeof body, "{\"registrationId\":\"%s\"}", id);
    status = perform(&(struct call){
        .method = "PUT", .target = target, .body = body, .peer = {leaf, intermediate}
    });
    while (status == 202) {
        snprintf(target, sizeof target, "/" FIXTURE_SCOPE "/registrations/%s/operations/%s" DEVICE_VERSION,
                 id, emu_json_text(reply_body(), "operationId"));
        status = perform(&(struct call){
            .method = "GET", .target = target, .peer = {leaf, intermediate}
        });
    }
    return status;
}
