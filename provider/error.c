/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/error.h"
#include "common/log.h"
#include "common/rvname.h"
#include "provider/module.h"
#include "provider/provider.h"

#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>

/* OSSL_ITEM has no const. */
#define REASON(number, text)                                                                                 \
    {                                                                                                        \
        number, (char *)(uintptr_t)(text)                                                                    \
    }

static const OSSL_ITEM reasons[] = {
    REASON(PROV_R_MODULE_NOT_LOADED, "the PKCS#11 module cannot be loaded"),
    REASON(PROV_R_MODULE_FAILED, "the PKCS#11 module failed"),
    REASON(PROV_R_DEVICE_FAILED, "the token failed"),
    REASON(PROV_R_REENTERED, "the PKCS#11 module uses OpenSSL with this provider"),
    REASON(PROV_R_BAD_OPTION, "bad option"),
    REASON(PROV_R_BAD_URI, "bad PKCS#11 URI"),
    REASON(PROV_R_BAD_PEM, "bad PEM file of a token's key"),
    REASON(PROV_R_BAD_TSS2, "bad TSS2 PRIVATE KEY"),
    REASON(PROV_R_NO_TOKEN, "no such token"),
    REASON(PROV_R_NO_OBJECT, "no such object"),
    REASON(PROV_R_SEVERAL_OBJECTS, "more than one object"),
    REASON(PROV_R_PIN_NEEDED, "a PIN is needed"),
    REASON(PROV_R_PIN_UNREADABLE, "the PIN source cannot be read"),
    REASON(PROV_R_PIN_WRONG, "wrong PIN"),
    REASON(PROV_R_PIN_LOCKED, "the PIN is locked"),
    REASON(PROV_R_KEY_NOT_USABLE, "the key does not permit this"),
    REASON(PROV_R_NO_PUBLIC_HALF, "no public key for a private key"),
    REASON(PROV_R_NOT_SUPPORTED, "not supported"),
    REASON(PROV_R_NO_MEMORY, "no memory"),
    REASON(PROV_R_LIBCRYPTO, "libcrypto failed"),
    {0, NULL},
};

struct rv_row {
    CK_RV rv;
    enum prov_reason reason;
    bool stale;
};

#define RV(rv, reason)                                                                                       \
    {                                                                                                        \
        rv, reason, false                                                                                    \
    }
#define STALE(rv, reason)                                                                                    \
    {                                                                                                        \
        rv, reason, true                                                                                     \
    }

static const struct rv_row rv_rows[] = {
    RV(CKR_HOST_MEMORY, PROV_R_NO_MEMORY),
    RV(CKR_DEVICE_MEMORY, PROV_R_DEVICE_FAILED),
    RV(CKR_DEVICE_ERROR, PROV_R_DEVICE_FAILED),
    STALE(CKR_DEVICE_REMOVED, PROV_R_DEVICE_FAILED),
    STALE(CKR_TOKEN_NOT_PRESENT, PROV_R_DEVICE_FAILED),
    STALE(CKR_SLOT_ID_INVALID, PROV_R_DEVICE_FAILED),
    RV(CKR_TOKEN_NOT_RECOGNIZED, PROV_R_DEVICE_FAILED),
    STALE(CKR_SESSION_HANDLE_INVALID, PROV_R_MODULE_FAILED),
    STALE(CKR_SESSION_CLOSED, PROV_R_MODULE_FAILED),
    RV(CKR_SESSION_COUNT, PROV_R_MODULE_FAILED),
    STALE(CKR_OBJECT_HANDLE_INVALID, PROV_R_NO_OBJECT),
    STALE(CKR_KEY_HANDLE_INVALID, PROV_R_NO_OBJECT),
    STALE(CKR_CRYPTOKI_NOT_INITIALIZED, PROV_R_MODULE_FAILED),
    STALE(CKR_USER_NOT_LOGGED_IN, PROV_R_PIN_NEEDED),
    RV(CKR_CRYPTOKI_ALREADY_INITIALIZED, PROV_R_MODULE_FAILED),
    RV(CKR_PIN_INCORRECT, PROV_R_PIN_WRONG),
    RV(CKR_PIN_INVALID, PROV_R_PIN_WRONG),
    RV(CKR_PIN_LEN_RANGE, PROV_R_PIN_WRONG),
    RV(CKR_PIN_EXPIRED, PROV_R_PIN_LOCKED),
    RV(CKR_PIN_LOCKED, PROV_R_PIN_LOCKED),
    RV(CKR_USER_PIN_NOT_INITIALIZED, PROV_R_PIN_LOCKED),
    RV(CKR_USER_TYPE_INVALID, PROV_R_PIN_LOCKED),
    RV(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, PROV_R_PIN_LOCKED),
    RV(CKR_MECHANISM_INVALID, PROV_R_NOT_SUPPORTED),
    RV(CKR_MECHANISM_PARAM_INVALID, PROV_R_NOT_SUPPORTED),
    RV(CKR_FUNCTION_NOT_SUPPORTED, PROV_R_NOT_SUPPORTED),
    RV(CKR_KEY_TYPE_INCONSISTENT, PROV_R_KEY_NOT_USABLE),
    RV(CKR_KEY_FUNCTION_NOT_PERMITTED, PROV_R_KEY_NOT_USABLE),
    RV(CKR_KEY_SIZE_RANGE, PROV_R_KEY_NOT_USABLE),
    RV(CKR_DATA_INVALID, PROV_R_MODULE_FAILED),
    RV(CKR_DATA_LEN_RANGE, PROV_R_MODULE_FAILED),
    RV(CKR_SIGNATURE_LEN_RANGE, PROV_R_MODULE_FAILED),
    RV(CKR_FUNCTION_REJECTED, PROV_R_KEY_NOT_USABLE),
    RV(CKR_WRAPPED_KEY_INVALID, PROV_R_BAD_TSS2),
    RV(CKR_WRAPPED_KEY_LEN_RANGE, PROV_R_BAD_TSS2),
    RV(CKR_KEY_NOT_WRAPPABLE, PROV_R_KEY_NOT_USABLE),
    RV(CKR_BUFFER_TOO_SMALL, PROV_R_MODULE_FAILED),
    RV(CKR_ARGUMENTS_BAD, PROV_R_MODULE_FAILED),
    RV(CKR_ATTRIBUTE_TYPE_INVALID, PROV_R_MODULE_FAILED),
    RV(CKR_ATTRIBUTE_SENSITIVE, PROV_R_KEY_NOT_USABLE),
    RV(CKR_ATTRIBUTE_VALUE_INVALID, PROV_R_MODULE_FAILED),
    RV(CKR_TEMPLATE_INCOMPLETE, PROV_R_MODULE_FAILED),
    RV(CKR_TEMPLATE_INCONSISTENT, PROV_R_MODULE_FAILED),
    RV(CKR_CURVE_NOT_SUPPORTED, PROV_R_NOT_SUPPORTED),
    RV(CKR_TOKEN_WRITE_PROTECTED, PROV_R_DEVICE_FAILED),
    RV(CKR_SESSION_READ_ONLY, PROV_R_MODULE_FAILED),
    RV(CKR_OPERATION_ACTIVE, PROV_R_MODULE_FAILED),
    RV(CKR_OPERATION_NOT_INITIALIZED, PROV_R_MODULE_FAILED),
    RV(CKR_FUNCTION_FAILED, PROV_R_MODULE_FAILED),
    RV(CKR_FUNCTION_CANCELED, PROV_R_MODULE_FAILED),
    RV(CKR_GENERAL_ERROR, PROV_R_MODULE_FAILED),
    RV(CKR_CANT_LOCK, PROV_R_MODULE_FAILED),
    RV(CKR_NEED_TO_CREATE_THREADS, PROV_R_MODULE_FAILED),
};

