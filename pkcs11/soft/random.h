/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_RANDOM_H
#define DEVID_PKCS11_SOFT_RANDOM_H

#include <p11-kit/pkcs11.h>

#include <stddef.h>
#include <stdint.h>

/* Random numbers of libcrypto's generator in this module's own context, which the system seeds: each thread
 * has its own, and a child after fork another. CKR_FUNCTION_FAILED, said: then `out` is wiped. */
CK_RV soft_random(uint8_t *out, size_t size);

/* Has the calling thread's generator seeded anew, with what the caller gives besides what the system gives:
 * a bad seed makes nothing worse. CKR_FUNCTION_FAILED, said. */
CK_RV soft_random_seed(const uint8_t *seed, size_t size);

#endif
