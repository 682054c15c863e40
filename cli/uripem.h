/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_URIPEM_H
#define DEVID_CLI_URIPEM_H

#include "common/bytes.h"

/* The PEM block "PKCS#11 PROVIDER URI" for a URI: DER of SEQUENCE { VisibleString "PKCS#11 Provider URI
 * v1.0", UTF8String uri }, base64. False: no memory. Freed with bytes_free. */
__attribute__((warn_unused_result)) bool cli_uri_pem(const char *uri, struct bytes *pem);

#endif
