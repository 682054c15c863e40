/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/tpm/loaded.h"

#include <string.h>

/* One hold of the TPM's lock, so that a large request does not keep other threads waiting. */
#define BURST 1024
/* MAX_SYM_DATA of the TPM library specification; tpm2-tss's is larger. */
#define SEED_MAXIMUM 128

struct run {
    uint8_t *out;
    const uint8_t *seed;
    size_t size;
};

/* --- TPM2_GetRandom
 * ------------------------------------------------------------------------------------------ */

static TSS2_RC prepare_get_random(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const UINT16 *wanted = arguments;

    return Tss2_Sys_GetRandom_Prepare(sys, *wanted);
}

static TSS2_RC complete_get_random(TSS2_SYS_CONTEXT *sys, void *result)
{
    TPM2B_DIGEST *bytes = result;

    bytes->size = 0;
    return Tss2_Sys_GetRandom_Complete(sys, bytes);
}

/* A TPM gives at most a digest at a time, of its largest hash, and maybe less. */
static TSS2_RC get_random(struct tpm *tpm, TPM2_HANDLE handle, void *data)
{
    static const struct tpm_command command = {"GetRandom", prepare_get_random, complete_get_random,
                                               .secrets = TPM_SECRET_OUT};
    struct run *run = data;
    size_t done = 0;
    TPM2B_DIGEST bytes;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    (void)handle;
    while (rc == TSS2_RC_SUCCESS && done < run->size) {
        size_t left = run->size - done;
        UINT16 wanted = (UINT16)(left < HASH_SIZE_MAXIMUM ? left : HASH_SIZE_MAXIMUM);

        tpm->guard->more = left > wanted;
        rc = tpm_execute(tpm, &command, &wanted, &bytes);
        if (rc == TSS2_RC_SUCCESS && (bytes.size == 0 || bytes.size > wanted))
            rc = TSS2_SYS_RC_MALFORMED_RESPONSE;
        if (rc == TSS2_RC_SUCCESS) {
            memcpy(run->out + done, bytes.buffer, bytes.size);
            done += bytes.size;
        }
    }
    bytes_wipe(&bytes, sizeof bytes);
    return rc;
}

CK_RV tpm_random(void *instance, uint8_t *out, size_t size)
{
    CK_RV rv = CKR_OK;

    for (size_t done = 0; rv == CKR_OK && done < size; done += BURST) {
        struct run run = {.out = out + done, .size = size - done < BURST ? size - done : BURST};

        rv = tpm_with_tpm(instance, "give random numbers", get_random, &run);
    }
    if (rv != CKR_OK)
        bytes_wipe(out, size);
    return rv;
}

/* --- TPM2_StirRandom
 * ----------------------------------------------------------------------------------------- */

static TSS2_RC prepare_stir(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    return Tss2_Sys_StirRandom_Prepare(sys, arguments);
}

static TSS2_RC stir(struct tpm *tpm, TPM2_HANDLE handle, void *data)
{
    static const struct tpm_command command = {"StirRandom", prepare_stir, .secrets = TPM_SECRET_IN};
    const struct run *run = data;
    TPM2B_SENSITIVE_DATA piece;
    size_t done = 0;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    (void)handle;
    while (rc == TSS2_RC_SUCCESS && done < run->size) {
        size_t left = run->size - done;

        piece.size = (UINT16)(left < SEED_MAXIMUM ? left : SEED_MAXIMUM);
        memcpy(piece.buffer, run->seed + done, piece.size);
        done += piece.size;
        tpm->guard->more = done < run->size;
        rc = tpm_execute(tpm, &command, &piece, NULL);
    }
    bytes_wipe(&piece, sizeof piece);
    return rc;
}

CK_RV tpm_seed(void *instance, const uint8_t *seed, size_t size)
{
    CK_RV rv = CKR_OK;

    for (size_t done = 0; rv == CKR_OK && done < size; done += BURST) {
        struct run run = {.seed = seed + done, .size = size - done < BURST ? size - done : BURST};

        rv = tpm_with_tpm(instance, "take a seed", stir, &run);
    }
    return rv;
}
