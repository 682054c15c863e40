/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the service would let the device in: its enrollment, or a group's, beside what the device shows. */
#include "cli/check.h"
#include "cli/enrollment.h"
#include "cli/sas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WHAT "enrollment"
#define PAGES_MAXIMUM 100

/* A look at one device's enrollments. */
struct match {
    struct cli_checks *checks;
    struct cli_service *service;
    dps_client *client;
    const struct dps_proof *proof;
    char *token;        /* signed by the device's symmetric key; NULL: it has none */
    char disabled[256]; /* a group that fits, but is disabled */
    bool done;          /* the outcome was told */
    enum cli_status status;
};

/* How well an enrollment fits what the device shows. */
enum fit { FIT_NOT, FIT_YES, FIT_UNKNOWN };

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* --- attestations -------------------------------------------------------------------------------------- */

static bool has_word(const char *list, const char *word, bool only_first)
{
    size_t length = strlen(word);

    for (const char *at = list; length != 0 && *at != '\0';) {
        size_t size = strcspn(at, " ");

        if (size == length && strncasecmp(at, word, length) == 0)
            return true;
        at += size + strspn(at + size, " ");
        if (only_first)
            return false;
    }
    return false;
}

/* The common name in "CN=NAME, O=..." or "O=...,CN=NAME". */
static bool same_common_name(const char *a, const char *b)
{
    const char *x = strstr(a, "CN=");
    const char *y = strstr(b, "CN=");
    size_t length = x != NULL ? strcspn(x, ",") : 0;

    return length > 3 && y != NULL && strcspn(y, ",") == length && strncmp(x, y, length) == 0;
}

/* The device's own certificate for an individual enrollment; for a group one of its chain, or, where the CA
 * itself is not sent, the name of the last one's issuer. */
static enum fit match_certificates(const struct match *match, const struct cli_enrollment_kind *kind,
                                   const json_t *attestation)
{
    static const char *const places[] = {"primary", "secondary"};
    const json_t *x509 = json_object_get(attestation, "x509");
    const json_t *certificates = json_object_get(x509, kind->certificates);

    for (size_t i = 0; i < 2; i++) {
        const json_t *info = json_object_get(json_object_get(certificates, places[i]), "info");

        if (has_word(match->proof->thumbprints, text_of(info, "sha256Thumbprint"), !kind->is_group) ||
            (kind->is_group && same_common_name(match->proof->issuer, text_of(info, "subjectName"))))
            return FIT_YES;
    }
    return json_object_get(x509, "caReferences") != NULL ? FIT_UNKNOWN : FIT_NOT;
}

static bool is_signed_by(const struct match *match, const struct cli_enrollment_kind *kind,
                         const char *base64)
{
    struct bytes key = BYTES_EMPTY;
    struct bytes derived = BYTES_EMPTY;
    bool is = cli_sas_key(base64, &key);

    if (is && kind->is_group)
        is = cli_sas_derive(&key, match->proof->registration_id, &derived);
    is = is && cli_sas_is_by(match->token, kind->is_group ? &derived : &key);
    bytes_free(&key);
    bytes_free(&derived);
    return is;
}

/* The keys are asked for; they show only to whoever may write enrollments. */
static enum fit match_keys(struct match *match, const struct cli_enrollment_kind *kind, const char *id)
{
    char *path = cli_service_path(kind->collection, id, "/attestationmechanism");
    const struct cli_service_request request = {.method = "POST", .path = path};
    struct cli_service_reply reply = {0};
    enum cli_status status =
        path != NULL ? cli_service_call(match->service, &request, &reply) : cli_no_memory();
    const json_t *keys = json_object_get(reply.body, "symmetricKey");
    enum fit fit = FIT_NOT;

    if (status != CLI_OK || match->token == NULL)
        fit = FIT_UNKNOWN;
    else if (is_signed_by(match, kind, text_of(keys, "primaryKey")) ||
             is_signed_by(match, kind, text_of(keys, "secondaryKey")))
        fit = FIT_YES;
    cli_service_reply_free(&reply);
    free(path);
    return fit;
}

