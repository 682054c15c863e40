/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/create.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/loaded.h"

#include <tss2/tss2_mu.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct create {
    TPM2_HANDLE parent;
    const TPM2B_SENSITIVE_CREATE *sensitive;
    const TPM2B_PUBLIC *template;
    struct tpm_created *created;
};

static TSS2_RC prepare_create(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPM2B_SENSITIVE_CREATE empty;
    static const TPM2B_DATA no_data;
    static const TPML_PCR_SELECTION no_pcrs;
    const struct create *create = arguments;

    return Tss2_Sys_Create_Prepare(sys, create->parent,
                                   create->sensitive != NULL ? create->sensitive : &empty, create->template,
                                   &no_data, &no_pcrs);
}

static TSS2_RC complete_create(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct tpm_created *created = result;

    memset(created, 0, sizeof *created);
    return Tss2_Sys_Create_Complete(sys, &created->private_area, &created->public_area, NULL, NULL, NULL);
}

static TSS2_RC create_under(struct tpm *tpm, TPM2_HANDLE parent, void *data)
{
    static const struct tpm_command command = {"Create", prepare_create, complete_create, 1};
    static const struct tpm_command with_secret = {"Create", prepare_create, complete_create, 1,
                                                   TPM_SECRET_IN};
    struct create *create = data;

    create->parent = parent;
    return tpm_execute(tpm, create->sensitive != NULL ? &with_secret : &command, create, create->created);
}

CK_RV tpm_create(const struct tpm_token *token, const char *step, const TPM2B_SENSITIVE_CREATE *sensitive,
                 const TPM2B_PUBLIC *template, struct tpm_created *created)
{
    struct create create = {.sensitive = sensitive, .template = template, .created = created};

    return tpm_with_parent(token, step, create_under, &create);
}

/* How a description begins that we write: a decimal number and " bytes" follow. */
static const struct {
    CK_KEY_TYPE type;
    const char *begin;
} descriptions[] = {
    {CKK_AES,            "AES key of "         },
    {CKK_GENERIC_SECRET, "generic key of "     },
    {CKK_SHA_1_HMAC,     "SHA-1 HMAC key of "  },
    {CKK_SHA256_HMAC,    "SHA-256 HMAC key of "},
    {CKK_SHA384_HMAC,    "SHA-384 HMAC key of "},
    {CKK_SHA512_HMAC,    "SHA-512 HMAC key of "},
};

#define DESCRIPTIONS (sizeof descriptions / sizeof descriptions[0])
#define DESCRIPTION_MAXIMUM 64

/* *size is 0 for what is no secret key. */
static void describe(const struct tpm_secret *secret, char text[DESCRIPTION_MAXIMUM], size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < DESCRIPTIONS; i++)
        if (secret->size != 0 && descriptions[i].type == secret->type)
            *size = (size_t)snprintf(text, DESCRIPTION_MAXIMUM, "%s%zu bytes", descriptions[i].begin,
                                     secret->size);
}

/* Exactly what we write, and nothing else. */
struct tpm_secret tpm_created_secret(const struct tss_key *file)
{
    const struct bytes *given = &file->description;
    char text[DESCRIPTION_MAXIMUM] = "";
    char again[DESCRIPTION_MAXIMUM] = "";
    size_t size;

    if (given->size != 0 && given->size < sizeof text)
        memcpy(text, given->data, given->size);
    for (size_t i = 0; i < DESCRIPTIONS; i++) {
        size_t begin = strlen(descriptions[i].begin);
        struct tpm_secret secret = {descriptions[i].type, 0};

        if (strncmp(text, descriptions[i].begin, begin) != 0)
            continue;
        secret.size = strtoul(text + begin, NULL, 10);
        describe(&secret, again, &size);
        if (strcmp(text, again) == 0)
            return secret;
    }
    return (struct tpm_secret){0};
}

CK_RV tpm_created_block(const struct tpm_token *token, const struct tpm_created *created,
                        enum tss_key_kind kind, bool empty_auth, struct bytes *block)
{
    uint8_t public_wire[sizeof created->public_area];
    uint8_t private_wire[sizeof created->private_area];
    char description[DESCRIPTION_MAXIMUM];
    struct tss_key file = {
        .kind = kind,
        .empty_auth = empty_auth,
        .parent = token->parent,
        .public = {public_wire,            0},
        .private = {private_wire,           0},
        .description = {(uint8_t *)description, 0},
    };

    describe(&created->secret, description, &file.description.size);
    file.policy_count = created->policy_count;
    for (size_t i = 0; i < created->policy_count; i++)
        file.policy[i] = created->policy[i];
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(&created->public_area, public_wire, sizeof public_wire,
                                     &file.public.size) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Marshal(&created->private_area, private_wire, sizeof private_wire,
                                      &file.private.size) != TSS2_RC_SUCCESS)
        return p11_fail(CKR_GENERAL_ERROR, "the TPM made a key that cannot be written down");
    return soft_tss_key_write(&file, block);
}

CK_RV tpm_created_read(const struct tss_key *file, TPM2B_PUBLIC *public_area, TPM2B_PRIVATE *private_area)
{
    size_t public_size = 0;
    size_t private_size = 0;

    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(file->public.data, file->public.size, &public_size, public_area) !=
            TSS2_RC_SUCCESS ||
        public_size != file->public.size ||
        Tss2_MU_TPM2B_PRIVATE_Unmarshal(file->private.data, file->private.size, &private_size,
                                        private_area) != TSS2_RC_SUCCESS ||
        private_size != file->private.size)
        return p11_fail(CKR_DATA_INVALID, "the TSS2 key's public or private area is broken");
    return CKR_OK;
}
