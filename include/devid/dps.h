/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_DPS_H
#define DEVID_DPS_H

/*
 * libdevid-dps: registers a device with Azure's Device Provisioning Service (DPS) over HTTPS, and exchanges
 * messages with the IoT hub that the service assigned. The device proves who it is with a certificate, a
 * symmetric key or its TPM; its private key may live in a TPM or in another PKCS#11 token.
 *
 *     dps_client *client = dps_client_new("0ne00000A0A", "device-17");
 *     dps_registration *registration;
 *
 *     dps_client_use_x509(client, "device-17.pem", "pkcs11:token=device;object=device-id");
 *     if (dps_client_register(client, &registration) != DPS_OK)
 *         fprintf(stderr, "%s\n", dps_client_error(client));
 *
 * Rules that hold for every function:
 * - Text is NUL-terminated UTF-8. The library copies what it is given: it need not outlive the call.
 * - Text that is answered belongs to the object it was asked of and must not be freed.
 * - A client, and the hubs opened with it, are used by one thread at a time; different clients may be used by
 *   different threads at once. Only dps_client_cancel may be called by any thread at any time.
 * - The library prints nothing and needs no openssl.cnf; what it keeps belongs to a client. A PKCS#11 module
 * that it loaded stays loaded and initialised.
 * - The order of the setters does not matter. A text is checked when it is set, as far as it can be by
 * itself; certificates, keys and files are looked at by the functions that talk to a server.
 * - A setter that fails leaves the setting as it was.
 * - dps_client_free, dps_registration_free, dps_received_free and dps_hub_close accept NULL; nothing else
 * accepts a NULL object.
 */

#include <stddef.h>

#if defined(__GNUC__)
#define DPS_MUST_USE __attribute__((warn_unused_result))
#pragma GCC visibility push(default)
#else
#define DPS_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What became of a call; dps_client_error has the details. New values are only appended. */
typedef enum dps_status {
    DPS_OK = 0,
    /* An argument or setting is unusable as it is. Nothing was sent. */
    DPS_INVALID,
    /* Memory, or another resource of the process, ran out. */
    DPS_NO_MEMORY,
    /* The server could not be reached (name, route, proxy, connection), however often it was tried in time.
     */
    DPS_TRANSPORT,
    /* The TLS handshake failed: the server's certificate is not trusted, or one side broke it off. */
    DPS_TLS,
    /* Certificate or key cannot be loaded, do not belong together, or are not good for this device now. */
    DPS_KEY,
    /* The server answered something that the service's interface does not allow. */
    DPS_PROTOCOL,
    /* The service said no: an HTTP 4xx answer, or a registration that ended failed or disabled. */
    DPS_REJECTED,
    /* The time limit passed: the service was slow, throttled the device (429), or had trouble (5xx). */
    DPS_TIMEOUT,
    /* dps_client_cancel was called. */
    DPS_CANCELLED
} dps_status;

typedef struct dps_client dps_client;
typedef struct dps_registration dps_registration;
typedef struct dps_hub dps_hub;
typedef struct dps_received dps_received;

/* One English phrase, e.g. "rejected by the service". Never NULL, whatever the number; static. */
const char *dps_strstatus(dps_status status);

/* ---- client ---- */

/*
 * Makes a client without credentials, freed with dps_client_free. NULL: no memory.
 *
 * id_scope         of the service's instance, e.g. "0ne00000A0A". NULL is for a client that only sends
 *                  telemetry; dps_client_register then answers DPS_INVALID.
 * registration_id  1 to 128 letters, digits and - . _ : of which the last is a letter, a digit or - (the rule
 *                  of the service's documentation). It is sent as it is. NULL: the certificate's common name,
 *                  or the one that the TPM implies. An id that breaks the rule is DPS_INVALID at
 *                  dps_client_register.
 */
DPS_MUST_USE dps_client *dps_client_new(const char *id_scope, const char *registration_id);

/* Frees the client and closes its connections. Hubs opened with it must have been closed before. */
void dps_client_free(dps_client *client);

