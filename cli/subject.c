/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/subject.h"

#include <openssl/err.h>

#include <string.h>

#define PAIR_MAXIMUM 512

/* Copies one "TYPE=VALUE" without its escapes, up to the next bare slash; answers where it ended, NULL: too
 * long. */
static const char *read_pair(const char *text, char pair[PAIR_MAXIMUM])
{
    size_t length = 0;

    while (*text != '\0' && *text != '/') {
        if (*text == '\\' && text[1] != '\0')
            text++;
        if (length + 1 == PAIR_MAXIMUM)
            return NULL;
        pair[length++] = *text++;
    }
    pair[length] = '\0';
    return text;
}

static enum cli_status add_pair(const char *text, char *pair, X509_NAME *name)
{
    char *equals = strchr(pair, '=');

    if (equals == NULL || equals == pair || equals[1] == '\0')
        return cli_fail(CLI_INPUT,
                        "subject %s: '%s' is not TYPE=VALUE; write it like /CN=device-17/O=Example", text,
                        pair);
    *equals = '\0';
    if (X509_NAME_add_entry_by_txt(name, pair, MBSTRING_UTF8, (const unsigned char *)equals + 1, -1, -1, 0) ==
        1)
        return CLI_OK;
    ERR_clear_error();
    return cli_fail(CLI_INPUT,
                    "subject %s: %s=%s is not accepted; the type must be one of X.509's (CN, O, OU, C, ...)"
                    " and the value fit its limits (CN: 64 characters)",
                    text, pair, equals + 1);
}

static enum cli_status require_common_name(const char *text, X509_NAME *name)
{
    int first = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

    if (first >= 0 && X509_NAME_get_index_by_NID(name, NID_commonName, first) < 0)
        return CLI_OK;
    return cli_fail(CLI_INPUT, "subject %s: %s; DPS takes the one CN for the registration id", text,
                    first < 0 ? "has no CN" : "has more than one CN");
}

enum cli_status cli_subject_parse(const char *text, X509_NAME **name)
{
    enum cli_status status = CLI_OK;
    const char *at = text;
    char pair[PAIR_MAXIMUM];

    *name = X509_NAME_new();
    if (*name == NULL)
        return cli_no_memory();
    if (text[0] != '/')
        status =
            cli_fail(CLI_INPUT, "subject %s: does not begin with a slash; write it like /CN=device-17", text);
    while (status == CLI_OK && *at == '/') {
        at = read_pair(at + 1, pair);
        status = at != NULL ? add_pair(text, pair, *name)
                            : cli_fail(CLI_INPUT, "subject: one of its values is too long; shorten it");
    }
    if (status == CLI_OK)
        status = require_common_name(text, *name);
    if (status != CLI_OK) {
        X509_NAME_free(*name);
        *name = NULL;
    }
    return status;
}
