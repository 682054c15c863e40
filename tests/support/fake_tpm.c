/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_tpm.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define KEYS_MAXIMUM 16
#define FIRST_KEY 100
#define PUBLIC_SIZE 58

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);
EXPORT fake_tpm_reset_fn fake_tpm_reset;

struct key {
    bool used;
    bool token;
    char label[256];
    unsigned char value[64];
    size_t size;
};

static struct fake_tpm state;
static struct key keys[KEYS_MAXIMUM];
static bool logged_in;
static CK_SESSION_HANDLE last_session;
static CK_SLOT_ID session_slot;
static CK_OBJECT_HANDLE found[KEYS_MAXIMUM + 2];
static CK_ULONG found_count;
static CK_OBJECT_HANDLE signing_key;

struct fake_tpm *fake_tpm_reset(void)
{
    memset(&state, 0, sizeof state);
    memset(keys, 0, sizeof keys);
    logged_in = false;
    state.tokens = 1;
    return &state;
}

static CK_RV initialize(void *arguments)
{
    (void)arguments;
    return CKR_OK;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    (void)present;
    for (CK_ULONG i = 0; list != NULL && i < state.tokens && i < *count; i++)
        list[i] = i + 1;
    *count = state.tokens;
    return CKR_OK;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    char label[sizeof info->label + 1];

    if (slot < 1 || slot > state.tokens)
        return CKR_SLOT_ID_INVALID;
    memset(info, ' ', sizeof *info);
    snprintf(label, sizeof label, slot == state.tokens ? "%s" : "%s%lu", FAKE_TPM_LABEL, slot);
    memcpy(info->label, label, strlen(label));
    info->flags = CKF_TOKEN_INITIALIZED | (state.wants_pin ? CKF_LOGIN_REQUIRED : 0);
    return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *data, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *session)
{
    (void)flags;
    (void)data;
    (void)notify;
    session_slot = slot;
    *session = ++last_session;
    state.sessions++;
    return CKR_OK;
}

static void drop_key(struct key *key)
{
    if (key->used && key->token)
        state.token_keys--;
    else if (key->used)
        state.session_keys--;
    memset(key, 0, sizeof *key);
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
    (void)session;
    for (size_t i = 0; i < KEYS_MAXIMUM; i++)
        if (!keys[i].token)
            drop_key(&keys[i]);
    if (--state.sessions == 0)
        logged_in = false;
    return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG size)
{
    (void)session;
    (void)user;
    state.logins++;
    if (size != strlen(FAKE_TPM_PIN) || memcmp(pin, FAKE_TPM_PIN, size) != 0)
        return CKR_PIN_INCORRECT;
    logged_in = true;
    return CKR_OK;
}

static const CK_ATTRIBUTE *find_attribute(const CK_ATTRIBUTE *template, CK_ULONG count,
                                          CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < count; i++)
        if (template[i].type == type)
            return &template[i];
    return NULL;
}

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count)
{
    const CK_ATTRIBUTE *class = find_attribute(template, count, CKA_CLASS);
    const CK_ATTRIBUTE *label = find_attribute(template, count, CKA_LABEL);

    (void)session;
    found_count = 0;
    if (*(const CK_OBJECT_CLASS *)class->pValue == CKO_PUBLIC_KEY) {
        if (session_slot == state.tokens) {
            found[found_count++] = FAKE_TPM_SRK;
            found[found_count++] = FAKE_TPM_EK;
        }
        return CKR_OK;
    }
    for (size_t i = 0; i < KEYS_MAXIMUM; i++)
        if (keys[i].used && label != NULL && strlen(keys[i].label) == label->ulValueLen &&
            memcmp(keys[i].label, label->pValue, label->ulValueLen) == 0)
            found[found_count++] = FIRST_KEY + i;
    return CKR_OK;
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG capacity,
                          CK_ULONG *count)
{
    (void)session;
    *count = found_count < capacity ? found_count : capacity;
    memcpy(objects, found, *count * sizeof *objects);
    return CKR_OK;
}

static CK_RV find_objects_final(CK_SESSION_HANDLE session)
{
    (void)session;
    return CKR_OK;
}

