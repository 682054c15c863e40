/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/session.h"

static CK_RV generate(const struct token *token, CK_BYTE *out, CK_ULONG size)
{
    if (token->backend->random == NULL)
        return p11_fail(CKR_RANDOM_NO_RNG, "a %s token has no random numbers", token->backend->name);
    return size != 0 ? token->backend->random(token_instance(token, token->backend), out, size) : CKR_OK;
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE handle, CK_BYTE *out, CK_ULONG size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (!caller_has_data(out, size))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    return session_leave(session, generate(session->token, out, size));
}

static CK_RV seed(const struct token *token, const CK_BYTE *data, CK_ULONG size)
{
    const struct backend *backend = token->backend;

    if (backend->random == NULL)
        return p11_fail(CKR_RANDOM_NO_RNG, "a %s token has no random numbers", backend->name);
    if (backend->seed == NULL)
        return p11_fail(CKR_RANDOM_SEED_NOT_SUPPORTED, "a %s token's random numbers take no seed",
                        backend->name);
    return size != 0 ? backend->seed(token_instance(token, backend), data, size) : CKR_OK;
}

CK_RV C_SeedRandom(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (!caller_has_data(data, size))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    return session_leave(session, seed(session->token, data, size));
}
