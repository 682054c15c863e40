/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/keymgmt.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

static void *new_key(void *provider)
{
    return prov_key_new(provider, &prov_key_ec);
}

static void *generate_init(void *provider, int selection, const OSSL_PARAM params[])
{
    return prov_keygen_init(provider, &prov_key_ec, selection, params);
}

static const OSSL_PARAM *gettable_params(void *provider)
{
    return prov_keymgmt_list_of(provider, "EC", EVP_KEYMGMT_gettable_params);
}

static const OSSL_PARAM *settable_params(void *provider)
{
    return prov_keymgmt_list_of(provider, "EC", EVP_KEYMGMT_settable_params);
}

static const OSSL_PARAM *generate_settable_params(void *generation, void *provider)
{
    (void)generation;
    return prov_keymgmt_list_of(provider, "EC", EVP_KEYMGMT_gen_settable_params);
}

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

const OSSL_DISPATCH prov_keymgmt_ec_functions[] = {
    {OSSL_FUNC_KEYMGMT_NEW,                  (void (*)(void))new_key                 },
    {OSSL_FUNC_KEYMGMT_FREE,                 (void (*)(void))prov_keymgmt_free       },
    {OSSL_FUNC_KEYMGMT_LOAD,                 (void (*)(void))prov_keymgmt_load       },
    {OSSL_FUNC_KEYMGMT_HAS,                  (void (*)(void))prov_keymgmt_has        },
    {OSSL_FUNC_KEYMGMT_MATCH,                (void (*)(void))prov_keymgmt_match      },
    {OSSL_FUNC_KEYMGMT_VALIDATE,             (void (*)(void))prov_keymgmt_validate   },
    {OSSL_FUNC_KEYMGMT_IMPORT,               (void (*)(void))prov_keymgmt_import     },
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES,         (void (*)(void))key_types               },
    {OSSL_FUNC_KEYMGMT_EXPORT,               (void (*)(void))prov_keymgmt_export     },
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES,         (void (*)(void))key_types               },
    {OSSL_FUNC_KEYMGMT_GET_PARAMS,           (void (*)(void))prov_keymgmt_get_params },
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,      (void (*)(void))gettable_params         },
    {OSSL_FUNC_KEYMGMT_SET_PARAMS,           (void (*)(void))prov_keymgmt_set_params },
    {OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS,      (void (*)(void))settable_params         },
    {OSSL_FUNC_KEYMGMT_DUP,                  (void (*)(void))prov_keymgmt_dup        },
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))operation_name          },
    {OSSL_FUNC_KEYMGMT_GEN_INIT,             (void (*)(void))generate_init           },
    {OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE,     (void (*)(void))prov_keygen_set_template},
    {OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS,       (void (*)(void))prov_keygen_set_params  },
    {OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS,  (void (*)(void))generate_settable_params},
    {OSSL_FUNC_KEYMGMT_GEN,                  (void (*)(void))prov_keygen_generate    },
    {OSSL_FUNC_KEYMGMT_GEN_CLEANUP,          (void (*)(void))prov_keygen_free        },
    {0,                                      NULL                                    },
};
