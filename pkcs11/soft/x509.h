/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_X509_H
#define DEVID_PKCS11_SOFT_X509_H

#include "pkcs11/attribute.h"

#include "common/bytes.h"

/* Sets what PKCS#11 derives from an X.509 certificate: CKA_SUBJECT, ISSUER, SERIAL_NUMBER (DER each), VALUE,
 * START_DATE, END_DATE, PUBLIC_KEY_INFO, CHECK_VALUE, and CKA_ID as soft_public_id does when `attributes` has
 * none. CKR_DATA_INVALID: the DER has not the frame of a certificate; whether names, key and extensions are
 * good is not looked at (soft_certificate_valid does). */
CK_RV soft_certificate_attributes(const struct bytes *der, struct attributes *attributes);

/* Whether libcrypto takes it for a certificate. */
bool soft_certificate_valid(const struct bytes *der);

#endif
