/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/p11_spy.h"
#include "devid/pkcs11.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/store.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);
EXPORT devid_get_interface C_GetInterface;

static CK_FUNCTION_LIST *inner;
static CK_FUNCTION_LIST outer;
static struct p11_spy *spy;

/* False: it is 0 already. Threads count too. */
static bool count_down(uint32_t *counter)
{
    uint32_t value = __atomic_load_n(counter, __ATOMIC_SEQ_CST);

    while (value > 0 && !__atomic_compare_exchange_n(counter, &value, value - 1, false, __ATOMIC_SEQ_CST,
                                                     __ATOMIC_SEQ_CST)) {
    }
    return value > 0;
}

static bool injected(enum p11_spy_call call)
{
    __atomic_add_fetch(&spy->total, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&spy->calls[call], 1, __ATOMIC_SEQ_CST);
    if (spy->inject_times == 0 || spy->inject_call != call)
        return false;
    return !count_down(&spy->inject_after) && count_down(&spy->inject_times);
}

#define WRAP(call, name, parameters, arguments)                                                              \
    static CK_RV wrap_##name parameters                                                                      \
    {                                                                                                        \
        return injected(call) ? spy->inject_rv : inner->name arguments;                                      \
    }

WRAP(SPY_INITIALIZE, C_Initialize, (void *a), (a))
WRAP(SPY_FINALIZE, C_Finalize, (void *a), (a))
WRAP(SPY_GET_SLOT_LIST, C_GetSlotList, (CK_BBOOL a, CK_SLOT_ID *b, CK_ULONG *c), (a, b, c))
WRAP(SPY_GET_SLOT_INFO, C_GetSlotInfo, (CK_SLOT_ID a, CK_SLOT_INFO *b), (a, b))
WRAP(SPY_LOGIN, C_Login, (CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_UTF8CHAR *c, CK_ULONG d), (a, b, c, d))
WRAP(SPY_FIND_OBJECTS_INIT, C_FindObjectsInit, (CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c), (a, b, c))
WRAP(SPY_FIND_OBJECTS, C_FindObjects, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE *b, CK_ULONG c, CK_ULONG *d),
     (a, b, c, d))
WRAP(SPY_FIND_OBJECTS_FINAL, C_FindObjectsFinal, (CK_SESSION_HANDLE a), (a))
WRAP(SPY_DECRYPT, C_Decrypt, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e),
     (a, b, c, d, e))
WRAP(SPY_DESTROY_OBJECT, C_DestroyObject, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b), (a, b))
WRAP(SPY_UNWRAP_KEY, C_UnwrapKey,
     (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c, CK_BYTE *d, CK_ULONG e, CK_ATTRIBUTE *f,
      CK_ULONG g, CK_OBJECT_HANDLE *h),
     (a, b, c, d, e, f, g, h))
WRAP(SPY_GET_MECHANISM_INFO, C_GetMechanismInfo, (CK_SLOT_ID a, CK_MECHANISM_TYPE b, CK_MECHANISM_INFO *c),
     (a, b, c))
WRAP(SPY_GENERATE_KEY_PAIR, C_GenerateKeyPair,
     (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_ATTRIBUTE *c, CK_ULONG d, CK_ATTRIBUTE *e, CK_ULONG f,
      CK_OBJECT_HANDLE *g, CK_OBJECT_HANDLE *h),
     (a, b, c, d, e, f, g, h))
WRAP(SPY_GENERATE_RANDOM, C_GenerateRandom, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c))

WRAP(SPY_OTHER, C_GetInfo, (CK_INFO * a), (a))
WRAP(SPY_OTHER, C_GetMechanismList, (CK_SLOT_ID a, CK_MECHANISM_TYPE *b, CK_ULONG *c), (a, b, c))
WRAP(SPY_OTHER, C_GetSessionInfo, (CK_SESSION_HANDLE a, CK_SESSION_INFO *b), (a, b))
WRAP(SPY_OTHER, C_CloseAllSessions, (CK_SLOT_ID a), (a))
WRAP(SPY_OTHER, C_Logout, (CK_SESSION_HANDLE a), (a))
WRAP(SPY_OTHER, C_GetObjectSize, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ULONG *c), (a, b, c))
WRAP(SPY_OTHER, C_CreateObject, (CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c, CK_OBJECT_HANDLE *d),
     (a, b, c, d))
