/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/rsa.h"
#include "pkcs11/soft/verify.h"
#include "pkcs11/tpm/bound.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/hmac.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/stay.h"
#include "pkcs11/tpm/rsa.h"

#include <string.h>

/* --- TPM2_Sign
 * ----------------------------------------------------------------------------------------------- */

struct signing {
    TPM2_HANDLE key;
    TPM2B_DIGEST digest;
    TPMT_SIG_SCHEME scheme;
    TPMT_SIGNATURE signature;
    const uint8_t *message; /* that the TPM hashes first; NULL: the digest is there */
    size_t message_size;
    TPMT_TK_HASHCHECK ticket;
};

static TSS2_RC prepare_sign(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPMT_TK_HASHCHECK no_ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    const struct signing *signing = arguments;

    return Tss2_Sys_Sign_Prepare(sys, signing->key, &signing->digest, &signing->scheme,
                                 signing->message != NULL ? &signing->ticket : &no_ticket);
}

static TSS2_RC complete_sign(TSS2_SYS_CONTEXT *sys, void *result)
{
    return Tss2_Sys_Sign_Complete(sys, result);
}

static TSS2_RC sign_with(struct tpm *tpm, TPM2_HANDLE key, void *data)
{
    static const struct tpm_command command = {"Sign", prepare_sign, complete_sign, 1};
    struct signing *signing = data;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    signing->key = key;
    memset(&signing->signature, 0, sizeof signing->signature);
    if (signing->message != NULL)
        rc = tpm_hash_message(tpm, signing->scheme.details.any.hashAlg, signing->message,
                              signing->message_size, &signing->digest, &signing->ticket);
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    return tpm_execute(tpm, &command, signing, &signing->signature);
}

static bool put_number(const TPM2B_ECC_PARAMETER *number, uint8_t *out, size_t size)
{
    if (number->size > size)
        return false;
    memset(out, 0, size - number->size);
    memcpy(out + (size - number->size), number->buffer, number->size);
    return true;
}

/* Whether the signature is this key's. Other schemes than these have their key looked up beforehand. */
static bool is_by(const struct tpm_key *key, const struct signing *signing)
{
    const TPMU_SIGNATURE *made = &signing->signature.signature;
    const struct p11_parameters parameters = {.hash = tpm_hash(signing->scheme.details.any.hashAlg)};
    const struct p11_parameters none = {.hash = HASH_NONE};
    uint8_t pair[2 * TPM2_MAX_ECC_KEY_BYTES];
    size_t size = public_key_signature_size(&key->public);

    if (signing->scheme.scheme == TPM2_ALG_RSASSA)
        return made->rsassa.sig.size == size &&
               soft_verify(&key->public, SCHEME_PKCS1, &parameters, signing->digest.buffer,
                           signing->digest.size, made->rsassa.sig.buffer) == CKR_OK;
    return size <= sizeof pair && put_number(&made->ecdsa.signatureR, pair, size / 2) &&
           put_number(&made->ecdsa.signatureS, pair + size / 2, size / 2) &&
           soft_verify(&key->public, SCHEME_ECDSA, &none, signing->digest.buffer, signing->digest.size,
                       pair) == CKR_OK;
}

/* The first signature by a key that stays in the TPM shows whether it is the one: that is cheaper than to
 * ask. */
static CK_RV sign_where_it_stays(const struct tpm_token *token, const struct tpm_key *key,
                                 const struct bytes *auth, struct signing *signing)
{
    bool verifiable = signing->scheme.scheme == TPM2_ALG_RSASSA || signing->scheme.scheme == TPM2_ALG_ECDSA;
    CK_RV rv;

    if (!verifiable || !tpm_stay_unchecked(key))
        return tpm_with_key_auth(token, key, auth, "sign", sign_with, signing);
    rv = tpm_with_key_unchecked(token, key, auth, "sign", sign_with, signing);
    if (rv != CKR_OK)
        return rv;
    if (tpm_stay_handle(key) == 0) /* it was loaded after all */
        return CKR_OK;
    if (is_by(key, signing)) {
        tpm_stay_confirm(key);
        return CKR_OK;
    }
    tpm_stay_lose(token->tpm, key);
    return tpm_with_key_auth(token, key, auth, "sign", sign_with, signing);
}

static CK_RV sign_digest(const struct tpm_token *token, const struct tpm_key *key, const struct bytes *auth,
                         TPMI_ALG_SIG_SCHEME scheme, TPMI_ALG_HASH hash, const uint8_t *digest, size_t size,
                         struct signing *signing)
{
    *signing = (struct signing){
        .digest.size = (UINT16)size,
        .scheme = {.scheme = scheme, .details.any.hashAlg = hash},
    };
    if (size > sizeof signing->digest.buffer)
        return CKR_DATA_LEN_RANGE;
    memcpy(signing->digest.buffer, digest, size);
    return sign_where_it_stays(token, key, auth, signing);
}

