/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_PROVIDER_H
#define DEVID_PROVIDER_PROVIDER_H

#include "provider/algorithms.h"
#include "provider/config.h"
#include "provider/core.h"

#include <openssl/provider.h>
#include <openssl/types.h>
#include <pthread.h>
#include <stdatomic.h>

struct prov_key;
struct prov_module;
struct prov_read_pin;

/* Room for a sentence of the module, see prov_error_note. */
#define PROV_NOTE_SIZE 512

/*
 * One instance of the provider: libcrypto makes one for each library context that loads it. Everything but
 * `modules`, `read_pins` and `recent` is written once, when the instance is made.
 */
struct provider {
    struct prov_core core;
    struct prov_config config;
    char *problem; /* why no token is used: openssl.cnf is wrong, where nobody would hear of it; else NULL */
    struct prov_algorithms algorithms;
    /* A context of our own with nothing but the default provider: public keys, digests and software keys live
     * there, so that no setting of the application leads such work back to a token. */
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *default_provider;
    _Atomic(struct prov_module *) modules[PROV_MODULES_MAXIMUM]; /* NULL until first needed; see module.h */
    _Atomic(struct prov_read_pin *) read_pins;                   /* see pinsource.h */
    _Atomic(struct prov_key *) recent; /* found by a decoder's first step, for its second; see search.h */
};

/* Makes an instance for `handle`. NULL with an error raised (where libcrypto's upcalls permit) when it
 * cannot. */
struct provider *prov_provider_new(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in);
void prov_provider_free(struct provider *provider);

/* False with an error raised: openssl.cnf is wrong, so nothing is looked for in tokens. */
bool prov_provider_is_configured(const struct provider *provider);

/* The functions of the instance as a whole, for OSSL_provider_init. */
extern const OSSL_DISPATCH prov_provider_functions[];

#endif
