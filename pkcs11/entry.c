/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "pkcs11/device.h"
#include "pkcs11/failure.h"
#include "pkcs11/pkcs11-3.0.h"

#include <string.h>

/* The symbols that the module exports; they are listed in pkcs11.map too. No libcrypto here, and no lock:
 * loaders call these before C_Initialize. */

#define EXPORT __attribute__((visibility("default")))

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);
EXPORT CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count);
EXPORT CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **out, CK_FLAGS flags);

/* The members that both lists have; C_GetInfo tells the version of the list it is called by. */
#define MEMBERS                                                                                              \
    .C_Initialize = C_Initialize, .C_Finalize = C_Finalize, .C_GetFunctionList = C_GetFunctionList,          \
    .C_GetSlotList = C_GetSlotList, .C_GetSlotInfo = C_GetSlotInfo, .C_GetTokenInfo = C_GetTokenInfo,        \
    .C_GetMechanismList = C_GetMechanismList, .C_GetMechanismInfo = C_GetMechanismInfo,                      \
    .C_InitToken = C_InitToken, .C_InitPIN = C_InitPIN, .C_SetPIN = C_SetPIN,                                \
    .C_OpenSession = C_OpenSession, .C_CloseSession = C_CloseSession,                                        \
    .C_CloseAllSessions = C_CloseAllSessions, .C_GetSessionInfo = C_GetSessionInfo,                          \
    .C_GetOperationState = C_GetOperationState, .C_SetOperationState = C_SetOperationState,                  \
    .C_Login = C_Login, .C_Logout = C_Logout, .C_CreateObject = C_CreateObject,                              \
    .C_CopyObject = C_CopyObject, .C_DestroyObject = C_DestroyObject, .C_GetObjectSize = C_GetObjectSize,    \
    .C_GetAttributeValue = C_GetAttributeValue, .C_SetAttributeValue = C_SetAttributeValue,                  \
    .C_FindObjectsInit = C_FindObjectsInit, .C_FindObjects = C_FindObjects,                                  \
    .C_FindObjectsFinal = C_FindObjectsFinal, .C_EncryptInit = C_EncryptInit, .C_Encrypt = C_Encrypt,        \
    .C_EncryptUpdate = C_EncryptUpdate, .C_EncryptFinal = C_EncryptFinal, .C_DecryptInit = C_DecryptInit,    \
    .C_Decrypt = C_Decrypt, .C_DecryptUpdate = C_DecryptUpdate, .C_DecryptFinal = C_DecryptFinal,            \
    .C_DigestInit = C_DigestInit, .C_Digest = C_Digest, .C_DigestUpdate = C_DigestUpdate,                    \
    .C_DigestKey = C_DigestKey, .C_DigestFinal = C_DigestFinal, .C_SignInit = C_SignInit, .C_Sign = C_Sign,  \
    .C_SignUpdate = C_SignUpdate, .C_SignFinal = C_SignFinal, .C_SignRecoverInit = C_SignRecoverInit,        \
    .C_SignRecover = C_SignRecover, .C_VerifyInit = C_VerifyInit, .C_Verify = C_Verify,                      \
    .C_VerifyUpdate = C_VerifyUpdate, .C_VerifyFinal = C_VerifyFinal,                                        \
    .C_VerifyRecoverInit = C_VerifyRecoverInit, .C_VerifyRecover = C_VerifyRecover,                          \
    .C_DigestEncryptUpdate = C_DigestEncryptUpdate, .C_DecryptDigestUpdate = C_DecryptDigestUpdate,          \
    .C_SignEncryptUpdate = C_SignEncryptUpdate, .C_DecryptVerifyUpdate = C_DecryptVerifyUpdate,              \
    .C_GenerateKey = C_GenerateKey, .C_GenerateKeyPair = C_GenerateKeyPair, .C_WrapKey = C_WrapKey,          \
    .C_UnwrapKey = C_UnwrapKey, .C_DeriveKey = C_DeriveKey, .C_SeedRandom = C_SeedRandom,                    \
    .C_GenerateRandom = C_GenerateRandom, .C_GetFunctionStatus = C_GetFunctionStatus,                        \
    .C_CancelFunction = C_CancelFunction, .C_WaitForSlotEvent = C_WaitForSlotEvent

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_GetInfo = C_GetInfo,
    MEMBERS,
};

