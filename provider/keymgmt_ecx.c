/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/keymgmt.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

/* Ed25519, Ed448, X25519 and X448: keys that are plain bytes. */

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

/* The algorithm of the only operation that there is with such keys is called as the type is. */
#define ECX_FUNCTIONS(list, type)                                                                            \
    static const char *list##_name(int operation)                                                            \
    {                                                                                                        \
        (void)operation;                                                                                     \
        return (type).name;                                                                                  \
    }                                                                                                        \
    PROV_KEYMGMT_FUNCTIONS(list, type, key_types, list##_name)

ECX_FUNCTIONS(prov_keymgmt_ed25519_functions, prov_key_ed25519);
ECX_FUNCTIONS(prov_keymgmt_x25519_functions, prov_key_x25519);
ECX_FUNCTIONS(prov_keymgmt_ed448_functions, prov_key_ed448);
ECX_FUNCTIONS(prov_keymgmt_x448_functions, prov_key_x448);
