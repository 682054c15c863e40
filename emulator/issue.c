/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/issue.h"

#include "emulator/certificate.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_VERSION "2025-07-01"
#define ROOT_DAYS 3650
#define ISSUER_DAYS 1825
#define LEAF_DAYS 30
#define SERIAL_BITS 127

static const char setting[] = "issuing_authority";

/* As stored: {"key": PKCS#8, "certificate": of the issuer, "root": certificate}, all base64 of DER. */
struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    X509 *root;
};

static void authority_free(struct authority *authority)
{
    EVP_PKEY_free(authority->key);
    X509_free(authority->certificate);
    X509_free(authority->root);
    *authority = (struct authority){0};
}

/* --- certificates -------------------------------------------------------------------------------------- */

/* What makes one certificate different from the others. */
struct profile {
    int days;
    const char *basic_constraints;
    const char *key_usage;
    const char *extended_key_usage; /* or NULL */
};

static const struct profile root_profile = {
    .days = ROOT_DAYS, .basic_constraints = "critical,CA:TRUE", .key_usage = "critical,keyCertSign,cRLSign"};
static const struct profile issuer_profile = {.days = ISSUER_DAYS,
                                              .basic_constraints = "critical,CA:TRUE,pathlen:0",
                                              .key_usage = "critical,keyCertSign,cRLSign"};
static const struct profile leaf_profile = {.days = LEAF_DAYS,
                                            .basic_constraints = "critical,CA:FALSE",
                                            .key_usage = "critical,digitalSignature",
                                            .extended_key_usage = "clientAuth"};

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool added;

    if (value == NULL)
        return true;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool set = number != NULL && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
               BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

    BN_free(number);
    return set;
}

/* A certificate for `key`, signed by the issuer's key; `issuer` NULL: by itself. NULL: failed. */
static X509 *make_certificate(const struct profile *profile, const char *common_name, EVP_PKEY *key,
                              X509 *issuer, EVP_PKEY *issuer_key, time_t now)
{
    X509 *made = X509_new();
    X509 *above = issuer != NULL ? issuer : made;

    if (made != NULL && X509_set_version(made, X509_VERSION_3) == 1 && set_serial(made) &&
        X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)common_name, -1, -1, 0) == 1 &&
        X509_set_issuer_name(made, X509_get_subject_name(above)) == 1 &&
        ASN1_TIME_adj(X509_getm_notBefore(made), now, -1, 0) != NULL &&
        ASN1_TIME_adj(X509_getm_notAfter(made), now, profile->days, 0) != NULL &&
        X509_set_pubkey(made, key) == 1 &&
        add_extension(made, above, NID_basic_constraints, profile->basic_constraints) &&
        add_extension(made, above, NID_key_usage, profile->key_usage) &&
        add_extension(made, above, NID_ext_key_usage, profile->extended_key_usage) &&
        add_extension(made, above, NID_subject_key_identifier, "hash") &&
        add_extension(made, above, NID_authority_key_identifier, "keyid:always") &&
        X509_sign(made, issuer_key, EVP_sha256()) > 0)
        return made;
    ERR_clear_error();
    X509_free(made);
    return NULL;
}

/* --- the authority ------------------------------------------------------------------------------------- */

static bool read_authority(const json_t *stored, struct authority *out)
{
    const char *root = emu_json_text(stored, "root");
    const char *certificate = emu_json_text(stored, "certificate");
    const char *key = emu_json_text(stored, "key");
    struct bytes der = BYTES_EMPTY;
    const unsigned char *next;

    if (root != NULL && certificate != NULL && key != NULL && emu_base64_decode(key, &der)) {
        next = der.data;
        out->key = d2i_AutoPrivateKey(NULL, &next, (long)der.size);
        out->certificate = emu_certificate_from_text(certificate);
        out->root = emu_certificate_from_text(root);
    }
    bytes_free(&der);
    return out->key != NULL && out->certificate != NULL && out->root != NULL;
}

static json_t *write_authority(const struct authority *authority)
{
    unsigned char *der = NULL;
    int size = i2d_PrivateKey(authority->key, &der);
    char *key = size > 0 ? emu_base64_encode(der, (size_t)size) : NULL;
    char *certificate = emu_certificate_to_text(authority->certificate);
    char *root = emu_certificate_to_text(authority->root);
    json_t *made = key != NULL && certificate != NULL && root != NULL
                       ? json_pack("{s:s, s:s, s:s}", "key", key, "certificate", certificate, "root", root)
                       : NULL;

    if (key != NULL)
        bytes_wipe(key, strlen(key));
    OPENSSL_clear_free(der, size > 0 ? (size_t)size : 0);
    free(key);
    free(certificate);
    free(root);
    return made;
}

