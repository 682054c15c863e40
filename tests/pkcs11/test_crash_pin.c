/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process is killed at each step of a change of a token with PINs, or the disk is full from there on: each
 * PIN is the old one or the new one, a token that is initialised anew is the old one or an empty one, and the
 * keys that the token's secret locks open. What a PIN costs is no matter here, so it is little (pin-cost).
 */
#include "tests/support/filetoken.h"
#include "tests/support/trap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LABEL "guarded"
#define SECRET "secret"
#define NO_USER ((CK_USER_TYPE)-1)

static CK_UTF8CHAR so_pin[] = "the SO's";
static CK_UTF8CHAR user_pin[] = "1234";
static CK_UTF8CHAR new_pin[] = "another";

#define PIN(text) text, sizeof text - 1

static CK_SESSION_HANDLE open_session(void)
{
    CK_SESSION_HANDLE session;

    filetoken_assert_rv(
        C_OpenSession(filetoken_slot(LABEL), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
        CKR_OK);
    return session;
}

static CK_RV init_token(void)
{
    CK_UTF8CHAR field[32];

    memset(field, ' ', sizeof field);
    memcpy(field, LABEL, strlen(LABEL));
    return C_InitToken(filetoken_slot(LABEL), PIN(so_pin), field);
}

static CK_RV generate(CK_SESSION_HANDLE session, const char *kind)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    return filetoken_generate(session, kind, true, NULL, 0, &public, &private);
}

/* --- what is done
 * --------------------------------------------------------------------------------------------- */

static CK_RV set_user_pin(CK_SESSION_HANDLE session)
{
    return C_SetPIN(session, PIN(user_pin), PIN(new_pin));
}

static CK_RV set_so_pin(CK_SESSION_HANDLE session)
{
    return C_SetPIN(session, PIN(so_pin), PIN(new_pin));
}

static CK_RV init_pin(CK_SESSION_HANDLE session)
{
    return C_InitPIN(session, PIN(new_pin));
}

static CK_RV generate_pair(CK_SESSION_HANDLE session)
{
    return generate(session, "P-384");
}

static CK_BBOOL yes = CK_TRUE;
static CK_BYTE given[24] = "a key from somewhere";

static CK_RV generate_key(CK_SESSION_HANDLE session)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ULONG size = 24;
    CK_ATTRIBUTE items[] = {
        {CKA_TOKEN,     &yes,                      sizeof yes    },
        {CKA_LABEL,     (void *)(uintptr_t)SECRET, strlen(SECRET)},
        {CKA_VALUE_LEN, &size,                     sizeof size   },
    };
    CK_OBJECT_HANDLE key;

    return C_GenerateKey(session, &mechanism, items, 3, &key);
}

static CK_RV create_key(CK_SESSION_HANDLE session)
{
    CK_ATTRIBUTE items[] = {
        {CKA_TOKEN, &yes,                      sizeof yes    },
        {CKA_LABEL, (void *)(uintptr_t)SECRET, strlen(SECRET)},
    };
    CK_OBJECT_HANDLE key;

    return filetoken_secret(session, CKK_AES, given, sizeof given, items, 2, &key);
}

static CK_RV renew(CK_SESSION_HANDLE session)
{
    filetoken_assert_rv(C_CloseSession(session), CKR_OK);
    return init_token();
}

static const struct row {
    const char *name;
    CK_RV (*run)(CK_SESSION_HANDLE session);
    CK_USER_TYPE login; /* who is logged in */
    bool so;            /* what may become new: the SO's PIN, */
    bool user;          /* the user's PIN, */
    bool pair;          /* the pair "P-384", */
    bool secret;        /* the AES key "secret", */
    bool token;         /* the token, which is empty then */
} rows[] = {
    {"C_SetPIN of the user", set_user_pin,  CKU_USER, .user = true  },
    {"C_SetPIN of the SO",   set_so_pin,    CKU_SO,   .so = true    },
    {"C_InitPIN",            init_pin,      CKU_SO,   .user = true  },
    {"C_GenerateKeyPair",    generate_pair, CKU_USER, .pair = true  },
    {"C_GenerateKey",        generate_key,  CKU_USER, .secret = true},
    {"C_CreateObject",       create_key,    CKU_USER, .secret = true},
    {"C_InitToken, anew",    renew,         NO_USER,  .token = true },
};

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user)
{
    return user == CKU_SO ? C_Login(session, user, PIN(so_pin)) : C_Login(session, user, PIN(user_pin));
}