/* --- RSA
 * ----------------------------------------------------------------------------------------------------- */

static CK_RV take_rsa(const struct tpm_token *token, const TPM2B_PUBLIC_KEY_RSA *signature, uint8_t *out,
                      size_t size)
{
    if (signature->size != size)
        return p11_fail(CKR_DEVICE_ERROR, "TPM %s answers with a signature of a wrong length",
                        tpm_name(token->tpm));
    memcpy(out, signature->buffer, size);
    return CKR_OK;
}

/* DER in front of a digest in a DigestInfo (RFC 8017, 9.2, note 1), by hash. */
static const struct {
    size_t size;
    uint8_t bytes[19];
} prefixes[HASH_COUNT] = {
    [HASH_SHA1] = {15,
                   {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04,
                    0x14}                          },
    [HASH_SHA224] = {19,
                   {0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                      0x04, 0x05, 0x00, 0x04, 0x1c}},
    [HASH_SHA256] = {19,
                   {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                      0x01, 0x05, 0x00, 0x04, 0x20}},
    [HASH_SHA384] = {19,
                   {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                      0x02, 0x05, 0x00, 0x04, 0x30}},
    [HASH_SHA512] = {19,
                   {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                      0x03, 0x05, 0x00, 0x04, 0x40}},
};

/* The hash whose DigestInfo this is, and HASH_NONE for other data. */
static enum p11_hash hash_of_digest_info(const uint8_t *input, size_t size)
{
    for (enum p11_hash hash = HASH_SHA1; hash < HASH_COUNT; hash++)
        if (prefixes[hash].size != 0 && size == prefixes[hash].size + soft_hash_size(hash) &&
            memcmp(input, prefixes[hash].bytes, prefixes[hash].size) == 0)
            return hash;
    return HASH_NONE;
}

static bool tpm_has_hash(const struct tpm_token *token, enum p11_hash hash)
{
    return (token->capability.hashes & 1U << hash) != 0;
}

static CK_RV pad_and_sign(const struct tpm_token *token, const struct tpm_key *key,
                          const struct p11_parameters *parameters, enum p11_hash hash, const uint8_t *input,
                          size_t input_size, uint8_t *out, size_t size)
{
    uint8_t info[19 + HASH_SIZE_MAXIMUM];
    uint8_t block[TPM2_MAX_RSA_KEY_BYTES];
    CK_RV rv;

    if (hash != HASH_NONE) {
        memcpy(info, prefixes[hash].bytes, prefixes[hash].size);
        memcpy(info + prefixes[hash].size, input, input_size);
        input = info;
        input_size += prefixes[hash].size;
    }
    if (size > sizeof block)
        return CKR_KEY_SIZE_RANGE;
    rv = soft_rsa_pad_pkcs1(input, input_size, block, size);
    if (rv != CKR_OK)
        return p11_fail(rv, "%zu bytes do not fit a PKCS#1 signature of %zu bytes", input_size, size);
    return tpm_rsa_sign(token, key, &parameters->auth, block, out, size);
}

static CK_RV sign_pkcs1(const struct tpm_token *token, const struct tpm_key *key,
                        const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                        uint8_t *out, size_t size)
{
    enum p11_hash hash = parameters->hash;
    struct signing signing;
    CK_RV rv;

    if (hash == HASH_NONE) {
        hash = hash_of_digest_info(input, input_size);
        input += prefixes[hash].size;
        input_size -= prefixes[hash].size;
    }
    if (!tpm_has_hash(token, hash))
        return pad_and_sign(token, key, parameters, hash, input, input_size, out, size);
    rv = sign_digest(token, key, &parameters->auth, TPM2_ALG_RSASSA, tpm_hash_number(hash), input, input_size,
                     &signing);
    return rv == CKR_OK ? take_rsa(token, &signing.signature.signature.rsassa.sig, out, size) : rv;
}

static CK_RV pad_pss_and_sign(const struct tpm_token *token, const struct tpm_key *key,
                              const struct p11_parameters *parameters, const uint8_t *digest, uint8_t *out,
                              size_t size)
{
    uint8_t block[TPM2_MAX_RSA_KEY_BYTES];
    CK_RV rv;

    if (size > sizeof block)
        return CKR_KEY_SIZE_RANGE;
    rv = soft_rsa_pad_pss(parameters, digest, public_key_bits(&key->public), block, size);
    if (rv == CKR_DATA_LEN_RANGE)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "a PSS salt of %zu bytes does not fit a key of %zu bits",
                        parameters->salt_length, public_key_bits(&key->public));
    return rv == CKR_OK ? tpm_rsa_sign(token, key, &parameters->auth, block, out, size) : rv;
}

