/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/module.h"
#include "pkcs11/pinsource.h"

#include <stdio.h>
#include <string.h>

CK_RV C_GetSlotList(CK_BBOOL token_present, CK_SLOT_ID *list, CK_ULONG *count)
{
    struct module *module;
    CK_ULONG room;
    CK_RV rv = module_enter(&module);

    (void)token_present; /* an uninitialised token is present too */
    if (rv != CKR_OK)
        return rv;
    if (count == NULL)
        return module_leave(CKR_ARGUMENTS_BAD);
    if (list == NULL)
        rv = module_refresh_slots(module);
    room = *count;
    *count = module->slot_count;
    if (list != NULL && room < module->slot_count)
        return module_leave(CKR_BUFFER_TOO_SMALL);
    for (size_t i = 0; rv == CKR_OK && list != NULL && i < module->slot_count; i++)
        list[i] = module->slots[i].id;
    return module_leave(rv);
}

CK_RV C_GetSlotInfo(CK_SLOT_ID id, CK_SLOT_INFO *info)
{
    struct module *module;
    struct slot *slot;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    rv = info != NULL ? module_slot(module, id, &slot) : CKR_ARGUMENTS_BAD;
    if (rv != CKR_OK)
        return module_leave(rv);
    *info = (CK_SLOT_INFO){
        .flags = CKF_TOKEN_PRESENT | (slot->backend->hardware ? CKF_HW_SLOT : 0), .hardwareVersion = {1, 0}
    };
    p11_pad(info->slotDescription, sizeof info->slotDescription,
            slot->token != NULL ? slot->token->store.path : slot->backend->slot_name);
    p11_pad(info->manufacturerID, sizeof info->manufacturerID, "DevID");
    return module_leave(CKR_OK);
}

static void describe_token(const struct slot *slot, CK_TOKEN_INFO *info)
{
    const struct token *token = slot->token;

    p11_pad(info->label, sizeof info->label, token_conf_get(&token->conf, "label"));
    p11_pad(info->serialNumber, sizeof info->serialNumber, token_conf_get(&token->conf, "serial"));
    info->flags |= CKF_TOKEN_INITIALIZED | (slot->backend->random != NULL ? CKF_RNG : 0);
    info->ulSessionCount = slot->sessions;
    if (!store_is_writable(&token->store))
        info->flags |= CKF_WRITE_PROTECTED;
    if (token->has_pin) {
        info->flags |= CKF_LOGIN_REQUIRED;
        info->ulMinPinLen = PIN_MINIMUM;
        info->ulMaxPinLen = PIN_MAXIMUM;
        if (pin_source_is_set(token))
            info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    }
    if (slot->backend->token_info != NULL)
        slot->backend->token_info(token_instance(token, slot->backend), info);
}

CK_RV C_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO *info)
{
    struct module *module;
    struct slot *slot;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    rv = info != NULL ? module_slot(module, id, &slot) : CKR_ARGUMENTS_BAD;
    if (rv != CKR_OK)
        return module_leave(rv);
    *info = (CK_TOKEN_INFO){
        .ulMaxSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulRwSessionCount = CK_UNAVAILABLE_INFORMATION,
        .ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .hardwareVersion = {1, 0},
        .firmwareVersion = {1, 0},
    };
    p11_pad(info->label, sizeof info->label, "");
    p11_pad(info->manufacturerID, sizeof info->manufacturerID, "DevID");
    p11_pad(info->model, sizeof info->model, slot->backend->model);
    p11_pad(info->serialNumber, sizeof info->serialNumber, "");
    p11_pad(info->utcTime, sizeof info->utcTime, "");
    if (slot->token != NULL)
        describe_token(slot, info);
    return module_leave(CKR_OK);
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
    struct module *module;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    if (slot == NULL || reserved != NULL)
        rv = CKR_ARGUMENTS_BAD;
    else
        rv = (flags & CKF_DONT_BLOCK) != 0 ? CKR_NO_EVENT : CKR_FUNCTION_NOT_SUPPORTED;
    return module_leave(rv);
}

static CK_RV initialised_slot(struct module *module, CK_SLOT_ID id, const struct token **token)
{
    struct slot *slot;
    CK_RV rv = module_slot(module, id, &slot);

    if (rv != CKR_OK)
        return rv;
    *token = slot->token;
    return slot->token != NULL ? CKR_OK : CKR_TOKEN_NOT_RECOGNIZED;
}

CK_RV C_GetMechanismList(CK_SLOT_ID id, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    const struct token *token;
    struct module *module;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    if (count == NULL)
        return module_leave(CKR_ARGUMENTS_BAD);
    rv = initialised_slot(module, id, &token);
    if (rv == CKR_OK)
        rv = mechanism_list(token, list, count);
    return module_leave(rv);
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID id, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    const struct token *token;
    struct module *module;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    if (info == NULL)
        return module_leave(CKR_ARGUMENTS_BAD);
    rv = initialised_slot(module, id, &token);
    if (rv == CKR_OK)
        rv = mechanism_info(token, type, info);
    return module_leave(rv);
}
