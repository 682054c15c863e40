/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/session.h"

#include <stdlib.h>

void find_end(struct find *find)
{
    free(find->handles);
    *find = (struct find){0};
}

static CK_RV add_found(struct find *find, CK_OBJECT_HANDLE handle)
{
    if (find->count == find->room) {
        size_t room = find->room != 0 ? 2 * find->room : 8;
        CK_OBJECT_HANDLE *grown = realloc(find->handles, room * sizeof *grown);

        if (grown == NULL)
            return CKR_HOST_MEMORY;
        find->handles = grown;
        find->room = room;
    }
    find->handles[find->count++] = handle;
    return CKR_OK;
}

static int compare(const void *a, const void *b)
{
    CK_OBJECT_HANDLE x = *(const CK_OBJECT_HANDLE *)a;
    CK_OBJECT_HANDLE y = *(const CK_OBJECT_HANDLE *)b;

    return (x > y) - (x < y);
}

/* Under the token's lock. Objects are answered in the order in which they came. */
static CK_RV collect(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count)
{
    struct candidates candidates = objects_candidates(&session->token->objects, items, count);
    struct find *find = &session->find;
    const struct object *object;
    CK_RV rv = CKR_OK;

    while (rv == CKR_OK && (object = objects_next(&candidates)) != NULL)
        if (session_sees(session, object) && object_matches(object, items, count))
            rv = add_found(find, object->handle);
    if (rv != CKR_OK) {
        find_end(find);
        return rv;
    }
    if (find->count > 1)
        qsort(find->handles, find->count, sizeof *find->handles, compare);
    find->active = true;
    return CKR_OK;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *items, CK_ULONG count)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (!caller_has_template(items, count))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    if (session->find.active)
        return session_leave(session, CKR_OPERATION_ACTIVE);
    token_lock(session->token);
    rv = objects_refresh(session->token);
    if (rv == CKR_OK)
        rv = collect(session, items, count);
    token_unlock(session->token);
    return session_leave(session, rv);
}

CK_RV C_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG maximum, CK_ULONG *count)
{
    struct session *session;
    struct find *find;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if ((objects == NULL && maximum != 0) || count == NULL)
        return session_leave(session, CKR_ARGUMENTS_BAD);
    find = &session->find;
    if (!find->active)
        return session_leave(session, CKR_OPERATION_NOT_INITIALIZED);
    for (*count = 0; *count < maximum && find->next < find->count; ++*count)
        objects[*count] = find->handles[find->next++];
    return session_leave(session, CKR_OK);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE handle)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = session->find.active ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
    find_end(&session->find);
    return session_leave(session, rv);
}
