/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_HANDLE_H
#define DEVID_PROVIDER_HANDLE_H

#include "provider/key.h"

#include <openssl/core_dispatch.h>

/* What somebody left in the TPM: a key at a persistent handle, or what an NV index holds. The token for TSS2
 * PRIVATE KEY files (tss2.h) says which TPM. */

struct prov_place {
    uint32_t handle;
    bool has_auth;     /* the key's authorization is not empty */
    struct bytes name; /* TPM2B_NAME that the key must have; empty: whatever is there */
};

/* From a serialized object of tpm2-tss (tpm2_evictcontrol -o): what place it names. False: it is none, or has
 * no place. */
bool prov_place_read(const unsigned char *content, size_t size, struct prov_place *place);

enum { PROV_HELD_MAXIMUM = 16 };

struct prov_held {
    struct prov_held_item {
        int type;             /* OSSL_OBJECT_... */
        struct prov_key *key; /* NULL: */
        struct bytes der;
    } items[PROV_HELD_MAXIMUM];
    size_t count;
};

void prov_held_free(struct prov_held *held);

enum prov_half { PROV_HALF_PUBLIC, PROV_HALF_PRIVATE };

/* The key, or certificates, CRLs and keys in DER or PEM of an index. `half`: what of a private key is wanted;
 * for its public half nobody is asked for a password. False with an error raised. */
bool prov_place_load(struct provider *provider, const struct prov_place *place, enum prov_half half,
                     OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data, struct prov_held *held);

#endif
