/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 PROVIDER URI files: what is read is written and read again alike. */
#include "provider/pem.h"
#include "tests/fuzz/fuzz.h"

#include <openssl/err.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char fuzz_seeds[] = "pem";

static char *read_one(BIO *in)
{
    struct bytes der = BYTES_EMPTY;
    const char *name;
    char *uri = NULL;

    if (prov_pem_read(in, &name, &der) == PROV_PEM_FOUND)
        uri = prov_pem_parse(der.data, der.size);
    bytes_free(&der);
    return uri;
}

static void check_round_trip(const char *uri)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *again;

    if (memory == NULL || !prov_pem_write(memory, uri))
        abort();
    again = read_one(memory);
    if (again == NULL || strcmp(uri, again) != 0)
        abort();
    free(again);
    BIO_free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BIO *in = size <= INT_MAX ? BIO_new_mem_buf(data, (int)size) : NULL;
    char *uri;

    if (in == NULL)
        return 0;
    uri = read_one(in);
    if (uri != NULL)
        check_round_trip(uri);
    free(uri);
    BIO_free(in);
    if (ERR_peek_error() != 0)
        abort();
    return 0;
}
