/* SPDX-License-Identifier: Apache-2.0 */
/* The blob of a provisioning service: what is taken for one has all its fields, and an HMAC key in it. */
#include "pkcs11/failure.h"
#include "pkcs11/tpm/credential.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

const char fuzz_seeds[] = "credential";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tpm_credential credential;
    struct bytes blob;
    CK_RV rv;

    if (!bytes_copy(&blob, data, size))
        abort();
    p11_failure_clear();
    rv = tpm_credential_parse(&blob, &credential);
    if (rv == CKR_OK && (credential.credential.size == 0 || credential.duplicate.size == 0 ||
                         credential.public_area.publicArea.type != TPM2_ALG_KEYEDHASH))
        abort();
    if (rv != CKR_OK && rv != CKR_WRAPPED_KEY_INVALID && rv != CKR_WRAPPED_KEY_LEN_RANGE)
        abort();
    if (rv != CKR_OK && p11_failure_text()[0] == '\0')
        abort();
    bytes_free(&blob);
    return 0;
}
