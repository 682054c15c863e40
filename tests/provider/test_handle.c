/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and NV indexes that tpm2-tools left in the TPM, by handle: and object: URIs. */
#include "provider/handle.h"
#include "tests/provider/tss2_fixture.h"

#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <tss2/tss2_tpm2_types.h>

static X509 *certificate;

/* 0x81000010: RSA; 11: EC; 12: EC with a password. 0x01800010: a certificate as DER, in a larger index; 11:
 * as PEM, with a chain; 12: a public key; 13: something else. 0x81000020 to 22: attestation keys, RSA PKCS#1,
 * RSA PSS, ECDSA, with SHA-256. */
static void make(void)
{
    FILE *file;

    fixture_make();
    /* the spy has no vendor interface */
    setenv("DEVID_PKCS11_MODULE", support_build_path("pkcs11/.libs/devid-pkcs11.so"), 1);
    ck_assert_int_eq(
        support_shell(
            NULL,
            "cd %s && export TPM2TOOLS_TCTI=%s && unset OPENSSL_CONF OPENSSL_MODULES && exec >make.log 2>&1 "
            "&& set -e;"
            "tpm2_createprimary -C o -G ecc -c primary.ctx; tpm2_flushcontext -t;"
            "persist() { handle=$1; shift; tpm2_create -C primary.ctx -u k.pub -r k.priv \"$@\"; "
            "tpm2_flushcontext -t;"
            " tpm2_load -C primary.ctx -u k.pub -r k.priv -c k.ctx; tpm2_evictcontrol -C o -c k.ctx -o "
            "$handle.obj $handle;"
            " tpm2_flushcontext -t; };"
            "persist 0x81000010 -G rsa; persist 0x81000011 -G ecc; persist 0x81000012 -G ecc -p sesame;"
            "ak() { tpm2_createek -G $1 -c ek.ctx; tpm2_flushcontext -t;"
            " tpm2_createak -C ek.ctx -G $1 -g sha256 -s $2 -c ak.ctx; tpm2_flushcontext -t -l -s;"
            " tpm2_evictcontrol -C o -c ak.ctx $3; tpm2_flushcontext -t; };"
            "ak rsa rsassa 0x81000020; ak rsa rsapss 0x81000021; ak ecc ecdsa 0x81000022;"
            "openssl req -x509 -newkey ec -pkeyopt group:P-256 -nodes -keyout nv.key -subj /CN=nv -out "
            "nv.pem;"
            "openssl x509 -in nv.pem -outform der -out nv.der; openssl pkey -in nv.key -pubout -outform der "
            "-out nv.pub;"
            "cat nv.pem nv.pem >chain.pem; echo nothing >nothing;"
            "store() { tpm2_nvdefine -C o -s $2 $1; tpm2_nvwrite -C o -i $3 $1; };"
            "store 0x01800010 900 nv.der; store 0x01800011 $(stat -c %%s chain.pem) chain.pem;"
            "store 0x01800012 $(stat -c %%s nv.pub) nv.pub; store 0x01800013 8 nothing",
            support_path("."), test_tpm_tcti()),
        0);
    file = fopen(support_path("nv.pem"), "r");
    certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    ck_assert_ptr_nonnull(certificate);
}

/* What a store gives, by its types in their order; *key is the last key. */
static size_t open_all(OSSL_LIB_CTX *context, const char *uri, int expect, struct answer *answer,
                       int types[4], EVP_PKEY **key)
{
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(give, 0);
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, context, NULL, ui, answer, NULL, NULL, NULL);
    size_t count = 0;

    *key = NULL;
    if (store != NULL && expect != 0)
        ck_assert_int_eq(OSSL_STORE_expect(store, expect), 1);
    while (store != NULL && OSSL_STORE_eof(store) == 0) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info == NULL)
            continue;
        ck_assert_uint_lt(count, 4);
        types[count++] = OSSL_STORE_INFO_get_type(info);
        if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            *key = OSSL_STORE_INFO_get1_PKEY(info);
        if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PUBKEY)
            *key = OSSL_STORE_INFO_get1_PUBKEY(info);
        if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_CERT)
            ck_assert_int_eq(X509_cmp(OSSL_STORE_INFO_get0_CERT(info), certificate), 0);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    UI_destroy_method(ui);
    return count;
}

