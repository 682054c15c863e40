/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_CREDENTIAL_H
#define DEVID_EMULATOR_CREDENTIAL_H

#include "common/bytes.h"
#include "emulator/tpm_public.h"

/*
 * The blob by which the service hands a key to one TPM and to no other: what TPM2_MakeCredential and
 * TPM2_Duplicate would make of it, computed in software. The wire layout is in docs/pkcs11-vendor.md.
 */

#define EMU_CREDENTIAL_KEY_SIZE 32

/* Everything random in a blob. */
struct emu_credential_secrets {
    uint8_t inner_key[EMU_TPM_AES_SIZE];       /* what the TPM gets by ActivateCredential */
    uint8_t seed[EMU_TPM_HASH_SIZE];           /* of the credential, for the EK alone */
    uint8_t seed_value[EMU_TPM_HASH_SIZE];     /* blinds the name of the key that is handed over */
    uint8_t duplicate_seed[EMU_TPM_HASH_SIZE]; /* of the duplicate, for the SRK alone */
};

/*
 * The parts, each with its size in front, as they stand in the blob. All answer false when the library
 * refuses or memory runs out; *out is then empty.
 */

/* TPM2B_ID_OBJECT: the inner key, bound to the name of the SRK. */
__attribute__((warn_unused_result)) bool emu_credential_identity(const struct emu_credential_secrets *secrets,
                                                                 const uint8_t name[static EMU_TPM_NAME_SIZE],
                                                                 struct bytes *out);

/* TPM2B_PUBLIC of an HMAC key. */
__attribute__((warn_unused_result)) bool emu_credential_public(
    const struct emu_credential_secrets *secrets, const uint8_t key[static EMU_CREDENTIAL_KEY_SIZE],
    struct bytes *out);

/* TPM2B_PRIVATE: the key as a duplicate, wrapped by the inner key and by the duplicate's seed. `public` is
 * what emu_credential_public made. */
__attribute__((warn_unused_result)) bool emu_credential_duplicate(
    const struct emu_credential_secrets *secrets, const uint8_t key[static EMU_CREDENTIAL_KEY_SIZE],
    const struct bytes *public, struct bytes *out);

/* The whole blob around `key`, for the TPM with that EK and SRK. */
__attribute__((warn_unused_result)) bool emu_credential_make(
    const struct emu_tpm_public *ek, const struct emu_tpm_public *srk,
    const uint8_t key[static EMU_CREDENTIAL_KEY_SIZE], struct bytes *out);

#endif
