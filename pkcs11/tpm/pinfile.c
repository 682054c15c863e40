/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/pinfile.h"

#include "common/buffer.h"
#include "pkcs11/failure.h"
#include "pkcs11/keyfile.h"
#include "pkcs11/soft/pem.h"
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAXIMUM 65536
#define LINE_MAXIMUM 200
#define KDF "pbkdf2-sha256"
#define ITERATIONS_MAXIMUM 100000000

static const char *const users[] = {[CKU_SO] = "so", [CKU_USER] = "user"};

#define USERS (sizeof users / sizeof users[0])

void tpm_pin_free(struct tpm_pin *pin)
{
    bytes_free(&pin->salt);
    bytes_free(&pin->block);
    *pin = (struct tpm_pin){0};
}

void tpm_pins_free(struct tpm_pins *pins)
{
    for (size_t i = 0; i < USERS; i++)
        tpm_pin_free(&pins->of[i]);
}

bool tpm_pins_exist(const char *directory)
{
    struct store store;
    struct stat status;
    bool there = false;

    if (store_open(directory, &store) == CKR_OK) {
        there = fstatat(store.directory, PIN_FILE, &status, AT_SYMLINK_NOFOLLOW) == 0;
        store_close(&store);
    }
    return there;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------- */

/* What stands above a block. */
struct heading {
    size_t user; /* USERS: not said */
    bool kdf;
    struct tpm_pin pin;
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
    heading->kdf = strcmp(value, KDF) == 0;
    return heading->kdf;
}

static bool read_iterations(const char *value, struct heading *heading)
{
    char *end;
    unsigned long number = strtoul(value, &end, 10);

    if (*value < '0' || *value > '9' || *end != '\0' || number == 0 || number > ITERATIONS_MAXIMUM)
        return false;
    heading->pin.iterations = (unsigned)number;
    return true;
}

static bool read_salt(const char *value, struct heading *heading)
{
    bytes_free(&heading->pin.salt);
    return bytes_from_hex(value, strlen(value), &heading->pin.salt);
}

static const struct {
    const char *name;
    bool (*read)(const char *value, struct heading *heading);
} lines[] = {
    {"User",       read_user      },
    {"KDF",        read_kdf       },
    {"Iterations", read_iterations},
    {"Salt",       read_salt      },
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
    return true;
}

static bool read_heading(const struct keyfile_block *block, struct heading *heading)
{
    const char *end = block->lines + block->lines_size;

    *heading = (struct heading){.user = USERS};
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
    return heading->user < USERS && heading->kdf && heading->pin.iterations != 0 &&
           heading->pin.salt.size != 0;
}

static bool is_sealed(const struct keyfile_block *block)
{
    return block->label_size == strlen(TSS_KEY_PEM) &&
           memcmp(block->label, TSS_KEY_PEM, block->label_size) == 0;
}

static bool read_block(const struct keyfile_block *block, struct tpm_pins *pins)
{
    struct heading heading;
    bool good = is_sealed(block) && read_heading(block, &heading);

    if (good && pins->of[heading.user].block.size == 0 &&
        soft_pem_decode(block->text, block->text_size, &heading.pin.block) == CKR_OK) {
        pins->of[heading.user] = heading.pin; /* transferred */
        return true;
    }
    if (is_sealed(block))
        tpm_pin_free(&heading.pin);
    return false;
}

CK_RV tpm_pins_read(const char *directory, struct tpm_pins *pins)
{
    struct keyfile_block block;
    struct bytes text = BYTES_EMPTY;
    struct store store;
    size_t offset = 0;
    bool good = true;
    CK_RV rv = store_open(directory, &store);

    *pins = (struct tpm_pins){0};
    if (rv != CKR_OK)
        return CKR_DEVICE_ERROR;
    rv = store_read(&store, PIN_FILE, &text);
    while (rv == CKR_OK && good && keyfile_next((const char *)text.data, text.size, &offset, &block))
        good = read_block(&block, pins);
    if (rv == CKR_OK && (!good || pins->of[CKU_SO].block.size == 0))
        rv = p11_fail(CKR_DEVICE_ERROR, "%s/" PIN_FILE " is broken; bring it back from a backup", directory);
    if (rv != CKR_OK)
        tpm_pins_free(pins);
    bytes_free(&text);
    store_close(&store);
    return rv;
}

/* --- writing
 * ------------------------------------------------------------------------------------------------- */

static CK_RV add_pin(const char *user, const struct tpm_pin *pin, struct buffer *text)
{
    char hex[2 * 64 + 1];

    if (pin->block.size == 0)
        return CKR_OK;
    if (pin->salt.size > 64)
        return CKR_GENERAL_ERROR;
    bytes_to_hex(pin->salt.data, pin->salt.size, hex);
    buffer_addf(text, "User: %s\nKDF: " KDF "\nIterations: %u\nSalt: %s\n", user, pin->iterations, hex);
    return soft_pem_encode(TSS_KEY_PEM, &pin->block, text);
}

CK_RV tpm_pins_write(const char *directory, const struct tpm_pins *pins)
{
    struct store store;
    struct buffer text;
    CK_RV rv = store_open(directory, &store);

    if (rv != CKR_OK)
        return CKR_DEVICE_ERROR;
    buffer_init(&text, FILE_MAXIMUM);
    for (size_t i = 0; rv == CKR_OK && i < USERS; i++)
        rv = add_pin(users[i], &pins->of[i], &text);
    if (rv == CKR_OK)
        rv = text.failed ? CKR_HOST_MEMORY : store_replace(&store, PIN_FILE, text.data, text.size);
    buffer_free(&text);
    store_close(&store);
    return rv;
}
