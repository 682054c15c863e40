/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_KDF_H
#define DEVID_PKCS11_SOFT_KDF_H

#include "pkcs11/soft/hmac.h"

/* What a TPM's key derivation functions take besides the key: a label (its NUL goes in too), and what the two
 * parties bring. */
struct soft_kdf_input {
    const char *label;
    struct soft_piece u;
    struct soft_piece v;
};

/* KDFa (TPM 2.0 part 1, 11.4.10.2): SP 800-108 in counter mode with HMAC. `size` bytes are written. */
CK_RV soft_kdfa(enum p11_hash hash, const void *key, size_t key_size, const struct soft_kdf_input *input,
                uint8_t *out, size_t size);

/* KDFe (TPM 2.0 part 1, 11.4.10.3): SP 800-56A concatenation over an ECDH secret. */
CK_RV soft_kdfe(enum p11_hash hash, const void *secret, size_t secret_size,
                const struct soft_kdf_input *input, uint8_t *out, size_t size);

/* The KDF of ANSI X9.63 (SEC 1, 3.6.1) over an ECDH secret: a counter and what the parties share go in after
 * it. */
CK_RV soft_x963(enum p11_hash hash, const struct bytes *secret, const struct bytes *shared, uint8_t *out,
                size_t size);

/* PBKDF2 (RFC 8018, 5.2) with HMAC. CKR_GENERAL_ERROR: libcrypto refuses the parameters. */
CK_RV soft_pbkdf2(enum p11_hash hash, const void *password, size_t password_size, const void *salt,
                  size_t salt_size, unsigned iterations, uint8_t *out, size_t size);

/* scrypt (RFC 7914): N, r and p, which decide time and memory (128 * N * r bytes). CKR_HOST_MEMORY, said. */
struct soft_scrypt_cost {
    unsigned n;
    unsigned r;
    unsigned p;
};
CK_RV soft_scrypt(const void *password, size_t password_size, const struct bytes *salt,
                  const struct soft_scrypt_cost *cost, uint8_t *out, size_t size);

#endif
