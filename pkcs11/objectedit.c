/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/objects.h"

#include "pkcs11/failure.h"
#include "pkcs11/keyfile.h"
#include "pkcs11/objecttext.h"
#include "pkcs11/token.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Changes of token objects: their file is edited under the writers' lock, as it is then. When another process
 * was there since this one read it, the file is read again and the edit begins anew. */

#define FILE_MAXIMUM (1024 * 1024)
#define TRIES 100 /* others may change the same file as fast as they can */

/* One edit of one block of a file. */
struct edit {
    struct token *token;
    const struct object *object;
    const struct attributes *changes; /* NULL: the block goes */
    struct attributes twin;           /* what the public half of a pair must state by itself from now on */
    bool stale;                       /* the file is not what this process has read */
};

static bool is_known(const struct edit *edit, const struct stat *status)
{
    const struct object_file *file = objects_file(&edit->token->objects, edit->object->file);

    return file != NULL && file->status.st_ino == status->st_ino && file->status.st_size == status->st_size &&
           file->status.st_mtim.tv_sec == status->st_mtim.tv_sec &&
           file->status.st_mtim.tv_nsec == status->st_mtim.tv_nsec;
}

static bool hides(const struct edit *edit, const struct keyfile_block *block)
{
    return edit->changes == NULL && edit->object->object_class == CKO_PUBLIC_KEY &&
           !keyfile_is(block, PUBLIC_KEY_PEM);
}

/* The public half is destroyed, and the private one needs the block: a line says so. */
static CK_RV hide(const struct keyfile_block *block, struct buffer *new)
{
    return buffer_add(new, block->lines, block->lines_size) && buffer_add_text(new, KEYFILE_NO_PUBLIC "\n") &&
                   buffer_add(new, block->text, block->text_size)
               ? CKR_OK
               : CKR_DEVICE_MEMORY;
}

/* The lines of the block with the change; of a pair, those of both halves. */
static CK_RV edit_lines(const struct edit *edit, const struct keyfile_block *block, struct buffer *new)
{
    struct keyfile_block between = *block;
    struct buffer lines;
    CK_RV rv;

    buffer_init(&lines, FILE_MAXIMUM);
    rv = keyfile_edit_lines(block, edit->object->object_class, edit->changes, &lines);
    between.lines = buffer_text(&lines);
    between.lines_size = lines.size;
    if (rv == CKR_OK)
        rv = keyfile_edit_lines(&between, CKO_PUBLIC_KEY, &edit->twin, new);
    buffer_free(&lines);
    return rv;
}

/* Only a data object's value is in its block and may change. */
static CK_RV edit_text(const struct edit *edit, const struct keyfile_block *block, struct buffer *new)
{
    struct object *changed;
    CK_RV rv;

    if (attributes_find(edit->changes, CKA_VALUE) == NULL)
        return buffer_add(new, block->text, block->text_size) ? CKR_OK : CKR_DEVICE_MEMORY;
    changed = object_copy(edit->object, edit->changes);
    rv = changed != NULL ? objecttext_write_block(edit->token, changed, new) : CKR_HOST_MEMORY;
    object_return(changed);
    return rv;
}

static CK_RV edit_block(const struct edit *edit, const struct keyfile_block *block, struct buffer *new)
{
    CK_RV rv;

    if (edit->changes == NULL)
        return hides(edit, block) ? hide(block, new) : CKR_OK;
    /* keyfile_next gives the newline behind a block to the lines of the next one: new lines go behind it */
    rv = edit_lines(edit, block, new);
    return rv == CKR_OK ? edit_text(edit, block, new) : rv;
}

/* A store_editor. */
static CK_RV edit_file(void *data, const struct stat *status, const struct bytes *old, struct buffer *new)
{
    struct edit *edit = data;
    const char *text = (const char *)old->data;
    struct keyfile_block block;
    size_t offset = 0;
    size_t end = 0; /* of the last block */
    unsigned kept = 0;
    CK_RV rv = CKR_OK;

    edit->stale = !is_known(edit, status);
    if (edit->stale)
        return CKR_FUNCTION_CANCELED;
    for (unsigned i = 0; rv == CKR_OK && keyfile_next(text, old->size, &offset, &block); i++) {
        if (i == edit->object->block) {
            rv = edit_block(edit, &block, new);
            kept += edit->changes != NULL || hides(edit, &block);
        } else {
            buffer_add(new, block.lines, block.lines_size + block.text_size);
            kept++;
        }
        end = offset;
    }
    if (rv == CKR_OK && kept != 0)
        buffer_add(new, text + end, old->size - end);
    return rv;
}

