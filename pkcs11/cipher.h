/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_CIPHER_H
#define DEVID_PKCS11_CIPHER_H

#include "pkcs11/session.h"

/* What encryption and decryption have in common: one block goes in and one comes out, whatever the parts. */
struct cipher {
    CK_FLAGS flag;
    CK_OBJECT_CLASS object_class;
    CK_ATTRIBUTE_TYPE usage;
    /* The longest answer there can be, for callers that ask for the length. */
    size_t (*maximum)(const struct operation *operation);
    CK_RV (*run)(const struct operation *operation, const uint8_t *input, size_t size, struct bytes *out);
};

/* The bodies of C_...Init, C_..., C_...Update and C_...Final, between session_enter and session_leave. */
CK_RV cipher_begin(const struct cipher *cipher, struct session *session, struct operation *operation,
                   const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
CK_RV cipher_once(const struct cipher *cipher, struct operation *operation, const CK_BYTE *data,
                  CK_ULONG data_size, CK_BYTE *out, CK_ULONG *size);
CK_RV cipher_update(struct operation *operation, const CK_BYTE *part, CK_ULONG part_size, CK_ULONG *size);
CK_RV cipher_end(const struct cipher *cipher, struct operation *operation, CK_BYTE *out, CK_ULONG *size);

#endif
