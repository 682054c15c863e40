/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_TPM_CRYPTO_H
#define DEVID_EMULATOR_TPM_CRYPTO_H

#include "common/bytes.h"

#include <openssl/evp.h>

/* The few computations of a TPM (TPM 2.0 Library, part 1) that make a credential, in software. */

#define EMU_TPM_HASH_SIZE 32 /* all names and integrity values here are SHA-256 */
#define EMU_TPM_AES_SIZE 16  /* and all keys AES-128 */

/* All answer false when the library refuses or memory runs out. */

/* KDFa, 11.4.10.2, with an empty contextV. `size` is at most EMU_TPM_HASH_SIZE: one round. */
__attribute__((warn_unused_result)) bool emu_tpm_kdfa(const uint8_t key[static EMU_TPM_HASH_SIZE],
                                                      const char *label, const struct bytes *context,
                                                      size_t size, uint8_t *out);

/* AES-128 in CFB mode from an IV of zero; out has room for `size`. */
__attribute__((warn_unused_result)) bool emu_tpm_cfb(const uint8_t key[static EMU_TPM_AES_SIZE],
                                                     const void *data, size_t size, uint8_t *out);

/* HMAC over a followed by b. */
__attribute__((warn_unused_result)) bool emu_tpm_hmac(const uint8_t key[static EMU_TPM_HASH_SIZE],
                                                      const struct bytes *a, const struct bytes *b,
                                                      uint8_t out[static EMU_TPM_HASH_SIZE]);

/* SHA-256 over a followed by b. */
__attribute__((warn_unused_result)) bool emu_tpm_hash(const struct bytes *a, const struct bytes *b,
                                                      uint8_t out[static EMU_TPM_HASH_SIZE]);

/* RSA-OAEP with SHA-256; the label counts with its NUL, as TPMs have it (B.4). */
__attribute__((warn_unused_result)) bool emu_tpm_oaep(EVP_PKEY *key, const char *label, const void *data,
                                                      size_t size, struct bytes *out);

#endif