/*
 * The device proves who it is with a TLS client certificate (X.509 attestation; individual or group
 * enrollment).
 *
 * certificate  the device's certificate and the intermediate ones up to the CA that is enrolled
 * key          the private key of the device's certificate
 *
 * Each is a "pkcs11:" URI (RFC 7512), a "file:" URI, or the path of a PEM file. A key file may hold any
 * private key that OpenSSL reads, or a "PKCS#11 PROVIDER URI" or "TSS2 PRIVATE KEY" block. Of the
 * certificates, the one with the key's public key is the device's; the others are sent behind it in the order
 * of their issuers.
 *
 * Plain PEM files are read by OpenSSL alone. Everything else needs DevID's provider, devid.so, which the
 * library loads by itself into an OpenSSL context of its own: from $OPENSSL_MODULES if it is there, else from
 * where DevID was installed.
 *
 * Both are read anew by each dps_client_register, so that a renewed certificate is used from then on. They
 * must fit together, be valid now, and the common name must be the registration id; else dps_client_register
 * is DPS_KEY, before anything is sent. DPS_INVALID: NULL or "".
 */
dps_status dps_client_use_x509(dps_client *client, const char *certificate, const char *key);

/*
 * The device proves who it is with the symmetric key of its individual enrollment: a shared access signature,
 * HMAC-SHA256 with the key, goes with each request. The last dps_client_use_ function that succeeded counts.
 *
 * key  a "pkcs11:" URI of a secret key that may sign, which then never leaves its token; or a "file:" URI or
 *      path of a file with the key as the service shows it: base64 of 16 to 64 bytes, white space around it
 *
 * The key is looked for by dps_client_register and the like, which are DPS_KEY if it is not there.
 */
dps_status dps_client_use_symmetric(dps_client *client, const char *key);
/* The same with the key itself as base64 text. The library's copy is wiped with the client. */
dps_status dps_client_use_symmetric_value(dps_client *client, const char *base64);

/*
 * The same with the key of an enrollment group, from which the device's is derived: HMAC-SHA256 of the
 * registration id, as it is written (use lower case: the service's documentation), with the group's key. The
 * registration id must have been given. A group's key can speak for each of its devices and does not belong
 * on one, except in a factory or for trials.
 */
dps_status dps_client_use_group(dps_client *client, const char *key);
dps_status dps_client_use_group_value(dps_client *client, const char *base64);

/*
 * Where a symmetric key that was given as a file or value (or derived) is kept for good: a "pkcs11:" URI that
 * names token and object. The key is imported there when it is first needed, not extractable; once it is
 * there, the file or value is not looked at and may be gone. NULL: nowhere. DPS_INVALID: no pkcs11: URI.
 */
dps_status dps_client_set_key_store(dps_client *client, const char *uri);

/*
 * The device proves who it is by its TPM (individual enrollments only). The service wraps a key that only
 * this TPM can unwrap, with its endorsement key; the key for the hub comes the same way and is kept in the
 * token, as "devid-hub:REGISTRATION_ID", so that later programs can send.
 *
 * token  a "pkcs11:" URI of the token, of which DevID's module must be the maker. NULL: the only token that
 *        shows a TPM's endorsement key and storage root key.
 */
dps_status dps_client_use_tpm(dps_client *client, const char *token);

/*
 * Which name a TPM gets when the client was made without a registration id. Two conventions exist for the
 * same endorsement key: lower-case base32 (52 characters; the tools of Azure's SDKs; the default) and
 * lower-case hexadecimal (64 characters; IoT Edge's documentation), each of the SHA-256 of the key's
 * TPM2B_PUBLIC.
 */
typedef enum dps_tpm_id { DPS_TPM_ID_BASE32 = 0, DPS_TPM_ID_HEX } dps_tpm_id;
dps_status dps_client_set_tpm_id(dps_client *client, dps_tpm_id id);

