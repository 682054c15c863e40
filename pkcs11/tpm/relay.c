/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/relay.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAGIC 0x646576696472656cULL /* "devidrel" */
#define HEADER_SIZE 10              /* of a response: tag, size, code */

struct relay {
    TSS2_TCTI_CONTEXT_COMMON_V2 common;
    int fd; /* a socket, not a pipe: no SIGPIPE for the application when the other process is gone */
    pid_t process;
    uint8_t header[HEADER_SIZE]; /* of the response that is coming */
    size_t expected;             /* its size, once the header is there; else 0 */
};

static struct relay *relay_of(TSS2_TCTI_CONTEXT *context)
{
    return (struct relay *)context;
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
    size_t done = 0;

    while (done < size) {
        ssize_t put = send(relay_of(context)->fd, command + done, size - done, MSG_NOSIGNAL);

        if (put >= 0)
            done += (size_t)put;
        else if (errno != EINTR)
            return TSS2_TCTI_RC_IO_ERROR;
    }
    return TSS2_RC_SUCCESS;
}

static TSS2_RC receive_exactly(int fd, uint8_t *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = recv(fd, data + done, size - done, 0);

        if (got > 0)
            done += (size_t)got;
        else if (got == 0 || errno != EINTR)
            return TSS2_TCTI_RC_IO_ERROR;
    }
    return TSS2_RC_SUCCESS;
}

static TSS2_RC receive_header(struct relay *relay)
{
    const uint8_t *size = relay->header + 2;
    TSS2_RC rc = receive_exactly(relay->fd, relay->header, HEADER_SIZE);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    relay->expected = (size_t)size[0] << 24 | (size_t)size[1] << 16 | (size_t)size[2] << 8 | size[3];
    return relay->expected >= HEADER_SIZE ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_MALFORMED_RESPONSE;
}

/* Without a buffer: how large a response it is. */
static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    struct relay *relay = relay_of(context);
    size_t room = *size;
    TSS2_RC rc = relay->expected == 0 ? receive_header(relay) : TSS2_RC_SUCCESS;

    (void)timeout;
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    *size = relay->expected;
    if (response == NULL)
        return TSS2_RC_SUCCESS;
    if (room < relay->expected)
        return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
    memcpy(response, relay->header, HEADER_SIZE);
    relay->expected = 0;
    return receive_exactly(relay->fd, response + HEADER_SIZE, *size - HEADER_SIZE);
}

/* The other process ends when nothing can come any more. */
static void finalize(TSS2_TCTI_CONTEXT *context)
{
    struct relay *relay = relay_of(context);

    close(relay->fd);
    while (waitpid(relay->process, NULL, 0) < 0 && errno == EINTR)
        ;
}

static TSS2_RC get_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *number)
{
    if (*number < 1)
        return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
    handles[0] = (TSS2_TCTI_POLL_HANDLE){.fd = relay_of(context)->fd};
    *number = 1;
    return TSS2_RC_SUCCESS;
}

static TSS2_RC not_here(TSS2_TCTI_CONTEXT *context)
{
    (void)context;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC no_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    (void)context;
    (void)locality;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC not_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    (void)context;
    (void)handle;
    (void)sticky;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

/* By absolute paths: a PATH is the caller's, who may have fewer rights than this process. */
static const char *program(void)
{
    static const char *const paths[] = {"/usr/bin/tpm2_send", "/usr/local/bin/tpm2_send"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (access(paths[i], X_OK) == 0)
            return paths[i];
    return NULL;
}

/* `end` becomes its standard input and output. What it complains about is said by the failure of a command.
 */
static int spawn(const char *path, const char *tcti, int end, pid_t *process)
{
    const char *const arguments[] = {"tpm2_send", "-Q", "-T", tcti, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return error;
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, end, STDOUT_FILENO);
    if (!log_wanted(LOG_DEBUG))
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    error = posix_spawn(process, path, &actions, &attributes, (char *const *)(uintptr_t)arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

TSS2_RC tpm_relay_open(const char *tcti, TSS2_TCTI_CONTEXT **out)
{
    const char *path = program();
    struct relay *relay;
    int ends[2];
    int error;

    if (path == NULL)
        return TSS2_TCTI_RC_NOT_SUPPORTED;
    relay = calloc(1, sizeof *relay);
    if (relay == NULL)
        return TSS2_TCTI_RC_MEMORY;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        free(relay);
        return TSS2_TCTI_RC_IO_ERROR;
    }
    error = spawn(path, tcti, ends[1], &relay->process);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        free(relay);
        return TSS2_TCTI_RC_IO_ERROR;
    }
    relay->fd = ends[0];
    relay->common.v1.magic = MAGIC;
    relay->common.v1.version = 2;
    relay->common.v1.transmit = transmit;
    relay->common.v1.receive = receive;
    relay->common.v1.finalize = finalize;
    relay->common.v1.cancel = not_here;
    relay->common.v1.getPollHandles = get_poll_handles;
    relay->common.v1.setLocality = no_locality;
    relay->common.makeSticky = not_sticky;
    *out = (TSS2_TCTI_CONTEXT *)relay;
    return TSS2_RC_SUCCESS;
}
