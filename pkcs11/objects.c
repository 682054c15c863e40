/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/objects.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/keyfile.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/pem.h"
#include "pkcs11/soft/x509.h"
#include "pkcs11/token.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void objects_free(struct objects *objects)
{
    for (size_t i = 0; i < objects->map.count; i++)
        object_return(objects->map.entries[i].pointer);
    handle_map_free(&objects->map);
    for (size_t i = 0; i < objects->file_count; i++)
        free(objects->files[i].name);
    free(objects->files);
    objects->files = NULL;
    objects->file_count = 0;
}

CK_RV objects_add(struct objects *objects, struct object *object)
{
    object->handle = handle_add(&objects->map, object);
    if (object->handle == CK_INVALID_HANDLE)
        return CKR_HOST_MEMORY;
    object_take(object);
    return CKR_OK;
}

struct object *objects_find(const struct objects *objects, CK_OBJECT_HANDLE handle)
{
    return handle_find(&objects->map, handle);
}

void objects_remove(struct objects *objects, CK_OBJECT_HANDLE handle)
{
    object_return(handle_remove(&objects->map, handle));
}

void objects_remove_session(struct objects *objects, CK_SESSION_HANDLE session)
{
    for (size_t i = objects->map.count; i-- > 0;) {
        const struct object *object = objects->map.entries[i].pointer;

        if (object->session == session)
            objects_remove(objects, object->handle);
    }
}

static void remove_file_objects(struct objects *objects, const char *file)
{
    for (size_t i = objects->map.count; i-- > 0;) {
        const struct object *object = objects->map.entries[i].pointer;

        if (object->file != NULL && strcmp(object->file, file) == 0)
            objects_remove(objects, object->handle);
    }
}

