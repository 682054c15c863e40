/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcrypto finds no memory, at each of its requests in turn: whatever soft/ was doing is refused or done,
 * and nothing that is not there is used. What it holds then is for the leak checkers.
 */
#include "pkcs11/soft/assemble.h"
#include "pkcs11/soft/encrypt.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/keywrap.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/pbes2.h"
#include "pkcs11/soft/pem.h"
#include "pkcs11/soft/plain.h"
#include "pkcs11/soft/private.h"
#include "pkcs11/soft/public.h"
#include "pkcs11/soft/sealedbox.h"
#include "pkcs11/soft/stream.h"
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/soft/verify.h"
#include "pkcs11/soft/x509.h"
#include "tests/support/module.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>

/* --- libcrypto's memory
 * --------------------------------------------------------------------------------------- */

static bool armed;
static unsigned requests; /* since it was armed */
static unsigned last_good;
static bool once; /* there is memory again afterwards */

static bool is_out(void)
{
    return armed && ++requests > last_good && (!once || requests == last_good + 1);
}

static void *take(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_out() ? NULL : malloc(size);
}

static void *take_more(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_out() ? NULL : realloc(memory, size);
}

static void give(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* --- what is done without it
 * ---------------------------------------------------------------------------------- */

static struct bytes rsa;
static struct bytes ec;
static struct attributes rsa_numbers; /* modulus and exponents alone */
static struct attributes ec_numbers;
static unsigned char *certificate;
static size_t certificate_size;

static uint8_t key_bytes[32] = {1, 2, 3};
static const struct bytes secret = {key_bytes, sizeof key_bytes};
static const struct p11_parameters sha256 = {
    .hash = HASH_SHA256, .mgf_hash = HASH_SHA256, .salt_length = 32, .mac_size = 16};

static CK_RV assemble_rsa(void)
{
    struct bytes der;
    CK_RV rv = soft_assemble(&rsa_numbers, &der);

    bytes_free(&der);
    return rv;
}

static CK_RV assemble_ec(void)
{
    struct bytes der;
    CK_RV rv = soft_assemble(&ec_numbers, &der);

    bytes_free(&der);
    return rv;
}

static CK_RV generate_ec(void)
{
    struct bytes der;
    CK_RV rv = soft_generate_on_curve(p11_curve_by_name("P-256", 5), &der);

    bytes_free(&der);
    return rv;
}

static CK_RV sign_with(const struct bytes *der, enum p11_scheme scheme, size_t size)
{
    struct soft_private *private = NULL;
    struct public_key public;
    uint8_t signature[512];
    CK_RV rv = soft_private_read(der, &private, &public);

    if (rv == CKR_OK)
        rv = soft_private_sign(private, scheme, &sha256, key_bytes, 32, signature, size);
    if (rv == CKR_OK)
        rv = soft_verify(&public, scheme, &sha256, key_bytes, 32, signature);
    public_key_free(&public);
    soft_private_free(private);
    return rv;
}

static CK_RV sign_rsa(void)
{
    return sign_with(&rsa, SCHEME_PSS, 256);
}

static CK_RV sign_ec(void)
{
    return sign_with(&ec, SCHEME_ECDSA, 64);
}

static CK_RV decrypt_with(enum p11_scheme scheme)
{
    struct soft_private *private = NULL;
    struct public_key public;
    struct bytes encrypted = BYTES_EMPTY;
    struct bytes plain = BYTES_EMPTY;
    CK_RV rv = soft_private_read(&rsa, &private, &public);

    if (rv == CKR_OK)
        rv = soft_encrypt(&public, scheme, &sha256, key_bytes, 32, &encrypted);
    if (rv == CKR_OK)
        rv = soft_private_decrypt(private, scheme, &sha256, encrypted.data, encrypted.size, &plain);
    if (rv == CKR_OK)
        ck_assert(bytes_equal(plain.data, plain.size, key_bytes, 32));
    bytes_free(&encrypted);
    bytes_free(&plain);
    public_key_free(&public);
    soft_private_free(private);
    return rv;
}

static CK_RV decrypt_oaep(void)
{
    return decrypt_with(SCHEME_OAEP);
}

static CK_RV decrypt_pkcs1(void)
{
    return decrypt_with(SCHEME_PKCS1);
}

static CK_RV derive(void)
{
    struct soft_private *private = NULL;
    struct public_key public;
    struct bytes shared = BYTES_EMPTY;
    CK_RV rv = soft_private_read(&ec, &private, &public);

    if (rv == CKR_OK)
        rv = soft_private_derive(private, &public, &shared);
    bytes_free(&shared);
    public_key_free(&public);
    soft_private_free(private);
    return rv;
}

static CK_RV encrypt_file(void)
{
    struct bytes closed;
    struct bytes open = BYTES_EMPTY;
    struct bytes der = BYTES_EMPTY;
    struct buffer text;
    CK_RV rv = soft_pbes2_close(&secret, &rsa, &closed);

    buffer_init(&text, 65536);
    if (rv == CKR_OK)
        rv = soft_pem_encode("X", &closed, &text);
    if (rv == CKR_OK)
        rv = soft_pem_decode(buffer_text(&text), text.size, &der);
    if (rv == CKR_OK)
        rv = soft_pbes2_open(&secret, &der, &open);
    if (rv == CKR_OK)
        ck_assert(bytes_equal(open.data, open.size, rsa.data, rsa.size));
    bytes_free(&closed);
    bytes_free(&open);
    bytes_free(&der);
    buffer_free(&text);
    return rv;
}

static CK_RV wrap(void)
{
    static const struct bytes no_iv;
    struct bytes wrapped;
    struct bytes open = BYTES_EMPTY;
    CK_RV rv = soft_key_wrap(true, &secret, &no_iv, &rsa, &wrapped);

    if (rv == CKR_OK)
        rv = soft_key_unwrap(true, &secret, &no_iv, &wrapped, &open);
    bytes_free(&wrapped);
    bytes_free(&open);
    return rv;
}

static CK_RV box(void)
{
    struct bytes closed = BYTES_EMPTY;
    struct bytes open = BYTES_EMPTY;
    CK_RV rv = soft_box_close(key_bytes, &secret, &secret, &closed);

    if (rv == CKR_OK)
        rv = soft_box_open(key_bytes, &secret, &closed, &open);
    bytes_free(&closed);
    bytes_free(&open);
    return rv;
}

static CK_RV tss_key(void)
{
    struct tss_key key = {
        .kind = TSS_KEY_LOADABLE, .parent = 0x81000001, .public = secret, .private = secret};
    struct tss_key read = {0};
    struct bytes der;
    CK_RV rv = soft_tss_key_write(&key, &der);

    if (rv == CKR_OK)
        rv = soft_tss_key_read(&der, &read);
    tss_key_free(&read);
    bytes_free(&der);
    return rv;
}

static CK_RV certificates(void)
{
    struct bytes der = {certificate, certificate_size};
    struct attributes said = {0};
    CK_RV rv = soft_certificate_valid(&der) ? soft_certificate_attributes(&der, &said) : CKR_DATA_INVALID;

    attributes_free(&said);
    return rv;
}

static const struct {
    const char *name;
    CK_RV (*run)(void);
} works[] = {
    {"assemble_rsa",  assemble_rsa },
    {"assemble_ec",   assemble_ec  },
    {"generate_ec",   generate_ec  },
    {"sign_rsa",      sign_rsa     },
    {"sign_ec",       sign_ec      },
    {"decrypt_oaep",  decrypt_oaep },
    {"decrypt_pkcs1", decrypt_pkcs1},
    {"derive",        derive       },
    {"encrypt_file",  encrypt_file },
    {"wrap",          wrap         },
    {"box",           box          },
    {"tss_key",       tss_key      },
    {"certificates",  certificates },
};

static void set_number(struct attributes *numbers, CK_ATTRIBUTE_TYPE type, const struct attributes *from)
{
    const CK_ATTRIBUTE *item = attributes_find(from, type);

    ck_assert_rv(attributes_set(numbers, type, item->pValue, item->ulValueLen), CKR_OK);
}

static void up(void)
{
    static const CK_ATTRIBUTE_TYPE rsa_types[] = {CKA_KEY_TYPE, CKA_MODULUS, CKA_PUBLIC_EXPONENT,
                                                  CKA_PRIVATE_EXPONENT};
    struct attributes all = {0};

    ck_assert_rv(soft_start(), CKR_OK);
    ck_assert_rv(soft_generate_rsa(2048, &rsa), CKR_OK);
    ck_assert_rv(soft_generate_on_curve(p11_curve_by_name("P-256", 5), &ec), CKR_OK);
    ck_assert_rv(soft_plain_attributes(&rsa, &all), CKR_OK);
    for (size_t i = 0; i < sizeof rsa_types / sizeof rsa_types[0]; i++)
        set_number(&rsa_numbers, rsa_types[i], &all);
    attributes_free(&all);
    ck_assert_rv(soft_plain_attributes(&ec, &ec_numbers), CKR_OK);
    certificate = test_certificate("device", 1, &certificate_size);
    p11_failure_clear();
}

#define WORKS (sizeof works / sizeof works[0])

/* Each request, but from twenty on fewer of them: key decoders make thousands. */
START_TEST(memory_ends_at_any_request)
{
    size_t i = (size_t)_i / 2;
    CK_RV rv = CKR_HOST_MEMORY;

    once = _i % 2 != 0;
    ck_assert_rv_of(works[i].name, works[i].run(), CKR_OK); /* all is fetched that is fetched once */
    for (unsigned at = 0; at < requests || rv != CKR_OK; at += 1 + at / 20) {
        last_good = at;
        requests = 0;
        armed = true;
        rv = works[i].run();
        armed = false;
        p11_failure_clear();
    }
    ck_assert_rv_of(works[i].name, works[i].run(), CKR_OK);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");

    if (CRYPTO_set_mem_functions(take, take_more, give) != 1)
        abort();
    tcase_add_unchecked_fixture(t, up, NULL);
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, memory_ends_at_any_request, 0, 2 * WORKS);
    suite_add_tcase(s, t);
    return s;
}
