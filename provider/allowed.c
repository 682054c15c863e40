/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/allowed.h"

#include <string.h>

enum family { PSS, PKCS1, ECDSA };

static const struct row {
    CK_MECHANISM_TYPE mechanism;
    enum family family;
    const char *digest; /* NULL: it takes a digest of any kind */
} rows[] = {
    {CKM_RSA_PKCS_PSS,        PSS,   NULL    },
    {CKM_SHA1_RSA_PKCS_PSS,   PSS,   "SHA1"  },
    {CKM_SHA224_RSA_PKCS_PSS, PSS,   "SHA224"},
    {CKM_SHA256_RSA_PKCS_PSS, PSS,   "SHA256"},
    {CKM_SHA384_RSA_PKCS_PSS, PSS,   "SHA384"},
    {CKM_SHA512_RSA_PKCS_PSS, PSS,   "SHA512"},
    {CKM_RSA_PKCS,            PKCS1, NULL    },
    {CKM_SHA1_RSA_PKCS,       PKCS1, "SHA1"  },
    {CKM_SHA224_RSA_PKCS,     PKCS1, "SHA224"},
    {CKM_SHA256_RSA_PKCS,     PKCS1, "SHA256"},
    {CKM_SHA384_RSA_PKCS,     PKCS1, "SHA384"},
    {CKM_SHA512_RSA_PKCS,     PKCS1, "SHA512"},
    {CKM_ECDSA,               ECDSA, NULL    },
    {CKM_ECDSA_SHA1,          ECDSA, "SHA1"  },
    {CKM_ECDSA_SHA224,        ECDSA, "SHA224"},
    {CKM_ECDSA_SHA256,        ECDSA, "SHA256"},
    {CKM_ECDSA_SHA384,        ECDSA, "SHA384"},
    {CKM_ECDSA_SHA512,        ECDSA, "SHA512"},
};

static const struct row *find(CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].mechanism == mechanism)
            return &rows[i];
    }
    return NULL;
}

CK_MECHANISM_TYPE prov_allowed_ecdsa(const EVP_MD *digest)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].family == ECDSA && rows[i].digest != NULL && EVP_MD_is_a(digest, rows[i].digest))
            return rows[i].mechanism;
    }
    return 0;
}

/* PSS with several digests is libcrypto's choice among them; of other mechanisms a list that says more than
 * one digest says nothing that libcrypto could be told. One digest beside the mechanism for any is the digest
 * that the key is for. */
void prov_allowed_read(const struct prov_object *object, struct prov_allowed *allowed)
{
    size_t count = object->allowed.size / sizeof(CK_MECHANISM_TYPE);
    const struct row *hashing = NULL;
    size_t families[ECDSA + 1] = {0};
    size_t hashing_count = 0;

    *allowed = (struct prov_allowed){0};
    if (count == 0 || (object->key_type != CKK_RSA && object->key_type != CKK_EC))
        return;
    for (size_t i = 0; i < count; i++) {
        CK_MECHANISM_TYPE mechanism;
        const struct row *row;

        memcpy(&mechanism, object->allowed.data + i * sizeof mechanism, sizeof mechanism);
        row = find(mechanism);
        if (row == NULL)
            return;
        families[row->family]++;
        hashing_count += row->digest != NULL;
        hashing = row->digest != NULL ? row : hashing;
    }
    allowed->pss_only = families[PSS] == count;
    allowed->hashes_itself = hashing_count == count && (allowed->pss_only || count == 1);
    if (hashing_count == 1 && count <= 2 && families[hashing->family] == count)
        allowed->digest = hashing->digest;
    if (allowed->hashes_itself && !allowed->pss_only)
        allowed->mechanism = hashing->mechanism;
}
