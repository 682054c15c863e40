/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/pcr.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/hmac.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"

#include <tss2/tss2_mu.h>

#include <string.h>

#define PCRS 24U /* that the PC client platform has, and every TPM selects among */

/* --- the text
 * ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name; /* with the colon */
    TPMI_ALG_HASH number;
} banks[] = {
    {"sha1:",   TPM2_ALG_SHA1  },
    {"sha256:", TPM2_ALG_SHA256},
    {"sha384:", TPM2_ALG_SHA384},
    {"sha512:", TPM2_ALG_SHA512},
};

/* *used: how long its name is. */
static TPMI_ALG_HASH bank_of(const struct bytes *text, size_t *used)
{
    for (size_t i = 0; i < sizeof banks / sizeof banks[0]; i++) {
        *used = strlen(banks[i].name);
        if (text->size > *used && memcmp(text->data, banks[i].name, *used) == 0)
            return banks[i].number;
    }
    return TPM2_ALG_NULL;
}

/* One or two digits at `at`, which moves behind them. */
static bool read_number(const struct bytes *text, size_t *at, unsigned *number)
{
    size_t first = *at;

    *number = 0;
    while (*at < text->size && *at - first < 2 && text->data[*at] >= '0' && text->data[*at] <= '9')
        *number = 10 * *number + (text->data[(*at)++] - '0');
    return *at != first && *number < PCRS;
}

static bool parse(const struct bytes *text, TPML_PCR_SELECTION *out)
{
    TPMS_PCR_SELECTION *selection = &out->pcrSelections[0];
    unsigned number;
    size_t at;

    *out = (TPML_PCR_SELECTION){.count = 1};
    selection->sizeofSelect = PCRS / 8;
    selection->hash = bank_of(text, &at);
    if (selection->hash == TPM2_ALG_NULL)
        return false;
    for (;;) {
        if (!read_number(text, &at, &number) || (selection->pcrSelect[number / 8] & 1U << number % 8) != 0)
            return false;
        selection->pcrSelect[number / 8] |= (BYTE)(1U << number % 8);
        if (at == text->size)
            return true;
        if (text->data[at++] != ',')
            return false;
    }
}

/* --- the PCRs
 * ------------------------------------------------------------------------------------------------------ */

struct reading {
    TPML_PCR_SELECTION left; /* to read */
    TPML_PCR_SELECTION got;
    TPML_DIGEST values;
    size_t size;
    uint8_t all[PCRS * sizeof(TPMU_HA)]; /* one behind the other, the lowest PCR first */
    bool missing;                        /* the TPM does not have them all */
};

static TSS2_RC prepare_read(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct reading *reading = arguments;

    return Tss2_Sys_PCR_Read_Prepare(sys, &reading->left);
}

static TSS2_RC complete_read(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct reading *reading = result;
    UINT32 counter;

    return Tss2_Sys_PCR_Read_Complete(sys, &counter, &reading->got, &reading->values);
}

static bool take_values(struct reading *reading)
{
    TPMS_PCR_SELECTION *left = &reading->left.pcrSelections[0];
    const TPMS_PCR_SELECTION *got = &reading->got.pcrSelections[0];

    if (reading->values.count == 0 || reading->got.count != 1 || got->hash != left->hash)
        return false;
    for (UINT32 i = 0; i < reading->values.count; i++) {
        const TPM2B_DIGEST *value = &reading->values.digests[i];

        if (value->size > sizeof reading->all - reading->size)
            return false;
        memcpy(reading->all + reading->size, value->buffer, value->size);
        reading->size += value->size;
    }
    for (size_t i = 0; i < left->sizeofSelect && i < got->sizeofSelect; i++)
        left->pcrSelect[i] &= (BYTE)~got->pcrSelect[i];
    return true;
}

static bool some_left(const struct reading *reading)
{
    const BYTE *bits = reading->left.pcrSelections[0].pcrSelect;

    return (bits[0] | bits[1] | bits[2]) != 0;
}

