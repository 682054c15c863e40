/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE public, private;

static void make(void)
{
    test_module_make(TEST_EC);
}

static void up(void)
{
    test_module_up();
    session = test_session();
    public = test_find(session, CKO_PUBLIC_KEY, "ec");
    private = test_find(session, CKO_PRIVATE_KEY, "ec");
}

static CK_ATTRIBUTE text(CK_ATTRIBUTE_TYPE type, const char *value)
{
    return (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, strlen(value)};
}

static CK_RV set_text(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const char *value)
{
    CK_ATTRIBUTE item = text(type, value);

    return C_SetAttributeValue(session, object, &item, 1);
}

static CK_RV set_flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_BBOOL value)
{
    CK_ATTRIBUTE item = {type, &value, sizeof value};

    return C_SetAttributeValue(session, object, &item, 1);
}

static void restart(void)
{
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
}

static bool file_has(const char *name, const char *line)
{
    char *content = support_read(test_token_file(name), NULL);
    bool has = strstr(content, line) != NULL;

    free(content);
    return has;
}

/* --- changes of token objects
 * ------------------------------------------------------------------------------------ */

START_TEST(each_half_of_a_pair_is_called_by_itself)
{
    ck_assert_rv(set_text(private, CKA_LABEL, "secret half"), CKR_OK);
    ck_assert(test_attribute_is(session, private, CKA_LABEL, "secret half", 11));
    ck_assert(test_attribute_is(session, public, CKA_LABEL, "ec", 2));
    ck_assert_rv(set_text(public, CKA_ID, "\x01\x02"), CKR_OK);
    ck_assert_rv(set_text(private, CKA_ID, ""), CKR_OK);
    restart();
    private = test_find(session, CKO_PRIVATE_KEY, "secret half");
    public = test_find(session, CKO_PUBLIC_KEY, "ec");
    ck_assert_uint_ne(private, 0);
    ck_assert_uint_ne(public, 0);
    ck_assert(test_attribute_is(session, public, CKA_ID, "\x01\x02", 2));
    ck_assert(test_attribute_is(session, private, CKA_ID, "", 0));
    ck_assert_uint_eq(test_token_files(), 1);
}
END_TEST

