/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/terminal.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <string.h>
#include <unistd.h>

enum { PIN_MAXIMUM = 1024 };

/* Without one libcrypto would read standard input, which is the program's; and a job in the background that
 * reads the terminal is stopped. */
static bool has_terminal(void)
{
    int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool has = terminal >= 0 && tcgetpgrp(terminal) == getpgrp();

    if (terminal >= 0)
        close(terminal);
    return has;
}

static bool process(UI *ui, const char *prompt, char *answer)
{
    return UI_add_input_string(ui, prompt, 0, answer, 1, PIN_MAXIMUM - 1) >= 0 && UI_process(ui) == 0;
}

bool prov_terminal_ask(const char *what, struct bytes *pin)
{
    char answer[PIN_MAXIMUM] = "";
    char *prompt;
    UI *ui;
    bool ok;

    if (!has_terminal())
        return false;
    ERR_set_mark();
    ui = UI_new_method(UI_OpenSSL());
    prompt = ui != NULL ? UI_construct_prompt(ui, "PIN", what) : NULL;
    ok = prompt != NULL && process(ui, prompt, answer) && bytes_copy(pin, answer, strlen(answer));
    OPENSSL_free(prompt);
    UI_free(ui);
    ERR_pop_to_mark();
    bytes_wipe(answer, sizeof answer);
    return ok;
}
