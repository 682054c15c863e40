/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_INDEX_H
#define DEVID_PKCS11_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pointers by a hash, any number under one. Whoever looks up compares what is behind the pointers: other
 * values may have the same hash. The holder locks. */
struct index {
    struct index_node {
        struct index_node *next;
        uint64_t hash;
        void *pointer;
    } * *buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
};

uint64_t index_hash(const void *value, size_t size);

/* False: no memory. */
__attribute__((warn_unused_result)) bool index_add(struct index *index, uint64_t hash, void *pointer);
/* An entry that is not there is accepted. */
void index_remove(struct index *index, uint64_t hash, const void *pointer);
/* Puts another pointer and hash in the place of an entry that is there; needs no memory. */
void index_replace(struct index *index, uint64_t from_hash, const void *from, uint64_t to_hash, void *to);

/* The entries of the hash, in no order; NULL after the last. Valid until the index changes. */
const struct index_node *index_first(const struct index *index, uint64_t hash);
const struct index_node *index_next(const struct index_node *node);

void index_free(struct index *index);

#endif
