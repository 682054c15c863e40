/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_OBJECTS_H
#define DEVID_PKCS11_OBJECTS_H

#include "common/buffer.h"
#include "pkcs11/handle.h"
#include "pkcs11/object.h"
#include "pkcs11/store.h"

/* The objects of one token: what its files hold, and the session objects. All calls are made under the
 * token's lock. */
struct objects {
    struct handle_map map;
    struct object_file {
        char *name;
        struct stat status; /* when it was read */
        bool present;       /* in the scan under way */
    } * files;
    size_t file_count;
};

void objects_free(struct objects *objects);

/* Reads what changed in the token's directory, when anything did. A file that cannot be used is one log line.
 */
CK_RV objects_refresh(struct token *token);

/* Adds an object that nobody else knows yet; a reference is taken. CKR_HOST_MEMORY. */
CK_RV objects_add(struct objects *objects, struct object *object);
/* NULL: no such handle. The reference stays with the set. */
struct object *objects_find(const struct objects *objects, CK_OBJECT_HANDLE handle);
/* Takes an object out, giving back the set's reference. */
void objects_remove(struct objects *objects, CK_OBJECT_HANDLE handle);
/* Session objects of a session that ends. */
void objects_remove_session(struct objects *objects, CK_SESSION_HANDLE session);

/* The objects that the text of a file describes, as if it were read from the token; each is added to the
 * token. CKR_DATA_INVALID: there is nothing usable in it. */
CK_RV objects_read_text(struct token *token, const char *file, const char *text, size_t size);

/* Whether both halves of a pair have the attribute in common: a file states it once, and the public half only
 * where it differs. */
bool objects_pair_shares(CK_ATTRIBUTE_TYPE type);
/* Gives the public half what it has not got of that. */
CK_RV objects_pair_inherit(const struct attributes *private, struct attributes *public);

/*
 * Writes the text of a new file, named after the label, and adds the objects (one or two) that it describes.
 * On failure neither file nor objects are there. CKR_TOKEN_WRITE_PROTECTED, CKR_DEVICE_ERROR,
 * CKR_HOST_MEMORY.
 */
CK_RV objects_store(struct token *token, const char *suffix, const struct buffer *text, struct object **added,
                    size_t count);
/*
 * Removes a token object's block from its file, and the file with its last block: both halves of a pair go
 * together, and what else the file holds stays. CKR_OBJECT_HANDLE_INVALID: the file is another one by now.
 */
CK_RV objects_delete(struct token *token, const struct object *object);

#endif
