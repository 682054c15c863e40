/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/keeper.h"

#include "pkcs11/tpm/bus.h"
#include "pkcs11/tpm/context.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct tpm_keeper {
    struct tpm_session session;    /* handle 0: none */
    const struct tpm_bus *bus;     /* of the token that it is for */
    struct timespec end;           /* of its rest, by the monotonic clock */
    const void *keys[LOADED_KEYS]; /* that were used last; the newest first */
    pthread_cond_t changed;
    pthread_t thread;
    bool running;  /* the thread looks after the session */
    bool joinable; /* it was made, and not joined */
    bool stop;
};

static struct timespec time_in(unsigned long milliseconds)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    time.tv_sec += (time_t)(milliseconds / 1000) + time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static bool is_past(const struct timespec *time)
{
    struct timespec now = time_in(0);

    return now.tv_sec != time->tv_sec ? now.tv_sec > time->tv_sec : now.tv_nsec >= time->tv_nsec;
}

/* --- the thread
 * --------------------------------------------------------------------------------------------------- */

/* Its end is put off by each use, without waking the thread: that looks at the clock when it would be due. */
static void *look_after(void *data)
{
    struct tpm *tpm = data;
    struct tpm_keeper *keeper = tpm->keeper;

    pthread_mutex_lock(&tpm->lock);
    while (!keeper->stop && keeper->session.handle != 0) {
        struct timespec end = keeper->end;

        if (is_past(&end))
            tpm_keeper_end(tpm);
        else
            pthread_cond_timedwait(&keeper->changed, &tpm->lock, &end);
    }
    keeper->running = false;
    pthread_mutex_unlock(&tpm->lock);
    return NULL;
}

/* The application's signals are for its own threads. One that has left its loop needs no lock to end. */
static bool make_thread(struct tpm *tpm)
{
    struct tpm_keeper *keeper = tpm->keeper;
    sigset_t all;
    sigset_t before;

    if (keeper->running)
        return true;
    if (keeper->joinable)
        pthread_join(keeper->thread, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    keeper->joinable = pthread_create(&keeper->thread, NULL, look_after, tpm) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    keeper->running = keeper->joinable;
    return keeper->running;
}

/* --- the session
 * -------------------------------------------------------------------------------------------------- */

bool tpm_keeper_wanted(struct tpm *tpm, const struct tpm_bus *bus, const void *key)
{
    struct tpm_keeper *keeper = tpm->keeper;
    bool again;
    size_t i = 0;

    if (keeper == NULL || bus->idle == 0)
        return false;
    while (i < LOADED_KEYS - 1 && keeper->keys[i] != key)
        i++;
    again = keeper->keys[i] == key;
    for (; i > 0; i--)
        keeper->keys[i] = keeper->keys[i - 1];
    keeper->keys[0] = key;
    return again;
}

bool tpm_keeper_take(struct tpm *tpm, const struct tpm_bus *bus, struct tpm_session *session)
{
    struct tpm_keeper *keeper = tpm->keeper;

    if (keeper == NULL || keeper->session.handle == 0 || keeper->bus != bus)
        return false;
    *session = keeper->session;
    tpm_keeper_forget(tpm);
    return true;
}

void tpm_keeper_keep(struct tpm *tpm, const struct tpm_bus *bus, struct tpm_session *session)
{
    struct tpm_keeper *keeper = tpm->keeper;

    tpm_keeper_end(tpm); /* that of another token */
    keeper->session = *session;
    keeper->bus = bus;
    keeper->end = time_in(bus->idle);
    bytes_wipe(session, sizeof *session);
    if (!make_thread(tpm))
        tpm_keeper_end(tpm);
}

bool tpm_keeper_end(struct tpm *tpm)
{
    struct tpm_session session;

    if (tpm->keeper == NULL || tpm->keeper->session.handle == 0)
        return false;
    session = tpm->keeper->session;
    tpm_keeper_forget(tpm);
    tpm_session_end(tpm, &session);
    return true;
}

void tpm_keeper_leave(struct tpm *tpm, const struct tpm_bus *bus)
{
    pthread_mutex_lock(&tpm->lock);
    if (tpm->keeper != NULL && tpm->keeper->bus == bus)
        tpm_keeper_end(tpm);
    pthread_mutex_unlock(&tpm->lock);
}

void tpm_keeper_forget(struct tpm *tpm)
{
    if (tpm->keeper != NULL)
        bytes_wipe(&tpm->keeper->session, sizeof tpm->keeper->session);
}

/* --- its life
 * ----------------------------------------------------------------------------------------------------- */

struct tpm_keeper *tpm_keeper_new(void)
{
    struct tpm_keeper *keeper = calloc(1, sizeof *keeper);
    pthread_condattr_t attributes;

    if (keeper == NULL)
        return NULL;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return keeper;
}

void tpm_keeper_free(struct tpm *tpm)
{
    struct tpm_keeper *keeper = tpm->keeper;

    if (keeper == NULL)
        return;
    pthread_mutex_lock(&tpm->lock);
    keeper->stop = true;
    pthread_cond_signal(&keeper->changed);
    if (tpm->sys != NULL)
        tpm_keeper_end(tpm);
    pthread_mutex_unlock(&tpm->lock);
    if (keeper->joinable)
        pthread_join(keeper->thread, NULL);
    pthread_cond_destroy(&keeper->changed);
    bytes_wipe(keeper, sizeof *keeper);
    free(keeper);
    tpm->keeper = NULL;
}
