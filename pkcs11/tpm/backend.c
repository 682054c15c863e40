/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/backend.h"

#include "devid/pkcs11.h"
#include "pkcs11/failure.h"
#include "pkcs11/pinfile.h"
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/token.h"
#include "pkcs11/tpm/athandle.h"
#include "pkcs11/tpm/auth.h"
#include "pkcs11/tpm/bound.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/endorsement.h"
#include "pkcs11/tpm/hierarchy.h"
#include "pkcs11/tpm/keeper.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/policy.h"
#include "pkcs11/tpm/primary.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/sealed.h"
#include "pkcs11/tpm/stay.h"

#include <tss2/tss2_mu.h>

#include <stdlib.h>
#include <string.h>

/* --- a token
 * ------------------------------------------------------------------------------------------------- */

static void close_instance(void *instance)
{
    struct tpm_token *token = instance;

    if (token->tpm != NULL) {
        tpm_keeper_leave(token->tpm, &token->bus);
        tpm_return(token->tpm);
    }
    bytes_free(&token->parent_name);
    bytes_free(&token->secret);
    store_close(&token->store);
    pthread_mutex_destroy(&token->sealed_lock);
    free(token->path);
    free(token);
}

static void abandon_instance(void *instance)
{
    struct tpm_token *token = instance;

    tpm_abandon(token->tpm);
}

static void idle_instance(void *instance)
{
    struct tpm_token *token = instance;

    tpm_sealed_close(token, false);
    tpm_flush_all(token->tpm);
}

/* Tokens of another backend have no parent: TSS2 key files that are copied there bring their own. */
static CK_RV read_parent(const struct token_conf *conf, struct tpm_token *token)
{
    const char *name = token_conf_get(conf, "parent-name");
    unsigned long parent;

    token->parent = TPM2_RH_OWNER;
    if (name == NULL)
        return CKR_OK;
    if (!token_conf_get_number(conf, "parent", UINT32_MAX, &parent) ||
        !bytes_from_hex(name, strlen(name), &token->parent_name))
        return p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                        "%s/" TOKEN_CONF_FILE ": 'parent' or 'parent-name' is not valid", token->path);
    token->parent = (TPM2_HANDLE)parent;
    return CKR_OK;
}

static CK_RV open_instance(const struct token_conf *conf, const char *directory, void **instance)
{
    struct tpm_token *token = calloc(1, sizeof *token);
    CK_RV rv = CKR_HOST_MEMORY;

    if (token == NULL)
        return CKR_HOST_MEMORY;
    token->store.directory = -1;
    pthread_mutex_init(&token->sealed_lock, NULL);
    tpm_capability_read(conf, &token->capability);
    token->path = strdup(directory);
    token->tpm = tpm_take(token_conf_get(conf, "tcti"));
    if (token->path != NULL && token->tpm != NULL)
        rv = tpm_hierarchy_configure(token->tpm, conf);
    if (rv == CKR_OK)
        rv = read_parent(conf, token);
    if (rv == CKR_OK)
        rv = tpm_bus_read(conf, token->path, &token->bus);
    if (rv == CKR_OK)
        rv = tpm_sealed_read(conf, token->path, &token->seals);
    if (rv == CKR_OK)
        rv = store_open(directory, &token->store);
    token->bus.parent = token->parent;
    token->has_pin = rv == CKR_OK && pinfile_exists(&token->store);
    if (rv != CKR_OK)
        close_instance(token);
    else
        *instance = token;
    return rv;
}

static CK_RV init_token(struct token_conf *conf, const struct token_conf *process)
{
    struct tpm *tpm = tpm_take(token_conf_get(process, "tcti"));
    CK_RV rv = tpm != NULL ? tpm_hierarchy_configure(tpm, process) : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = tpm_enter(tpm);
    if (rv == CKR_OK) {
        rv = tpm_primary_choose(tpm, conf);
        if (rv == CKR_OK)
            rv = tpm_capability_ask(tpm, conf);
        tpm_leave(tpm);
    }
    if (tpm != NULL)
        tpm_return(tpm);
    return rv;
}

