/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/allowed.h"

#include <string.h>

static const struct row {
    CK_MECHANISM_TYPE mechanism;
    const char *digest; /* NULL: it takes a digest of any kind */
} rows[] = {
    {CKM_RSA_PKCS_PSS,        NULL    },
    {CKM_SHA1_RSA_PKCS_PSS,   "SHA1"  },
    {CKM_SHA224_RSA_PKCS_PSS, "SHA224"},
    {CKM_SHA256_RSA_PKCS_PSS, "SHA256"},
    {CKM_SHA384_RSA_PKCS_PSS, "SHA384"},
    {CKM_SHA512_RSA_PKCS_PSS, "SHA512"},
};

static const struct row *find(CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].mechanism == mechanism)
            return &rows[i];
    }
    return NULL;
}

void prov_allowed_read(const struct prov_object *object, struct prov_allowed *allowed)
{
    size_t count = object->allowed.size / sizeof(CK_MECHANISM_TYPE);
    struct prov_allowed seen = {.pss_only = true, .hashes_itself = true};

    *allowed = (struct prov_allowed){0};
    if (object->key_type != CKK_RSA || count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        CK_MECHANISM_TYPE mechanism;
        const struct row *row;

        memcpy(&mechanism, object->allowed.data + i * sizeof mechanism, sizeof mechanism);
        row = find(mechanism);
        if (row == NULL)
            return;
        seen.hashes_itself = seen.hashes_itself && row->digest != NULL;
        seen.digest = row->digest;
    }
    if (count > 1 || !seen.hashes_itself)
        seen.digest = NULL;
    *allowed = seen;
}