/*
 * TPM2_Sign chooses the salt itself: as long as the digest on some TPMs, as long as fits on others (TPM 2.0
 * part 1, B.7). The first signature of a connection is checked; on TPMs of the second kind the padding is
 * done here from then on.
 */
static CK_RV sign_pss_in_tpm(const struct tpm_token *token, const struct tpm_key *key,
                             const struct p11_parameters *parameters, const uint8_t *digest, uint8_t *out,
                             size_t size)
{
    struct tpm *tpm = token->tpm;
    struct signing signing;
    CK_RV rv = sign_digest(token, key, &parameters->auth, TPM2_ALG_RSAPSS, tpm_hash_number(parameters->hash),
                           digest, soft_hash_size(parameters->hash), &signing);

    if (rv == CKR_OK)
        rv = take_rsa(token, &signing.signature.signature.rsapss.sig, out, size);
    if (rv != CKR_OK || __atomic_load_n(&tpm->pss_checked, __ATOMIC_RELAXED))
        return rv;
    if (soft_rsa_verify_pss(&key->public, parameters, digest, out, size)) {
        __atomic_store_n(&tpm->pss_checked, true, __ATOMIC_RELAXED);
        return CKR_OK;
    }
    __atomic_store_n(&tpm->pss_unusable, true, __ATOMIC_RELAXED);
    return pad_pss_and_sign(token, key, parameters, digest, out, size);
}

static CK_RV sign_pss(const struct tpm_token *token, const struct tpm_key *key,
                      const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                      uint8_t *out, size_t size)
{
    bool native = tpm_has_hash(token, parameters->hash) && parameters->mgf_hash == parameters->hash &&
                  parameters->salt_length == soft_hash_size(parameters->hash) &&
                  !__atomic_load_n(&token->tpm->pss_unusable, __ATOMIC_RELAXED);

    if (input_size != soft_hash_size(parameters->hash))
        return p11_fail(CKR_DATA_LEN_RANGE, "PSS signs a digest of %zu bytes here, not %zu bytes",
                        soft_hash_size(parameters->hash), input_size);
    return native ? sign_pss_in_tpm(token, key, parameters, input, out, size)
                  : pad_pss_and_sign(token, key, parameters, input, out, size);
}

static CK_RV sign_raw(const struct tpm_token *token, const struct tpm_key *key,
                      const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                      uint8_t *out, size_t size)
{
    uint8_t block[TPM2_MAX_RSA_KEY_BYTES] = {0};

    if (input_size > size || size > sizeof block)
        return p11_fail(CKR_DATA_LEN_RANGE, "the bare RSA operation takes up to %zu bytes", size);
    memcpy(block + (size - input_size), input, input_size);
    if (memcmp(block, key->public.modulus.data, size) >= 0) /* some TPMs fall into failure mode over it */
        return p11_fail(CKR_DATA_INVALID, "the number to sign is not smaller than the key's modulus");
    return tpm_rsa_sign(token, key, &parameters->auth, block, out, size);
}

/* --- ECDSA
 * --------------------------------------------------------------------------------------------------- */

/* The hash that a TPM wants named with a digest as long as the field (P-521: as SHA-512). */
static const struct {
    size_t bits;
    enum p11_hash hash;
} ec_hashes[] = {
    {256, HASH_SHA256},
    {384, HASH_SHA384},
    {521, HASH_SHA512}
};

static enum p11_hash ec_hash(const struct p11_curve *curve)
{
    for (size_t i = 0; i < sizeof ec_hashes / sizeof ec_hashes[0]; i++)
        if (ec_hashes[i].bits == curve->bits)
            return ec_hashes[i].hash;
    return HASH_NONE;
}

static CK_RV take_ecdsa(const struct tpm_token *token, const TPMS_SIGNATURE_ECC *made, uint8_t *out,
                        size_t size)
{
    if (put_number(&made->signatureR, out, size / 2) &&
        put_number(&made->signatureS, out + size / 2, size / 2))
        return CKR_OK;
    return p11_fail(CKR_DEVICE_ERROR, "TPM %s answers with a signature of a wrong length",
                    tpm_name(token->tpm));
}

/*
 * ECDSA uses the leftmost bits of the input, up to the size of the order, as a number (FIPS 186-4, 6.4). So
 * any input is the same as one of the hash's length: a longer one cut, a shorter one with zeros in front.
 */
