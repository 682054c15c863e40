/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/login.h"

/* A login for one use of a key. */

/* A login that ended in another thread while the PIN was checked stays ended. */
static CK_RV check_pin_again(struct token *token, CK_UTF8CHAR *pin, CK_ULONG size)
{
    CK_RV rv = login_check_pin(token, CKU_USER, pin, size);

    if (rv == CKR_OK && token->has_pin && token_login(token) != LOGIN_USER) {
        token->backend->logout(token_instance(token, token->backend));
        rv = CKR_USER_NOT_LOGGED_IN;
    }
    return rv;
}

static CK_RV give_own_auth(struct operation *operation, CK_UTF8CHAR *pin, CK_ULONG size)
{
    const struct key *key = operation->object->key;
    const struct bytes view = {pin, size};
    CK_RV rv = key->backend->authenticate(key->instance, key->material, &view);

    if (rv == CKR_OK && !bytes_copy(&operation->parameters.auth, pin, size))
        rv = CKR_HOST_MEMORY;
    return rv;
}

static bool has_own_auth(const struct key *key)
{
    return key->backend->has_own_auth != NULL && key->backend->has_own_auth(key->material);
}

CK_RV login_for_operation(struct session *session, CK_UTF8CHAR *pin, CK_ULONG size)
{
    struct operation *operation = session_asking_operation(session);
    CK_RV rv;

    if (operation == NULL)
        return p11_fail(CKR_OPERATION_NOT_INITIALIZED,
                        "no operation with a key that has CKA_ALWAYS_AUTHENTICATE is active");
    operation->authenticated = false;
    bytes_free(&operation->parameters.auth);
    rv = has_own_auth(operation->object->key) ? give_own_auth(operation, pin, size)
                                              : check_pin_again(session->token, pin, size);
    operation->authenticated = rv == CKR_OK;
    if (rv == CKR_PIN_LOCKED)
        token_logout(session->token);
    return rv;
}
