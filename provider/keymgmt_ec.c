/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/keymgmt.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#define GROUP                                                                                                \
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),                                             \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),                                        \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0)

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM parameters[] = {GROUP, OSSL_PARAM_END};
    static const OSSL_PARAM public_half[] = {
        GROUP,
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };
    static const OSSL_PARAM whole[] = {
        GROUP,
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return whole;
    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? public_half : parameters;
}

static const char *operation_name(int operation)
{
    return operation == OSSL_OP_KEYEXCH ? "ECDH" : "ECDSA";
}

PROV_KEYMGMT_FUNCTIONS(prov_keymgmt_ec_functions, prov_key_ec, key_types, operation_name);
