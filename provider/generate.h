/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_GENERATE_H
#define DEVID_PROVIDER_GENERATE_H

#include "provider/request.h"

/* Makes the pair: one C_GenerateKeyPair. NULL with an error raised. */
struct prov_key *prov_generate(struct provider *provider, const struct prov_request *request);

#endif
