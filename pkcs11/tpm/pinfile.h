/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_PINFILE_H
#define DEVID_PKCS11_TPM_PINFILE_H

#include "common/bytes.h"

#include <p11-kit/pkcs11.h>

#include <stdbool.h>

#define PIN_FILE "pin.pem"

/* How a PIN becomes the auth value of the object that seals the token's secret (docs/store-format.md). */
struct tpm_pin {
    unsigned iterations; /* of PBKDF2-HMAC-SHA-256 */
    struct bytes salt;
    struct bytes block; /* DER of the sealed TSS2 object; empty: this user has no PIN */
};

/* The content of a pin.pem: one PIN a user, in the order of CKU_SO and CKU_USER. */
struct tpm_pins {
    struct tpm_pin of[2];
};

void tpm_pin_free(struct tpm_pin *pin);
void tpm_pins_free(struct tpm_pins *pins);

/* Whether the token directory has a pin.pem. */
bool tpm_pins_exist(const char *directory);
/* CKR_DEVICE_ERROR: it cannot be read, or is broken (said). */
CK_RV tpm_pins_read(const char *directory, struct tpm_pins *pins);
/* Replaces it in one step. The results of store_replace. */
CK_RV tpm_pins_write(const char *directory, const struct tpm_pins *pins);

#endif
