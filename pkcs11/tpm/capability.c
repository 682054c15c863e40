/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/capability.h"

#include "common/buffer.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/key.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"
#include "pkcs11/tpm/sealed.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAXIMUM 256

static const char *const curve_names[] = {"P-256", "P-384", "P-521"};
static const size_t rsa_sizes[] = {1024, 2048, 3072, 4096};
static const size_t aes_sizes[] = {128, 192, 256};

#define CURVE_NAMES (sizeof curve_names / sizeof curve_names[0])
#define RSA_SIZES (sizeof rsa_sizes / sizeof rsa_sizes[0])
#define AES_SIZES (sizeof aes_sizes / sizeof aes_sizes[0])

/* --- asking the TPM
 * ------------------------------------------------------------------------------------------ */

struct get_capability {
    TPM2_CAP capability;
    UINT32 property;
    UINT32 count;
};

static TSS2_RC prepare_get_capability(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct get_capability *get = arguments;

    return Tss2_Sys_GetCapability_Prepare(sys, get->capability, get->property, get->count);
}

static TSS2_RC complete_get_capability(TSS2_SYS_CONTEXT *sys, void *result)
{
    TPMI_YES_NO more;

    return Tss2_Sys_GetCapability_Complete(sys, &more, result);
}

static CK_RV get_capability(struct tpm *tpm, struct get_capability get, TPMS_CAPABILITY_DATA *data)
{
    static const struct tpm_command command = {"GetCapability", prepare_get_capability,
                                               complete_get_capability, 0};
    TSS2_RC rc;

    memset(data, 0, sizeof *data);
    rc = tpm_execute(tpm, &command, &get, data);
    if (rc == TSS2_RC_SUCCESS && data->capability != get.capability) /* the union holds something else */
        rc = TSS2_SYS_RC_MALFORMED_RESPONSE;
    return rc == TSS2_RC_SUCCESS ? CKR_OK : tpm_failed(tpm, "say what it can do", rc);
}

static TSS2_RC prepare_test_parms(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    return Tss2_Sys_TestParms_Prepare(sys, arguments);
}

static bool has_parms(struct tpm *tpm, const TPMT_PUBLIC_PARMS *parms)
{
    static const struct tpm_command command = {"TestParms", prepare_test_parms, NULL, 0};

    return tpm_execute(tpm, &command, parms, NULL) == TSS2_RC_SUCCESS;
}

static bool has_aes_size(struct tpm *tpm, size_t bits)
{
    const TPMT_PUBLIC_PARMS parms = {
        .type = TPM2_ALG_SYMCIPHER,
        .parameters.symDetail.sym = {.algorithm = TPM2_ALG_AES,
                                     .keyBits.aes = (TPMI_AES_KEY_BITS)bits,
                                     .mode.aes = TPM2_ALG_NULL},
    };

    return has_parms(tpm, &parms);
}

static bool has_rsa_size(struct tpm *tpm, size_t bits)
{
    const TPMT_PUBLIC_PARMS parms = {
        .type = TPM2_ALG_RSA,
        .parameters.rsaDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
                                 .scheme.scheme = TPM2_ALG_NULL,
                                 .keyBits = (TPMI_RSA_KEY_BITS)bits},
    };

    return has_parms(tpm, &parms);
}

static void add_word(struct buffer *line, const char *word)
{
    buffer_addf(line, "%s%s", line->size != 0 ? " " : "", word);
}

static void list_curves(const TPML_ECC_CURVE *curves, struct buffer *line)
{
    for (size_t i = 0; i < CURVE_NAMES; i++) {
        const struct p11_curve *curve = p11_curve_by_name(curve_names[i], strlen(curve_names[i]));

        for (UINT32 c = 0; c < curves->count; c++)
            if (curves->eccCurves[c] == tpm_curve_number(curve))
                add_word(line, curve->name);
    }
}

static void list_hashes(const TPML_ALG_PROPERTY *algorithms, struct buffer *line)
{
    for (UINT32 i = 0; i < algorithms->count; i++) {
        const char *name = tpm_hash_name(tpm_hash(algorithms->algProperties[i].alg));

        if (name != NULL)
            add_word(line, name);
    }
}

static void list_sizes(struct tpm *tpm, bool (*has)(struct tpm *tpm, size_t bits), const size_t *sizes,
                       size_t count, struct buffer *line)
{
    char number[24];

    for (size_t i = 0; i < count; i++) {
        snprintf(number, sizeof number, "%zu", sizes[i]);
        if (has(tpm, sizes[i]))
            add_word(line, number);
    }
}