/* What an enrollment of the TPM needs. The texts belong to the client, until its next call of a setter. */
struct dps_tpm_identity {
    const char *endorsement_key; /* base64 of the TPM2B_PUBLIC */
    const char *storage_root_key;
    const char *registration_id_base32;
    const char *registration_id_hex;
};
/* Without network. DPS_INVALID: the client does not use a TPM. DPS_KEY: as dps_client_use_tpm says. */
DPS_MUST_USE dps_status dps_client_tpm_identity(dps_client *client, struct dps_tpm_identity *out);

/*
 * Takes over what the environment says, in the names of the service's own samples: PROVISIONING_HOST is the
 * endpoint, PROVISIONING_IDSCOPE the id scope, PROVISIONING_REGISTRATION_ID the registration id, and
 * PROVISIONING_SYMMETRIC_KEY the key, as for dps_client_use_symmetric_value. What is not set or empty leaves
 * the client as it is. No other function reads these.
 */
dps_status dps_client_use_environment(dps_client *client);

/*
 * Where the service is: "https://host[:port]" or "host[:port]". NULL: the public one,
 * "global.azure-devices-provisioning.net". DPS_INVALID: another text; there is no service without TLS.
 */
dps_status dps_client_set_endpoint(dps_client *client, const char *endpoint);

/* The PKCS#11 module behind pkcs11: URIs, the path of a shared object. NULL: the provider's default. */
dps_status dps_client_set_module(dps_client *client, const char *path);

/*
 * A PEM file with the certificates of the CAs that are trusted, instead of the system's, to vouch for the
 * service and the hub. NULL: the system's. A file that cannot be read is DPS_INVALID when it is needed, one
 * without certificates DPS_TLS.
 */
dps_status dps_client_set_trust(dps_client *client, const char *path);

/*
 * An HTTP or SOCKS proxy in libcurl's notation, e.g. "http://proxy:3128". "": none. NULL: as $https_proxy and
 * $no_proxy say.
 */
dps_status dps_client_set_proxy(dps_client *client, const char *proxy);

/* JSON text for the service's custom allocation function. NULL: none. DPS_INVALID: it is not JSON. */
dps_status dps_client_set_payload(dps_client *client, const char *json);

/*
 * A certificate request (PKCS#10, PEM or DER), for which the service issues a certificate when it registers
 * the device; its common name must be the registration id. The chain is dps_registration_certificates. It
 * needs an enrollment with a credential policy and, unless dps_client_set_api_version says otherwise, asks
 * for api-version 2025-07-01-preview. NULL: none. DPS_INVALID: it is no certificate request.
 */
dps_status dps_client_set_csr(dps_client *client, const void *request, size_t size);

/*
 * How many seconds one call of dps_client_register or dps_hub_send may take in all, with its retries and
 * pauses: 1 to 86400. A new client has 120.
 */
dps_status dps_client_set_timeout(dps_client *client, unsigned seconds);

/*
 * The api-version that dps_client_register asks for, e.g. "2019-03-31". NULL: "2021-06-01". DPS_INVALID: it
 * is no date, which "-preview" may follow.
 */
dps_status dps_client_set_api_version(dps_client *client, const char *version);

/* How much a line of the log matters. New values are only appended. */
typedef enum dps_log_level { DPS_LOG_ERROR = 1, DPS_LOG_WARNING, DPS_LOG_INFO, DPS_LOG_DEBUG } dps_log_level;

/* Hears one line, without a newline, that is gone after the call. Must not use the client. */
typedef void (*dps_log_fn)(void *data, dps_log_level level, const char *line);

/*
 * Who hears what the client does: what made a call fail (ERROR); retries, and what looks doubtful, such as a
 * gap in the certificate chain (WARNING); the states of a registration (INFO); each request (DEBUG). Never a
 * key or a PIN. NULL: nobody, as in a new client. It is called by the thread that called the library.
 */
dps_status dps_client_set_log(dps_client *client, dps_log_fn log, void *data);

/*
 * Asks for the PIN or pass phrase of `what`, which is the text that named the key. Writes at most `size`
 * bytes to `pin`, without a NUL, and answers how many; -1 gives up.
 */