/* A tpm_key_use. TPMs give up to eight at a time. */
static TSS2_RC read_pcrs(struct tpm *tpm, TPM2_HANDLE handle, void *data)
{
    static const struct tpm_command command = {"PCR_Read", prepare_read, complete_read, 0};
    struct reading *reading = data;
    const TPML_PCR_SELECTION all = reading->left;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    (void)handle;
    reading->size = 0;
    reading->missing = false;
    while (rc == TSS2_RC_SUCCESS && !reading->missing && some_left(reading)) {
        memset(&reading->got, 0, sizeof reading->got);
        memset(&reading->values, 0, sizeof reading->values);
        rc = tpm_execute(tpm, &command, reading, reading);
        if (rc == TSS2_RC_SUCCESS)
            reading->missing = !take_values(reading);
    }
    reading->left = all; /* for a second try */
    return rc;
}

/* --- the policy
 * ---------------------------------------------------------------------------------------------------- */

/* TPM 2.0 part 3, 23.7 and 23.17: each command extends the digest, which starts as zeros. */
static CK_RV extend(TPM2B_DIGEST *digest, TPM2_CC code, const struct soft_piece *more, size_t count)
{
    const uint8_t wire[] = {(uint8_t)(code >> 24), (uint8_t)(code >> 16), (uint8_t)(code >> 8),
                            (uint8_t)code};
    struct soft_piece pieces[4] = {
        {digest->buffer, TPM_SESSION_DIGEST},
        {wire,           sizeof wire       }
    };
    uint8_t next[TPM_SESSION_DIGEST];
    CK_RV rv;

    for (size_t i = 0; i < count; i++)
        pieces[2 + i] = more[i];
    rv = soft_hash_pieces(HASH_SHA256, pieces, 2 + count, next);
    memcpy(digest->buffer, next, sizeof next);
    digest->size = sizeof next;
    return rv;
}

/* The first command's parameters: the digest of the values, and the selection. */
static CK_RV add_pcrs(const struct reading *reading, struct tpm_pcr_policy *policy)
{
    const struct soft_piece values = {reading->all, reading->size};
    TPM2B_DIGEST digest = {.size = TPM_SESSION_DIGEST};
    size_t begin;
    size_t size = 0;
    CK_RV rv = soft_hash_pieces(HASH_SHA256, &values, 1, digest.buffer);
    struct soft_piece parts[2];

    if (rv != CKR_OK)
        return rv;
    if (Tss2_MU_TPM2B_DIGEST_Marshal(&digest, policy->wire, sizeof policy->wire, &size) != TSS2_RC_SUCCESS)
        return CKR_GENERAL_ERROR;
    begin = size;
    if (Tss2_MU_TPML_PCR_SELECTION_Marshal(&reading->left, policy->wire, sizeof policy->wire, &size) !=
        TSS2_RC_SUCCESS)
        return CKR_GENERAL_ERROR;
    policy->commands[policy->count++] = (struct tss_policy){
        TPM2_CC_PolicyPCR, {policy->wire, size}
    };
    parts[0] = (struct soft_piece){policy->wire + begin, size - begin};
    parts[1] = (struct soft_piece){digest.buffer, digest.size};
    return extend(&policy->digest, TPM2_CC_PolicyPCR, parts, 2);
}

static CK_RV add_auth(struct tpm_pcr_policy *policy)
{
    policy->commands[policy->count++] = (struct tss_policy){.code = TPM2_CC_PolicyAuthValue};
    return extend(&policy->digest, TPM2_CC_PolicyAuthValue, NULL, 0);
}

CK_RV tpm_pcr_policy(const struct tpm_token *token, const struct bytes *text, bool auth,
                     struct tpm_pcr_policy *policy)
{
    struct reading reading = {0};
    CK_RV rv;

    memset(policy, 0, sizeof *policy);
    if (!parse(text, &reading.left))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                        "the PCRs of a key are said as a bank (sha1, sha256, sha384, sha512), a colon and "
                        "numbers from 0 to 23, each once: sha256:0,7");
    rv = tpm_with_tpm(token, "read its PCRs", read_pcrs, &reading);
    if (rv == CKR_OK && reading.missing)
        rv =
            p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                     "TPM %s does not have these PCRs in the bank of this hash; tpm2_getcap pcrs shows those "
                     "that it has",
                     tpm_name(token->tpm));
    if (rv == CKR_OK)
        rv = add_pcrs(&reading, policy);
    if (rv == CKR_OK && auth)
        rv = add_auth(policy);
    return rv;
}
