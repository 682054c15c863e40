/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/objects.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/keyfile.h"
#include "pkcs11/objecttext.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/pem.h"
#include "pkcs11/soft/public.h"
#include "pkcs11/soft/x509.h"
#include "pkcs11/token.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What callers search for most, in the order of struct objects.indexes. The first of a template is used. */
static const CK_ATTRIBUTE_TYPE indexed[OBJECTS_INDEXES] = {CKA_ID, CKA_LABEL};

/* A template with a longer value, or one of CK_UNAVAILABLE_INFORMATION, is compared with all objects. */
#define HASHED_MAXIMUM 4096

static uint64_t hash_of(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *item = attributes_find(&object->attributes, type);

    return item != NULL ? index_hash(item->pValue, item->ulValueLen) : index_hash("", 0);
}

static void free_file(struct object_file *file)
{
    free(file->name);
    free(file);
}

void objects_free(struct objects *objects)
{
    for (size_t i = 0; i < objects->map.count; i++)
        object_return(objects->map.entries[i].pointer);
    handle_map_free(&objects->map);
    for (size_t i = 0; i < OBJECTS_INDEXES; i++)
        index_free(&objects->indexes[i]);
    for (size_t i = 0; i < objects->file_count; i++)
        free_file(objects->files[i]);
    free(objects->files);
    objects->files = NULL;
    objects->file_count = 0;
}

CK_RV objects_add(struct objects *objects, struct object *object)
{
    size_t done = 0;

    while (done < OBJECTS_INDEXES &&
           index_add(&objects->indexes[done], hash_of(object, indexed[done]), object))
        done++;
    object->handle = done == OBJECTS_INDEXES ? handle_add(&objects->map, object) : CK_INVALID_HANDLE;
    if (object->handle != CK_INVALID_HANDLE) {
        object_take(object);
        return CKR_OK;
    }
    while (done-- > 0)
        index_remove(&objects->indexes[done], hash_of(object, indexed[done]), object);
    return CKR_HOST_MEMORY;
}

struct object *objects_find(const struct objects *objects, CK_OBJECT_HANDLE handle)
{
    return handle_find(&objects->map, handle);
}

void objects_replace(struct objects *objects, struct object *from, struct object *to)
{
    to->handle = from->handle;
    to->session = from->session;
    for (size_t i = 0; i < OBJECTS_INDEXES; i++)
        index_replace(&objects->indexes[i], hash_of(from, indexed[i]), from, hash_of(to, indexed[i]), to);
    handle_replace(&objects->map, from->handle, object_take(to));
    object_return(from);
}

void objects_remove(struct objects *objects, CK_OBJECT_HANDLE handle)
{
    struct object *object = handle_remove(&objects->map, handle);

    for (size_t i = 0; object != NULL && i < OBJECTS_INDEXES; i++)
        index_remove(&objects->indexes[i], hash_of(object, indexed[i]), object);
    object_return(object);
}

struct candidates objects_candidates(const struct objects *objects, const CK_ATTRIBUTE *items, CK_ULONG count)
{
    for (size_t i = 0; i < OBJECTS_INDEXES; i++) {
        for (CK_ULONG k = 0; k < count; k++) {
            const CK_ATTRIBUTE *item = &items[k];

            if (item->type != indexed[i] || item->ulValueLen > HASHED_MAXIMUM ||
                (item->pValue == NULL && item->ulValueLen != 0))
                continue;
            return (struct candidates){
                .objects = objects,
                .node = index_first(&objects->indexes[i], index_hash(item->pValue, item->ulValueLen)),
            };
        }
    }
    return (struct candidates){.objects = objects, .all = true};
}

const struct object *objects_next(struct candidates *candidates)
{
    const struct handle_map *map = &candidates->objects->map;
    const struct object *object;

    if (candidates->all)
        return candidates->next < map->count ? map->entries[candidates->next++].pointer : NULL;
    if (candidates->node == NULL)
        return NULL;
    object = candidates->node->pointer;
    candidates->node = index_next(candidates->node);
    return object;
}

void objects_remove_session(struct objects *objects, CK_SESSION_HANDLE session)
{
    for (size_t i = objects->map.count; i-- > 0;) {
        const struct object *object = objects->map.entries[i].pointer;

        if (object->session == session)
            objects_remove(objects, object->handle);
    }
}

static bool of_file(const struct object *object, const char *file)
{
    return object->file != NULL && strcmp(object->file, file) == 0;
}