static void token_info(void *instance, CK_TOKEN_INFO *info)
{
    struct tpm_token *token = instance;

    tpm_pin_flags(token, info);
    if (token->capability.manufacturer[0] != '\0')
        p11_pad(info->manufacturerID, sizeof info->manufacturerID, token->capability.manufacturer);
}

/* --- a key
 * --------------------------------------------------------------------------------------------------- */

void tpm_key_free(struct tpm_key *key)
{
    bytes_free(&key->block);
    public_key_free(&key->public);
    free(key->arrival);
    free(key->stay);
    tpm_policy_free(key->policy);
    free(key);
}

static CK_RV unmarshal(const struct tss_key *file, struct tpm_key *key)
{
    const struct tpm_secret secret = tpm_created_secret(file);

    if (tpm_created_read(file, &key->public_area, &key->private_area) != CKR_OK)
        return CKR_DATA_INVALID;
    if (file->kind == TSS_KEY_SEALED)
        key->public = (struct public_key){.type = secret.type, .size = secret.size};
    else if (tpm_public_key(&key->public_area, &key->public) != CKR_OK)
        return p11_fail(CKR_DATA_INVALID, "the TSS2 key is of a type or curve that is not supported");
    if (file->kind != TSS_KEY_SEALED && tpm_hmac_hash(key->public.type) != HASH_NONE &&
        tpm_hmac_hash(key->public.type) == tpm_hmac_hash(secret.type)) {
        key->public.type = secret.type;
        key->public.size = secret.size;
    }
    if (tpm_public_name(&key->public_area, &key->name) != CKR_OK)
        return p11_fail(CKR_DATA_INVALID, "the TSS2 key's name algorithm is not supported");
    return CKR_OK;
}

/* What the file asks for that this version does not do is refused now, not at the first signature. */
static CK_RV check_file(const struct tss_key *file)
{
    if (file->parent != TPM2_RH_OWNER && !tpm_is_persistent(file->parent))
        return p11_fail(CKR_DATA_INVALID,
                        "the TSS2 key's parent 0x%08x is neither a persistent key nor the owner hierarchy",
                        file->parent);
    return CKR_OK;
}

/* The seed of the wrapper of an importable key. */
static CK_RV read_arrival(const struct tss_key *file, struct tpm_key *key)
{
    size_t used = 0;

    if (file->kind != TSS_KEY_IMPORTABLE)
        return CKR_OK;
    key->arrival = calloc(1, sizeof *key->arrival);
    if (key->arrival == NULL)
        return CKR_HOST_MEMORY;
    if (Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(file->secret.data, file->secret.size, &used,
                                                 &key->arrival->seed) != TSS2_RC_SUCCESS ||
        used != file->secret.size)
        return p11_fail(CKR_DATA_INVALID, "the importable TSS2 key's secret is broken, or is not there");
    return CKR_OK;
}

/* Which parent, and whose auth value: on a token with a PIN the token's secret, unless tpm_disown says
 * otherwise, else one of the key's own; a policy may do without. */
static void set_use(const struct tpm_token *token, const struct tss_key *file, struct tpm_key *key)
{
    bool has_auth = !file->empty_auth && (key->policy == NULL || key->policy->auth_needed);

    key->parent = file->parent == TPM2_RH_OWNER && file->rsa_parent ? TPM_OWNER_RSA : file->parent;
    key->auth = has_auth && token->has_pin ? &token->secret : NULL;
    key->own_auth = has_auth && !token->has_pin;
}

