/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_ASSEMBLE_H
#define DEVID_PKCS11_SOFT_ASSEMBLE_H

#include "pkcs11/attribute.h"

#include "common/bytes.h"

/*
 * Makes a PKCS#8 PrivateKeyInfo of the numbers of a private or secret key, as C_CreateObject is given them
 * (CKA_KEY_TYPE and the type's own), and proves that they are one key. RSA primes may be left out, and with
 * them or without, the CRT members: they are worked out. A secret key is its CKA_VALUE, of a size that the
 * type permits. Each refusal is said: CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID (a number that
 * cannot be), CKR_TEMPLATE_INCONSISTENT (numbers that do not belong together), CKR_CURVE_NOT_SUPPORTED.
 */
CK_RV soft_assemble(const struct attributes *attributes, struct bytes *der);

#endif
