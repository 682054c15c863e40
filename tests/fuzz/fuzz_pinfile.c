/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a pin.pem, of either kind: what is read is written and read again alike, and asks for bounded
 * work. */
#include "pkcs11/pinfile.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

const char fuzz_seeds[] = "pinfile";

static void check_same(const struct pinfile *a, const struct pinfile *b)
{
    for (size_t i = 0; i < 2; i++) {
        const struct pin_seal *x = &a->of[i];
        const struct pin_seal *y = &b->of[i];

        if (!bytes_equal(x->block.data, x->block.size, y->block.data, y->block.size))
            abort();
        if (x->block.size != 0 && (x->iterations != y->iterations || x->cost != y->cost ||
                                   x->block_size != y->block_size || x->parallel != y->parallel ||
                                   !bytes_equal(x->salt.data, x->salt.size, y->salt.data, y->salt.size)))
            abort();
    }
}

static void check_bounds(const struct pinfile *pins)
{
    for (size_t i = 0; i < 2; i++)
        if ((unsigned long long)pins->of[i].cost * pins->of[i].block_size > 2097152 ||
            (unsigned long long)pins->of[i].cost * pins->of[i].block_size * pins->of[i].parallel > 4194304)
            abort();
}

static void run(enum pin_form form, const char *text, size_t size)
{
    struct pinfile pins;
    struct pinfile again;
    struct buffer written;

    if (!pinfile_parse(form, text, size, &pins))
        return;
    check_bounds(&pins);
    buffer_init(&written, 1 << 20);
    if (pinfile_write(&pins, &written) != CKR_OK ||
        !pinfile_parse(form, buffer_text(&written), written.size, &again))
        abort();
    check_same(&pins, &again);
    pinfile_free(&again);
    pinfile_free(&pins);
    buffer_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(PIN_FORM_TPM, (const char *)data, size);
    run(PIN_FORM_FILE, (const char *)data, size);
    return 0;
}
