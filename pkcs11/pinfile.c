/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pinfile.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/keyfile.h"
#include "pkcs11/soft/pem.h"
#include "pkcs11/soft/tsskey.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAXIMUM 65536
#define LINE_MAXIMUM 200
#define SALT_MAXIMUM 64
#define ITERATIONS_MAXIMUM 100000000
#define SEALED_PEM "DEVID SEALED SECRET"
/* A file can ask for no more than that: 256 MiB, and sixteen times the work of a new PIN. */
#define SCRYPT_MEMORY_MAXIMUM (256UL * 1024 * 1024)
#define SCRYPT_WORK_MAXIMUM (1UL << 22)

static const char *const users[] = {[CKU_SO] = "so", [CKU_USER] = "user"};

#define USERS (sizeof users / sizeof users[0])

void pin_seal_free(struct pin_seal *seal)
{
    bytes_free(&seal->salt);
    bytes_free(&seal->block);
    *seal = (struct pin_seal){0};
}

void pinfile_free(struct pinfile *pins)
{
    for (size_t i = 0; i < USERS; i++)
        pin_seal_free(&pins->of[i]);
}

bool pinfile_exists(const struct store *store)
{
    struct stat status;

    return fstatat(store->directory, PIN_FILE, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- what a KDF is told
 * -------------------------------------------------------------------------------------- */

struct number {
    const char *line;
    size_t offset; /* in struct pin_seal */
    unsigned maximum;
};

static bool pbkdf2_fits(const struct pin_seal *seal)
{
    return seal->iterations != 0;
}

/* Each number is bounded already, so that the products do not overflow. */
static bool scrypt_fits(const struct pin_seal *seal)
{
    unsigned long work = (unsigned long)seal->cost * seal->block_size * seal->parallel;

    return seal->cost > 1 && (seal->cost & (seal->cost - 1)) == 0 && work != 0 &&
           work <= SCRYPT_WORK_MAXIMUM && 128UL * seal->cost * seal->block_size <= SCRYPT_MEMORY_MAXIMUM;
}

#define NUMBERS_MAXIMUM 3

static const struct form {
    const char *pem_label;
    const char *kdf;
    bool (*fits)(const struct pin_seal *seal);
    struct number numbers[NUMBERS_MAXIMUM];
} forms[] = {
    [PIN_FORM_TPM] = {TSS_KEY_PEM,
                      "pbkdf2-sha256", pbkdf2_fits,
                      {{"Iterations", offsetof(struct pin_seal, iterations), ITERATIONS_MAXIMUM}}},
    [PIN_FORM_FILE] = {SEALED_PEM,
                      "scrypt",        scrypt_fits,
                      {{"Cost", offsetof(struct pin_seal, cost), 1U << 22},
                        {"Block-Size", offsetof(struct pin_seal, block_size), 64},
                        {"Parallel", offsetof(struct pin_seal, parallel), 64}}                   },
};

static unsigned *number_of(struct pin_seal *seal, const struct number *number)
{
    return (unsigned *)((char *)seal + number->offset);
}

/* --- reading
 * ------------------------------------------------------------------------------------------------- */

/* What stands above a block. */
struct heading {
    const struct form *form;
    size_t user; /* USERS: not said */
    bool kdf;
    struct pin_seal seal;
};

static bool read_user(const char *value, struct heading *heading)
{
    for (heading->user = 0; heading->user < USERS; heading->user++)
        if (strcmp(users[heading->user], value) == 0)
            return true;
    return false;
}

static bool read_kdf(const char *value, struct heading *heading)
{
    heading->kdf = strcmp(value, heading->form->kdf) == 0;
    return heading->kdf;
}

static bool read_salt(const char *value, struct heading *heading)
{
    bytes_free(&heading->seal.salt);
    return strlen(value) <= (size_t)2 * SALT_MAXIMUM &&
           bytes_from_hex(value, strlen(value), &heading->seal.salt);
}

static bool read_number(const char *value, const struct number *number, struct heading *heading)
{
    char *end;
    unsigned long read = strtoul(value, &end, 10);

    if (*value < '0' || *value > '9' || *end != '\0' || read == 0 || read > number->maximum)
        return false;
    *number_of(&heading->seal, number) = (unsigned)read;
    return true;
}

static const struct {
    const char *name;
    bool (*read)(const char *value, struct heading *heading);
} lines[] = {
    {"User", read_user},
    {"KDF",  read_kdf },
    {"Salt", read_salt},
};

/* Lines of other names are passed over. */
static bool read_line(char *text, struct heading *heading)
{
    char *colon = strstr(text, ": ");

    if (colon == NULL)
        return true;
    *colon = '\0';
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (strcmp(lines[i].name, text) == 0)
            return lines[i].read(colon + 2, heading);
    for (size_t i = 0; i < NUMBERS_MAXIMUM && heading->form->numbers[i].line != NULL; i++)
        if (strcmp(heading->form->numbers[i].line, text) == 0)
            return read_number(colon + 2, &heading->form->numbers[i], heading);
    return true;
}

static bool read_heading(const struct keyfile_block *block, struct heading *heading)
{
    const char *end = block->lines + block->lines_size;

    for (const char *from = block->lines; from < end;) {
        const char *stop = memchr(from, '\n', (size_t)(end - from));
        size_t length = (size_t)((stop != NULL ? stop : end) - from);
        char text[LINE_MAXIMUM];

        if (length >= sizeof text)
            return false;
        memcpy(text, from, length);
        text[length] = '\0';
        text[strcspn(text, "\r")] = '\0';
        if (!read_line(text, heading))
            return false;
        from += length + 1;
    }
    return heading->user < USERS && heading->kdf && heading->seal.salt.size != 0 &&
           heading->form->fits(&heading->seal);
}

static bool read_block(const struct keyfile_block *block, struct pinfile *pins)
{
    struct heading heading = {.form = &forms[pins->form], .user = USERS};

    if (keyfile_is(block, heading.form->pem_label) && read_heading(block, &heading) &&
        pins->of[heading.user].block.size == 0 &&
        soft_pem_decode(block->text, block->text_size, &heading.seal.block) == CKR_OK) {
        pins->of[heading.user] = heading.seal; /* transferred */
        return true;
    }
    pin_seal_free(&heading.seal);
    return false;
}

bool pinfile_parse(enum pin_form form, const char *text, size_t size, struct pinfile *pins)
{
    struct keyfile_block block;
    size_t offset = 0;
    bool good = true;

    *pins = (struct pinfile){.form = form};
    while (good && keyfile_next(text, size, &offset, &block))
        good = read_block(&block, pins);
    if (good && offset >= size && pins->of[CKU_SO].block.size != 0)
        return true;
    pinfile_free(pins);
    return false;
}

static CK_RV parse(const struct store *store, enum pin_form form, const struct bytes *text,
                   struct pinfile *pins)
{
    return pinfile_parse(form, (const char *)text->data, text->size, pins)
               ? CKR_OK
               : p11_fail(CKR_DEVICE_ERROR, "%s/" PIN_FILE " is broken; bring it back from a backup",
                          store->path);
}

CK_RV pinfile_read(const struct store *store, enum pin_form form, struct pinfile *pins)
{
    struct bytes text;
    CK_RV rv = store_read(store, PIN_FILE, &text);

    *pins = (struct pinfile){.form = form};
    if (rv == CKR_OK)
        rv = parse(store, form, &text, pins);
    bytes_free(&text);
    return rv;
}

/* --- writing
 * ------------------------------------------------------------------------------------------------- */

void pinfile_heading(enum pin_form form, CK_USER_TYPE user, const struct pin_seal *seal, struct buffer *out)
{
    const struct number *numbers = forms[form].numbers;
    char hex[2 * SALT_MAXIMUM + 1];

    if (seal->salt.size > SALT_MAXIMUM)
        return;
    bytes_to_hex(seal->salt.data, seal->salt.size, hex);
    buffer_addf(out, "User: %s\nKDF: %s\n", users[user], forms[form].kdf);
    for (size_t i = 0; i < NUMBERS_MAXIMUM && numbers[i].line != NULL; i++)
        buffer_addf(out, "%s: %u\n", numbers[i].line,
                    *(const unsigned *)((const char *)seal + numbers[i].offset));
    buffer_addf(out, "Salt: %s\n", hex);
}

CK_RV pinfile_write(const struct pinfile *pins, struct buffer *text)
{
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < USERS; i++) {
        if (pins->of[i].block.size == 0)
            continue;
        pinfile_heading(pins->form, i, &pins->of[i], text);
        rv = soft_pem_encode(forms[pins->form].pem_label, &pins->of[i].block, text);
    }
    return rv == CKR_OK && text->failed ? CKR_HOST_MEMORY : rv;
}

CK_RV pinfile_create(struct store *store, const struct pinfile *pins)
{
    struct buffer text;
    CK_RV rv;

    buffer_init(&text, FILE_MAXIMUM);
    rv = pinfile_write(pins, &text);
    if (rv == CKR_OK)
        rv = store_replace(store, PIN_FILE, text.data, text.size);
    buffer_free(&text);
    return rv;
}

struct change {
    const struct store *store;
    enum pin_form form;
    CK_USER_TYPE user;
    const struct pin_seal *seal;
    const struct pinfile *seen;
};

/* A store_editor. */
static CK_RV change_file(void *data, const struct stat *status, const struct bytes *old, struct buffer *new)
{
    const struct change *change = data;
    struct pinfile pins;
    struct pin_seal kept;
    CK_RV rv = parse(change->store, change->form, old, &pins);

    (void)status;
    if (rv != CKR_OK)
        return rv;
    kept = pins.of[change->user];
    if (change->seen != NULL &&
        !bytes_equal(kept.block.data, kept.block.size, change->seen->of[change->user].block.data,
                     change->seen->of[change->user].block.size))
        rv = CKR_FUNCTION_CANCELED;
    pins.of[change->user] = *change->seal; /* lent */
    if (rv == CKR_OK)
        rv = pinfile_write(&pins, new);
    pins.of[change->user] = kept;
    pinfile_free(&pins);
    return rv;
}

/* Whether the file has the seal, whose salt nobody else makes. */
static bool is_in_place(const struct store *store, const struct change *change)
{
    struct pinfile pins;
    const struct bytes *block = &pins.of[change->user].block;
    bool there = pinfile_read(store, change->form, &pins) == CKR_OK &&
                 bytes_equal(block->data, block->size, change->seal->block.data, change->seal->block.size);

    pinfile_free(&pins);
    return there;
}

/* A failure after the file took its place, to make that durable, leaves the new PIN in force: who was told
 * otherwise would try the old one. */
CK_RV pinfile_change(struct store *store, enum pin_form form, CK_USER_TYPE user, const struct pin_seal *seal,
                     const struct pinfile *seen)
{
    struct change change = {store, form, user, seal, seen};
    struct buffer new;
    CK_RV rv;

    buffer_init(&new, FILE_MAXIMUM);
    rv = store_edit(store, PIN_FILE, change_file, &change, &new);
    buffer_free(&new);
    if (rv != CKR_OK && rv != CKR_OBJECT_HANDLE_INVALID && is_in_place(store, &change)) {
        log_warning("the new PIN of token %s is in force, but a power failure may bring the old one back: %s",
                    store->path, p11_failure_text());
        p11_failure_clear();
        return CKR_OK;
    }
    return rv == CKR_OBJECT_HANDLE_INVALID
               ? p11_fail(CKR_DEVICE_ERROR, "%s/" PIN_FILE " is gone; bring it back from a backup",
                          store->path)
               : rv;
}
