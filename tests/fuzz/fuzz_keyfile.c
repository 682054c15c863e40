/* SPDX-License-Identifier: Apache-2.0 */
/* The text of an object file: it is read into objects as if it stood in a token, without a TPM, and each
 * object's attributes are read and written as lines again. */
#include "pkcs11/keyfile.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/template.h"
#include "pkcs11/token.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char fuzz_seeds[] = "keyfile";

static const char conf[] = "format = 1\nlabel = fuzz\nserial = 00\nslot = 0\nbackend = tpm\n"
                           "curves = P-256 P-384\nrsa = 2048\nhashes = sha256\n";
static char folder[] = "/tmp/devid-fuzz-XXXXXX";
static struct token *token;

static void end(void)
{
    char path[64];

    token_close(token);
    snprintf(path, sizeof path, "%s/" TOKEN_CONF_FILE, folder);
    unlink(path);
    rmdir(folder);
}

static void start(void)
{
    const struct config config = {0};
    char path[64];
    FILE *file;

    if (token != NULL)
        return;
    if (mkdtemp(folder) == NULL || soft_start() != CKR_OK)
        abort();
    snprintf(path, sizeof path, "%s/" TOKEN_CONF_FILE, folder);
    file = fopen(path, "w");
    if (file == NULL || fputs(conf, file) < 0 || fclose(file) != 0)
        abort();
    if (token_open(folder, &config, &token) != CKR_OK)
        abort();
    atexit(end);
}

static void read_all_attributes(const struct object *object)
{
    size_t count;
    const struct attribute_rule *rules = template_rules(&count);

    for (size_t i = 0; i < count; i++) {
        struct bytes value;

        if (object_attribute(object, rules[i].type, &value) == CKR_OK)
            bytes_free(&value);
    }
}

/* What was read from lines survives being written. */
static void write_again(const struct object *object)
{
    struct attributes read = {0};
    struct keyfile_block block;
    struct buffer text;
    size_t offset = 0;

    buffer_init(&text, 8 * 1024 * 1024);
    if (keyfile_write_lines(&object->attributes, object->object_class, &text) != CKR_OK)
        abort();
    buffer_add_text(&text, "-----BEGIN X-----\n-----END X-----\n");
    if (!keyfile_next(buffer_text(&text), text.size, &offset, &block) ||
        block.lines_size + block.text_size + 1 != text.size ||
        keyfile_read_lines(&block, object->object_class, &read) != CKR_OK)
        abort();
    for (size_t i = 0; i < read.count; i++)
        if (!object_matches(object, &read.items[i], 1))
            abort();
    attributes_free(&read);
    buffer_free(&text);
}

/* A line that is set is what is read then, unless another line of ours has no value. */
static void edit_each_block(const char *text, size_t size)
{
    static char label[] = "set";
    CK_ATTRIBUTE item = {CKA_LABEL, label, 3};
    struct attributes changed = {.items = &item, .count = 1};
    struct keyfile_block block;
    size_t offset = 0;

    while (keyfile_next(text, size, &offset, &block)) {
        struct attributes read = {0};
        struct buffer lines;
        const CK_ATTRIBUTE *found;

        buffer_init(&lines, size + 64);
        if (keyfile_edit_lines(&block, CKO_PRIVATE_KEY, &changed, &lines) != CKR_OK)
            abort();
        block.lines = buffer_text(&lines);
        block.lines_size = lines.size;
        if (keyfile_read_lines(&block, CKO_PRIVATE_KEY, &read) == CKR_OK) {
            found = attributes_find(&read, CKA_LABEL);
            if (found == NULL || found->ulValueLen != 3 || memcmp(found->pValue, label, 3) != 0)
                abort();
        }
        attributes_free(&read);
        buffer_free(&lines);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct objects *objects;

    start();
    objects = &token->objects;
    objects_read_text(token, "fuzz.pem", (const char *)data, size);
    for (size_t i = 0; i < objects->map.count; i++) {
        read_all_attributes(objects->map.entries[i].pointer);
        write_again(objects->map.entries[i].pointer);
    }
    while (objects->map.count != 0)
        objects_remove(objects, objects->map.entries[0].handle);
    edit_each_block((const char *)data, size);
    return 0;
}
