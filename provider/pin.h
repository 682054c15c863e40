/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_PIN_H
#define DEVID_PROVIDER_PIN_H

#include "provider/module.h"

/* Where a PIN may come from while a key is loaded. A key that is used later has only its URI left to ask. */
struct prov_pin_request {
    const struct prov_uri *uri;
    OSSL_PASSPHRASE_CALLBACK *callback; /* the application's; NULL: it has none */
    void *callback_data;
};

enum prov_pin_result {
    PROV_PIN_FOUND,     /* *pin is set */
    PROV_PIN_TYPED,     /* so it is, and somebody was asked for it just now */
    PROV_PIN_PROTECTED, /* the token asks for it by itself: log in without one */
    PROV_PIN_MISSING    /* an error was raised */
};

/*
 * The PIN for a token: the URI's pin-value, its pin-source, the configured pin, the configured pin-source,
 * the one that served before, what the token itself asks for, the application's callback; the first that is
 * there. On a terminal the provider itself asks only if it was configured to, and after all of these.
 * `accepted` is what served before, or empty.
 */
enum prov_pin_result prov_pin_get(struct prov_token *token, const struct prov_pin_request *request,
                                  const struct bytes *accepted, struct bytes *pin);

/* True when a PIN is to be had without asking anybody. */
bool prov_pin_is_known(const struct provider *provider, const struct prov_uri *uri);

#endif
