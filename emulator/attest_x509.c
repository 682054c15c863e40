/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/attest.h"

#include "emulator/certificate.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * That the device holds the leaf's private key, TLS has seen to; everything else about its certificates is
 * judged here: pinning, the chain of signatures to an enrolled signing certificate, dates, and the common
 * name.
 */

#define CHAIN_MAXIMUM 10

static const char *const slots[] = {"primary", "secondary"};
#define SLOT_COUNT (sizeof slots / sizeof slots[0])

static const char *const lists[] = {
    [EMU_INDIVIDUAL] = "clientCertificates",
    [EMU_GROUP] = "signingCertificates",
};

/* --- what an enrollment holds -------------------------------------------------------------------------- */

static X509 *read_slot(enum emu_kind kind, const json_t *member, const char *slot)
{
    const char *text =
        emu_json_text(json_object_get(json_object_get(member, lists[kind]), slot), "certificate");

    return text != NULL ? emu_certificate_from_text(text) : NULL;
}

static bool validate_slot(enum emu_kind kind, const json_t *member, const char *slot, bool *used,
                          struct emu_refusal *refusal)
{
    const json_t *value = json_object_get(json_object_get(member, lists[kind]), slot);
    X509 *certificate;
    bool is_ca;

    if (value == NULL || json_is_null(value))
        return true;
    certificate = read_slot(kind, member, slot);
    if (certificate == NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "attestation.x509.%s.%s.certificate is no certificate in PEM or base64.",
                          lists[kind], slot);
    is_ca = X509_check_ca(certificate) == 1;
    X509_free(certificate);
    if (kind == EMU_GROUP && !is_ca)
        return emu_refuse(
            refusal, EMU_ERROR_BAD_REQUEST,
            "attestation.x509.%s.%s is not a CA certificate (basicConstraints CA:TRUE is missing).",
            lists[kind], slot);
    *used = true;
    return true;
}

static bool validate(enum emu_kind kind, const json_t *member, struct emu_refusal *refusal)
{
    bool used = false;

    if (json_object_get(member, "caReferences") != NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "attestation.x509.caReferences is not offered by this "
                          "emulator: put the certificate in signingCertificates.");
    if (json_object_get(member, lists[kind == EMU_GROUP ? EMU_INDIVIDUAL : EMU_GROUP]) != NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "attestation.x509 of %s has %s.",
                          kind == EMU_GROUP ? "a group" : "an individual enrollment", lists[kind]);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (!validate_slot(kind, member, slots[i], &used, refusal))
            return false;
    if (!used)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "attestation.x509.%s.primary.certificate is missing.", lists[kind]);
    return true;
}

static json_t *show(enum emu_kind kind, const json_t *member)
{
    json_t *copy = json_deep_copy(member);

    for (size_t i = 0; i < SLOT_COUNT; i++) {
        X509 *certificate = read_slot(kind, member, slots[i]);

        if (certificate != NULL)
            json_object_set_new(json_object_get(json_object_get(copy, lists[kind]), slots[i]), "info",
                                emu_certificate_info(certificate));
        X509_free(certificate);
    }
    return copy;
}

/* --- what a device shows ------------------------------------------------------------------------------- */

struct shown {
    X509 *leaf;
    STACK_OF(X509) * others;
};

static void shown_free(struct shown *shown)
{
    X509_free(shown->leaf);
    sk_X509_pop_free(shown->others, X509_free);
    *shown = (struct shown){0};
}

static bool read_shown(const struct emu_request *request, struct shown *shown, struct emu_refusal *refusal)
{
    *shown = (struct shown){.others = sk_X509_new_null()};
    if (request->peer_count == 0)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The device showed no certificate in the TLS handshake.");
    if (request->peer_count > CHAIN_MAXIMUM)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Invalid certificate. The chain has more than %d elements.", CHAIN_MAXIMUM);
    for (size_t i = 0; i < request->peer_count; i++) {
        X509 *certificate = emu_certificate_from_der(&request->peer[i]);

        if (certificate == NULL)
            return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                              "Invalid certificate. Element %zu of the chain cannot be read.", i + 1);
        if (i == 0)
            shown->leaf = certificate;
        else if (shown->others == NULL || sk_X509_push(shown->others, certificate) == 0)
            X509_free(certificate);
    }
    return true;
}

