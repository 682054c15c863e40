/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_TOKENS_H
#define DEVID_PROVIDER_TOKENS_H

#include "provider/module.h"

/* The tokens of all modules of the configuration. */

/* Calls visit for each token that the URI means, module by module, until it answers false. False with errors
 * raised: a module failed; the others were visited all the same. */
bool prov_tokens_visit(struct provider *provider, const struct prov_uri *uri, prov_token_visit *visit,
                       void *data);

/* "module: 'a', 'b'; module: none", for messages; malloc'ed, NULL: no memory. */
char *prov_tokens_seen(struct provider *provider);

#endif