static EVP_PKEY *open_key(OSSL_LIB_CTX *context, const char *uri, struct answer *answer)
{
    int types[4];
    EVP_PKEY *key;

    open_all(context, uri, OSSL_STORE_INFO_PKEY, answer, types, &key);
    return key;
}

START_TEST(a_key_is_used_where_it_is)
{
    static const char *const handles[] = {"0x81000010", "0x81000011", "0x81000012"};
    bool locked = _i == 2;

    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);

        for (int form = 0; form < 2; form++) {
            struct answer answer = {"sesame", 0};
            char uri[300];
            EVP_PKEY *key;

            if (form == 0)
                snprintf(uri, sizeof uri, "handle:%s%s", handles[_i], locked ? "?pass" : "");
            else
                snprintf(uri, sizeof uri, "object:%s/%s.obj%s", support_path("."), handles[_i],
                         locked ? "?pass" : "");
            key = open_key(context, uri, &answer);
            ck_assert_msg(key != NULL, "%s: %s", uri, test_errors());
            ck_assert_int_eq(answer.asked, locked);
            test_tpm_count_reset();
            ck_assert_msg(test_key_signs(context, key), "%s: %s", uri, test_errors());
            ck_assert_uint_eq(test_tpm_count()->command[TPM2_CC_Load & 0x1ff], 0);
            ck_assert_uint_eq(ERR_peek_error(), 0);
            EVP_PKEY_free(key);
        }
        test_context_free(context);
    }
}
END_TEST

START_TEST(a_password_is_refused_once_and_not_tried_again)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    struct answer answer = {"wrong", 0};
    EVP_PKEY *key = open_key(context, "handle:0x81000012?pass", &answer);
    unsigned char signature[512];
    size_t size = sizeof signature;
    unsigned long commands;

    ck_assert_ptr_nonnull(key);
    ck_assert(!test_key_sign(context, key, signature, &size));
    ERR_clear_error();
    commands = test_tpm_count()->total;
    size = sizeof signature;
    ck_assert(!test_key_sign(context, key, signature, &size));
    ck_assert_uint_eq(test_tpm_count()->total, commands);
    ERR_clear_error();
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

START_TEST(for_the_public_half_nobody_is_asked)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    struct answer answer = {NULL, 0};
    unsigned char *der = NULL;
    int types[4];
    EVP_PKEY *key;

    ck_assert_uint_eq(
        open_all(context, "handle:0x81000012?pass", OSSL_STORE_INFO_PUBKEY, &answer, types, &key), 1);
    ck_assert_int_eq(types[0], OSSL_STORE_INFO_PUBKEY);
    ck_assert_int_eq(answer.asked, 0);
    ck_assert_int_gt(i2d_PUBKEY(key, &der), 0);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

/* The file names the handle and the key; it is of use to nobody but this provider. */
START_TEST(a_key_at_a_handle_is_written_as_a_file)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    struct answer answer = {NULL, 0};
    EVP_PKEY *key = open_key(context, "handle:0x81000011", &answer);
    BIO *bio = BIO_new(BIO_s_mem());
    EVP_PKEY *again;
    char *data = NULL;
    char *pem;
    long size;

    ck_assert_msg(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1, "%s", test_errors());
    size = BIO_get_mem_data(bio, &data);
    pem = strndup(data, (size_t)size);
    again = read_pem(context, pem, &answer);
    ck_assert_msg(again != NULL, "%s", test_errors());
    ck_assert_int_eq(EVP_PKEY_eq(again, key), 1);
    ck_assert(test_key_signs(context, again));
    /* Another key at the handle is not this one. */
    ck_assert_int_eq(
        support_shell(NULL,
                      "export TPM2TOOLS_TCTI=%s; cd %s; exec >swap.log 2>&1; "
                      "tpm2_evictcontrol -C o -c 0x81000011 && "
                      "tpm2_createprimary -C o -G ecc -a "
                      "'sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth' -c other.ctx && "
                      "tpm2_evictcontrol -C o -c other.ctx 0x81000011 && tpm2_flushcontext -t",
                      test_tpm_tcti(), support_path(".")),
        0);
    EVP_PKEY_free(again);
    again = read_pem(context, pem, &answer);
    ck_assert_msg(again != NULL, "%s", test_errors());
    ck_assert(!test_key_signs(context, again));
    data = test_errors();
    ck_assert_msg(strstr(data, "does not have the key at 0x81000011 any more") != NULL, "%s", data);
    free(data);
    ck_assert_int_eq(support_shell(NULL,
                                   "export TPM2TOOLS_TCTI=%s; cd %s; exec >back.log 2>&1;"
                                   "tpm2_evictcontrol -C o -c 0x81000011",
                                   test_tpm_tcti(), support_path(".")),
                     0);
    free(pem);
    BIO_free(bio);
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

