/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/dps.h"

static const char *const phrases[] = {
    [DPS_OK] = "success",
    [DPS_INVALID] = "an argument or setting cannot be used",
    [DPS_NO_MEMORY] = "not enough memory",
    [DPS_TRANSPORT] = "the server cannot be reached",
    [DPS_TLS] = "the TLS handshake failed",
    [DPS_KEY] = "the certificate or key cannot be used",
    [DPS_PROTOCOL] = "the server's answer was not understood",
    [DPS_REJECTED] = "rejected by the service",
    [DPS_TIMEOUT] = "the time limit passed",
    [DPS_CANCELLED] = "cancelled",
};

const char *dps_strstatus(dps_status status)
{
    size_t number = (size_t)status;

    return number < sizeof phrases / sizeof phrases[0] ? phrases[number] : "unknown status";
}