static CK_RV get_info_3_0(CK_INFO *info)
{
    CK_RV rv = C_GetInfo(info);

    if (rv == CKR_OK)
        info->cryptokiVersion = (CK_VERSION){3, 0};
    return rv;
}

static CK_FUNCTION_LIST_3_0 functions_3_0 = {
    .version = {3, 0},
    .C_GetInfo = get_info_3_0,
    MEMBERS,
    .C_GetInterfaceList = C_GetInterfaceList,
    .C_GetInterface = C_GetInterface,
    .C_LoginUser = C_LoginUser,
    .C_SessionCancel = C_SessionCancel,
    .C_MessageEncryptInit = message_init,
    .C_EncryptMessage = message_crypt,
    .C_EncryptMessageBegin = message_crypt_begin,
    .C_EncryptMessageNext = message_crypt_next,
    .C_MessageEncryptFinal = message_final,
    .C_MessageDecryptInit = message_init,
    .C_DecryptMessage = message_crypt,
    .C_DecryptMessageBegin = message_crypt_begin,
    .C_DecryptMessageNext = message_crypt_next,
    .C_MessageDecryptFinal = message_final,
    .C_MessageSignInit = message_init,
    .C_SignMessage = message_sign,
    .C_SignMessageBegin = message_begin,
    .C_SignMessageNext = message_sign,
    .C_MessageSignFinal = message_final,
    .C_MessageVerifyInit = message_init,
    .C_VerifyMessage = message_verify,
    .C_VerifyMessageBegin = message_begin,
    .C_VerifyMessageNext = message_verify,
    .C_MessageVerifyFinal = message_final,
};

static struct devid_functions vendor_functions = {
    .version = {1, 2},
    .error_text = p11_failure_text,
    .setup_device = device_setup,
    .read_index = device_read_index,
};

static CK_UTF8CHAR standard_name[] = "PKCS 11";
static CK_UTF8CHAR vendor_name[] = DEVID_INTERFACE_NAME;

/* The first one is the default. A child has to call C_Initialize: none has CKF_INTERFACE_FORK_SAFE. */
static CK_INTERFACE interfaces[] = {
    {standard_name, &functions_3_0,    0},
    {standard_name, &functions,        0},
    {vendor_name,   &vendor_functions, 0},
};

#define INTERFACES (sizeof interfaces / sizeof interfaces[0])

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    if (list == NULL)
        return CKR_ARGUMENTS_BAD;
    *list = &functions;
    return CKR_OK;
}

CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count)
{
    CK_ULONG room;

    if (count == NULL)
        return CKR_ARGUMENTS_BAD;
    room = *count;
    *count = INTERFACES;
    if (list == NULL)
        return CKR_OK;
    if (room < INTERFACES)
        return CKR_BUFFER_TOO_SMALL;
    memcpy(list, interfaces, sizeof interfaces);
    return CKR_OK;
}

/* PKCS#11 3.0, 5.4: without a name any interface, without a version any version. */
CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **out, CK_FLAGS flags)
{
    if (out == NULL)
        return CKR_ARGUMENTS_BAD;
    for (size_t i = 0; i < INTERFACES; i++) {
        const CK_VERSION *offered = interfaces[i].pFunctionList;

        if (name != NULL && strcmp((const char *)name, (const char *)interfaces[i].pInterfaceName) != 0)
            continue;
        if (version != NULL && (version->major != offered->major || version->minor != offered->minor))
            continue;
        if ((flags & ~interfaces[i].flags) != 0)
            continue;
        *out = &interfaces[i];
        return CKR_OK;
    }
    return CKR_FUNCTION_FAILED;
}
