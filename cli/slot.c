/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/slot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies PKCS#11's space-padded text. `out` holds size + 1. */
static void copy_padded(const CK_UTF8CHAR *text, size_t size, char *out)
{
    while (size != 0 && (text[size - 1] == ' ' || text[size - 1] == '\0'))
        size--;
    memcpy(out, text, size);
    out[size] = '\0';
}

static CK_RV read_token(struct cli_module *module, CK_SLOT_ID slot, struct cli_token *token)
{
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO info;
    CK_RV rv = module->functions->C_GetSlotInfo(slot, &slot_info);

    if (rv == CKR_OK)
        rv = module->functions->C_GetTokenInfo(slot, &info);
    if (rv != CKR_OK)
        return rv;
    *token = (struct cli_token){.slot = slot, .flags = info.flags};
    copy_padded(info.label, sizeof info.label, token->label);
    copy_padded(info.serialNumber, sizeof info.serialNumber, token->serial);
    copy_padded(info.manufacturerID, sizeof info.manufacturerID, token->manufacturer);
    copy_padded(info.model, sizeof info.model, token->model);
    copy_padded(slot_info.slotDescription, sizeof slot_info.slotDescription, token->slot_description);
    return CKR_OK;
}

/* The slots with a token; the list can grow between asking for its length and for itself. */
static CK_RV list_slots(struct cli_module *module, CK_SLOT_ID **slots, CK_ULONG *count)
{
    CK_RV rv = CKR_BUFFER_TOO_SMALL;

    *slots = NULL;
    for (int attempt = 0; attempt < 5 && rv == CKR_BUFFER_TOO_SMALL; attempt++) {
        free(*slots);
        *slots = NULL;
        rv = module->functions->C_GetSlotList(CK_TRUE, NULL, count);
        if (rv != CKR_OK)
            return rv;
        cli_module_warn(module);
        *slots = calloc(*count + 1, sizeof **slots);
        if (*slots == NULL)
            return CKR_HOST_MEMORY;
        rv = module->functions->C_GetSlotList(CK_TRUE, *slots, count);
    }
    return rv;
}

enum cli_status cli_tokens_list(struct cli_module *module, struct cli_tokens *tokens)
{
    enum cli_status status = CLI_OK;
    CK_SLOT_ID *slots = NULL;
    CK_ULONG count = 0;
    CK_RV rv = list_slots(module, &slots, &count);

    *tokens = (struct cli_tokens){0};
    if (rv != CKR_OK) {
        status = cli_call_failed(module, "C_GetSlotList", "tokens", rv);
        goto out;
    }
    tokens->items = calloc(count + 1, sizeof *tokens->items);
    if (tokens->items == NULL) {
        status = cli_no_memory();
        goto out;
    }
    for (CK_ULONG i = 0; i < count; i++) {
        char thing[40];

        rv = read_token(module, slots[i], &tokens->items[tokens->count]);
        snprintf(thing, sizeof thing, "slot %lu", (unsigned long)slots[i]);
        if (rv == CKR_OK)
            tokens->count++;
        else if (rv != CKR_TOKEN_NOT_PRESENT) /* a broken token does not hide the others */
            status = cli_call_failed(module, "C_GetTokenInfo", thing, rv);
    }
out:
    free(slots);
    return status;
}

void cli_tokens_free(struct cli_tokens *tokens)
{
    free(tokens->items);
    *tokens = (struct cli_tokens){0};
}

enum cli_status cli_token_find(struct cli_module *module, const char *label, struct cli_token *token)
{
    struct cli_tokens tokens;
    enum cli_status status = cli_tokens_list(module, &tokens);
    size_t found = 0;

    for (size_t i = 0; i < tokens.count; i++) {
        if ((tokens.items[i].flags & CKF_TOKEN_INITIALIZED) == 0 || strcmp(tokens.items[i].label, label) != 0)
            continue;
        *token = tokens.items[i];
        found++;
    }
    cli_tokens_free(&tokens);
    if (found == 1)
        return CLI_OK;
    if (found > 1)
        return cli_fail(CLI_INPUT, "token '%s': there are %zu of that label; rename or remove all but one",
                        label, found);
    if (status != CLI_OK)
        return status;
    return cli_fail(CLI_INPUT,
                    "token '%s': there is none; 'devid token list' shows those there are, and"
                    " 'devid token init --label %s' makes it",
                    label, label);
}

void cli_token_thing(const char *label, char thing[CLI_THING_SIZE])
{
    snprintf(thing, CLI_THING_SIZE, "token '%.32s'", label);
}
