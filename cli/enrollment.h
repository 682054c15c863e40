/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_ENROLLMENT_H
#define DEVID_CLI_ENROLLMENT_H

#include "cli/options.h"
#include "cli/service.h"

/* What differs between an individual enrollment and a group. */
struct cli_enrollment_kind {
    const char *collection;   /* in paths and queries */
    const char *id_member;    /* of the JSON */
    const char *certificates; /* the member of attestation.x509 */
    const char *what;         /* for messages */
    bool is_group;
};

extern const struct cli_enrollment_kind cli_enrollment_individual;
extern const struct cli_enrollment_kind cli_enrollment_group;

/* What `create` is told. */
struct cli_enrollment_create {
    struct cli_service_options service;
    const char *id;
    const char *endorsement_key; /* base64, or a file with it in base64 or as the TPM writes it */
    struct cli_list certificates;
    bool symmetric;
    struct cli_list key_files;
    const char *device_id;
    struct cli_list hubs;
    const char *allocation;
    const char *twin_file;
    const char *policy;
    bool edge;
    bool disabled;
    bool stay;  /* never another hub */
    bool reset; /* a new twin at another hub */
    bool replace;
    bool json;
};

/* The enrollment for the service; *out is the caller's. Keys in it are a secret. */
enum cli_status cli_enrollment_body(const struct cli_enrollment_kind *kind,
                                    const struct cli_enrollment_create *options, json_t **out);

/* An endorsement key in the form of the service, of what a user has: *out is malloc'ed base64. */
enum cli_status cli_enrollment_endorsement_key(const char *given, char **out);

#endif
