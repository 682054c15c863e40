/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of the TPM benchmarks: a program that does nothing but the TPM's commands. */
#ifndef DEVID_BENCH_FLOOR_H
#define DEVID_BENCH_FLOOR_H

#include <stdbool.h>

enum floor_key { FLOOR_P256, FLOOR_RSA2048, FLOOR_HMAC, FLOOR_KEYS };

/* How a command is authorised: by a password (an empty one), or by a salted HMAC session with encrypted
 * parameters, made by hand; the session is kept, or made for each command as it is when nothing is to be held
 * in the TPM between two of them. */
enum floor_way { FLOOR_PASSWORD, FLOOR_SESSION_KEPT, FLOOR_SESSION_EACH };

struct floor;

/* Connects, makes a storage key and the others. Ends the program on failure. */
struct floor *floor_open(const char *tcti);
void floor_close(struct floor *floor);
/* Loads the key, in place of the one before. */
void floor_use(struct floor *floor, enum floor_key key, enum floor_way way);
/* One signature or MAC of 32 bytes with it. */
void floor_work(void *floor);

#endif
