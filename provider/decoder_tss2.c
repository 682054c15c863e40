/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/decoder.h"
#include "provider/pem.h"
#include "provider/tss2.h"

#include <limits.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <string.h>

/* The file form of a TPM's key. What it says is read by the module; here it is only told from other DER. */

/* Of the object identifiers 2.23.133.10.1.3 to .5, all but the end. */
static const unsigned char type[] = {0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01};

static bool is_tss2(const void *der, size_t size)
{
    const unsigned char *content = der;
    long length = 0;
    int tag = 0;
    int class = 0;
    int form;

    if (size < sizeof type || size > LONG_MAX)
        return false;
    ERR_set_mark();
    form = ASN1_get_object(&content, &length, &tag, &class, (long)size);
    ERR_pop_to_mark();
    return form == V_ASN1_CONSTRUCTED && tag == V_ASN1_SEQUENCE && class == V_ASN1_UNIVERSAL &&
           length > (long)sizeof type && memcmp(content, type, sizeof type) == 0;
}

/* Such files are private keys, whatever is asked for. */
static struct prov_key *find_key(struct provider *provider, const void *der, size_t size, int selection,
                                 OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    (void)selection;
    return prov_tss2_load(provider, der, size, passphrase, passphrase_data);
}

const struct prov_decoder_kind prov_decoder_tss2 = {
    .pem = PROV_PEM_TSS2,
    .structure = PROV_TSS2_STRUCTURE,
    .is = is_tss2,
    .find = find_key,
};
