/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/keymgmt.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

/* Ed25519 and X25519: keys that are plain bytes. */

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM nothing[] = {OSSL_PARAM_END};
    static const OSSL_PARAM public_half[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };
    static const OSSL_PARAM whole[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return whole;
    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? public_half : nothing;
}

static const char *edwards_name(int operation)
{
    (void)operation;
    return "ED25519";
}

static const char *montgomery_name(int operation)
{
    (void)operation;
    return "X25519";
}

PROV_KEYMGMT_FUNCTIONS(prov_keymgmt_ed25519_functions, prov_key_ed25519, key_types, edwards_name);
PROV_KEYMGMT_FUNCTIONS(prov_keymgmt_x25519_functions, prov_key_x25519, key_types, montgomery_name);
