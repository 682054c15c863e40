/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_SESSION_H
#define DEVID_PROVIDER_SESSION_H

#include "provider/pin.h"

/* A session in the hands of one thread. */
struct prov_session {
    struct prov_token *token;
    CK_SESSION_HANDLE handle;
    uint64_t epoch;
    uint64_t incarnation;      /* of the module: its handles mean nothing to another one */
    CK_RV login;               /* how the last prov_session_login went */
    bool fresh_login;          /* and whether it was one */
    char note[PROV_NOTE_SIZE]; /* what the module had to leave out of the last search */
    bool broken; /* a call in it failed, so an operation may be active: to be closed, not kept */
};

/*
 * Takes an idle session on the token or opens one; waits while as many as the token and the configuration
 * permit are in use. False with an error raised, and *rv telling why when rv is not NULL. To be given back
 * with prov_session_return, with no operation active in it.
 */
bool prov_session_take(struct prov_token *token, struct prov_session *session, CK_RV *rv);
void prov_session_return(struct prov_session *session);

/*
 * Logs in to the session's token where it asks for that (or the configuration does) and nobody did so far.
 * All sessions share the login. False with an error raised, and session->login tells why.
 */
bool prov_session_login(struct prov_session *session, const struct prov_pin_request *request);

/* Asks the token whether somebody else in the process has logged out since; then nobody is logged in. */
bool prov_session_has_lost_login(struct prov_session *session);

/* C_Login for the operation just begun, for keys that want the PIN each time. The answer is the module's; an
 * error is raised when that is CKR_PIN_INVALID: there is no PIN, or none that should be tried. */
CK_RV prov_session_login_again(struct prov_session *session, const struct prov_pin_request *request);

#endif
