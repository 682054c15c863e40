/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/oaep.h"
#include "pkcs11/soft/rejection.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"
#include "pkcs11/tpm/rsa.h"

#include <string.h>

#define STEP "decrypt"
#define PKCS1_OVERHEAD 11

/*
 * Keys made here are bound to no scheme: the TPM does the bare operation, and the padding is taken off in
 * software, by one command like the TPM's own way. So every hash, mask and label goes, and what a broken
 * padding looks like from outside is decided here, not by the TPM: its response code crosses the bus in
 * clear, and some answer TPM_RC_FAILURE. Keys of other programs may be bound to one scheme, and then it is
 * the TPM's.
 */
static bool is_bound_to(const struct tpm_key *key, TPMI_ALG_RSA_SCHEME scheme)
{
    return key->public_area.publicArea.parameters.rsaDetail.scheme.scheme == scheme;
}

/* The TPM was asked about a padding, and says that it is none. */
static bool is_refusal(TSS2_RC rc)
{
    return tpm_rc_is(rc, TPM2_RC_VALUE) || tpm_rc_is(rc, TPM2_RC_SIZE) || tpm_rc_is(rc, TPM2_RC_FAILURE);
}

static CK_RV decrypt_raw(const struct tpm_token *token, const struct tpm_key *key,
                         const struct p11_parameters *parameters, const uint8_t *input, struct bytes *out)
{
    size_t size = key->public.modulus.size;
    CK_RV rv;

    if (!bytes_alloc(out, size))
        return CKR_HOST_MEMORY;
    rv = tpm_rsa_open(token, key, &parameters->auth, input, out->data, size);
    if (rv != CKR_OK)
        bytes_free(out);
    return rv;
}

/* --- PKCS#1 v1.5
 * --------------------------------------------------------------------------------------------- */

/* For a key that is bound to RSAES: the padding that the TPM took off goes on again, or, when it was not
 * there, something that has none. So what follows is the same for all keys. */
static CK_RV decrypt_bound_pkcs1(const struct tpm_token *token, const struct tpm_key *key,
                                 const struct p11_parameters *parameters, const uint8_t *input,
                                 struct bytes *block)
{
    struct tpm_rsa rsa = {
        .step = STEP, .auth = &parameters->auth, .secret = true, .scheme.scheme = TPM2_ALG_RSAES};
    CK_RV rv = tpm_rsa_decrypt(token, key, input, block->size, &rsa);
    size_t size = rsa.result.size;

    if (rv != CKR_OK && is_refusal(rsa.rc)) {
        memset(block->data, 0, block->size);
        return CKR_OK;
    }
    if (rv == CKR_OK && size + PKCS1_OVERHEAD > block->size)
        rv = p11_fail(CKR_DEVICE_ERROR, "TPM %s answers with a message of a wrong length",
                      tpm_name(token->tpm));
    if (rv == CKR_OK) {
        memset(block->data, 0xff, block->size);
        block->data[0] = 0x00;
        block->data[1] = 0x02;
        block->data[block->size - size - 1] = 0x00;
        memcpy(block->data + (block->size - size), rsa.result.buffer, size);
    }
    bytes_wipe(&rsa, sizeof rsa);
    return rv;
}

/*
 * Implicit rejection: a broken padding is not told from a good one. The private exponent that the message in
 * its place is usually made from is in the TPM; the key's private area is as good: nobody has it but who has
 * the key file, and it is the same in every process.
 */
static CK_RV decrypt_pkcs1(const struct tpm_token *token, const struct tpm_key *key,
                           const struct p11_parameters *parameters, const uint8_t *input, struct bytes *out)
{
    uint8_t secret[HASH_SIZE_MAXIMUM];
    struct bytes stands_for = {secret, soft_hash_size(HASH_SHA256)};
    struct bytes block = BYTES_EMPTY;
    CK_RV rv = CKR_OK;

    if (!bytes_alloc(&block, key->public.modulus.size))
        return CKR_HOST_MEMORY;
    rv = soft_hash_once(HASH_SHA256, key->private_area.buffer, key->private_area.size, secret);
    if (rv == CKR_OK)
        rv = is_bound_to(key, TPM2_ALG_RSAES)
                 ? decrypt_bound_pkcs1(token, key, parameters, input, &block)
                 : tpm_rsa_open(token, key, &parameters->auth, input, block.data, block.size);
    if (rv == CKR_OK)
        rv = soft_unpad_pkcs1(&block, input, &stands_for, out);
    bytes_wipe(secret, sizeof secret);
    bytes_free(&block);
    return rv;
}

