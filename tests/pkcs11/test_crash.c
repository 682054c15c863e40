/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process is killed at each step of a write, or the disk is full from there on: every object is whole, old
 * or new, and the next process works.
 */
#include "tests/support/filetoken.h"
#include "tests/support/trap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OLD_VALUE "the old value"
#define NEW_SIZE 9000 /* of the new value: more than one page */

/* --- what is done, and what may be there afterwards
 * ------------------------------------------------------------ */

static CK_BBOOL yes = CK_TRUE;
static CK_OBJECT_CLASS data_class = CKO_DATA;
static CK_BYTE new_value[NEW_SIZE];

static CK_RV create_data(CK_SESSION_HANDLE session, const char *label, void *value, size_t size)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &data_class,              sizeof data_class},
        {CKA_TOKEN, &yes,                     sizeof yes       },
        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)    },
        {CKA_VALUE, value,                    size             },
    };
    CK_OBJECT_HANDLE object;

    return C_CreateObject(session, items, 4, &object);
}

/* The data object of that label has the old value or, where it may, the new one; or it is not there, where it
 * may be absent. */
static void assert_value(CK_SESSION_HANDLE session, const char *label, const char *old, bool may_be_new,
                         bool may_be_absent)
{
    CK_OBJECT_HANDLE object = filetoken_find(session, CKO_DATA, label);
    CK_BYTE value[NEW_SIZE + 1];
    CK_ULONG size = sizeof value;

    if (object == CK_INVALID_HANDLE) {
        ck_assert_msg(may_be_absent, "%s is lost", label);
        return;
    }
    filetoken_assert_rv(filetoken_attribute(session, object, CKA_VALUE, value, &size), CKR_OK);
    if (may_be_new && size == NEW_SIZE)
        ck_assert_mem_eq(value, new_value, NEW_SIZE);
    else {
        ck_assert_ptr_nonnull(old);
        ck_assert_uint_eq(size, strlen(old));
        ck_assert_mem_eq(value, old, size);
    }
}

/* Both halves of the pair are there and belong together, or neither is. */
static void assert_pair(CK_SESSION_HANDLE session, const char *label, bool may_be_absent)
{
    CK_OBJECT_HANDLE private = filetoken_find(session, CKO_PRIVATE_KEY, label);
    CK_OBJECT_HANDLE public = filetoken_find(session, CKO_PUBLIC_KEY, label);
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {7};
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    ck_assert_int_eq(private == CK_INVALID_HANDLE, public == CK_INVALID_HANDLE);
    if (private == CK_INVALID_HANDLE) {
        ck_assert_msg(may_be_absent, "the pair %s is lost", label);
        return;
    }
    filetoken_assert_rv(filetoken_sign(session, &mechanism, private, digest, sizeof digest, signature, &size),
                        CKR_OK);
    filetoken_assert_rv(C_VerifyInit(session, &mechanism, public), CKR_OK);
    filetoken_assert_rv(C_Verify(session, digest, sizeof digest, signature, size), CKR_OK);
}

static CK_RV create(CK_SESSION_HANDLE session)
{
    return create_data(session, "new", new_value, sizeof new_value);
}

static CK_RV generate(CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    return filetoken_generate(session, "P-256", true, NULL, 0, &public, &private);
}

static CK_RV modify(CK_SESSION_HANDLE session)
{
    CK_ATTRIBUTE item = {CKA_VALUE, new_value, sizeof new_value};

    return C_SetAttributeValue(session, filetoken_find(session, CKO_DATA, "old"), &item, 1);
}

static CK_RV destroy_data(CK_SESSION_HANDLE session)
{
    return C_DestroyObject(session, filetoken_find(session, CKO_DATA, "old"));
}

static CK_RV destroy_pair(CK_SESSION_HANDLE session)
{
    return C_DestroyObject(session, filetoken_find(session, CKO_PRIVATE_KEY, "P-256"));
}

static CK_RV copy(CK_SESSION_HANDLE session)
{
    CK_ATTRIBUTE item = {CKA_LABEL, (void *)(uintptr_t) "copy", 4};
    CK_OBJECT_HANDLE object;

    return C_CopyObject(session, filetoken_find(session, CKO_DATA, "old"), &item, 1, &object);
}

static CK_RV init_token(CK_SESSION_HANDLE session)
{
    CK_UTF8CHAR label[32] = "second                          ";

    (void)session;
    return C_InitToken(filetoken_empty_slot(), NULL, 0, label);
}

enum may { KEEPS, MAY_GO, MAY_CHANGE };

static const struct row {
    const char *name;
    CK_RV (*run)(CK_SESSION_HANDLE session);
    enum may data;  /* what may happen to the data object "old" */
    enum may pair;  /* to the pair "P-256" */
    bool with_pair; /* it is there before */
} rows[] = {
    {"C_CreateObject",            create,       KEEPS,      KEEPS,  true },
    {"C_GenerateKeyPair",         generate,     KEEPS,      MAY_GO, false},
    {"C_SetAttributeValue",       modify,       MAY_CHANGE, KEEPS,  true },
    {"C_DestroyObject, data",     destroy_data, MAY_GO,     KEEPS,  true },
    {"C_DestroyObject, key pair", destroy_pair, KEEPS,      MAY_GO, true },
    {"C_CopyObject",              copy,         KEEPS,      KEEPS,  true },
    {"C_InitToken",               init_token,   KEEPS,      KEEPS,  true },
};

