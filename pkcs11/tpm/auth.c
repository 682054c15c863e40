/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/auth.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/kdf.h"
#include "pkcs11/tpm/pinfile.h"
#include "pkcs11/tpm/seal.h"

#include <string.h>
#include <sys/random.h>

#define SECRET_SIZE 32
#define SALT_SIZE 16
/* The TPM counts guesses; this is for who can read the TPM's own memory. About 30 ms on a PC, 200 ms on a
 * small ARM core. */
#define ITERATIONS 100000

static CK_RV random_bytes(struct bytes *out, size_t size)
{
    if (!bytes_alloc(out, size))
        return CKR_HOST_MEMORY;
    return getrandom(out->data, size, 0) == (ssize_t)size
               ? CKR_OK
               : p11_fail(CKR_GENERAL_ERROR, "the kernel gives no random numbers");
}

/* The auth value that a PIN stands for. */
static CK_RV stretch(const struct tpm_pin *how, const struct bytes *pin, uint8_t auth[TPM_SESSION_DIGEST])
{
    return soft_pbkdf2(HASH_SHA256, pin->data, pin->size, how->salt.data, how->salt.size, how->iterations,
                       auth, TPM_SESSION_DIGEST);
}

static void note_refusal(struct tpm_token *token, CK_RV rv)
{
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED)
        __atomic_store_n(&token->pin_refused, true, __ATOMIC_RELAXED);
}

static CK_RV open_secret(struct tpm_token *token, const struct tpm_pin *how, const struct bytes *pin,
                         struct bytes *secret)
{
    uint8_t value[TPM_SESSION_DIGEST];
    const struct bytes auth = {value, sizeof value};
    CK_RV rv = stretch(how, pin, value);

    *secret = BYTES_EMPTY;
    if (rv == CKR_OK)
        rv = tpm_unseal(token, &how->block, &auth, secret);
    if (rv == CKR_OK && secret->size != SECRET_SIZE) {
        bytes_free(secret);
        rv = p11_fail(CKR_DEVICE_ERROR, "%s/" PIN_FILE " seals no token secret", token->path);
    }
    bytes_wipe(value, sizeof value);
    note_refusal(token, rv);
    return rv;
}

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

CK_RV tpm_login(void *instance, CK_USER_TYPE user, const struct bytes *pin)
{
    struct tpm_token *token = instance;
    struct bytes secret = BYTES_EMPTY;
    struct tpm_pins pins;
    CK_RV rv = tpm_pins_read(token->path, &pins);

    if (rv != CKR_OK)
        return rv;
    if (pins.of[user].block.size == 0)
        rv = p11_fail(CKR_USER_PIN_NOT_INITIALIZED,
                      "token %s has no user PIN yet; the SO sets it (C_InitPIN)", token->path);
    else
        rv = open_secret(token, &pins.of[user], pin, &secret);
    if (rv == CKR_OK)
        keep_secret(token, &secret);
    tpm_pins_free(&pins);
    return rv;
}

void tpm_logout(void *instance)
{
    struct tpm_token *token = instance;
    struct bytes none = BYTES_EMPTY;

    keep_secret(token, &none);
}

/* --- new PINs
 * ------------------------------------------------------------------------------------------------ */

static CK_RV seal_secret(const struct tpm_token *token, const struct bytes *pin, const struct bytes *secret,
                         struct tpm_pin *out)
{
    uint8_t value[TPM_SESSION_DIGEST];
    const struct bytes auth = {value, sizeof value};
    CK_RV rv;

    *out = (struct tpm_pin){.iterations = ITERATIONS};
    rv = random_bytes(&out->salt, SALT_SIZE);
    if (rv == CKR_OK)
        rv = stretch(out, pin, value);
    if (rv == CKR_OK)
        rv = tpm_seal(token, &auth, secret, &out->block);
    bytes_wipe(value, sizeof value);
    if (rv != CKR_OK)
        tpm_pin_free(out);
    return rv;
}

/* The secret to seal anew: by the PIN that is replaced, by the login of the SO, or, where there is no pin.pem
 * yet, a new one. */
static CK_RV find_secret(struct tpm_token *token, const struct tpm_pins *pins, CK_USER_TYPE user,
                         const struct bytes *old, struct bytes *secret)
{
    *secret = BYTES_EMPTY;
    if (!token->has_pin)
        return random_bytes(secret, SECRET_SIZE);
    if (old == NULL)
        return tpm_secret_copy(token, secret);
    if (pins->of[user].block.size == 0)
        return p11_fail(CKR_USER_PIN_NOT_INITIALIZED,
                        "token %s has no user PIN yet; the SO sets it (C_InitPIN)", token->path);
    return open_secret(token, &pins->of[user], old, secret);
}

CK_RV tpm_set_pin(void *instance, CK_USER_TYPE user, const struct bytes *old, const struct bytes *pin)
{
    struct tpm_token *token = instance;
    struct tpm_pins pins = {0};
    struct tpm_pin made = {0};
    struct bytes secret = BYTES_EMPTY;
    CK_RV rv = token->has_pin ? tpm_pins_read(token->path, &pins) : CKR_OK;

    if (rv == CKR_OK)
        rv = find_secret(token, &pins, user, old, &secret);
    if (rv == CKR_OK)
        rv = seal_secret(token, pin, &secret, &made);
    if (rv == CKR_OK) {
        tpm_pin_free(&pins.of[user]);
        pins.of[user] = made; /* transferred */
        rv = tpm_pins_write(token->path, &pins);
    }
    tpm_pins_free(&pins);
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
    if (lockout.failed != 0)
        info->flags |= CKF_USER_PIN_COUNT_LOW | CKF_SO_PIN_COUNT_LOW;
    else
        __atomic_store_n(&token->pin_refused, false, __ATOMIC_RELAXED);
}

void tpm_pin_flags(struct tpm_token *token, CK_TOKEN_INFO *info)
{
    struct tpm_pins pins;

    if (!token->has_pin || tpm_pins_read(token->path, &pins) != CKR_OK)
        return;
    if (pins.of[CKU_USER].block.size != 0)
        info->flags |= CKF_USER_PIN_INITIALIZED;
    tpm_pins_free(&pins);
    if (__atomic_load_n(&token->pin_refused, __ATOMIC_RELAXED))
        lockout_flags(token, info);
}
