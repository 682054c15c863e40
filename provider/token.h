/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_TOKEN_H
#define DEVID_PROVIDER_TOKEN_H

#include "provider/module.h"

/* With the module's lock held: somebody finalised the module, whose sessions and handles are gone. */
void prov_module_was_finalized(struct prov_module *module);

/* The caller holds the module's lock (or is the last one). `close` says whether to tell the module. */
void prov_token_forget_sessions(struct prov_token *token, bool close);
void prov_tokens_free(struct prov_token *tokens, bool close);

#endif