static const struct rv_row *find_row(CK_RV rv)
{
    static const struct rv_row unknown = {0, PROV_R_MODULE_FAILED, false};

    for (size_t i = 0; i < sizeof rv_rows / sizeof rv_rows[0]; i++) {
        if (rv_rows[i].rv == rv)
            return &rv_rows[i];
    }
    return &unknown;
}

const OSSL_ITEM *prov_error_reasons(void *provider)
{
    (void)provider;
    return reasons;
}

static const char *reason_text(enum prov_reason reason)
{
    for (size_t i = 0; reasons[i].ptr != NULL; i++) {
        if (reasons[i].id == (unsigned)reason)
            return reasons[i].ptr;
    }
    return "";
}

__attribute__((format(printf, 3, 0))) static void log_error_text(const char *function,
                                                                 enum prov_reason reason, const char *format,
                                                                 va_list arguments)
{
    char text[512];

    vsnprintf(text, sizeof text, format, arguments);
    log_write(LOG_ERROR, function, "%s: %s", reason_text(reason), text);
}

void prov_error_raise(const struct prov_core *core, const char *file, int line, const char *function,
                      enum prov_reason reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (log_wanted(LOG_ERROR))
        log_error_text(function, reason, format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    core->new_error(core->handle);
    core->set_error_debug(core->handle, file, line, function);
    core->vset_error(core->handle, (uint32_t)reason, format, arguments);
    va_end(arguments);
}

void prov_error_raise_rv(const struct prov_module *module, const char *file, int line, const char *function,
                         CK_RV rv, const char *call, const char *subject)
{
    const struct rv_row *row = find_row(rv);
    const char *sentence = module->extra != NULL ? module->extra->error_text() : "";

    prov_error_raise(&module->provider->core, file, line, function, row->reason, "%s: %s (0x%lx), %s%s%s",
                     call, rv_name(rv), (unsigned long)rv, subject, sentence[0] != '\0' ? ": " : "",
                     sentence);
}

void prov_error_note(const struct prov_module *module, char *note, size_t size)
{
    snprintf(note, size, "%s", module->extra != NULL ? module->extra->error_text() : "");
}

void prov_error_note_failure(const struct prov_module *module, CK_SLOT_ID slot, CK_RV rv, char *note,
                             size_t size)
{
    const char *sentence = module->extra != NULL ? module->extra->error_text() : "";

    snprintf(note, size, "slot %lu: C_GetTokenInfo: %s%s%s", slot, rv_name(rv),
             sentence[0] != '\0' ? ": " : "", sentence);
}

bool prov_error_is_stale(CK_RV rv)
{
    return find_row(rv)->stale;
}