typedef int (*dps_pin_fn)(void *data, const char *what, char *pin, size_t size);

/* Who is asked when a key is protected and its URI has no PIN. NULL: nobody, and such a key is DPS_KEY. */
dps_status dps_client_set_pin(dps_client *client, dps_pin_fn pin, void *data);

/* What a device would show the service. The texts belong to the client, until its next call; "" where its way
 * to prove itself has no such thing. */
struct dps_proof {
    const char *registration_id;
    const char *attestation;     /* as an enrollment names it: "x509", "symmetricKey", "tpm" */
    const char *thumbprints;     /* x509: of all certificates that are sent, the device's first: SHA-256 in
                                    hexadecimal     with capital letters, a space between them */
    const char *issuer;          /* x509: the issuer of the last one; "" when that is its own */
    const char *endorsement_key; /* tpm: base64 of the TPM2B_PUBLIC */
};

/*
 * Checks all that dps_client_register checks before it sends anything, but for the id scope: the registration
 * id, that credentials are there and fit together, their dates. What is no failure, as a gap in the chain, is
 * a warning in the log. Without network. Statuses as dps_client_register; not DPS_OK: *out is empty.
 */
DPS_MUST_USE dps_status dps_client_check(dps_client *client, struct dps_proof *out);

/*
 * Registers the device: checks certificate and key, sends the registration, and waits for its outcome as the
 * service's Retry-After asks. Blocks until the device is assigned or refused, or the time limit has passed.
 * Throttling (429), trouble of the service (5xx) and lost connections are tried again, after the time that
 * the service asks for or after growing random pauses; other 4xx answers are final.
 *
 * DPS_OK: *out is the assignment, freed with dps_registration_free. Else *out is NULL. Every dps_status may
 * occur, and the client can be used again after each.
 */
DPS_MUST_USE dps_status dps_client_register(dps_client *client, dps_registration **out);

/*
 * Asks the service for the device's registration record without registering it (status lookup). It has a hub
 * and device only when its status is "assigned"; "unassigned" is a device that never registered.
 * DPS_REJECTED: as dps_client_register, also for a registration that failed or is disabled.
 */
DPS_MUST_USE dps_status dps_client_lookup(dps_client *client, dps_registration **out);

/* ---- provisioning over time ---- */

/*
 * The file in which dps_client_provision keeps the assignment. It is replaced in one step, so that it is
 * always whole, and never holds a key: hub and device, how the device proves who it is (URIs and paths),
 * where the service is, etag and times, as JSON of a version. NULL: none.
 */
dps_status dps_client_set_state(dps_client *client, const char *path);

/*
 * When a device that was assigned before registers again; the three modes of IoT Edge.
 *
 * DYNAMIC            at the start only if there is no assignment; later whenever the hub does not know the
 *                    device (HTTP 404, error 404001) or does not accept it (401): dps_hub_send and the like
 *                    then register, turn to the new hub, and send once more
 * ALWAYS_ON_STARTUP  by each dps_client_provision; if the service cannot be reached or is out of order, the
 *                    assignment that was kept serves
 * ON_ERROR_ONLY      only when there is no usable assignment (or dps_client_register is called)
 */
typedef enum dps_reprovision {
    DPS_REPROVISION_DYNAMIC = 0, /* of a new client */
    DPS_REPROVISION_ALWAYS_ON_STARTUP,
    DPS_REPROVISION_ON_ERROR_ONLY
} dps_reprovision;
dps_status dps_client_set_reprovision(dps_client *client, dps_reprovision mode);

/*
 * What a device does when it starts: takes the assignment that was kept, or registers and keeps the new one,
 * as the mode says. A kept assignment counts only if it is for this id scope, endpoint, registration id and
 * credential; a file that is broken or half of one is told to the log as a warning and replaced.
 * dps_registration_from_backup tells which it was. DPS_INVALID also: no state file was set, or it cannot be
 * written. Else as dps_client_register.
 */
DPS_MUST_USE dps_status dps_client_provision(dps_client *client, dps_registration **out);

