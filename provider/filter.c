/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/filter.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static bool take_octets(const OSSL_PARAM params[], const char *name, struct bytes *out)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    if (p == NULL)
        return true;
    bytes_free(out);
    return p->data_type == OSSL_PARAM_OCTET_STRING && bytes_copy(out, p->data, p->data_size);
}

static bool take_text(const OSSL_PARAM params[], const char *name, struct bytes *out)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    if (p == NULL)
        return true;
    bytes_free(out);
    return p->data_type == OSSL_PARAM_UTF8_STRING && p->data != NULL &&
           bytes_copy(out, p->data, strnlen(p->data, p->data_size));
}

static bool take_number(const OSSL_PARAM params[], const char *name, struct bytes *out)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
    BIGNUM *number = NULL;
    bool ok;

    if (p == NULL)
        return true;
    bytes_free(out);
    ok = OSSL_PARAM_get_BN(p, &number) == 1 && bytes_alloc(out, (size_t)BN_num_bytes(number) + 1) &&
         BN_bn2binpad(number, out->data, (int)out->size) >= 0;
    BN_free(number);
    return ok;
}

bool prov_filter_set(struct prov_filter *filter, const OSSL_PARAM params[])
{
    const OSSL_PARAM *digest = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_DIGEST);

    if (digest != NULL) {
        free(filter->digest);
        filter->digest = NULL;
        if (digest->data_type != OSSL_PARAM_UTF8_STRING || digest->data == NULL)
            return false;
        filter->digest = strndup(digest->data, digest->data_size);
        if (filter->digest == NULL)
            return false;
    }
    return take_octets(params, OSSL_STORE_PARAM_SUBJECT, &filter->subject) &&
           take_octets(params, OSSL_STORE_PARAM_ISSUER, &filter->issuer) &&
           take_number(params, OSSL_STORE_PARAM_SERIAL, &filter->serial) &&
           take_octets(params, OSSL_STORE_PARAM_FINGERPRINT, &filter->fingerprint) &&
           take_text(params, OSSL_STORE_PARAM_ALIAS, &filter->alias);
}

void prov_filter_free(struct prov_filter *filter)
{
    bytes_free(&filter->subject);
    bytes_free(&filter->issuer);
    bytes_free(&filter->serial);
    bytes_free(&filter->alias);
    bytes_free(&filter->fingerprint);
    free(filter->digest);
    *filter = (struct prov_filter){0};
}

bool prov_filter_is_for_certificates(const struct prov_filter *filter)
{
    return filter->subject.size > 0 || filter->issuer.size > 0 || filter->serial.size > 0;
}

/* --- certificates --- */

static X509 *parse(const struct provider *provider, const struct bytes *der)
{
    X509 *certificate = X509_new_ex(provider->libctx, NULL);
    const unsigned char *next = der->data;

    if (certificate != NULL && d2i_X509(&certificate, &next, (long)der->size) == NULL)
        certificate = NULL; /* freed by it */
    return certificate;
}

/* Names are the same however their strings are encoded. */
static bool same_name(const struct bytes *wanted, const X509_NAME *name)
{
    const unsigned char *next = wanted->data;
    X509_NAME *parsed = d2i_X509_NAME(NULL, &next, (long)wanted->size);
    bool same = parsed != NULL && X509_NAME_cmp(parsed, name) == 0;

    X509_NAME_free(parsed);
    return same;
}

static bool same_serial(const struct bytes *wanted, const ASN1_INTEGER *serial)
{
    BIGNUM *a = BN_bin2bn(wanted->data, (int)wanted->size, NULL);
    BIGNUM *b = ASN1_INTEGER_to_BN(serial, NULL);
    bool same = a != NULL && b != NULL && BN_cmp(a, b) == 0;

    BN_free(a);
    BN_free(b);
    return same;
}

static bool certificate_passes(const struct prov_filter *filter, const X509 *certificate)
{
    return certificate != NULL &&
           (filter->subject.size == 0 || same_name(&filter->subject, X509_get_subject_name(certificate))) &&
           (filter->issuer.size == 0 || same_name(&filter->issuer, X509_get_issuer_name(certificate))) &&
           (filter->serial.size == 0 || same_serial(&filter->serial, X509_get0_serialNumber(certificate)));
}

/* --- fingerprints --- */

static bool is_fingerprint(const struct prov_filter *filter, const struct provider *provider,
                           const unsigned char *data, size_t size)
{
    const char *name = filter->digest != NULL ? filter->digest : "SHA1";
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t length = 0;

    return EVP_Q_digest(provider->libctx, name, NULL, data, size, digest, &length) == 1 &&
           bytes_equal(digest, length, filter->fingerprint.data, filter->fingerprint.size);
}

static bool public_key_has_it(const struct prov_filter *filter, const struct provider *provider,
                              const EVP_PKEY *pkey)
{
    unsigned char *der = NULL;
    int size = pkey != NULL ? i2d_PUBKEY(pkey, &der) : 0;
    const unsigned char *next = der;
    X509_PUBKEY *info = size > 0 ? d2i_X509_PUBKEY(NULL, &next, size) : NULL;
    const unsigned char *bits = NULL;
    int length = 0;
    bool is = size > 0 && is_fingerprint(filter, provider, der, (size_t)size);

    if (!is && info != NULL && X509_PUBKEY_get0_param(NULL, &bits, &length, NULL, info) == 1)
        is = is_fingerprint(filter, provider, bits, (size_t)length);
    X509_PUBKEY_free(info);
    OPENSSL_free(der);
    return is;
}

static bool fingerprint_passes(const struct prov_filter *filter, const struct provider *provider,
                               const struct prov_found *found, X509 *certificate)
{
    if (filter->fingerprint.size == 0)
        return true;
    if (found->key != NULL)
        return public_key_has_it(filter, provider, found->key->pkey);
    return is_fingerprint(filter, provider, found->certificate.data, found->certificate.size) ||
           (certificate != NULL && public_key_has_it(filter, provider, X509_get0_pubkey(certificate)));
}

bool prov_filter_admits(const struct prov_filter *filter, const struct provider *provider,
                        const struct prov_found *found)
{
    X509 *certificate = NULL;
    bool admits;

    if (filter->alias.size > 0 &&
        !bytes_equal(filter->alias.data, filter->alias.size, found->label.data, found->label.size))
        return false;
    if (!prov_filter_is_for_certificates(filter) && filter->fingerprint.size == 0)
        return true;
    ERR_set_mark();
    if (found->key == NULL)
        certificate = parse(provider, &found->certificate);
    admits = (!prov_filter_is_for_certificates(filter) || certificate_passes(filter, certificate)) &&
             fingerprint_passes(filter, provider, found, certificate);
    X509_free(certificate);
    ERR_pop_to_mark();
    return admits;
}
