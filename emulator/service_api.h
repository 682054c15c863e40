/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_SERVICE_API_H
#define DEVID_EMULATOR_SERVICE_API_H

#include "emulator/request.h"

/* The service API of DPS: enrollments, groups, registration records. Parameter: the id, except for lists. */
emu_handler emu_service_put_enrollment;
emu_handler emu_service_get_enrollment;
emu_handler emu_service_delete_enrollment;
emu_handler emu_service_get_enrollment_attestation;
emu_handler emu_service_bulk_enrollments;
emu_handler emu_service_query_enrollments;
emu_handler emu_service_put_group;
emu_handler emu_service_get_group;
emu_handler emu_service_delete_group;
emu_handler emu_service_get_group_attestation;
emu_handler emu_service_bulk_groups;
emu_handler emu_service_query_groups;
emu_handler emu_service_get_registration;
emu_handler emu_service_delete_registration;
emu_handler emu_service_query_registrations;

#endif
