/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAXIMUM 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    log_sink *sink;
    void *data;
    enum log_level level;
    char name[32]; /* of the text sink */
    char path[256];
} state;

static const char *const level_names[] = {
    [LOG_NONE] = "none", [LOG_ERROR] = "error", [LOG_WARNING] = "warning",
    [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

void log_set_sink(log_sink *sink, void *data, enum log_level level)
{
    pthread_mutex_lock(&lock);
    state.sink = sink;
    state.data = data;
    state.level = sink != NULL ? level : LOG_NONE;
    pthread_mutex_unlock(&lock);
}

/* One write(2) a line, so that lines of several processes do not mix. */
static void text_sink(void *data, enum log_level level, const char *function, const char *line)
{
    char text[LINE_MAXIMUM + 128];
    int fd = STDERR_FILENO;
    int length;

    (void)data;
    length =
        snprintf(text, sizeof text, "%s[%ld] %s: %s%s%s\n", state.name, (long)getpid(), level_names[level],
                 function != NULL ? function : "", function != NULL ? ": " : "", line);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof text) {
        length = sizeof text - 1;
        text[length - 1] = '\n';
    }
    if (state.path[0] != '\0')
        fd = open(state.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    if (write(fd, text, (size_t)length) < 0) {
        /* a log that cannot be written has nowhere to say so */
    }
    if (fd != STDERR_FILENO)
        close(fd);
}

bool log_set_from_text(const char *name, const char *text)
{
    size_t length = text != NULL ? strcspn(text, ":") : 0;

    log_set_sink(NULL, NULL, LOG_NONE);
    if (length == 0)
        return text == NULL || text[0] == '\0';
    for (enum log_level level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        if (strlen(level_names[level]) != length || strncmp(level_names[level], text, length) != 0)
            continue;
        snprintf(state.name, sizeof state.name, "%s", name);
        snprintf(state.path, sizeof state.path, "%s", text[length] == ':' ? text + length + 1 : "");
        log_set_sink(text_sink, NULL, level);
        return true;
    }
    return false;
}

void log_abandon(void)
{
    pthread_mutex_init(&lock, NULL);
}

bool log_wanted(enum log_level level)
{
    return level <= __atomic_load_n(&state.level, __ATOMIC_RELAXED);
}

/* Parts of a line may come from files; what is logged stays one line and does nothing to a terminal. */
static void make_printable(char *line)
{
    for (; *line != '\0'; line++)
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            *line = '?';
}

void log_write(enum log_level level, const char *function, const char *format, ...)
{
    char line[LINE_MAXIMUM];
    int saved = errno;
    va_list arguments;

    if (!log_wanted(level))
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    make_printable(line);
    pthread_mutex_lock(&lock);
    if (state.sink != NULL)
        state.sink(state.data, level, function, line);
    pthread_mutex_unlock(&lock);
    errno = saved;
}
