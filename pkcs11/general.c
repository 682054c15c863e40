/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/module.h"

#include "pkcs11/soft/libctx.h"

#include <stdio.h>

/* This module always locks with the system's primitives and calls nothing of the caller's while it holds
 * one, so callbacks for locks of another kind are not needed: those who pass them without
 * CKF_OS_LOCKING_OK, as old programs do, have threads of the system all the same. */
static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *arguments)
{
    unsigned callbacks;

    if (arguments == NULL)
        return CKR_OK;
    if (arguments->pReserved != NULL)
        return CKR_ARGUMENTS_BAD;
    callbacks = (arguments->CreateMutex != NULL) + (arguments->DestroyMutex != NULL) +
                (arguments->LockMutex != NULL) + (arguments->UnlockMutex != NULL);
    return callbacks == 0 || callbacks == 4 ? CKR_OK : CKR_ARGUMENTS_BAD;
}

CK_RV C_Initialize(void *arguments)
{
    const CK_C_INITIALIZE_ARGS *given = arguments;
    CK_RV rv;

    soft_prepare();
    rv = check_arguments(given);
    if (rv != CKR_OK)
        return rv;
    return module_start(given != NULL && (given->flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS) != 0);
}

CK_RV C_Finalize(void *reserved)
{
    return reserved == NULL ? module_stop() : CKR_ARGUMENTS_BAD;
}

CK_RV C_GetInfo(CK_INFO *info)
{
    unsigned major = 0;
    unsigned minor = 0;
    struct module *module;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    if (info == NULL)
        return module_leave(CKR_ARGUMENTS_BAD);
    sscanf(DEVID_VERSION, "%u.%u", &major, &minor);
    *info = (CK_INFO){
        .cryptokiVersion = {2,              40            },
          .libraryVersion = {(CK_BYTE)major, (CK_BYTE)minor}
    };
    p11_pad(info->manufacturerID, sizeof info->manufacturerID, "DevID");
    p11_pad(info->libraryDescription, sizeof info->libraryDescription, "DevID PKCS#11 module");
    return module_leave(CKR_OK);
}
