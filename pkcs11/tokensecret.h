/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TOKENSECRET_H
#define DEVID_PKCS11_TOKENSECRET_H

#include "pkcs11/pinfile.h"

#define TOKEN_SECRET_SIZE 32

/*
 * The secret of a token with PINs: random, made once, sealed for the user and for the SO. What the seals are
 * is the backend's; the life of the PINs is the same for all.
 */
struct token_sealer {
    enum pin_form form;
    /* CKR_PIN_INCORRECT, CKR_PIN_LOCKED; everything else is no fault of the PIN. *secret is the caller's. */
    CK_RV (*open)
    (void *instance, CK_USER_TYPE user, const struct pin_seal *seal, const struct bytes *pin,
     struct bytes *secret);
    CK_RV (*seal)
    (void *instance, CK_USER_TYPE user, const struct bytes *pin, const struct bytes *secret,
     struct pin_seal *out);
};

/* Opens the secret with a PIN. CKR_USER_PIN_NOT_INITIALIZED: the user has none. */
CK_RV token_secret_open(const struct token_sealer *sealer, void *instance, const struct store *store,
                        CK_USER_TYPE user, const struct bytes *pin, struct bytes *secret);

/* Seals the secret under a new PIN: with the old one or, where `old` is NULL, `secret` itself. */
CK_RV token_secret_seal(const struct token_sealer *sealer, void *instance, struct store *store,
                        CK_USER_TYPE user, const struct bytes *old, const struct bytes *secret,
                        const struct bytes *pin);

/* For a token in the making: a new secret, sealed for the SO. */
CK_RV token_secret_create(const struct token_sealer *sealer, void *instance, struct store *store,
                          const struct bytes *so_pin);

/* `size` random bytes of the kernel's. */
CK_RV token_random(struct bytes *out, size_t size);

#endif