static enum fit match_attestation(struct match *match, const struct cli_enrollment_kind *kind,
                                  const json_t *enrollment)
{
    const json_t *attestation = json_object_get(enrollment, "attestation");
    const char *type = match->proof->attestation;

    if (strcmp(text_of(attestation, "type"), type) != 0)
        return FIT_NOT;
    if (strcmp(type, "x509") == 0)
        return match_certificates(match, kind, attestation);
    if (strcmp(type, "symmetricKey") == 0)
        return match_keys(match, kind, text_of(enrollment, kind->id_member));
    return strcmp(text_of(json_object_get(attestation, "tpm"), "endorsementKey"),
                  match->proof->endorsement_key) == 0
               ? FIT_YES
               : FIT_NOT;
}

/* --- the individual enrollment ------------------------------------------------------------------------- */

static bool is_enabled(const json_t *enrollment)
{
    return strcasecmp(text_of(enrollment, "provisioningStatus"), "disabled") != 0;
}

/* What is different, and what to do. */
static void tell_mismatch(const struct match *match, const json_t *enrollment)
{
    static const struct {
        const char *attestation;
        const char *text;
    } rows[] = {
        {"x509",
         "holds another certificate than the device shows; enroll this one (--replace), or give the device "
         "the right one"                                                                               },
        {"symmetricKey", "has other keys; the device needs the primary or secondary one, not a group's"},
        {"tpm",          "is for another TPM; 'devid tpm info' shows this one's endorsement key"       },
    };
    const char *type = text_of(json_object_get(enrollment, "attestation"), "type");
    const char *id = match->proof->registration_id;

    if (strcmp(type, match->proof->attestation) != 0) {
        cli_check_fail(match->checks, CLI_REFUSED, WHAT, "%s is by %s, and this device proves itself by %s",
                       id, type, match->proof->attestation);
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].attestation, type) == 0)
            cli_check_fail(match->checks, CLI_REFUSED, WHAT, "%s %s", id, rows[i].text);
}

static void judge_individual(struct match *match, const json_t *enrollment)
{
    const char *id = match->proof->registration_id;

    match->done = true;
    if (!is_enabled(enrollment)) {
        cli_check_fail(match->checks, CLI_REFUSED, WHAT, "%s is there and disabled; enable it at the service",
                       id);
        return;
    }
    switch (match_attestation(match, &cli_enrollment_individual, enrollment)) {
    case FIT_YES:
        cli_check_ok(match->checks, WHAT, "%s is there, enabled, and what the device shows", id);
        break;
    case FIT_UNKNOWN:
        cli_check_warn(match->checks, WHAT,
                       "%s is there and enabled; what it asks of the device cannot be compared", id);
        break;
    case FIT_NOT:
        tell_mismatch(match, enrollment);
        break;
    }
}

static enum cli_status look_at_individual(struct match *match)
{
    char *path = cli_service_path(cli_enrollment_individual.collection, match->proof->registration_id, "");
    const struct cli_service_request request = {.method = "GET", .path = path, .may_be_absent = true};
    struct cli_service_reply reply = {0};
    enum cli_status status =
        path != NULL ? cli_service_call(match->service, &request, &reply) : cli_no_memory();

    if (status == CLI_OK && reply.status != 404)
        judge_individual(match, reply.body);
    cli_service_reply_free(&reply);
    free(path);
    return status;
}

/* --- groups -------------------------------------------------------------------------------------------- */

static void judge_group(struct match *match, const json_t *group)
{
    const char *name = text_of(group, cli_enrollment_group.id_member);

    if (match->done || match_attestation(match, &cli_enrollment_group, group) != FIT_YES)
        return;
    if (!is_enabled(group)) {
        snprintf(match->disabled, sizeof match->disabled, "%s", name);
        return;
    }
    match->done = true;
    cli_check_ok(match->checks, WHAT, "the group %s lets %s in", name, match->proof->registration_id);
}

