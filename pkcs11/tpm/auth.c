/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/auth.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/kdf.h"
#include "pkcs11/tokensecret.h"
#include "pkcs11/tpm/seal.h"
#include "pkcs11/tpm/sealed.h"

#include <string.h>

#define SALT_SIZE 16
/* The TPM counts guesses; this is for who can read the TPM's own memory. About 30 ms on a PC, 200 ms on a
 * small ARM core. */
#define ITERATIONS 100000

/* The auth value that a PIN stands for. */
static CK_RV stretch(const struct pin_seal *how, const struct bytes *pin, uint8_t auth[TPM_SESSION_DIGEST])
{
    return soft_pbkdf2(HASH_SHA256, pin->data, pin->size, how->salt.data, how->salt.size, how->iterations,
                       auth, TPM_SESSION_DIGEST);
}

/* A TPM counts failed tries on after a good one. CKF_..._PIN_COUNT_LOW does not: it is of the tries since the
 * last good one. */
static void note_answer(struct tpm_token *token, CK_RV rv)
{
    bool refused = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED;

    if (refused)
        __atomic_store_n(&token->pin_refused, true, __ATOMIC_RELAXED);
    if (refused || rv == CKR_OK)
        __atomic_store_n(&token->pin_wrong, refused, __ATOMIC_RELAXED);
}

static CK_RV open_seal(void *instance, CK_USER_TYPE user, const struct pin_seal *seal,
                       const struct bytes *pin, struct bytes *secret)
{
    struct tpm_token *token = instance;
    uint8_t value[TPM_SESSION_DIGEST];
    const struct bytes auth = {value, sizeof value};
    CK_RV rv = stretch(seal, pin, value);

    (void)user;
    *secret = BYTES_EMPTY;
    if (rv == CKR_OK)
        rv = tpm_unseal(token, &seal->block, &auth, secret);
    bytes_wipe(value, sizeof value);
    note_answer(token, rv);
    return rv;
}

static CK_RV make_seal(void *instance, CK_USER_TYPE user, const struct bytes *pin, const struct bytes *secret,
                       struct pin_seal *out)
{
    uint8_t value[TPM_SESSION_DIGEST];
    const struct bytes auth = {value, sizeof value};
    CK_RV rv;

    (void)user;
    *out = (struct pin_seal){.iterations = ITERATIONS};
    rv = token_random(&out->salt, SALT_SIZE);
    if (rv == CKR_OK)
        rv = stretch(out, pin, value);
    if (rv == CKR_OK)
        rv = tpm_seal(instance, &auth, secret, &out->block);
    bytes_wipe(value, sizeof value);
    if (rv != CKR_OK)
        pin_seal_free(out);
    return rv;
}

static const struct token_sealer sealer = {PIN_FORM_TPM, open_seal, make_seal};

/* Takes *secret. */
static void keep_secret(struct tpm_token *token, struct bytes *secret)
{
    pthread_mutex_lock(&token->tpm->lock);
    bytes_move(&token->secret, secret);
    pthread_mutex_unlock(&token->tpm->lock);
}

CK_RV tpm_secret_copy(const struct tpm_token *token, struct bytes *secret)
{
    CK_RV rv = CKR_OK;

    *secret = BYTES_EMPTY;
    pthread_mutex_lock(&token->tpm->lock);
    if (token->secret.size == 0)
        rv = CKR_USER_NOT_LOGGED_IN;
    else if (!bytes_copy(secret, token->secret.data, token->secret.size))
        rv = CKR_HOST_MEMORY;
    pthread_mutex_unlock(&token->tpm->lock);
    return rv;
}

/* Without the zeros at its end, as TPMs keep it (part 1, 17.6.4.3). */
CK_RV tpm_new_auth(const struct tpm_token *token, bool private, TPM2B_AUTH *auth)
{
    struct bytes secret = BYTES_EMPTY;
    CK_RV rv;

    auth->size = 0;
    if (!token->has_pin || !private)
        return CKR_OK;
    rv = tpm_secret_copy(token, &secret);
    if (rv == CKR_OK) {
        memcpy(auth->buffer, secret.data, secret.size);
        auth->size = (UINT16)secret.size;
        while (auth->size > 0 && auth->buffer[auth->size - 1] == 0)
            auth->size--;
    }
    bytes_free(&secret);
    return rv;
}

CK_RV tpm_secret(void *instance, struct bytes *secret)
{
    return tpm_secret_copy(instance, secret);
}

CK_RV tpm_login(void *instance, CK_USER_TYPE user, const struct bytes *pin)
{
    struct tpm_token *token = instance;
    struct bytes secret;
    CK_RV rv = token_secret_open(&sealer, token, &token->store, user, pin, &secret);

    if (rv == CKR_OK)
        keep_secret(token, &secret);
    return rv;
}

void tpm_logout(void *instance)
{
    struct tpm_token *token = instance;
    struct bytes none = BYTES_EMPTY;

    keep_secret(token, &none);
    tpm_sealed_close(token, true);
}

CK_RV tpm_set_pin(void *instance, CK_USER_TYPE user, const struct bytes *old, const struct bytes *pin)
{
    struct tpm_token *token = instance;
    struct bytes secret = BYTES_EMPTY;
    CK_RV rv = CKR_OK;

    if (!token->has_pin)
        return token_secret_create(&sealer, token, &token->store, pin);
    if (old == NULL)
        rv = tpm_secret_copy(token, &secret);
    if (rv == CKR_OK)
        rv = token_secret_seal(&sealer, token, &token->store, user, old, &secret, pin);
    bytes_free(&secret);
    return rv;
}

/* --- what C_GetTokenInfo says
 * -------------------------------------------------------------------------------- */

static void lockout_flags(struct tpm_token *token, CK_TOKEN_INFO *info)
{
    struct tpm_lockout lockout;
    CK_RV rv = tpm_enter(token->tpm);

    if (rv == CKR_OK) {
        rv = tpm_capability_lockout(token->tpm, &lockout);
        tpm_leave(token->tpm);
    }
    if (rv != CKR_OK)
        return;
    if (lockout.locked)
        info->flags |= CKF_USER_PIN_LOCKED | CKF_SO_PIN_LOCKED;
    else if (lockout.failed + 1 >= lockout.maximum)
        info->flags |= CKF_USER_PIN_FINAL_TRY | CKF_SO_PIN_FINAL_TRY;
    if (lockout.failed != 0 && __atomic_load_n(&token->pin_wrong, __ATOMIC_RELAXED))
        info->flags |= CKF_USER_PIN_COUNT_LOW | CKF_SO_PIN_COUNT_LOW;
    if (lockout.failed == 0)
        __atomic_store_n(&token->pin_refused, false, __ATOMIC_RELAXED);
}

void tpm_pin_flags(struct tpm_token *token, CK_TOKEN_INFO *info)
{
    struct pinfile pins;

    if (!token->has_pin || pinfile_read(&token->store, PIN_FORM_TPM, &pins) != CKR_OK)
        return;
    if (pins.of[CKU_USER].block.size != 0)
        info->flags |= CKF_USER_PIN_INITIALIZED;
    pinfile_free(&pins);
    if (__atomic_load_n(&token->pin_refused, __ATOMIC_RELAXED))
        lockout_flags(token, info);
}