/*
 * For a device that was given its hub without the service: *out is that assignment, as if the service had
 * made it; with dps_client_save it is kept. Checks what the device proves itself with, as it will to its hub.
 * Without network. DPS_INVALID: no host name, no device id, or no credentials.
 */
DPS_MUST_USE dps_status dps_client_adopt(dps_client *client, const char *hub, const char *device_id,
                                         dps_registration **out);

/*
 * Makes *client and *out of a state file: a client with all settings that were kept (the proxy, PINs and
 * symmetric keys given by value are not), and the assignment. The state file is set too. Without network.
 * DPS_INVALID: the file is missing or unusable; *client is then made all the same, for dps_client_error, and
 * freed with dps_client_free. NULL: no memory.
 */
DPS_MUST_USE dps_status dps_client_load(const char *path, dps_client **client, dps_registration **out);

/* Keeps an assignment of dps_client_register in a state file, with the client's settings. DPS_INVALID: it
 * cannot be written. */
DPS_MUST_USE dps_status dps_client_save(dps_client *client, const dps_registration *registration,
                                        const char *path);

/*
 * Signs for other programs: *out becomes "SharedAccessSignature sr=...&sig=...&se=...", good for `seconds`
 * from now (1 to a year), which the caller frees with free(). The resource is not encoded, e.g.
 * "HUB/devices/ID" or "SCOPE/registrations/ID". DPS_INVALID: the client's credential is a certificate.
 */
DPS_MUST_USE dps_status dps_client_sas(dps_client *client, const char *resource, unsigned seconds,
                                       char **out);

/*
 * Ends the dps_client_register or dps_hub_send that runs with this client, or else the next one, with
 * DPS_CANCELLED. Any thread may call it, a signal handler too.
 */
void dps_client_cancel(dps_client *client);

/*
 * About the last call with this client, or a hub of it, that failed: one sentence that names the thing and
 * what to do. For an answer of the service it has the HTTP status, the service's error code, message and
 * tracking id, and a hint. "" before any failure. It changes with the next failure.
 */
const char *dps_client_error(const dps_client *client);

/*
 * The same in numbers, for programs that react to some. 0, 0 and "" unless the failure was an answer of the
 * service. The error code is the service's own, e.g. 401002 (the certificate was not accepted) or 404001 (the
 * hub does not know the device: register again). The status of a registration that ended failed is 200.
 */
unsigned dps_client_http_status(const dps_client *client);
long dps_client_error_code(const dps_client *client);
const char *dps_client_tracking_id(const dps_client *client);

/* ---- registration ---- */

/*
 * The assignment in the service's words (DeviceRegistrationResult). hub, device_id, registration_id and
 * status are never ""; the others are "" when the service left them out. Times are ISO 8601 in UTC.
 */
/* The host of the hub; ":port" may follow. */
const char *dps_registration_hub(const dps_registration *registration);
/* What the device is called at the hub. */
const char *dps_registration_device_id(const dps_registration *registration);
const char *dps_registration_registration_id(const dps_registration *registration);
/* "assigned" */
const char *dps_registration_status(const dps_registration *registration);
/* "initialAssignment", "deviceDataMigrated", "deviceDataReset" or "reprovisionedToInitialAssignment" */
const char *dps_registration_substatus(const dps_registration *registration);
const char *dps_registration_operation_id(const dps_registration *registration);
const char *dps_registration_created(const dps_registration *registration);
const char *dps_registration_last_updated(const dps_registration *registration);
const char *dps_registration_etag(const dps_registration *registration);
/* The group that the device was enrolled by, "" for an individual enrollment. */
const char *dps_registration_enrollment_group(const dps_registration *registration);
/* What the custom allocation function answered, as JSON text. */
const char *dps_registration_payload(const dps_registration *registration);

/* The certificates issued for the request of dps_client_set_csr: leaf, intermediates and root, as PEM. */
const char *dps_registration_certificates(const dps_registration *registration);
/* 1: it was kept from an earlier registration; 0: the service has just given it. */
int dps_registration_from_backup(const dps_registration *registration);

