/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_CONFIG_H
#define DEVID_PROVIDER_CONFIG_H

#include "common/bytes.h"
#include "provider/core.h"

enum prov_login {
    PROV_LOGIN_AUTO,   /* where the token says that it is required */
    PROV_LOGIN_ALWAYS, /* before any object is looked for */
    PROV_LOGIN_NEVER
};

enum { PROV_MODULES_MAXIMUM = 8 };

/* How a private key of a token is written as PEM when the application names no structure of ours. */
enum prov_pem {
    PROV_PEM_AS_URI,
    PROV_PEM_AS_TSS2 /* where the key is in a TPM and its module tells */
};

enum { PROV_QUIRK_NO_ALLOWED_MECHANISMS = 1 }; /* CKA_ALLOWED_MECHANISMS is not asked for */

/* Where a key goes that is generated without a word about its place. */
enum prov_new_keys {
    PROV_NEW_KEYS_SOFTWARE,
    PROV_NEW_KEYS_TSS2 /* in a TPM, for a TSS2 PRIVATE KEY file: RSA and EC keys; see keygen.c */
};

/* The settings of one instance: from its section in openssl.cnf, else from the environment, else built in. */
struct prov_config {
    char *modules[PROV_MODULES_MAXIMUM]; /* paths of PKCS#11 modules, or p11-kit's names of them; see locate.h
                                          */
    size_t module_count;
    char *init_args;  /* handed to C_Initialize as pReserved; NULL is usual */
    struct bytes pin; /* PIN for tokens whose URI names none; empty: none */
    char *pin_source; /* where to read it instead, see pin.h; NULL: nowhere */
    char *log;        /* what is told to whom, as log_set_from_text takes it; NULL: nothing to nobody */
    enum prov_login login;
    enum prov_pem pem;
    enum prov_new_keys new_keys;
    bool random_by_default; /* the token's random numbers are a CTR-DRBG's too, which everybody asks for */
    char *random_token;     /* URI of the token for random numbers; NULL: the first that generates them */
    char *tss2_token;  /* URI of the token for TSS2 PRIVATE KEY files; NULL: the only one that takes them */
    unsigned sessions; /* how many sessions on a token are kept at most */
    bool forget_pins;  /* a PIN that was typed is not kept */
    bool ask_on_terminal; /* for a PIN, when nobody else can be asked */
    bool load_early;      /* the module is loaded together with the provider */
    bool no_export;       /* public halves of the token's keys are not handed to other providers */
    bool no_uri_pem;      /* private keys are not written as PEM files with their URI */
    bool fips;            /* algorithms carry fips=yes */
    uint32_t quirks;      /* PROV_QUIRK_... */
    uint32_t blocked;     /* bit N: operation N of libcrypto (OSSL_OP_...) is not offered */
};

/*
 * Reads all options of the table in option.h. False when one cannot be understood: *problem becomes a
 * sentence (malloc'ed; NULL: no memory) that names the option and its value, but never a PIN. The
 * configuration is one that can be used in either case.
 */
bool prov_config_read(struct prov_config *config, const struct prov_core *core, char **problem);
void prov_config_free(struct prov_config *config);

#endif