START_TEST(a_change_costs_no_command_and_the_key_stays_loaded)
{
    ck_assert_rv(test_sign(session, private), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(set_text(private, CKA_LABEL, "new"), CKR_OK);
    ck_assert_rv(set_text(public, CKA_LABEL, "new"), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 1);
}
END_TEST

START_TEST(what_others_wrote_into_the_file_stays)
{
    char *old = support_read(test_token_file("ec.pem"), NULL);
    char *content;
    FILE *file = fopen(test_token_file("ec.pem"), "w");

    fprintf(file, "# by hand\nOwner: me\r\n%sAfter: the block\n", old);
    fclose(file);
    ck_assert_rv(set_text(private, CKA_LABEL, "a -- b\n%"), CKR_OK);
    content = support_read(test_token_file("ec.pem"), NULL);
    ck_assert_ptr_nonnull(strstr(content, "# by hand\nOwner: me\r\n"));
    ck_assert_ptr_nonnull(strstr(content, "\nLabel: a -%2D b%0A%25\n"));
    ck_assert_ptr_nonnull(strstr(content, "-----END TSS2 PRIVATE KEY-----\nAfter: the block\n"));
    ck_assert_ptr_null(strstr(content, "\nLabel: ec\n"));
    ck_assert_ptr_nonnull(strstr(content, strstr(old, "-----BEGIN")));
    free(content);
    free(old);
    restart();
    ck_assert_uint_ne(test_find(session, CKO_PRIVATE_KEY, "a -- b\n%"), 0);
}
END_TEST

START_TEST(the_files_mode_stays)
{
    struct stat status;

    ck_assert_int_eq(chmod(test_token_file("ec.pem"), 0640), 0);
    ck_assert_rv(set_text(private, CKA_LABEL, "x"), CKR_OK);
    ck_assert_int_eq(stat(test_token_file("ec.pem"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640);
}
END_TEST

START_TEST(uses_can_be_taken_away_and_given_back)
{
    ck_assert_rv(set_flag(private, CKA_SIGN, CK_FALSE), CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_KEY_FUNCTION_NOT_PERMITTED);
    restart();
    private = test_find(session, CKO_PRIVATE_KEY, "ec");
    ck_assert_rv(test_sign(session, private), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_rv(set_flag(private, CKA_SIGN, CK_TRUE), CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_OK);
}
END_TEST

START_TEST(what_is_not_the_callers_to_change)
{
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        const char *value;
        CK_ULONG size;
        CK_RV rv;
    } rows[] = {
        {CKA_CLASS,          "\3\0\0\0\0\0\0\0", 8, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_KEY_TYPE,       "\0\0\0\0\0\0\0\0", 8, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_TOKEN,          "\0",               1, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_PRIVATE,        "\0",               1, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_SENSITIVE,      "\0",               1, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_EXTRACTABLE,    "\1",               1, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_LOCAL,          "\0",               1, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_MODIFIABLE,     "\0",               1, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_EC_POINT,       "x",                1, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_VALUE,          "x",                1, CKR_ATTRIBUTE_READ_ONLY    },
        {CKA_SIGN,           "\2",               1, CKR_ATTRIBUTE_VALUE_INVALID},
        {CKA_SIGN,           "\1\1",             2, CKR_ATTRIBUTE_VALUE_INVALID},
        {CKA_START_DATE,     "2026",             4, CKR_ATTRIBUTE_VALUE_INVALID},
        {CKA_LABEL,          NULL,               3, CKR_ATTRIBUTE_VALUE_INVALID},
        {CKA_MODULUS,        "x",                1, CKR_ATTRIBUTE_TYPE_INVALID },
        {CKA_VENDOR_DEFINED, "x",                1, CKR_ATTRIBUTE_TYPE_INVALID },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_ATTRIBUTE items[] = {
            text(CKA_LABEL, "half way"),
            {rows[i].type, (void *)(uintptr_t)rows[i].value, rows[i].size},
        };
        CK_ATTRIBUTE alone = items[1];

        ck_assert_rv(C_SetAttributeValue(session, private, &alone, 1), rows[i].rv);
        if (rows[i].type != CKA_LABEL)
            ck_assert_rv(C_SetAttributeValue(session, private, items, 2), rows[i].rv);
        ck_assert(test_attribute_is(session, private, CKA_LABEL, "ec", 2));
    }
}
END_TEST

START_TEST(one_way_attributes)
{
    ck_assert_rv(set_flag(private, CKA_COPYABLE, CK_FALSE), CKR_OK);
    ck_assert_rv(set_flag(private, CKA_COPYABLE, CK_TRUE), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_rv(set_flag(private, CKA_WRAP_WITH_TRUSTED, CK_TRUE), CKR_OK);
    ck_assert_rv(set_flag(private, CKA_WRAP_WITH_TRUSTED, CK_FALSE), CKR_ATTRIBUTE_READ_ONLY);
    restart();
    private = test_find(session, CKO_PRIVATE_KEY, "ec");
    ck_assert_rv(set_flag(private, CKA_COPYABLE, CK_TRUE), CKR_ATTRIBUTE_READ_ONLY);
}
END_TEST

START_TEST(bad_arguments_and_sessions)
{
    CK_ATTRIBUTE items[] = {text(CKA_LABEL, "a"), text(CKA_LABEL, "b")};
    CK_SESSION_HANDLE reader = test_session_with(CKF_SERIAL_SESSION);

    ck_assert_rv(C_SetAttributeValue(session, private, NULL, 1), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_SetAttributeValue(session, 9999, items, 1), CKR_OBJECT_HANDLE_INVALID);
    ck_assert_rv(C_SetAttributeValue(reader, private, items, 1), CKR_SESSION_READ_ONLY);
    ck_assert_rv(C_SetAttributeValue(session + 9, private, items, 1), CKR_SESSION_HANDLE_INVALID);
    ck_assert_rv(C_SetAttributeValue(session, private, items, 2), CKR_TEMPLATE_INCONSISTENT);
    ck_assert(test_attribute_is(session, private, CKA_LABEL, "ec", 2));
}
END_TEST

START_TEST(a_read_only_directory_refuses_and_nothing_changes)
{
    if (geteuid() == 0)
        return; /* nothing is read-only to root */
    ck_assert_int_eq(chmod(support_path("tokens/device"), 0500), 0);
    ck_assert_rv(set_text(private, CKA_LABEL, "x"), CKR_TOKEN_WRITE_PROTECTED);
    ck_assert(test_attribute_is(session, private, CKA_LABEL, "ec", 2));
}
END_TEST

/* --- other writers
 * ------------------------------------------------------------------------------------------------ */

static void others_set_label(const char *label)
{
    ck_assert_int_eq(support_shell(NULL, "cd %s && sed -i 's/^Label: .*/Label: %s/' ec.pem",
                                   support_path("tokens/device"), label),
                     0);
}

START_TEST(handles_outlive_what_other_processes_change)
{
    others_set_label("theirs");
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "theirs"), private);
    ck_assert_uint_eq(test_find(session, CKO_PUBLIC_KEY, "theirs"), public);
    ck_assert_rv(test_sign(session, private), CKR_OK);
}
END_TEST

START_TEST(a_change_goes_on_top_of_what_others_changed)
{
    others_set_label("theirs");
    ck_assert_rv(set_text(private, CKA_ID, "ours"), CKR_OK);
    ck_assert(file_has("ec.pem", "Label: theirs\n"));
    ck_assert(file_has("ec.pem", "ID: 6f757273\n"));
    ck_assert(test_attribute_is(session, private, CKA_LABEL, "theirs", 6));
    ck_assert(test_attribute_is(session, private, CKA_ID, "ours", 4));
}
END_TEST

START_TEST(an_object_that_others_removed_cannot_be_changed)
{
    ck_assert_int_eq(unlink(test_token_file("ec.pem")), 0);
    ck_assert_rv(set_text(private, CKA_LABEL, "x"), CKR_OBJECT_HANDLE_INVALID);
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
    ck_assert_rv(set_text(private, CKA_LABEL, "x"), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

/* --- files with several blocks
 * --------------------------------------------------------------------------------- */

static void make_chain(void)
{
    ck_assert_int_eq(
        support_shell(NULL,
                      "cd %s && for n in one two three; do openssl req -x509 -newkey ec -pkeyopt "
                      "ec_paramgen_curve:P-256 -nodes -subj /CN=$n -keyout /dev/null -out $n 2>/dev/null && "
                      "echo \"Label: $n\" && cat $n; done >tokens/device/chain.crt.pem",
                      support_directory()),
        0);
}

START_TEST(one_certificate_of_a_chain_is_changed)
{
    CK_OBJECT_HANDLE two;

    make_chain();
    two = test_find(session, CKO_CERTIFICATE, "two");
    ck_assert_uint_ne(two, 0);
    ck_assert_rv(set_text(two, CKA_LABEL, "second"), CKR_OK);
    restart();
    ck_assert_uint_ne(test_find(session, CKO_CERTIFICATE, "one"), 0);
    ck_assert_uint_eq(test_find(session, CKO_CERTIFICATE, "two"), 0);
    ck_assert_uint_ne(test_find(session, CKO_CERTIFICATE, "second"), 0);
    ck_assert_uint_ne(test_find(session, CKO_CERTIFICATE, "three"), 0);
}
END_TEST

START_TEST(one_certificate_of_a_chain_is_destroyed)
{
    static const char *const names[] = {"two", "one", "three"};
    CK_OBJECT_HANDLE three;

    make_chain();
    three = test_find(session, CKO_CERTIFICATE, "three");
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(access(test_token_file("chain.crt.pem"), F_OK), 0);
        ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_CERTIFICATE, names[i])), CKR_OK);
        ck_assert_uint_eq(test_find(session, CKO_CERTIFICATE, names[i]), 0);
        if (i < 2)
            ck_assert_uint_eq(test_find(session, CKO_CERTIFICATE, "three"), three);
    }
    ck_assert_int_ne(access(test_token_file("chain.crt.pem"), F_OK), 0);
}
END_TEST

