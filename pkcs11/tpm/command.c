/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/command.h"

#include "common/bytes.h"
#include "common/log.h"
#include "pkcs11/tpm/bus.h"

#include <tss2/tss2_rc.h>

#include <time.h>

/* 10 ms, 20 ms, ...: about 20 seconds together, the longest self-test that a TPM may take. */
#define ATTEMPTS 12
#define FIRST_PAUSE_MILLISECONDS 10
#define LONGEST_PAUSE_MILLISECONDS 5000

/* A secret that came stands in the system API's buffer, in the clear, until a longer response comes. Of a
 * good response only: in another one its size may be anything. */
static void wipe_response(TSS2_SYS_CONTEXT *sys)
{
    const uint8_t *secret;
    size_t size;

    if (Tss2_Sys_GetEncryptParam(sys, &size, &secret) == TSS2_RC_SUCCESS)
        bytes_wipe((void *)(uintptr_t)secret, size);
}

static TSS2_RC execute_once(struct tpm *tpm, const struct tpm_command *command, const void *arguments,
                            void *result)
{
    TSS2_RC rc = command->prepare(tpm->sys, arguments);

    if (rc == TSS2_RC_SUCCESS)
        rc = tpm_bus_authorise(tpm, command);
    if (rc == TSS2_RC_SUCCESS)
        rc = Tss2_Sys_Execute(tpm->sys);
    if (rc == TSS2_RC_SUCCESS)
        rc = tpm_bus_check(tpm, command);
    if (rc == TSS2_RC_SUCCESS && command->complete != NULL)
        rc = command->complete(tpm->sys, result);
    if (rc == TSS2_RC_SUCCESS && (command->secrets & TPM_SECRET_OUT) != 0)
        wipe_response(tpm->sys);
    log_debug("TPM2_%s: %s", command->name, Tss2_RC_Decode(rc));
    return rc;
}

static bool is_busy(TSS2_RC rc)
{
    rc &= ~(TSS2_RC)TSS2_RC_LAYER_MASK;
    return rc == TPM2_RC_RETRY || rc == TPM2_RC_YIELDED || rc == TPM2_RC_TESTING;
}

static void wait_milliseconds(long milliseconds)
{
    struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

TSS2_RC tpm_execute(struct tpm *tpm, const struct tpm_command *command, const void *arguments, void *result)
{
    long pause = FIRST_PAUSE_MILLISECONDS;
    TSS2_RC rc = tpm_bus_open(tpm, command);

    if (rc == TSS2_RC_SUCCESS)
        rc = execute_once(tpm, command, arguments, result);
    for (int i = 1; i < ATTEMPTS && is_busy(rc); i++) {
        wait_milliseconds(pause);
        pause = 2 * pause < LONGEST_PAUSE_MILLISECONDS ? 2 * pause : LONGEST_PAUSE_MILLISECONDS;
        rc = execute_once(tpm, command, arguments, result);
    }
    if ((rc & TSS2_RC_LAYER_MASK) == TSS2_SYS_RC_LAYER)
        tpm_renew(tpm);
    if (rc != TSS2_RC_SUCCESS)
        tpm_bus_close(tpm);
    return rc;
}

static TSS2_RC prepare_flush(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const TPM2_HANDLE *handle = arguments;

    return Tss2_Sys_FlushContext_Prepare(sys, *handle);
}

void tpm_flush(struct tpm *tpm, TPM2_HANDLE handle)
{
    static const struct tpm_command flush = {"FlushContext", prepare_flush, NULL, 0};
    TSS2_RC rc = tpm_execute(tpm, &flush, &handle, NULL);

    if (rc != TSS2_RC_SUCCESS)
        log_info("object 0x%x was not flushed: %s", handle, Tss2_RC_Decode(rc));
}