static int sign_parts(OSSL_LIB_CTX *context, EVP_PKEY *key, const char *digest, const char *message,
                      unsigned char *signature, size_t *size)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int ok = EVP_DigestSignInit_ex(md, NULL, digest, context, NULL, key, NULL) == 1 &&
             EVP_DigestSignUpdate(md, message, 1000) == 1 &&
             EVP_DigestSignUpdate(md, message + 1000, strlen(message) - 1000) == 1 &&
             EVP_DigestSignFinal(md, signature, size) == 1;

    EVP_MD_CTX_free(md);
    return ok;
}

START_TEST(an_attestation_key_signs_messages_with_its_digest)
{
    static const struct {
        const char *uri;
        const char *type;
    } aks[] = {
        {"handle:0x81000020", "RSA"    },
        {"handle:0x81000021", "RSA-PSS"},
        {"handle:0x81000022", "EC"     },
    };

    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        struct answer answer = {NULL, 0};
        EVP_PKEY *key = open_key(context, aks[_i].uri, &answer);
        EVP_PKEY *public = test_public_half(key);
        EVP_PKEY_CTX *bare = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        unsigned char signature[512];
        size_t size = sizeof signature;
        char message[3001];
        char name[40];

        memset(message, 'm', sizeof message);
        message[3000] = '\0';
        ck_assert_str_eq(EVP_PKEY_get0_type_name(key), aks[_i].type);
        ck_assert_int_eq(EVP_PKEY_get_default_digest_name(key, name, sizeof name), 2); /* mandatory */
        ck_assert_str_eq(name, "SHA256");
        ck_assert_msg(test_key_signs(context, key), "%s", test_errors());
        ck_assert_msg(sign_parts(context, key, NULL, message, signature, &size) == 1, "%s", test_errors());
        ck_assert_int_eq(EVP_DigestVerifyInit_ex(md, NULL, "SHA256", NULL, NULL, public, NULL), 1);
        ck_assert_int_eq(EVP_DigestVerify(md, signature, size, (unsigned char *)message, 3000), 1);
        size = sizeof signature;
        ck_assert_int_ne(sign_parts(context, key, "SHA384", message, signature, &size), 1);
        size = sizeof signature;
        ck_assert(EVP_PKEY_sign_init(bare) != 1 ||
                  EVP_PKEY_sign(bare, signature, &size, (unsigned char *)message, 32) != 1);
        ERR_clear_error();
        EVP_MD_CTX_free(md);
        EVP_PKEY_CTX_free(bare);
        EVP_PKEY_free(public);
        EVP_PKEY_free(key);
        test_context_free(context);
    }
}
END_TEST

