/* SPDX-License-Identifier: Apache-2.0 */
/* The DER of a TSS2 PRIVATE KEY: what is read is written and read again alike; and the policy in it. */
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/tpm/policy.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

const char fuzz_seeds[] = "tsskey";

static bool same_policy(const struct tss_key *a, const struct tss_key *b)
{
    bool same =
        a->policy_count == b->policy_count && bytes_equal(a->auth_policies.data, a->auth_policies.size,
                                                          b->auth_policies.data, b->auth_policies.size);

    for (size_t i = 0; same && i < a->policy_count; i++)
        same = a->policy[i].code == b->policy[i].code &&
               bytes_equal(a->policy[i].command.data, a->policy[i].command.size, b->policy[i].command.data,
                           b->policy[i].command.size);
    return same;
}

static bool same(const struct tss_key *a, const struct tss_key *b)
{
    return a->kind == b->kind && a->empty_auth == b->empty_auth && a->rsa_parent == b->rsa_parent &&
           a->parent == b->parent && same_policy(a, b) &&
           bytes_equal(a->public.data, a->public.size, b->public.data, b->public.size) &&
           bytes_equal(a->private.data, a->private.size, b->private.data, b->private.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes der;
    struct bytes again;
    struct tss_key key;
    struct tss_key reread;
    struct tpm_policy *policy;

    if (soft_start() != CKR_OK || !bytes_copy(&der, data, size))
        abort();
    if (soft_tss_key_read(&der, &key) == CKR_OK) {
        if (soft_tss_key_write(&key, &again) != CKR_OK || soft_tss_key_read(&again, &reread) != CKR_OK ||
            !same(&key, &reread))
            abort();
        if (soft_tss_key_is_sealed(&der) && key.kind != TSS_KEY_SEALED)
            abort();
        if (tpm_policy_read(&key, &policy) == CKR_OK)
            tpm_policy_free(policy);
        tss_key_free(&reread);
        bytes_free(&again);
        tss_key_free(&key);
    }
    bytes_free(&der);
    return 0;
}
