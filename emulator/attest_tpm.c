/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/attest.h"

#include "emulator/credential.h"
#include "emulator/sas_check.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/*
 * A device that names an enrolled endorsement key is challenged: it gets a key that only the TPM with that
 * endorsement key can unwrap, and comes again with a token signed by it. Once it is let in, the hub's key
 * comes the same way. What a challenge was about is kept by registration id: the second request need not
 * repeat it.
 */

/* --- what an enrollment holds -------------------------------------------------------------------------- */

static bool check_public(const json_t *member, const char *name, struct emu_refusal *refusal)
{
    const char *text = emu_json_text(member, name);
    struct emu_tpm_public public = {0};
    struct bytes wire = BYTES_EMPTY;
    char wrong[160];
    bool good = text != NULL && emu_base64_decode(text, &wire);

    if (!good)
        emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                   "Endorsement key is invalid, or does not match the Enrollment. attestation.tpm.%s is no "
                   "base64.",
                   name);
    else if (!emu_tpm_public_read(&wire, &public, wrong, sizeof wrong))
        good =
            emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                       "Endorsement key is invalid, or does not match the Enrollment. attestation.tpm.%s %s.",
                       name, wrong);
    emu_tpm_public_free(&public);
    bytes_free(&wire);
    return good;
}

static bool validate(enum emu_kind kind, const json_t *member, struct emu_refusal *refusal)
{
    const json_t *root = json_object_get(member, "storageRootKey");

    if (kind == EMU_GROUP)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "attestation.type tpm is for individual enrollments only: each TPM has its own "
                          "endorsement key.");
    if (!check_public(member, "endorsementKey", refusal))
        return false;
    return root == NULL || json_is_null(root) || check_public(member, "storageRootKey", refusal);
}

static json_t *show(enum emu_kind kind, const json_t *member)
{
    (void)kind;
    return json_deep_copy(member);
}

/* --- the challenge ------------------------------------------------------------------------------------- */

/* A kept challenge: {"key": base64, "endorsementKey": as sent, "storageRootKey": as sent} */

struct parties {
    struct emu_tpm_public ek;
    struct emu_tpm_public srk;
};

static void parties_free(struct parties *parties)
{
    emu_tpm_public_free(&parties->ek);
    emu_tpm_public_free(&parties->srk);
}

static bool read_party(const json_t *object, const char *name, struct emu_tpm_public *out,
                       struct emu_refusal *refusal)
{
    const char *text = emu_json_text(object, name);
    struct bytes wire = BYTES_EMPTY;
    char wrong[160] = "is missing, or no base64";
    bool good = text != NULL && emu_base64_decode(text, &wire) &&
                emu_tpm_public_read(&wire, out, wrong, sizeof wrong);

    if (!good)
        emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "tpm.%s %s.", name, wrong);
    bytes_free(&wire);
    return good;
}

/* The same key, whatever the base64 looks like. */
static bool same_key(const char *a, const char *b)
{
    struct bytes first = BYTES_EMPTY;
    struct bytes second = BYTES_EMPTY;
    bool same = a != NULL && b != NULL && emu_base64_decode(a, &first) && emu_base64_decode(b, &second) &&
                bytes_equal(first.data, first.size, second.data, second.size);

    bytes_free(&first);
    bytes_free(&second);
    return same;
}

/* What the device says of its TPM fits the enrollment. */
static bool check_claim(const json_t *claim, const json_t *enrollment, const char *registration_id,
                        struct emu_refusal *refusal)
{
    const json_t *enrolled = json_object_get(json_object_get(enrollment, "attestation"), "tpm");
    const char *root = emu_json_text(enrolled, "storageRootKey");

    if (!same_key(emu_json_text(claim, "endorsementKey"), emu_json_text(enrolled, "endorsementKey")))
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The endorsement key is not that of the enrollment %s.",
                          registration_id);
    if (root != NULL && root[0] != '\0' && !same_key(emu_json_text(claim, "storageRootKey"), root))
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The storage root key is not that of the enrollment %s: was the TPM "
                          "cleared?",
                          registration_id);
    return true;
}

/* A new key and the blob that brings it to the TPM: base64, malloc'ed. NULL: failed. */
static char *wrap_new_key(const struct parties *parties, struct bytes *key)
{
    struct bytes blob = BYTES_EMPTY;
    char *text = NULL;

    if (bytes_alloc(key, EMU_CREDENTIAL_KEY_SIZE) && RAND_bytes(key->data, (int)key->size) == 1 &&
        emu_credential_make(&parties->ek, &parties->srk, key->data, &blob))
        text = emu_base64_encode(blob.data, blob.size);
    bytes_free(&blob);
    return text;
}

static bool keep_challenge(const struct emulator *emulator, const char *registration_id, const json_t *claim,
                           const struct bytes *key)
{
    char *text = emu_base64_encode(key->data, key->size);
    json_t *challenge = text != NULL ? json_pack("{s:s, s:O, s:O}", "key", text, "endorsementKey",
                                                 json_object_get(claim, "endorsementKey"), "storageRootKey",
                                                 json_object_get(claim, "storageRootKey"))
                                     : NULL;
    bool kept =
        challenge != NULL && emu_store_put(emulator->store, EMU_CHALLENGES, registration_id, challenge);

    if (text != NULL)
        bytes_wipe(text, strlen(text));
    free(text);
    json_decref(challenge);
    return kept;
}

