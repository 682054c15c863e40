/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/backend.h"
#include "pkcs11/file/key.h"

#include "pkcs11/failure.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/soft/pkcs8.h"
#include "pkcs11/soft/private.h"

/* --- a token: nothing is kept for one without a PIN
 * ---------------------------------------------------------- */

static CK_RV open_instance(const struct token_conf *conf, const char *directory, void **instance)
{
    (void)conf;
    (void)directory;
    *instance = NULL;
    return CKR_OK;
}

static void close_instance(void *instance)
{
    (void)instance;
}

/* libcrypto's default provider has all that the schemes ask for. */
static bool supports(const void *instance, const struct mechanism *row)
{
    static const bool schemes[] = {
        [SCHEME_NONE] = true,  [SCHEME_PKCS1] = true, [SCHEME_PSS] = true,  [SCHEME_RAW] = true,
        [SCHEME_ECDSA] = true, [SCHEME_EDDSA] = true, [SCHEME_OAEP] = true,
    };

    (void)instance;
    return row->scheme < sizeof schemes / sizeof schemes[0] && schemes[row->scheme];
}

static void limits(const void *instance, const struct mechanism *row, CK_MECHANISM_INFO *info)
{
    (void)instance;
    if (row->key_type == CKK_RSA && row->scheme == SCHEME_NONE)
        info->ulMinKeySize = FILE_RSA_MINIMUM;
}

/* --- a key
 * --------------------------------------------------------------------------------------------------- */

static CK_RV load_key(void *instance, const struct bytes *block, void **key, struct public_key *public)
{
    struct soft_private *loaded = NULL;
    CK_RV rv;

    (void)instance;
    if (soft_pkcs8_is_encrypted(block))
        return p11_fail(CKR_DATA_INVALID,
                        "the private key is encrypted; such keys are not used yet, decrypt it "
                        "with 'openssl pkey'");
    rv = soft_private_read(block, &loaded, public);
    *key = loaded;
    return rv;
}

static void drop_key(void *instance, void *key)
{
    (void)instance;
    soft_private_free(key);
}

static CK_RV key_attribute(const void *key, CK_ATTRIBUTE_TYPE type, struct bytes *value)
{
    return soft_private_attribute(key, type, value);
}

static const char *const other_pem_labels[] = {"RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY",
                                               NULL};

const struct backend file_backend = {
    .name = "file",
    .slot_name = "DevID file slot",
    .pem_label = "PRIVATE KEY",
    .other_pem_labels = other_pem_labels,
    .model = "file",
    .extractable = true,
    .open = open_instance,
    .close = close_instance,
    .abandon = close_instance,
    .supports = supports,
    .limits = limits,
    .load = load_key,
    .drop = drop_key,
    .key_attribute = key_attribute,
    .generate_pair = file_generate_pair,
    .generate = file_generate,
    .import = file_import,
    .sign = file_sign,
    .decrypt = file_decrypt,
    .derive = file_derive,
};
