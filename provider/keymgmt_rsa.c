/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/keymgmt.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#define PUBLIC OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0)
#define PRIVATE                                                                                              \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_D, NULL, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR1, NULL, 0),      \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR2, NULL, 0),                                                 \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT1, NULL, 0),                                               \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT2, NULL, 0),                                               \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, NULL, 0)

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM public_half[] = {PUBLIC, OSSL_PARAM_END};
    static const OSSL_PARAM whole[] = {PUBLIC, PRIVATE, OSSL_PARAM_END};

    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? whole : public_half;
}

static const char *operation_name(int operation)
{
    (void)operation;
    return "RSA";
}

PROV_KEYMGMT_FUNCTIONS(prov_keymgmt_rsa_functions, prov_key_rsa, key_types, operation_name);

/* The restrictions of a key that does nothing but PSS. */
#define PSS                                                                                                  \
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_DIGEST, NULL, 0),                                             \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MASKGENFUNC, NULL, 0),                                    \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, NULL, 0),                                    \
        OSSL_PARAM_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, NULL)

static const OSSL_PARAM *pss_key_types(int selection)
{
    static const OSSL_PARAM public_half[] = {PUBLIC, PSS, OSSL_PARAM_END};
    static const OSSL_PARAM whole[] = {PUBLIC, PRIVATE, PSS, OSSL_PARAM_END};

    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? whole : public_half;
}

PROV_KEYMGMT_FUNCTIONS(prov_keymgmt_rsa_pss_functions, prov_key_rsa_pss, pss_key_types, operation_name);
