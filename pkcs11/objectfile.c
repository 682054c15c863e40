/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/objects.h"

#include "common/log.h"
#include "devid/pkcs11.h"
#include "pkcs11/failure.h"
#include "pkcs11/lock.h"
#include "pkcs11/objecttext.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/pem.h"
#include "pkcs11/soft/public.h"
#include "pkcs11/soft/x509.h"
#include "pkcs11/token.h"

#include <string.h>

/* What the text of a file says: objects. */

CK_RV objects_default_label(struct attributes *attributes, const char *file)
{
    static const char *const endings[] = {".crt", ".pub", ".data"};
    size_t length = strlen(file) - strlen(".pem");

    if (attributes_find(attributes, CKA_LABEL) != NULL)
        return CKR_OK;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);

        if (length > ending && memcmp(file + length - ending, endings[i], ending) == 0) {
            length -= ending;
            break;
        }
    }
    return attributes_set(attributes, CKA_LABEL, file, length);
}

static CK_RV set_default_id(struct object *object)
{
    uint8_t id[SOFT_KEY_ID_SIZE];
    CK_RV rv;

    if (object->key == NULL || object->object_class == CKO_SECRET_KEY ||
        attributes_find(&object->attributes, CKA_ID) != NULL)
        return CKR_OK;
    rv = soft_public_id(&object->key->public, id);
    return rv == CKR_OK ? attributes_set(&object->attributes, CKA_ID, id, sizeof id) : rv;
}

/* Where in a token's directory an object stands. */
struct place {
    const char *file;
    unsigned block;
};

/* What every object of a file has; then it becomes visible. `rv` is how its making went so far. */
static CK_RV finish(struct token *token, struct object *object, const struct place *place, CK_RV rv)
{
    if (object == NULL)
        return CKR_HOST_MEMORY;
    object->file = strdup(place->file);
    object->block = place->block;
    if (rv == CKR_OK && object->file == NULL)
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = attributes_set_bool(&object->attributes, CKA_TOKEN, true);
    if (rv == CKR_OK)
        rv = objects_default_label(&object->attributes, place->file);
    if (rv == CKR_OK)
        rv = set_default_id(object);
    if (rv == CKR_OK)
        rv = objects_add(&token->objects, object);
    object_return(object);
    return rv;
}

static const CK_ATTRIBUTE_TYPE shared[] = {
    CKA_LABEL, CKA_ID, CKA_SUBJECT, CKA_START_DATE, CKA_END_DATE, CKA_LOCAL, CKA_KEY_GEN_MECHANISM,
};

#define SHARED (sizeof shared / sizeof shared[0])

bool objects_pair_shares(CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < SHARED; i++)
        if (shared[i] == type)
            return true;
    return false;
}

CK_RV objects_pair_inherit(const struct attributes *private, struct attributes *public)
{
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < SHARED; i++) {
        const CK_ATTRIBUTE *item = attributes_find(private, shared[i]);

        if (item != NULL && attributes_find(public, shared[i]) == NULL)
            rv = attributes_set(public, shared[i], item->pValue, item->ulValueLen);
    }
    return rv;
}

static CK_RV add_pair(struct token *token, const struct keyfile_block *block, struct key *key,
                      const struct place *place)
{
    struct object *private = object_new(CKO_PRIVATE_KEY, key);
    struct object *public = object_new(CKO_PUBLIC_KEY, key);
    bool shown = keyfile_has_public(block);
    CK_RV rv = private != NULL && public != NULL ? CKR_OK : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = keyfile_read_lines(block, CKO_PRIVATE_KEY, &private->attributes);
    if (rv == CKR_OK)
        rv = keyfile_read_lines(block, CKO_PUBLIC_KEY, &public->attributes);
    if (rv == CKR_OK)
        rv = key_place(key, &private->attributes);
    if (rv == CKR_OK)
        rv = key_settle_auth(key, &private->attributes);
    if (rv == CKR_OK)
        rv = key_settle_binding(key, &private->attributes);
    if (rv == CKR_OK)
        rv = objects_pair_inherit(&private->attributes, &public->attributes);
    rv = finish(token, private, place, rv);
    if (shown)
        return finish(token, public, place, rv);
    object_return(public);
    return rv;
}

static CK_RV add_secret(struct token *token, const struct keyfile_block *block, struct key *key,
                        const struct place *place)
{
    struct object *object = object_new(CKO_SECRET_KEY, key);
    CK_RV rv =
        object != NULL ? keyfile_read_lines(block, CKO_SECRET_KEY, &object->attributes) : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = key_place(key, &object->attributes);
    return finish(token, object, place, rv);
}

/* The public half of a locked key stands beside it, unless it is somebody else's file. */
static bool read_stated(const struct keyfile_block *block, struct public_key *public)
{
    struct bytes info;
    bool good =
        keyfile_hex_line(block, LOCKED_PUBLIC_LINE, &info) && soft_public_read(&info, public) == CKR_OK;

    bytes_free(&info);
    return good;
}