void dps_registration_free(dps_registration *registration);

/* ---- telemetry ---- */

/* The name has the characters of an HTTP header's name, the value printable ASCII. */
struct dps_property {
    const char *name;
    const char *value;
};

/* A device-to-cloud message. What is not used is NULL or 0: initialise it by member, or with {0}. */
struct dps_message {
    const void *body;
    size_t size;                  /* of the body; body and properties together have at most 256 KiB */
    const char *content_type;     /* of the message, e.g. "application/json" */
    const char *content_encoding; /* e.g. "utf-8" */
    const char *message_id;
    const char *correlation_id;
    const char *user_id;
    const struct dps_property *properties; /* the application's own */
    size_t property_count;
};

/*
 * Names hub and device for dps_hub_send; nothing is sent. Connection, certificate and key are the client's,
 * so that one TLS handshake serves all messages of it.
 *
 * host       as dps_registration_hub tells, "host" or "host:port"
 * device_id  as dps_registration_device_id tells
 *
 * DPS_OK: *out is freed with dps_hub_close, before the client. DPS_INVALID, DPS_NO_MEMORY: *out is NULL.
 */
DPS_MUST_USE dps_status dps_hub_open(dps_client *client, const char *host, const char *device_id,
                                     dps_hub **out);

/* Host and device now: those given, or the ones that a registration under DPS_REPROVISION_DYNAMIC brought. */
const char *dps_hub_host(const dps_hub *hub);
const char *dps_hub_device_id(const dps_hub *hub);

/*
 * Sends one message and waits until the hub has it. Tries again as dps_client_register does, within the
 * client's time limit; so a message may arrive twice, which its message_id tells. Certificate and key are
 * loaded and checked if dps_client_register has not done so.
 *
 * DPS_INVALID: the message is too large, or a text cannot be sent in an HTTP header. DPS_REJECTED with HTTP
 * status 401, 403 or 404: the hub does not take this device, which should register again; a client that has a
 * state file does so by itself under DPS_REPROVISION_DYNAMIC. The others as dps_client_register.
 */
DPS_MUST_USE dps_status dps_hub_send(dps_hub *hub, const struct dps_message *message);

/* Sends several messages in one request; together they have at most 256 KiB as JSON, in which a body takes
 * 4/3 of its size. All of them arrive, or none. */
DPS_MUST_USE dps_status dps_hub_send_batch(dps_hub *hub, const struct dps_message *messages, size_t count);

/*
 * Asks for a message from the cloud. DPS_OK: *out is one, locked for this device for a minute and freed with
 * dps_received_free; or NULL, there is none now. A service in production asks no more often than every 25
 * minutes (the hub's documentation), unless it knows that something waits.
 */
DPS_MUST_USE dps_status dps_hub_receive(dps_hub *hub, dps_received **out);

/* What becomes of a message: it is done with; refused for good (to the hub's dead letters); or back in the
 * queue for another time. */
typedef enum dps_settlement { DPS_COMPLETE, DPS_REJECT, DPS_ABANDON } dps_settlement;
/* DPS_REJECTED with HTTP status 404 or 412: its lock is over, it will come again. */
DPS_MUST_USE dps_status dps_hub_settle(dps_hub *hub, const dps_received *received, dps_settlement settlement);

/* The content, *size bytes followed by a NUL. */
const void *dps_received_body(const dps_received *received, size_t *size);
/* What the hub says about it, by the name of the header without "iothub-", without regard to case:
 * "messageid", "correlationid", "userid", "to", "expiry", "ack", "sequencenumber", "enqueuedtime",
 * "deliverycount", "contenttype", "contentencoding". "": nothing. */
const char *dps_received_system(const dps_received *received, const char *name);
/* The application's property number `index`, from 0; NULL beyond the last. */
const struct dps_property *dps_received_property(const dps_received *received, size_t index);
void dps_received_free(dps_received *received);

/* Frees the hub. The client keeps the connection for a next one. */
void dps_hub_close(dps_hub *hub);

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
