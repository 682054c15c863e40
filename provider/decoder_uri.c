/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/decoder.h"
#include "provider/error.h"
#include "provider/pem.h"
#include "provider/search.h"

#include <stdlib.h>
#include <string.h>

/* The file form of a PKCS#11 URI, see pem.h. */

static void free_text(char *text)
{
    if (text != NULL)
        bytes_wipe(text, strlen(text)); /* it may tell a PIN */
    free(text);
}

static bool is_uri(const void *der, size_t size)
{
    char *text = prov_pem_parse(der, size);
    bool is = text != NULL;

    free_text(text);
    return is;
}

static struct prov_key *find_key(struct provider *provider, const void *der, size_t size, int selection,
                                 OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    char *text = prov_pem_parse(der, size);
    struct prov_key *key = NULL;
    struct prov_uri *uri;

    if (text == NULL) {
        prov_raise(&provider->core, PROV_R_BAD_PEM, "the block " PROV_PEM_NAME " does not hold such a URI");
        return NULL;
    }
    uri = prov_uri_parse(&provider->core, text);
    free_text(text);
    if (uri != NULL) {
        const struct prov_pin_request request = {uri, passphrase, passphrase_data};

        key = prov_take_recent_key(provider, uri);
        if (key == NULL)
            key = prov_search_key(provider, &request, (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0);
    }
    prov_uri_free(uri);
    return key;
}

const struct prov_decoder_kind prov_decoder_uri = {
    .pem = PROV_PEM_NAME,
    .structure = PROV_URI_STRUCTURE,
    .is = is_uri,
    .find = find_key,
};
