/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out of a wrapped private key: bytes that anyone may have put in. What is taken for a key is one,
 * and what it is written to is read again alike. */
#include "pkcs11/curve.h"
#include "pkcs11/soft/assemble.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/plain.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

const char fuzz_seeds[] = "pkcs8";

/* A key of its own making has no excuse. */
static void read_again(const struct bytes *block)
{
    struct attributes numbers = {0};
    struct soft_private *key;
    struct public_key public;
    struct bytes plain;

    if (soft_private_read(block, &key, &public) != CKR_OK)
        abort();
    if (soft_private_plain(key, &plain) != CKR_OK || soft_plain_attributes(&plain, &numbers) != CKR_OK)
        abort();
    attributes_free(&numbers);
    bytes_free(&plain);
    public_key_free(&public);
    soft_private_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct attributes numbers = {0};
    struct bytes der;
    struct bytes block;

    if (soft_start() != CKR_OK || !bytes_copy(&der, data, size))
        abort();
    if (soft_plain_attributes(&der, &numbers) == CKR_OK && soft_assemble(&numbers, &block) == CKR_OK) {
        read_again(&block);
        bytes_free(&block);
    }
    attributes_free(&numbers);
    bytes_free(&der);
    return 0;
}
