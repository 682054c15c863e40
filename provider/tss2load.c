/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buffer.h"
#include "devid/pkcs11.h"
#include "provider/attempt.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/pem.h"
#include "provider/tokens.h"
#include "provider/tss2.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

/* From a TSS2 PRIVATE KEY file to a key: by which token, and with which authorization. */

#define WHAT PROV_PEM_TSS2

enum { AUTH_MAXIMUM = 1024 };

struct loading {
    struct provider *provider;
    struct prov_uri *uri; /* the token */
    struct bytes der;     /* a view */
    OSSL_PASSPHRASE_CALLBACK *passphrase;
    void *passphrase_data;
    struct prov_key *key; /* the result */
};

/* --- which token
 * ----------------------------------------------------------------------------------------------- */

/* Tokens that take files, those whose own keys are in a device, too, before others: any token of DevID's uses
 * the machine's TPM for files. */
struct choice {
    struct prov_token *token[2]; /* of others, of those with a device */
    unsigned count[2];
};

static CK_FLAGS flags_of(const struct prov_token *token)
{
    CK_MECHANISM_INFO info = {0};
    CK_SLOT_ID slot;
    CK_RV rv;

    pthread_mutex_lock(&token->module->lock);
    slot = token->slot;
    pthread_mutex_unlock(&token->module->lock);
    prov_guard_enter();
    rv = token->module->functions->C_GetMechanismInfo(slot, CKM_DEVID_TSS2_KEY, &info);
    prov_guard_leave();
    return rv == CKR_OK ? info.flags : 0;
}

static bool consider(void *data, struct prov_token *token)
{
    CK_FLAGS flags = flags_of(token);
    bool hardware = (flags & CKF_HW) != 0;
    struct choice *choice = data;

    if ((flags & CKF_UNWRAP) == 0)
        return true;
    choice->token[hardware] = token;
    choice->count[hardware]++;
    return true;
}

static void raise_choice(struct provider *provider, unsigned count, const char *named)
{
    char *seen = prov_tokens_seen(provider);

    if (count > 1)
        prov_raise(&provider->core, PROV_R_SEVERAL_OBJECTS,
                   WHAT
                   ": %u tokens take key files; name the one for them: tss2-token = pkcs11:token=LABEL in "
                   "the provider's section of openssl.cnf, or $DEVID_PKCS11_TSS2_TOKEN. Tokens seen in %s",
                   count, seen != NULL ? seen : "?");
    else
        prov_raise(&provider->core, PROV_R_NO_TOKEN,
                   WHAT ": %s: no token takes key files; make one (devid token init --label LABEL). Tokens "
                        "seen in %s",
                   named, seen != NULL ? seen : "?");
    free(seen);
}

struct prov_token *prov_tss2_choose(struct provider *provider, const struct prov_uri *uri)
{
    struct choice choice = {0};
    bool ok = prov_tokens_visit(provider, uri, consider, &choice);
    bool hardware = choice.count[1] > 0;

    if (choice.count[hardware] == 1)
        return choice.token[hardware];
    if (ok || choice.count[hardware] > 0)
        raise_choice(provider, choice.count[hardware], uri->text);
    return NULL;
}

struct prov_uri *prov_tss2_uri(const struct provider *provider)
{
    const char *configured = provider->config.tss2_token;

    return prov_uri_parse(&provider->core, configured != NULL ? configured : "pkcs11:");
}

/* --- a file
 * ---------------------------------------------------------------------------------------------------- */

static bool ask(const struct loading *loading, struct bytes *auth)
{
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PASSPHRASE_PARAM_INFO, (char *)(uintptr_t) "a key in the TPM",
                                         0),
        OSSL_PARAM_construct_end(),
    };
    char answer[AUTH_MAXIMUM];
    size_t size = 0;
    bool ok;

    ERR_set_mark();
    ok = loading->passphrase != NULL &&
         loading->passphrase(answer, sizeof answer, &size, parameters, loading->passphrase_data) &&
         size <= sizeof answer && bytes_copy(auth, answer, size);
    ERR_pop_to_mark();
    bytes_wipe(answer, sizeof answer);
    if (!ok)
        prov_raise(&loading->provider->core, PROV_R_PIN_NEEDED,
                   WHAT ": the key has a password, and the program gave none (-passin of openssl, "
                        "ssl_password_file of nginx)");
    return ok;
}

/* Whether the file is that of a key of this token, whose authorization nobody can type. Anybody sees the
 * public half. */
