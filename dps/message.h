/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_MESSAGE_H
#define DPS_MESSAGE_H

#include "dps/registration.h"
#include "dps/report.h"

#include <stdbool.h>

/* The JSON bodies of the device API, as plain structs. */

/* True when the text is one JSON value of any kind. */
bool dps_message_is_json(const char *text);

/* What a registration request says; a NULL member is left out. */
struct dps_register_request {
    const char *registration_id;
    const char *payload; /* JSON text */
    const char *csr;     /* base64 of the DER */
    const char *endorsement_key;
    const char *storage_root_key;
};

/* The request's body as JSON text that the caller frees; NULL: no memory. */
__attribute__((warn_unused_result)) char *dps_message_write_register(
    const struct dps_register_request *request);

enum dps_operation_status {
    DPS_OPERATION_UNASSIGNED,
    DPS_OPERATION_ASSIGNING,
    DPS_OPERATION_ASSIGNED,
    DPS_OPERATION_FAILED,
    DPS_OPERATION_DISABLED,
};

/* What a 200 or 202 answer to a registration or a poll says (RegistrationOperationStatus). */
struct dps_operation {
    enum dps_operation_status status;
    char *operation_id; /* NULL: none */
    dps_registration
        *registration;        /* with all that an assignment needs when the status is ASSIGNED, else NULL */
    char *authentication_key; /* a key for the hub, wrapped for a TPM (base64); NULL: none */
    long error_code;          /* of a FAILED or DISABLED one, 0: none */
    char *error_message;      /* likewise, NULL: none */
};

/*
 * Reads such an answer. DPS_PROTOCOL: it is not JSON, or a member is missing, of another type, or of no known
 * value; the report says which. *out holds something only after DPS_OK and is then freed with
 * dps_operation_free.
 */
__attribute__((warn_unused_result)) dps_status dps_message_read_operation(const char *text, size_t size,
                                                                          struct dps_report *report,
                                                                          struct dps_operation *out);
/*
 * Reads the answer to a status lookup (DeviceRegistrationResult), likewise. There is a registration whatever
 * the status; hub and device are only certain when it is ASSIGNED.
 */
__attribute__((warn_unused_result)) dps_status dps_message_read_lookup(const char *text, size_t size,
                                                                       struct dps_report *report,
                                                                       struct dps_operation *out);
void dps_operation_free(struct dps_operation *operation);

/* What the body of a 4xx or 5xx answer says, of the provisioning service or of a hub. */
struct dps_error_body {
    long error_code;   /* 0: not told */
    char *message;     /* NULL: not told */
    char *tracking_id; /* NULL: not told */
};

/* Reads what there is; a body that is not such JSON (a proxy's page, say) leaves *out empty, which is no
 * error. */
void dps_message_read_error(const char *text, size_t size, struct dps_error_body *out);
void dps_error_body_free(struct dps_error_body *body);

/* The wrapped key (base64) in a 401 answer that is no refusal but the service's challenge to a TPM; NULL: it
 * is a refusal. The caller frees it. */
char *dps_message_read_challenge(const char *text, size_t size);

#endif
