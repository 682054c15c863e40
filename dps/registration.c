/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/registration.h"

#include <stdlib.h>

static const char *text_of(const dps_registration *registration, enum dps_registration_field field)
{
    return registration->field[field] != NULL ? registration->field[field] : "";
}

const char *dps_registration_hub(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_HUB);
}

const char *dps_registration_device_id(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_DEVICE_ID);
}

const char *dps_registration_registration_id(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_REGISTRATION_ID);
}

const char *dps_registration_status(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_STATUS);
}

const char *dps_registration_substatus(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_SUBSTATUS);
}

const char *dps_registration_operation_id(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_OPERATION_ID);
}

const char *dps_registration_created(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_CREATED);
}

const char *dps_registration_last_updated(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_LAST_UPDATED);
}

const char *dps_registration_etag(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_ETAG);
}

const char *dps_registration_enrollment_group(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_ENROLLMENT_GROUP);
}

const char *dps_registration_payload(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_PAYLOAD);
}

const char *dps_registration_certificates(const dps_registration *registration)
{
    return text_of(registration, DPS_FIELD_CERTIFICATES);
}

int dps_registration_from_backup(const dps_registration *registration)
{
    return registration->from_backup ? 1 : 0;
}

void dps_registration_free(dps_registration *registration)
{
    if (registration == NULL)
        return;
    for (size_t i = 0; i < DPS_FIELD_COUNT; i++)
        free(registration->field[i]);
    free(registration);
}
