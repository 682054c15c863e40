/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_SOURCE_H
#define DPS_SOURCE_H

#include <stdbool.h>

/* The text that names a certificate or key: a pkcs11: URI, a file: URI, or a path. */

/*
 * Whether it can be read only with DevID's provider: an object of a token, or a file with a key that only a
 * token can use. Answers 0 or, for a file that cannot be read, an errno value.
 */
__attribute__((warn_unused_result)) int dps_source_inspect(const char *source, bool *needs_provider);

/* True for a pkcs11: URI. */
bool dps_source_is_uri(const char *source);

/* The path of a file that the text names; it points into the text. */
const char *dps_source_path(const char *source);

#endif
