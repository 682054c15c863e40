/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_FILE_KEY_H
#define DEVID_PKCS11_FILE_KEY_H

#include "pkcs11/backend.h"

/* Shorter keys are read from files, but not made any more (NIST SP 800-131A). */
#define FILE_RSA_MINIMUM 2048

/* The backend's members that have files of their own. A `key` is a struct soft_private. */
CK_RV file_generate_pair(void *instance, const struct key_request *request, struct bytes *block);
CK_RV file_generate(void *instance, const struct key_request *request, struct bytes *block);
CK_RV file_import(void *instance, const struct attributes *attributes, struct bytes *block);
CK_RV file_sign(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                const uint8_t *input, size_t input_size, uint8_t *out, size_t size);
CK_RV file_decrypt(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                   const uint8_t *input, size_t input_size, struct bytes *out);
CK_RV file_derive(void *instance, void *key, const struct public_key *peer, struct bytes *secret);

#endif
