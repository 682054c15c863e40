/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_BUS_H
#define DEVID_PKCS11_TPM_BUS_H

#include "pkcs11/tokenconf.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/session.h"

/* What crosses the bus between this process and the TPM in the open (`bus-protection` in devid.conf). */
enum tpm_protection {
    TPM_PROTECT_AUTO,   /* nothing secret: commands with a secret or an auth value go through a session */
    TPM_PROTECT_ALWAYS, /* all that is authorised does */
    TPM_PROTECT_NEVER,  /* all: for TPMs that have no bus */
};

/* How a token protects it: immutable. Sessions are salted to the parent that token.conf pins. */
struct tpm_bus {
    enum tpm_protection protection;
    TPM2_HANDLE parent; /* as in struct tpm_token */
    TPM2B_PUBLIC area;  /* the parent's; size 0: token.conf does not have it */
    unsigned long idle; /* milliseconds that a session rests between two uses of a key; 0: each has its own */
};

/* CKR_TOKEN_NOT_RECOGNIZED: token.conf has a value that is none; `path` names it in messages. */
CK_RV tpm_bus_read(const struct token_conf *conf, const char *path, struct tpm_bus *bus);

#define TPM_NAMES 2

struct tpm_policy;

/*
 * How commands are authorised while tpm->guard points here: set for the time of a use (loaded.c), and by
 * those who make a session last for several commands. On the stack of who holds the TPM's lock.
 */
struct tpm_guard {
    const struct tpm_bus *bus;
    TPM2B_NAME names[TPM_NAMES]; /* of what the handles name, in their order; size 0: there are no more */
    const struct bytes *auth;    /* the auth value of the first; NULL: empty */
    bool more;                   /* the session is kept: another command follows */
    /* A policy session, started by who guards: it authorises the handle at `policy_place` (0 or 1), and in
     * the first case protects what is secret too, if it is salted. NULL: no policy. */
    struct tpm_session *policy;
    unsigned policy_place;
    /* What `policy` is to be started with for each command that needs it; NULL: it is started already. */
    const struct tpm_policy *steps;
    struct tpm_session session;
    bool burst; /* `session` is kept for the next use of a key (keeper.h) */
};

/* Before prepare: starts the session that the command needs, if it needs one and there is none. */
TSS2_RC tpm_bus_open(struct tpm *tpm, const struct tpm_command *command);
/* Between prepare and execute: the authorizations of a command that needs some. */
TSS2_RC tpm_bus_authorise(struct tpm *tpm, const struct tpm_command *command);
/* Between execute and complete of a command that succeeded. */
TSS2_RC tpm_bus_check(struct tpm *tpm, const struct tpm_command *command);
/* After a failure, and when no command follows after all: no session is left. */
void tpm_bus_close(struct tpm *tpm);
/* After the last command of a use: the same, but that a burst keeps its session. */
void tpm_bus_rest(struct tpm *tpm);

/* One command under a guard of its own, whatever guard there is; no session is left. */
TSS2_RC tpm_bus_execute(struct tpm *tpm, struct tpm_guard *guard, const struct tpm_command *command,
                        const void *arguments, void *result);

#endif
