/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_CURVE_H
#define DEVID_PKCS11_CURVE_H

#include <p11-kit/pkcs11.h>

#include <stddef.h>
#include <stdint.h>

/* PKCS#11 3.0, for headers that stop at 2.40. */
#ifndef CKK_EC_MONTGOMERY
#define CKK_EC_MONTGOMERY 0x41UL
#endif

/* A named curve: what CKA_EC_PARAMS says in DER, and sizes. */
struct p11_curve {
    const char *name;      /* NIST's and those of RFC 8410, which libcrypto knows too: "P-256" */
    CK_KEY_TYPE key_type;  /* of keys on it */
    const uint8_t *params; /* DER OBJECT IDENTIFIER */
    size_t params_size;
    size_t bits;
    size_t field_size; /* bytes of a coordinate, and of r and s */
};

/* Rows live for ever. NULL: no such curve here. Names that PKCS#11 3.0 has for a curve besides `params` are
 * understood too. */
const struct p11_curve *p11_curve_by_params(const void *params, size_t size);
const struct p11_curve *p11_curve_by_name(const char *name, size_t length);

#endif
