/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of tokens and of TPMs in OpenSSL, for the benchmarks of the provider. */
#ifndef DEVID_BENCH_CRYPTO_H
#define DEVID_BENCH_CRYPTO_H

#include "bench/bench.h"

#include <openssl/evp.h>

enum bench_kind { BENCH_P256, BENCH_RSA2048, BENCH_KINDS };

/* Where a key lives, and by which provider it is used. */
enum bench_place {
    PLACE_DEFAULT, /* PEM files, the default provider's own */
    PLACE_FILE,    /* a file token of this project's module */
    PLACE_TPM,     /* a TPM token of it, without a PIN */
    PLACE_SOFTHSM, /* SoftHSM2, through this project's provider */
    PLACE_TPM2,    /* tpm2-openssl */
    PLACES
};

extern const char *const bench_kind_names[BENCH_KINDS];
extern const char *const bench_place_names[PLACES];

/* Makes all keys, with tokens and TPMs of this program's own, and an openssl.cnf for each place. */
void bench_make_keys(void);
/* False: what it takes is not installed here. */
bool bench_has(enum bench_place place);
/* "" for places without a TPM of their own. */
const struct bench_tpm *bench_tpm_of(enum bench_place place);
/* The openssl.cnf; and the key as programs name it: a URI or a file. */
const char *bench_conf(enum bench_place place);
const char *bench_key_name(enum bench_place place, enum bench_kind kind);
/* Loads it, in the place's own library context. */
OSSL_LIB_CTX *bench_context(enum bench_place place);
EVP_PKEY *bench_load_key(enum bench_place place, enum bench_kind kind);

#endif