/* A token with both PINs and a pair "P-256", kept. */
static void make(void)
{
    CK_UTF8CHAR field[32] = "guarded                         ";
    CK_SESSION_HANDLE session;

    filetoken_up();
    filetoken_init("DevID file slot", LABEL);
    ck_assert_int_eq(
        support_shell(NULL, "echo 'pin-cost = 1024' >> '%s'/%s/token.conf", support_path("tokens"), LABEL),
        0);
    filetoken_assert_rv(C_InitToken(filetoken_slot(LABEL), PIN(so_pin), field), CKR_OK);
    session = open_session();
    filetoken_assert_rv(login(session, CKU_SO), CKR_OK);
    filetoken_assert_rv(C_InitPIN(session, PIN(user_pin)), CKR_OK);
    filetoken_assert_rv(C_Logout(session), CKR_OK);
    filetoken_assert_rv(login(session, CKU_USER), CKR_OK);
    filetoken_assert_rv(generate(session, "P-256"), CKR_OK);
    filetoken_down();
    ck_assert_int_eq(support_shell(NULL, "test $(grep -c '^Cost: 1024$' '%s'/%s/pin.pem) = 2",
                                   support_path("tokens"), LABEL),
                     0);
    trap_keep();
}

/* A trap_victim. */
static CK_RV act(const void *data)
{
    const struct row *row = data;
    CK_SESSION_HANDLE session;
    CK_RV rv;

    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = open_session();
    if (row->login != NO_USER)
        filetoken_assert_rv(login(session, row->login), CKR_OK);
    filetoken_find(session, CKO_PUBLIC_KEY, "P-256");
    trap_arm();
    rv = row->run(session);
    trap_disarm();
    return rv;
}

/* --- what the next process finds
 * ------------------------------------------------------------------------------ */

/* Logs in; true: with the new PIN. */
static bool login_with_either(CK_SESSION_HANDLE session, CK_USER_TYPE user, bool may_be_new, bool must_be_new)
{
    CK_RV rv = login(session, user);

    ck_assert_msg(rv == CKR_OK || (may_be_new && rv == CKR_PIN_INCORRECT), "user %lu: the PIN is 0x%lx: %s",
                  user, rv, p11_failure_text());
    ck_assert_msg(rv != CKR_OK || !must_be_new, "user %lu: the PIN is still the old one", user);
    if (rv == CKR_OK)
        return false;
    filetoken_assert_rv(C_Login(session, user, PIN(new_pin)), CKR_OK);
    return true;
}

/* Both halves are there and belong together, or neither is. */
static bool assert_pair(CK_SESSION_HANDLE session, const char *label)
{
    CK_OBJECT_HANDLE private = filetoken_find(session, CKO_PRIVATE_KEY, label);
    CK_OBJECT_HANDLE public = filetoken_find(session, CKO_PUBLIC_KEY, label);
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {7};
    CK_BYTE signature[96];
    CK_ULONG size = sizeof signature;

    ck_assert_int_eq(private == CK_INVALID_HANDLE, public == CK_INVALID_HANDLE);
    if (private == CK_INVALID_HANDLE)
        return false;
    filetoken_assert_rv(filetoken_sign(session, &mechanism, private, digest, sizeof digest, signature, &size),
                        CKR_OK);
    filetoken_assert_rv(C_VerifyInit(session, &mechanism, public), CKR_OK);
    filetoken_assert_rv(C_Verify(session, digest, sizeof digest, signature, size), CKR_OK);
    return true;
}

/* An AES key is not there, or it encrypts and decrypts. */
static bool assert_secret(CK_SESSION_HANDLE session, bool is_given)
{
    CK_OBJECT_HANDLE key = filetoken_find(session, CKO_SECRET_KEY, SECRET);
    CK_MECHANISM mechanism = {CKM_AES_ECB, NULL, 0};
    CK_BYTE block[16] = "sixteen bytes";
    CK_BYTE other[16];
    CK_ULONG size = sizeof block;
    CK_OBJECT_HANDLE same;

    if (key == CK_INVALID_HANDLE)
        return false;
    filetoken_assert_rv(C_EncryptInit(session, &mechanism, key), CKR_OK);
    filetoken_assert_rv(C_Encrypt(session, block, sizeof block, other, &size), CKR_OK);
    if (is_given) {
        filetoken_assert_rv(filetoken_secret(session, CKK_AES, given, sizeof given, NULL, 0, &same), CKR_OK);
        key = same;
    }
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, key), CKR_OK);
    filetoken_assert_rv(C_Decrypt(session, other, sizeof other, other, &size), CKR_OK);
    ck_assert_mem_eq(other, block, sizeof block);
    return true;
}

