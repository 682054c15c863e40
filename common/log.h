/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_COMMON_LOG_H
#define DEVID_COMMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_NONE, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Receives one line, without a newline; `function` may be NULL. Called from any thread; must not call back
 * into this library. */
typedef void log_sink(void *data, enum log_level level, const char *function, const char *line);

/*
 * Sets who receives lines up to `level`. Before the first call, or with sink NULL, nobody does. The setting
 * belongs to the shared object that the code is linked into, not to the process.
 */
void log_set_sink(log_sink *sink, void *data, enum log_level level);

/*
 * Sets a sink as a variable like DEVID_LOG asks: "error", "warning", "info" or "debug" writes such lines to
 * standard error, each after `name`; a ":PATH" behind the level appends them to that file instead. NULL or ""
 * is silence. False: the text is not understood (and there is silence).
 */
bool log_set_from_text(const char *name, const char *text);

/* In a child after fork, before anything else of this: a thread of the parent may have been writing a line.
 */
void log_abandon(void);

bool log_wanted(enum log_level level);
void log_write(enum log_level level, const char *function, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_ERROR, __func__, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __func__, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __func__, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __func__, __VA_ARGS__)

#endif
