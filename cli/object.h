/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_OBJECT_H
#define DEVID_CLI_OBJECT_H

#include "cli/session.h"

/* An object on a token, with what the commands show of it. */
struct cli_object {
    CK_OBJECT_HANDLE handle;
    CK_KEY_TYPE key_type; /* of keys */
    char *label;          /* "" when it has none */
    struct bytes id;      /* CKA_ID */
};

struct cli_objects {
    struct cli_object *items;
    size_t count;
};

/* The token objects of a class, of that label and that id where these are not NULL. Freed with
 * cli_objects_free. */
enum cli_status cli_objects_find(const struct cli_session *session, CK_OBJECT_CLASS class, const char *label,
                                 const struct bytes *id, struct cli_objects *objects);
void cli_objects_free(struct cli_objects *objects);

/* An attribute's value, with a NUL behind it; empty when the object does not have it or does not reveal it.
 */
enum cli_status cli_object_read(const struct cli_session *session, CK_OBJECT_HANDLE object,
                                CK_ATTRIBUTE_TYPE type, struct bytes *value);

#endif
