/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_SUBJECT_H
#define DEVID_CLI_SUBJECT_H

#include "cli/status.h"

#include <openssl/x509.h>

/*
 * Reads "/CN=device-17/O=Example" as openssl(1) takes it: "/TYPE=VALUE" pairs, a backslash before a character
 * that is meant literally. One CN is required. Freed with X509_NAME_free.
 */
enum cli_status cli_subject_parse(const char *text, X509_NAME **name);

#endif
