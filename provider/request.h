/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_REQUEST_H
#define DEVID_PROVIDER_REQUEST_H

#include "provider/key.h"

/* What a key pair in a token may do: bits of prov_request.usage. */
enum { PROV_USAGE_SIGN = 1, PROV_USAGE_DECRYPT = 2, PROV_USAGE_UNWRAP = 4, PROV_USAGE_DERIVE = 8 };

/* A key pair that is to be made by a token. */
struct prov_request {
    const struct prov_key_type *type;
    struct prov_uri *uri;       /* the token, and the key's id and label; NULL: see to_file */
    bool to_file;               /* not kept by the token: a TSS2 PRIVATE KEY, see tss2.h */
    unsigned usage;             /* 0: what its type can do */
    size_t bits;                /* RSA */
    struct bytes exponent;      /* RSA, big-endian; empty: 65537 */
    char *group;                /* EC: a name of libcrypto's, or NULL: none was given */
    struct bytes auth;          /* of a key that goes to a file: its password; empty: it has none */
    CK_MECHANISM_TYPE ecdsa[2]; /* EC: the only mechanisms that the key is for; the first is 0: any */
    CK_MECHANISM_TYPE pss;      /* RSA-PSS: the only mechanism that the key is for */
};

/* Parses words of the X.509 key usage extension (digitalSignature keyAgreement ...). False: one is unknown.
 */
bool prov_request_usage(const char *text, unsigned *usage);

void prov_request_free(struct prov_request *request);

enum { PROV_TEMPLATE_ITEMS = 16, PROV_TEMPLATE_ID = 16 };

/* What C_GenerateKeyPair takes: the templates of both halves, and what they point to. */
struct prov_templates {
    CK_MECHANISM_TYPE mechanism;
    CK_ATTRIBUTE public[PROV_TEMPLATE_ITEMS];
    CK_ATTRIBUTE private[PROV_TEMPLATE_ITEMS];
    CK_ULONG public_count;
    CK_ULONG private_count;
    CK_ULONG bits;
    CK_BYTE id[PROV_TEMPLATE_ID];
    unsigned char *ec_params;
    int ec_params_size;
};

/* They point into the request too, so it has to last as long. False with an error raised: it cannot be had.
 * To be freed in any case. */
bool prov_request_fill(const struct prov_request *request, struct provider *provider,
                       struct prov_templates *templates);
void prov_templates_free(struct prov_templates *templates);

#endif