/* The leaf's common name must be the registration id. */
static bool check_name(const X509 *leaf, const char *registration_id, struct emu_refusal *refusal)
{
    char name[EMU_NAME_SIZE];

    if (!emu_certificate_common_name(leaf, name, sizeof name))
        return emu_refuse(
            refusal, EMU_ERROR_UNAUTHORIZED,
            "Invalid certificate. The subject must have one common name, the registration id %s.",
            registration_id);
    if (strcasecmp(name, registration_id) != 0)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Invalid certificate. The common name %s is not the registration id %s.", name,
                          registration_id);
    return true;
}

static bool check_dates(const struct emulator *emulator, const X509 *leaf, struct emu_refusal *refusal)
{
    time_t now = emu_now(emulator).tv_sec;
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

/* --- individual: the leaf itself is enrolled ----------------------------------------------------------- */

static bool is_pinned(const X509 *leaf, const json_t *enrollment)
{
    const json_t *member = json_object_get(json_object_get(enrollment, "attestation"), "x509");
    bool pinned = false;

    for (size_t i = 0; i < SLOT_COUNT; i++) {
        X509 *certificate = read_slot(EMU_INDIVIDUAL, member, slots[i]);

        pinned |= certificate != NULL && X509_cmp(certificate, leaf) == 0;
        X509_free(certificate);
    }
    return pinned;
}

static enum emu_judgement judge(const struct emulator *emulator, const struct emu_request *request,
                                const char *registration_id, const json_t *enrollment,
                                struct emu_verdict *verdict, struct emu_refusal *refusal)
{
    enum emu_judgement judgement = EMU_REFUSED;
    char thumbprint[EMU_THUMBPRINT_SIZE];
    struct shown shown;

    if (!read_shown(request, &shown, refusal))
        goto out;
    if (!is_pinned(shown.leaf, enrollment)) {
        emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                   "Invalid certificate. It is neither the primary nor the secondary "
                   "certificate of the individual enrollment %s.",
                   registration_id);
        goto out;
    }
    if (!check_dates(emulator, shown.leaf, refusal) || !check_name(shown.leaf, registration_id, refusal))
        goto out;
    emu_certificate_thumbprint(shown.leaf, thumbprint);
    verdict->report = json_pack("{s:o}", "certificateInfo", emu_certificate_info(shown.leaf));
    verdict->credential = json_pack("{s:s}", "thumbprint", thumbprint);
    judgement = EMU_ADMITTED;
out:
    shown_free(&shown);
    return judgement;
}

/* --- group: a signer of the leaf is enrolled ----------------------------------------------------------- */

/* The service's words for what OpenSSL found; the name that did not chain is known to be an enrolled one
 * here. */
static const struct {
    int error;
    const char *phrase;
} phrases[] = {
    {X509_V_ERR_CERT_SIGNATURE_FAILURE,            "Signing certificate info did not match chain elements."},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "Signing certificate info did not match chain elements."},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,   "Signing certificate info did not match chain elements."},
    {X509_V_OK,                                    "Invalid certificate."                                  }, /* any other */
};

static bool refuse_chain(int error, const X509 *culprit, struct emu_refusal *refusal)
{
    char name[EMU_NAME_SIZE] = "?";
    size_t i = 0;

    while (phrases[i].error != error && phrases[i].error != X509_V_OK)
        i++;
    if (culprit != NULL)
        emu_certificate_name(X509_get_subject_name(culprit), name, sizeof name);
    return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED, "%s %s: %s.", phrases[i].phrase, name,
                      X509_verify_cert_error_string(error));
}

