/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_RECORD_H
#define DPS_RECORD_H

#include "dps/report.h"

#include <stdbool.h>

/*
 * A state file: what a registration came to and what it was made with. One JSON object with "version": 1 and
 * text members; a member that is not known is left alone by readers. Never a secret.
 */
enum dps_record_field {
    /* the assignment */
    DPS_RECORD_HUB,
    DPS_RECORD_DEVICE_ID,
    DPS_RECORD_REGISTRATION_ID,
    DPS_RECORD_STATUS,
    DPS_RECORD_SUBSTATUS,
    DPS_RECORD_ENROLLMENT_GROUP,
    DPS_RECORD_CREATED,
    DPS_RECORD_LAST_UPDATED,
    DPS_RECORD_ETAG,
    DPS_RECORD_PAYLOAD,
    DPS_RECORD_SAVED, /* when this was kept, ISO 8601 in UTC */
    /* where, and by what */
    DPS_RECORD_ID_SCOPE,
    DPS_RECORD_ENDPOINT,
    DPS_RECORD_ATTESTATION, /* "x509", "symmetric", "group" or "tpm" */
    DPS_RECORD_CERTIFICATE,
    DPS_RECORD_KEY,
    DPS_RECORD_KEY_STORE,
    DPS_RECORD_TOKEN,
    DPS_RECORD_TPM_ID, /* "base32" or "hex" */
    DPS_RECORD_REPROVISION,
    DPS_RECORD_CA_FILE,
    DPS_RECORD_MODULE,
    DPS_RECORD_API_VERSION,
    DPS_RECORD_COUNT
};

struct dps_record {
    char *field[DPS_RECORD_COUNT]; /* malloc'ed; NULL: not there */
};

/* Replaces a field by a copy; NULL and "": it is not there. False: no memory. */
__attribute__((warn_unused_result)) bool dps_record_set(struct dps_record *record,
                                                        enum dps_record_field field, const char *text);

/* The same with a file's absolute path, or with a pkcs11: URI without its pin-value. */
__attribute__((warn_unused_result)) bool dps_record_set_path(struct dps_record *record,
                                                             enum dps_record_field field, const char *text);

/* Reads and checks the file. DPS_INVALID: it is not there, broken, of a later version, or without hub or
 * device. *out is freed with dps_record_free after DPS_OK. */
__attribute__((warn_unused_result)) dps_status dps_record_load(const char *path, struct dps_report *report,
                                                               struct dps_record *out);

/* Replaces the file in one step, making its directory. DPS_INVALID: it cannot be written. */
__attribute__((warn_unused_result)) dps_status dps_record_save(const char *path,
                                                               const struct dps_record *record,
                                                               struct dps_report *report);
void dps_record_free(struct dps_record *record);

#endif