static CK_RV load_key(struct token *token, const struct keyfile_block *block, const struct bytes *der,
                      struct key **key)
{
    const struct backend *backend = backend_by_pem_label(block->label, block->label_size);
    void *instance = token_instance(token, backend);
    struct public_key stated;
    CK_RV rv;

    if (!lock_is_closed(block) || !read_stated(block, &stated))
        return key_load(backend, instance, der, key);
    rv = key_load_locked(backend, instance, der, &stated, key);
    public_key_free(&stated);
    return rv;
}

/* It works, as it is meant to: but the PIN does not protect it. */
static void warn_of_clear_key(const struct token *token, const struct keyfile_block *block,
                              const struct key *key, const struct place *place)
{
    if (token->has_pin && key->backend->in_clear && !lock_is_closed(block))
        log_warning(
            "%s/%s holds a key in the clear, though the token has a PIN: who can read the file has the "
            "key",
            token->store.path, place->file);
}

static CK_RV add_key(struct token *token, const struct keyfile_block *block, const struct bytes *der,
                     const struct place *place)
{
    struct key *key;
    CK_RV rv = load_key(token, block, der, &key);

    if (rv != CKR_OK)
        return rv;
    warn_of_clear_key(token, block, key, place);
    rv = public_key_is_secret(&key->public) ? add_secret(token, block, key, place)
                                            : add_pair(token, block, key, place);
    key_return(key);
    return rv;
}

static CK_RV add_certificate(struct token *token, const struct keyfile_block *block, const struct bytes *der,
                             const struct place *place)
{
    struct object *object = object_new(CKO_CERTIFICATE, NULL);
    CK_RV rv = CKR_HOST_MEMORY;

    if (object != NULL)
        rv = keyfile_read_lines(block, CKO_CERTIFICATE, &object->attributes);
    if (rv == CKR_OK)
        rv = attributes_set_ulong(&object->attributes, CKA_CERTIFICATE_TYPE, CKC_X_509);
    if (rv == CKR_OK)
        rv = soft_certificate_attributes(der, &object->attributes);
    return finish(token, object, place, rv);
}

/* A line with its public area makes it a key of the device itself. */
static CK_RV adopt(struct token *token, const struct object *object)
{
    const CK_ATTRIBUTE *area = attributes_find(&object->attributes, CKA_DEVID_TPM2B_PUBLIC);
    CK_ULONG handle = attributes_get_ulong(&object->attributes, CKA_DEVID_PERSISTENT, 0);
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && area != NULL && p11_backends[i] != NULL; i++)
        if (p11_backends[i]->adopt != NULL)
            rv =
                key_adopt(p11_backends[i], token_instance(token, p11_backends[i]), area, handle, object->key);
    return rv;
}

static CK_RV add_public(struct token *token, const struct keyfile_block *block, const struct bytes *der,
                        const struct place *place)
{
    struct public_key public;
    struct object *object;
    struct key *key;
    CK_RV rv = soft_public_read(der, &public);

    if (rv != CKR_OK)
        return p11_fail(rv, "this is no public key of a type or curve that is used here");
    key = key_new_public(&public); /* transferred */
    object = key != NULL ? object_new(CKO_PUBLIC_KEY, key) : NULL;
    if (object != NULL)
        rv = keyfile_read_lines(block, CKO_PUBLIC_KEY, &object->attributes);
    if (object != NULL && rv == CKR_OK)
        rv = adopt(token, object);
    key_return(key);
    return finish(token, object, place, rv);
}

static CK_RV add_data_of(struct token *token, const struct keyfile_block *block, const struct bytes *der,
                         bool opened, const struct place *place)
{
    struct object *object = object_new(CKO_DATA, NULL);
    struct bytes value;
    CK_RV rv = object != NULL ? objecttext_read_data(der, &value) : CKR_HOST_MEMORY;

    if (object != NULL)
        object->opened = opened;
    if (rv == CKR_OK)
        rv = attributes_set(&object->attributes, CKA_VALUE, value.data, value.size);
    if (rv == CKR_OK)
        rv = keyfile_read_lines(block, CKO_DATA, &object->attributes);
    if (rv == CKR_OK && opened) /* whatever the lines say */
        rv = attributes_set_bool(&object->attributes, CKA_PRIVATE, true);
    return finish(token, object, place, rv);
}

static CK_RV add_data(struct token *token, const struct keyfile_block *block, const struct bytes *der,
                      const struct place *place)
{
    return add_data_of(token, block, der, false, place);
}

static CK_RV add_locked_data(struct token *token, const struct keyfile_block *block, const struct bytes *der,
                             const struct place *place)
{
    struct bytes open;
    CK_RV rv = lock_open(token, der, &open);

    if (rv == CKR_OK)
        rv = add_data_of(token, block, &open, true, place);
    bytes_free(&open);
    return rv;
}

