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

CK_RV C_InitToken(CK_SLOT_ID id, CK_UTF8CHAR *pin, CK_ULONG pin_size, CK_UTF8CHAR *label_field)
{
    const struct bytes so_pin = {pin, pin_size};
    char label[LABEL_SIZE + 1];
    struct module *module;
    struct slot *slot;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    rv = module_refresh_slots(module); /* another process may have made a token in this slot */
    if (rv == CKR_OK)
        rv = module_slot(module, id, &slot);
    if (rv == CKR_OK && (label_field == NULL || !caller_has_data(pin, pin_size)))
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK && slot->token != NULL)
        rv = p11_fail(CKR_FUNCTION_NOT_SUPPORTED,
                      "slot %lu holds token %s; remove its directory to make it anew", id,
                      slot->token->store.path);
    if (rv == CKR_OK)
        rv = check_pin(slot, pin_size);
    if (rv == CKR_OK)
        rv = read_label(label_field, label);
    if (rv == CKR_OK)
        rv = make_token(module, slot, label, &so_pin);
    return module_leave(rv);
}
