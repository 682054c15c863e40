/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/pin.h"
#include "provider/error.h"
#include "provider/pinsource.h"
#include "provider/terminal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIN_MAXIMUM = 1024 };

/* What is asked for: "Enter pass phrase for ...:", says libcrypto. Scripts that answer such prompts look for
 * the first words, which are pkcs11-provider's. */
static void describe(struct prov_token *token, char *text, size_t room)
{
    struct prov_module *module = token->module;
    CK_SLOT_ID slot;

    pthread_mutex_lock(&module->lock);
    slot = token->slot;
    pthread_mutex_unlock(&module->lock);
    snprintf(text, room, "PKCS#11 Token (Slot %lu - %.*s)", slot, prov_token_label_length(token),
             (const char *)token->info.label);
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?'; /* whoever named the token does not command the terminal */
    }
}

/* What libcrypto raises by itself when the application has no callback. */
static bool there_was_none(void)
{
    unsigned long error = ERR_peek_last_error();

    return ERR_GET_LIB(error) == ERR_LIB_CRYPTO && ERR_GET_REASON(error) == ERR_R_PASSED_INVALID_ARGUMENT;
}

/* *nobody: there was nobody to be asked. */
static bool ask_application(const struct prov_pin_request *request, char *what, struct bytes *pin,
                            bool *nobody)
{
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PASSPHRASE_PARAM_INFO, what, 0),
        OSSL_PARAM_construct_end(),
    };
    char answer[PIN_MAXIMUM];
    size_t size = 0;
    bool ok;

    *nobody = true;
    if (request->callback == NULL)
        return false;
    /* What libcrypto says then is not helpful; see raise_missing. */
    ERR_set_mark();
    ok = request->callback(answer, sizeof answer, &size, parameters, request->callback_data) &&
         size <= sizeof answer && bytes_copy(pin, answer, size);
    *nobody = !ok && there_was_none();
    ERR_pop_to_mark();
    bytes_wipe(answer, sizeof answer);
    return ok;
}

/* The application knows best how people are asked; the terminal is for those that know nothing of PINs. */
static bool ask(struct prov_token *token, const struct prov_pin_request *request, struct bytes *pin)
{
    char what[128];
    bool nobody;

    describe(token, what, sizeof what);
    return ask_application(request, what, pin, &nobody) ||
           (nobody && token->module->provider->config.ask_on_terminal && prov_terminal_ask(what, pin));
}

static void raise_missing(struct prov_token *token, const struct prov_uri *uri)
{
    prov_raise(&token->module->provider->core, PROV_R_PIN_NEEDED,
               "%s: put pin-source=/path/of/a/file into the URI, or set pin-source in the provider's section "
               "of openssl.cnf"
               " or in $DEVID_PKCS11_PIN_SOURCE",
               uri->text);
}

enum prov_pin_result prov_pin_get(struct prov_token *token, const struct prov_pin_request *request,
                                  const struct bytes *accepted, struct bytes *pin)
{
    const struct prov_config *config = &token->module->provider->config;
    const struct bytes *const values[] = {&request->uri->pin, &config->pin, accepted};
    const char *const sources[] = {request->uri->pin_source, config->pin_source, NULL};

    *pin = BYTES_EMPTY;
    for (size_t i = 0; i < 3; i++) {
        if (values[i]->size > 0)
            return bytes_copy(pin, values[i]->data, values[i]->size) ? PROV_PIN_FOUND : PROV_PIN_MISSING;
        if (sources[i] != NULL)
            return prov_pinsource_read(token->module->provider, sources[i], pin) ? PROV_PIN_FOUND
                                                                                 : PROV_PIN_MISSING;
    }
    if ((prov_token_flags(token) & CKF_PROTECTED_AUTHENTICATION_PATH) != 0)
        return PROV_PIN_PROTECTED;
    if (ask(token, request, pin))
        return PROV_PIN_TYPED;
    raise_missing(token, request->uri);
    return PROV_PIN_MISSING;
}

bool prov_pin_is_known(const struct provider *provider, const struct prov_uri *uri)
{
    return uri->pin.size > 0 || uri->pin_source != NULL || provider->config.pin.size > 0 ||
           provider->config.pin_source != NULL;
}
