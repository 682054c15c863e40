/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/frame.h"

CK_RV frame_begin(const char *function, const struct frame *frame, CK_SESSION_HANDLE handle,
                  const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct operation *operation;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    operation = session_operation(session, frame->flag);
    rv = operation_begin(session, operation, mechanism, key, frame->flag, frame->object_class, frame->usage);
    if (rv == CKR_OK && frame->begin != NULL) {
        rv = frame->begin(operation);
        if (rv != CKR_OK)
            operation_end(operation);
    }
    return session_leave_function(session, function, rv);
}

typedef CK_RV frame_step(struct operation *operation, const struct call *call);

static CK_RV take_step(frame_step *step, struct operation *operation, const struct call *call)
{
    return caller_has_data(call->input, call->input_size) ? step(operation, call) : CKR_ARGUMENTS_BAD;
}

/* PKCS#11 2.40, 5.2: asking for the length, or for less room than it takes, ends nothing. */
static bool asks_for_length(const struct call *call, CK_RV rv)
{
    return rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && call->size != NULL && call->out == NULL);
}

static CK_RV last_step(frame_step *step, struct operation *operation, const struct call *call)
{
    CK_RV rv = take_step(step, operation, call);

    if (!asks_for_length(call, rv))
        operation_end(operation);
    return rv;
}

CK_RV frame_once(const char *function, const struct frame *frame, CK_SESSION_HANDLE handle, struct call call)
{
    struct operation *operation;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    operation = session_operation(session, frame->flag);
    if (operation->row == NULL || operation->updated)
        rv = operation->row == NULL ? CKR_OPERATION_NOT_INITIALIZED : CKR_OPERATION_ACTIVE;
    else
        rv = last_step(frame->once, operation, &call);
    return session_leave_function(session, function, rv);
}

CK_RV frame_update_entered(const struct frame *frame, struct session *session, const struct call *call)
{
    struct operation *operation = session_operation(session, frame->flag);
    CK_RV rv;

    if (operation->row == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    rv = take_step(frame->update, operation, call);
    if (rv == CKR_OK && !asks_for_length(call, rv))
        operation->updated = true;
    else if (!asks_for_length(call, rv))
        operation_end(operation);
    return rv;
}

CK_RV frame_update(const char *function, const struct frame *frame, CK_SESSION_HANDLE handle,
                   struct call call)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    return session_leave_function(session, function, frame_update_entered(frame, session, &call));
}

CK_RV frame_final(const char *function, const struct frame *frame, CK_SESSION_HANDLE handle, struct call call)
{
    struct operation *operation;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    operation = session_operation(session, frame->flag);
    rv = operation->row != NULL ? last_step(frame->final, operation, &call) : CKR_OPERATION_NOT_INITIALIZED;
    return session_leave_function(session, function, rv);
}
