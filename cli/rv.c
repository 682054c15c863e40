/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rv.h"

#include <stdio.h>

static const struct rv_row {
    CK_RV rv;
    const char *name;
    const char *advice;
} rows[] = {
#define ROW(code, ...)                                                                                       \
    {                                                                                                        \
        code, #code, __VA_ARGS__                                                                             \
    }
    ROW(CKR_OK, NULL),
    ROW(CKR_CANCEL, NULL),
    ROW(CKR_HOST_MEMORY, "close other programs and try again"),
    ROW(CKR_SLOT_ID_INVALID, "look at 'devid token list'"),
    ROW(CKR_GENERAL_ERROR, "read the module's log"),
    ROW(CKR_FUNCTION_FAILED, "read the module's log"),
    ROW(CKR_ARGUMENTS_BAD, NULL),
    ROW(CKR_NO_EVENT, NULL),
    ROW(CKR_CANT_LOCK, NULL),
    ROW(CKR_ATTRIBUTE_READ_ONLY, NULL),
    ROW(CKR_ATTRIBUTE_SENSITIVE, NULL),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, NULL),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, NULL),
    ROW(CKR_ACTION_PROHIBITED, NULL),
    ROW(CKR_DATA_INVALID, NULL),
    ROW(CKR_DATA_LEN_RANGE, NULL),
    ROW(CKR_DEVICE_ERROR, "see whether the TPM answers and the token directory can be written"),
    ROW(CKR_DEVICE_MEMORY, "free space on the token"),
    ROW(CKR_DEVICE_REMOVED, "put the device back"),
    ROW(CKR_FUNCTION_CANCELED, NULL),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, "this module cannot do it; use another"),
    ROW(CKR_KEY_HANDLE_INVALID, NULL),
    ROW(CKR_KEY_SIZE_RANGE, "choose another key size"),
    ROW(CKR_KEY_TYPE_INCONSISTENT, NULL),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, "use a key made for this purpose"),
    ROW(CKR_MECHANISM_INVALID, "the token cannot do this; choose another key type"),
    ROW(CKR_MECHANISM_PARAM_INVALID, NULL),
    ROW(CKR_OBJECT_HANDLE_INVALID, NULL),
    ROW(CKR_OPERATION_ACTIVE, NULL),
    ROW(CKR_OPERATION_NOT_INITIALIZED, NULL),
    ROW(CKR_PIN_INCORRECT, "check the PIN file"),
    ROW(CKR_PIN_INVALID, "choose a PIN that the token accepts"),
    ROW(CKR_PIN_LEN_RANGE, "choose a PIN of another length"),
    ROW(CKR_PIN_EXPIRED, "set a new PIN"),
    ROW(CKR_PIN_LOCKED, "let the security officer set a new PIN"),
    ROW(CKR_SESSION_CLOSED, NULL),
    ROW(CKR_SESSION_COUNT, "close other programs that use the token"),
    ROW(CKR_SESSION_HANDLE_INVALID, NULL),
    ROW(CKR_SESSION_READ_ONLY, NULL),
    ROW(CKR_SESSION_EXISTS, "close other programs that use the token"),
    ROW(CKR_SIGNATURE_INVALID, NULL),
    ROW(CKR_TEMPLATE_INCOMPLETE, NULL),
    ROW(CKR_TEMPLATE_INCONSISTENT, "the token does not allow such an object"),
    ROW(CKR_TOKEN_NOT_PRESENT, "look at 'devid token list'"),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, "make the token again with 'devid token init'"),
    ROW(CKR_TOKEN_WRITE_PROTECTED, "make the token directory writable"),
    ROW(CKR_USER_ALREADY_LOGGED_IN, NULL),
    ROW(CKR_USER_NOT_LOGGED_IN, "give the token's PIN with --pin-file"),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, "set a user PIN first"),
    ROW(CKR_USER_TYPE_INVALID, NULL),
    ROW(CKR_RANDOM_NO_RNG, NULL),
    ROW(CKR_DOMAIN_PARAMS_INVALID, NULL),
    ROW(CKR_CURVE_NOT_SUPPORTED, "choose another curve"),
    ROW(CKR_BUFFER_TOO_SMALL, NULL),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, NULL),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, NULL),
    ROW(CKR_FUNCTION_REJECTED, NULL),
#undef ROW
};

static const struct rv_row *find(CK_RV rv)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].rv == rv)
            return &rows[i];
    return NULL;
}

const char *cli_rv_name(CK_RV rv)
{
    static char unknown[32];
    const struct rv_row *row = find(rv);

    if (row != NULL)
        return row->name;
    snprintf(unknown, sizeof unknown, "CKR_ 0x%08lX", (unsigned long)rv);
    return unknown;
}

const char *cli_rv_advice(CK_RV rv)
{
    const struct rv_row *row = find(rv);

    return row != NULL ? row->advice : NULL;
}
