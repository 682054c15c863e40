/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_TPM_PUBLIC_H
#define DEVID_EMULATOR_TPM_PUBLIC_H

#include "common/bytes.h"
#include "emulator/tpm_crypto.h"

/* A TPM's name for an object: the hash algorithm, then the hash of the public area. */
#define EMU_TPM_NAME_SIZE (2 + EMU_TPM_HASH_SIZE)

/* A storage key of a device's TPM, as it comes in an enrollment or a request. */
struct emu_tpm_public {
    EVP_PKEY *key;
    uint8_t name[EMU_TPM_NAME_SIZE];
};

/*
 * Reads a TPM2B_PUBLIC of a key that can protect other keys: RSA-2048 (the service knows no other), SHA-256
 * name, AES-128-CFB, restricted and for decryption. Other attributes are the maker's affair. Free *out in any
 * case. False: what is wrong with it, as the end of a sentence, in message[size].
 */
__attribute__((warn_unused_result)) bool emu_tpm_public_read(const struct bytes *wire,
                                                             struct emu_tpm_public *out, char *message,
                                                             size_t size);
void emu_tpm_public_free(struct emu_tpm_public *public);

#endif