/* TPM2_EncryptDecrypt2 is optional, and missing where encryption for users is export-controlled. */
static CK_RV list_aes(struct tpm *tpm, struct buffer *line)
{
    TPMS_CAPABILITY_DATA data;
    const TPML_CCA *commands = &data.data.command;
    CK_RV rv =
        get_capability(tpm, (struct get_capability){TPM2_CAP_COMMANDS, TPM2_CC_EncryptDecrypt2, 1}, &data);

    if (rv == CKR_OK && commands->count != 0 &&
        (commands->commandAttributes[0] & TPMA_CC_COMMANDINDEX_MASK) == TPM2_CC_EncryptDecrypt2)
        list_sizes(tpm, has_aes_size, aes_sizes, AES_SIZES, line);
    return rv;
}

/* TPM2_PT_MANUFACTURER is four ASCII characters in a number. */
static void name_manufacturer(const TPML_TAGGED_TPM_PROPERTY *properties, struct buffer *line)
{
    UINT32 value = properties->count != 0 ? properties->tpmProperty[0].value : 0;

    for (int shift = 24; shift >= 0; shift -= 8)
        if (isgraph((int)(value >> shift & 0xff)))
            buffer_add_u8(line, (uint8_t)(value >> shift));
}

static CK_RV set_line(struct token_conf *conf, const char *name, struct buffer *line)
{
    CK_RV rv = line->failed ? CKR_HOST_MEMORY : token_conf_set(conf, name, buffer_text(line));

    buffer_free(line);
    return rv;
}

CK_RV tpm_capability_ask(struct tpm *tpm, struct token_conf *conf)
{
    TPMS_CAPABILITY_DATA data;
    struct buffer line;
    CK_RV rv;

    buffer_init(&line, LINE_MAXIMUM);
    rv = get_capability(tpm, (struct get_capability){TPM2_CAP_ECC_CURVES, TPM2_ECC_NONE, TPM2_MAX_ECC_CURVES},
                        &data);
    if (rv != CKR_OK)
        return rv;
    list_curves(&data.data.eccCurves, &line);
    rv = set_line(conf, "curves", &line);
    if (rv == CKR_OK)
        rv = get_capability(tpm, (struct get_capability){TPM2_CAP_ALGS, TPM2_ALG_FIRST, TPM2_MAX_CAP_ALGS},
                            &data);
    if (rv != CKR_OK)
        return rv;
    list_hashes(&data.data.algorithms, &line);
    rv = set_line(conf, "hashes", &line);
    if (rv == CKR_OK)
        rv = get_capability(tpm, (struct get_capability){TPM2_CAP_TPM_PROPERTIES, TPM2_PT_MANUFACTURER, 1},
                            &data);
    if (rv != CKR_OK)
        return rv;
    name_manufacturer(&data.data.tpmProperties, &line);
    rv = set_line(conf, "manufacturer", &line);
    list_sizes(tpm, has_rsa_size, rsa_sizes, RSA_SIZES, &line);
    if (rv == CKR_OK)
        rv = set_line(conf, "rsa", &line);
    if (rv == CKR_OK)
        rv = list_aes(tpm, &line);
    return rv == CKR_OK ? set_line(conf, "aes", &line) : rv;
}

CK_RV tpm_capability_lockout(struct tpm *tpm, struct tpm_lockout *lockout)
{
    TPMS_CAPABILITY_DATA data;
    const TPML_TAGGED_TPM_PROPERTY *properties = &data.data.tpmProperties;
    CK_RV rv = get_capability(tpm,
                              (struct get_capability){TPM2_CAP_TPM_PROPERTIES, TPM2_PT_PERMANENT,
                                                      TPM2_PT_MAX_AUTH_FAIL - TPM2_PT_PERMANENT + 1},
                              &data);

    *lockout = (struct tpm_lockout){0};
    for (UINT32 i = 0; rv == CKR_OK && i < properties->count; i++) {
        const TPMS_TAGGED_PROPERTY *property = &properties->tpmProperty[i];

        if (property->property == TPM2_PT_PERMANENT)
            lockout->locked = (property->value & TPMA_PERMANENT_INLOCKOUT) != 0;
        else if (property->property == TPM2_PT_LOCKOUT_COUNTER)
            lockout->failed = property->value;
        else if (property->property == TPM2_PT_MAX_AUTH_FAIL)
            lockout->maximum = property->value;
    }
    return rv;
}

/* --- what token.conf says
 * ------------------------------------------------------------------------------------ */

/* What every TPM of the PC client platform has (PTP 1.05, 5.5): for TPM keys in a token of another backend,
 * whose token.conf says nothing of a TPM. */
static const struct tpm_capability platform = {
    .hashes = 1U << HASH_SHA256 | 1U << HASH_SHA384,
    .rsa_sizes = 1U << 2048 / 1024,
    .rsa_minimum = 2048,
    .rsa_maximum = 2048,
    .curve_minimum = 256,
    .curve_maximum = 384,
};

