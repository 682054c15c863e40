/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/bus.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/keeper.h"
#include "pkcs11/tpm/policy.h"
#include "pkcs11/tpm/primary.h"
#include "pkcs11/tpm/public.h"

#include <tss2/tss2_mu.h>

#include <string.h>

#define IDLE_MILLISECONDS 1000
#define IDLE_MAXIMUM 3600000

/* --- what token.conf says
 * ------------------------------------------------------------------------------------ */

static bool read_protection(const struct token_conf *conf, enum tpm_protection *protection)
{
    static const char *const words[] = {
        [TPM_PROTECT_AUTO] = "auto", [TPM_PROTECT_ALWAYS] = "always", [TPM_PROTECT_NEVER] = "never"};
    const char *word = token_conf_get(conf, "bus-protection");

    if (word == NULL)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            *protection = (enum tpm_protection)i;
            return true;
        }
    }
    return false;
}

/* The area has to be that of the pinned Name: one of them edited by hand is an error, not a weaker session.
 */
static bool read_area(const struct token_conf *conf, TPM2B_PUBLIC *area)
{
    const char *hex = token_conf_get(conf, "parent-public");
    const char *name_hex = token_conf_get(conf, "parent-name");
    struct bytes wire = BYTES_EMPTY;
    struct bytes pinned = BYTES_EMPTY;
    TPM2B_NAME name = {.size = 0};
    size_t used = 0;
    bool good;

    if (hex == NULL)
        return true;
    good = name_hex != NULL && bytes_from_hex(hex, strlen(hex), &wire) &&
           bytes_from_hex(name_hex, strlen(name_hex), &pinned) &&
           Tss2_MU_TPM2B_PUBLIC_Unmarshal(wire.data, wire.size, &used, area) == TSS2_RC_SUCCESS &&
           used == wire.size && tpm_public_name(area, &name) == CKR_OK &&
           bytes_equal(name.name, name.size, pinned.data, pinned.size);
    bytes_free(&wire);
    bytes_free(&pinned);
    return good;
}

CK_RV tpm_bus_read(const struct token_conf *conf, const char *path, struct tpm_bus *bus)
{
    *bus = (struct tpm_bus){.protection = TPM_PROTECT_AUTO, .idle = IDLE_MILLISECONDS};
    if (token_conf_get(conf, "session-idle") != NULL &&
        !token_conf_get_number(conf, "session-idle", IDLE_MAXIMUM, &bus->idle))
        return p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                        "%s/" TOKEN_CONF_FILE
                        ": 'session-idle = %s' is not a number of milliseconds up to %d",
                        path, token_conf_get(conf, "session-idle"), IDLE_MAXIMUM);
    if (!read_protection(conf, &bus->protection))
        return p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                        "%s: 'bus-protection = %s' is not auto, always or never (token.conf, devid.conf or "
                        "DEVID_BUS_PROTECTION)",
                        path, token_conf_get(conf, "bus-protection"));
    if (!read_area(conf, &bus->area))
        return p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                        "%s/" TOKEN_CONF_FILE ": 'parent-public' is not the public area of 'parent-name'",
                        path);
    return CKR_OK;
}

/* --- a command
 * ----------------------------------------------------------------------------------------------- */

static bool by_policy(const struct tpm_guard *guard, const struct tpm_command *command, unsigned place)
{
    return guard != NULL && guard->policy != NULL && guard->policy_place == place &&
           command->authorizations > place;
}

/* Whether what it needs is protected by a salted session. */
static bool wants_protection(const struct tpm_guard *guard, const struct tpm_command *command)
{
    bool authorised = command->authorizations != 0 || command->secrets != 0;

    if (guard == NULL || guard->bus->protection == TPM_PROTECT_NEVER || !authorised)
        return false;
    return guard->bus->protection == TPM_PROTECT_ALWAYS || command->secrets != 0 ||
           (guard->auth != NULL && guard->auth->size != 0);
}

static bool wants_session(const struct tpm_guard *guard, const struct tpm_command *command)
{
    return by_policy(guard, command, 0) || wants_protection(guard, command);
}

static struct tpm_session *session_of(struct tpm_guard *guard, const struct tpm_command *command)
{
    return by_policy(guard, command, 0) ? guard->policy : &guard->session;
}

/* `second` has room for what authorises the second handle. An unsalted policy session has no key to encrypt
 * anything with. */
static struct tpm_session_use use_of(struct tpm_guard *guard, const struct tpm_command *command,
                                     TPMS_AUTH_COMMAND *second)
{
    const struct tpm_session *session = session_of(guard, command);
    size_t names = 0;

    while (names < TPM_NAMES && guard->names[names].size != 0)
        names++;
    if (by_policy(guard, command, 1))
        *second = tpm_session_token(guard->policy);
    return (struct tpm_session_use){
        .names = guard->names,
        .name_count = names,
        .auth = guard->auth,
        .secrets = session->key_size != 0 ? command->secrets : 0,
        .more = (guard->more || guard->burst) && session == &guard->session,
        .second = by_policy(guard, command, 1) ? second : NULL,
    };
}

