/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/nv.h"

#include "pkcs11/tpm/hierarchy.h"

#include <string.h>

/* Every TPM reads so many bytes at once; some, no more. */
#define PIECE 512

/* --- which there are
 * ------------------------------------------------------------------------------------------- */

static TSS2_RC prepare_list(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const TPM2_HANDLE *first = arguments;

    return Tss2_Sys_GetCapability_Prepare(sys, TPM2_CAP_HANDLES, *first, TPM_NV_LISTED);
}

static TSS2_RC complete_list(TSS2_SYS_CONTEXT *sys, void *result)
{
    TPMI_YES_NO more;

    return Tss2_Sys_GetCapability_Complete(sys, &more, result);
}

TSS2_RC tpm_nv_list(struct tpm *tpm, TPM2_HANDLE first, TPM2_HANDLE last, struct tpm_nv_list *list)
{
    static const struct tpm_command command = {"GetCapability", prepare_list, complete_list, 0};
    TPMS_CAPABILITY_DATA data = {0};
    const TPML_HANDLE *handles = &data.data.handles;
    TSS2_RC rc = tpm_execute(tpm, &command, &first, &data);

    list->count = 0;
    if (rc == TSS2_RC_SUCCESS && data.capability != TPM2_CAP_HANDLES) /* then it is not of handles, either */
        rc = TSS2_SYS_RC_MALFORMED_RESPONSE;
    for (UINT32 i = 0; rc == TSS2_RC_SUCCESS && i < handles->count && list->count < TPM_NV_LISTED; i++)
        if (handles->handle[i] >= first && handles->handle[i] <= last)
            list->indexes[list->count++] = handles->handle[i];
    return rc;
}

bool tpm_nv_listed(const struct tpm_nv_list *list, TPM2_HANDLE index)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->indexes[i] == index)
            return true;
    return false;
}

/* --- what is in one
 * -------------------------------------------------------------------------------------------- */

struct nv_public {
    TPM2B_NV_PUBLIC area;
    TPM2B_NAME name;
};

static TSS2_RC prepare_read_public(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const TPM2_HANDLE *index = arguments;

    return Tss2_Sys_NV_ReadPublic_Prepare(sys, *index);
}

static TSS2_RC complete_read_public(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct nv_public *public = result;

    return Tss2_Sys_NV_ReadPublic_Complete(sys, &public->area, &public->name);
}

struct read {
    TPM2_HANDLE by;
    TPM2_HANDLE index;
    UINT16 size;
    UINT16 offset;
};

static TSS2_RC prepare_read(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct read *read = arguments;

    return Tss2_Sys_NV_Read_Prepare(sys, read->by, read->index, read->size, read->offset);
}

static TSS2_RC complete_read(TSS2_SYS_CONTEXT *sys, void *result)
{
    return Tss2_Sys_NV_Read_Complete(sys, result);
}

static TSS2_RC read_piece(struct tpm *tpm, const struct tpm_bus *bus, const struct nv_public *public,
                          struct read *read, TPM2B_MAX_NV_BUFFER *piece)
{
    static const struct tpm_command command = {"NV_Read", prepare_read, complete_read, 1};
    struct tpm_guard guard = {
        .bus = bus, .names = {public->name, public->name}
    };

    piece->size = 0;
    read->by = read->index;
    if ((public->area.nvPublic.attributes & TPMA_NV_AUTHREAD) != 0)
        return tpm_bus_execute(tpm, &guard, &command, read, piece);
    read->by = TPM2_RH_OWNER;
    return tpm_hierarchy_execute(tpm, bus, TPM2_RH_OWNER, &public->name, &command, read, piece);
}

TSS2_RC tpm_nv_read(struct tpm *tpm, const struct tpm_bus *bus, TPM2_HANDLE index, struct bytes *content)
{
    static const struct tpm_command command = {"NV_ReadPublic", prepare_read_public, complete_read_public, 0};
    struct nv_public public = {0};
    size_t done = 0;
    TSS2_RC rc = tpm_execute(tpm, &command, &index, &public);

    *content = BYTES_EMPTY;
    if (rc == TSS2_RC_SUCCESS && !bytes_alloc(content, public.area.nvPublic.dataSize))
        rc = TSS2_SYS_RC_GENERAL_FAILURE;
    while (rc == TSS2_RC_SUCCESS && done < content->size) {
        size_t left = content->size - done;
        struct read read = {
            .index = index, .size = (UINT16)(left < PIECE ? left : PIECE), .offset = (UINT16)done};
        TPM2B_MAX_NV_BUFFER piece;

        rc = read_piece(tpm, bus, &public, &read, &piece);
        if (rc == TSS2_RC_SUCCESS && (piece.size == 0 || piece.size > left))
            rc = TSS2_SYS_RC_MALFORMED_RESPONSE;
        if (rc != TSS2_RC_SUCCESS)
            break;
        memcpy(content->data + done, piece.buffer, piece.size);
        done += piece.size;
    }
    if (rc != TSS2_RC_SUCCESS)
        bytes_free(content);
    return rc;
}
