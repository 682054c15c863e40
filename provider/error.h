/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_ERROR_H
#define DEVID_PROVIDER_ERROR_H

#include "provider/core.h"

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

struct prov_module;

/* The provider's own reasons; their texts are in error.c. */
enum prov_reason {
    PROV_R_MODULE_NOT_LOADED = 1,
    PROV_R_MODULE_FAILED,
    PROV_R_DEVICE_FAILED,
    PROV_R_REENTERED,
    PROV_R_BAD_OPTION,
    PROV_R_BAD_URI,
    PROV_R_BAD_PEM,
    PROV_R_BAD_TSS2,
    PROV_R_NO_TOKEN,
    PROV_R_NO_OBJECT,
    PROV_R_SEVERAL_OBJECTS,
    PROV_R_PIN_NEEDED,
    PROV_R_PIN_UNREADABLE,
    PROV_R_PIN_WRONG,
    PROV_R_PIN_LOCKED,
    PROV_R_KEY_NOT_USABLE,
    PROV_R_NO_PUBLIC_HALF,
    PROV_R_NOT_SUPPORTED,
    PROV_R_NO_MEMORY,
    PROV_R_LIBCRYPTO
};

/* What libcrypto asks for by OSSL_FUNC_PROVIDER_GET_REASON_STRINGS. */
const OSSL_ITEM *prov_error_reasons(void *provider);

/* Adds one error to the calling thread's queue. The text must not carry a PIN. */
void prov_error_raise(const struct prov_core *core, const char *file, int line, const char *function,
                      enum prov_reason reason, const char *format, ...) __attribute__((format(printf, 6, 7)));
#define prov_raise(core, reason, ...)                                                                        \
    prov_error_raise(core, __FILE__, __LINE__, __func__, reason, __VA_ARGS__)

/*
 * Adds the error for a failed call of the module: its name, the CKR_ code, what it was about (a URI or a
 * name), and the module's own sentence about it where it has one. Must come before the thread's next call of
 * the module.
 */
void prov_error_raise_rv(const struct prov_module *module, const char *file, int line, const char *function,
                         CK_RV rv, const char *call, const char *subject);
#define prov_raise_rv(module, rv, call, subject)                                                             \
    prov_error_raise_rv(module, __FILE__, __LINE__, __func__, rv, call, subject)

/* What the module says it left out of the list that its last call of this thread made; "" for most modules,
 * mostly. Must come before the thread's next call of the module. */
void prov_error_note(const struct prov_module *module, char *note, size_t size);

/* The same for a slot that is left out because its C_GetTokenInfo failed. */
void prov_error_note_failure(const struct prov_module *module, CK_SLOT_ID slot, CK_RV rv, char *note,
                             size_t size);

/* True for the codes that say "what you held is gone": worth one new attempt with new handles. */
bool prov_error_is_stale(CK_RV rv);

#endif
