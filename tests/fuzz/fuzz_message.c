/* SPDX-License-Identifier: Apache-2.0 */
/* What the provisioning service and hubs answer: no reply may crash or leak, and an assignment is whole or
 * absent. */
#include "dps/message.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

const char fuzz_seeds[] = "message";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct dps_report report = {0};
    struct dps_error_body error;
    struct dps_operation operation;

    if (dps_message_read_operation(text, size, &report, &operation) == DPS_OK) {
        if ((operation.status == DPS_OPERATION_ASSIGNED) != (operation.registration != NULL))
            abort();
        dps_operation_free(&operation);
    }
    if (dps_message_read_lookup(text, size, &report, &operation) == DPS_OK) {
        if (operation.registration == NULL)
            abort();
        dps_operation_free(&operation);
    }
    free(dps_message_read_challenge(text, size));
    dps_message_read_error(text, size, &error);
    dps_error_body_free(&error);
    return 0;
}
