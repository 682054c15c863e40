/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_3_0_H
#define DEVID_PKCS11_3_0_H

#include <p11-kit/pkcs11.h>

/*
 * What PKCS#11 3.0 adds to the function lists, for a system header that stops at 2.40; the order of the
 * members is the standard's (PKCS#11 Base Specification 3.0, sections 3.6 and 5.3). A header that has it is
 * left to say so itself.
 */
#ifndef CKF_INTERFACE_FORK_SAFE

#define CKF_INTERFACE_FORK_SAFE 1UL

#define CKR_OPERATION_CANCEL_FAILED 0x202UL

/* C_SessionCancel: which operations. The others are flags of CK_MECHANISM_INFO. */
#define CKF_MESSAGE_ENCRYPT (1UL << 1)
#define CKF_MESSAGE_DECRYPT (1UL << 2)
#define CKF_MESSAGE_SIGN (1UL << 3)
#define CKF_MESSAGE_VERIFY (1UL << 4)
#define CKF_FIND_OBJECTS (1UL << 6)

typedef struct ck_interface {
    CK_UTF8CHAR *pInterfaceName;
    void *pFunctionList;
    CK_FLAGS flags;
} CK_INTERFACE;

typedef struct ck_function_list_3_0 CK_FUNCTION_LIST_3_0;

typedef CK_RV (*CK_C_GetInterfaceList)(CK_INTERFACE *list, CK_ULONG *count);
typedef CK_RV (*CK_C_GetInterface)(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **out,
                                   CK_FLAGS flags);
typedef CK_RV (*CK_C_LoginUser)(CK_SESSION_HANDLE session, CK_USER_TYPE type, CK_UTF8CHAR *pin,
                                CK_ULONG pin_size, CK_UTF8CHAR *name, CK_ULONG name_size);
typedef CK_RV (*CK_C_SessionCancel)(CK_SESSION_HANDLE session, CK_FLAGS flags);

