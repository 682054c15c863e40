/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/context.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/tpm/hierarchy.h"
#include "pkcs11/tpm/keeper.h"
#include "pkcs11/tpm/loaded.h"

#include <tss2/tss2_rc.h>

#include <stdlib.h>
#include <string.h>

/* The connections of this process. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpm **registry;
static size_t registry_count;

static struct tpm *find(const char *tcti)
{
    for (size_t i = 0; i < registry_count; i++)
        if (strcmp(registry[i]->tcti, tcti) == 0)
            return registry[i];
    return NULL;
}

static struct tpm *add(const char *tcti)
{
    struct tpm **grown = realloc(registry, (registry_count + 1) * sizeof *grown);
    struct tpm *tpm = calloc(1, sizeof *tpm);

    if (grown != NULL)
        registry = grown;
    if (tpm != NULL)
        tpm->tcti = strdup(tcti);
    if (grown == NULL || tpm == NULL || tpm->tcti == NULL) {
        free(tpm);
        return NULL;
    }
    pthread_mutex_init(&tpm->lock, NULL);
    tpm->keeper = tpm_keeper_new();
    registry[registry_count++] = tpm;
    return tpm;
}

struct tpm *tpm_take(const char *tcti)
{
    struct tpm *tpm;

    pthread_mutex_lock(&registry_lock);
    tpm = find(tcti != NULL ? tcti : "");
    if (tpm == NULL)
        tpm = add(tcti != NULL ? tcti : "");
    if (tpm != NULL)
        tpm->references++;
    pthread_mutex_unlock(&registry_lock);
    return tpm;
}

static void disconnect(struct tpm *tpm)
{
    if (tpm->sys != NULL) {
        Tss2_Sys_Finalize(tpm->sys);
        free(tpm->sys);
        tpm->sys = NULL;
    }
    tpm_connection_close(&tpm->connection);
    tpm_forget(tpm);
}

/* Under the registry's lock. True: it was the last reference, and nobody finds it any more. */
static bool drop_reference(struct tpm *tpm)
{
    if (--tpm->references != 0)
        return false;
    for (size_t i = 0; i < registry_count; i++) {
        if (registry[i] == tpm) {
            registry[i] = registry[--registry_count];
            break;
        }
    }
    if (registry_count == 0) {
        free(registry);
        registry = NULL;
    }
    return true;
}

void tpm_return(struct tpm *tpm)
{
    bool last;

    pthread_mutex_lock(&registry_lock);
    last = drop_reference(tpm);
    pthread_mutex_unlock(&registry_lock);
    if (!last)
        return;
    tpm_keeper_free(tpm);
    tpm_flush_all(tpm);
    disconnect(tpm);
    pthread_mutex_destroy(&tpm->lock);
    tpm_hierarchy_free(tpm);
    free(tpm->tcti);
    free(tpm);
}

/* Another thread of the parent may have held any of the locks, and the heap behind the contexts may be
 * half-changed: the child leaves all of it where it is and closes its copies of the descriptors, so that the
 * parent's end is the end. */
void tpm_abandon(struct tpm *tpm)
{
    pthread_mutex_init(&registry_lock, NULL);
    tpm_connection_abandon(&tpm->connection);
    tpm->sys = NULL;
    registry = NULL;
    registry_count = 0;
}

const char *tpm_name(const struct tpm *tpm)
{
    return tpm->tcti[0] != '\0' ? tpm->tcti : "(/dev/tpmrm0, tpm2-abrmd or /dev/tpm0)";
}

static TSS2_RC make_sys(struct tpm *tpm)
{
    TSS2_ABI_VERSION version = TSS2_ABI_VERSION_CURRENT;
    size_t size = Tss2_Sys_GetContextSize(0);

    tpm->sys = calloc(1, size);
    return tpm->sys != NULL ? Tss2_Sys_Initialize(tpm->sys, size, tpm->connection.tcti, &version)
                            : TSS2_SYS_RC_GENERAL_FAILURE;
}

void tpm_renew(struct tpm *tpm)
{
    TSS2_ABI_VERSION version = TSS2_ABI_VERSION_CURRENT;

    Tss2_Sys_Finalize(tpm->sys);
    Tss2_Sys_Initialize(tpm->sys, Tss2_Sys_GetContextSize(0), tpm->connection.tcti, &version);
}

static CK_RV connect_tpm(struct tpm *tpm)
{
    TSS2_RC rc = tpm_connection_open(tpm->tcti, &tpm->connection);

    if (rc == TSS2_RC_SUCCESS)
        rc = make_sys(tpm);
    if (rc == TSS2_RC_SUCCESS) {
        log_info("connected to TPM %s", tpm_name(tpm));
        return CKR_OK;
    }
    disconnect(tpm);
    return p11_fail(
        CKR_DEVICE_ERROR,
        "TPM %s cannot be reached (%s); check that it is there, that you may use it (group tss), and "
        "the TCTI in DEVID_TCTI or devid.conf",
        tpm_name(tpm), Tss2_RC_Decode(rc));
}

CK_RV tpm_enter(struct tpm *tpm)
{
    CK_RV rv = CKR_OK;

    pthread_mutex_lock(&tpm->lock);
    if (tpm->sys == NULL)
        rv = connect_tpm(tpm);
    if (rv != CKR_OK)
        pthread_mutex_unlock(&tpm->lock);
    return rv;
}

void tpm_leave(struct tpm *tpm)
{
    pthread_mutex_unlock(&tpm->lock);
}

CK_RV tpm_reconnect(struct tpm *tpm)
{
    log_warning("connection to TPM %s is opened anew", tpm_name(tpm));
    disconnect(tpm);
    return connect_tpm(tpm);
}

void tpm_forget(struct tpm *tpm)
{
    memset(tpm->loaded, 0, sizeof tpm->loaded);
    tpm->primary = 0;
    tpm_keeper_forget(tpm);
}