static void remove_file_objects(struct objects *objects, const char *file)
{
    for (size_t i = objects->map.count; i-- > 0;) {
        const struct object *object = objects->map.entries[i].pointer;

        if (of_file(object, file))
            objects_remove(objects, object->handle);
    }
}

/* A file without a Label line is called by its own name, less ".pem" and what else stands for the kind. */
static CK_RV set_default_label(struct attributes *attributes, const char *file)
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

    if (object->key == NULL || attributes_find(&object->attributes, CKA_ID) != NULL)
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
        rv = set_default_label(&object->attributes, place->file);
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
    CK_RV rv = private != NULL && public != NULL ? CKR_OK : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = keyfile_read_lines(block, CKO_PRIVATE_KEY, &private->attributes);
    if (rv == CKR_OK)
        rv = keyfile_read_lines(block, CKO_PUBLIC_KEY, &public->attributes);
    if (rv == CKR_OK)
        rv = objects_pair_inherit(&private->attributes, &public->attributes);
    rv = finish(token, private, place, rv);
    return finish(token, public, place, rv);
}

static CK_RV add_key(struct token *token, const struct keyfile_block *block, const struct bytes *der,
                     const struct place *place)
{
    const struct backend *backend = backend_by_pem_label(block->label, block->label_size);
    struct key *key;
    CK_RV rv = key_load(backend, token_instance(token, backend), der, &key);

    if (rv != CKR_OK)
        return rv;
    rv = add_pair(token, block, key, place);
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
    key_return(key);
    return finish(token, object, place, rv);
}

static CK_RV add_data(struct token *token, const struct keyfile_block *block, const struct bytes *der,
                      const struct place *place)
{
    struct object *object = object_new(CKO_DATA, NULL);
    struct bytes value;
    CK_RV rv = object != NULL ? objecttext_read_data(der, &value) : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = attributes_set(&object->attributes, CKA_VALUE, value.data, value.size);
    if (rv == CKR_OK)
        rv = keyfile_read_lines(block, CKO_DATA, &object->attributes);
    return finish(token, object, place, rv);
}

/* The blocks that belong to no backend. */
static const struct plain_block {
    const char *label;
    CK_RV(*add)
    (struct token *token, const struct keyfile_block *block, const struct bytes *der,
     const struct place *place);
} plain_blocks[] = {
    {CERTIFICATE_PEM, add_certificate},
    {PUBLIC_KEY_PEM,  add_public     },
    {DATA_PEM,        add_data       },
};

static const struct plain_block *plain_block(const struct keyfile_block *block)
{
    for (size_t i = 0; i < sizeof plain_blocks / sizeof plain_blocks[0]; i++)
        if (keyfile_is(block, plain_blocks[i].label))
            return &plain_blocks[i];
    return NULL;
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
    return rv;
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
        remove_file_objects(&token->objects, file);
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
        return public_key_equal(&object->key->public, &former->key->public);
    if (object->object_class == CKO_CERTIFICATE && value != NULL && former_value != NULL)
        return bytes_equal(value->pValue, value->ulValueLen, former_value->pValue, former_value->ulValueLen);
    return object->block == former->block;
}

/* Handles rise: objects with handles up to `last` are the former ones, others were just read. */
static struct object *successor_of(const struct objects *objects, const struct object *former, CK_ULONG last)
{
    for (size_t i = objects->map.count; i-- > 0 && objects->map.entries[i].handle > last;) {
        struct object *object = objects->map.entries[i].pointer;

        if (of_file(object, former->file) && is_successor(object, former))
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
        struct object *object = of_file(former, file) ? successor_of(objects, former, last) : NULL;

        if (of_file(former, file) && object == NULL) {
            objects_remove(objects, former->handle);
            continue;
        }
        if (object != NULL)
            succeed(objects, former, object, ours);
        i++;
    }
    return rv;
}

/* One broken file is one object missing: noted, and nothing else happens. False: it could not be read, which
 * may be better the next time. */
