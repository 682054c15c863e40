/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_REGISTRATION_H
#define DPS_REGISTRATION_H

#include "devid/dps.h"

#include <stdbool.h>

enum dps_registration_field {
    DPS_FIELD_HUB,
    DPS_FIELD_DEVICE_ID,
    DPS_FIELD_REGISTRATION_ID,
    DPS_FIELD_STATUS,
    DPS_FIELD_SUBSTATUS,
    DPS_FIELD_OPERATION_ID,
    DPS_FIELD_CREATED,
    DPS_FIELD_LAST_UPDATED,
    DPS_FIELD_ETAG,
    DPS_FIELD_ENROLLMENT_GROUP,
    DPS_FIELD_PAYLOAD,
    DPS_FIELD_CERTIFICATES, /* PEM */
    DPS_FIELD_COUNT
};

/* An assignment: malloc'ed texts of its own, NULL where the service said nothing. */
struct dps_registration {
    char *field[DPS_FIELD_COUNT];
    bool from_backup; /* it was kept, not given by the service just now */
};

#endif
