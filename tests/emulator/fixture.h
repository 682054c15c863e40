/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_EMULATOR_FIXTURE_H
#define DEVID_TESTS_EMULATOR_FIXTURE_H

#include "emulator/emulator.h"
#include "emulator/request.h"
#include "tests/support/support.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* --- certificates -------------------------------------------------------------------------------------- */

/* A key and a certificate for it; all of them live until fixture_teardown. */
struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    struct bytes der;
    char *pem;
    char *base64; /* of the DER */
};

struct identity_options {
    const char *common_name;       /* NULL: a subject without one */
    const char *second_name;       /* another CN in the same subject */
    const struct identity *issuer; /* NULL: self-signed */
    const struct identity *key_of; /* NULL: a new key */
    const char *constraints;       /* of basicConstraints; NULL: none at all */
    const char *key_usage;         /* NULL: none */
    int begins_days;               /* from now; 0: yesterday */
    int ends_days;                 /* from now; 0: in a year */
    bool rsa;
};

const struct identity *identity_make(const struct identity_options *options);
/* The two usual ones. */
const struct identity *identity_ca(const char *common_name, const struct identity *issuer);
const struct identity *identity_leaf(const char *common_name, const struct identity *issuer);

/* --- an emulator without a server ---------------------------------------------------------------------- */

#define FIXTURE_SCOPE "0ne00ABCDEF"
#define FIXTURE_PORT 4433
#define DEVICE_VERSION "?api-version=2021-06-01"
#define SERVICE_VERSION "?api-version=2021-10-01"
#define HUB_VERSION "?api-version=2021-04-12"

extern struct emulator fixture_emulator;

/* A token for the hub's owner, from static storage. */
const char *owner_token(void);

/* A fresh store and an emulator with one poll, for tcase_add_checked_fixture. */
void fixture_setup(void);
void fixture_teardown(void);
/* Closes the store and opens it again. */
void fixture_reopen(void);

/* One request. Members left out are not sent; type defaults to application/json when there is a body. */
struct call {
    const char *method;
    const char *target; /* path?query */
    const char *body;
    size_t body_size; /* 0: the length of the text */
    const char *type;
    const char *host; /* default: localhost:FIXTURE_PORT */
    const char *authorization;
    const char *if_match;
    struct emu_field headers[8];
    const struct identity *peer[12]; /* the TLS client's chain */
    bool remote;                     /* from another machine */
};

/* The answer of the last call: its status, its body (NULL when it is not JSON), its headers. */
unsigned perform(const struct call *call);
const json_t *reply_body(void);
const char *reply_header(const char *name);
const struct emu_response *reply_whole(void);
/* The number and the text of a refusal; 0 and "" when it is none. */
int reply_error(void);
const char *reply_message(void);

/* A good token for the service API, from static storage. */
const char *service_token(void);
const char *service_token_for(const char *resource, const char *policy, time_t expiry);

/* Put an enrollment; they answer the status. `more` is JSON text of further members, as in
 * ",\"deviceId\":\"x\"". */
unsigned enroll(const char *id, const struct identity *primary, const struct identity *secondary,
                const char *more);
unsigned enroll_group(const char *id, const struct identity *primary, const struct identity *secondary,
                      const char *more);

/* Registers and polls to the end; answers the final status. The operation's last reply stays as the reply. */
unsigned register_device(const char *id, const struct identity *leaf, const struct identity *intermediate);

#endif
