/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/module.h"

#include <stdlib.h>
#include <string.h>

#define LABEL_SIZE 32

/* The field is padded with blanks and has no NUL. An empty label has no name for its directory, and blanks in
 * front would not be read back from token.conf. */
static CK_RV read_label(const CK_UTF8CHAR *field, char label[LABEL_SIZE + 1])
{
    size_t length = LABEL_SIZE;

    while (length > 0 && field[length - 1] == ' ')
        length--;
    for (size_t i = 0; i < length; i++)
        if (field[i] < 0x20 || field[i] == 0x7f)
            return p11_fail(CKR_ARGUMENTS_BAD, "the token label has a control character");
    if (field[0] == ' ' && length != 0)
        return p11_fail(CKR_ARGUMENTS_BAD, "the token label begins with a blank");
    memcpy(label, field, length);
    label[length] = '\0';
    return length != 0 ? CKR_OK : p11_fail(CKR_ARGUMENTS_BAD, "a token needs a label");
}

/* Without a PIN the token asks for no login. */
static CK_RV check_pin(const struct slot *slot, CK_ULONG size)
{
    if (size == 0)
        return CKR_OK;
    if (slot->backend->set_pin == NULL)
        return p11_fail(CKR_PIN_INVALID, "a %s token with a PIN cannot be made; give an empty PIN",
                        slot->backend->name);
    return size >= PIN_MINIMUM && size <= PIN_MAXIMUM
               ? CKR_OK
               : p11_fail(CKR_PIN_LEN_RANGE,
                          "a PIN has %d to %d bytes; an empty one makes a token without PINs", PIN_MINIMUM,
                          PIN_MAXIMUM);
}

static CK_RV make_token(struct module *module, const struct slot *slot, const char *label,
                        const struct bytes *so_pin)
{
    char *path = NULL;
    CK_RV rv = token_create(&module->config, slot->backend, label, slot->id, so_pin, &path);

    if (rv == CKR_OK)
        rv = module_refresh_slots(module);
    free(path);
    return rv;
}

/* The SO's PIN, where there is one, stays what it is; no PIN opens a token without. */
static CK_RV check_so(const struct slot *slot, const struct bytes *so_pin)
{
    const struct token *token = slot->token;
    CK_RV rv;

    if (!token->has_pin)
        return check_pin(slot, so_pin->size);
    if (so_pin->size < PIN_MINIMUM || so_pin->size > PIN_MAXIMUM)
        return p11_fail(CKR_PIN_INCORRECT,
                        "token %s has a PIN of the SO, which is needed to initialise it anew",
                        token->store.path);
    rv = token->backend->login(token_instance(token, token->backend), CKU_SO, so_pin);
    if (rv == CKR_OK)
        token->backend->logout(token_instance(token, token->backend));
    return rv;
}

/* PKCS#11 2.40, 5.5: all that the token holds is destroyed. */
static CK_RV renew_token(struct module *module, struct slot *slot, const char *label,
                         const struct bytes *so_pin)
{
    CK_RV rv = CKR_OK;

    if (slot->sessions != 0)
        return p11_fail(CKR_SESSION_EXISTS,
                        "a token is initialised anew only while no session with it is open");
    rv = check_so(slot, so_pin);
    token_idle(slot->token);
    if (rv == CKR_OK)
        rv = token_renew(&module->config, slot->token, label, so_pin);
    return rv == CKR_OK ? module_replace_token(module, slot) : rv;
}

CK_RV C_InitToken(CK_SLOT_ID id, CK_UTF8CHAR *pin, CK_ULONG pin_size, CK_UTF8CHAR *label_field)
{
    const struct bytes so_pin = {pin, pin_size};
    char label[LABEL_SIZE + 1];
    struct module *module;
    struct slot *slot;
    bool empty;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    empty = module_slot(module, id, &slot) == CKR_OK && slot->token == NULL;
    rv = module_refresh_slots(module);
    if (rv == CKR_OK)
        rv = module_slot(module, id, &slot);
    if (rv == CKR_OK && empty && slot->token != NULL)
        rv = p11_fail(CKR_FUNCTION_FAILED,
                      "another process made token %s in slot %lu just now; look at the slots again",
                      slot->token->store.path, id);
    if (rv == CKR_OK && (label_field == NULL || !caller_has_data(pin, pin_size)))
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = read_label(label_field, label);
    if (rv == CKR_OK && slot->token != NULL)
        return module_leave(renew_token(module, slot, label, &so_pin));
    if (rv == CKR_OK)
        rv = check_pin(slot, pin_size);
    if (rv == CKR_OK)
        rv = make_token(module, slot, label, &so_pin);
    return module_leave(rv);
}
