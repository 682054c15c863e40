/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_SECTION_H
#define DEVID_PROVIDER_SECTION_H

#include "provider/core.h"

#include <openssl/types.h>

/*
 * Looks for lines of this provider's section in openssl.cnf that no option is called by. libcrypto answers
 * for names, but does not list them; so the file that it reads by default is read once more, and of that
 * only lines that are parameters of the provider `name` count. Lines of a file that an application reads by
 * itself are not seen. False: there is one, and *problem becomes a sentence (malloc'ed; NULL: no memory)
 * that names file, section and line.
 */
bool prov_section_check(const struct prov_core *core, OSSL_LIB_CTX *libctx, const char *name, char **problem);

/* Whether that section has libcrypto activate this provider, so that nobody gets to see why it failed. */
bool prov_section_activates(const struct prov_core *core);

#endif
