/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypted key blocks: whatever is opened closes and opens again. */
#include "pkcs11/failure.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/pbes2.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

const char fuzz_seeds[] = "pbes2";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t secret_bytes[32] = {0xab, 0xcd, 0xef}; /* the seeds' */
    const struct bytes secret = {secret_bytes, sizeof secret_bytes};
    const struct bytes der = {(uint8_t *)(uintptr_t)data, size};
    struct bytes plain;
    struct bytes closed;
    struct bytes again;

    if (soft_start() != CKR_OK)
        abort();
    soft_enter();
    p11_failure_clear();
    if (soft_pbes2_open(&secret, &der, &plain) == CKR_OK) {
        if (soft_pbes2_close(&secret, &plain, &closed) != CKR_OK ||
            soft_pbes2_open(&secret, &closed, &again) != CKR_OK ||
            !bytes_equal(plain.data, plain.size, again.data, again.size))
            abort();
        bytes_free(&closed);
        bytes_free(&again);
    }
    bytes_free(&plain);
    soft_leave();
    return 0;
}