static void challenge(const struct emulator *emulator, const char *registration_id, const json_t *claim,
                      const json_t *enrollment, struct emu_verdict *verdict, struct emu_refusal *refusal)
{
    struct parties parties = {0};
    struct bytes key = BYTES_EMPTY;

    if (!check_claim(claim, enrollment, registration_id, refusal) ||
        !read_party(claim, "endorsementKey", &parties.ek, refusal) ||
        !read_party(claim, "storageRootKey", &parties.srk, refusal))
        goto out;
    verdict->challenge = wrap_new_key(&parties, &key);
    if (verdict->challenge != NULL && keep_challenge(emulator, registration_id, claim, &key)) {
        emu_refuse(refusal, EMU_ERROR_CHALLENGE, "%s is challenged.", registration_id);
    } else {
        free(verdict->challenge);
        verdict->challenge = NULL;
        emu_refuse(refusal, EMU_ERROR_INTERNAL, "The challenge cannot be made or stored.");
    }
out:
    bytes_free(&key);
    parties_free(&parties);
}

/* --- the answer ---------------------------------------------------------------------------------------- */

static bool check_answer(const struct emulator *emulator, const struct emu_request *request,
                         const char *registration_id, const json_t *kept, struct emu_refusal *refusal)
{
    const char *text = emu_json_text(kept, "key");
    struct bytes key = BYTES_EMPTY;
    bool good;

    if (text == NULL || !emu_base64_decode(text, &key))
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. %s was not challenged: register without Authorization first.",
                          registration_id);
    good = emu_sas_check_registration(emulator, request, registration_id, &key, 1, refusal);
    bytes_free(&key);
    return good;
}

/* The hub's key, and the blob that brings it to the TPM that answered. */
static bool grant(const json_t *kept, struct emu_verdict *verdict, struct emu_refusal *refusal)
{
    struct parties parties = {0};
    struct bytes key = BYTES_EMPTY;
    char *blob = NULL;
    bool good = read_party(kept, "endorsementKey", &parties.ek, refusal) &&
                read_party(kept, "storageRootKey", &parties.srk, refusal);

    if (good) {
        blob = wrap_new_key(&parties, &key);
        verdict->report = blob != NULL ? json_pack("{s:s}", "authenticationKey", blob) : NULL;
        verdict->credential = emu_sas_credential(&key, 1);
    }
    free(blob);
    bytes_free(&key);
    parties_free(&parties);
    return good;
}

/* The request of a device that was challenged before. */
static bool answer(const struct emulator *emulator, const struct emu_request *request,
                   const char *registration_id, const json_t *enrollment, struct emu_verdict *verdict,
                   struct emu_refusal *refusal)
{
    json_t *kept;
    bool good = emu_store_get(emulator->store, EMU_CHALLENGES, registration_id, &kept) != EMU_FAILED ||
                emu_refuse(refusal, EMU_ERROR_INTERNAL, "The challenges cannot be read.");

    /* The enrollment may have got another endorsement key since. */
    good = good && check_answer(emulator, request, registration_id, kept, refusal) &&
           check_claim(kept, enrollment, registration_id, refusal) && grant(kept, verdict, refusal);
    json_decref(kept);
    return good;
}

/* The body, if it is a JSON object: a poll has none. */
static json_t *read_body(const struct emu_request *request)
{
    char ignored[EMU_MESSAGE_SIZE];

    return request->body.size != 0 ? emu_json_read(&request->body, ignored, sizeof ignored) : NULL;
}

static enum emu_judgement judge(const struct emulator *emulator, const struct emu_request *request,
                                const char *registration_id, const json_t *enrollment,
                                struct emu_verdict *verdict, struct emu_refusal *refusal)
{
    enum emu_judgement judgement = EMU_REFUSED;
    json_t *body = read_body(request);
    const json_t *claim = json_object_get(body, "tpm");

    if (claim != NULL && !json_is_object(claim)) {
        emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                   "tpm must be an object with endorsementKey and "
                   "storageRootKey.");
    } else if (!emu_sas_is_sent(request)) {
        if (claim != NULL)
            challenge(emulator, registration_id, claim, enrollment, verdict, refusal);
        else
            emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                       "Unauthorized. The enrollment %s is for a TPM, and the request has neither tpm nor "
                       "Authorization.",
                       registration_id);
    } else if ((claim == NULL || check_claim(claim, enrollment, registration_id, refusal)) &&
               answer(emulator, request, registration_id, enrollment, verdict, refusal)) {
        judgement = EMU_ADMITTED;
    }
    json_decref(body);
    return judgement;
}

/* A TPM has an enrollment of its own. */
static enum emu_judgement find_group(const struct emulator *emulator, const struct emu_request *request,
                                     const char *registration_id, struct emu_verdict *verdict,
                                     struct emu_refusal *refusal)
{
    (void)emulator;
    (void)request;
    (void)registration_id;
    (void)verdict;
    (void)refusal;
    return EMU_NOT_MINE;
}

const struct emu_attestation emu_attest_tpm = {
    .type = "tpm",
    .validate = validate,
    .show = show,
    .judge = judge,
    .find_group = find_group,
    .authenticate = emu_sas_authenticate,
};
