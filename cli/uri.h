/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_URI_H
#define DEVID_CLI_URI_H

#include "cli/object.h"

#include <p11-kit/uri.h>

/* True for texts that begin with "pkcs11:". */
bool cli_is_uri(const char *text);

/* Parses a URI (RFC 7512); the result is freed with p11_kit_uri_free. */
enum cli_status cli_uri_parse(const char *text, P11KitUri **uri);

/* The PIN that the URI names, owned by it: pin-source (a path or file: URI) or pin-value. */
struct cli_pin cli_uri_pin(const P11KitUri *uri);

/* The URI of an object: by its token's label and its own label, with the id where `id` is not NULL or the
 * label is
 * "". malloc'ed; NULL: no memory. */
char *cli_uri_format(const char *token_label, CK_OBJECT_CLASS class, const char *label,
                     const struct bytes *id);

/* The URI of a token, by its label. malloc'ed; NULL: no memory. */
char *cli_uri_token_format(const char *token_label);

/* The one token that the URI fits. `text` is what messages call the URI. */
enum cli_status cli_uri_token(struct cli_module *module, P11KitUri *uri, const char *text,
                              struct cli_token *token);

/* The CKA_LABEL and CKA_ID that the URI asks for: NULL and empty where it does not. Freed by the caller. */
enum cli_status cli_uri_object(P11KitUri *uri, char **label, struct bytes *id);

#endif
