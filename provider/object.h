/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_OBJECT_H
#define DEVID_PROVIDER_OBJECT_H

#include "provider/session.h"

/* What a token tells of one of its objects. Attributes that it does not tell are empty. */
struct prov_object {
    CK_OBJECT_HANDLE handle;
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION when it is not a key */
    CK_BBOOL always_authenticate;
    struct bytes id;
    struct bytes label;
    struct bytes modulus; /* RSA */
    struct bytes exponent;
    struct bytes ec_params; /* EC */
    struct bytes ec_point;
    struct bytes public_info; /* DER of a SubjectPublicKeyInfo */
    struct bytes allowed;     /* CK_MECHANISM_TYPE after CK_MECHANISM_TYPE: CKA_ALLOWED_MECHANISMS */
    struct bytes value;       /* certificates: the DER */
};

/* How many handles C_FindObjects is asked for at a time. One that gives fewer has no more. */
enum { PROV_OBJECTS_AT_ONCE = 256 };

/* The handles of all objects that fit the template, malloc'ed. An error is raised unless CKR_OK. */
CK_RV prov_object_find(struct prov_session *session, CK_ATTRIBUTE *template, CK_ULONG template_count,
                       CK_OBJECT_HANDLE **handles, CK_ULONG *count);

/* Reads an object of a known class with one call. *object is freed with prov_object_free also when this
 * fails, which raises an error. */
CK_RV prov_object_read(struct prov_session *session, CK_OBJECT_HANDLE handle, CK_OBJECT_CLASS class,
                       struct prov_object *object);
void prov_object_free(struct prov_object *object);

#endif
