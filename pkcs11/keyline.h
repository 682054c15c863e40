/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_KEYLINE_H
#define DEVID_PKCS11_KEYLINE_H

#include "common/buffer.h"
#include "pkcs11/attribute.h"

/* How a value is written, not what PKCS#11 calls its type. */
enum keyline_form { FORM_TEXT, FORM_HEX, FORM_DATE, FORM_BOOL, FORM_NUMBER, FORM_NUMBERS, FORM_TEMPLATE };

/* A kind of `Name: value` line above a PEM block, which states an attribute. */
struct keyline {
    const char *name;
    CK_ATTRIBUTE_TYPE type;
    enum keyline_form form;
};

/* All of them, in the order in which they are written; the end has no name. */
extern const struct keyline keylines[];

/* The one whose name stands behind the prefix, in any case; NULL: none does. */
const struct keyline *keyline_named(const char *name, const char *prefix);

/* Sets the attribute that the value states. CKR_DATA_INVALID: it is no such value. */
CK_RV keyline_read(const struct keyline *line, const char *value, struct attributes *out);

/* Adds the line for the attribute. */
void keyline_write(const struct keyline *line, const char *prefix, const CK_ATTRIBUTE *item,
                   struct buffer *out);

#endif
