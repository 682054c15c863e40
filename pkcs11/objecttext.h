/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_OBJECTTEXT_H
#define DEVID_PKCS11_OBJECTTEXT_H

#include "common/buffer.h"
#include "pkcs11/object.h"

/*
 * The text of a new file for a certificate, a public key or a data object, and how such files' names end.
 * What is private is locked where the token has a PIN (pkcs11/lock.h). `text` is made here and freed by the
 * caller, also on failure. CKR_FUNCTION_NOT_SUPPORTED: objects of this class are made by a backend.
 */
CK_RV objecttext_write(const struct token *token, const struct object *object, struct buffer *text,
                       const char **suffix);

/* Adds the PEM block alone. */
CK_RV objecttext_write_block(const struct token *token, const struct object *object, struct buffer *text);

/* The content of a DEVID DATA block: an OCTET STRING in DER. `value` is a view of it. CKR_DATA_INVALID. */
CK_RV objecttext_read_data(const struct bytes *der, struct bytes *value);

#endif
