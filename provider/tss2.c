/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/tss2.h"
#include "devid/pkcs11.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/pem.h"
#include "provider/use.h"

#include <stdlib.h>

void prov_tss2_close(const struct prov_module *module, CK_SESSION_HANDLE holder)
{
    if (holder == CK_INVALID_HANDLE)
        return;
    prov_guard_enter();
    module->functions->C_CloseSession(holder);
    prov_guard_leave();
}

/* What the key may be used for is for the TPM to say: it is asked for everything. `private`: its
 * authorization is that of the token's keys. */
static CK_RV unwrap(const struct prov_module *module, CK_SESSION_HANDLE holder, const struct bytes *der,
                    bool private, CK_OBJECT_HANDLE *handle)
{
    CK_MECHANISM mechanism = {CKM_DEVID_TSS2_KEY, NULL, 0};
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BBOOL of_token = private ? CK_TRUE : CK_FALSE;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS,   &class,    sizeof class   },
        {CKA_TOKEN,   &no,       sizeof no      },
        {CKA_PRIVATE, &of_token, sizeof of_token},
        {CKA_SIGN,    &yes,      sizeof yes     },
        {CKA_DECRYPT, &yes,      sizeof yes     },
        {CKA_DERIVE,  &yes,      sizeof yes     },
    };
    CK_RV rv;

    prov_guard_enter();
    rv = module->functions->C_UnwrapKey(holder, &mechanism, CK_INVALID_HANDLE, der->data, der->size, template,
                                        sizeof template / sizeof template[0], handle);
    prov_guard_leave();
    return rv;
}

static CK_SLOT_ID slot_of(const struct prov_token *token)
{
    CK_SLOT_ID slot;

    pthread_mutex_lock(&token->module->lock);
    slot = token->slot;
    pthread_mutex_unlock(&token->module->lock);
    return slot;
}

CK_RV prov_tss2_open(const struct prov_token *token, const struct bytes *der, bool private,
                     struct prov_tss2_object *opened)
{
    struct prov_module *module = token->module;
    const char *call = "C_OpenSession";
    CK_SLOT_ID slot = slot_of(token);
    CK_RV rv;

    *opened = (struct prov_tss2_object){0};
    prov_guard_enter();
    rv = module->functions->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &opened->holder);
    prov_guard_leave();
    if (rv == CKR_OK) {
        call = "C_UnwrapKey";
        rv = unwrap(module, opened->holder, der, private, &opened->handle);
    } else {
        opened->holder = CK_INVALID_HANDLE;
    }
    if (rv == CKR_OK)
        return rv;
    prov_raise_rv(module, rv, call, PROV_PEM_TSS2);
    prov_tss2_close(module, opened->holder);
    *opened = (struct prov_tss2_object){0};
    return rv;
}

/* Another thread may have been faster: then ours goes again. */
static void keep_object(struct prov_key *key, const struct prov_session *session,
                        struct prov_tss2_object *opened)
{
    struct prov_token_key *private = key->private;
    struct prov_module *module = session->token->module;
    CK_SESSION_HANDLE superfluous;

    pthread_mutex_lock(&module->lock);
    if (private->epoch == session->epoch) {
        superfluous = opened->holder;
        opened->handle = private->handle;
    } else {
        superfluous = private->epoch >= module->initialized_epoch ? private->file->holder : CK_INVALID_HANDLE;
        private->file->holder = opened->holder;
        private->handle = opened->handle;
        private->epoch = session->epoch;
    }
    pthread_mutex_unlock(&module->lock);
    prov_tss2_close(module, superfluous);
}

CK_RV prov_tss2_find(struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE *handle)
{
    const struct prov_pin_request request = {.uri = key->private->uri};
    const struct prov_tss2 *file = key->private->file;
    struct prov_tss2_object opened;
    CK_RV rv;

    if (file->of_token && !prov_session_login(session, &request))
        return session->login;
    rv = prov_tss2_open(session->token, &file->der, file->of_token, &opened);
    if (rv != CKR_OK)
        return rv;
    keep_object(key, session, &opened);
    *handle = opened.handle;
    return CKR_OK;
}

CK_RV prov_tss2_login(const struct prov_key *key, struct prov_session *session)
{
    struct prov_tss2 *file = key->private->file;
    CK_RV rv;

    if (atomic_load(&file->refused)) {
        prov_raise(&key->provider->core, PROV_R_PIN_WRONG,
                   "%s: the TPM refused this password before; it is not tried again, lest the TPM be locked",
                   key->private->name);
        return CKR_PIN_INVALID;
    }
    prov_guard_enter();
    rv = session->token->module->functions->C_Login(session->handle, CKU_CONTEXT_SPECIFIC, file->auth.data,
                                                    file->auth.size);
    prov_guard_leave();
    if (rv == CKR_PIN_INCORRECT)
        atomic_store(&file->refused, true);
    return rv;
}

void prov_tss2_free(struct prov_token_key *private)
{
    struct prov_tss2 *file = private->file;
    struct prov_module *module;

    if (file == NULL)
        return;
    module = prov_module_reachable(private->token->module->provider, private->token->module->index,
                                   private->epoch);
    if (module != NULL)
        prov_tss2_close(module, file->holder);
    bytes_free(&file->der);
    bytes_free(&file->auth);
    free(file);
    private->file = NULL;
}

enum { DER_MAXIMUM = 32768 };

CK_RV prov_tss2_read(const struct prov_session *session, CK_OBJECT_HANDLE handle, struct bytes *der)
{
    CK_ATTRIBUTE attribute = {CKA_DEVID_TSS2_KEY, NULL, DER_MAXIMUM};
    CK_RV rv;

    if (!bytes_alloc(der, DER_MAXIMUM))
        return CKR_HOST_MEMORY;
    attribute.pValue = der->data;
    prov_guard_enter();
    rv = session->token->module->functions->C_GetAttributeValue(session->handle, handle, &attribute, 1);
    prov_guard_leave();
    if (rv == CKR_OK && attribute.ulValueLen <= DER_MAXIMUM && attribute.ulValueLen > 0) {
        der->size = attribute.ulValueLen;
        return CKR_OK;
    }
    bytes_free(der);
    return rv == CKR_ATTRIBUTE_TYPE_INVALID ? CKR_OK : rv;
}

static CK_RV read_der(const struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE handle,
                      void *data, const char **call)
{
    (void)key;
    *call = "C_GetAttributeValue";
    return prov_tss2_read(session, handle, data);
}

bool prov_tss2_export(struct prov_key *key, struct bytes *der)
{
    const struct prov_tss2 *file = key->private->file;
    CK_RV rv;

    *der = BYTES_EMPTY;
    if (file != NULL)
        return bytes_copy(der, file->der.data, file->der.size);
    rv = prov_key_use(key, read_der, der);
    if (rv == CKR_OK && der->size == 0)
        prov_raise(&key->provider->core, PROV_R_NOT_SUPPORTED,
                   "%s: it is not in a TPM, so it has no form " PROV_PEM_TSS2, key->private->name);
    return der->size > 0;
}
