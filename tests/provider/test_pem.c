/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/pem.h"
#include "tests/support/support.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define URI "pkcs11:token=dev;object=k"

/* SEQUENCE { VisibleString, UTF8String } with the sizes filled in. */
static struct bytes der_of(const char *description, const char *uri)
{
    size_t d = strlen(description);
    size_t u = strlen(uri);
    struct bytes der;

    ck_assert(d < 100 && u < 100 && d + u + 4 < 128 && bytes_alloc(&der, 6 + d + u));
    der.data[0] = 0x30;
    der.data[1] = (uint8_t)(4 + d + u);
    der.data[2] = 0x1a;
    der.data[3] = (uint8_t)d;
    memcpy(der.data + 4, description, d);
    der.data[4 + d] = 0x0c;
    der.data[5 + d] = (uint8_t)u;
    memcpy(der.data + 6 + d, uri, u);
    return der;
}

START_TEST(reads_the_structure)
{
    struct bytes der = der_of("PKCS#11 Provider URI v1.0", URI);
    char *uri = prov_pem_parse(der.data, der.size);

    ck_assert_str_eq(uri, URI);
    free(uri);
    bytes_free(&der);
}
END_TEST

START_TEST(refuses_other_structures)
{
    static const char *const rows[][2] = {
        {"PKCS#11 Provider URI v2.0",  URI},
        {"PKCS#11 Provider URI v1.",   URI},
        {"PKCS#11 Provider URI v1.00", URI},
        {"",                           URI},
        {"PKCS#11 Provider URI v1.0",  "" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes der = der_of(rows[i][0], rows[i][1]);

        ck_assert_ptr_null(prov_pem_parse(der.data, der.size));
        bytes_free(&der);
    }
    ck_assert_ptr_null(prov_pem_parse("", 0));
}
END_TEST

/* Each copy has its exact size on the heap, so that a sanitizer sees the first byte read beyond it. */
static bool accepts(const uint8_t *data, size_t size)
{
    struct bytes copy;
    char *uri;

    ck_assert(bytes_copy(&copy, data, size));
    uri = prov_pem_parse(copy.data, copy.size);
    bytes_free(&copy);
    free(uri);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return uri != NULL;
}

START_TEST(every_shortened_or_lengthened_form_is_refused)
{
    struct bytes der = der_of("PKCS#11 Provider URI v1.0", URI);
    uint8_t longer[256] = {0};

    for (size_t size = 0; size < der.size; size++)
        ck_assert_msg(!accepts(der.data, size), "%zu bytes", size);
    memcpy(longer, der.data, der.size);
    ck_assert(accepts(longer, der.size));
    ck_assert(!accepts(longer, der.size + 1));
    bytes_free(&der);
}
END_TEST

START_TEST(every_flipped_bit_is_survived)
{
    struct bytes der = der_of("PKCS#11 Provider URI v1.0", URI);

    for (size_t bit = 0; bit < 8 * der.size; bit++) {
        bool in_uri = bit / 8 >= der.size - strlen(URI);

        der.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_msg(!accepts(der.data, der.size) || in_uri, "bit %zu", bit);
        der.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    bytes_free(&der);
}
END_TEST

START_TEST(noise_is_survived)
{
    uint8_t noise[200];
    uint32_t state = 12345;

    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof noise; i++) {
            state = state * 1664525 + 1013904223;
            noise[i] = (uint8_t)(state >> 24);
        }
        noise[0] = 0x30;
        noise[2] = round % 2 ? 0x1a : noise[2];
        accepts(noise, noise[1] % sizeof noise);
    }
}
END_TEST

static const char *kind;

static enum prov_pem_result read_text(const char *text, struct bytes *der, long *place)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    enum prov_pem_result result = prov_pem_read(bio, &kind, der);

    *place = BIO_tell(bio);
    BIO_free(bio);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return result;
}

START_TEST(writes_what_it_reads)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct bytes der = BYTES_EMPTY;
    char *uri;

    ck_assert(prov_pem_write(bio, URI));
    ck_assert_int_eq(prov_pem_read(bio, &kind, &der), PROV_PEM_FOUND);
    ck_assert_str_eq(kind, PROV_PEM_NAME);
    uri = prov_pem_parse(der.data, der.size);
    ck_assert_str_eq(uri, URI);
    free(uri);
    bytes_free(&der);
    BIO_free(bio);
}
END_TEST

START_TEST(tells_foreign_blocks_from_broken_ones)
{
    static const struct {
        const char *text;
        enum prov_pem_result result;
    } rows[] = {
        {"",                                                                                          PROV_PEM_FOREIGN},
        {"no PEM at all\n",                                                                           PROV_PEM_FOREIGN},
        {"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",                            PROV_PEM_FOREIGN},
        {"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",                              PROV_PEM_FOREIGN},
        {"comment\n-----BEGIN PKCS#11 PROVIDER URI-----\nMAA=\n-----END PKCS#11 PROVIDER URI-----\n",
         PROV_PEM_FOUND                                                                                               },
        {"-----BEGIN PKCS#11 PROVIDER URI-----\n!!\n-----END PKCS#11 PROVIDER URI-----\n",            PROV_PEM_BROKEN },
        {"-----BEGIN PKCS#11 PROVIDER URI-----\nMAA=\n",                                              PROV_PEM_BROKEN },
        {"-----BEGIN PKCS#11 PROVIDER URI-----\nMAA=\n-----END CERTIFICATE-----\n",                   PROV_PEM_BROKEN },
        {"-----BEGIN TSS2 PRIVATE KEY-----\nMAA=\n-----END TSS2 PRIVATE KEY-----\n",                  PROV_PEM_FOUND  },
        {"-----BEGIN TSS2 PRIVATE KEY-----\n!!\n-----END TSS2 PRIVATE KEY-----\n",                    PROV_PEM_BROKEN },
        {"-----BEGIN TSS2 PRIVATE KEYS-----\nMAA=\n-----END TSS2 PRIVATE KEYS-----\n",                PROV_PEM_FOREIGN},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes der;
        long place;

        ck_assert_msg(read_text(rows[i].text, &der, &place) == rows[i].result, "%s", rows[i].text);
        ck_assert_int_eq(kind == NULL, rows[i].result == PROV_PEM_FOREIGN);
        if (kind != NULL)
            ck_assert_ptr_nonnull(strstr(rows[i].text, kind));
        bytes_free(&der);
    }
}
END_TEST

START_TEST(reads_one_block_at_a_time)
{
    static const char first[] = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    static const char both[] =
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
        "-----BEGIN PKCS#11 PROVIDER URI-----\nMAA=\n-----END PKCS#11 PROVIDER URI-----\n";
    struct bytes der;
    long place;

    ck_assert_int_eq(read_text(both, &der, &place), PROV_PEM_FOREIGN);
    ck_assert_int_eq(place, sizeof first - 1);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pem");
    TCase *t = tcase_create("pem");

    tcase_add_test(t, reads_the_structure);
    tcase_add_test(t, refuses_other_structures);
    tcase_add_test(t, every_shortened_or_lengthened_form_is_refused);
    tcase_add_test(t, every_flipped_bit_is_survived);
    tcase_add_test(t, noise_is_survived);
    tcase_add_test(t, writes_what_it_reads);
    tcase_add_test(t, tells_foreign_blocks_from_broken_ones);
    tcase_add_test(t, reads_one_block_at_a_time);
    suite_add_tcase(s, t);
    return s;
}
