/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/guard.h"
#include "common/log.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static _Thread_local unsigned depth;
static _Thread_local int errno_outside;
static atomic_uint_fast64_t fork_id = 1;
static _Atomic pid_t known_process;
static pthread_once_t registered = PTHREAD_ONCE_INIT;
static pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;

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

void prov_guard_alone(void)
{
    pthread_mutex_lock(&alone);
}

void prov_guard_not_alone(void)
{
    pthread_mutex_unlock(&alone);
}

/* Runs in the child of a process whose other threads are gone: no lock, no allocation. Whoever was alone is
 * not here. */
static void after_fork(void)
{
    static const pthread_mutex_t nobody = PTHREAD_MUTEX_INITIALIZER;

    memcpy(&alone, &nobody, sizeof alone);
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