void tpm_capability_read(const struct token_conf *conf, struct tpm_capability *capability)
{
    const char *manufacturer = token_conf_get(conf, "manufacturer");
    char number[24];

    *capability = (struct tpm_capability){0};
    if (token_conf_get(conf, "hashes") == NULL) {
        *capability = platform;
        return;
    }
    for (enum p11_hash hash = HASH_SHA1; hash < HASH_COUNT; hash++)
        if (tpm_hash_name(hash) != NULL && token_conf_lists(conf, "hashes", tpm_hash_name(hash)))
            capability->hashes |= 1U << hash;
    for (size_t i = 0; i < RSA_SIZES; i++) {
        snprintf(number, sizeof number, "%zu", rsa_sizes[i]);
        if (!token_conf_lists(conf, "rsa", number))
            continue;
        capability->rsa_sizes |= 1U << rsa_sizes[i] / 1024;
        capability->rsa_maximum = rsa_sizes[i];
        if (capability->rsa_minimum == 0)
            capability->rsa_minimum = rsa_sizes[i];
    }
    for (size_t i = 0; i < AES_SIZES; i++) {
        snprintf(number, sizeof number, "%zu", aes_sizes[i]);
        if (token_conf_get(conf, "aes") != NULL && token_conf_lists(conf, "aes", number))
            capability->aes_sizes |= 1U << aes_sizes[i] / 64;
    }
    for (size_t i = 0; i < CURVE_NAMES; i++) {
        const struct p11_curve *curve = p11_curve_by_name(curve_names[i], strlen(curve_names[i]));

        if (!token_conf_lists(conf, "curves", curve->name))
            continue;
        capability->curve_maximum = curve->bits;
        if (capability->curve_minimum == 0)
            capability->curve_minimum = curve->bits;
    }
    if (manufacturer != NULL)
        snprintf(capability->manufacturer, sizeof capability->manufacturer, "%s", manufacturer);
}

bool tpm_has_rsa(const struct tpm_capability *capability, size_t bits)
{
    return bits % 1024 == 0 && bits <= capability->rsa_maximum &&
           (capability->rsa_sizes & 1U << bits / 1024) != 0;
}

bool tpm_has_aes(const struct tpm_capability *capability, size_t bits)
{
    return bits % 64 == 0 && bits <= 256 && (capability->aes_sizes & 1U << bits / 64) != 0;
}

bool tpm_supports(const void *instance, const struct mechanism *row)
{
    static const bool schemes[] = {
        [SCHEME_NONE] = true,  [SCHEME_PKCS1] = true, [SCHEME_PSS] = true,     [SCHEME_RAW] = true,
        [SCHEME_ECDSA] = true, [SCHEME_OAEP] = true,  [SCHEME_ECDH] = true,    [SCHEME_HMAC] = true,
        [SCHEME_ECB] = true,   [SCHEME_CBC] = true,   [SCHEME_CBC_PAD] = true, [SCHEME_CTR] = true,
    };
    const struct tpm_token *token = instance;
    enum p11_hash hash = tpm_hmac_hash(row->key_type);

    if (row->scheme == SCHEME_CREDENTIAL)
        return tpm_has_rsa(&token->capability, 2048);
    if (row->scheme == SCHEME_TSS2_KEY || tpm_sealed_serves(token, row))
        return true;
    if (row->scheme >= sizeof schemes / sizeof schemes[0] || !schemes[row->scheme])
        return false;
    if (row->key_type == CKK_RSA)
        return token->capability.rsa_maximum != 0;
    if (row->key_type == CKK_EC)
        return token->capability.curve_maximum != 0;
    if (row->key_type == CKK_AES)
        return token->capability.aes_sizes != 0;
    return hash != HASH_NONE && (token->capability.hashes & 1U << hash) != 0;
}

/* In bytes, as PKCS#11 wants them for AES. */
static void aes_limits(const struct tpm_capability *capability, CK_MECHANISM_INFO *info)
{
    info->ulMinKeySize = 0;
    info->ulMaxKeySize = 0;
    for (size_t i = 0; i < AES_SIZES; i++) {
        if (!tpm_has_aes(capability, aes_sizes[i]))
            continue;
        info->ulMaxKeySize = aes_sizes[i] / 8;
        if (info->ulMinKeySize == 0)
            info->ulMinKeySize = aes_sizes[i] / 8;
    }
}

void tpm_limits(const void *instance, const struct mechanism *row, CK_MECHANISM_INFO *info)
{
    const struct tpm_capability *capability = &((const struct tpm_token *)instance)->capability;

    if (row->scheme == SCHEME_TSS2_KEY || row->scheme == SCHEME_CREDENTIAL)
        return;
    if (row->key_type == CKK_RSA) {
        info->ulMinKeySize = capability->rsa_minimum;
        info->ulMaxKeySize = capability->rsa_maximum;
    } else if (row->key_type == CKK_EC) {
        info->ulMinKeySize = capability->curve_minimum;
        info->ulMaxKeySize = capability->curve_maximum;
    } else if (row->key_type == CKK_AES && !tpm_sealed_serves(instance, row)) {
        aes_limits(capability, info);
        info->flags &= ~(CK_FLAGS)(CKF_WRAP | CKF_UNWRAP); /* what it would wrap does not leave the TPM */
    }
}
