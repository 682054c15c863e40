/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/objects.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/token.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which files there are, and when they were read. */

static void free_file(struct object_file *file)
{
    free(file->name);
    free(file);
}

void objects_free_files(struct objects *objects)
{
    for (size_t i = 0; i < objects->file_count; i++)
        free_file(objects->files[i]);
    free(objects->files);
    objects->files = NULL;
    objects->file_count = 0;
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
        objects_remove_file(&token->objects, name);
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
    if (unchanged(&entry->status, status) && !(entry->waits && token_is_open(token)))
        return CKR_OK;
    if ((status->st_mode & 077) != 0 && strstr(name, ".crt.pem") == NULL)
        log_warning("%s/%s can be read by others; chmod 600 it", token->store.path, name);
    known = entry->status.st_ino != 0;
    token->objects.waiting = false;
    entry->status = load_file(token, name, known) ? *status : (struct stat){0};
    entry->waits = token->objects.waiting;
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
        objects_remove_file(objects, file->name);
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

void objects_login(struct token *token)
{
    for (size_t i = 0; i < token->objects.file_count; i++)
        if (token->objects.files[i]->waits)
            store_look_again(&token->store);
}

/* Private session objects, of all sessions, end with the login (PKCS#11 2.40, 5.6). */
void objects_logout(struct token *token)
{
    struct objects *objects = &token->objects;

    for (size_t i = objects->map.count; i-- > 0;) {
        const struct object *object = objects->map.entries[i].pointer;
        struct object_file *file = object->opened ? find_file(objects, object->file) : NULL;

        if (file != NULL)
            file->waits = true;
        if (object->opened || (object->session != 0 && object_attribute_bool(object, CKA_PRIVATE)))
            objects_remove(objects, object->handle);
    }
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
        rv = added[i]->file != NULL ? objects_default_label(&added[i]->attributes, name) : CKR_HOST_MEMORY;
        if (rv == CKR_OK)
            rv = objects_add(&token->objects, added[i]);
    }
    if (rv == CKR_OK)
        objects_note_file(token, name);
    else if (name != NULL) {
        objects_remove_file(&token->objects, name);
        if (store_remove(&token->store, name) != CKR_OK)
            log_error("%s/%s stays behind; remove it", token->store.path, name);
    }
    free(label);
    free(name);
    return rv;
}
