/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_DPS_H
#define DEVID_DPS_H

/*
 * libdevid-dps: registers a device with Azure's Device Provisioning Service (DPS) over HTTPS and sends
 * telemetry to the IoT Hub that the service assigned. The device's private key may live in a TPM or another
 * PKCS#11 token.
 *
 *     dps_client *client = dps_client_new("0ne00000A0A", "device-17");
 *     dps_registration *registration = NULL;
 *
 *     if (client == NULL || dps_client_use_x509(client, "device.pem", "pkcs11:token=device;object=device-id")
 * != DPS_OK || dps_client_register(client, &registration) != DPS_OK) fprintf(stderr, "%s\n", client != NULL ?
 * dps_client_error(client) : "out of memory");
 *
 * Rules that hold for every function:
 * - Text is NUL-terminated UTF-8. The library copies what it is given; nothing passed in must outlive the
 * call.
 * - Text that is answered belongs to the object it was asked of and must not be freed.
 * - A client, and the hubs opened with it, are used by one thread at a time; different clients may be used by
 *   different threads at once. Only dps_client_cancel may be called by another thread at any time.
 * - The library prints nothing, reads no openssl.cnf and keeps no process-wide state.
 * - The order of the setters does not matter; what needs the network, the certificate or the key is checked
 * when it is used, by dps_client_register or dps_hub_send.
 * - dps_client_free, dps_registration_free and dps_hub_close accept NULL.
 */

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DPS_MUST_USE __attribute__((warn_unused_result))
#else
#define DPS_MUST_USE
#endif

/* What became of a call. dps_client_error has the details. New values are only appended. */
typedef enum dps_status {
    DPS_OK = 0,
    DPS_INVALID,   /* an argument or setting is unusable as it is; nothing was sent */
    DPS_NO_MEMORY, /* memory or another resource of the process ran out */
    DPS_TRANSPORT, /* the server cannot be reached: name, route, proxy, connection, and retrying did not help
                      in time */
    DPS_TLS,       /* the TLS handshake failed: server certificate not trusted, or the client's was refused */
    DPS_KEY, /* certificate or key cannot be loaded, do not belong together, or are not valid for this device
              */
    DPS_PROTOCOL, /* the server's answer is not one that the service's interface allows */
    DPS_REJECTED, /* the service said no: an HTTP 4xx answer, or a registration that ended failed or disabled
                   */
    DPS_TIMEOUT,  /* the time limit passed first; the service was slow, throttled the device, or answered 5xx
                   */
    DPS_CANCELLED /* dps_client_cancel */
} dps_status;

typedef struct dps_client dps_client;
typedef struct dps_registration dps_registration;
typedef struct dps_hub dps_hub;

/* One English phrase, e.g. "rejected by the service". Never NULL, whatever the number; static. */
const char *dps_strstatus(dps_status status);

/* ---- client
 * ------------------------------------------------------------------------------------------------- */

/*
 * Makes a client without credentials. NULL: no memory.
 *
 * id_scope         of the service instance, e.g. "0ne00000A0A". NULL is accepted for a client that only sends
 *                  telemetry; dps_client_register then answers DPS_INVALID.
 * registration_id  at most 128 characters: letters, digits, '-', '.', '_', ':', the last one a letter, a
 * digit or
 *                  '-' (the rule of the service's documentation); sent as it is. NULL: the common name of the
 *                  certificate. Both are checked by dps_client_register.
 */
DPS_MUST_USE dps_client *dps_client_new(const char *id_scope, const char *registration_id);

/* Frees the client. Hubs opened with it must have been closed. */
void dps_client_free(dps_client *client);

/*
 * The device proves itself with a TLS client certificate (X.509 attestation, individual or group enrollment).
 *
 * certificate  the leaf, followed by the intermediate certificates up to the one enrolled
 * key          its private key
 *
 * Each is a "pkcs11:" URI (RFC 7512), a "file:" URI, or the path of a PEM file. A certificate file holds the
 * leaf first; of a certificate URI the object that belongs to the key is the leaf, the others found are
 * intermediates. A key file may also be of the forms "TSS2 PRIVATE KEY" or "PKCS#11 PROVIDER URI". Keys that
 * are not plain PEM are reached through DevID's OpenSSL provider, devid.so, which the library loads by itself
 * into an OpenSSL context of its own: from $OPENSSL_MODULES if it is there, else from where DevID was
 * installed. Plain PEM files need no provider.
 *
 * Both are loaded anew by each dps_client_register, so that a renewed certificate is noticed. DPS_INVALID,
 * DPS_NO_MEMORY.
 */
