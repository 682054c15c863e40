/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/random.h"

#include "common/bytes.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/internal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

CK_RV soft_random(uint8_t *out, size_t size)
{
    if (size == 0 || RAND_priv_bytes_ex(soft_libctx(), out, size, 0) == 1)
        return CKR_OK;
    bytes_wipe(out, size);
    return p11_fail(CKR_FUNCTION_FAILED, "libcrypto has no random numbers");
}

CK_RV soft_random_seed(const uint8_t *seed, size_t size)
{
    EVP_RAND_CTX *generator = RAND_get0_private(soft_libctx());

    return generator != NULL && EVP_RAND_reseed(generator, 0, NULL, 0, seed, size) == 1
               ? CKR_OK
               : p11_fail(CKR_FUNCTION_FAILED, "libcrypto's random numbers cannot be seeded");
}
