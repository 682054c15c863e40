/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_ERROR_H
#define DEVID_EMULATOR_ERROR_H

#include "emulator/request.h"

/* Why a request is refused: the rows of error.c, which hold the services' numbers and names. */
enum emu_error {
    EMU_ERROR_NONE,
    /* DPS: device API and service API */
    EMU_ERROR_BAD_REQUEST,
    EMU_ERROR_HUB_NOT_SPECIFIED,
    EMU_ERROR_UNAUTHORIZED,
    EMU_ERROR_CHALLENGE, /* not answered as an error: see device_api.c */
    EMU_ERROR_DISABLED,
    EMU_ERROR_NOT_LOCAL,
    EMU_ERROR_NO_ROUTE,
    EMU_ERROR_NO_ENROLLMENT,
    EMU_ERROR_NO_REGISTRATION,
    EMU_ERROR_METHOD,
    EMU_ERROR_CONFLICT,
    EMU_ERROR_PRECONDITION,
    EMU_ERROR_TOO_LARGE,
    EMU_ERROR_CONTENT_TYPE,
    EMU_ERROR_INTERNAL,
    /* IoT Hub */
    EMU_ERROR_HUB_ARGUMENT,
    EMU_ERROR_HUB_UNAUTHORIZED,
    EMU_ERROR_HUB_NO_DEVICE,
    EMU_ERROR_HUB_NO_MESSAGE,
    EMU_ERROR_HUB_LOCK_LOST,
    EMU_ERROR_HUB_QUEUE_FULL,
    EMU_ERROR_HUB_TOO_LARGE,
    EMU_ERROR_HUB_INTERNAL,
};

#define EMU_MESSAGE_SIZE 600

/* A refusal on its way from the place that finds it to the handler that answers. */
struct emu_refusal {
    enum emu_error error;
    char message[EMU_MESSAGE_SIZE];
};

/* Fills the refusal and answers false, so that a check can end with `return emu_refuse(...)`. */
bool emu_refuse(struct emu_refusal *refusal, enum emu_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The number that the service has for this error. */
int emu_error_code(enum emu_error error);

/* Makes the response this refusal, in the form of the service that the error belongs to. */
void emu_response_refuse(struct emu_response *response, const struct emu_refusal *refusal);

/* Both steps in one. */
void emu_response_fail(struct emu_response *response, enum emu_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