dps_status dps_client_use_x509(dps_client *client, const char *certificate, const char *key);

/*
 * Where the service is: "https://host[:port]" or "host[:port]". NULL:
 * "global.azure-devices-provisioning.net". DPS_INVALID: it is not such text, or asks for another scheme than
 * https.
 */
dps_status dps_client_set_endpoint(dps_client *client, const char *endpoint);

/* The PKCS#11 module (a shared object's path) behind pkcs11: URIs. NULL: the provider's default, DevID's own.
 */
dps_status dps_client_set_module(dps_client *client, const char *path);

/* A PEM file with the certificates of the CAs to trust, for the service and for the hub, instead of the
 * system's. NULL: the system's. */
dps_status dps_client_set_trust(dps_client *client, const char *path);

/* An HTTP or SOCKS proxy in libcurl's notation, e.g. "http://proxy:3128". "": none. NULL: what $https_proxy
 * and $no_proxy say. */
dps_status dps_client_set_proxy(dps_client *client, const char *proxy);

/* JSON text handed to the service's custom allocation function. NULL: none. DPS_INVALID: not JSON. */
dps_status dps_client_set_payload(dps_client *client, const char *json);

/* Seconds that one call of dps_client_register or dps_hub_send may take in all, retries and waiting included;
 * 1 to 86400. A new client has 120. */
dps_status dps_client_set_timeout(dps_client *client, unsigned seconds);

/* The service's api-version, e.g. "2019-03-31". NULL: "2021-06-01". DPS_INVALID: not a date, "-preview"
 * allowed. */
dps_status dps_client_set_api_version(dps_client *client, const char *version);

/* How much a line of the log matters. New values are only appended. */
typedef enum dps_log_level { DPS_LOG_ERROR = 1, DPS_LOG_WARNING, DPS_LOG_INFO, DPS_LOG_DEBUG } dps_log_level;

/* Receives one line without a newline; it is the callee's only during the call. Must not use the client. */
typedef void (*dps_log_fn)(void *data, dps_log_level level, const char *line);

/*
 * Who hears what the client does: each state of a registration and each answer (INFO), each retry and
 * anything doubtful such as a gap in the certificate chain (WARNING), each request (DEBUG). Never a key or a
 * PIN. NULL: nobody, as in a new client. Called by the thread that called the library.
 */
dps_status dps_client_set_log(dps_client *client, dps_log_fn log, void *data);

/*
 * Asks for a PIN or pass phrase: `what` says for which token or file. Writes at most `size` bytes to `pin`,
 * without a NUL, and answers their number, or -1 to give up.
 */
typedef int (*dps_pin_fn)(void *data, const char *what, char *pin, size_t size);

/* Who is asked when a key is protected and its URI names no pin-source. NULL: nobody, such a key is DPS_KEY.
 */
dps_status dps_client_set_pin(dps_client *client, dps_pin_fn pin, void *data);

/*
 * Registers the device: checks certificate and key locally, sends the registration, waits for its outcome.
 * Returns when the device is assigned, refused, or the time limit has passed. Throttling (429), server errors
 * (5xx) and lost connections are tried again, as Retry-After asks or with growing random pauses; other 4xx
 * answers are final.
 *
 * DPS_OK: *out is the assignment, freed with dps_registration_free. Otherwise *out is NULL. All values of
 * dps_status occur. The client can be used again after any of them.
 */
DPS_MUST_USE dps_status dps_client_register(dps_client *client, dps_registration **out);

/*
 * Makes the call that runs on this client, or if there is none the next dps_client_register or dps_hub_send,
 * end soon with DPS_CANCELLED. Any thread may call it, also a signal handler.
 */
