/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/guard.h"
#include "common/log.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <unistd.h>

static _Thread_local unsigned depth;
static _Thread_local int errno_outside;
static atomic_uint_fast64_t fork_id = 1;
static _Atomic pid_t known_process;
static pthread_once_t registered = PTHREAD_ONCE_INIT;

/* The module's libcrypto is ours, and so is its error queue: what it leaves there is not for the application.
 * Nor is its errno: Python takes that for the reason when a key does not load. */
void prov_guard_enter(void)
{
    if (depth++ == 0)
        errno_outside = errno;
    ERR_set_mark();
}

void prov_guard_leave(void)
{
    ERR_pop_to_mark();
    if (--depth == 0)
        errno = errno_outside;
}

bool prov_guard_inside(void)
{
    return depth > 0;
}

/* Runs in the child of a process whose other threads are gone: no lock, no allocation. */
static void after_fork(void)
{
    atomic_fetch_add(&fork_id, 1);
    atomic_store(&known_process, getpid());
    log_abandon();
}

static void register_handler(void)
{
    atomic_store(&known_process, getpid());
    pthread_atfork(NULL, NULL, after_fork);
}

uint64_t prov_guard_fork_id(void)
{
    pid_t process = getpid();
    pid_t known;

    pthread_once(&registered, register_handler);
    known = atomic_load(&known_process);
    if (known != process && atomic_compare_exchange_strong(&known_process, &known, process))
        atomic_fetch_add(&fork_id, 1);
    return atomic_load(&fork_id);
}