static enum cli_status look_at_groups(struct match *match)
{
    static const char path[] = "/enrollmentGroups/query";
    json_t *query = json_pack("{s:s}", "query", "SELECT * FROM enrollmentGroups");
    char *continuation = NULL;
    enum cli_status status = query != NULL ? CLI_OK : cli_no_memory();

    for (int page = 0; status == CLI_OK && !match->done && page < PAGES_MAXIMUM; page++) {
        const struct cli_service_request request = {
            .method = "POST", .path = path, .body = query, .continuation = continuation};
        struct cli_service_reply reply;
        size_t index;
        json_t *group;

        status = cli_service_call(match->service, &request, &reply);
        json_array_foreach(reply.body, index, group) judge_group(match, group);
        free(continuation);
        continuation = reply.continuation; /* transferred */
        reply.continuation = NULL;
        cli_service_reply_free(&reply);
        if (continuation == NULL)
            break;
    }
    free(continuation);
    json_decref(query);
    return status;
}

static void tell_absence(const struct match *match)
{
    static const struct {
        const char *attestation;
        const char *options;
    } rows[] = {
        {"x509",         "--cert FILE' (this device), 'devid group create NAME --cert CA-FILE"},
        {"symmetricKey", "--key-file FILE"                                                    },
        {"tpm",          "--endorsement-key KEY"                                              },
    };
    const char *id = match->proof->registration_id;

    if (match->disabled[0] != '\0') {
        cli_check_fail(match->checks, CLI_REFUSED, WHAT,
                       "the group %s would let %s in, but is disabled; enable it", match->disabled, id);
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].attestation, match->proof->attestation) == 0)
            cli_check_fail(
                match->checks, CLI_REFUSED, WHAT,
                "the service knows no %s, and no group that fits; 'devid enrollment create %s %s' enrolls it",
                id, id, rows[i].options);
}

/* --- all of it ----------------------------------------------------------------------------------------- */

static enum cli_status look(struct match *match)
{
    enum cli_status status = look_at_individual(match);

    if (status == CLI_OK && !match->done && strcmp(match->proof->attestation, "tpm") != 0)
        status = look_at_groups(match);
    if (status == CLI_OK && !match->done)
        tell_absence(match);
    return status;
}

void cli_check_match(struct cli_checks *checks, const struct cli_service_options *options, dps_client *client,
                     const struct dps_proof *proof)
{
    /* copied, for a call with the client ends its texts */
    char *id = strdup(proof->registration_id);
    char *thumbprints = strdup(proof->thumbprints);
    char *issuer = strdup(proof->issuer);
    char *endorsement_key = strdup(proof->endorsement_key);
    const struct dps_proof copy = {id, proof->attestation, thumbprints, issuer, endorsement_key};
    struct match match = {.checks = checks, .client = client, .proof = &copy};
    char text[CLI_CHECK_TEXT / 2];
    enum cli_status status = CLI_INTERNAL;

    cli_capture(text, sizeof text);
    if (strcmp(proof->attestation, "symmetricKey") == 0 &&
        dps_client_sas(client, "devid-check", 60, &match.token) != DPS_OK)
        match.token = NULL;
    if (id != NULL && thumbprints != NULL && issuer != NULL && endorsement_key != NULL)
        status = cli_service_open(options, &match.service);
    if (status == CLI_OK)
        status = look(&match);
    cli_capture(NULL, 0);
    if (status != CLI_OK)
        cli_check_fail(checks, status, WHAT, "%s", text);
    cli_service_close(match.service);
    if (match.token != NULL)
        bytes_wipe(match.token, strlen(match.token));
    free(match.token);
    free(id);
    free(thumbprints);
    free(issuer);
    free(endorsement_key);
}
