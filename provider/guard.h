/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_GUARD_H
#define DEVID_PROVIDER_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A PKCS#11 module may itself use libcrypto, and libcrypto may choose this provider for it. Every call into
 * the module therefore stands between enter and leave, and whatever would need the module refuses while the
 * calling thread is inside. Whatever the module leaves in libcrypto's error queue and in errno is taken out
 * again. Work on software keys goes on: it touches neither the module nor a lock.
 */
void prov_guard_enter(void);
void prov_guard_leave(void);
bool prov_guard_inside(void);

/* One thread of the process at a time, of whatever instance of the provider, and for a moment only. For
 * C_Initialize, which several threads must not call at once; some modules say that they are initialised
 * before they are. */
void prov_guard_alone(void);
void prov_guard_not_alone(void);

/* Another number in every process that came about by fork, also by one that went past pthread_atfork. Never
 * 0. */
uint64_t prov_guard_fork_id(void);

#endif
