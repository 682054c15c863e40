/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_KEYFILE_H
#define DEVID_PKCS11_KEYFILE_H

#include "common/buffer.h"
#include "pkcs11/attribute.h"

#define CERTIFICATE_PEM "CERTIFICATE"

/* One PEM block of an object file with the text lines above it. Views into the file's text. */
struct keyfile_block {
    const char *lines; /* `Name: value` lines, from the end of the block before */
    size_t lines_size;
    const char *label; /* between BEGIN and the dashes */
    size_t label_size;
    const char *text; /* from BEGIN to the end of the END line */
    size_t text_size;
};

/* Finds the next block from *offset on and moves *offset behind it. False: there is none, or its END is
 * missing (then *offset is where it begins, and less than size). */
bool keyfile_next(const char *text, size_t size, size_t *offset, struct keyfile_block *block);

/* Adds the text without its block `number` (from 0) and the lines above that; *left is how many blocks stay. */
void keyfile_without_block(const char *text, size_t size, unsigned number, struct buffer *out, unsigned *left);

/*
 * Reads the lines that state attributes of an object of the class; others are passed over.
 * docs/store-format.md has the names. CKR_DATA_INVALID: a line of ours has a value that is none (said with
 * its name).
 */
CK_RV keyfile_read_lines(const struct keyfile_block *block, CK_OBJECT_CLASS object_class,
                         struct attributes *out);

/* Adds the lines for the attributes that the file has to keep. `object_class` chooses the names: the public
 * half of a pair stands in the same file under "Public-..." names, and only where it differs from what it
 * would be without. */
CK_RV keyfile_write_lines(const struct attributes *attributes, CK_OBJECT_CLASS object_class,
                          struct buffer *out);

#endif
