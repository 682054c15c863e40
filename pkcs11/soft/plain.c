/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/plain.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/pkcs8.h"

#include "pkcs11/failure.h"

CK_RV soft_private_plain(struct soft_private *key, struct bytes *plain)
{
    const struct private_parts *parts = soft_private_parts(key);
    EVP_PKEY *pkey;

    *plain = BYTES_EMPTY;
    if (secret_type(parts->type) != NULL)
        return bytes_copy(plain, parts->secret.data, parts->secret.size) ? CKR_OK : CKR_HOST_MEMORY;
    pkey = soft_private_pkey(key);
    if (pkey == NULL)
        return p11_fail(CKR_DEVICE_ERROR, "the numbers in the key's file do not make a key");
    return soft_pkey_write(pkey, plain);
}

/* --- and back
 * ------------------------------------------------------------------------------------------------ */

static const CK_ATTRIBUTE_TYPE rsa_types[RSA_PARTS] = {
    [RSA_MODULUS] = CKA_MODULUS,
    [RSA_EXPONENT] = CKA_PUBLIC_EXPONENT,
    [RSA_PRIVATE_EXPONENT] = CKA_PRIVATE_EXPONENT,
    [RSA_PRIME_1] = CKA_PRIME_1,
    [RSA_PRIME_2] = CKA_PRIME_2,
    [RSA_EXPONENT_1] = CKA_EXPONENT_1,
    [RSA_EXPONENT_2] = CKA_EXPONENT_2,
    [RSA_COEFFICIENT] = CKA_COEFFICIENT,
};

static CK_RV add_rsa(const struct private_parts *parts, struct attributes *attributes)
{
    CK_RV rv = CKR_OK;

    for (enum rsa_part part = 0; rv == CKR_OK && part < RSA_PARTS; part++)
        rv = attributes_set(attributes, rsa_types[part], parts->rsa[part].data, parts->rsa[part].size);
    return rv;
}

CK_RV soft_plain_attributes(const struct bytes *plain, struct attributes *attributes)
{
    struct private_parts parts;
    CK_RV rv = soft_pkcs8_read(plain, &parts);

    if (rv == CKR_OK)
        rv = attributes_set_ulong(attributes, CKA_KEY_TYPE, parts.type);
    if (rv == CKR_OK && parts.type == CKK_RSA)
        return add_rsa(&parts, attributes);
    if (rv == CKR_OK && parts.curve != NULL)
        rv = attributes_set(attributes, CKA_EC_PARAMS, parts.curve->params, parts.curve->params_size);
    return rv == CKR_OK ? attributes_set(attributes, CKA_VALUE, parts.secret.data, parts.secret.size) : rv;
}
