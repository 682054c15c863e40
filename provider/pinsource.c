/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/pinsource.h"
#include "common/file.h"
#include "provider/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIN_MAXIMUM = 1024 };

/* What was read from a descriptor. Such entries are added and never changed, so they need no lock, which a
 * fork could leave locked. */
struct prov_read_pin {
    struct prov_read_pin *next;
    int fd;
    struct bytes pin;
};

/* A reader gets what stands behind the colon. NULL, or why it cannot (static, or of strerror). */
typedef const char *reader(struct provider *provider, const char *name, struct bytes *pin);

static bool keep_first_line(struct bytes *pin, const uint8_t *data, size_t size)
{
    size_t length = 0;

    while (length < size && data[length] != '\n' && data[length] != '\r')
        length++;
    return bytes_copy(pin, data, length);
}

static const char *read_file(struct provider *provider, const char *path, struct bytes *pin)
{
    struct bytes content = BYTES_EMPTY;
    bool ok;
    int error;

    (void)provider;
    if (strncmp(path, "//", 2) == 0)
        path += 2;
    if (path[0] != '/')
        return "it must be the absolute path of a file";
    error = file_read(AT_FDCWD, path, PIN_MAXIMUM, &content);
    if (error != 0)
        return strerror(error);
    ok = keep_first_line(pin, content.data, content.size);
    bytes_free(&content);
    return ok ? NULL : "no memory";
}

static const char *read_credential(struct provider *provider, const char *name, struct bytes *pin)
{
    const char *directory = secure_getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];

    if (directory == NULL || directory[0] != '/')
        return "systemd gave this process no credentials";
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
        return "that is no name of a credential";
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return "its path is too long";
    return read_file(provider, path, pin);
}

static const char *read_variable(struct provider *provider, const char *name, struct bytes *pin)
{
    const char *value = secure_getenv(name);

    (void)provider;
    if (value == NULL)
        return "the variable is not set";
    return keep_first_line(pin, (const uint8_t *)value, strlen(value)) ? NULL : "no memory";
}

/* NULL, and *number is set; or what is wrong. */
static const char *parse_descriptor(const char *text, int *fd)
{
    char *end = NULL;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number > INT_MAX)
        return "that is no number of a file descriptor";
    *fd = (int)number;
    return NULL;
}

/* Reads to the end of the line and no further, since what follows may be somebody else's. */
static const char *read_line(int fd, struct bytes *pin)
{
    uint8_t line[PIN_MAXIMUM];
    size_t size = 0;
    ssize_t got = 1;
    int error;
    bool ok;

    while (got > 0 && size < sizeof line && (size == 0 || line[size - 1] != '\n')) {
        do
            got = read(fd, line + size, 1);
        while (got < 0 && errno == EINTR);
        size += got > 0;
    }
    error = got < 0 ? errno : 0;
    ok = error == 0 && keep_first_line(pin, line, size);
    bytes_wipe(line, sizeof line);
    if (error != 0)
        return strerror(error);
    return ok ? NULL : "no memory";
}

static const struct prov_read_pin *find_read(struct provider *provider, int fd)
{
    const struct prov_read_pin *read = atomic_load(&provider->read_pins);

    while (read != NULL && read->fd != fd)
        read = read->next;
    return read;
}

/* Takes *pin's content where there is memory; else it just is not remembered. */
static void remember(struct provider *provider, int fd, const struct bytes *pin)
{
    struct prov_read_pin *read = calloc(1, sizeof *read);

    if (read == NULL || !bytes_copy(&read->pin, pin->data, pin->size)) {
        free(read);
        return;
    }
    read->fd = fd;
    read->next = atomic_load(&provider->read_pins);
    while (!atomic_compare_exchange_weak(&provider->read_pins, &read->next, read)) {
    }
}

static const char *read_descriptor(struct provider *provider, const char *name, struct bytes *pin)
{
    const struct prov_read_pin *known;
    int fd = -1;
    const char *problem = parse_descriptor(name, &fd);

    if (problem != NULL)
        return problem;
    known = find_read(provider, fd);
    if (known != NULL)
        return bytes_copy(pin, known->pin.data, known->pin.size) ? NULL : "no memory";
    problem = read_line(fd, pin);
    if (problem == NULL)
        remember(provider, fd, pin);
    return problem;
}

static const struct kind {
    const char *prefix;
    reader *read;
} kinds[] = {
    {"file:", read_file      },
    {"cred:", read_credential},
    {"env:",  read_variable  },
    {"fd:",   read_descriptor},
    {"",      read_file      },
};

static const struct kind *kind_of(const char *source)
{
    const struct kind *kind = kinds;

    while (strncmp(source, kind->prefix, strlen(kind->prefix)) != 0)
        kind++;
    return kind;
}

bool prov_pinsource_read(struct provider *provider, const char *source, struct bytes *pin)
{
    const struct kind *kind = kind_of(source);
    const char *problem;

    *pin = BYTES_EMPTY;
    problem = kind->read(provider, source + strlen(kind->prefix), pin);
    if (problem == NULL && pin->size == 0)
        problem = "there is no PIN in it";
    if (problem == NULL)
        return true;
    bytes_free(pin);
    prov_raise(&provider->core, PROV_R_PIN_UNREADABLE, "pin-source %s: %s", source, problem);
    return false;
}

void prov_pinsource_free(struct provider *provider)
{
    struct prov_read_pin *read = atomic_exchange(&provider->read_pins, NULL);

    while (read != NULL) {
        struct prov_read_pin *next = read->next;

        bytes_free(&read->pin);
        free(read);
        read = next;
    }
}
