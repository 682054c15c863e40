/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_PEM_H
#define DEVID_PROVIDER_PEM_H

#include "common/bytes.h"

#include <openssl/bio.h>

/*
 * The file form of a PKCS#11 URI, the one that pkcs11-provider writes and reads too: a PEM block of that name
 * around the DER of SEQUENCE { VisibleString "PKCS#11 Provider URI v1.0", UTF8String uri }.
 */
#define PROV_PEM_NAME "PKCS#11 PROVIDER URI"

enum prov_pem_result {
    PROV_PEM_FOUND,   /* *der is set */
    PROV_PEM_FOREIGN, /* a block of another kind, or none: it was read past */
    PROV_PEM_BROKEN   /* a block of this kind that is no PEM */
};

/* Reads the next PEM block. Leaves no error in the queue. */
enum prov_pem_result prov_pem_read(BIO *in, struct bytes *der);

/* The URI in that DER as a malloc'ed string; NULL: it is not exactly that structure. Leaves no error in the
 * queue. */
__attribute__((warn_unused_result)) char *prov_pem_parse(const void *der, size_t size);

/* Writes the block. */
__attribute__((warn_unused_result)) bool prov_pem_write(BIO *out, const char *uri);

#endif
