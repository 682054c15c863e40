/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_FRAME_H
#define DEVID_PKCS11_FRAME_H

#include "pkcs11/session.h"

/* What a call brings; members that it has not are empty. */
struct call {
    const CK_BYTE *input;
    CK_ULONG input_size;
    CK_BYTE *out; /* and its room, by the two-call rule */
    CK_ULONG *size;
    const CK_BYTE *signature; /* to be verified */
    CK_ULONG signature_size;
};

/*
 * A kind of operation with a key, of which a session has one: what its Init asks for, and its steps. A step
 * is done while the operation is active and in order, with an input that is there; it answers
 * CKR_ARGUMENTS_BAD when its own members of the call are not.
 */
struct frame {
    CK_FLAGS flag;                /* which of the session's */
    CK_OBJECT_CLASS object_class; /* of the key, for mechanisms of key pairs */
    CK_ATTRIBUTE_TYPE usage;
    CK_RV (*begin)(struct operation *operation); /* what is to be checked besides; NULL: nothing */
    CK_RV (*once)(struct operation *operation, const struct call *call);
    CK_RV (*update)(struct operation *operation, const struct call *call);
    CK_RV (*final)(struct operation *operation, const struct call *call);
};

/* The bodies of the C_ functions, which are named for the log. An operation ends with its last step and with
 * a step that fails, but for one that only asks for the length of an answer or has too little room for it. */
CK_RV frame_begin(const char *function, const struct frame *frame, CK_SESSION_HANDLE handle,
                  const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
CK_RV frame_once(const char *function, const struct frame *frame, CK_SESSION_HANDLE handle, struct call call);
CK_RV frame_update(const char *function, const struct frame *frame, CK_SESSION_HANDLE handle,
                   struct call call);
CK_RV frame_final(const char *function, const struct frame *frame, CK_SESSION_HANDLE handle,
                  struct call call);

/* The same between session_enter and session_leave, for calls that do two things. */
CK_RV frame_update_entered(const struct frame *frame, struct session *session, const struct call *call);

extern const struct frame p11_signing;
extern const struct frame p11_verification;
extern const struct frame p11_encryption;
extern const struct frame p11_decryption;

#endif
