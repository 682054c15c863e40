/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_PKCS11_WRAP_FIXTURE_H
#define DEVID_TESTS_PKCS11_WRAP_FIXTURE_H

/* For tests of wrapping on a file token: a key that others go under, and what was wrapped last. */

#include "tests/support/filetoken.h"

#include <string.h>

#define WRAPPED_MAXIMUM 2500

static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
static CK_BYTE kek_value[32] = "the key that other keys go under";

static CK_BYTE wrapped[WRAPPED_MAXIMUM];
static CK_ULONG wrapped_size;

static inline void up(void)
{
    filetoken_up();
    session = filetoken_session("disk");
}

/* A secret key of the session. */
static inline CK_OBJECT_HANDLE create_secret(CK_KEY_TYPE type, const CK_BYTE *value, CK_ULONG size,
                                             const CK_ATTRIBUTE *extra, CK_ULONG count)
{
    CK_OBJECT_HANDLE key;

    filetoken_assert_rv(filetoken_secret(session, type, value, size, extra, count, &key), CKR_OK);
    return key;
}

/* An AES key that wraps and unwraps. */
static inline CK_OBJECT_HANDLE create_kek(void)
{
    CK_ATTRIBUTE usage[] = {
        {CKA_WRAP,   &yes, sizeof yes},
        {CKA_UNWRAP, &yes, sizeof yes},
    };

    return create_secret(CKK_AES, kek_value, sizeof kek_value, usage, 2);
}

static inline CK_RV wrap(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key)
{
    wrapped_size = sizeof wrapped;
    return C_WrapKey(session, mechanism, wrapping, key, wrapped, &wrapped_size);
}

/* A session key that can be read; `size`: CKA_VALUE_LEN, or 0 for none. */
static inline CK_RV unwrap_sized(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping,
                                 CK_OBJECT_CLASS *object_class, CK_KEY_TYPE type, CK_ULONG size,
                                 CK_OBJECT_HANDLE *key)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,     object_class, sizeof *object_class},
        {CKA_KEY_TYPE,  &type,        sizeof type         },
        {CKA_SENSITIVE, &no,          sizeof no           },
        {CKA_VALUE_LEN, &size,        sizeof size         },
    };

    *key = CK_INVALID_HANDLE;
    return C_UnwrapKey(session, mechanism, unwrapping, wrapped, wrapped_size, items, size != 0 ? 4 : 3, key);
}

static inline CK_RV unwrap(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping,
                           CK_OBJECT_CLASS *object_class, CK_KEY_TYPE type, CK_OBJECT_HANDLE *key)
{
    return unwrap_sized(mechanism, unwrapping, object_class, type, 0, key);
}

static inline void assert_value(CK_OBJECT_HANDLE key, const CK_BYTE *wanted, size_t size)
{
    CK_BYTE value[WRAPPED_MAXIMUM];
    CK_ULONG value_size = sizeof value;

    filetoken_assert_rv(filetoken_attribute(session, key, CKA_VALUE, value, &value_size), CKR_OK);
    ck_assert_uint_eq(value_size, size);
    ck_assert_mem_eq(value, wanted, size);
}

#endif