static CK_RV sign_ecdsa(const struct tpm_token *token, const struct tpm_key *key,
                        const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                        uint8_t *out, size_t size)
{
    struct key_binding binding;
    enum p11_hash hash = tpm_binding(key, &binding) ? binding.hash : ec_hash(key->public.curve);
    size_t wanted = soft_hash_size(hash);
    size_t used = input_size < wanted ? input_size : wanted;
    uint8_t digest[HASH_SIZE_MAXIMUM] = {0};
    struct signing signing;
    CK_RV rv;

    if (input_size == 0 || input_size > HASH_SIZE_MAXIMUM)
        return p11_fail(CKR_DATA_LEN_RANGE, "ECDSA signs a digest of 1 to %d bytes, not %zu bytes",
                        HASH_SIZE_MAXIMUM, input_size);
    memcpy(digest + (wanted - used), input, used);
    rv = sign_digest(token, key, &parameters->auth, TPM2_ALG_ECDSA, tpm_hash_number(hash), digest, wanted,
                     &signing);
    if (rv != CKR_OK)
        return rv;
    return take_ecdsa(token, &signing.signature.signature.ecdsa, out, size);
}

/* --- messages, for keys that sign only what the TPM hashed
 * ------------------------------------------------------ */

/* Such a key has no bare operation, so there is no other salt than the TPM's. */
static CK_RV check_salt(const struct tpm_token *token, const struct tpm_key *key,
                        const struct p11_parameters *parameters, const struct signing *signing,
                        const uint8_t *signature, size_t size)
{
    if (__atomic_load_n(&token->tpm->pss_checked, __ATOMIC_RELAXED) ||
        soft_rsa_verify_pss(&key->public, parameters, signing->digest.buffer, signature, size))
        return CKR_OK;
    return p11_fail(CKR_MECHANISM_PARAM_INVALID,
                    "TPM %s makes PSS signatures of a restricted key with a salt of its own length",
                    tpm_name(token->tpm));
}

static CK_RV sign_message(const struct tpm_token *token, const struct tpm_key *key, enum p11_scheme scheme,
                          const struct p11_parameters *parameters, const uint8_t *message,
                          size_t message_size, uint8_t *out, size_t size)
{
    struct signing signing = {.message = message, .message_size = message_size};
    struct key_binding binding;
    const TPMU_SIGNATURE *made = &signing.signature.signature;
    CK_RV rv;

    if (!tpm_binding(key, &binding) || binding.scheme != scheme)
        return p11_fail(CKR_MECHANISM_INVALID, "the key signs by another scheme");
    if (scheme == SCHEME_PSS &&
        (parameters->mgf_hash != binding.hash || parameters->salt_length != soft_hash_size(binding.hash)))
        return p11_fail(
            CKR_MECHANISM_PARAM_INVALID,
            "a TPM's restricted key makes PSS signatures with the hash in MGF1, and a salt as long");
    signing.scheme.scheme = scheme == SCHEME_PKCS1 ? TPM2_ALG_RSASSA
                            : scheme == SCHEME_PSS ? TPM2_ALG_RSAPSS
                                                   : TPM2_ALG_ECDSA;
    signing.scheme.details.any.hashAlg = tpm_hash_number(binding.hash);
    rv = sign_where_it_stays(token, key, &parameters->auth, &signing);
    if (rv != CKR_OK)
        return rv;
    if (scheme == SCHEME_ECDSA)
        return take_ecdsa(token, &made->ecdsa, out, size);
    rv = take_rsa(token, scheme == SCHEME_PSS ? &made->rsapss.sig : &made->rsassa.sig, out, size);
    return rv == CKR_OK && scheme == SCHEME_PSS ? check_salt(token, key, parameters, &signing, out, size)
                                                : rv;
}

/* --- by scheme
 * ----------------------------------------------------------------------------------------------- */

typedef CK_RV scheme_sign(const struct tpm_token *token, const struct tpm_key *key,
                          const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                          uint8_t *out, size_t size);

CK_RV tpm_sign(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
               const uint8_t *input, size_t input_size, uint8_t *out, size_t size)
{
    static scheme_sign *const schemes[] = {
        [SCHEME_PKCS1] = sign_pkcs1, [SCHEME_PSS] = sign_pss,  [SCHEME_RAW] = sign_raw,
        [SCHEME_ECDSA] = sign_ecdsa, [SCHEME_HMAC] = tpm_hmac,
    };

    if (scheme >= sizeof schemes / sizeof schemes[0] || schemes[scheme] == NULL)
        return CKR_MECHANISM_INVALID;
    if (parameters->message)
        return sign_message(instance, key, scheme, parameters, input, input_size, out, size);
    return schemes[scheme](instance, key, parameters, input, input_size, out, size);
}
