/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/index.h"

#include <stdlib.h>

#define BUCKETS_MINIMUM 64

/* FNV-1a. */
uint64_t index_hash(const void *value, size_t size)
{
    const uint8_t *bytes = value;
    uint64_t hash = 0xcbf29ce484222325U;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3U;
    return hash;
}

static struct index_node **bucket_of(const struct index *index, uint64_t hash)
{
    return &index->buckets[(hash ^ hash >> 32) & (index->bucket_count - 1)];
}

static void link_node(struct index *index, struct index_node *node)
{
    struct index_node **bucket = bucket_of(index, node->hash);

    node->next = *bucket;
    *bucket = node;
}

/* Twice the buckets; without memory the chains just become longer, unless there are none yet. */
static bool grow(struct index *index)
{
    struct index old = *index;
    size_t count = old.bucket_count != 0 ? 2 * old.bucket_count : BUCKETS_MINIMUM;
    struct index_node **buckets = calloc(count, sizeof(struct index_node *));

    if (buckets == NULL)
        return old.bucket_count != 0;
    index->buckets = buckets;
    index->bucket_count = count;
    for (size_t i = 0; i < old.bucket_count; i++) {
        while (old.buckets[i] != NULL) {
            struct index_node *node = old.buckets[i];

            old.buckets[i] = node->next;
            link_node(index, node);
        }
    }
    free(old.buckets);
    return true;
}

bool index_add(struct index *index, uint64_t hash, void *pointer)
{
    struct index_node *node = malloc(sizeof *node);

    if (node == NULL || (index->count >= index->bucket_count && !grow(index))) {
        free(node);
        return false;
    }
    *node = (struct index_node){.hash = hash, .pointer = pointer};
    link_node(index, node);
    index->count++;
    return true;
}

/* Takes the entry out of its chain; NULL: it is not there. */
static struct index_node *unlink_node(struct index *index, uint64_t hash, const void *pointer)
{
    if (index->bucket_count == 0)
        return NULL;
    for (struct index_node **link = bucket_of(index, hash); *link != NULL; link = &(*link)->next) {
        struct index_node *node = *link;

        if (node->hash == hash && node->pointer == pointer) {
            *link = node->next;
            return node;
        }
    }
    return NULL;
}

void index_remove(struct index *index, uint64_t hash, const void *pointer)
{
    struct index_node *node = unlink_node(index, hash, pointer);

    if (node != NULL)
        index->count--;
    free(node);
}

void index_replace(struct index *index, uint64_t from_hash, const void *from, uint64_t to_hash, void *to)
{
    struct index_node *node = unlink_node(index, from_hash, from);

    if (node == NULL)
        return;
    node->hash = to_hash;
    node->pointer = to;
    link_node(index, node);
}

static const struct index_node *with_hash(const struct index_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

const struct index_node *index_first(const struct index *index, uint64_t hash)
{
    return index->bucket_count != 0 ? with_hash(*bucket_of(index, hash), hash) : NULL;
}

const struct index_node *index_next(const struct index_node *node)
{
    return with_hash(node->next, node->hash);
}

void index_free(struct index *index)
{
    for (size_t i = 0; i < index->bucket_count; i++) {
        while (index->buckets[i] != NULL) {
            struct index_node *node = index->buckets[i];

            index->buckets[i] = node->next;
            free(node);
        }
    }
    free(index->buckets);
    *index = (struct index){0};
}
