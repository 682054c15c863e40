/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_KEYFILE_H
#define DEVID_PKCS11_KEYFILE_H

#include "common/buffer.h"
#include "pkcs11/attribute.h"

#define CERTIFICATE_PEM "CERTIFICATE"
/* The line above a key pair whose public half was destroyed. */
#define KEYFILE_NO_PUBLIC "Public: no"

#define PUBLIC_KEY_PEM "PUBLIC KEY" /* SubjectPublicKeyInfo: a public key without a private half here */
#define DATA_PEM "DEVID DATA"       /* the value of a data object in an OCTET STRING */

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

/*
 * Reads the lines that state attributes of an object of the class; others are passed over.
 * docs/store-format.md has the names. CKR_DATA_INVALID: a line of ours has a value that is none (said with
 * its name). Names of a public key begin with "Public-" above a block that makes a pair, not above a
 * PUBLIC KEY block.
 */
CK_RV keyfile_read_lines(const struct keyfile_block *block, CK_OBJECT_CLASS object_class,
                         struct attributes *out);

/* As keyfile_write_lines, for an object that has its block for itself: no prefix. */
CK_RV keyfile_write_plain_lines(const struct attributes *attributes, struct buffer *out);

/* Adds the lines for the attributes that the file has to keep. `object_class` chooses the names: the public
 * half of a pair stands in the same file under "Public-..." names, and only where it differs from what it
 * would be without. */
CK_RV keyfile_write_lines(const struct attributes *attributes, CK_OBJECT_CLASS object_class,
                          struct buffer *out);

/*
 * Adds the block's lines, but those that state one of the attributes in `changed`; and then lines for these.
 * Everything else stays as it is, letter by letter: lines of others, their order, line ends.
 */
CK_RV keyfile_edit_lines(const struct keyfile_block *block, CK_OBJECT_CLASS object_class,
                         const struct attributes *changed, struct buffer *out);

/* The value of a line that is no attribute's, in hexadecimal. False: it is not there, or no such text. */
bool keyfile_hex_line(const struct keyfile_block *block, const char *name, struct bytes *value);

/* Whether the block's label is the one named. */
bool keyfile_is(const struct keyfile_block *block, const char *label);

/* Whether the pair in the block has its public half: nobody destroyed it. */
bool keyfile_has_public(const struct keyfile_block *block);

#endif
