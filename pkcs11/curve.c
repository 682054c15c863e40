/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/curve.h"

#include <string.h>

/* OBJECT IDENTIFIERs of RFC 5480, section 2.1.1.1. */
static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};

static const struct p11_curve curves[] = {
    {"P-256", p256, sizeof p256, 256, 32},
    {"P-384", p384, sizeof p384, 384, 48},
    {"P-521", p521, sizeof p521, 521, 66},
};

#define CURVES (sizeof curves / sizeof curves[0])

const struct p11_curve *p11_curve_by_params(const void *params, size_t size)
{
    for (size_t i = 0; i < CURVES; i++)
        if (curves[i].params_size == size && memcmp(curves[i].params, params, size) == 0)
            return &curves[i];
    return NULL;
}

const struct p11_curve *p11_curve_by_name(const char *name, size_t length)
{
    for (size_t i = 0; i < CURVES; i++)
        if (strlen(curves[i].name) == length && memcmp(curves[i].name, name, length) == 0)
            return &curves[i];
    return NULL;
}