static bool user_has_pin(void)
{
    CK_TOKEN_INFO info;

    filetoken_assert_rv(C_GetTokenInfo(filetoken_slot(LABEL), &info), CKR_OK);
    ck_assert_uint_ne(info.flags & CKF_LOGIN_REQUIRED, 0);
    return (info.flags & CKF_USER_PIN_INITIALIZED) != 0;
}

/* No temporary file stays, and no hidden directory, which another process would remove an hour later. */
static void assert_no_leftovers(void)
{
    char *listing;

    support_shell(NULL, "find '%s' -name '.new-*' -exec touch -d '2 hours ago' {} +", support_path("tokens"));
    filetoken_init("DevID file slot", "third");
    support_shell(&listing, "find '%s' -name '*.tmp' -o -name '.new-*'", support_path("tokens"));
    ck_assert_str_eq(listing, "");
    free(listing);
}

/* `done`: the change was reported as made. */
static void assert_whole(const struct row *row, bool done)
{
    CK_SESSION_HANDLE session;
    bool renewed;

    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    renewed = !user_has_pin();
    ck_assert_msg(row->token || !renewed, "the user's PIN is lost");
    ck_assert_msg(!done || renewed == row->token, "the token is still the old one");
    session = open_session();
    if (row->so || renewed || done) { /* a login takes its time */
        login_with_either(session, CKU_SO, row->so, done && row->so);
        if (renewed)
            filetoken_assert_rv(C_InitPIN(session, PIN(user_pin)), CKR_OK);
        filetoken_assert_rv(C_Logout(session), CKR_OK);
    }
    login_with_either(session, CKU_USER, row->user, done && row->user);
    ck_assert_msg(assert_pair(session, "P-256") == !renewed, "the pair is %s", renewed ? "there" : "lost");
    ck_assert_msg(assert_pair(session, "P-384") == row->pair || (row->pair && !done), "a pair is not right");
    ck_assert_msg(assert_secret(session, row->run == create_key) == row->secret || (row->secret && !done),
                  "a secret key is not right");
    filetoken_assert_rv(generate(session, "ED25519"), CKR_OK);
    ck_assert_uint_ne(filetoken_find(session, CKO_PRIVATE_KEY, "ED25519"), CK_INVALID_HANDLE);
    assert_no_leftovers();
    filetoken_down();
}

/* A PIN that is in place is told to be there, though not that it stays (the last step is to make it durable);
 * no other change is. */
static void attempt_all(const struct row *row, int error, CK_RV wanted)
{
    unsigned in_place = 0;
    unsigned at = 1;
    CK_RV rv;

    make();
    while (trap_attempt(act, row, at, error, &rv)) {
        ck_assert_msg(rv == wanted || rv == CKR_OK, "%s, step %u: 0x%lx", row->name, at, rv);
        in_place += rv == CKR_OK ? 1 : 0;
        assert_whole(row, rv == CKR_OK);
        ck_assert_uint_lt(++at, TRAP_STEPS_MAXIMUM);
    }
    ck_assert_msg(rv == CKR_OK, "%s is 0x%lx", row->name, rv);
    ck_assert_msg(at > 3, "%s has %u steps", row->name, at - 1);
    ck_assert_uint_eq(in_place, error != 0 && (row->so || row->user) ? 1 : 0);
    assert_whole(row, true);
}

START_TEST(a_process_may_be_killed_at_each_step)
{
    attempt_all(&rows[_i], 0, CKR_CANCEL);
}
END_TEST

START_TEST(the_disk_may_be_full_from_each_step_on)
{
    attempt_all(&rows[_i], ENOSPC, CKR_DEVICE_MEMORY);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("crash/pin");
    TCase *t = tcase_create("pin");

    support_directory();
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, a_process_may_be_killed_at_each_step, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_loop_test(t, the_disk_may_be_full_from_each_step_on, 0, (int)(sizeof rows / sizeof rows[0]));
    suite_add_tcase(s, t);
    return s;
}