START_TEST(what_a_certificate_says_cannot_be_changed)
{
    CK_OBJECT_HANDLE one;

    make_chain();
    one = test_find(session, CKO_CERTIFICATE, "one");
    ck_assert_rv(set_text(one, CKA_ISSUER, "x"), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_rv(set_text(one, CKA_SERIAL_NUMBER, "x"), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_rv(set_text(one, CKA_START_DATE, "20010101"), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_rv(set_text(one, CKA_SUBJECT, "x"), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_rv(set_text(one, CKA_VALUE, "x"), CKR_ATTRIBUTE_READ_ONLY);
}
END_TEST

/* --- session objects, copies, sizes
 * ------------------------------------------------------------------------------ */

START_TEST(session_objects_change_in_memory)
{
    CK_SESSION_HANDLE reader = test_session_with(CKF_SERIAL_SESSION);
    CK_ATTRIBUTE item = text(CKA_LABEL, "renamed");

    ck_assert_rv(test_generate_ec(reader, "P-256", "temporary", false, &public, &private), CKR_OK);
    ck_assert_rv(C_SetAttributeValue(reader, private, &item, 1), CKR_OK);
    ck_assert(test_attribute_is(session, private, CKA_LABEL, "renamed", 7));
    ck_assert(test_attribute_is(session, public, CKA_LABEL, "temporary", 9));
    ck_assert_rv(test_sign(reader, private), CKR_OK);
    ck_assert_uint_eq(test_token_files(), 1);
    ck_assert_rv(C_CloseSession(reader), CKR_OK);
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "renamed"), 0);
}
END_TEST

START_TEST(an_unmodifiable_object_stays)
{
    CK_ATTRIBUTE items[] = {
        {CKA_MODIFIABLE, &test_no, sizeof test_no},
        {CKA_TOKEN,      &test_no, sizeof test_no},
    };
    CK_OBJECT_HANDLE copy;

    ck_assert_rv(C_CopyObject(session, public, items, 2, &copy), CKR_OK);
    ck_assert_rv(set_text(copy, CKA_LABEL, "x"), CKR_ACTION_PROHIBITED);
}
END_TEST

/* Java's key store makes keys in the session, and copies those that it is given into the token. */
START_TEST(a_private_key_is_copied_between_session_and_token)
{
    CK_ATTRIBUTE items[] = {
        {CKA_TOKEN, &test_yes, sizeof test_yes},
        text(CKA_LABEL, "kept"),
        text(CKA_ID, "kept too"),
    };
    CK_SESSION_HANDLE reader = test_session_with(CKF_SERIAL_SESSION);
    size_t files = test_token_files();
    CK_OBJECT_HANDLE halves[2];
    CK_OBJECT_HANDLE copy = 0;
    CK_OBJECT_HANDLE other = 0;

    ck_assert_rv(test_generate_ec(session, "P-256", "loose", false, &halves[0], &halves[1]), CKR_OK);
    ck_assert_rv(C_CopyObject(reader, halves[1], items, 3, &copy), CKR_SESSION_READ_ONLY);
    ck_assert_rv(C_CopyObject(session, halves[1], items, 3, &copy), CKR_OK);
    ck_assert_uint_eq(test_token_files(), files + 1);
    ck_assert_rv(test_sign(session, copy), CKR_OK);
    ck_assert(test_attribute_is(session, copy, CKA_LOCAL, "\1", 1));
    ck_assert(test_attribute_is(session, copy, CKA_NEVER_EXTRACTABLE, "\1", 1));
    ck_assert_rv(C_CopyObject(session, private, &items[1], 1, &other),
                 CKR_OK); /* of the token, into the token */
    ck_assert_rv(C_DestroyObject(session, private), CKR_OK);
    ck_assert_rv(test_sign(session, other), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, other), CKR_OK);
    restart();
    copy = test_find(session, CKO_PRIVATE_KEY, "kept");
    ck_assert(test_attribute_is(session, copy, CKA_ID, "kept too", 8));
    ck_assert_rv(test_sign(session, copy), CKR_OK);
}
END_TEST

START_TEST(a_private_key_is_copied_into_the_session)
{
    CK_ATTRIBUTE items[] = {
        {CKA_TOKEN, &test_no, sizeof test_no},
        text(CKA_LABEL, "copy"),
    };
    CK_OBJECT_HANDLE copy = 0;

    ck_assert_rv(C_CopyObject(session, private, items, 2, &copy), CKR_OK);
    ck_assert(test_attribute_is(session, copy, CKA_TOKEN, "\0", 1));
    ck_assert_rv(test_sign(session, copy), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, copy), CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_rv(set_flag(private, CKA_COPYABLE, CK_FALSE), CKR_OK);
    ck_assert_rv(C_CopyObject(session, private, items, 2, &copy), CKR_ACTION_PROHIBITED);
}
END_TEST

START_TEST(a_public_key_is_copied_between_session_and_token)
{
    CK_ATTRIBUTE items[] = {
        text(CKA_LABEL, "copy"), {CKA_VERIFY, &test_no, sizeof test_no}
    };
    CK_SESSION_HANDLE reader = test_session_with(CKF_SERIAL_SESSION);
    CK_OBJECT_HANDLE copy = 0;

    ck_assert_rv(C_CopyObject(reader, public, items, 2, &copy), CKR_SESSION_READ_ONLY);
    ck_assert_rv(C_CopyObject(session, public, items, 2, &copy), CKR_OK);
    ck_assert(file_has("copy.pub.pem", "-----BEGIN PUBLIC KEY-----"));
    restart();
    copy = test_find(session, CKO_PUBLIC_KEY, "copy");
    ck_assert_uint_ne(copy, 0);
    ck_assert(test_attribute_is(session, copy, CKA_VERIFY, "\0", 1));
    ck_assert_rv(C_DestroyObject(session, copy), CKR_OK);
    ck_assert_uint_ne(test_find(session, CKO_PRIVATE_KEY, "ec"), 0);
}
END_TEST

START_TEST(a_copy_cannot_be_what_the_object_is_not)
{
    CK_ATTRIBUTE cases[] = {
        text(CKA_EC_POINT, "x"),
        {CKA_LOCAL,   &test_no, sizeof test_no},
        {CKA_MODULUS, &test_no, sizeof test_no},
    };
    CK_OBJECT_HANDLE copy = 0;

    ck_assert_rv(C_CopyObject(session, public, &cases[0], 1, &copy), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_rv(C_CopyObject(session, public, &cases[1], 1, &copy), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_rv(C_CopyObject(session, public, &cases[2], 1, &copy), CKR_ATTRIBUTE_TYPE_INVALID);
    ck_assert_rv(C_CopyObject(session, public, NULL, 1, &copy), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_CopyObject(session, public, NULL, 0, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_CopyObject(session, 9999, NULL, 0, &copy), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

START_TEST(a_longer_label_makes_a_larger_object)
{
    CK_ULONG before = 0, after = 0;

    ck_assert_rv(C_GetObjectSize(session, private, &before), CKR_OK);
    ck_assert_rv(set_text(private, CKA_LABEL, "ec and ten"), CKR_OK);
    ck_assert_rv(C_GetObjectSize(session, private, &after), CKR_OK);
    ck_assert_uint_eq(after, before + 8);
    ck_assert_rv(C_GetObjectSize(session, private, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GetObjectSize(session, 9999, &after), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("modify");
    TCase *token = tcase_create("token");

    tcase_set_timeout(token, 60);
    tcase_add_unchecked_fixture(token, make, NULL);
    tcase_add_checked_fixture(token, up, test_module_down);
    tcase_add_test(token, each_half_of_a_pair_is_called_by_itself);
    tcase_add_test(token, a_change_costs_no_command_and_the_key_stays_loaded);
    tcase_add_test(token, what_others_wrote_into_the_file_stays);
    tcase_add_test(token, the_files_mode_stays);
    tcase_add_test(token, uses_can_be_taken_away_and_given_back);
    tcase_add_test(token, what_is_not_the_callers_to_change);
    tcase_add_test(token, one_way_attributes);
    tcase_add_test(token, bad_arguments_and_sessions);
    tcase_add_test(token, a_read_only_directory_refuses_and_nothing_changes);
    tcase_add_test(token, handles_outlive_what_other_processes_change);
    tcase_add_test(token, a_change_goes_on_top_of_what_others_changed);
    tcase_add_test(token, an_object_that_others_removed_cannot_be_changed);
    tcase_add_test(token, one_certificate_of_a_chain_is_changed);
    tcase_add_test(token, one_certificate_of_a_chain_is_destroyed);
    tcase_add_test(token, what_a_certificate_says_cannot_be_changed);
    tcase_add_test(token, session_objects_change_in_memory);
    tcase_add_test(token, an_unmodifiable_object_stays);
    tcase_add_test(token, a_private_key_is_copied_between_session_and_token);
    tcase_add_test(token, a_private_key_is_copied_into_the_session);
    tcase_add_test(token, a_public_key_is_copied_between_session_and_token);
    tcase_add_test(token, a_copy_cannot_be_what_the_object_is_not);
    tcase_add_test(token, a_longer_label_makes_a_larger_object);
    suite_add_tcase(suite, token);
    return suite;
}
