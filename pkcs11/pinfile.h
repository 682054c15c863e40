/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_PINFILE_H
#define DEVID_PKCS11_PINFILE_H

#include "pkcs11/store.h"

#include <stdbool.h>

#define PIN_FILE "pin.pem"

/* The two kinds of pin.pem (docs/store-format.md): what the blocks are, and how a PIN opens them. */
enum pin_form {
    PIN_FORM_TPM,  /* TSS2 objects; PBKDF2 makes their auth value of the PIN */
    PIN_FORM_FILE, /* AES-256-GCM; scrypt makes the key of the PIN */
};

/* The token's secret, sealed for one user. */
struct pin_seal {
    unsigned iterations; /* of PBKDF2-HMAC-SHA-256 */
    unsigned cost;       /* of scrypt: N, a power of two */
    unsigned block_size; /* r */
    unsigned parallel;   /* p */
    struct bytes salt;
    struct bytes block; /* empty: this user has no PIN */
};

/* The content of a pin.pem: one PIN a user, in the order of CKU_SO and CKU_USER. */
struct pinfile {
    enum pin_form form;
    struct pin_seal of[2];
};

void pin_seal_free(struct pin_seal *seal);
void pinfile_free(struct pinfile *pins);

/* Whether the token directory has a pin.pem. */
bool pinfile_exists(const struct store *store);
/* CKR_DEVICE_ERROR: it cannot be read, is broken, or of the other kind (said). */
CK_RV pinfile_read(const struct store *store, enum pin_form form, struct pinfile *pins);

/* Makes the file. The results of store_replace. */
CK_RV pinfile_create(struct store *store, const struct pinfile *pins);
/*
 * Puts a new seal into the file that is there, under the writers' lock: what another process did to the other
 * user's PIN meanwhile stays. CKR_FUNCTION_CANCELED: the user's PIN is no longer the one in `seen` (NULL: it
 * does not matter), and nothing was changed. Else as store_edit.
 */
CK_RV pinfile_change(struct store *store, enum pin_form form, CK_USER_TYPE user, const struct pin_seal *seal,
                     const struct pinfile *seen);

/* The text of the file, and back. False: it is broken, or of the other kind. */
bool pinfile_parse(enum pin_form form, const char *text, size_t size, struct pinfile *pins);
CK_RV pinfile_write(const struct pinfile *pins, struct buffer *text);

/* The lines above a user's block, as they are written. */
void pinfile_heading(enum pin_form form, CK_USER_TYPE user, const struct pin_seal *seal, struct buffer *out);

#endif
