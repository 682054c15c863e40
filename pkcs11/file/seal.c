/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/seal.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/kdf.h"
#include "pkcs11/soft/sealedbox.h"
#include "pkcs11/tokensecret.h"

#include <fcntl.h>
#include <unistd.h>

#define SALT_SIZE 16
#define HEADING_MAXIMUM 1024
/* 32 MiB and about 80 ms on a PC, half a second on a small ARM core. */
#define COST_USUAL 32768
#define COST_MINIMUM 1024
#define COST_MAXIMUM 262144 /* 256 MiB, the most that pin.pem may ask for */
#define BLOCK_SIZE 8
#define PARALLEL 1

/* --- the seals
 * ----------------------------------------------------------------------------------------------- */

CK_RV file_pin_cost(const struct token_conf *conf, const char *path, unsigned *cost)
{
    unsigned long number = COST_USUAL;

    if (token_conf_get(conf, "pin-cost") != NULL &&
        (!token_conf_get_number(conf, "pin-cost", COST_MAXIMUM, &number) || number < COST_MINIMUM ||
         (number & (number - 1)) != 0))
        return p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                        "%s/" TOKEN_CONF_FILE ": 'pin-cost = %s' is no power of two from %d to %d", path,
                        token_conf_get(conf, "pin-cost"), COST_MINIMUM, COST_MAXIMUM);
    *cost = (unsigned)number;
    return CKR_OK;
}

static CK_RV stretch(const struct pin_seal *how, const struct bytes *pin, uint8_t key[SOFT_BOX_KEY])
{
    const struct soft_scrypt_cost cost = {how->cost, how->block_size, how->parallel};

    return soft_scrypt(pin->data, pin->size, &how->salt, &cost, key, SOFT_BOX_KEY);
}

/* The lines above the block are authenticated with it: none of them can be exchanged. */
static CK_RV make_seal(void *instance, CK_USER_TYPE user, const struct bytes *pin, const struct bytes *secret,
                       struct pin_seal *out)
{
    uint8_t key[SOFT_BOX_KEY];
    struct buffer heading;
    CK_RV rv;

    *out = (struct pin_seal){
        .cost = ((const struct file_token *)instance)->cost, .block_size = BLOCK_SIZE, .parallel = PARALLEL};
    buffer_init(&heading, HEADING_MAXIMUM);
    rv = token_random(&out->salt, SALT_SIZE);
    if (rv == CKR_OK)
        rv = stretch(out, pin, key);
    if (rv == CKR_OK) {
        pinfile_heading(PIN_FORM_FILE, user, out, &heading);
        rv = soft_box_close(key, &(struct bytes){heading.data, heading.size}, secret, &out->block);
    }
    bytes_wipe(key, sizeof key);
    buffer_free(&heading);
    if (rv != CKR_OK)
        pin_seal_free(out);
    return rv;
}

static CK_RV open_seal(void *instance, CK_USER_TYPE user, const struct pin_seal *seal,
                       const struct bytes *pin, struct bytes *secret)
{
    const struct file_token *token = instance;
    uint8_t key[SOFT_BOX_KEY];
    struct buffer heading;
    CK_RV rv;

    if (seal->block.size != SOFT_BOX_OVERHEAD + TOKEN_SECRET_SIZE)
        return p11_fail(CKR_DEVICE_ERROR, "%s/" PIN_FILE " seals no token secret", token->store.path);
    rv = stretch(seal, pin, key);
    buffer_init(&heading, HEADING_MAXIMUM);
    if (rv == CKR_OK) {
        pinfile_heading(PIN_FORM_FILE, user, seal, &heading);
        rv = soft_box_open(key, &(struct bytes){heading.data, heading.size}, &seal->block, secret);
    }
    bytes_wipe(key, sizeof key);
    buffer_free(&heading);
    return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_PIN_INCORRECT : rv;
}

static const struct token_sealer sealer = {PIN_FORM_FILE, open_seal, make_seal};

