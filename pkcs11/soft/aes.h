/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_AES_H
#define DEVID_PKCS11_SOFT_AES_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOFT_AES_BLOCK 16

/* One block, encrypted in place by the bare cipher (ECB); the key has 16, 24 or 32 bytes. */
CK_RV soft_aes_block(const uint8_t *key, size_t key_size, uint8_t block[SOFT_AES_BLOCK]);

/* AES-128 in CFB mode with whole-block feedback, as TPMs use it (TPM 2.0 part 1, 21.3), in place. */
CK_RV soft_aes128_cfb(bool encrypt, const uint8_t key[16], const uint8_t iv[SOFT_AES_BLOCK], uint8_t *data,
                      size_t size);
/* The same with AES-256. */
CK_RV soft_aes256_cfb(bool encrypt, const uint8_t key[32], const uint8_t iv[SOFT_AES_BLOCK], uint8_t *data,
                      size_t size);

#endif