/* The public half of the pair, or NULL. */
static const struct object *twin_of(const struct objects *objects, const struct object *private)
{
    const struct handle_map *map = &objects->map;

    if (private->object_class != CKO_PRIVATE_KEY)
        return NULL;
    for (size_t i = 0; i < map->count; i++) {
        const struct object *object = map->entries[i].pointer;

        if (object->object_class == CKO_PUBLIC_KEY && object->block == private->block &&
            object_is_of_file(object, private->file))
            return object;
    }
    return NULL;
}

/* What the public half has only because the private one has it, it keeps when that changes. */
static CK_RV keep_twin(struct edit *edit)
{
    const struct object *twin = twin_of(&edit->token->objects, edit->object);
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && twin != NULL && i < edit->changes->count; i++) {
        CK_ATTRIBUTE_TYPE type = edit->changes->items[i].type;
        const CK_ATTRIBUTE *item = attributes_find(&twin->attributes, type);

        if (objects_pair_shares(type))
            rv = attributes_set(&edit->twin, type, item != NULL ? item->pValue : "",
                                item != NULL ? item->ulValueLen : 0);
    }
    return rv;
}

static CK_RV take_over(struct token *token, const char *name, const struct buffer *new)
{
    CK_RV rv = objects_reread_text(token, name, buffer_text(new), new->size, true);

    if (rv == CKR_OK)
        objects_note_file(token, name);
    return rv;
}

static CK_RV edit_once(struct token *token, const struct object *object, const struct attributes *changes,
                       bool *stale)
{
    struct edit edit = {.token = token, .object = object, .changes = changes};
    struct buffer new;
    CK_RV rv = changes != NULL ? keep_twin(&edit) : CKR_OK;

    buffer_init(&new, FILE_MAXIMUM);
    if (rv == CKR_OK)
        rv = store_edit(&token->store, object->file, edit_file, &edit, &new);
    *stale = edit.stale || rv == CKR_OBJECT_HANDLE_INVALID;
    if (rv == CKR_OK)
        rv = take_over(token, object->file, &new);
    buffer_free(&new);
    attributes_free(&edit.twin);
    return rv;
}

/* Lets the others finish, each process after a time of its own. */
static void step_back(int try)
{
    const struct timespec pause = {.tv_nsec = (1 + (getpid() + try) % 8) * 500000L};

    if (try > 1)
        nanosleep(&pause, NULL);
}

static CK_RV edit_object(struct token *token, CK_OBJECT_HANDLE handle, const struct attributes *changes)
{
    CK_RV rv = CKR_DEVICE_ERROR;
    bool stale = true;

    for (int i = 0; stale && i < TRIES; i++) {
        struct object *object = objects_find(&token->objects, handle);

        if (object == NULL)
            return CKR_OBJECT_HANDLE_INVALID;
        object_take(object);
        rv = edit_once(token, object, changes, &stale);
        object_return(object);
        if (stale) {
            step_back(i);
            store_look_again(&token->store);
            rv = objects_refresh(token);
        }
        if (stale && rv != CKR_OK)
            return rv;
    }
    return stale ? p11_fail(CKR_DEVICE_ERROR, "token directory %s changes all the time", token->store.path)
                 : rv;
}

CK_RV objects_modify(struct token *token, CK_OBJECT_HANDLE handle, const struct attributes *changes)
{
    struct object *object = objects_find(&token->objects, handle);
    struct object *changed;

    if (object == NULL)
        return CKR_OBJECT_HANDLE_INVALID;
    if (object->file != NULL)
        return edit_object(token, handle, changes);
    changed = object_copy(object, changes);
    if (changed == NULL)
        return CKR_HOST_MEMORY;
    objects_replace(&token->objects, object, changed);
    object_return(changed);
    return CKR_OK;
}

CK_RV objects_delete(struct token *token, CK_OBJECT_HANDLE handle)
{
    struct objects *objects = &token->objects;
    const struct object *object = objects_find(objects, handle);
    const struct object *twin = object != NULL ? twin_of(objects, object) : NULL;
    CK_OBJECT_HANDLE follower = twin != NULL ? twin->handle : CK_INVALID_HANDLE;
    bool known = object != NULL;
    CK_RV rv = edit_object(token, handle, NULL);

    if (rv == CKR_OK && follower != CK_INVALID_HANDLE)
        objects->followed[objects->followed_next++ % OBJECTS_FOLLOWED] = follower;
    return known && rv == CKR_OBJECT_HANDLE_INVALID ? CKR_OK : rv; /* another process was faster */
}

bool objects_followed(struct objects *objects, CK_OBJECT_HANDLE handle)
{
    for (size_t i = 0; i < OBJECTS_FOLLOWED; i++) {
        if (handle == CK_INVALID_HANDLE || objects->followed[i] != handle)
            continue;
        objects->followed[i] = CK_INVALID_HANDLE;
        return true;
    }
    return false;
}