/* The number of links of a chain that OpenSSL found good; 0 with a refusal when we do not. */
static int check_links(const STACK_OF(X509) * chain, struct emu_refusal *refusal)
{
    int links = sk_X509_num(chain) - 1;

    if (links < 1)
        emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                   "Invalid certificate. A signing certificate cannot be the certificate of a device.");
    /* OpenSSL lets version 1 certificates and mere key usage pass for a CA. */
    for (int i = 1; i <= links; i++) {
        if (X509_check_ca(sk_X509_value(chain, i)) != 1) {
            refuse_chain(X509_V_ERR_INVALID_CA, sk_X509_value(chain, i), refusal);
            return 0;
        }
    }
    return links < 1 ? 0 : links;
}

/*
 * Does the chain lead from the leaf to `signer`, every link sound? The number of links is the distance, 0 for
 * no. Only `signer` is trusted, be it root or intermediate.
 */
static int verify_chain(const struct shown *shown, X509 *signer, time_t now, struct emu_refusal *refusal)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *parameters;
    int distance = 0;

    if (store == NULL || context == NULL || X509_STORE_add_cert(store, signer) != 1 ||
        X509_STORE_CTX_init(context, store, shown->leaf, shown->others) != 1) {
        emu_refuse(refusal, EMU_ERROR_INTERNAL, "The chain cannot be verified: out of memory.");
        goto out;
    }
    parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(parameters, now);
    if (X509_verify_cert(context) == 1)
        distance = check_links(X509_STORE_CTX_get0_chain(context), refusal);
    else
        refuse_chain(X509_STORE_CTX_get_error(context), X509_STORE_CTX_get_current_cert(context), refusal);
out:
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return distance;
}

/* Could `signer` stand somewhere in the chain? A cheap look at the names, before any signature is computed.
 */
static bool is_candidate(const struct shown *shown, const X509 *signer)
{
    const X509_NAME *subject = X509_get_subject_name(signer);

    if (X509_NAME_cmp(X509_get_issuer_name(shown->leaf), subject) == 0)
        return true;
    for (int i = 0; i < sk_X509_num(shown->others); i++)
        if (X509_NAME_cmp(X509_get_issuer_name(sk_X509_value(shown->others, i)), subject) == 0 ||
            X509_NAME_cmp(X509_get_subject_name(sk_X509_value(shown->others, i)), subject) == 0)
            return true;
    return false;
}

struct search {
    const struct shown *shown;
    time_t now;
    bool any;      /* there is an X.509 group at all */
    int distance;  /* of the nearest signer so far, 0: none */
    json_t *group; /* its group */
    X509 *signer;  /* and itself */
    struct emu_refusal *refusal;
};

static void consider_signer(struct search *search, json_t *group, X509 *signer)
{
    int distance;

    if (!is_candidate(search->shown, signer))
        return;
    distance = verify_chain(search->shown, signer, search->now, search->refusal);
    if (distance == 0 || (search->distance != 0 && distance >= search->distance))
        return;
    X509_free(search->signer);
    json_decref(search->group);
    X509_up_ref(signer);
    search->distance = distance;
    search->signer = signer;
    search->group = json_incref(group);
}

static bool consider_group(void *data, const char *id, json_t *group)
{
    struct search *search = data;
    const json_t *member = json_object_get(json_object_get(group, "attestation"), "x509");

    (void)id;
    for (size_t i = 0; member != NULL && i < SLOT_COUNT; i++) {
        X509 *signer = read_slot(EMU_GROUP, member, slots[i]);

        search->any = true;
        if (signer != NULL)
            consider_signer(search, group, signer);
        X509_free(signer);
    }
    json_decref(group);
    return true;
}

static enum emu_judgement admit_by_group(const struct search *search, struct emu_verdict *verdict)
{
    char *signer = emu_certificate_to_text(search->signer);

