/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/hierarchy.h"

#include "common/file.h"
#include "pkcs11/failure.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/template.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The storage primary of a hierarchy in a TSS2 key file: ECC P-256 with an empty unique field. */
const TPM2B_PUBLIC tpm_storage_ecc = {
    .publicArea =
        {
                     .type = TPM2_ALG_ECC,
                     .nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes = TPM_STORAGE_ATTRIBUTES,
                     .parameters.eccDetail = {.symmetric = TPM_AES_128_CFB,
                                     .scheme.scheme = TPM2_ALG_NULL,
                                     .curveID = TPM2_ECC_NIST_P256,
                                     .kdf.scheme = TPM2_ALG_NULL},
                     },
};

/* --- passwords
 * ------------------------------------------------------------------------------------------------- */

static const struct row {
    TPM2_HANDLE hierarchy;
    const char *name; /* in messages */
    const char *setting;
    const char *variable;
    const char *credential;
} rows[TPM_HIERARCHIES] = {
    {TPM2_RH_OWNER,       "owner",       "owner-auth",       "DEVID_OWNER_AUTH",       "devid-owner-auth"},
    {TPM2_RH_ENDORSEMENT, "endorsement", "endorsement-auth", "DEVID_ENDORSEMENT_AUTH",
     "devid-endorsement-auth"                                                                            },
};

/* TPM_HIERARCHIES: one without a password of its own here, such as the null hierarchy. */
static size_t place_of(TPM2_HANDLE hierarchy)
{
    size_t place = 0;

    while (place < TPM_HIERARCHIES && rows[place].hierarchy != hierarchy)
        place++;
    return place;
}

void tpm_hierarchy_free(struct tpm *tpm)
{
    for (size_t i = 0; i < TPM_HIERARCHIES; i++) {
        if (tpm->auth_sources[i] != NULL)
            bytes_wipe(tpm->auth_sources[i], strlen(tpm->auth_sources[i]));
        free(tpm->auth_sources[i]);
        tpm->auth_sources[i] = NULL;
    }
}

CK_RV tpm_hierarchy_configure(struct tpm *tpm, const struct token_conf *conf)
{
    CK_RV rv = CKR_OK;

    pthread_mutex_lock(&tpm->lock);
    for (size_t i = 0; i < TPM_HIERARCHIES; i++) {
        const char *source = token_conf_get(conf, rows[i].setting);

        if (source == NULL || tpm->auth_sources[i] != NULL)
            continue;
        tpm->auth_sources[i] = strdup(source);
        if (tpm->auth_sources[i] == NULL)
            rv = CKR_HOST_MEMORY;
    }
    pthread_mutex_unlock(&tpm->lock);
    return rv;
}

/* One newline at the end of a file is not part of the password. */
static bool read_auth_file(const char *path, bool optional, struct bytes *auth)
{
    int error = file_read(AT_FDCWD, path, sizeof(TPMU_HA) + 2, auth);

    if (error == ENOENT && optional)
        return true;
    if (error != 0) {
        p11_fail(CKR_DEVICE_ERROR, "the password file %s cannot be read: %s", path, strerror(error));
        return false;
    }
    if (auth->size != 0 && auth->data[auth->size - 1] == '\n')
        auth->size--;
    return true;
}

static bool read_credential(const char *name, struct bytes *auth)
{
    const char *directory = secure_getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];

    if (directory == NULL || directory[0] != '/' ||
        snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return true;
    return read_auth_file(path, true, auth);
}

static bool read_source(const struct row *row, const char *source, struct bytes *auth)
{
    bool good;

    if (source == NULL)
        return read_credential(row->credential, auth);
    if (strncmp(source, "file:", 5) == 0)
        return read_auth_file(source + 5, false, auth);
    good = strncmp(source, "hex:", 4) == 0 ? bytes_from_hex(source + 4, strlen(source + 4), auth)
                                           : bytes_copy(auth, source, strlen(source));
    if (!good)
        p11_fail(CKR_DEVICE_ERROR, "'%s' has no hexadecimal digits behind 'hex:'", row->setting);
    return good;
}

/* What cannot be read is said. */
static TSS2_RC read_auth(const struct tpm *tpm, TPM2_HANDLE hierarchy, struct bytes *auth)
{
    size_t place = place_of(hierarchy);

    *auth = BYTES_EMPTY;
    if (place == TPM_HIERARCHIES)
        return TSS2_RC_SUCCESS;
    if (!read_source(&rows[place], tpm->auth_sources[place], auth))
        return TPM_RC_NO_PASSWORD;
    if (auth->size <= sizeof(TPMU_HA))
        return TSS2_RC_SUCCESS;
    bytes_free(auth);
    p11_fail(CKR_DEVICE_ERROR, "the password of the %s hierarchy is longer than a TPM takes",
             rows[place].name);
    return TPM_RC_NO_PASSWORD;
}