static TSS2_RC start_guards_policy(struct tpm *tpm, struct tpm_guard *guard, TPM2_HANDLE parent, bool salted)
{
    const TPM2B_NAME *name = &guard->names[0];
    TPMI_ALG_HASH number =
        name->size > 2 ? (TPMI_ALG_HASH)(name->name[0] << 8 | name->name[1]) : TPM2_ALG_NULL;
    TSS2_RC rc = tpm_session_start_policy(tpm, tpm_hash(number), parent, salted ? &guard->bus->area : NULL,
                                          guard->policy);

    return rc == TSS2_RC_SUCCESS ? tpm_policy_execute(tpm, guard->bus, guard->steps, guard->policy) : rc;
}

/* The commands that make the session are not guarded themselves. */
TSS2_RC tpm_bus_open(struct tpm *tpm, const struct tpm_command *command)
{
    struct tpm_guard *guard = tpm->guard;
    bool salted = wants_protection(guard, command);
    TPM2_HANDLE parent = 0;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    if (!wants_session(guard, command) || session_of(guard, command)->handle != 0)
        return TSS2_RC_SUCCESS;
    if (salted && guard->bus->area.size == 0)
        return TPM_RC_NO_PINNED_PARENT;
    if (!by_policy(guard, command, 0) && guard->burst && tpm_keeper_take(tpm, guard->bus, &guard->session))
        return TSS2_RC_SUCCESS;
    tpm->guard = NULL;
    if (salted)
        rc = tpm_primary_handle(tpm, guard->bus->parent, &parent);
    if (rc == TSS2_RC_SUCCESS)
        rc = by_policy(guard, command, 0)
                 ? start_guards_policy(tpm, guard, parent, salted)
                 : tpm_session_start(tpm, parent, &guard->bus->area, &guard->session);
    tpm->guard = guard;
    return rc;
}

static TSS2_RC authorise_by_password(struct tpm *tpm, const struct tpm_command *command)
{
    const struct bytes *auth = tpm->guard != NULL ? tpm->guard->auth : NULL;
    TSS2L_SYS_AUTH_COMMAND passwords = {
        .count = (UINT16)command->authorizations,
        .auths = {{.sessionHandle = TPM2_RS_PW}, {.sessionHandle = TPM2_RS_PW}},
    };
    TSS2_RC rc;

    if (passwords.count == 0)
        return TSS2_RC_SUCCESS;
    if (auth != NULL && auth->size > sizeof passwords.auths[0].hmac.buffer)
        return TSS2_SYS_RC_BAD_VALUE;
    if (auth != NULL && auth->size != 0) {
        memcpy(passwords.auths[0].hmac.buffer, auth->data, auth->size);
        passwords.auths[0].hmac.size = (UINT16)auth->size;
    }
    if (by_policy(tpm->guard, command, 1))
        passwords.auths[1] = tpm_session_token(tpm->guard->policy);
    rc = Tss2_Sys_SetCmdAuths(tpm->sys, &passwords);
    bytes_wipe(&passwords, sizeof passwords);
    return rc;
}

TSS2_RC tpm_bus_authorise(struct tpm *tpm, const struct tpm_command *command)
{
    TPMS_AUTH_COMMAND second;
    struct tpm_session_use use;

    if (!wants_session(tpm->guard, command))
        return authorise_by_password(tpm, command);
    use = use_of(tpm->guard, command, &second);
    return tpm_session_authorise(tpm->sys, session_of(tpm->guard, command), &use);
}

TSS2_RC tpm_bus_check(struct tpm *tpm, const struct tpm_command *command)
{
    TPMS_AUTH_COMMAND second;
    struct tpm_session_use use;

    if (!wants_session(tpm->guard, command))
        return TSS2_RC_SUCCESS;
    use = use_of(tpm->guard, command, &second);
    return tpm_session_check(tpm->sys, session_of(tpm->guard, command), &use);
}

void tpm_bus_close(struct tpm *tpm)
{
    struct tpm_guard *guard = tpm->guard;

    if (guard == NULL)
        return;
    tpm->guard = NULL;
    tpm_session_end(tpm, &guard->session);
    if (guard->steps != NULL)
        tpm_session_end(tpm, guard->policy);
    tpm->guard = guard;
}

void tpm_bus_rest(struct tpm *tpm)
{
    struct tpm_guard *guard = tpm->guard;

    if (guard != NULL && guard->burst && guard->session.handle != 0) {
        tpm->guard = NULL;
        tpm_keeper_keep(tpm, guard->bus, &guard->session);
        tpm->guard = guard;
    }
    tpm_bus_close(tpm);
}

TSS2_RC tpm_bus_execute(struct tpm *tpm, struct tpm_guard *guard, const struct tpm_command *command,
                        const void *arguments, void *result)
{
    struct tpm_guard *outer = tpm->guard;
    TSS2_RC rc;

    tpm->guard = guard;
    rc = tpm_execute(tpm, command, arguments, result);
    tpm_bus_close(tpm);
    tpm->guard = outer;
    return rc;
}