/* A file without a Label line is called by its own name, less ".pem" and ".crt". */
static CK_RV set_default_label(struct attributes *attributes, const char *file)
{
    size_t length = strlen(file);

    if (attributes_find(attributes, CKA_LABEL) != NULL)
        return CKR_OK;
    length -= 4;
    if (length > 4 && memcmp(file + length - 4, ".crt", 4) == 0)
        length -= 4;
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

static CK_RV add_block(struct token *token, const struct keyfile_block *block, const struct place *place)
{
    bool certificate = block->label_size == strlen(CERTIFICATE_PEM) &&
                       memcmp(block->label, CERTIFICATE_PEM, block->label_size) == 0;
    struct bytes der;
    CK_RV rv;

    if (!certificate && backend_by_pem_label(block->label, block->label_size) == NULL) {
        log_info("%s/%s: PEM blocks '%.*s' are not used here", token->store.path, place->file,
                 (int)block->label_size, block->label);
        return CKR_OK;
    }
    rv = soft_pem_decode(block->text, block->text_size, &der);
    if (rv == CKR_DATA_INVALID)
        return p11_fail(rv, "PEM block '%.*s' is broken", (int)block->label_size, block->label);
    if (rv == CKR_OK)
        rv = certificate ? add_certificate(token, block, &der, place) : add_key(token, block, &der, place);
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

/* One broken file is one object missing: noted, and nothing else happens. False: it could not be read, which
 * may be better the next time. */
static bool load_file(struct token *token, const char *name)
{
    char path[PATH_MAX];
    struct bytes text;
    CK_RV rv = store_read(&token->store, name, &text);
    bool read = rv == CKR_OK;

    if (rv == CKR_OK)
        rv = objects_read_text(token, name, (const char *)text.data, text.size);
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

static struct object_file *file_entry(struct objects *objects, const char *name)
{
    struct object_file *grown;

    for (size_t i = 0; i < objects->file_count; i++)
        if (strcmp(objects->files[i].name, name) == 0)
            return &objects->files[i];
    grown = realloc(objects->files, (objects->file_count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    objects->files = grown;
    grown[objects->file_count] = (struct object_file){.name = strdup(name)};
    return grown[objects->file_count].name != NULL ? &grown[objects->file_count++] : NULL;
}

static CK_RV scan_file(void *data, const char *name, const struct stat *status)
{
    struct token *token = data;
    struct object_file *entry = file_entry(&token->objects, name);

    if (entry == NULL)
        return CKR_HOST_MEMORY;
    entry->present = true;
    if (unchanged(&entry->status, status))
        return CKR_OK;
    if ((status->st_mode & 077) != 0 && strstr(name, ".crt.pem") == NULL)
        log_warning("%s/%s can be read by others; chmod 600 it", token->store.path, name);
    remove_file_objects(&token->objects, name);
    entry->status = load_file(token, name) ? *status : (struct stat){0};
    return CKR_OK;
}

static void forget_absent_files(struct objects *objects)
{
    for (size_t i = objects->file_count; i-- > 0;) {
        struct object_file *file = &objects->files[i];

        if (file->present)
            continue;
        remove_file_objects(objects, file->name);
        free(file->name);
        *file = objects->files[--objects->file_count];
    }
}

CK_RV objects_refresh(struct token *token)
{
    CK_RV rv;

    if (!store_changed(&token->store))
        return CKR_OK;
    for (size_t i = 0; i < token->objects.file_count; i++)
        token->objects.files[i].present = false;
    rv = store_each(&token->store, scan_file, token);
    if (rv == CKR_OK)
        forget_absent_files(&token->objects);
    else
        token->store.settled = false; /* half a look is none: look again */
    return rv;
}

/* So that the next scan finds nothing new in a file of our own writing. */
static void note_file(struct token *token, const char *name)
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
        note_file(token, name);
    else if (name != NULL) {
        remove_file_objects(&token->objects, name);
        if (store_remove(&token->store, name) != CKR_OK)
            log_error("%s/%s stays behind; remove it", token->store.path, name);
    }
    free(label);
    free(name);
    return rv;
}

/* The objects of one block go, and those of the blocks behind it move up. */
static void remove_block_objects(struct objects *objects, const char *file, unsigned block)
{
    for (size_t i = objects->map.count; i-- > 0;) {
        struct object *object = objects->map.entries[i].pointer;

        if (object->file == NULL || strcmp(object->file, file) != 0)
            continue;
        if (object->block == block)
            objects_remove(objects, object->handle);
        else if (object->block > block)
            object->block--;
    }
}

/* Whether the file is the one that the objects were read from; one that is gone has nothing to lose. */
static bool is_as_read(struct token *token, const char *name)
{
    struct object_file *entry = file_entry(&token->objects, name);
    struct stat now;

    return entry != NULL &&
           (fstatat(token->store.directory, name, &now, 0) != 0 || unchanged(&entry->status, &now));
}

static CK_RV remove_block(struct token *token, const char *name, unsigned number)
{
    struct buffer rest;
    struct bytes text;
    unsigned left;
    CK_RV rv = store_read(&token->store, name, &text);

    if (rv != CKR_OK)
        return rv;
    buffer_init(&rest, text.size);
    keyfile_without_block((const char *)text.data, text.size, number, &rest, &left);
    if (rest.failed)
        rv = CKR_HOST_MEMORY;
    else if (left != 0)
        rv = store_replace(&token->store, name, rest.data, rest.size);
    else
        rv = store_remove(&token->store, name);
    buffer_free(&rest);
    bytes_free(&text);
    return rv;
}

CK_RV objects_delete(struct token *token, const struct object *object)
{
    char *name = strdup(object->file);
    CK_RV rv = CKR_OK;

    if (name == NULL)
        return CKR_HOST_MEMORY;
    if (!is_as_read(token, name)) {
        token->store.settled = false;
        rv = p11_fail(CKR_OBJECT_HANDLE_INVALID, "%s/%s has changed meanwhile; look for its objects again",
                      token->store.path, name);
    } else if (faccessat(token->store.directory, name, F_OK, 0) == 0) {
        rv = remove_block(token, name, object->block);
        if (rv == CKR_OK)
            note_file(token, name);
    }
    if (rv == CKR_OK)
        remove_block_objects(&token->objects, name, object->block);
    free(name);
    return rv;
}