CK_RV tpm_key_read(const struct tpm_token *token, const struct bytes *block, struct tpm_key **out)
{
    struct tpm_key *key = calloc(1, sizeof *key);
    struct tss_key file = {0};
    CK_RV rv = CKR_HOST_MEMORY;

    if (key == NULL)
        return rv;
    rv = soft_tss_key_read(block, &file);
    if (rv == CKR_DATA_INVALID)
        p11_fail(rv, "this is not the DER of a TSS2 private key");
    if (rv == CKR_OK)
        rv = check_file(&file);
    if (rv == CKR_OK)
        rv = unmarshal(&file, key);
    if (rv == CKR_OK)
        rv = read_arrival(&file, key);
    if (rv == CKR_OK)
        rv = tpm_policy_read(&file, &key->policy);
    if (rv == CKR_OK && (key->stay = calloc(1, sizeof *key->stay)) == NULL)
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK && !bytes_copy(&key->block, block->data, block->size))
        rv = CKR_HOST_MEMORY;
    set_use(token, &file, key);
    if (rv == CKR_OK && tpm_is_at_handle(key))
        key->stay->handle = file.parent;
    tss_key_free(&file);
    if (rv != CKR_OK)
        tpm_key_free(key);
    else
        *out = key;
    return rv;
}

static CK_RV load_key(void *instance, const struct bytes *block, void **out, struct public_key *public)
{
    struct tpm_key *key;
    CK_RV rv = tpm_key_read(instance, block, &key);

    if (rv != CKR_OK)
        return rv;
    rv = public_key_copy(public, &key->public);
    if (rv != CKR_OK)
        tpm_key_free(key);
    else
        *out = key;
    return rv;
}

static const struct backend *serving(const struct bytes *block)
{
    return soft_tss_key_is_sealed(block) ? &tpm_sealed_backend : &tpm_backend;
}

static void drop_key(void *instance, void *key)
{
    const struct tpm_token *token = instance;

    tpm_flush_key(token->tpm, key);
    tpm_key_free(key);
}

static CK_RV copy_public_area(const struct tpm_key *key, struct bytes *value)
{
    uint8_t wire[sizeof(TPM2B_PUBLIC)];
    size_t size = 0;

    if (Tss2_MU_TPM2B_PUBLIC_Marshal(&key->public_area, wire, sizeof wire, &size) != TSS2_RC_SUCCESS)
        return CKR_GENERAL_ERROR;
    return bytes_copy(value, wire, size) ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV key_attribute(const void *material, CK_ATTRIBUTE_TYPE type, struct bytes *value)
{
    const struct tpm_key *key = material;

    if (type == CKA_DEVID_TPM2B_PUBLIC)
        return copy_public_area(key, value);
    if (type == CKA_DEVID_TSS2_KEY && key->block.size != 0)
        return bytes_copy(value, key->block.data, key->block.size) ? CKR_OK : CKR_HOST_MEMORY;
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

const struct backend tpm_backend = {
    .name = "tpm",
    .slot_name = "DevID TPM slot",
    .pem_label = TSS_KEY_PEM,
    .model = "TPM 2.0",
    .hardware = true,
    .open = open_instance,
    .close = close_instance,
    .abandon = abandon_instance,
    .idle = idle_instance,
    .init = init_token,
    .device_objects = tpm_device_objects,
    .token_info = token_info,
    .login = tpm_login,
    .logout = tpm_logout,
    .set_pin = tpm_set_pin,
    .secret = tpm_secret,
    .supports = tpm_supports,
    .limits = tpm_limits,
    .serving = serving,
    .load = load_key,
    .adopt = tpm_adopt,
    .place = tpm_place,
    .persist = tpm_persist,
    .find = tpm_find_key,
    .read_index = tpm_read_index,
    .drop = drop_key,
    .key_attribute = key_attribute,
    .has_own_auth = tpm_has_own_auth,
    .disown = tpm_disown,
    .authenticate = tpm_authenticate,
    .binding = tpm_binding,
    .generate_pair = tpm_generate_pair,
    .generate = tpm_generate,
    .import = tpm_import,
    .unwrap = tpm_unwrap,
    .sign = tpm_sign,
    .decrypt = tpm_decrypt,
    .derive = tpm_derive,
    .stream_begin = tpm_stream_begin,
    .stream_update = tpm_stream_update,
    .stream_final = tpm_stream_final,
    .stream_end = tpm_stream_end,
    .random = tpm_random,
    .seed = tpm_seed,
};
