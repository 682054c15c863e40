/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/attest.h"

#include "emulator/certificate.h"
#include "emulator/chain.h"
#include "emulator/store.h"
#include "emulator/text.h"

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
    struct emu_chain chain;

    if (!emu_chain_read(request, &chain, refusal))
        goto out;
    if (!is_pinned(chain.leaf, enrollment)) {
        emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                   "Invalid certificate. It is neither the primary nor the secondary "
                   "certificate of the individual enrollment %s.",
                   registration_id);
        goto out;
    }
    if (!emu_chain_check_dates(&chain, emu_now(emulator).tv_sec, refusal) ||
        !emu_chain_check_name(&chain, registration_id, refusal))
        goto out;
    emu_certificate_thumbprint(chain.leaf, thumbprint);
    verdict->report = json_pack("{s:o}", "certificateInfo", emu_certificate_info(chain.leaf));
    verdict->credential = json_pack("{s:s}", "thumbprint", thumbprint);
    judgement = EMU_ADMITTED;
out:
    emu_chain_free(&chain);
    return judgement;
}

/* --- group: a signer of the leaf is enrolled ----------------------------------------------------------- */

struct search {
    const struct emu_chain *chain;
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

    if (!emu_chain_may_contain(search->chain, signer))
        return;
    distance = emu_chain_verify(search->chain, signer, search->now, search->refusal);
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

/* No signer was found. What emu_chain_verify said of a group that came close stands. */
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
    emu_certificate_name(X509_get_issuer_name(search->chain->leaf), issuer, sizeof issuer);
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
    struct emu_chain chain = {0};
    struct search search = {.chain = &chain, .now = emu_now(emulator).tv_sec, .refusal = refusal};
    enum emu_judgement judgement = EMU_REFUSED;

    if (request->peer_count == 0)
        return EMU_NOT_MINE;
    if (!emu_chain_read(request, &chain, refusal))
        goto out;
    refusal->error = EMU_ERROR_NONE;
    if (!emu_store_each(emulator->store, EMU_GROUPS, consider_group, &search))
        emu_refuse(refusal, EMU_ERROR_INTERNAL, "The enrollment groups cannot be read.");
    else if (search.signer == NULL)
        judgement = refuse_unknown(&search, registration_id);
    else if (emu_chain_check_name(&chain, registration_id, refusal))
        judgement = admit_by_group(&search, verdict);
out:
    emu_chain_free(&chain);
    X509_free(search.signer);
    json_decref(search.group);
    return judgement;
}

/* --- the hub's view ------------------------------------------------------------------------------------ */

static bool signed_by(const struct emulator *emulator, const struct emu_chain *chain, const char *device_id,
                      const char *text, struct emu_refusal *refusal)
{
    X509 *signer = emu_certificate_from_text(text);
    bool good = signer != NULL && emu_chain_verify(chain, signer, emu_now(emulator).tv_sec, refusal) != 0 &&
                emu_chain_check_name(chain, device_id, refusal);

    X509_free(signer);
    return good;
}

static bool authenticate(const struct emulator *emulator, const struct emu_request *request,
                         const char *device_id, const json_t *credential, struct emu_refusal *refusal)
{
    const char *pinned = emu_json_text(credential, "thumbprint");
    const char *signer = emu_json_text(credential, "signer");
    char thumbprint[EMU_THUMBPRINT_SIZE];
    struct emu_chain chain;
    bool good = false;

    if (!emu_chain_read(request, &chain, refusal) ||
        !emu_chain_check_dates(&chain, emu_now(emulator).tv_sec, refusal))
        goto out;
    if (signer != NULL) {
        good = signed_by(emulator, &chain, device_id, signer, refusal);
        goto out;
    }
    emu_certificate_thumbprint(chain.leaf, thumbprint);
    good = pinned != NULL && thumbprint[0] != '\0' && strcmp(pinned, thumbprint) == 0;
    if (!good)
        emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED, "The certificate is not the one that %s registered with.",
                   device_id);
out:
    emu_chain_free(&chain);
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