/* --- one attempt
 * ---------------------------------------------------------------------------------------------- */

static void make(const struct row *row)
{
    CK_SESSION_HANDLE session;

    filetoken_up();
    session = filetoken_session("disk");
    filetoken_assert_rv(create_data(session, "old", (void *)(uintptr_t)OLD_VALUE, strlen(OLD_VALUE)), CKR_OK);
    if (row->with_pair)
        filetoken_assert_rv(generate(session), CKR_OK);
    filetoken_down();
    trap_keep();
}

/* A trap_victim. */
static CK_RV act(const void *data)
{
    const struct row *row = data;
    CK_SESSION_HANDLE session;
    CK_RV rv;

    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("disk");
    filetoken_find(session, CKO_DATA, "old");
    trap_arm();
    rv = row->run(session);
    trap_disarm();
    return rv;
}

static void assert_no_leftovers(const char *directory, const char *pattern)
{
    char *listing;

    support_shell(&listing, "ls -A '%s' | grep '%s' || true", directory, pattern);
    ck_assert_str_eq(listing, "");
    free(listing);
}

/* A token that is there works; of one that is not, nothing is seen, and nothing stays: a directory that is
 * two hours old is nobody's any more. */
static void assert_second_token(void)
{
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;

    filetoken_assert_rv(C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_SESSION_HANDLE session;
        CK_TOKEN_INFO info;

        filetoken_assert_rv(C_GetTokenInfo(slots[i], &info), CKR_OK);
        if ((info.flags & CKF_TOKEN_INITIALIZED) == 0 || memcmp(info.label, "second ", 7) != 0)
            continue;
        filetoken_assert_rv(
            C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
        filetoken_assert_rv(create_data(session, "first", new_value, 1), CKR_OK);
    }
    support_shell(NULL, "find '%s' -name '.new-*' -exec touch -d '2 hours ago' {} +", support_path("tokens"));
    filetoken_init("DevID file slot", "third");
    assert_no_leftovers(support_path("tokens"), "^.new-");
}

/* What the next process finds, and that it works. */
static void assert_whole(const struct row *row)
{
    CK_SESSION_HANDLE session;

    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("disk");
    assert_value(session, "old", OLD_VALUE, row->data == MAY_CHANGE, row->data == MAY_GO);
    assert_value(session, "copy", OLD_VALUE, false, true);
    assert_value(session, "new", NULL, true, true);
    assert_pair(session, "P-256", row->pair == MAY_GO);
    filetoken_assert_rv(create_data(session, "later", new_value, sizeof new_value), CKR_OK);
    assert_value(session, "later", NULL, true, false);
    assert_no_leftovers(support_path("tokens/disk"), "\\.tmp$");
    if (row->run == init_token)
        assert_second_token();
    filetoken_down();
}
START_TEST(a_process_may_be_killed_at_each_step)
{
    const struct row *row = &rows[_i];
    unsigned at = 1;
    CK_RV rv;

    make(row);
    while (trap_attempt(act, row, at, 0, &rv)) {
        ck_assert_msg(rv == CKR_CANCEL, "%s was not killed at step %u", row->name, at);
        assert_whole(row);
        ck_assert_uint_lt(++at, TRAP_STEPS_MAXIMUM);
    }
    ck_assert_msg(rv == CKR_OK, "%s is 0x%lx", row->name, rv);
    ck_assert_msg(at > 3, "%s has %u steps", row->name, at - 1);
}
END_TEST

START_TEST(the_disk_may_be_full_from_each_step_on)
{
    const struct row *row = &rows[_i];
    unsigned at = 1;
    CK_RV rv;

    make(row);
    while (trap_attempt(act, row, at, ENOSPC, &rv)) {
        ck_assert_msg(rv == CKR_DEVICE_MEMORY, "%s, step %u: 0x%lx", row->name, at, rv);
        assert_whole(row);
        ck_assert_uint_lt(++at, TRAP_STEPS_MAXIMUM);
    }
    ck_assert_msg(rv == CKR_OK, "%s is 0x%lx", row->name, rv);
    ck_assert_msg(at > 3, "%s has %u steps", row->name, at - 1);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("crash");
    TCase *t = tcase_create("crash");

    for (size_t i = 0; i < sizeof new_value; i++)
        new_value[i] = (CK_BYTE)('a' + i % 26);
    support_directory();
    tcase_add_loop_test(t, a_process_may_be_killed_at_each_step, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_loop_test(t, the_disk_may_be_full_from_each_step_on, 0, (int)(sizeof rows / sizeof rows[0]));
    suite_add_tcase(s, t);
    return s;
}
