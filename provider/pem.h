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

/* The other kind of block that is read: the key of a TPM as it stands in a file, which its module understands
 * (devid/pkcs11.h, CKM_DEVID_TSS2_KEY). */
#define PROV_PEM_TSS2 "TSS2 PRIVATE KEY"
#define PROV_TSS2_STRUCTURE "tss2" /* what libcrypto is told that it is */

enum prov_pem_result {
    PROV_PEM_FOUND,   /* *name is PROV_PEM_NAME or PROV_PEM_TSS2, *der is set */
    PROV_PEM_FOREIGN, /* a block of another kind, or none: it was read past */
    PROV_PEM_BROKEN   /* a block of the kind *name that is no PEM */
};

/* Reads the next PEM block. Leaves no error in the queue. */
enum prov_pem_result prov_pem_read(BIO *in, const char **name, struct bytes *der);

/* The URI in that DER as a malloc'ed string; NULL: it is not exactly that structure. Leaves no error in the
 * queue. */
__attribute__((warn_unused_result)) char *prov_pem_parse(const void *der, size_t size);

/* Write a block. */
__attribute__((warn_unused_result)) bool prov_pem_write(BIO *out, const char *uri);
__attribute__((warn_unused_result)) bool prov_pem_write_tss2(BIO *out, const struct bytes *der);

#endif
