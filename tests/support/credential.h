/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_CREDENTIAL_H
#define DEVID_TESTS_SUPPORT_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a provisioning service does, in software: an HMAC key wrapped for one TPM's RSA-2048 endorsement and
 * storage root key (TPM 2.0 part 1, 23 and 24). Failures of libcrypto abort. */

struct test_credential {
    uint8_t inner_key[16];
    uint8_t key[32];        /* the HMAC key */
    uint8_t seed_value[32]; /* obscures it in the public area */
    uint8_t seed[32];       /* of the credential */
    uint8_t duplicate_seed[32];
    bool duplicate_policy; /* the public area has a policy, and so 80 bytes instead of 48 */
    size_t user_data;      /* bytes of the sixth field */
};

#define TEST_CREDENTIAL_MAXIMUM 2048

/* The numbers of the known-answer vectors. */
struct test_credential test_credential_known(void);

/* The fields, each with its size; answer how many bytes they wrote. `name` is 34 bytes. */
size_t test_credential_identity(const struct test_credential *from, const uint8_t *srk_name, uint8_t *out);
size_t test_credential_public(const struct test_credential *from, uint8_t *out);
size_t test_credential_duplicate(const struct test_credential *from, uint8_t *out);

/* The whole blob; `ek` and `srk` are TPM2B_PUBLIC. */
size_t test_credential_make(const struct test_credential *from, const uint8_t *ek, size_t ek_size,
                            const uint8_t *srk, size_t srk_size, uint8_t *out);

#endif
