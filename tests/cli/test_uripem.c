/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/uripem.h"
#include "tests/support/support.h"

#include <openssl/bio.h>
#include <openssl/pem.h>

#include <string.h>

#define URI "pkcs11:token=device;object=id"

START_TEST(is_the_sequence_that_providers_read)
{
    static const char wanted[] = "\x30\x3a"
                                 "\x1a\x19PKCS#11 Provider URI v1.0"
                                 "\x0c\x1d" URI;
    struct bytes pem;
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long size = 0;
    BIO *memory;

    ck_assert(cli_uri_pem(URI, &pem));
    memory = BIO_new_mem_buf(pem.data, (int)pem.size);
    ck_assert_int_eq(PEM_read_bio(memory, &name, &header, &der, &size), 1);
    ck_assert_str_eq(name, "PKCS#11 PROVIDER URI");
    ck_assert_str_eq(header, "");
    ck_assert_int_eq(size, (long)sizeof wanted - 1);
    ck_assert_mem_eq(der, wanted, sizeof wanted - 1);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(memory);
    bytes_free(&pem);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("uripem");
    TCase *t = tcase_create("uripem");

    tcase_add_test(t, is_the_sequence_that_providers_read);
    suite_add_tcase(s, t);
    return s;
}
