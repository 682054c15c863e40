/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY "pkcs11:token=dev;object=ec;type=private"
#define FUSSY "pkcs11:token=dev;object=fussy;type=private"

/* In a process of its own, whose terminal the parent holds the other end of (-1: it has none): loads the key,
 * and signs `signatures` times with it. Its end is told by its status. */
static pid_t start_at_terminal(const char *uri, int signatures, int *terminal)
{
    pid_t child = terminal != NULL ? forkpty(terminal, NULL, NULL, NULL) : fork();
    OSSL_LIB_CTX *context;
    EVP_PKEY *key;

    ck_assert_int_ge(child, 0);
    if (child != 0)
        return child;
    if (terminal == NULL)
        setsid();
    context = test_context(DEFAULT_FIRST);
    key = test_load_key(context, uri);
    for (int i = 0; key != NULL && i < signatures; i++) {
        if (!test_key_signs(context, key))
            _exit(2);
    }
    _exit(key == NULL);
}

static int end_of(pid_t child)
{
    int status = 0;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Answers each prompt; everything that the terminal showed comes back. */
static size_t answer_prompts(int terminal, const char *prompt, char *shown, size_t room)
{
    size_t answered = 0;
    size_t size = 0;
    size_t seen = 0;

    for (;;) {
        ssize_t got = read(terminal, shown + size, room - 1 - size);
        char *found;

        if (got <= 0) /* EIO: the other end was closed */
            return answered;
        size += (size_t)got;
        shown[size] = '\0';
        found = strstr(shown + seen, prompt);
        if (found == NULL)
            continue;
        seen = (size_t)(found - shown) + strlen(prompt);
        answered++;
        ck_assert_int_eq(write(terminal, "1234\n", 5), 5);
    }
}

START_TEST(a_terminal_is_asked_only_if_that_was_configured)
{
    static const struct {
        const char *prompt; /* the option; NULL: not set */
        const char *cache;
        const char *uri;
        int signatures;
        size_t prompts;
        int end;
    } rows[] = {
        {NULL,       "cache", KEY,   1, 0, 1},
        {"never",    "cache", KEY,   1, 0, 1},
        {"terminal", "cache", KEY,   2, 1, 0},
        {"terminal", "cache", FUSSY, 3, 1, 0},
        {"terminal", "never", FUSSY, 3, 4, 0}, /* one for each use */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char shown[4096] = "";
        int terminal;
        pid_t child;

        unsetenv("DEVID_PKCS11_PIN_PROMPT");
        if (rows[i].prompt != NULL)
            setenv("DEVID_PKCS11_PIN_PROMPT", rows[i].prompt, 1);
        setenv("DEVID_PKCS11_CACHE_PINS", rows[i].cache, 1);
        child = start_at_terminal(rows[i].uri, rows[i].signatures, &terminal);
        ck_assert_uint_eq(answer_prompts(terminal, " - dev):", shown, sizeof shown), rows[i].prompts);
        ck_assert_msg(end_of(child) == rows[i].end, "row %zu: %s", i, shown);
        ck_assert((strstr(shown, "Enter PIN for PKCS#11 Token (Slot ") != NULL) == (rows[i].prompts > 0));
        close(terminal);
    }
}
END_TEST

/* libcrypto would read standard input instead, which is the program's. */
START_TEST(without_a_terminal_nobody_is_asked)
{
    int input[2];
    char left[8];

    ck_assert_int_eq(pipe(input), 0);
    ck_assert_int_eq(write(input[1], "1234\n", 5), 5);
    ck_assert_int_eq(dup2(input[0], STDIN_FILENO), STDIN_FILENO);
    setenv("DEVID_PKCS11_PIN_PROMPT", "terminal", 1);
    ck_assert_int_eq(end_of(start_at_terminal(KEY, 0, NULL)), 1);
    ck_assert_int_eq(read(input[0], left, sizeof left), 5);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("terminal");
    TCase *t = tcase_create("terminal");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, test_spy_reset, NULL);
    tcase_add_test(t, a_terminal_is_asked_only_if_that_was_configured);
    tcase_add_test(t, without_a_terminal_nobody_is_asked);
    suite_add_tcase(s, t);
    return s;
}