/* The message functions by their arguments: one type for each shape. */
typedef CK_RV (*CK_C_MessageInit)(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
typedef CK_RV (*CK_C_MessageFinal)(CK_SESSION_HANDLE session);
typedef CK_RV (*CK_C_CryptMessage)(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                                   CK_BYTE *associated, CK_ULONG associated_size, CK_BYTE *in,
                                   CK_ULONG in_size, CK_BYTE *out, CK_ULONG *out_size);
typedef CK_RV (*CK_C_CryptMessageBegin)(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                                        CK_BYTE *associated, CK_ULONG associated_size);
typedef CK_RV (*CK_C_CryptMessageNext)(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                                       CK_BYTE *in, CK_ULONG in_size, CK_BYTE *out, CK_ULONG *out_size,
                                       CK_FLAGS flags);
typedef CK_RV (*CK_C_SignMessage)(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                                  CK_BYTE *data, CK_ULONG data_size, CK_BYTE *signature,
                                  CK_ULONG *signature_size);
typedef CK_RV (*CK_C_MessageBegin)(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size);
typedef CK_RV (*CK_C_VerifyMessage)(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                                    CK_BYTE *data, CK_ULONG data_size, CK_BYTE *signature,
                                    CK_ULONG signature_size);

struct ck_function_list_3_0 {
    CK_VERSION version;
    CK_C_Initialize C_Initialize;
    CK_C_Finalize C_Finalize;
    CK_C_GetInfo C_GetInfo;
    CK_C_GetFunctionList C_GetFunctionList;
    CK_C_GetSlotList C_GetSlotList;
    CK_C_GetSlotInfo C_GetSlotInfo;
    CK_C_GetTokenInfo C_GetTokenInfo;
    CK_C_GetMechanismList C_GetMechanismList;
    CK_C_GetMechanismInfo C_GetMechanismInfo;
    CK_C_InitToken C_InitToken;
    CK_C_InitPIN C_InitPIN;
    CK_C_SetPIN C_SetPIN;
    CK_C_OpenSession C_OpenSession;
    CK_C_CloseSession C_CloseSession;
    CK_C_CloseAllSessions C_CloseAllSessions;
    CK_C_GetSessionInfo C_GetSessionInfo;
    CK_C_GetOperationState C_GetOperationState;
    CK_C_SetOperationState C_SetOperationState;
    CK_C_Login C_Login;
    CK_C_Logout C_Logout;
    CK_C_CreateObject C_CreateObject;
    CK_C_CopyObject C_CopyObject;
    CK_C_DestroyObject C_DestroyObject;
    CK_C_GetObjectSize C_GetObjectSize;
    CK_C_GetAttributeValue C_GetAttributeValue;
    CK_C_SetAttributeValue C_SetAttributeValue;
    CK_C_FindObjectsInit C_FindObjectsInit;
    CK_C_FindObjects C_FindObjects;
    CK_C_FindObjectsFinal C_FindObjectsFinal;
    CK_C_EncryptInit C_EncryptInit;
    CK_C_Encrypt C_Encrypt;
    CK_C_EncryptUpdate C_EncryptUpdate;
    CK_C_EncryptFinal C_EncryptFinal;
    CK_C_DecryptInit C_DecryptInit;
    CK_C_Decrypt C_Decrypt;
    CK_C_DecryptUpdate C_DecryptUpdate;
    CK_C_DecryptFinal C_DecryptFinal;
    CK_C_DigestInit C_DigestInit;
    CK_C_Digest C_Digest;
    CK_C_DigestUpdate C_DigestUpdate;
    CK_C_DigestKey C_DigestKey;
    CK_C_DigestFinal C_DigestFinal;
    CK_C_SignInit C_SignInit;
    CK_C_Sign C_Sign;
    CK_C_SignUpdate C_SignUpdate;
    CK_C_SignFinal C_SignFinal;
    CK_C_SignRecoverInit C_SignRecoverInit;
    CK_C_SignRecover C_SignRecover;
    CK_C_VerifyInit C_VerifyInit;
    CK_C_Verify C_Verify;
    CK_C_VerifyUpdate C_VerifyUpdate;
    CK_C_VerifyFinal C_VerifyFinal;
    CK_C_VerifyRecoverInit C_VerifyRecoverInit;
    CK_C_VerifyRecover C_VerifyRecover;
    CK_C_DigestEncryptUpdate C_DigestEncryptUpdate;
    CK_C_DecryptDigestUpdate C_DecryptDigestUpdate;
    CK_C_SignEncryptUpdate C_SignEncryptUpdate;
    CK_C_DecryptVerifyUpdate C_DecryptVerifyUpdate;
    CK_C_GenerateKey C_GenerateKey;
    CK_C_GenerateKeyPair C_GenerateKeyPair;
    CK_C_WrapKey C_WrapKey;
    CK_C_UnwrapKey C_UnwrapKey;
    CK_C_DeriveKey C_DeriveKey;
    CK_C_SeedRandom C_SeedRandom;
    CK_C_GenerateRandom C_GenerateRandom;
    CK_C_GetFunctionStatus C_GetFunctionStatus;
    CK_C_CancelFunction C_CancelFunction;
    CK_C_WaitForSlotEvent C_WaitForSlotEvent;
    CK_C_GetInterfaceList C_GetInterfaceList;
    CK_C_GetInterface C_GetInterface;
    CK_C_LoginUser C_LoginUser;
    CK_C_SessionCancel C_SessionCancel;
    CK_C_MessageInit C_MessageEncryptInit;
    CK_C_CryptMessage C_EncryptMessage;
    CK_C_CryptMessageBegin C_EncryptMessageBegin;
    CK_C_CryptMessageNext C_EncryptMessageNext;
    CK_C_MessageFinal C_MessageEncryptFinal;
    CK_C_MessageInit C_MessageDecryptInit;
    CK_C_CryptMessage C_DecryptMessage;
    CK_C_CryptMessageBegin C_DecryptMessageBegin;
    CK_C_CryptMessageNext C_DecryptMessageNext;
    CK_C_MessageFinal C_MessageDecryptFinal;
    CK_C_MessageInit C_MessageSignInit;
    CK_C_SignMessage C_SignMessage;
    CK_C_MessageBegin C_SignMessageBegin;
    CK_C_SignMessage C_SignMessageNext;
    CK_C_MessageFinal C_MessageSignFinal;
    CK_C_MessageInit C_MessageVerifyInit;
    CK_C_VerifyMessage C_VerifyMessage;
    CK_C_MessageBegin C_VerifyMessageBegin;
    CK_C_VerifyMessage C_VerifyMessageNext;
    CK_C_MessageFinal C_MessageVerifyFinal;
};

#endif

CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count);
CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **out, CK_FLAGS flags);
CK_RV C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE type, CK_UTF8CHAR *pin, CK_ULONG pin_size,
                  CK_UTF8CHAR *name, CK_ULONG name_size);
CK_RV C_SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS flags);

/* The members of the 3.0 list that this module does not have (message.c). */
CK_RV message_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
CK_RV message_final(CK_SESSION_HANDLE session);
CK_RV message_crypt(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size, CK_BYTE *associated,
                    CK_ULONG associated_size, CK_BYTE *in, CK_ULONG in_size, CK_BYTE *out,
                    CK_ULONG *out_size);
CK_RV message_crypt_begin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                          CK_BYTE *associated, CK_ULONG associated_size);
CK_RV message_crypt_next(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size, CK_BYTE *in,
                         CK_ULONG in_size, CK_BYTE *out, CK_ULONG *out_size, CK_FLAGS flags);
CK_RV message_sign(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size, CK_BYTE *data,
                   CK_ULONG data_size, CK_BYTE *signature, CK_ULONG *signature_size);
CK_RV message_begin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size);
CK_RV message_verify(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size, CK_BYTE *data,
                     CK_ULONG data_size, CK_BYTE *signature, CK_ULONG signature_size);

#endif