static bool is_of_token(struct prov_session *session, const struct prov_object *object)
{
    bool rsa = object->key_type == CKK_RSA;
    const struct bytes *value = rsa ? &object->modulus : &object->ec_point;
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS,                        &class,      sizeof class},
        {CKA_TOKEN,                        &yes,        sizeof yes  },
        {rsa ? CKA_MODULUS : CKA_EC_POINT, value->data, value->size },
    };
    CK_OBJECT_HANDLE *handles = NULL;
    CK_ULONG count = 0;

    if ((prov_token_flags(session->token) & CKF_LOGIN_REQUIRED) == 0 || value->size == 0 ||
        prov_object_find(session, template, 3, &handles, &count) != CKR_OK)
        return false;
    free(handles);
    return count > 0;
}

static char *name_of(const struct prov_token *token)
{
    size_t length = sizeof token->info.label;
    struct buffer name;

    while (length > 0 && token->info.label[length - 1] == ' ')
        length--;
    buffer_init(&name, 256);
    buffer_addf(&name, WHAT " by token '%.*s'", (int)length, (const char *)token->info.label);
    return buffer_take_text(&name);
}

bool prov_tss2_note(struct prov_key *key, const struct bytes *der, struct prov_tss2_object *object,
                    bool of_token)
{
    struct prov_token_key *private = key->private;
    char *name = name_of(private->token);

    private->file = calloc(1, sizeof *private->file);
    if (name == NULL || private->file == NULL || !bytes_copy(&private->file->der, der->data, der->size)) {
        free(name);
        return false;
    }
    free(private->name);
    private->name = name;
    private->file->holder = object->holder;
    private->file->of_token = of_token;
    *object = (struct prov_tss2_object){0};
    return true;
}

/* The object of the file, read; private only where it is one of the token's own keys. */
static CK_RV open_and_read(const struct loading *loading, struct prov_session *session,
                           const struct prov_pin_request *request, struct prov_tss2_object *opened,
                           struct prov_object *object, bool *of_token)
{
    CK_RV rv = prov_tss2_open(session->token, &loading->der, false, opened);

    *of_token = false;
    if (rv == CKR_OK)
        rv = prov_object_read(session, opened->handle, CKO_PRIVATE_KEY, object);
    if (rv != CKR_OK || object->always_authenticate != CK_TRUE || !is_of_token(session, object))
        return rv;
    prov_tss2_close(session->token->module, opened->holder);
    *opened = (struct prov_tss2_object){0};
    prov_object_free(object);
    *of_token = true;
    if (!prov_session_login(session, request))
        return session->login;
    rv = prov_tss2_open(session->token, &loading->der, true, opened);
    return rv == CKR_OK ? prov_object_read(session, opened->handle, CKO_PRIVATE_KEY, object) : rv;
}

static struct prov_key *load_in(const struct loading *loading, struct prov_session *session, CK_RV *rv)
{
    const struct prov_pin_request request = {loading->uri, loading->passphrase, loading->passphrase_data};
    struct prov_tss2_object opened = {0};
    struct prov_object object = {0};
    struct prov_key *key = NULL;
    bool of_token;

    *rv = open_and_read(loading, session, &request, &opened, &object, &of_token);
    if (*rv == CKR_OK)
        key = prov_key_from_object(session, loading->uri, &object);
    if (key != NULL &&
        !(prov_tss2_note(key, &loading->der, &opened, of_token) &&
          (!key->private->always_authenticate || of_token || ask(loading, &key->private->file->auth)))) {
        prov_key_free(key);
        key = NULL;
    }
    prov_object_free(&object);
    prov_tss2_close(session->token->module, opened.holder);
    return key;
}

static bool try_load(void *data, struct prov_attempt *attempt)
{
    struct loading *loading = data;
    struct prov_token *token = prov_tss2_choose(loading->provider, loading->uri);
    struct prov_session session;

    if (token == NULL || !prov_attempt_take(attempt, token, &session))
        return false;
    loading->key = load_in(loading, &session, &attempt->rv);
    prov_session_return(&session);
    return loading->key != NULL;
}

static struct prov_key *take_recent(struct provider *provider, const struct bytes *der)
{
    struct prov_key *key = atomic_exchange(&provider->recent, NULL);
    const struct prov_tss2 *file = key != NULL ? key->private->file : NULL;

    if (file != NULL && bytes_equal(file->der.data, file->der.size, der->data, der->size))
        return key;
    prov_key_free(key);
    return NULL;
}

struct prov_key *prov_tss2_load(struct provider *provider, const void *der, size_t size,
                                OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    struct loading loading = {
        .provider = provider,
        .der = {(uint8_t *)(uintptr_t)der, size},
        .passphrase = passphrase,
        .passphrase_data = passphrase_data,
    };
    struct prov_key *key = take_recent(provider, &loading.der);

    if (key != NULL)
        return key;
    loading.uri = prov_tss2_uri(provider);
    if (loading.uri != NULL)
        prov_attempt_run(try_load, &loading);
    prov_uri_free(loading.uri);
    return loading.key;
}
