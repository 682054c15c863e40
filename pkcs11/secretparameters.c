/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/parameters.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/aes.h"
#include "pkcs11/soft/hash.h"

#include <string.h>

/* --- MACs
 * ---------------------------------------------------------------------------------------------------------
 */

static size_t whole_mac(const struct mechanism *row)
{
    return row->scheme == SCHEME_HMAC ? soft_hash_size(row->hash) : SOFT_AES_BLOCK;
}

CK_RV parameters_of_mac(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters)
{
    if (mechanism->ulParameterLen != 0)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s takes no parameter", row->name);
    parameters->hash = row->hash;
    parameters->mac_size = whole_mac(row);
    return CKR_OK;
}

/* A CK_MAC_GENERAL_PARAMS is the number of bytes. None at all would be a signature of everything. */
CK_RV parameters_of_mac_general(const CK_MECHANISM *mechanism, const struct mechanism *row,
                                struct p11_parameters *parameters)
{
    CK_ULONG size;

    if (mechanism->pParameter == NULL || mechanism->ulParameterLen != sizeof size)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s needs a CK_MAC_GENERAL_PARAMS", row->name);
    memcpy(&size, mechanism->pParameter, sizeof size);
    if (size == 0 || size > whole_mac(row))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s makes from 1 to %zu bytes", row->name,
                        whole_mac(row));
    parameters->hash = row->hash;
    parameters->mac_size = size;
    return CKR_OK;
}

/* --- AES
 * ----------------------------------------------------------------------------------------------------------
 */

static CK_RV copy(struct bytes *to, const void *data, size_t size)
{
    return bytes_copy(to, data, size) ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV parameters_of_cbc(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters)
{
    if (mechanism->pParameter == NULL || mechanism->ulParameterLen != SOFT_AES_BLOCK)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s needs an initialization vector of %d bytes",
                        row->name, SOFT_AES_BLOCK);
    return copy(&parameters->iv, mechanism->pParameter, SOFT_AES_BLOCK);
}

CK_RV parameters_of_ctr(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters)
{
    struct {
        CK_ULONG counter_width;
        CK_BYTE block[SOFT_AES_BLOCK];
    } given;

    if (mechanism->pParameter == NULL || mechanism->ulParameterLen != sizeof given)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s needs a CK_AES_CTR_PARAMS", row->name);
    memcpy(&given, mechanism->pParameter, sizeof given);
    if (given.counter_width == 0 || given.counter_width > 8 * SOFT_AES_BLOCK)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: a counter has 1 to 128 bits", row->name);
    parameters->counter_width = given.counter_width;
    return copy(&parameters->iv, given.block, sizeof given.block);
}

/* CK_GCM_PARAMS has ulIvBits since the errata of 2.40; before, and in some headers, it has not. Lengths tell
 * them apart. */
struct gcm_params {
    CK_BYTE *iv;
    CK_ULONG iv_size;
    CK_ULONG iv_bits;
    CK_BYTE *aad;
    CK_ULONG aad_size;
    CK_ULONG tag_bits;
};

static bool read_gcm(const CK_MECHANISM *mechanism, struct gcm_params *given)
{
    struct {
        CK_BYTE *iv;
        CK_ULONG iv_size;
        CK_BYTE *aad;
        CK_ULONG aad_size;
        CK_ULONG tag_bits;
    } early;

    if (mechanism->pParameter == NULL)
        return false;
    if (mechanism->ulParameterLen == sizeof *given) {
        memcpy(given, mechanism->pParameter, sizeof *given);
        return true;
    }
    if (mechanism->ulParameterLen != sizeof early)
        return false;
    memcpy(&early, mechanism->pParameter, sizeof early);
    *given = (struct gcm_params){early.iv, early.iv_size, 0, early.aad, early.aad_size, early.tag_bits};
    return true;
}

/* NIST SP 800-38D, 5.2.1.2: tags of 128 to 96 bits, and 64 and 32 for some uses. */
static bool is_tag(CK_ULONG bits)
{
    return bits == 32 || bits == 64 || (bits >= 96 && bits <= 128 && bits % 8 == 0);
}

#define GCM_IV_MAXIMUM 256 /* PKCS#11 2.40 current mechanisms, 2.12.4 */
#define GCM_AAD_MAXIMUM ((CK_ULONG)1 << 30)

CK_RV parameters_of_gcm(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters)
{
    struct gcm_params given;
    CK_RV rv;

    if (!read_gcm(mechanism, &given))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s needs a CK_GCM_PARAMS", row->name);
    if (given.iv == NULL || given.iv_size == 0 || given.iv_size > GCM_IV_MAXIMUM ||
        (given.iv_bits != 0 && given.iv_bits != 8 * given.iv_size))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: a nonce has 1 to %d whole bytes", row->name,
                        GCM_IV_MAXIMUM);
    if ((given.aad == NULL && given.aad_size != 0) || given.aad_size > GCM_AAD_MAXIMUM)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: the additional data is not there", row->name);
    if (!is_tag(given.tag_bits))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: tags have 32, 64 or 96 to 128 bits, not %lu",
                        row->name, given.tag_bits);
    parameters->mac_size = given.tag_bits / 8;
    rv = copy(&parameters->iv, given.iv, given.iv_size);
    return rv == CKR_OK ? copy(&parameters->aad, given.aad, given.aad_size) : rv;
}