/* The public areas: type and attributes are all that matters. */
static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template,
                                 CK_ULONG count)
{
    unsigned char area[PUBLIC_SIZE] = {0, PUBLIC_SIZE - 2, 0, 1, 0, 0x0b, 0, 3, 0, 0xb2};

    (void)session;
    if (count != 1 || template->type != CKA_DEVID_TPM2B_PUBLIC ||
        (object == FAKE_TPM_SRK && state.no_storage_root_key)) {
        template->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    if (object == FAKE_TPM_SRK) {
        area[8] = 0x04;
        area[9] = 0x72;
    }
    if (state.no_rsa)
        area[3] = 0x23;
    memcpy(template->pValue, area, sizeof area);
    template->ulValueLen = state.area_size != 0 ? state.area_size : sizeof area;
    return CKR_OK;
}

static CK_RV add_key(const CK_ATTRIBUTE *template, CK_ULONG count, const void *value, CK_ULONG size,
                     CK_OBJECT_HANDLE *out)
{
    const CK_ATTRIBUTE *token = find_attribute(template, count, CKA_TOKEN);
    const CK_ATTRIBUTE *label = find_attribute(template, count, CKA_LABEL);
    size_t i = 0;

    while (i < KEYS_MAXIMUM && keys[i].used)
        i++;
    if (i == KEYS_MAXIMUM || size > sizeof keys[i].value)
        return CKR_DEVICE_MEMORY;
    keys[i].used = true;
    keys[i].token = token != NULL && *(const CK_BBOOL *)token->pValue == CK_TRUE;
    if (label != NULL)
        memcpy(keys[i].label, label->pValue, label->ulValueLen);
    memcpy(keys[i].value, value, size);
    keys[i].size = size;
    if (keys[i].token)
        state.token_keys++;
    else
        state.session_keys++;
    *out = FIRST_KEY + i;
    return CKR_OK;
}

static CK_RV unwrap_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                        CK_BYTE *wrapped, CK_ULONG size, CK_ATTRIBUTE *template, CK_ULONG count,
                        CK_OBJECT_HANDLE *out)
{
    const CK_ATTRIBUTE *token = find_attribute(template, count, CKA_TOKEN);

    (void)session;
    state.unwraps++;
    state.last_unwrapping_key = key;
    if (mechanism->mechanism != CKM_DEVID_TPM2_CREDENTIAL ||
        mechanism->ulParameterLen != sizeof(CK_OBJECT_HANDLE))
        return CKR_MECHANISM_INVALID;
    state.last_parent = *(CK_OBJECT_HANDLE *)mechanism->pParameter;
    if (state.unwrap_rv != CKR_OK)
        return state.unwrap_rv;
    if (state.wants_pin && !logged_in)
        return CKR_USER_NOT_LOGGED_IN;
    if (state.keeps_nothing && token != NULL && *(const CK_BBOOL *)token->pValue == CK_TRUE)
        return CKR_TEMPLATE_INCONSISTENT;
    if (size <= strlen(FAKE_TPM_MARK) || memcmp(wrapped, FAKE_TPM_MARK, strlen(FAKE_TPM_MARK)) != 0)
        return CKR_WRAPPED_KEY_INVALID;
    return add_key(template, count, wrapped + strlen(FAKE_TPM_MARK), size - strlen(FAKE_TPM_MARK), out);
}

static CK_RV create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count,
                           CK_OBJECT_HANDLE *out)
{
    const CK_ATTRIBUTE *value = find_attribute(template, count, CKA_VALUE);

    (void)session;
    return add_key(template, count, value->pValue, value->ulValueLen, out);
}

static CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    (void)session;
    if (object < FIRST_KEY || object >= FIRST_KEY + KEYS_MAXIMUM || !keys[object - FIRST_KEY].used)
        return CKR_OBJECT_HANDLE_INVALID;
    drop_key(&keys[object - FIRST_KEY]);
    return CKR_OK;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)session;
    signing_key = key;
    if (mechanism->mechanism != CKM_SHA256_HMAC)
        return CKR_MECHANISM_INVALID;
    return key >= FIRST_KEY && key < FIRST_KEY + KEYS_MAXIMUM && keys[key - FIRST_KEY].used
               ? CKR_OK
               : CKR_KEY_HANDLE_INVALID;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature,
                  CK_ULONG *length)
{
    const struct key *key = &keys[signing_key - FIRST_KEY];
    unsigned int written = 0;

    (void)session;
    state.signs++;
    if (state.sign_rv != CKR_OK)
        return state.sign_rv;
    HMAC(EVP_sha256(), key->value, (int)key->size, data, size, signature, &written);
    *length = written;
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    static CK_FUNCTION_LIST functions = {
        .version = {2, 40},
        .C_Initialize = initialize,
        .C_GetFunctionList = C_GetFunctionList,
        .C_GetSlotList = get_slot_list,
        .C_GetTokenInfo = get_token_info,
        .C_OpenSession = open_session,
        .C_CloseSession = close_session,
        .C_Login = login,
        .C_CreateObject = create_object,
        .C_DestroyObject = destroy_object,
        .C_GetAttributeValue = get_attribute_value,
        .C_FindObjectsInit = find_objects_init,
        .C_FindObjects = find_objects,
        .C_FindObjectsFinal = find_objects_final,
        .C_SignInit = sign_init,
        .C_Sign = sign,
        .C_UnwrapKey = unwrap_key,
    };

    *list = &functions;
    return CKR_OK;
}
