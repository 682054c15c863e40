/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_GENERATE_H
#define DEVID_PROVIDER_GENERATE_H

#include "provider/key.h"

/* What a key pair in a token may do: bits of prov_request.usage. */
enum { PROV_USAGE_SIGN = 1, PROV_USAGE_DECRYPT = 2, PROV_USAGE_UNWRAP = 4, PROV_USAGE_DERIVE = 8 };

/* A key pair that is to be made by a token. */
struct prov_request {
    const struct prov_key_type *type;
    struct prov_uri *uri;  /* the token, and the key's id and label; NULL: see to_file */
    bool to_file;          /* not kept by the token: a TSS2 PRIVATE KEY, see tss2.h */
    unsigned usage;        /* 0: what its type can do */
    size_t bits;           /* RSA */
    struct bytes exponent; /* RSA, big-endian; empty: 65537 */
    char *group;           /* EC: a name of libcrypto's, or NULL: none was given */
    CK_MECHANISM_TYPE pss; /* RSA-PSS: the only mechanism that the key is for */
};

/* Parses words of the X.509 key usage extension (digitalSignature keyAgreement ...). False: one is unknown.
 */
bool prov_generate_usage(const char *text, unsigned *usage);

void prov_request_free(struct prov_request *request);

/* Makes it: one C_GenerateKeyPair. NULL with an error raised. */
struct prov_key *prov_generate(struct provider *provider, const struct prov_request *request);

#endif
