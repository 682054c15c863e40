/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_OPERATION_H
#define DEVID_PROVIDER_OPERATION_H

#include "provider/key.h"

/*
 * A decryption or a key agreement. The default provider does it in the private context, with the public half
 * or the software key, and holds and checks the parameters in every case; for a token's key one step of it is
 * replaced. The functions have the contracts of provider-asym_cipher(7) and provider-keyexch(7).
 */
struct prov_operation {
    struct provider *provider;
    struct prov_key *key;
    struct prov_key *peer; /* of a key agreement: the other side's public key */
    EVP_PKEY_CTX *context; /* NULL until it is initialised */
};

void *prov_operation_new(void *provider);
void prov_operation_free(void *operation);
void *prov_operation_dup(void *operation);
int prov_operation_get_params(void *operation, OSSL_PARAM params[]);
int prov_operation_set_params(void *operation, const OSSL_PARAM params[]);

typedef int prov_operation_begin(EVP_PKEY_CTX *context, const OSSL_PARAM params[]);
/* A NULL key keeps the one of the last initialisation. */
int prov_operation_init(struct prov_operation *operation, void *key, const OSSL_PARAM params[],
                        prov_operation_begin *begin);

/* Adds "not supported" for the operation's key, which is a token's; answers 0. */
int prov_operation_refuse(const struct prov_operation *operation, const char *what);

#endif
