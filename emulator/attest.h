/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_ATTEST_H
#define DEVID_EMULATOR_ATTEST_H

#include "emulator/emulator.h"
#include "emulator/error.h"

enum emu_kind { EMU_INDIVIDUAL, EMU_GROUP };

/* What a judge found out about a device that it lets in. Freed with emu_verdict_free. */
struct emu_verdict {
    const char *type;   /* of the attestation; static */
    json_t *enrollment; /* that admitted the device, individual or group */
    const char *group;  /* the group's id, owned by `enrollment`; NULL for an individual enrollment */
    json_t *report;     /* the member of registrationState named after the type */
    json_t *credential; /* what the hub checks the device by from now on */
    char *challenge;    /* of a device that is to prove itself first: base64, malloc'ed. The device is refused
                           with EMU_ERROR_CHALLENGE, and this stays until emu_verdict_free. */
};

/* NOT_MINE: the device shows nothing of this kind, or nothing that a group knows. REFUSED: see the refusal.
 */
enum emu_judgement { EMU_ADMITTED, EMU_NOT_MINE, EMU_REFUSED };

/*
 * One kind of attestation. A judge fills report and credential of the verdict, and find_group the enrollment
 * too; what it filled before it refused is freed by the caller, and a member left NULL means that memory ran
 * out. A new kind is a new row in attest.c.
 */
struct emu_attestation {
    const char *type; /* attestation.type and the name of the member beside it */

    /* Checks the member of an enrollment of this kind when it is put. */
    bool (*validate)(enum emu_kind kind, const json_t *member, struct emu_refusal *refusal);

    /* Puts into a checked member what the service makes itself. `old` is the member that it replaces, of the
     * same kind, or NULL. The whole may be NULL: nothing is made. False: no memory. */
    bool (*complete)(json_t *member, const json_t *old);

    /* The member as the service API shows it. A new reference; NULL: no memory. */
    json_t *(*show)(enum emu_kind kind, const json_t *member);

    /* The device claims to be the one of this individual enrollment. */
    enum emu_judgement (*judge)(const struct emulator *emulator, const struct emu_request *request,
                                const char *registration_id, const json_t *enrollment,
                                struct emu_verdict *verdict, struct emu_refusal *refusal);

    /* The first group that the device's evidence leads to, if any. A disabled group is found like any other.
     */
    enum emu_judgement (*find_group)(const struct emulator *emulator, const struct emu_request *request,
                                     const char *registration_id, struct emu_verdict *verdict,
                                     struct emu_refusal *refusal);

    /* The hub's question: is this request from the device that registered with `credential`? */
    bool (*authenticate)(const struct emulator *emulator, const struct emu_request *request,
                         const char *device_id, const json_t *credential, struct emu_refusal *refusal);
};

extern const struct emu_attestation emu_attest_x509;
extern const struct emu_attestation emu_attest_symmetric;
extern const struct emu_attestation emu_attest_tpm;

/* The row of that type, NULL when there is none. */
const struct emu_attestation *emu_attest_find(const char *type);
/* All types, as in "x509, tpm", for messages. Static. */
const char *emu_attest_types(void);

/*
 * May this device have that registration id? An individual enrollment of the id decides if there is one; else
 * the group found first. False: *refusal says why, *verdict has nothing but a challenge. Free it in any case.
 */
__attribute__((warn_unused_result)) bool emu_attest(const struct emulator *emulator,
                                                    const struct emu_request *request,
                                                    const char *registration_id, struct emu_verdict *verdict,
                                                    struct emu_refusal *refusal);
void emu_verdict_free(struct emu_verdict *verdict);

#endif