/* --- OAEP
 * ---------------------------------------------------------------------------------------------------- */

/* A TPM's labels are C strings with their NUL (part 3, 14.2), or empty; and its MGF1 has the same hash. */
static bool tpm_does(const struct p11_parameters *parameters)
{
    const struct bytes *label = &parameters->label;

    return parameters->mgf_hash == parameters->hash &&
           (label->size == 0 || (label->size <= sizeof((TPM2B_DATA){0}.buffer) &&
                                 memchr(label->data, 0, label->size) == label->data + label->size - 1));
}

static CK_RV decrypt_bound_oaep(const struct tpm_token *token, const struct tpm_key *key,
                                const struct p11_parameters *parameters, const uint8_t *input,
                                struct bytes *out)
{
    struct tpm_rsa rsa = {
        .step = STEP,
        .secret = true,
        .scheme = {.scheme = TPM2_ALG_OAEP, .details.oaep.hashAlg = tpm_hash_number(parameters->hash)},
        .label.size = (UINT16)parameters->label.size
    };
    CK_RV rv;

    if (!tpm_does(parameters))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID,
                        "the key is bound to the TPM's own OAEP, which has one hash "
                        "for all, and a C string as label");
    if (parameters->label.size != 0)
        memcpy(rsa.label.buffer, parameters->label.data, parameters->label.size);
    rv = tpm_rsa_decrypt(token, key, input, key->public.modulus.size, &rsa);
    if (rv != CKR_OK && is_refusal(rsa.rc))
        rv = p11_fail(CKR_ENCRYPTED_DATA_INVALID, "the block was not encrypted for this key so");
    if (rv == CKR_OK && !bytes_copy(out, rsa.result.buffer, rsa.result.size))
        rv = CKR_HOST_MEMORY;
    bytes_wipe(&rsa, sizeof rsa);
    return rv;
}

static CK_RV decrypt_oaep(const struct tpm_token *token, const struct tpm_key *key,
                          const struct p11_parameters *parameters, const uint8_t *input, struct bytes *out)
{
    struct bytes block;
    CK_RV rv;

    if (is_bound_to(key, TPM2_ALG_OAEP))
        return decrypt_bound_oaep(token, key, parameters, input, out);
    rv = decrypt_raw(token, key, parameters, input, &block);
    if (rv == CKR_OK)
        rv = soft_unpad_oaep(&block, parameters, out);
    bytes_free(&block);
    return rv;
}

/* --- by scheme
 * ----------------------------------------------------------------------------------------------- */

typedef CK_RV scheme_decrypt(const struct tpm_token *token, const struct tpm_key *key,
                             const struct p11_parameters *parameters, const uint8_t *input,
                             struct bytes *out);

CK_RV tpm_decrypt(void *instance, void *material, enum p11_scheme scheme,
                  const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                  struct bytes *out)
{
    static scheme_decrypt *const schemes[] = {
        [SCHEME_PKCS1] = decrypt_pkcs1,
        [SCHEME_RAW] = decrypt_raw,
        [SCHEME_OAEP] = decrypt_oaep,
    };
    const struct tpm_key *key = material;
    const struct bytes *modulus = &key->public.modulus;

    *out = BYTES_EMPTY;
    if (scheme >= sizeof schemes / sizeof schemes[0] || schemes[scheme] == NULL)
        return CKR_MECHANISM_INVALID;
    if (input_size != modulus->size)
        return p11_fail(CKR_ENCRYPTED_DATA_LEN_RANGE, "the key decrypts blocks of %zu bytes, not %zu bytes",
                        modulus->size, input_size);
    if (memcmp(input, modulus->data, input_size) >= 0)
        return p11_fail(CKR_ENCRYPTED_DATA_INVALID, "the block was not encrypted for this key");
    return schemes[scheme](instance, key, parameters, input, out);
}