CK_RV tpm_hierarchy_refused(const struct tpm *tpm, TPM2_HANDLE hierarchy, const char *step)
{
    size_t place = place_of(hierarchy);
    const struct row *row = &rows[place < TPM_HIERARCHIES ? place : 0];

    return p11_fail(
        CKR_DEVICE_ERROR,
        "the %s hierarchy of TPM %s has a password, which is needed to %s, and the configured one "
        "is not it; set '%s' in devid.conf, %s or the systemd credential %s (a wrong one does not "
        "count for the TPM's lockout)",
        row->name, tpm_name(tpm), step, row->setting, row->variable, row->credential);
}

/* --- a command
 * ------------------------------------------------------------------------------------------------- */

TPM2B_NAME tpm_handle_name(TPM2_HANDLE handle)
{
    return (TPM2B_NAME){
        .size = 4,
        .name = {(uint8_t)(handle >> 24), (uint8_t)(handle >> 16), (uint8_t)(handle >> 8), (uint8_t)handle},
    };
}

/* Nothing is pinned: whoever only listens is kept from the password by a key that the TPM makes for this. */
static TSS2_RC execute_by_null(struct tpm *tpm, struct tpm_guard *guard, const struct tpm_command *command,
                               const void *arguments, void *result)
{
    struct tpm_primary salt;
    TSS2_RC rc = tpm_create_primary(tpm, NULL, TPM2_RH_NULL, &tpm_storage_ecc, &salt);
    struct tpm_bus bus = {TPM_PROTECT_AUTO, salt.handle, salt.area};

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    guard->bus = &bus;
    rc = tpm_bus_execute(tpm, guard, command, arguments, result);
    tpm_flush(tpm, salt.handle);
    return rc;
}

TSS2_RC tpm_hierarchy_execute(struct tpm *tpm, const struct tpm_bus *bus, TPM2_HANDLE hierarchy,
                              const TPM2B_NAME *second, const struct tpm_command *command,
                              const void *arguments, void *result)
{
    static const struct tpm_bus open_bus = {.protection = TPM_PROTECT_NEVER};
    struct bytes auth;
    struct tpm_guard guard = {
        .bus = bus != NULL ? bus : &open_bus, .names = {tpm_handle_name(hierarchy)}, .auth = &auth};
    TSS2_RC rc = read_auth(tpm, hierarchy, &auth);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    if (second != NULL)
        guard.names[1] = *second;
    rc = bus == NULL && auth.size != 0 ? execute_by_null(tpm, &guard, command, arguments, result)
                                       : tpm_bus_execute(tpm, &guard, command, arguments, result);
    bytes_free(&auth);
    return rc;
}

/* --- primaries and persistent objects
 * -------------------------------------------------------------------------- */

struct create_primary {
    TPM2_HANDLE hierarchy;
    const TPM2B_PUBLIC *template;
};

static TSS2_RC prepare_create_primary(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPM2B_SENSITIVE_CREATE empty;
    static const TPM2B_DATA no_data;
    static const TPML_PCR_SELECTION no_pcrs;
    const struct create_primary *create = arguments;

    return Tss2_Sys_CreatePrimary_Prepare(sys, create->hierarchy, &empty, create->template, &no_data,
                                          &no_pcrs);
}

static TSS2_RC complete_create_primary(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct tpm_primary *created = result;

    return Tss2_Sys_CreatePrimary_Complete(sys, &created->handle, &created->area, NULL, NULL, NULL, NULL);
}

TSS2_RC tpm_create_primary(struct tpm *tpm, const struct tpm_bus *bus, TPM2_HANDLE hierarchy,
                           const TPM2B_PUBLIC *template, struct tpm_primary *created)
{
    static const struct tpm_command command = {"CreatePrimary", prepare_create_primary,
                                               complete_create_primary, 1};
    const struct create_primary create = {hierarchy, template};

    memset(created, 0, sizeof *created);
    return tpm_hierarchy_execute(tpm, bus, hierarchy, NULL, &command, &create, created);
}

struct evict {
    TPM2_HANDLE object;
    TPM2_HANDLE persistent;
};

static TSS2_RC prepare_evict(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct evict *evict = arguments;

    return Tss2_Sys_EvictControl_Prepare(sys, TPM2_RH_OWNER, evict->object, evict->persistent);
}

TSS2_RC tpm_evict(struct tpm *tpm, const struct tpm_bus *bus, TPM2_HANDLE object, const TPM2B_NAME *name,
                  TPM2_HANDLE persistent)
{
    static const struct tpm_command command = {"EvictControl", prepare_evict, NULL, 1};
    const struct evict evict = {object, persistent};

    return tpm_hierarchy_execute(tpm, bus, TPM2_RH_OWNER, name, &command, &evict, NULL);
}

static TSS2_RC prepare_read_public(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const TPM2_HANDLE *handle = arguments;

    return Tss2_Sys_ReadPublic_Prepare(sys, *handle);
}

static TSS2_RC complete_read_public(TSS2_SYS_CONTEXT *sys, void *result)
{
    return Tss2_Sys_ReadPublic_Complete(sys, result, NULL, NULL);
}

TSS2_RC tpm_read_public(struct tpm *tpm, TPM2_HANDLE handle, TPM2B_PUBLIC *area)
{
    static const struct tpm_command command = {"ReadPublic", prepare_read_public, complete_read_public, 0};

    memset(area, 0, sizeof *area);
    return tpm_execute(tpm, &command, &handle, area);
}
