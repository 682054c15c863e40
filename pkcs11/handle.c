/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/handle.h"

#include <stdlib.h>
#include <string.h>

CK_ULONG handle_add(struct handle_map *map, void *pointer)
{
    if (map->count == map->capacity) {
        size_t capacity = map->capacity != 0 ? 2 * map->capacity : 16;
        struct handle_entry *grown = realloc(map->entries, capacity * sizeof *grown);

        if (grown == NULL)
            return 0;
        map->entries = grown;
        map->capacity = capacity;
    }
    map->entries[map->count++] = (struct handle_entry){++map->last, pointer};
    return map->last;
}

static struct handle_entry *search(const struct handle_map *map, CK_ULONG handle)
{
    size_t low = 0;
    size_t high = map->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (map->entries[middle].handle == handle)
            return &map->entries[middle];
        if (map->entries[middle].handle < handle)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void *handle_find(const struct handle_map *map, CK_ULONG handle)
{
    const struct handle_entry *entry = search(map, handle);

    return entry != NULL ? entry->pointer : NULL;
}

void *handle_replace(struct handle_map *map, CK_ULONG handle, void *pointer)
{
    struct handle_entry *entry = search(map, handle);
    void *old = entry != NULL ? entry->pointer : NULL;

    if (entry != NULL)
        entry->pointer = pointer;
    return old;
}

void *handle_remove(struct handle_map *map, CK_ULONG handle)
{
    struct handle_entry *entry = search(map, handle);
    void *pointer;

    if (entry == NULL)
        return NULL;
    pointer = entry->pointer;
    map->count--;
    memmove(entry, entry + 1, (size_t)(map->entries + map->count - entry) * sizeof *entry);
    return pointer;
}

void handle_map_free(struct handle_map *map)
{
    free(map->entries);
    *map = (struct handle_map){.last = map->last};
}
