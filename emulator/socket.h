/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_SOCKET_H
#define DEVID_EMULATOR_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

/* Listens on a numeric address; port 0 takes any free one, and *bound becomes the one that was taken. -1 with
 * a message. */
int emu_socket_listen(const char *address, uint16_t port, uint16_t *bound, char *message, size_t size);

/* Whether the peer is on this machine. NULL is nowhere. */
bool emu_socket_is_loopback(const struct sockaddr *address);

#endif
