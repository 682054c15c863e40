/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a token.conf: what is read is written and read again alike, and a backend can look at it. */
#include "pkcs11/backend.h"
#include "pkcs11/tokenconf.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char fuzz_seeds[] = "tokenconf";

static char shared_memory[] = "/dev/shm/devid-fuzz-XXXXXX"; /* where fsync costs nothing */
static char temporary[] = "/tmp/devid-fuzz-XXXXXX";
static const char *folder;
static int directory = -1;

static void remove_folder(void)
{
    unlinkat(directory, TOKEN_CONF_FILE, 0);
    close(directory);
    rmdir(folder);
}

static void make_folder(void)
{
    if (directory >= 0)
        return;
    folder = mkdtemp(shared_memory);
    if (folder == NULL)
        folder = mkdtemp(temporary);
    if (folder == NULL)
        abort();
    directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        abort();
    atexit(remove_folder);
}

/* Not through file_replace, whose fsync would be most of the time. */
static void put_file(const uint8_t *data, size_t size)
{
    int fd = openat(directory, TOKEN_CONF_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
}

static void check_same(const struct token_conf *a, const struct token_conf *b)
{
    if (a->count != b->count)
        abort();
    for (size_t i = 0; i < a->count; i++)
        if (token_conf_get(b, a->settings[i].name) == NULL ||
            strcmp(token_conf_get(b, a->settings[i].name), a->settings[i].value) != 0)
            abort();
}

static void open_backends(const struct token_conf *conf)
{
    for (size_t i = 0; p11_backends[i] != NULL; i++) {
        void *instance;

        if (p11_backends[i]->open(conf, folder, &instance) == CKR_OK)
            p11_backends[i]->close(instance);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token_conf conf;
    struct token_conf again;

    make_folder();
    put_file(data, size);
    if (token_conf_read(directory, folder, &conf) != CKR_OK)
        return 0;
    open_backends(&conf);
    if (token_conf_write(directory, folder, &conf) != CKR_OK ||
        token_conf_read(directory, folder, &again) != CKR_OK)
        abort();
    check_same(&conf, &again);
    token_conf_free(&again);
    token_conf_free(&conf);
    return 0;
}
