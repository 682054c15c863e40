/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/curve.h"

#include <string.h>

/* OBJECT IDENTIFIERs of RFC 5480, section 2.1.1.1. */
static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};

/* id-Ed25519 and id-X25519 of RFC 8410. */
static const uint8_t ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
static const uint8_t x25519[] = {0x06, 0x03, 0x2b, 0x65, 0x6e};

static const struct p11_curve curves[] = {
    {"P-256",   CKK_EC,            p256,    sizeof p256,    256, 32},
    {"P-384",   CKK_EC,            p384,    sizeof p384,    384, 48},
    {"P-521",   CKK_EC,            p521,    sizeof p521,    521, 66},
    {"ED25519", CKK_EC_EDWARDS,    ed25519, sizeof ed25519, 255, 32},
    {"X25519",  CKK_EC_MONTGOMERY, x25519,  sizeof x25519,  255, 32},
};

#define CURVES (sizeof curves / sizeof curves[0])

/* PKCS#11 3.0 current mechanisms, 2.3.3: curveName "edwards25519" and "curve25519" as a PrintableString; and
 * the curves' own OBJECT IDENTIFIERs 1.3.6.1.4.1.11591.15.1 and 1.3.6.1.4.1.3029.1.5.1, which OpenSC uses. */
static const uint8_t edwards25519_name[] = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r',
                                            'd',  's',  '2', '5', '5', '1', '9'};
static const uint8_t edwards25519_oid[] = {0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01};
static const uint8_t curve25519_name[] = {0x13, 0x0a, 'c', 'u', 'r', 'v', 'e', '2', '5', '5', '1', '9'};
static const uint8_t curve25519_oid[] = {0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04,
                                         0x01, 0x97, 0x55, 0x01, 0x05, 0x01};
/* What OpenSC 0.23 makes of curveName: its length is one too large. */
static const uint8_t curve25519_opensc[] = {0x13, 0x0b, 'c', 'u', 'r', 'v', 'e', '2', '5', '5', '1', '9'};

static const struct {
    const char *name;
    const uint8_t *params;
    size_t params_size;
} aliases[] = {
    {"ED25519", edwards25519_name, sizeof edwards25519_name},
    {"ED25519", edwards25519_oid,  sizeof edwards25519_oid },
    {"X25519",  curve25519_name,   sizeof curve25519_name  },
    {"X25519",  curve25519_opensc, sizeof curve25519_opensc},
    {"X25519",  curve25519_oid,    sizeof curve25519_oid   },
};

const struct p11_curve *p11_curve_by_params(const void *params, size_t size)
{
    for (size_t i = 0; i < CURVES; i++)
        if (curves[i].params_size == size && memcmp(curves[i].params, params, size) == 0)
            return &curves[i];
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (aliases[i].params_size == size && memcmp(aliases[i].params, params, size) == 0)
            return p11_curve_by_name(aliases[i].name, strlen(aliases[i].name));
    return NULL;
}

const struct p11_curve *p11_curve_by_name(const char *name, size_t length)
{
    for (size_t i = 0; i < CURVES; i++)
        if (strlen(curves[i].name) == length && memcmp(curves[i].name, name, length) == 0)
            return &curves[i];
    return NULL;
}
