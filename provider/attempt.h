/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_ATTEMPT_H
#define DEVID_PROVIDER_ATTEMPT_H

#include "provider/session.h"

/* One attempt at something for which a module is asked. */
struct prov_attempt {
    struct prov_module *module; /* that was asked (NULL: none), its last answer, and in which epoch */
    CK_RV rv;
    uint64_t epoch;
    bool final; /* no other attempt follows: this one had an effect, or its answer tells of no loss */
};

/* True: it succeeded. False with an error raised, or with none where `rv` tells the caller enough. */
typedef bool prov_attempt_work(void *data, struct prov_attempt *attempt);

/*
 * Does the work, and once more from the start when what was held turns out to be stale. True: the work
 * succeeded, and of the errors that it raised none is left. Else the errors of the last attempt are left.
 */
bool prov_attempt_run(prov_attempt_work *work, void *data);

/* prov_session_take, noted in the attempt. False with an error raised. */
bool prov_attempt_take(struct prov_attempt *attempt, struct prov_token *token, struct prov_session *session);

#endif