WRAP(SPY_OTHER, C_CopyObject,
     (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d, CK_OBJECT_HANDLE *e),
     (a, b, c, d, e))

/* Counted before it is open and until it is closed: there may be more, but there are never less. */
static CK_RV wrap_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *data, CK_NOTIFY notify,
                                CK_SESSION_HANDLE *session)
{
    uint32_t now = __atomic_add_fetch(&spy->sessions, 1, __ATOMIC_SEQ_CST);
    uint32_t most = __atomic_load_n(&spy->most_sessions, __ATOMIC_SEQ_CST);
    CK_RV rv;

    while (now > most && !__atomic_compare_exchange_n(&spy->most_sessions, &most, now, false,
                                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    rv = injected(SPY_OPEN_SESSION) ? spy->inject_rv
                                    : inner->C_OpenSession(slot, flags, data, notify, session);
    if (rv != CKR_OK)
        __atomic_sub_fetch(&spy->sessions, 1, __ATOMIC_SEQ_CST);
    return rv;
}

static CK_RV wrap_C_CloseSession(CK_SESSION_HANDLE session)
{
    CK_RV rv = injected(SPY_CLOSE_SESSION) ? spy->inject_rv : inner->C_CloseSession(session);

    __atomic_sub_fetch(&spy->sessions, 1, __ATOMIC_SEQ_CST);
    return rv;
}

static CK_RV wrap_C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                      CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    CK_RV rv = injected(SPY_GET_ATTRIBUTE_VALUE)
                   ? spy->inject_rv
                   : inner->C_GetAttributeValue(session, object, attributes, count);

    if (rv == CKR_OK && spy->zero_values != 0 && count == 1 && attributes[0].type == CKA_VALUE)
        memset(attributes[0].pValue, 0, attributes[0].ulValueLen);
    return rv;
}

static CK_RV wrap_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = injected(SPY_GET_TOKEN_INFO) ? spy->inject_rv : inner->C_GetTokenInfo(slot, info);

    if (rv == CKR_OK)
        info->flags |= spy->token_flags;
    return rv;
}

/* What a module that uses libcrypto could come to do, in the worst case. */
static void use_libcrypto(void)
{
    OSSL_STORE_CTX *store =
        OSSL_STORE_open_ex("pkcs11:type=private", NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *info = store != NULL ? OSSL_STORE_load(store) : NULL;

    if (info != NULL)
        spy->reenter = 2;
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
}

/* CKR_OK: the call goes on to the module. */
static CK_RV judge(enum p11_spy_call call, const CK_MECHANISM *mechanism)
{
    __atomic_store_n(&spy->mechanism, (uint32_t)mechanism->mechanism, __ATOMIC_RELAXED);
    if (injected(call))
        return spy->inject_rv;
    return spy->inject_mechanism != 0 && spy->inject_mechanism == mechanism->mechanism ? CKR_MECHANISM_INVALID
                                                                                       : CKR_OK;
}

static CK_RV wrap_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV rv = judge(SPY_SIGN_INIT, mechanism);

    if (rv == CKR_OK && spy->reenter == 1)
        use_libcrypto();
    return rv == CKR_OK ? inner->C_SignInit(session, mechanism, key) : rv;
}

/* Whoever holds this process's signatures up wants to see what others do meanwhile. */
static void be_held(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    if (__atomic_load_n(&spy->hold, __ATOMIC_SEQ_CST) != (uint32_t)getpid())
        return;
    __atomic_add_fetch(&spy->held, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&spy->hold, __ATOMIC_SEQ_CST) == (uint32_t)getpid())
        nanosleep(&pause, NULL);
}

static CK_RV wrap_C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature,
                         CK_ULONG *signature_size)
{
    be_held();
    return injected(SPY_SIGN) ? spy->inject_rv
                              : inner->C_Sign(session, data, size, signature, signature_size);
}

static CK_RV wrap_C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV rv = judge(SPY_DECRYPT_INIT, mechanism);

    return rv == CKR_OK ? inner->C_DecryptInit(session, mechanism, key) : rv;
}

static CK_RV wrap_C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                              CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *derived)
{
    CK_RV rv = judge(SPY_DERIVE_KEY, mechanism);

    return rv == CKR_OK ? inner->C_DeriveKey(session, mechanism, key, template, count, derived) : rv;
}

