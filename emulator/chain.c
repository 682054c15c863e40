/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/chain.h"

#include "emulator/certificate.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <strings.h>

#define ELEMENTS_MAXIMUM 10

void emu_chain_free(struct emu_chain *chain)
{
    X509_free(chain->leaf);
    sk_X509_pop_free(chain->others, X509_free);
    *chain = (struct emu_chain){0};
}

bool emu_chain_read(const struct emu_request *request, struct emu_chain *chain, struct emu_refusal *refusal)
{
    *chain = (struct emu_chain){.others = sk_X509_new_null()};
    if (request->peer_count == 0)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The device showed no certificate in the TLS handshake.");
    if (request->peer_count > ELEMENTS_MAXIMUM)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Invalid certificate. The chain has more than %d elements.", ELEMENTS_MAXIMUM);
    for (size_t i = 0; i < request->peer_count; i++) {
        X509 *certificate = emu_certificate_from_der(&request->peer[i]);

        if (certificate == NULL)
            return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                              "Invalid certificate. Element %zu of the chain cannot be read.", i + 1);
        if (i == 0)
            chain->leaf = certificate;
        else if (chain->others == NULL || sk_X509_push(chain->others, certificate) == 0)
            X509_free(certificate);
    }
    return true;
}

bool emu_chain_check_name(const struct emu_chain *chain, const char *id, struct emu_refusal *refusal)
{
    char name[EMU_NAME_SIZE];

    if (!emu_certificate_common_name(chain->leaf, name, sizeof name))
        return emu_refuse(
            refusal, EMU_ERROR_UNAUTHORIZED,
            "Invalid certificate. The subject must have one common name, the registration id %s.", id);
    if (strcasecmp(name, id) != 0)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Invalid certificate. The common name %s is not the registration id %s.", name, id);
    return true;
}

bool emu_chain_check_dates(const struct emu_chain *chain, time_t now, struct emu_refusal *refusal)
{
    const X509 *leaf = chain->leaf;
    char name[EMU_NAME_SIZE];
    char when[EMU_TIME_SIZE];

    emu_certificate_name(X509_get_subject_name(leaf), name, sizeof name);
    if (X509_cmp_time(X509_get0_notBefore(leaf), &now) >= 0) {
        emu_certificate_time(X509_get0_notBefore(leaf), when);
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Invalid certificate. %s is not yet valid: it begins on %s.", name, when);
    }
    if (X509_cmp_time(X509_get0_notAfter(leaf), &now) <= 0) {
        emu_certificate_time(X509_get0_notAfter(leaf), when);
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Invalid certificate. %s has expired: it ended on %s.", name, when);
    }
    return true;
}

/* The service has words of its own for a name that is enrolled with another key; the rest is OpenSSL's. */
static const int wrong_signer[] = {
    X509_V_ERR_CERT_SIGNATURE_FAILURE,
    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
    X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
};

static void refuse_chain(int error, const X509 *culprit, struct emu_refusal *refusal)
{
    const char *phrase = "Invalid certificate.";
    char name[EMU_NAME_SIZE] = "?";

    for (size_t i = 0; i < sizeof wrong_signer / sizeof wrong_signer[0]; i++)
        if (wrong_signer[i] == error)
            phrase = "Signing certificate info did not match chain elements.";
    if (culprit != NULL)
        emu_certificate_name(X509_get_subject_name(culprit), name, sizeof name);
    emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED, "%s %s: %s.", phrase, name,
               X509_verify_cert_error_string(error));
}

int emu_chain_verify(const struct emu_chain *chain, X509 *signer, time_t now, struct emu_refusal *refusal)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *parameters;
    int distance = 0;

    if (store == NULL || context == NULL || X509_STORE_add_cert(store, signer) != 1 ||
        X509_STORE_CTX_init(context, store, chain->leaf, chain->others) != 1) {
        emu_refuse(refusal, EMU_ERROR_INTERNAL, "The chain cannot be verified: out of memory.");
        goto out;
    }
    parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(parameters, now);
    if (X509_verify_cert(context) != 1)
        refuse_chain(X509_STORE_CTX_get_error(context), X509_STORE_CTX_get_current_cert(context), refusal);
    else if ((distance = sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1) == 0)
        emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                   "Invalid certificate. A signing certificate cannot be the certificate of a device.");
out:
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return distance;
}

bool emu_chain_may_contain(const struct emu_chain *chain, const X509 *signer)
{
    const X509_NAME *subject = X509_get_subject_name(signer);

    if (X509_NAME_cmp(X509_get_issuer_name(chain->leaf), subject) == 0)
        return true;
    for (int i = 0; i < sk_X509_num(chain->others); i++)
        if (X509_NAME_cmp(X509_get_issuer_name(sk_X509_value(chain->others, i)), subject) == 0 ||
            X509_NAME_cmp(X509_get_subject_name(sk_X509_value(chain->others, i)), subject) == 0)
            return true;
    return false;
}
