/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_KEYMGMT_H
#define DEVID_PROVIDER_KEYMGMT_H

#include "provider/key.h"

#include <openssl/core_dispatch.h>

extern const OSSL_DISPATCH prov_keymgmt_rsa_functions[];
extern const OSSL_DISPATCH prov_keymgmt_ec_functions[];

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
int prov_keymgmt_set_params(void *key, const OSSL_PARAM params[]);
void *prov_keymgmt_dup(const void *key, int selection);

/* Lists of parameters, as the default provider's key management of the type has them. */
typedef const OSSL_PARAM *prov_keymgmt_list(const EVP_KEYMGMT *keymgmt);
const OSSL_PARAM *prov_keymgmt_list_of(void *provider, const char *type, prov_keymgmt_list *list);

/* Generation, always of software keys. */
void *prov_keygen_init(void *provider, const struct prov_key_type *type, int selection,
                       const OSSL_PARAM params[]);
int prov_keygen_set_template(void *generation, void *key);
int prov_keygen_set_params(void *generation, const OSSL_PARAM params[]);
void *prov_keygen_generate(void *generation, OSSL_CALLBACK *callback, void *data);
void prov_keygen_free(void *generation);

#endif
