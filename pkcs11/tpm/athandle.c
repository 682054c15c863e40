/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/athandle.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/tpm/hierarchy.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/nv.h"
#include "pkcs11/tpm/primary.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"
#include "pkcs11/tpm/stay.h"

#include <tss2/tss2_mu.h>

/* --- keys
 * ---------------------------------------------------------------------------------------------------- */

/* What the caller says: four bytes of handle, one that is 1 when the key has an authorization, and perhaps
 * the name that the key must have, a TPM2B_NAME. */
struct place {
    TPM2_HANDLE handle;
    bool has_auth;
    TPM2B_NAME name; /* size 0: whatever is there */
};

enum { PLACE_SIZE = 5 };

static CK_RV read_place(const struct bytes *bytes, struct place *place)
{
    const uint8_t *data = bytes->data;
    size_t used = PLACE_SIZE;

    *place = (struct place){0};
    if (bytes->size < PLACE_SIZE || data[4] > 1)
        return CKR_DATA_INVALID;
    place->handle =
        (TPM2_HANDLE)data[0] << 24 | (TPM2_HANDLE)data[1] << 16 | (TPM2_HANDLE)data[2] << 8 | data[3];
    place->has_auth = data[4] == 1;
    if (bytes->size > PLACE_SIZE &&
        (Tss2_MU_TPM2B_NAME_Unmarshal(data, bytes->size, &used, &place->name) != TSS2_RC_SUCCESS ||
         used != bytes->size))
        return CKR_DATA_INVALID;
    return tpm_is_persistent(place->handle)
               ? CKR_OK
               : p11_fail(CKR_ARGUMENTS_BAD, "0x%08x is not a persistent handle (0x81000000 and following)",
                          place->handle);
}

static CK_RV read_area(const struct tpm_token *token, const struct place *place, TPM2B_PUBLIC *area)
{
    struct public_key public;
    TPM2B_NAME name;
    TSS2_RC rc;
    CK_RV rv = tpm_enter(token->tpm);

    if (rv != CKR_OK)
        return rv;
    rc = tpm_read_public(token->tpm, place->handle, area);
    tpm_leave(token->tpm);
    if (tpm_rc_is_stale(rc))
        return p11_fail(CKR_OBJECT_HANDLE_INVALID, "TPM %s has nothing at 0x%08x", tpm_name(token->tpm),
                        place->handle);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_failed(token->tpm, "read what is at the persistent handle", rc);
    if (tpm_public_key(area, &public) != CKR_OK || tpm_public_name(area, &name) != CKR_OK)
        return p11_fail(CKR_KEY_TYPE_INCONSISTENT, "what is at 0x%08x is of a type that is not supported",
                        place->handle);
    public_key_free(&public);
    if (place->name.size == 0 || bytes_equal(place->name.name, place->name.size, name.name, name.size))
        return CKR_OK;
    return p11_fail(CKR_OBJECT_HANDLE_INVALID, "TPM %s has another key at 0x%08x than the one that is meant",
                    tpm_name(token->tpm), place->handle);
}

static CK_RV write_block(const struct place *place, const TPM2B_PUBLIC *area, struct bytes *block)
{
    uint8_t nothing[] = {0, 0};
    uint8_t wire[sizeof *area];
    struct tss_key file = {
        .kind = TSS_KEY_LOADABLE,
        .empty_auth = !place->has_auth,
        .parent = place->handle,
        .public = {wire,    0             },
        .private = {nothing, sizeof nothing},
    };

    if (Tss2_MU_TPM2B_PUBLIC_Marshal(area, wire, sizeof wire, &file.public.size) != TSS2_RC_SUCCESS)
        return p11_fail(CKR_DEVICE_ERROR, "what is at 0x%08x cannot be written down", place->handle);
    return soft_tss_key_write(&file, block);
}

CK_RV tpm_find_key(void *instance, const struct bytes *bytes, struct bytes *block)
{
    struct place place;
    TPM2B_PUBLIC area;
    CK_RV rv = read_place(bytes, &place);

    *block = BYTES_EMPTY;
    if (rv == CKR_OK)
        rv = read_area(instance, &place, &area);
    return rv == CKR_OK ? write_block(&place, &area, block) : rv;
}

bool tpm_is_at_handle(const struct tpm_key *key)
{
    return key->private_area.size == 0 && key->stay != NULL;
}

CK_RV tpm_handle_is_gone(const struct tpm_token *token, const struct tpm_key *key)
{
    return p11_fail(CKR_DEVICE_ERROR, "TPM %s does not have the key at 0x%08x any more", tpm_name(token->tpm),
                    key->parent);
}

/* --- NV indexes
 * ---------------------------------------------------------------------------------------------- */

struct reading {
    const struct tpm_bus *bus;
    TPM2_HANDLE index;
    struct bytes *content;
};

static TSS2_RC read_index(struct tpm *tpm, TPM2_HANDLE handle, void *data)
{
    const struct reading *reading = data;

    (void)handle;
    return tpm_nv_read(tpm, reading->bus, reading->index, reading->content);
}

CK_RV tpm_read_index(void *instance, CK_ULONG index, struct bytes *content)
{
    const struct tpm_token *token = instance;
    struct reading reading = {&token->bus, (TPM2_HANDLE)index, content};

    *content = BYTES_EMPTY;
    if (index >> TPM2_HR_SHIFT != TPM2_HT_NV_INDEX)
        return p11_fail(CKR_ARGUMENTS_BAD, "0x%lx is no NV index (0x01000000 to 0x01ffffff)", index);
    return tpm_with_tpm(token, "read the NV index", read_index, &reading);
}