/* --- that a PIN was wrong
 * ------------------------------------------------------------------------------------ */

/* An empty file says so to the next process, until a right PIN removes it. */
static const char *const marks[] = {[CKU_SO] = ".so-pin-was-wrong", [CKU_USER] = ".user-pin-was-wrong"};

static bool was_wrong(struct file_token *token, CK_USER_TYPE user)
{
    return faccessat(token->store.directory, marks[user], F_OK, 0) == 0 ||
           __atomic_load_n(&token->pin_wrong[user], __ATOMIC_RELAXED);
}

static void note_answer(struct file_token *token, CK_USER_TYPE user, CK_RV rv)
{
    int mark = -1;

    if (rv == CKR_PIN_INCORRECT)
        mark = openat(token->store.directory, marks[user], O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    else if (rv == CKR_OK && was_wrong(token, user))
        unlinkat(token->store.directory, marks[user], 0);
    if (mark >= 0)
        close(mark);
    if (rv == CKR_OK || rv == CKR_PIN_INCORRECT)
        __atomic_store_n(&token->pin_wrong[user], rv != CKR_OK && mark < 0, __ATOMIC_RELAXED);
}

/* --- the backend's members
 * ----------------------------------------------------------------------------------- */

/* Takes *secret. */
static void keep_secret(struct file_token *token, struct bytes *secret)
{
    pthread_mutex_lock(&token->lock);
    bytes_move(&token->secret, secret);
    pthread_mutex_unlock(&token->lock);
}

CK_RV file_login(void *instance, CK_USER_TYPE user, const struct bytes *pin)
{
    struct file_token *token = instance;
    struct bytes secret;
    CK_RV rv = token_secret_open(&sealer, token, &token->store, user, pin, &secret);

    note_answer(token, user, rv);
    if (rv == CKR_OK)
        keep_secret(token, &secret);
    return rv;
}

void file_logout(void *instance)
{
    struct file_token *token = instance;

    pthread_mutex_lock(&token->lock);
    bytes_free(&token->secret);
    file_keys_lock(token);
    pthread_mutex_unlock(&token->lock);
}

CK_RV file_secret(void *instance, struct bytes *secret)
{
    struct file_token *token = instance;
    CK_RV rv = CKR_OK;

    *secret = BYTES_EMPTY;
    pthread_mutex_lock(&token->lock);
    if (token->secret.size == 0)
        rv = CKR_USER_NOT_LOGGED_IN;
    else if (!bytes_copy(secret, token->secret.data, token->secret.size))
        rv = CKR_HOST_MEMORY;
    pthread_mutex_unlock(&token->lock);
    return rv;
}

CK_RV file_set_pin(void *instance, CK_USER_TYPE user, const struct bytes *old, const struct bytes *pin)
{
    struct file_token *token = instance;
    struct bytes secret = BYTES_EMPTY;
    CK_RV rv = CKR_OK;

    if (!token->has_pin)
        return token_secret_create(&sealer, token, &token->store, pin);
    if (old == NULL)
        rv = file_secret(token, &secret);
    if (rv == CKR_OK)
        rv = token_secret_seal(&sealer, token, &token->store, user, old, &secret, pin);
    note_answer(token, user, rv);
    bytes_free(&secret);
    return rv;
}

void file_token_info(void *instance, CK_TOKEN_INFO *info)
{
    struct file_token *token = instance;
    struct pinfile pins;

    if (!token->has_pin || pinfile_read(&token->store, PIN_FORM_FILE, &pins) != CKR_OK)
        return;
    if (pins.of[CKU_USER].block.size != 0)
        info->flags |= CKF_USER_PIN_INITIALIZED;
    if (was_wrong(token, CKU_USER))
        info->flags |= CKF_USER_PIN_COUNT_LOW;
    if (was_wrong(token, CKU_SO))
        info->flags |= CKF_SO_PIN_COUNT_LOW;
    pinfile_free(&pins);
}
