/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_SLOT_H
#define DEVID_CLI_SLOT_H

#include "cli/module.h"

/* What the module says of a slot and the token in it; texts without their padding. */
struct cli_token {
    CK_SLOT_ID slot;
    CK_FLAGS flags;
    char label[33];
    char serial[17];
    char manufacturer[33];
    char model[17];
    char slot_description[65];
};

struct cli_tokens {
    struct cli_token *items;
    size_t count;
};

/* All tokens, initialised or not, in the module's order. One that cannot be read is told and left out, and
 * the answer is then CLI_TOKEN; the list is to be freed in any case. */
enum cli_status cli_tokens_list(struct cli_module *module, struct cli_tokens *tokens);
void cli_tokens_free(struct cli_tokens *tokens);

/* The one initialised token of that label. */
enum cli_status cli_token_find(struct cli_module *module, const char *label, struct cli_token *token);

/* "token 'LABEL'", for messages. */
#define CLI_THING_SIZE 64
void cli_token_thing(const char *label, char thing[CLI_THING_SIZE]);

#endif
