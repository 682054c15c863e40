/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char directory[PATH_MAX];
static pid_t owner;

static char *path_slot(void)
{
    static char slots[9][PATH_MAX];
    static unsigned next;

    return slots[next++ % 9];
}

static const char *join(const char *variable, const char *relative)
{
    const char *base = getenv(variable);
    char *path = path_slot();

    snprintf(path, PATH_MAX, "%s/%s", base != NULL ? base : ".", relative);
    return path;
}

const char *support_build_path(const char *relative)
{
    return join("DEVID_TEST_BUILD", relative);
}

const char *support_source_path(const char *relative)
{
    return join("DEVID_TEST_SOURCE", relative);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    remove(path);
    return 0;
}

static void remove_directory(void)
{
    if (getpid() == owner)
        nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *support_directory(void)
{
    if (directory[0] == '\0') {
        snprintf(directory, sizeof directory, "%s/devid-test-XXXXXX",
                 getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
        if (mkdtemp(directory) == NULL)
            abort();
        owner = getpid();
        atexit(remove_directory);
    }
    return directory;
}

const char *support_path(const char *format, ...)
{
    char *path = path_slot();
    va_list arguments;
    int length = snprintf(path, PATH_MAX, "%s/", support_directory());

    va_start(arguments, format);
    vsnprintf(path + length, PATH_MAX - (size_t)length, format, arguments);
    va_end(arguments);
    return path;
}

void support_write_bytes(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "w");

    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

void support_write(const char *path, const char *text)
{
    support_write_bytes(path, text, strlen(text));
}

char *support_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t length = 0;
    FILE *copy;
    int c;

    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    copy = open_memstream(&text, &length);
    while ((c = getc(file)) != EOF)
        putc(c, copy);
    fclose(copy);
    fclose(file);
    if (size != NULL)
        *size = length;
    return text;
}

static bool can_bind(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return bound;
}

uint16_t support_free_port(void)
{
    for (int i = 0; i < 1000; i++) {
        uint16_t port = 0;

        if (getrandom(&port, sizeof port, 0) != (ssize_t)sizeof port)
            continue;
        port = (uint16_t)(20000 + port % 12000) & ~1U; /* below the ephemeral range of Linux */
        if (can_bind(port) && can_bind((uint16_t)(port + 1)))
            return port;
    }
    abort();
}

bool support_wait_for_port(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 1000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int connected = connect(fd, (struct sockaddr *)&address, sizeof address);

        close(fd);
        if (connected == 0)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

int support_shell(char **output, const char *format, ...)
{
    char command[8192];
    char *text = NULL;
    size_t length = 0;
    va_list arguments;
    FILE *pipe;
    FILE *copy;
    int status;
    int c;

    va_start(arguments, format);
    vsnprintf(command, sizeof command - 8, format, arguments);
    va_end(arguments);
    strcat(command, " 2>&1");
    pipe = popen(command, "re");
    ck_assert_ptr_nonnull(pipe);
    copy = open_memstream(&text, &length);
    while ((c = getc(pipe)) != EOF)
        putc(c, copy);
    fclose(copy);
    status = pclose(pipe);
    if (output != NULL)
        *output = text;
    else
        free(text);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
