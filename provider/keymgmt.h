/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_KEYMGMT_H
#define DEVID_PROVIDER_KEYMGMT_H

#include "provider/key.h"

#include <openssl/core_dispatch.h>

extern const OSSL_DISPATCH prov_keymgmt_rsa_functions[];
extern const OSSL_DISPATCH prov_keymgmt_rsa_pss_functions[];
extern const OSSL_DISPATCH prov_keymgmt_ec_functions[];
extern const OSSL_DISPATCH prov_keymgmt_ed25519_functions[];
extern const OSSL_DISPATCH prov_keymgmt_x25519_functions[];
extern const OSSL_DISPATCH prov_keymgmt_ed448_functions[];
extern const OSSL_DISPATCH prov_keymgmt_x448_functions[];
extern const OSSL_DISPATCH prov_keymgmt_hmac_functions[];

/* The parameter by which a token's key tells its URI. */
#define PROV_PARAM_URI "pkcs11-uri"

/*
 * What the two lists share: everything that the public half or a software key does is done by the default
 * provider in the private context. Names and contracts are those of provider-keymgmt(7).
 */
void prov_keymgmt_free(void *key);
void *prov_keymgmt_load(const void *reference, size_t size);
int prov_keymgmt_has(const void *key, int selection);
int prov_keymgmt_match(const void *a, const void *b, int selection);
int prov_keymgmt_validate(const void *key, int selection, int thoroughness);
int prov_keymgmt_import(void *key, int selection, const OSSL_PARAM params[]);
int prov_keymgmt_export(void *key, int selection, OSSL_CALLBACK *callback, void *data);
int prov_keymgmt_get_params(void *key, OSSL_PARAM params[]);
int prov_keymgmt_get_uri(const struct prov_key *key, OSSL_PARAM params[]); /* PROV_PARAM_URI alone */
int prov_keymgmt_set_params(void *key, const OSSL_PARAM params[]);
void *prov_keymgmt_dup(const void *key, int selection);

/* Lists of parameters, as the default provider's key management of the type has them. */
typedef const OSSL_PARAM *prov_keymgmt_list(const EVP_KEYMGMT *keymgmt);
const OSSL_PARAM *prov_keymgmt_list_of(void *provider, const char *type, prov_keymgmt_list *list);

/*
 * The list of a type and those of its functions that get no key to tell the type by. `types` is what the key
 * consists of, for import and export; `operation` names the algorithm for an OSSL_OP_ number.
 */
#define PROV_KEYMGMT_FUNCTIONS(list, type, types, operation)                                                 \
    static void *list##_new(void *provider)                                                                  \
    {                                                                                                        \
        return prov_key_new(provider, &(type));                                                              \
    }                                                                                                        \
    static void *list##_generate_init(void *provider, int selection, const OSSL_PARAM params[])              \
    {                                                                                                        \
        return prov_keygen_init(provider, &(type), selection, params);                                       \
    }                                                                                                        \
    static const OSSL_PARAM *list##_gettable(void *provider)                                                 \
    {                                                                                                        \
        return prov_keymgmt_list_of(provider, (type).name, EVP_KEYMGMT_gettable_params);                     \
    }                                                                                                        \
    static const OSSL_PARAM *list##_settable(void *provider)                                                 \
    {                                                                                                        \
        return prov_keymgmt_list_of(provider, (type).name, EVP_KEYMGMT_settable_params);                     \
    }                                                                                                        \
    static const OSSL_PARAM *list##_generate_settable(void *generation, void *provider)                      \
    {                                                                                                        \
        (void)generation;                                                                                    \
        (void)provider;                                                                                      \
        return prov_keygen_settable_params(&(type));                                                         \
    }                                                                                                        \
    const OSSL_DISPATCH list[] = {                                                                           \
        {OSSL_FUNC_KEYMGMT_NEW,                  (void (*)(void))list##_new              },                                                 \
        {OSSL_FUNC_KEYMGMT_FREE,                 (void (*)(void))prov_keymgmt_free       },                                         \
        {OSSL_FUNC_KEYMGMT_LOAD,                 (void (*)(void))prov_keymgmt_load       },                                         \
        {OSSL_FUNC_KEYMGMT_HAS,                  (void (*)(void))prov_keymgmt_has        },                                           \
        {OSSL_FUNC_KEYMGMT_MATCH,                (void (*)(void))prov_keymgmt_match      },                                       \
        {OSSL_FUNC_KEYMGMT_VALIDATE,             (void (*)(void))prov_keymgmt_validate   },                                 \
        {OSSL_FUNC_KEYMGMT_IMPORT,               (void (*)(void))prov_keymgmt_import     },                                     \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES,         (void (*)(void))types                   },                                             \
        {OSSL_FUNC_KEYMGMT_EXPORT,               (void (*)(void))prov_keymgmt_export     },                                     \
        {OSSL_FUNC_KEYMGMT_EXPORT_TYPES,         (void (*)(void))types                   },                                             \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS,           (void (*)(void))prov_keymgmt_get_params },                             \
        {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,      (void (*)(void))list##_gettable         },                                \
        {OSSL_FUNC_KEYMGMT_SET_PARAMS,           (void (*)(void))prov_keymgmt_set_params },                             \
        {OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS,      (void (*)(void))list##_settable         },                                \
        {OSSL_FUNC_KEYMGMT_DUP,                  (void (*)(void))prov_keymgmt_dup        },                                           \
        {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))operation               },                                 \
        {OSSL_FUNC_KEYMGMT_GEN_INIT,             (void (*)(void))list##_generate_init    },                                  \
        {OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE,     (void (*)(void))prov_keygen_set_template},                      \
        {OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS,       (void (*)(void))prov_keygen_set_params  },                          \
        {OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS,  (void (*)(void))list##_generate_settable},                   \
        {OSSL_FUNC_KEYMGMT_GEN,                  (void (*)(void))prov_keygen_generate    },                                       \
        {OSSL_FUNC_KEYMGMT_GEN_CLEANUP,          (void (*)(void))prov_keygen_free        },                                   \
        {0,                                      NULL                                    },                                                                                           \
    }

/* Generation: of software keys, unless a token or a TPM's file is asked for (keygen.c). */
const OSSL_PARAM *prov_keygen_settable_params(const struct prov_key_type *type);
void *prov_keygen_init(void *provider, const struct prov_key_type *type, int selection,
                       const OSSL_PARAM params[]);
int prov_keygen_set_template(void *generation, void *key);
int prov_keygen_set_params(void *generation, const OSSL_PARAM params[]);
void *prov_keygen_generate(void *generation, OSSL_CALLBACK *callback, void *data);
void prov_keygen_free(void *generation);

#endif