void dps_client_cancel(dps_client *client);

/*
 * What the last call with this client (or a hub of it) that failed ran into: one sentence that names the
 * thing and says what to do; for an answer of the service its HTTP status, error code, message, tracking id,
 * and a hint. "" before any failure. Valid until the next call that fails, or dps_client_free.
 */
const char *dps_client_error(const dps_client *client);

/*
 * The same as numbers, for programs that react to some: 0, 0 and "" when the failure was not an answer of the
 * service. error_code is the service's own, e.g. 401002 (certificate not accepted) or 404001 (the hub does
 * not know the device: register again). For a registration that ended "failed" the HTTP status is 200.
 */
unsigned dps_client_http_status(const dps_client *client);
long dps_client_error_code(const dps_client *client);
const char *dps_client_tracking_id(const dps_client *client);

/* ---- registration
 * ------------------------------------------------------------------------------------------- */

/*
 * The assignment, as the service told it (DeviceRegistrationResult). hub, device_id, registration_id and
 * status are never "". The others are "" when the service left them out.
 */
const char *dps_registration_hub(const dps_registration *registration); /* host name, maybe ":port" */
const char *dps_registration_device_id(
    const dps_registration *registration); /* the device's name at the hub */
const char *dps_registration_registration_id(const dps_registration *registration);
const char *dps_registration_status(const dps_registration *registration);    /* "assigned" */
const char *dps_registration_substatus(const dps_registration *registration); /* e.g. "initialAssignment" */
const char *dps_registration_operation_id(const dps_registration *registration);
const char *dps_registration_created(const dps_registration *registration);      /* ISO 8601, UTC */
const char *dps_registration_last_updated(const dps_registration *registration); /* ISO 8601, UTC */
const char *dps_registration_etag(const dps_registration *registration);         /* opaque */
const char *dps_registration_enrollment_group(
    const dps_registration *registration); /* "": individual enrollment */
const char *dps_registration_payload(
    const dps_registration *registration); /* JSON text of the allocation function */

void dps_registration_free(dps_registration *registration);

/* ---- telemetry
 * ---------------------------------------------------------------------------------------------- */

struct dps_property {
    const char *name;  /* letters, digits and !#$%&'*+-.^_`|~, the characters of an HTTP header's name */
    const char *value; /* printable ASCII */
};

/* A device-to-cloud message. Whatever is not used is NULL or 0, so initialise it with = {0} or by member. */
struct dps_message {
    const void *body;
    size_t size; /* of the body; 256 KB is the service's limit for body and properties together */
    const char *content_type;     /* e.g. "application/json", of the message, not of the HTTP request */
    const char *content_encoding; /* e.g. "utf-8" */
    const char *message_id;
    const char *correlation_id;
    const char *user_id;
    const struct dps_property *properties; /* the application's own, property_count of them */
    size_t property_count;
};

/*
 * Names the hub and the device, for dps_hub_send. Nothing is sent yet: connection, certificate and key belong
 * to the client, and one connection serves all messages of it.
 *
 * host       dps_registration_hub, that is "host" or "host:port"
 * device_id  dps_registration_device_id
 * DPS_OK: *out is freed with dps_hub_close, before the client. DPS_INVALID, DPS_NO_MEMORY: *out is NULL.
 */
DPS_MUST_USE dps_status dps_hub_open(dps_client *client, const char *host, const char *device_id,
                                     dps_hub **out);

/*
 * Sends one message and waits until the hub has it (HTTP 204). Throttling, server errors and lost connections
 * are tried again until the client's time limit; so a message may arrive twice, with the same message_id.
 * DPS_INVALID: a property or other text cannot be sent as an HTTP header, or the message is too large.
 * DPS_REJECTED with HTTP status 401, 403 or 404: the device should register again. Errors are told by
 * dps_client_error of the client.
 */
DPS_MUST_USE dps_status dps_hub_send(dps_hub *hub, const struct dps_message *message);

/* Frees the hub; the client keeps the connection for a next one. */
void dps_hub_close(dps_hub *hub);

#ifdef __cplusplus
}
#endif

#endif
