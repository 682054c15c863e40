/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/frame.h"

#include "pkcs11/failure.h"

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

/* What is done in one call and what is done in parts do not mix, even when only the length was asked for so
 * far; the wrong call ends the operation, as every one does that fails (PKCS#11 2.40, 5.8 to 5.11). */
static CK_RV refuse(struct operation *operation)
{
    CK_RV rv = p11_fail(CKR_OPERATION_ACTIVE,
                        "the operation was begun in %s; such operations do not end in the other way",
                        operation->updated ? "parts" : "one call");

    operation_end(operation);
    return rv;
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
    if (operation->row == NULL)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else if (operation->updated)
        rv = refuse(operation);
    else
        rv = last_step(frame->once, operation, &call);
    operation->asked = operation->row != NULL;
    return session_leave_function(session, function, rv);
}

CK_RV frame_update_entered(const struct frame *frame, struct session *session, const struct call *call)
{
    struct operation *operation = session_operation(session, frame->flag);
    CK_RV rv;

    if (operation->row == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (operation->asked)
        return refuse(operation);
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
    if (operation->row == NULL)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else
        rv = operation->asked ? refuse(operation) : last_step(frame->final, operation, &call);
    return session_leave_function(session, function, rv);
}
