/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_SECTION_H
#define DEVID_PROVIDER_SECTION_H

#include "provider/core.h"

#include <openssl/types.h>

/*
 * Looks for lines of this provider's section in openssl.cnf that no option is called by. libcrypto answers
 * for names, but does not list them; so the file that it reads by default is read once more, and of that
 * only lines that are parameters of the provider `name` count. Lines of a file that an application reads by
 * itself are not seen. False with an error raised that names file, section and line: there is one.
 */
bool prov_section_check(const struct prov_core *core, OSSL_LIB_CTX *libctx, const char *name);

#endif
