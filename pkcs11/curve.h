/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_CURVE_H
#define DEVID_PKCS11_CURVE_H

#include <stddef.h>
#include <stdint.h>

/* A named curve: what CKA_EC_PARAMS says in DER, and sizes. */
struct p11_curve {
    const char *name;      /* NIST's: "P-256" */
    const uint8_t *params; /* DER OBJECT IDENTIFIER */
    size_t params_size;
    size_t bits;
    size_t field_size; /* bytes of a coordinate, and of r and s */
};

/* Rows live for ever. NULL: no such curve here. */
const struct p11_curve *p11_curve_by_params(const void *params, size_t size);
const struct p11_curve *p11_curve_by_name(const char *name, size_t length);

#endif
