/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_STREAM_H
#define DEVID_PKCS11_STREAM_H

#include "pkcs11/frame.h"

/*
 * Encryption and decryption with a secret key: the steps of a frame. What backends need not know is done
 * here: blocks that are not full yet, padding, tags behind the data, and the lengths. Multi-part GCM
 * decryption gives everything at its end, and nothing unless the tag is right.
 */
CK_RV stream_once(struct operation *operation, const struct call *call, bool encrypt);
CK_RV stream_update(struct operation *operation, const struct call *call, bool encrypt);
CK_RV stream_final(struct operation *operation, const struct call *call, bool encrypt);

/* What is collected at most until GCM's tag is there, in bytes. */
#define STREAM_COLLECTED_MAXIMUM (64U << 20)

#endif
