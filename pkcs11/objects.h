/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_OBJECTS_H
#define DEVID_PKCS11_OBJECTS_H

#include "common/buffer.h"
#include "pkcs11/handle.h"
#include "pkcs11/index.h"
#include "pkcs11/object.h"
#include "pkcs11/store.h"

#define OBJECTS_INDEXES 2
#define OBJECTS_FOLLOWED 64

/* The objects of one token: what its files hold, and the session objects. All calls are made under the
 * token's lock. */
struct objects {
    struct handle_map map;
    struct index indexes[OBJECTS_INDEXES]; /* by the value of an attribute that callers search for */
    struct object_file {
        char *name;
        struct stat status; /* when it was read */
        bool present;       /* in the scan under way */
        bool waits;         /* for a login, which opens more of its blocks */
    } * *files;             /* by name */
    size_t file_count;
    CK_OBJECT_HANDLE followed[OBJECTS_FOLLOWED]; /* public halves that went with their private ones */
    unsigned followed_next;
    bool waiting; /* the file that is being read has a block that only a login opens */
};

void objects_free(struct objects *objects);

/* Reads what changed in the token's directory, when anything did. A file that cannot be used is one log line.
 */
CK_RV objects_refresh(struct token *token);

/* Adds an object that nobody else knows yet; a reference is taken. CKR_HOST_MEMORY. */
CK_RV objects_add(struct objects *objects, struct object *object);
/* NULL: no such handle. The reference stays with the set. */
struct object *objects_find(const struct objects *objects, CK_OBJECT_HANDLE handle);
/* Puts `to` in the place of `from`: under its handle, for its session. A reference is taken, and the one to
 * `from` given back. */
void objects_replace(struct objects *objects, struct object *from, struct object *to);
/* Takes an object out, giving back the set's reference. */
void objects_remove(struct objects *objects, CK_OBJECT_HANDLE handle);
/* Those of a file. */
void objects_remove_file(struct objects *objects, const char *file);
bool object_is_of_file(const struct object *object, const char *file);
/* Session objects of a session that ends. */
void objects_remove_session(struct objects *objects, CK_SESSION_HANDLE session);

/* The objects that a template may match, one after the other: those under its CKA_ID or CKA_LABEL where it
 * has one, else all. Good until the set changes. */
struct candidates {
    const struct objects *objects;
    const struct index_node *node; /* under a value */
    size_t next;                   /* of all */
    bool all;
};
struct candidates objects_candidates(const struct objects *objects, const CK_ATTRIBUTE *items,
                                     CK_ULONG count);
/* NULL: there are no more. */
const struct object *objects_next(struct candidates *candidates);

/* The objects that the text of a file describes, as if it were read from the token; each is added to the
 * token. CKR_DATA_INVALID: there is nothing usable in it. */
CK_RV objects_read_text(struct token *token, const char *file, const char *text, size_t size);

/* The same for a file that is there already and was changed: objects that are still in it keep their handles.
 * `ours`: this process changed it, its key blocks are the same, and keys stay loaded where they are. */
CK_RV objects_reread_text(struct token *token, const char *file, const char *text, size_t size, bool ours);

/* Sets the label that an object of a file has without a Label line: the file's name, less what stands for the
 * kind. */
CK_RV objects_default_label(struct attributes *attributes, const char *file);

/* Files that wait for a login are to be read again. */
void objects_login(struct token *token);
/* Takes out what the login had opened, and what is private of the sessions. */
void objects_logout(struct token *token);

/* What is known of a file; NULL: nothing. */
const struct object_file *objects_file(const struct objects *objects, const char *name);
/* So that the next scan finds nothing new in a file of our own writing. */
void objects_note_file(struct token *token, const char *name);
void objects_free_files(struct objects *objects);

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

/* --- changes of objects that are there (objectedit.c): CKR_OBJECT_HANDLE_INVALID when it is gone meanwhile
 * --- */

/* Gives the object new values of attributes. A token object's file is edited in one step, and nothing else in
 * it changes. The handle stays. */
CK_RV objects_modify(struct token *token, CK_OBJECT_HANDLE handle, const struct attributes *changes);
/* Removes a token object from its file, and the file when nothing else is in it. A private key takes its
 * public half along; a public half goes alone, as the key needs it no more. */
CK_RV objects_delete(struct token *token, CK_OBJECT_HANDLE handle);
/* Whether the handle was of a public half that went so: true once for each, and not for ever, so that a
 * program which destroys one after the other finds both done. */
bool objects_followed(struct objects *objects, CK_OBJECT_HANDLE handle);

#endif