/* The variable, of a copy of this file called p11_spySUFFIX.so with SUFFIX at its end. */
static const char *variable(const char *name)
{
    static const char own[] = "p11_spy";
    const char *file = NULL;
    const char *suffix = "";
    char full[64];
    Dl_info info;

    if (dladdr(&spy, &info) != 0)
        file = strstr(strrchr(info.dli_fname, '/') + 1, own);
    if (file != NULL)
        suffix = file + sizeof own - 1;
    snprintf(full, sizeof full, "%s%.*s", name, (int)strcspn(suffix, "."), suffix);
    return getenv(full);
}

static bool map_counters(void)
{
    const char *path = variable("P11_SPY_FILE");
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    void *map = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, sizeof *spy) == 0)
        map = mmap(NULL, sizeof *spy, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    spy = map;
    return map != MAP_FAILED;
}

static bool load_inner(void)
{
    const char *path = variable("P11_SPY_MODULE");
    void *library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    CK_RV (*get_function_list)(CK_FUNCTION_LIST **) = NULL;

    if (library != NULL)
        *(void **)&get_function_list = dlsym(library, "C_GetFunctionList");
    return get_function_list != NULL && get_function_list(&inner) == CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    if (inner == NULL && (!map_counters() || !load_inner()))
        return CKR_GENERAL_ERROR;
    spy->loaded++;
    outer = *inner;
    outer.C_Initialize = wrap_C_Initialize;
    outer.C_Finalize = wrap_C_Finalize;
    outer.C_GetSlotList = wrap_C_GetSlotList;
    outer.C_GetSlotInfo = wrap_C_GetSlotInfo;
    outer.C_GetTokenInfo = wrap_C_GetTokenInfo;
    outer.C_OpenSession = wrap_C_OpenSession;
    outer.C_CloseSession = wrap_C_CloseSession;
    outer.C_Login = wrap_C_Login;
    outer.C_FindObjectsInit = wrap_C_FindObjectsInit;
    outer.C_FindObjects = wrap_C_FindObjects;
    outer.C_FindObjectsFinal = wrap_C_FindObjectsFinal;
    outer.C_GetAttributeValue = wrap_C_GetAttributeValue;
    outer.C_SignInit = wrap_C_SignInit;
    outer.C_Sign = wrap_C_Sign;
    outer.C_DecryptInit = wrap_C_DecryptInit;
    outer.C_Decrypt = wrap_C_Decrypt;
    outer.C_DeriveKey = wrap_C_DeriveKey;
    outer.C_DestroyObject = wrap_C_DestroyObject;
    outer.C_GetInfo = wrap_C_GetInfo;
    outer.C_UnwrapKey = wrap_C_UnwrapKey;
    outer.C_GenerateKeyPair = wrap_C_GenerateKeyPair;
    outer.C_GetMechanismList = wrap_C_GetMechanismList;
    outer.C_GetMechanismInfo = wrap_C_GetMechanismInfo;
    outer.C_GetSessionInfo = wrap_C_GetSessionInfo;
    outer.C_CloseAllSessions = wrap_C_CloseAllSessions;
    outer.C_Logout = wrap_C_Logout;
    outer.C_GetObjectSize = wrap_C_GetObjectSize;
    outer.C_CreateObject = wrap_C_CreateObject;
    outer.C_CopyObject = wrap_C_CopyObject;
    outer.C_GenerateRandom = wrap_C_GenerateRandom;
    *list = &outer;
    return CKR_OK;
}

static const char *error_text(void)
{
    const char *text = getenv("P11_SPY_TEXT");

    return text != NULL ? text : "";
}

CK_RV C_GetInterface(const char *name, CK_VERSION *version, struct devid_interface **out, CK_FLAGS flags)
{
    static struct devid_functions functions = {
        .version = {1, 0},
          .error_text = error_text
    };
    static struct devid_interface interface = {DEVID_INTERFACE_NAME, &functions, 0};

    (void)version;
    if (getenv("P11_SPY_ANY_INTERFACE") != NULL) {
        static struct devid_interface only = {"PKCS 11", &outer, 0};

        *out = &only;
        return CKR_OK;
    }
    if (name == NULL || strcmp(name, DEVID_INTERFACE_NAME) != 0 || flags != 0)
        return CKR_FUNCTION_FAILED;
    *out = &interface;
    return CKR_OK;
}
