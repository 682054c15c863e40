/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tokensecret.h"

#include "pkcs11/failure.h"

#include <sys/random.h>

/* How often a change begins anew because another process changed the same PIN. */
#define TRIES 4

CK_RV token_random(struct bytes *out, size_t size)
{
    if (!bytes_alloc(out, size))
        return CKR_HOST_MEMORY;
    return getrandom(out->data, size, 0) == (ssize_t)size
               ? CKR_OK
               : p11_fail(CKR_GENERAL_ERROR, "the kernel gives no random numbers");
}

static CK_RV open_seal(const struct token_sealer *sealer, void *instance, const struct store *store,
                       CK_USER_TYPE user, const struct pin_seal *seal, const struct bytes *pin,
                       struct bytes *secret)
{
    CK_RV rv;

    *secret = BYTES_EMPTY;
    if (seal->block.size == 0)
        return p11_fail(CKR_USER_PIN_NOT_INITIALIZED,
                        "token %s has no user PIN yet; the SO sets it (C_InitPIN)", store->path);
    rv = sealer->open(instance, user, seal, pin, secret);
    if (rv == CKR_OK && secret->size != TOKEN_SECRET_SIZE) {
        bytes_free(secret);
        rv = p11_fail(CKR_DEVICE_ERROR, "%s/" PIN_FILE " seals no token secret", store->path);
    }
    return rv;
}

CK_RV token_secret_open(const struct token_sealer *sealer, void *instance, const struct store *store,
                        CK_USER_TYPE user, const struct bytes *pin, struct bytes *secret)
{
    struct pinfile pins;
    CK_RV rv = pinfile_read(store, sealer->form, &pins);

    *secret = BYTES_EMPTY;
    if (rv == CKR_OK)
        rv = open_seal(sealer, instance, store, user, &pins.of[user], pin, secret);
    pinfile_free(&pins);
    return rv;
}

/* The slow part is done without the writers' lock; who comes second with an old PIN that was replaced
 * meanwhile finds that out. */
static CK_RV change_pin(const struct token_sealer *sealer, void *instance, struct store *store,
                        CK_USER_TYPE user, const struct bytes *old, const struct bytes *pin)
{
    struct bytes secret = BYTES_EMPTY;
    struct pin_seal made = {0};
    struct pinfile pins;
    CK_RV rv = pinfile_read(store, sealer->form, &pins);

    if (rv == CKR_OK)
        rv = open_seal(sealer, instance, store, user, &pins.of[user], old, &secret);
    if (rv == CKR_OK)
        rv = sealer->seal(instance, user, pin, &secret, &made);
    if (rv == CKR_OK)
        rv = pinfile_change(store, sealer->form, user, &made, &pins);
    pin_seal_free(&made);
    bytes_free(&secret);
    pinfile_free(&pins);
    return rv;
}

static CK_RV set_pin(const struct token_sealer *sealer, void *instance, struct store *store,
                     CK_USER_TYPE user, const struct bytes *secret, const struct bytes *pin)
{
    struct pin_seal made = {0};
    CK_RV rv = sealer->seal(instance, user, pin, secret, &made);

    if (rv == CKR_OK)
        rv = pinfile_change(store, sealer->form, user, &made, NULL);
    pin_seal_free(&made);
    return rv;
}

CK_RV token_secret_seal(const struct token_sealer *sealer, void *instance, struct store *store,
                        CK_USER_TYPE user, const struct bytes *old, const struct bytes *secret,
                        const struct bytes *pin)
{
    CK_RV rv = CKR_FUNCTION_CANCELED;

    if (old == NULL)
        return set_pin(sealer, instance, store, user, secret, pin);
    for (int i = 0; rv == CKR_FUNCTION_CANCELED && i < TRIES; i++)
        rv = change_pin(sealer, instance, store, user, old, pin);
    return rv != CKR_FUNCTION_CANCELED
               ? rv
               : p11_fail(CKR_DEVICE_ERROR, "%s/" PIN_FILE " changes all the time", store->path);
}

CK_RV token_secret_create(const struct token_sealer *sealer, void *instance, struct store *store,
                          const struct bytes *so_pin)
{
    struct pinfile pins = {.form = sealer->form};
    struct bytes secret;
    CK_RV rv = token_random(&secret, TOKEN_SECRET_SIZE);

    if (rv == CKR_OK)
        rv = sealer->seal(instance, CKU_SO, so_pin, &secret, &pins.of[CKU_SO]);
    if (rv == CKR_OK)
        rv = pinfile_create(store, &pins);
    pinfile_free(&pins);
    bytes_free(&secret);
    return rv;
}
