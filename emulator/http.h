/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_HTTP_H
#define DEVID_EMULATOR_HTTP_H

#include "common/bytes.h"

struct emulator;
struct emu_listener;

/* A larger body is answered 413 before a handler sees it. */
#define EMU_HTTP_BODY_MAXIMUM (1024 * 1024)

/*
 * Opens the address (numeric) and port (0: any free one) for listening; *bound is the port it got. From here
 * connections queue up, but nobody answers before emu_http_start. NULL: one line for the user in
 * message[size].
 */
__attribute__((warn_unused_result)) struct emu_listener *emu_http_listen(const char *address, uint16_t port,
                                                                         uint16_t *bound, char *message,
                                                                         size_t size);

/*
 * Serves HTTPS from one thread of its own, on which all handlers run, until emu_http_stop. Certificate, key
 * and the authority whose certificate goes with them are PEM texts. TLS 1.2 and 1.3; a client certificate is
 * asked for, never demanded, and not judged. `emulator` must outlive the listener.
 */
__attribute__((warn_unused_result)) bool emu_http_start(struct emu_listener *listener,
                                                        struct emulator *emulator, const char *certificate,
                                                        const char *key, const char *authority, char *message,
                                                        size_t size);

/* Ends serving, if it was begun, and frees the listener. NULL is accepted. */
void emu_http_stop(struct emu_listener *listener);

#endif
