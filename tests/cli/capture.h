/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_CLI_CAPTURE_H
#define DEVID_TESTS_CLI_CAPTURE_H

#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Standard output (1) or standard error (2), caught in a file between begin and end. */
struct capture {
    int fd;
    int saved;
    const char *path;
};

static inline struct capture capture_begin(int fd)
{
    struct capture capture = {fd, dup(fd), support_path("captured-%d", fd)};
    int file = open(capture.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    fflush(NULL);
    ck_assert_int_ge(capture.saved, 0);
    ck_assert_int_ge(file, 0);
    ck_assert_int_ge(dup2(file, fd), 0);
    close(file);
    return capture;
}

/* What was written; malloc'ed. */
static inline char *capture_end(const struct capture *capture)
{
    fflush(NULL);
    ck_assert_int_ge(dup2(capture->saved, capture->fd), 0);
    close(capture->saved);
    return support_read(capture->path, NULL);
}

#endif
