/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/objects.h"

#include <string.h>

/* What callers search for most, in the order of struct objects.indexes. The first of a template is used. */
static const CK_ATTRIBUTE_TYPE indexed[OBJECTS_INDEXES] = {CKA_ID, CKA_LABEL};

/* A template with a longer value, or one of CK_UNAVAILABLE_INFORMATION, is compared with all objects. */
#define HASHED_MAXIMUM 4096

static uint64_t hash_of(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *item = attributes_find(&object->attributes, type);

    return item != NULL ? index_hash(item->pValue, item->ulValueLen) : index_hash("", 0);
}

void objects_free(struct objects *objects)
{
    for (size_t i = 0; i < objects->map.count; i++)
        object_return(objects->map.entries[i].pointer);
    handle_map_free(&objects->map);
    for (size_t i = 0; i < OBJECTS_INDEXES; i++)
        index_free(&objects->indexes[i]);
    objects_free_files(objects);
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

bool object_is_of_file(const struct object *object, const char *file)
{
    return object->file != NULL && strcmp(object->file, file) == 0;
}

void objects_remove_file(struct objects *objects, const char *file)
{
    for (size_t i = objects->map.count; i-- > 0;) {
        const struct object *object = objects->map.entries[i].pointer;

        if (object_is_of_file(object, file))
            objects_remove(objects, object->handle);
    }
}
