/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_HANDLE_H
#define DEVID_PKCS11_HANDLE_H

#include <p11-kit/pkcs11.h>

#include <stddef.h>

/* Handles <-> pointers. Handles rise and are never used again, so the entries are sorted by nature. The
 * holder locks. */
struct handle_map {
    struct handle_entry {
        CK_ULONG handle;
        void *pointer;
    } * entries;
    size_t count;
    size_t capacity;
    CK_ULONG last;
};

/* A new handle for the pointer, or 0 (CK_INVALID_HANDLE) when there is no memory. */
CK_ULONG handle_add(struct handle_map *map, void *pointer);
/* NULL: no such handle. */
void *handle_find(const struct handle_map *map, CK_ULONG handle);
/* Gives a handle that is there another pointer, and answers the one that was there; NULL: no such handle. */
void *handle_replace(struct handle_map *map, CK_ULONG handle, void *pointer);
/* Answers the pointer that was there, or NULL. */
void *handle_remove(struct handle_map *map, CK_ULONG handle);
void handle_map_free(struct handle_map *map);

#endif
