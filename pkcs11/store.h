/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_STORE_H
#define DEVID_PKCS11_STORE_H

#include "common/buffer.h"

#include <p11-kit/pkcs11.h>

#include <sys/stat.h>
#include <time.h>

/* A token's directory. Readers take no lock and write nothing; each writer holds .lock and renames
 * .generation. */
struct store {
    char *path; /* for messages */
    int directory;
    unsigned lock_milliseconds; /* how long a writer waits for another */
    struct store_stamp {
        struct timespec modified; /* of the directory */
        ino_t generation;         /* inode of .generation, 0 when there is none */
    } seen;
    bool settled;   /* `seen` is old enough that a later change cannot have the same time */
    bool leftovers; /* there may be temporary files of writers that were killed: the next writer removes them
                     */
};

/* CKR_TOKEN_NOT_PRESENT: the directory cannot be opened, with the reason said. */
CK_RV store_open(const char *path, struct store *store);
void store_close(struct store *store);

/* Whether this process may write there, as far as rights tell. */
bool store_is_writable(const struct store *store);

/* Whether anything may have changed since the last call that answered true (the first call does). */
bool store_changed(struct store *store);

/* Lets the next store_changed answer true: a file was found changed behind the directory's back. */
void store_look_again(struct store *store);

/* Calls `each` for every object file (*.pem that is not pin.pem) until it answers other than CKR_OK. */
typedef CK_RV store_file(void *data, const char *name, const struct stat *status);
CK_RV store_each(struct store *store, store_file *each, void *data);

/* CKR_DEVICE_ERROR with the reason said. */
CK_RV store_read(const struct store *store, const char *name, struct bytes *content);

/*
 * Writes or removes one file, whole or not at all. store_add picks a name that is free, made of `label` and
 * `suffix`, and answers it (malloc'ed). CKR_TOKEN_WRITE_PROTECTED: the directory or file system is read-only;
 * CKR_DEVICE_MEMORY: the disk is full; CKR_DEVICE_ERROR: anything else, such as another writer that does not
 * finish.
 */
CK_RV store_add(struct store *store, const char *label, const char *suffix, const void *data, size_t size,
                char **name);
CK_RV store_replace(struct store *store, const char *name, const void *data, size_t size);
CK_RV store_remove(struct store *store, const char *name);

/*
 * Has a file edited: read, changed and put in place under the writers' lock, with the mode it had. The editor
 * sees what the file is now; it fills `new`, or leaves it empty to have the file removed, or answers another
 * code, which ends the call with nothing changed. CKR_OBJECT_HANDLE_INVALID: there is no such file (any
 * more).
 */
typedef CK_RV store_editor(void *data, const struct stat *status, const struct bytes *old,
                           struct buffer *new);
CK_RV store_edit(struct store *store, const char *name, store_editor *editor, void *data, struct buffer *new);

/* What the errno of a write that failed is to the caller, in the codes above. */
CK_RV store_failure(int error);

/* A file name made of a label: ASCII letters in lower case, digits, '.', '_', '-'; others become '-'; "key"
 * when nothing is left. malloc'ed. */
char *store_name_of(const char *label, size_t length);

#endif