static const struct {
    const char *uri;
    int expect;
    size_t count;
    int type;
} indexes[] = {
    {"handle:0x01800010", 0,                      1, OSSL_STORE_INFO_CERT  },
    {"handle:0x01800010", OSSL_STORE_INFO_CERT,   1, OSSL_STORE_INFO_CERT  },
    {"handle:0x01800011", OSSL_STORE_INFO_CERT,   2, OSSL_STORE_INFO_CERT  },
    {"handle:0x01800012", 0,                      1, OSSL_STORE_INFO_PUBKEY},
    {"handle:0x01800012", OSSL_STORE_INFO_PUBKEY, 1, OSSL_STORE_INFO_PUBKEY},
};
enum { INDEXES = sizeof indexes / sizeof indexes[0] };

START_TEST(what_an_index_holds_is_read)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        struct answer answer = {NULL, 0};
        int types[4] = {0};
        EVP_PKEY *key;

        ck_assert_uint_eq(open_all(context, indexes[_i].uri, indexes[_i].expect, &answer, types, &key),
                          indexes[_i].count);
        ck_assert_int_eq(types[0], indexes[_i].type);
        ck_assert_int_eq(answer.asked, 0);
        if (key != NULL)
            ck_assert_int_eq(EVP_PKEY_eq(key, X509_get0_pubkey(certificate)), 1);
        EVP_PKEY_free(key);
        ERR_clear_error();
        test_context_free(context);
    }
}
END_TEST

static const struct {
    const char *uri;
    const char *text;
} refusals[] = {
    {"handle:0xBAD",         "neither a persistent handle"            },
    {"handle:0x81000066",    "has nothing at 0x81000066"              },
    {"handle:0x01800066",    "0x01800066"                             },
    {"handle:0x01800013",    "holds no certificate, CRL or public key"},
    {"handle:81zz",          "expected handle:0x81000001"             },
    {"handle:",              "expected handle:0x81000001"             },
    {"handle:0x81000010?no", "expected handle:0x81000001"             },
    {"object:/dev/null",     "expected handle:0x81000001"             },
    {"handle:-1",            "expected handle:0x81000001"             },
};
enum { REFUSALS = sizeof refusals / sizeof refusals[0] };

START_TEST(what_is_not_there_is_an_error_that_tells_it)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    struct answer answer = {NULL, 0};
    int types[4];
    EVP_PKEY *key;
    char *errors;

    ck_assert_uint_eq(open_all(context, refusals[_i].uri, 0, &answer, types, &key), 0);
    errors = test_errors();
    ck_assert_msg(strstr(errors, refusals[_i].text) != NULL, "%s", errors);
    free(errors);
    test_context_free(context);
}
END_TEST

START_TEST(a_serialized_object_is_read_to_the_byte)
{
    static const unsigned char good[] = {0x81, 0, 0, 1, 0, 3, 'a', 'b', 'c', 0, 0, 0, 1};
    struct prov_place place = {0};

    ck_assert(prov_place_read(good, sizeof good, &place));
    ck_assert_uint_eq(place.handle, 0x81000001);
    ck_assert(bytes_equal(place.name.data, place.name.size, good + 4, 5));
    bytes_free(&place.name);
    for (size_t size = 0; size < 9; size++)
        ck_assert(!prov_place_read(good, size, &place));
    ck_assert(!prov_place_read((const unsigned char *)"\x80\0\0\1\0\1x", 7, &place)); /* transient */
    ck_assert(!prov_place_read((const unsigned char *)"\x81\0\0\1\0\0", 6, &place));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("handle");
    TCase *t = tcase_create("handle");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, fixture_up, NULL);
    tcase_add_loop_test(t, a_key_is_used_where_it_is, 0, 3);
    tcase_add_test(t, a_password_is_refused_once_and_not_tried_again);
    tcase_add_test(t, for_the_public_half_nobody_is_asked);
    tcase_add_test(t, a_key_at_a_handle_is_written_as_a_file);
    tcase_add_loop_test(t, an_attestation_key_signs_messages_with_its_digest, 0, 3);
    tcase_add_loop_test(t, what_an_index_holds_is_read, 0, INDEXES);
    tcase_add_loop_test(t, what_is_not_there_is_an_error_that_tells_it, 0, REFUSALS);
    tcase_add_test(t, a_serialized_object_is_read_to_the_byte);
    suite_add_tcase(s, t);
    return s;
}