    verdict->enrollment = json_incref(search->group);
    verdict->report =
        json_pack("{s:s, s:o}", "enrollmentGroupId", emu_json_text(search->group, "enrollmentGroupId"),
                  "signingCertificateInfo", emu_certificate_info(search->signer));
    verdict->credential = signer != NULL ? json_pack("{s:s}", "signer", signer) : NULL;
    free(signer);
    return EMU_ADMITTED;
}

/* No signer was found. What verify_chain said of a group that came close stands. */
static enum emu_judgement refuse_unknown(const struct search *search, const char *registration_id)
{
    char issuer[EMU_NAME_SIZE];

    if (!search->any) {
        emu_refuse(search->refusal, EMU_ERROR_NO_ENROLLMENT,
                   "Enrollment not found. No individual enrollment is named "
                   "%s, and there is no enrollment group for X.509.",
                   registration_id);
        return EMU_NOT_MINE;
    }
    emu_certificate_name(X509_get_issuer_name(search->shown->leaf), issuer, sizeof issuer);
    if (search->refusal->error == EMU_ERROR_NONE)
        emu_refuse(search->refusal, EMU_ERROR_UNAUTHORIZED,
                   "CA certificate not found. No enrollment group knows the "
                   "issuer (%s); the device must show its certificate and all "
                   "intermediates up to the group's.",
                   issuer);
    return EMU_REFUSED;
}

static enum emu_judgement find_group(const struct emulator *emulator, const struct emu_request *request,
                                     const char *registration_id, struct emu_verdict *verdict,
                                     struct emu_refusal *refusal)
{
    struct shown shown = {0};
    struct search search = {.shown = &shown, .now = emu_now(emulator).tv_sec, .refusal = refusal};
    enum emu_judgement judgement = EMU_REFUSED;

    if (request->peer_count == 0)
        return EMU_NOT_MINE;
    if (!read_shown(request, &shown, refusal))
        goto out;
    refusal->error = EMU_ERROR_NONE;
    if (!emu_store_each(emulator->store, EMU_GROUPS, consider_group, &search))
        emu_refuse(refusal, EMU_ERROR_INTERNAL, "The enrollment groups cannot be read.");
    else if (search.signer == NULL)
        judgement = refuse_unknown(&search, registration_id);
    else if (check_name(shown.leaf, registration_id, refusal))
        judgement = admit_by_group(&search, verdict);
out:
    shown_free(&shown);
    X509_free(search.signer);
    json_decref(search.group);
    return judgement;
}

/* --- the hub's view ------------------------------------------------------------------------------------ */

static bool signed_by(const struct emulator *emulator, const struct shown *shown, const char *device_id,
                      const char *text, struct emu_refusal *refusal)
{
    X509 *signer = emu_certificate_from_text(text);
    bool good = signer != NULL && verify_chain(shown, signer, emu_now(emulator).tv_sec, refusal) != 0 &&
                check_name(shown->leaf, device_id, refusal);

    X509_free(signer);
    return good;
}

static bool authenticate(const struct emulator *emulator, const struct emu_request *request,
                         const char *device_id, const json_t *credential, struct emu_refusal *refusal)
{
    const char *pinned = emu_json_text(credential, "thumbprint");
    const char *signer = emu_json_text(credential, "signer");
    char thumbprint[EMU_THUMBPRINT_SIZE];
    struct shown shown;
    bool good = false;

    if (!read_shown(request, &shown, refusal) || !check_dates(emulator, shown.leaf, refusal))
        goto out;
    if (signer != NULL) {
        good = signed_by(emulator, &shown, device_id, signer, refusal);
        goto out;
    }
    emu_certificate_thumbprint(shown.leaf, thumbprint);
    good = pinned != NULL && thumbprint[0] != '\0' && strcmp(pinned, thumbprint) == 0;
    if (!good)
        emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED, "The certificate is not the one that %s registered with.",
                   device_id);
out:
    shown_free(&shown);
    return good;
}

const struct emu_attestation emu_attest_x509 = {
    .type = "x509",
    .validate = validate,
    .show = show,
    .judge = judge,
    .find_group = find_group,
    .authenticate = authenticate,
};