static bool load_file(struct token *token, const char *name, bool known)
{
    char path[PATH_MAX];
    struct bytes text;
    CK_RV rv = store_read(&token->store, name, &text);
    bool read = rv == CKR_OK;

    if (rv == CKR_OK && known)
        rv = objects_reread_text(token, name, (const char *)text.data, text.size, false);
    else if (rv == CKR_OK)
        rv = objects_read_text(token, name, (const char *)text.data, text.size);
    else if (known)
        remove_file_objects(&token->objects, name);
    snprintf(path, sizeof path, "%s/%s", token->store.path, name);
    if (rv != CKR_OK)
        p11_failure_to_note(path, rv, "mend or remove the file");
    bytes_free(&text);
    return read;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Where the file is in the list, or belongs. */
static size_t file_place(const struct objects *objects, const char *name)
{
    size_t low = 0;
    size_t high = objects->file_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(objects->files[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct object_file *find_file(const struct objects *objects, const char *name)
{
    size_t place = file_place(objects, name);

    if (place < objects->file_count && strcmp(objects->files[place]->name, name) == 0)
        return objects->files[place];
    return NULL;
}

/* The entry of the file, made when it is new. NULL: no memory. */
static struct object_file *file_entry(struct objects *objects, const char *name)
{
    struct object_file *file = find_file(objects, name);
    struct object_file **grown;
    size_t place;

    if (file != NULL)
        return file;
    grown = realloc(objects->files, (objects->file_count + 1) * sizeof(struct object_file *));
    if (grown == NULL)
        return NULL;
    objects->files = grown;
    file = calloc(1, sizeof *file);
    if (file == NULL)
        return NULL;
    file->name = strdup(name);
    if (file->name == NULL) {
        free(file);
        return NULL;
    }
    place = file_place(objects, name);
    memmove(grown + place + 1, grown + place, (objects->file_count - place) * sizeof(struct object_file *));
    grown[place] = file;
    objects->file_count++;
    return file;
}

static CK_RV scan_file(void *data, const char *name, const struct stat *status)
{
    struct token *token = data;
    struct object_file *entry = file_entry(&token->objects, name);
    bool known;

    if (entry == NULL)
        return CKR_HOST_MEMORY;
    entry->present = true;
    if (unchanged(&entry->status, status))
        return CKR_OK;
    if ((status->st_mode & 077) != 0 && strstr(name, ".crt.pem") == NULL)
        log_warning("%s/%s can be read by others; chmod 600 it", token->store.path, name);
    known = entry->status.st_ino != 0;
    entry->status = load_file(token, name, known) ? *status : (struct stat){0};
    return CKR_OK;
}

static void forget_absent_files(struct objects *objects)
{
    size_t kept = 0;

    for (size_t i = 0; i < objects->file_count; i++) {
        struct object_file *file = objects->files[i];

        if (file->present) {
            objects->files[kept++] = file;
            continue;
        }
        remove_file_objects(objects, file->name);
        free_file(file);
    }
    objects->file_count = kept;
}

CK_RV objects_refresh(struct token *token)
{
    CK_RV rv;

    if (!store_changed(&token->store))
        return CKR_OK;
    for (size_t i = 0; i < token->objects.file_count; i++)
        token->objects.files[i]->present = false;
    rv = store_each(&token->store, scan_file, token);
    if (rv == CKR_OK)
        forget_absent_files(&token->objects);
    else
        token->store.settled = false; /* half a look is none: look again */
    return rv;
}

const struct object_file *objects_file(const struct objects *objects, const char *name)
{
    return find_file(objects, name);
}

void objects_note_file(struct token *token, const char *name)
{
    struct object_file *entry = file_entry(&token->objects, name);

    if (entry != NULL && fstatat(token->store.directory, name, &entry->status, 0) != 0)
        entry->status = (struct stat){0};
}

static char *label_of(const struct object *object)
{
    const CK_ATTRIBUTE *label = attributes_find(&object->attributes, CKA_LABEL);

    return label != NULL ? strndup(label->pValue, label->ulValueLen) : strdup("");
}

CK_RV objects_store(struct token *token, const char *suffix, const struct buffer *text, struct object **added,
                    size_t count)
{
    char *label = label_of(added[0]);
    char *name = NULL;
    CK_RV rv = CKR_HOST_MEMORY;

    if (label != NULL && !text->failed)
        rv = store_add(&token->store, label, suffix, text->data, text->size, &name);
    for (size_t i = 0; rv == CKR_OK && i < count; i++) {
        added[i]->file = strdup(name);
        rv = added[i]->file != NULL ? set_default_label(&added[i]->attributes, name) : CKR_HOST_MEMORY;
        if (rv == CKR_OK)
            rv = objects_add(&token->objects, added[i]);
    }
    if (rv == CKR_OK)
        objects_note_file(token, name);
    else if (name != NULL) {
        remove_file_objects(&token->objects, name);
        if (store_remove(&token->store, name) != CKR_OK)
            log_error("%s/%s stays behind; remove it", token->store.path, name);
    }
    free(label);
    free(name);
    return rv;
}