/* The root's key is used once and forgotten. */
static bool make_authority(time_t now, struct authority *out)
{
    EVP_PKEY *root_key = EVP_EC_gen("P-256");

    out->key = EVP_EC_gen("P-256");
    if (root_key != NULL && out->key != NULL) {
        out->root =
            make_certificate(&root_profile, "devid-emulator device root", root_key, NULL, root_key, now);
        if (out->root != NULL)
            out->certificate = make_certificate(&issuer_profile, "devid-emulator device issuer", out->key,
                                                out->root, root_key, now);
    }
    EVP_PKEY_free(root_key);
    return out->certificate != NULL;
}

static bool ensure_authority(const struct emulator *emulator, struct authority *out)
{
    json_t *stored;
    json_t *made = NULL;
    enum emu_found found = emu_store_get(emulator->store, EMU_SETTINGS, setting, &stored);
    bool good = false;

    *out = (struct authority){0};
    if (found == EMU_PRESENT) {
        good = read_authority(stored, out);
    } else if (found == EMU_ABSENT && make_authority(emu_now(emulator).tv_sec, out)) {
        made = write_authority(out);
        good = made != NULL && emu_store_put(emulator->store, EMU_SETTINGS, setting, made);
    }
    json_decref(made);
    json_decref(stored);
    if (!good)
        authority_free(out);
    return good;
}

/* --- the request --------------------------------------------------------------------------------------- */

static X509_REQ *read_request(const json_t *csr, struct emu_refusal *refusal)
{
    const char *text = json_string_value(csr);
    struct bytes der = BYTES_EMPTY;
    const unsigned char *next;
    X509_REQ *request = NULL;

    if (text != NULL && emu_base64_decode(text, &der)) {
        next = der.data;
        request = d2i_X509_REQ(NULL, &next, (long)der.size);
        if (request != NULL && (size_t)(next - der.data) != der.size) {
            X509_REQ_free(request);
            request = NULL;
        }
    }
    bytes_free(&der);
    ERR_clear_error();
    if (request == NULL)
        emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                   "csr must be a certificate request (PKCS#10) in DER, in base64 without PEM armour.");
    return request;
}

/* Signed by its own key, and for this device. */
static bool check_request(X509_REQ *request, const char *registration_id, struct emu_refusal *refusal)
{
    char name[EMU_NAME_SIZE] = "";
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    int length;

    if (key == NULL || X509_REQ_verify(request, key) != 1) {
        ERR_clear_error();
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "csr is not signed with the key that it names.");
    }
    length = X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(request), NID_commonName, name, sizeof name);
    if (length < 0 || strlen(name) != (size_t)length || strcasecmp(name, registration_id) != 0)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "The common name of csr is %.130s, and must be the registration id %s.",
                          length < 0 ? "missing" : name, registration_id);
    return true;
}

static bool may_have_one(const struct emu_registering *registering, struct emu_refusal *refusal)
{
    const char *policy = emu_json_text(registering->verdict->enrollment, "credentialPolicyName");

    if (strncmp(registering->version, FIRST_VERSION, strlen(FIRST_VERSION)) < 0)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "csr needs api-version " FIRST_VERSION "-preview or later, not %.40s.",
                          registering->version);
    if (policy == NULL || policy[0] == '\0')
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "csr: the enrollment names no credential policy (credentialPolicyName).");
    return true;
}

static json_t *make_chain(const struct authority *authority, X509 *leaf)
{
    const X509 *const certificates[] = {leaf, authority->certificate, authority->root};
    json_t *chain = json_array();

    for (size_t i = 0; i < sizeof certificates / sizeof certificates[0]; i++) {
        char *text = emu_certificate_to_text(certificates[i]);
        bool added = text != NULL && json_array_append_new(chain, json_string(text)) == 0;

        free(text);
        if (!added) {
            json_decref(chain);
            return NULL;
        }
    }
    return chain;
}

bool emu_issue(const struct emulator *emulator, const struct emu_registering *registering, const json_t *csr,
               json_t **chain, struct emu_refusal *refusal)
{
    struct authority authority = {0};
    X509_REQ *request = NULL;
    X509 *leaf = NULL;
    bool good = true;

    *chain = NULL;
    if (csr == NULL || json_is_null(csr))
        return true;
    request = may_have_one(registering, refusal) ? read_request(csr, refusal) : NULL;
    if (request == NULL || !check_request(request, registering->registration_id, refusal)) {
        good = false;
        goto out;
    }
    if (ensure_authority(emulator, &authority))
        leaf = make_certificate(&leaf_profile, registering->registration_id, X509_REQ_get0_pubkey(request),
                                authority.certificate, authority.key, emu_now(emulator).tv_sec);
    *chain = leaf != NULL ? make_chain(&authority, leaf) : NULL;
    good = *chain != NULL || emu_refuse(refusal, EMU_ERROR_INTERNAL, "The certificate cannot be issued.");
out:
    X509_free(leaf);
    X509_REQ_free(request);
    authority_free(&authority);
    return good;
}
