/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TOKENCONF_H
#define DEVID_PKCS11_TOKENCONF_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_CONF_FILE "token.conf"

/*
 * The content of a token.conf: settings in their order. The module reads `format`, `label`, `serial`, `slot`
 * and `backend`; the rest is the backend's; unknown ones are kept. docs/store-format.md lists them.
 */
struct token_conf {
    struct token_setting {
        char *name;
        char *value;
    } * settings;
    size_t count;
};

void token_conf_free(struct token_conf *conf);

/* Reads the file in the directory. CKR_TOKEN_NOT_RECOGNIZED: it is not there, or not such a file (with the
 * reason said); `path` names the directory in messages. */
CK_RV token_conf_read(int directory, const char *path, struct token_conf *conf);
CK_RV token_conf_write(int directory, const char *path, const struct token_conf *conf);

/* NULL: not set. Owned by conf. */
const char *token_conf_get(const struct token_conf *conf, const char *name);
/* CKR_OK or CKR_HOST_MEMORY. A newline in the value is CKR_ARGUMENTS_BAD. */
CK_RV token_conf_set(struct token_conf *conf, const char *name, const char *value);
CK_RV token_conf_setf(struct token_conf *conf, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An unsigned number, decimal or 0x... False: not set, or no such number. */
bool token_conf_get_number(const struct token_conf *conf, const char *name, unsigned long maximum,
                           unsigned long *value);

/* Whether the blank-separated list `name` holds the word. */
bool token_conf_lists(const struct token_conf *conf, const char *name, const char *word);

#endif
