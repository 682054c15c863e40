/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_OPTION_H
#define DEVID_PROVIDER_OPTION_H

#include "provider/config.h"

struct prov_option;

/* What an option's value does to the configuration. False: it is not one of the values, or there is no
 * memory. */
typedef bool prov_option_parser(const struct prov_option *option, struct prov_config *config,
                                const char *value);

/* A word, and what the configuration has for it. */
struct prov_word {
    const char *text;
    uint32_t number;
};

/* One option: how it is called, and what it says. docs/openssl.md has the same table for people. */
struct prov_option {
    const char *name;     /* in openssl.cnf; pkcs11-provider's where it has such an option */
    const char *alias;    /* in openssl.cnf too */
    const char *variable; /* in the environment, for where openssl.cnf has no line */
    const char *override; /* in the environment, for where it outranks openssl.cnf; NULL: nothing does */
    const char *expected; /* its values, for messages */
    bool secret;          /* its value is not for messages */
    prov_option_parser *parse;
    const struct prov_word *words; /* where its values are words; one without text ends them */
    size_t offset;                 /* of the member of struct prov_config that a general parser sets */
};

extern const struct prov_option prov_options[];
extern const size_t prov_option_count;

/* Whether an option is called so in openssl.cnf. */
bool prov_option_is_known(const char *name);

#endif
