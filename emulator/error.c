/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/error.h"

#include "common/log.h"
#include "emulator/text.h"

#include <stdarg.h>
#include <stdio.h>

struct row {
    int code; /* status * 1000 + n */
    unsigned status;
    const char *hub_name; /* set: an IoT Hub error, answered in the hub's form */
};

/* clang-format off */
static const struct row rows[] = {
    [EMU_ERROR_BAD_REQUEST] = {.code = 400004, .status = 400},
    [EMU_ERROR_HUB_NOT_SPECIFIED] = {.code = 400208, .status = 400},
    [EMU_ERROR_UNAUTHORIZED] = {.code = 401002, .status = 401},
    [EMU_ERROR_CHALLENGE] = {.code = 401000, .status = 401},
    [EMU_ERROR_DISABLED] = {.code = 401002, .status = 401},
    [EMU_ERROR_NOT_LOCAL] = {.code = 403001, .status = 403},
    [EMU_ERROR_NO_ROUTE] = {.code = 404001, .status = 404},
    [EMU_ERROR_NO_ENROLLMENT] = {.code = 404201, .status = 404},
    [EMU_ERROR_NO_REGISTRATION] = {.code = 404202, .status = 404},
    [EMU_ERROR_METHOD] = {.code = 405001, .status = 405},
    [EMU_ERROR_CONFLICT] = {.code = 409201, .status = 409},
    [EMU_ERROR_PRECONDITION] = {.code = 412001, .status = 412},
    [EMU_ERROR_TOO_LARGE] = {.code = 413001, .status = 413},
    [EMU_ERROR_CONTENT_TYPE] = {.code = 415001, .status = 415},
    [EMU_ERROR_INTERNAL] = {.code = 500001, .status = 500},
    [EMU_ERROR_HUB_ARGUMENT] = {.code = 400004, .status = 400, .hub_name = "ArgumentInvalid"},
    [EMU_ERROR_HUB_UNAUTHORIZED] = {.code = 401002, .status = 401, .hub_name = "IotHubUnauthorizedAccess"},
    [EMU_ERROR_HUB_NO_DEVICE] = {.code = 404001, .status = 404, .hub_name = "DeviceNotFound"},
    [EMU_ERROR_HUB_NO_MESSAGE] = {.code = 404103, .status = 404, .hub_name = "MessageNotFound"},
    [EMU_ERROR_HUB_LOCK_LOST] = {.code = 412001, .status = 412, .hub_name = "DeviceMessageLockLost"},
    [EMU_ERROR_HUB_QUEUE_FULL] = {.code = 403004, .status = 403, .hub_name = "DeviceMaximumQueueDepthExceeded"},
    [EMU_ERROR_HUB_TOO_LARGE] = {.code = 413001, .status = 413, .hub_name = "MessageTooLarge"},
    [EMU_ERROR_HUB_INTERNAL] = {.code = 500001, .status = 500, .hub_name = "ServerError"},
};
/* clang-format on */

static const struct row *row_of(enum emu_error error)
{
    if ((size_t)error >= sizeof rows / sizeof rows[0] || rows[error].code == 0)
        return &rows[EMU_ERROR_INTERNAL];
    return &rows[error];
}

int emu_error_code(enum emu_error error)
{
    return row_of(error)->code;
}

/* What came from a client may be anything; JSON and the log take no broken UTF-8 and no control characters.
 */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

static void refuse(struct emu_refusal *refusal, enum emu_error error, const char *format, va_list arguments)
{
    refusal->error = error;
    vsnprintf(refusal->message, sizeof refusal->message, format, arguments);
    make_printable(refusal->message);
}

bool emu_refuse(struct emu_refusal *refusal, enum emu_error error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    refuse(refusal, error, format, arguments);
    va_end(arguments);
    return false;
}

static json_t *dps_body(const struct row *row, const char *guid, const char *time, const char *message)
{
    return json_pack("{s:i, s:s, s:s, s:s}", "errorCode", row->code, "trackingId", guid, "message", message,
                     "timestampUtc", time);
}

static json_t *hub_body(const struct row *row, const char *guid, const char *time, const char *message)
{
    return json_pack("{s:o, s:o}", "Message", json_sprintf("ErrorCode:%s;%s", row->hub_name, message),
                     "ExceptionMessage", json_sprintf("Tracking ID:%s-TimeStamp:%s", guid, time));
}

void emu_response_refuse(struct emu_response *response, const struct emu_refusal *refusal)
{
    const struct row *row = row_of(refusal->error);
    bool hub = row->hub_name != NULL;
    char guid[EMU_GUID_SIZE];
    char time[EMU_TIME_SIZE];
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    emu_guid(guid);
    emu_time_text(now, time);
    emu_response_free(response);
    emu_response_json(response, row->status, (hub ? hub_body : dps_body)(row, guid, time, refusal->message));
    emu_response_header(response, "x-ms-request-id", "%s", guid);
    if (hub)
        emu_response_header(response, "iothub-errorcode", "%s", row->hub_name);
    else
        emu_response_header(response, "x-ms-error-code", "%d", row->code);
    log_info("%d: %s", row->code, refusal->message);
}

void emu_response_fail(struct emu_response *response, enum emu_error error, const char *format, ...)
{
    struct emu_refusal refusal;
    va_list arguments;

    va_start(arguments, format);
    refuse(&refusal, error, format, arguments);
    va_end(arguments);
    emu_response_refuse(response, &refusal);
}
