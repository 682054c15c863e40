/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/session.h"

#include <stdlib.h>

void find_end(struct find *find)
{
    free(find->handles);
    *find = (struct find){0};
}

/* Under the token's lock. */
static CK_RV collect(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count)
{
    const struct handle_map *map = &session->token->objects.map;
    struct find *find = &session->find;

    find->handles = calloc(map->count != 0 ? map->count : 1, sizeof *find->handles);
    if (find->handles == NULL)
        return CKR_HOST_MEMORY;
    for (size_t i = 0; i < map->count; i++) {
        const struct object *object = map->entries[i].pointer;

        if (session_sees(session, object) && object_matches(object, items, count))
            find->handles[find->count++] = object->handle;
    }
    find->active = true;
    return CKR_OK;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *items, CK_ULONG count)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (items == NULL && count != 0)
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
