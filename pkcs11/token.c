/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/token.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/pinfile.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What token.conf does not say, the process's configuration does. */
CK_RV token_complete_conf(struct token_conf *conf, const struct config *config)
{
    const struct {
        const char *name;
        const char *value;
    } rows[] = {
        {"tcti",             config->tcti            },
        {"bus-protection",   config->bus_protection  },
        {"owner-auth",       config->owner_auth      },
        {"endorsement-auth", config->endorsement_auth},
        {"pin-source",       config->pin_source      },
        {"software-secrets", config->software_secrets},
    };
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].value != NULL && token_conf_get(conf, rows[i].name) == NULL)
            rv = token_conf_set(conf, rows[i].name, rows[i].value);
    if (rv == CKR_OK && config->no_threads) /* nobody would end what rests */
        rv = token_conf_set(conf, "session-idle", "0");
    return rv;
}

static CK_RV open_instances(struct token *token, const char *path)
{
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && p11_backends[i] != NULL; i++)
        rv = p11_backends[i]->open(&token->conf, path, &token->instances[i]);
    return rv;
}

static void check_modes(const struct store *store)
{
    struct stat status;

    if (fstat(store->directory, &status) == 0 && (status.st_mode & 077) != 0)
        log_warning("token directory %s is open to others; chmod 700 it", store->path);
}

static CK_RV read_token(struct token *token, const char *path, const struct config *config)
{
    unsigned long slot;
    CK_RV rv = token_conf_read(token->store.directory, path, &token->conf);

    if (rv != CKR_OK)
        return rv;
    token->backend = backend_by_name(token_conf_get(&token->conf, "backend"));
    if (token->backend == NULL || !token_conf_get_number(&token->conf, "slot", INT_MAX, &slot))
        return p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                        "%s/" TOKEN_CONF_FILE ": 'backend = %s' or 'slot = %s' is not valid", path,
                        token_conf_get(&token->conf, "backend"), token_conf_get(&token->conf, "slot"));
    token->slot = slot;
    check_modes(&token->store);
    token->has_pin = pinfile_exists(&token->store);
    rv = token_complete_conf(&token->conf, config);
    return rv == CKR_OK ? open_instances(token, path) : rv;
}

CK_RV token_open(const char *path, const struct config *config, struct token **out)
{
    struct token *token = calloc(1, sizeof *token);
    CK_RV rv;

    *out = NULL;
    if (token == NULL)
        return CKR_HOST_MEMORY;
    pthread_mutex_init(&token->lock, NULL);
    rv = store_open(path, &token->store);
    if (rv == CKR_OK)
        rv = read_token(token, path, config);
    if (rv != CKR_OK)
        token_close(token);
    else
        *out = token;
    return rv;
}

void token_close(struct token *token)
{
    objects_free(&token->objects);
    for (size_t i = 0; p11_backends[i] != NULL; i++)
        if (token->instances[i] != NULL)
            p11_backends[i]->close(token->instances[i]);
    token_conf_free(&token->conf);
    store_close(&token->store);
    pthread_mutex_destroy(&token->lock);
    free(token);
}

bool token_is_there(const struct token *token)
{
    struct stat here;
    struct stat there;

    return fstat(token->store.directory, &here) == 0 && stat(token->store.path, &there) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

void token_abandon(struct token *token)
{
    for (size_t i = 0; p11_backends[i] != NULL; i++)
        if (token->instances[i] != NULL)
            p11_backends[i]->abandon(token->instances[i]);
}

void token_idle(struct token *token)
{
    for (size_t i = 0; p11_backends[i] != NULL; i++)
        if (token->instances[i] != NULL && p11_backends[i]->idle != NULL)
            p11_backends[i]->idle(token->instances[i]);
}

void *token_instance(const struct token *token, const struct backend *backend)
{
    for (size_t i = 0; p11_backends[i] != NULL; i++)
        if (p11_backends[i] == backend)
            return token->instances[i];
    return NULL;
}

/* Digests are software's, for every token alike. */
static bool is_digest(const struct mechanism *row)
{
    return (row->flags & CKF_DIGEST) != 0;
}

bool token_supports(const struct token *token, const struct mechanism *row)
{
    if (is_digest(row))
        return true;
    return token->backend->supports(token_instance(token, token->backend), row);
}

void token_mechanism_info(const struct token *token, const struct mechanism *row, CK_MECHANISM_INFO *info)
{
    if (is_digest(row))
        return;
    if (token->backend->limits != NULL)
        token->backend->limits(token_instance(token, token->backend), row, info);
    if (token->backend->decrypt == NULL && row->key_type == CKK_RSA && row->scheme != SCHEME_CREDENTIAL)
        info->flags &= ~(CK_FLAGS)(CKF_DECRYPT | CKF_UNWRAP);
    if (token->backend->hardware)
        info->flags |= CKF_HW;
}

void token_lock(struct token *token)
{
    pthread_mutex_lock(&token->lock);
}

void token_unlock(struct token *token)
{
    pthread_mutex_unlock(&token->lock);
}

enum login token_login(const struct token *token)
{
    return __atomic_load_n(&token->login, __ATOMIC_ACQUIRE);
}

void token_set_login(struct token *token, enum login login)
{
    __atomic_store_n(&token->login, login, __ATOMIC_RELEASE);
    if (login == LOGIN_USER)
        objects_login(token);
}

bool token_logout(struct token *token)
{
    bool was;

    token_lock(token);
    was = token->login != LOGIN_NONE;
    token_set_login(token, LOGIN_NONE);
    if (was && token->has_pin)
        objects_logout(token);
    token_unlock(token);
    if (was && token->has_pin && token->backend->logout != NULL)
        token->backend->logout(token_instance(token, token->backend));
    return was;
}

bool token_is_open(const struct token *token)
{
    return !token->has_pin || token_login(token) == LOGIN_USER;
}

struct object *token_find_object(struct token *token, CK_OBJECT_HANDLE handle)
{
    struct object *object;

    token_lock(token);
    object = objects_find(&token->objects, handle);
    if (object == NULL && objects_refresh(token) == CKR_OK)
        object = objects_find(&token->objects, handle);
    if (object != NULL)
        object_take(object);
    token_unlock(token);
    return object;
}

void p11_pad(CK_UTF8CHAR *field, size_t size, const char *text)
{
    size_t length = strlen(text);

    if (length > size)
        for (length = size; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    memset(field, ' ', size);
    memcpy(field, text, length);
}
