/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_STORE_H
#define DEVID_EMULATOR_STORE_H

#include "common/bytes.h"

#include <jansson.h>

/*
 * What the emulator remembers, in one SQLite file: collections of JSON documents by id, and the messages that
 * arrived at the hubs. Ids are compared without regard to (ASCII) case. Every change outside begin/commit is
 * a transaction of its own; after a kill the file holds whole transactions only. One thread at a time;
 * several processes may have the file open.
 */
struct emu_store;

enum emu_collection {
    EMU_SETTINGS,
    EMU_ENROLLMENTS,
    EMU_GROUPS,
    EMU_REGISTRATIONS,
    EMU_DEVICES,
    EMU_CHALLENGES, /* of TPMs, by registration id */
    EMU_COMMANDS,   /* the queues of cloud-to-device messages, by device */
};

/* FAILED was logged with SQLite's reason. */
enum emu_found { EMU_FAILED, EMU_ABSENT, EMU_PRESENT };

struct emu_message {
    const char *hub;
    const char *device;
    const char *enqueued;
    const json_t *properties; /* of the application */
    const json_t *system;
    struct bytes body;
};

/* Opens the file, making it when `create`. NULL: failed, with one line for the user in message[size]. */
__attribute__((warn_unused_result)) struct emu_store *emu_store_open(const char *path, bool create,
                                                                     char *message, size_t size);
void emu_store_close(struct emu_store *store);

/* Groups changes: all of them happen at the commit, or none. Not nested. */
__attribute__((warn_unused_result)) bool emu_store_begin(struct emu_store *store);
__attribute__((warn_unused_result)) bool emu_store_commit(struct emu_store *store);
void emu_store_rollback(struct emu_store *store);

/* PRESENT: *out is the document, which the caller releases. Else *out is NULL. */
__attribute__((warn_unused_result)) enum emu_found emu_store_get(struct emu_store *store,
                                                                 enum emu_collection collection,
                                                                 const char *id, json_t **out);
/* Adds or replaces. */
__attribute__((warn_unused_result)) bool emu_store_put(struct emu_store *store,
                                                       enum emu_collection collection, const char *id,
                                                       const json_t *document);
/* PRESENT: it was there and is gone. */
__attribute__((warn_unused_result)) enum emu_found emu_store_remove(struct emu_store *store,
                                                                    enum emu_collection collection,
                                                                    const char *id);

/* Called in the order of the ids; the document is the caller's. False ends the walk. */
typedef bool emu_document_visit(void *data, const char *id, json_t *document);
__attribute__((warn_unused_result)) bool emu_store_each(struct emu_store *store,
                                                        enum emu_collection collection,
                                                        emu_document_visit *visit, void *data);

__attribute__((warn_unused_result)) bool emu_store_add_message(struct emu_store *store,
                                                               const struct emu_message *message);

/* In order of arrival, of one device or (NULL) of all. False from `visit` ends the walk. */
typedef bool emu_message_visit(void *data, const struct emu_message *message);
__attribute__((warn_unused_result)) bool emu_store_each_message(struct emu_store *store, const char *device,
                                                                emu_message_visit *visit, void *data);

#endif