/* The blocks that belong to no backend. */
static const struct plain_block {
    const char *label;
    CK_RV(*add)
    (struct token *token, const struct keyfile_block *block, const struct bytes *der,
     const struct place *place);
} plain_blocks[] = {
    {CERTIFICATE_PEM,     add_certificate},
    {PUBLIC_KEY_PEM,      add_public     },
    {DATA_PEM,            add_data       },
    {LOCKED_PEM DATA_PEM, add_locked_data},
};

static const struct plain_block *plain_block(const struct keyfile_block *block)
{
    for (size_t i = 0; i < sizeof plain_blocks / sizeof plain_blocks[0]; i++)
        if (keyfile_is(block, plain_blocks[i].label))
            return &plain_blocks[i];
    return NULL;
}

/* A block that only the token's secret opens is left out until the user logs in. */
static CK_RV wait_for_login(struct token *token)
{
    token->objects.waiting = true;
    p11_failure_clear();
    return CKR_OK;
}

static CK_RV add_block(struct token *token, const struct keyfile_block *block, const struct place *place)
{
    const struct plain_block *plain = plain_block(block);
    struct bytes der;
    CK_RV rv;

    if (plain == NULL && backend_by_pem_label(block->label, block->label_size) == NULL) {
        log_info("%s/%s: PEM blocks '%.*s' are not used here", token->store.path, place->file,
                 (int)block->label_size, block->label);
        return CKR_OK;
    }
    rv = soft_pem_decode(block->text, block->text_size, &der);
    if (rv == CKR_DATA_INVALID)
        return p11_fail(rv, "PEM block '%.*s' is broken", (int)block->label_size, block->label);
    if (rv == CKR_OK)
        rv = plain != NULL ? plain->add(token, block, &der, place) : add_key(token, block, &der, place);
    bytes_free(&der);
    return rv == CKR_USER_NOT_LOGGED_IN ? wait_for_login(token) : rv;
}

CK_RV objects_read_text(struct token *token, const char *file, const char *text, size_t size)
{
    struct place place = {.file = file};
    struct keyfile_block block;
    size_t offset = 0;
    CK_RV rv = CKR_OK;

    for (; rv == CKR_OK && keyfile_next(text, size, &offset, &block); place.block++)
        rv = add_block(token, &block, &place);
    if (rv == CKR_OK && offset < size)
        rv = p11_fail(CKR_DATA_INVALID, "a PEM block has no END line");
    if (rv != CKR_OK)
        objects_remove_file(&token->objects, file);
    return rv;
}

/* --- a file that changed
 * --------------------------------------------------------------------------------------- */

/* Whether the object is the other one in its former state: the same key, the same certificate, the same
 * place. */
static bool is_successor(const struct object *object, const struct object *former)
{
    const CK_ATTRIBUTE *value = attributes_find(&object->attributes, CKA_VALUE);
    const CK_ATTRIBUTE *former_value = attributes_find(&former->attributes, CKA_VALUE);

    if (object->object_class != former->object_class)
        return false;
    if (object->key != NULL && former->key != NULL)
        return key_equal(object->key, former->key);
    if (object->object_class == CKO_CERTIFICATE && value != NULL && former_value != NULL)
        return bytes_equal(value->pValue, value->ulValueLen, former_value->pValue, former_value->ulValueLen);
    return object->block == former->block;
}

/* Handles rise: objects with handles up to `last` are the former ones, others were just read. */
static struct object *successor_of(const struct objects *objects, const struct object *former, CK_ULONG last)
{
    for (size_t i = objects->map.count; i-- > 0 && objects->map.entries[i].handle > last;) {
        struct object *object = objects->map.entries[i].pointer;

        if (object_is_of_file(object, former->file) && is_successor(object, former))
            return object;
    }
    return NULL;
}

static void succeed(struct objects *objects, struct object *former, struct object *object, bool ours)
{
    object_take(object);
    objects_remove(objects, object->handle);
    if (ours && object->key != NULL) {
        key_return(object->key);
        object->key = key_take(former->key);
    }
    objects_replace(objects, former, object);
    object_return(object);
}

CK_RV objects_reread_text(struct token *token, const char *file, const char *text, size_t size, bool ours)
{
    struct objects *objects = &token->objects;
    const struct handle_map *map = &objects->map;
    CK_ULONG last = map->last;
    CK_RV rv = objects_read_text(token, file, text, size);

    for (size_t i = 0; rv == CKR_OK && i < map->count && map->entries[i].handle <= last;) {
        struct object *former = map->entries[i].pointer;
        struct object *object = object_is_of_file(former, file) ? successor_of(objects, former, last) : NULL;

        if (object_is_of_file(former, file) && object == NULL) {
            objects_remove(objects, former->handle);
            continue;
        }
        if (object != NULL)
            succeed(objects, former, object, ours);
        i++;
    }
    return rv;
}
