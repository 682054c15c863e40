/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/connection.h"

#include "common/log.h"
#include "pkcs11/tpm/relay.h"

#include <tss2/tss2_tctildr.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Where a TPM is looked for when no TCTI is named, and what must be there for it to be worth a try.
 * tpm2-tss's own order begins with tpm2-abrmd, whose TCTI complains on standard error when there is none.
 */
static const struct {
    const char *path;
    const char *tcti;
} defaults[] = {
    {"/dev/tpmrm0",                 "device:/dev/tpmrm0"},
    {"/run/dbus/system_bus_socket", "tabrmd"            },
    {"/dev/tpm0",                   "device:/dev/tpm0"  },
};

/* tpm2-tss writes to standard error unless it is told not to, and it can be told by the environment only. */
static void silence_tss(void)
{
    if (!log_wanted(LOG_DEBUG))
        setenv("TSS2_LOG", "all+none", 0);
}

/*
 * The TCTI of tpm2-abrmd is built on GLib, which serves all message buses of a process with one thread and
 * never ends it. A child after fork has no such thread and waits for ever: there the bus is left to a process
 * of its own. What counts is in which process GLib was used first.
 */
static pid_t bus_user;

static bool uses_message_bus(const char *tcti)
{
    return strstr(tcti, "tabrmd") != NULL;
}

static TSS2_RC open_named(const char *tcti, struct tpm_connection *connection)
{
    if (uses_message_bus(tcti)) {
        pid_t nobody = 0;

        __atomic_compare_exchange_n(&bus_user, &nobody, getpid(), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        connection->relayed = __atomic_load_n(&bus_user, __ATOMIC_RELAXED) != getpid();
    }
    if (!connection->relayed)
        return Tss2_TctiLdr_Initialize(tcti, &connection->tcti);
    log_info("TPM %s is reached through a process of its own, after a fork", tcti);
    return tpm_relay_open(tcti, &connection->tcti);
}

/* As many as any TCTI has. */
#define HANDLES 4

static size_t descriptors(const struct tpm_connection *connection, TSS2_TCTI_POLL_HANDLE handles[HANDLES])
{
    size_t count = HANDLES;

    if (Tss2_Tcti_GetPollHandles(connection->tcti, handles, &count) != TSS2_RC_SUCCESS)
        return 0;
    return count;
}

/* tpm2-tss opens without O_CLOEXEC; a program that the application starts has no business with the TPM. */
static void close_on_exec(const struct tpm_connection *connection)
{
    TSS2_TCTI_POLL_HANDLE handles[HANDLES];
    size_t count = descriptors(connection, handles);

    for (size_t i = 0; i < count; i++)
        fcntl(handles[i].fd, F_SETFD, FD_CLOEXEC);
}

TSS2_RC tpm_connection_open(const char *tcti, struct tpm_connection *connection)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    TSS2_RC rc = TSS2_TCTI_RC_NOT_SUPPORTED;

    pthread_once(&once, silence_tss);
    *connection = (struct tpm_connection){0};
    if (tcti[0] != '\0')
        rc = open_named(tcti, connection);
    for (size_t i = 0; tcti[0] == '\0' && rc != TSS2_RC_SUCCESS && i < sizeof defaults / sizeof defaults[0];
         i++)
        if (access(defaults[i].path, F_OK) == 0)
            rc = open_named(defaults[i].tcti, connection);
    if (rc == TSS2_RC_SUCCESS)
        close_on_exec(connection);
    return rc;
}

void tpm_connection_close(struct tpm_connection *connection)
{
    if (connection->tcti != NULL && connection->relayed) {
        Tss2_Tcti_Finalize(connection->tcti);
        free(connection->tcti);
    } else if (connection->tcti != NULL)
        Tss2_TctiLdr_Finalize(&connection->tcti);
    *connection = (struct tpm_connection){0};
}

void tpm_connection_abandon(struct tpm_connection *connection)
{
    TSS2_TCTI_POLL_HANDLE handles[HANDLES];
    size_t count = connection->tcti != NULL ? descriptors(connection, handles) : 0;

    for (size_t i = 0; i < count; i++)
        close(handles[i].fd);
    *connection = (struct tpm_connection){0};
}
