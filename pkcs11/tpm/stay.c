/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/stay.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/tpm/athandle.h"
#include "pkcs11/tpm/hierarchy.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"

#include <stdlib.h>

/* Persistent handles of the owner (part 1, 37.4); those of the platform begin behind. */
#define FIRST 0x81000000UL
#define LAST 0x817fffffUL

#define STEP "make the key persistent"

/* --- what is known of it
 * --------------------------------------------------------------------------------------- */

static bool read_flag(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static void set_flag(bool *flag, bool value)
{
    __atomic_store_n(flag, value, __ATOMIC_RELAXED);
}

TPM2_HANDLE tpm_stay_handle(const struct tpm_key *key)
{
    if (key->stay == NULL || read_flag(&key->stay->lost))
        return 0;
    return __atomic_load_n(&key->stay->handle, __ATOMIC_RELAXED);
}

bool tpm_stay_unchecked(const struct tpm_key *key)
{
    return tpm_stay_handle(key) != 0 && !read_flag(&key->stay->checked);
}

void tpm_stay_confirm(const struct tpm_key *key)
{
    set_flag(&key->stay->checked, true);
}

void tpm_stay_lose(const struct tpm *tpm, const struct tpm_key *key)
{
    if (!read_flag(&key->stay->lost) && !tpm_is_at_handle(key))
        log_warning("TPM %s has no such key at 0x%08x as the key's file says; the file's own key is loaded",
                    tpm_name(tpm), key->stay->handle);
    set_flag(&key->stay->lost, true);
}

static bool has_name(const TPM2B_PUBLIC *area, const struct tpm_key *key)
{
    TPM2B_NAME name;

    return tpm_public_name(area, &name) == CKR_OK &&
           bytes_equal(name.name, name.size, key->name.name, key->name.size);
}

TSS2_RC tpm_stay_check(struct tpm *tpm, const struct tpm_key *key)
{
    TPM2B_PUBLIC area;
    TSS2_RC rc = tpm_read_public(tpm, tpm_stay_handle(key), &area);

    if (rc == TSS2_RC_SUCCESS && has_name(&area, key)) {
        tpm_stay_confirm(key);
        return rc;
    }
    if (rc != TSS2_RC_SUCCESS && !tpm_rc_is_stale(rc))
        return rc;
    tpm_stay_lose(tpm, key);
    return TSS2_RC_SUCCESS;
}

/* --- changing it
 * ----------------------------------------------------------------------------------------------- */

CK_RV tpm_place(void *material, CK_ULONG handle)
{
    struct tpm_key *key = material;

    if (handle == 0 || tpm_is_at_handle(key))
        return CKR_OK;
    if (handle < FIRST || handle > LAST)
        return p11_fail(CKR_DATA_INVALID, "'Persistent: 0x%lx' is not a persistent handle of the owner's",
                        handle);
    key->stay->handle = (TPM2_HANDLE)handle;
    return CKR_OK;
}

static void settle(const struct tpm_key *key, TPM2_HANDLE handle)
{
    __atomic_store_n(&key->stay->handle, handle, __ATOMIC_RELAXED);
    set_flag(&key->stay->checked, handle != 0);
    set_flag(&key->stay->lost, false);
}

struct keeping {
    const struct tpm_token *token;
    const struct tpm_key *key;
    TPM2_HANDLE handle;
    bool refused; /* the owner has another password */
};

/* A tpm_key_use; the loaded key stays, but for its place. */
static TSS2_RC keep_loaded(struct tpm *tpm, TPM2_HANDLE handle, void *data)
{
    struct keeping *keeping = data;
    TSS2_RC rc = tpm_evict(tpm, &keeping->token->bus, handle, &keeping->key->name, keeping->handle);

    keeping->refused = tpm_rc_is_auth(rc);
    return keeping->refused ? TSS2_RC_SUCCESS : rc;
}

static CK_RV owner_refuses(const struct tpm_token *token)
{
    return tpm_hierarchy_refused(token->tpm, TPM2_RH_OWNER, STEP);
}

static CK_RV keep(const struct tpm_token *token, const struct tpm_key *key, TPM2_HANDLE handle)
{
    struct keeping keeping = {token, key, handle, false};
    CK_RV rv = tpm_with_key(token, key, STEP, keep_loaded, &keeping);

    if (rv == CKR_OK && keeping.refused)
        rv = owner_refuses(token);
    if (rv == CKR_OK)
        tpm_flush_key(token->tpm, key);
    return rv;
}

/* What is at a handle: nothing, the key, or another one. */
enum tenant { TENANT_NONE, TENANT_KEY, TENANT_OTHER };

static CK_RV look(const struct tpm_token *token, const struct tpm_key *key, TPM2_HANDLE handle,
                  enum tenant *tenant)
{
    TPM2B_PUBLIC area;
    TSS2_RC rc;
    CK_RV rv = tpm_enter(token->tpm);

    if (rv != CKR_OK)
        return rv;
    rc = tpm_read_public(token->tpm, handle, &area);
    tpm_leave(token->tpm);
    *tenant = rc != TSS2_RC_SUCCESS ? TENANT_NONE : has_name(&area, key) ? TENANT_KEY : TENANT_OTHER;
    return rc == TSS2_RC_SUCCESS || tpm_rc_is_stale(rc)
               ? CKR_OK
               : tpm_failed(token->tpm, "read what is at the persistent handle", rc);
}

static CK_RV evict(const struct tpm_token *token, const struct tpm_key *key, TPM2_HANDLE handle)
{
    TSS2_RC rc;
    CK_RV rv = tpm_enter(token->tpm);

    if (rv != CKR_OK)
        return rv;
    rc = tpm_evict(token->tpm, &token->bus, handle, &key->name, handle);
    tpm_leave(token->tpm);
    if (tpm_rc_is_auth(rc))
        return owner_refuses(token);
    return rc == TSS2_RC_SUCCESS ? CKR_OK : tpm_failed(token->tpm, "remove the persistent key", rc);
}

/* Only this key is ever evicted: when another is there by now, it is somebody else's. */
static CK_RV give_up(const struct tpm_token *token, const struct tpm_key *key)
{
    TPM2_HANDLE handle = key->stay->handle;
    enum tenant tenant;
    CK_RV rv = look(token, key, handle, &tenant);

    if (rv == CKR_OK && tenant == TENANT_KEY)
        rv = evict(token, key, handle);
    if (rv == CKR_OK)
        settle(key, 0);
    return rv;
}

/* A try that was cut off before the file said so left the key there: that is as good as done. */
static CK_RV take(const struct tpm_token *token, const struct tpm_key *key, TPM2_HANDLE handle)
{
    enum tenant tenant;
    CK_RV rv = look(token, key, handle, &tenant);

    if (rv == CKR_OK && tenant == TENANT_OTHER)
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "TPM %s has another key at 0x%08x; choose another handle",
                      tpm_name(token->tpm), handle);
    if (rv == CKR_OK && tenant == TENANT_NONE)
        rv = keep(token, key, handle);
    if (rv == CKR_OK)
        settle(key, handle);
    return rv;
}

CK_RV tpm_persist(void *instance, void *material, CK_ULONG handle)
{
    const struct tpm_token *token = instance;
    const struct tpm_key *key = material;
    CK_RV rv = CKR_OK;

    if (key->stay == NULL || tpm_is_at_handle(key))
        return handle == 0 ? CKR_OK
                           : p11_fail(CKR_ATTRIBUTE_READ_ONLY,
                                      "the key is the TPM's own, or somebody else's; it stays as it is");
    if (handle != 0 && (handle < FIRST || handle > LAST))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                        "0x%lx is not a persistent handle of the owner's (0x81000000 to 0x817fffff)", handle);
    if (key->stay->handle != 0 && key->stay->handle != handle)
        rv = give_up(token, key);
    return rv == CKR_OK && handle != 0 ? take(token, key, (TPM2_HANDLE)handle) : rv;
}
