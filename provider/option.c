/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/option.h"

#include <errno.h>
#include <openssl/core_dispatch.h>
#include <stdlib.h>
#include <string.h>

static void *member(const struct prov_option *option, struct prov_config *config)
{
    return (char *)config + option->offset;
}

static bool parse_text(const struct prov_option *option, struct prov_config *config, const char *value)
{
    char **field = member(option, config);

    free(*field);
    *field = strdup(value);
    return *field != NULL && value[0] != '\0';
}

/* One module, or several with colons between them. */
static bool parse_modules(const struct prov_option *option, struct prov_config *config, const char *value)
{
    size_t length;

    (void)option;
    for (;; value += length + 1) {
        length = strcspn(value, ":");
        if (length == 0 || config->module_count == PROV_MODULES_MAXIMUM)
            return false;
        config->modules[config->module_count] = strndup(value, length);
        if (config->modules[config->module_count] == NULL)
            return false;
        config->module_count++;
        if (value[length] == '\0')
            return true;
    }
}

static bool parse_pin(const struct prov_option *option, struct prov_config *config, const char *value)
{
    struct bytes *pin = member(option, config);

    if (strncmp(value, "file:", strlen("file:")) == 0) {
        free(config->pin_source);
        config->pin_source = strdup(value);
        return config->pin_source != NULL;
    }
    bytes_free(pin);
    return bytes_copy(pin, value, strlen(value)) && value[0] != '\0';
}

/* --- words that stand for numbers --- */

struct word {
    const char *text;
    uint32_t number;
};

static bool find_word(const struct word *words, const char *text, size_t length, uint32_t *number)
{
    for (; words->text != NULL; words++) {
        if (strlen(words->text) == length && memcmp(words->text, text, length) == 0) {
            *number = words->number;
            return true;
        }
    }
    return false;
}

static bool parse_login(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const struct word words[] = {
        {"auto",   PROV_LOGIN_AUTO  },
        {"always", PROV_LOGIN_ALWAYS},
        {"never",  PROV_LOGIN_NEVER },
        {NULL,     0                }
    };
    uint32_t number;

    (void)option;
    if (!find_word(words, value, strlen(value), &number))
        return false;
    config->login = (enum prov_login)number;
    return true;
}

static bool parse_pem(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const struct word words[] = {
        {"uri",  PROV_PEM_AS_URI },
        {"tss2", PROV_PEM_AS_TSS2},
        {NULL,   0               }
    };
    uint32_t number;

    (void)option;
    if (!find_word(words, value, strlen(value), &number))
        return false;
    config->pem = (enum prov_pem)number;
    return true;
}

static bool parse_flag(const struct prov_option *option, struct prov_config *config, const struct word *words,
                       const char *value)
{
    uint32_t number;

    if (!find_word(words, value, strlen(value), &number))
        return false;
    *(bool *)member(option, config) = number != 0;
    return true;
}

static bool parse_true(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const struct word words[] = {
        {"true",  1},
        {"false", 0},
        {NULL,    0}
    };

    return parse_flag(option, config, words, value);
}

/* For members that say the opposite of their option. */
static bool parse_false(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const struct word words[] = {
        {"true",  0},
        {"false", 1},
        {NULL,    0}
    };

    return parse_flag(option, config, words, value);
}

static bool parse_load(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const struct word words[] = {
        {"early", 1},
        {"lazy",  0},
        {NULL,    0}
    };

    return parse_flag(option, config, words, value);
}

static bool parse_cache_pins(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const struct word words[] = {
        {"cache", 0},
        {"never", 1},
        {NULL,    0}
    };

    return parse_flag(option, config, words, value);
}

static bool parse_export(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const struct word words[] = {
        {"0",  0},
        {"1",  1},
        {NULL, 0}
    };

    return parse_flag(option, config, words, value);
}

/* Keys are used where they are: there is no copy in a session that could be kept or not. */
static bool parse_needless(const struct prov_option *option, struct prov_config *config, const char *value)
{
    (void)option;
    (void)config;
    return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
}

static bool parse_sessions(const struct prov_option *option, struct prov_config *config, const char *value)
{
    char *end = NULL;
    unsigned long number;

    (void)option;
    errno = 0;
    number = strtoul(value, &end, 10);
    if (errno != 0 || value[0] < '0' || value[0] > '9' || *end != '\0' || number > 1024)
        return false;
    config->sessions = number > 0 ? (unsigned)number : 1; /* one is needed, for the login to last */
    return true;
}

/* --- lists of words --- */

/* True when all the words of a list, between spaces or commas, are known; *set becomes their numbers' sum by
 * "or". */
static bool parse_words(const struct word *words, const char *value, uint32_t *set)
{
    static const char between[] = " \t,";

    *set = 0;
    for (value += strspn(value, between); *value != '\0'; value += strspn(value, between)) {
        size_t length = strcspn(value, between);
        uint32_t number;

        if (!find_word(words, value, length, &number))
            return false;
        *set |= number;
        value += length;
    }
    return true;
}

/* Of the known ones only one changes anything: the module is never finalised, no operation's state is ever
 * fetched, and no callback is ever registered. */
static bool parse_quirks(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const struct word words[] = {
        {"no-allowed-mechanisms", 1},
        {"no-deinit",             0},
        {"no-operation-state",    0},
        {"no-session-callbacks",  0},
        {NULL,                    0}
    };
    uint32_t set;

    (void)option;
    if (!parse_words(words, value, &set))
        return false;
    config->no_allowed_mechanisms = set != 0;
    return true;
}

#define BIT(operation) ((uint32_t)1 << (operation))

/* Also those that this provider has nothing of. */
static bool parse_operations(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const struct word words[] = {
        {"digest",      BIT(OSSL_OP_DIGEST)     },
        {"cipher",      BIT(OSSL_OP_CIPHER)     },
        {"mac",         BIT(OSSL_OP_MAC)        },
        {"kdf",         BIT(OSSL_OP_KDF)        },
        {"rand",        BIT(OSSL_OP_RAND)       },
        {"keymgmt",     BIT(OSSL_OP_KEYMGMT)    },
        {"keyexch",     BIT(OSSL_OP_KEYEXCH)    },
        {"signature",   BIT(OSSL_OP_SIGNATURE)  },
        {"asym-cipher", BIT(OSSL_OP_ASYM_CIPHER)},
        {"kem",         BIT(OSSL_OP_KEM)        },
        {"encoder",     BIT(OSSL_OP_ENCODER)    },
        {"decoder",     BIT(OSSL_OP_DECODER)    },
        {"store",       BIT(OSSL_OP_STORE)      },
        {"skeymgmt",    0                       }, /* libcrypto 3.0 has none */
        {NULL,          0                       }
    };

    (void)option;
    return parse_words(words, value, &config->blocked);
}

#define FIELDS(option, short, environment, parser, field, values)                                            \
    .name = option, .alias = short, .variable = environment, .parse = parser,                                \
    .offset = offsetof(struct prov_config, field), .expected = values

#define OPTION(...)                                                                                          \
    {                                                                                                        \
        FIELDS(__VA_ARGS__)                                                                                  \
    }
#define OVERRIDDEN(by, ...)                                                                                  \
    {                                                                                                        \
        FIELDS(__VA_ARGS__), .override = by                                                                  \
    }
#define SECRET(...)                                                                                          \
    {                                                                                                        \
        FIELDS(__VA_ARGS__), .secret = true                                                                  \
    }

const struct prov_option prov_options[] = {
    OVERRIDDEN(
        "PKCS11_PROVIDER_MODULE", "pkcs11-module-path", "pkcs11-module", "DEVID_PKCS11_MODULE", parse_modules,
        modules,
        "the path of a PKCS#11 module, or p11-kit's name of it; up to eight, with colons between them"),
    SECRET("pkcs11-module-token-pin", "pin", "DEVID_PKCS11_PIN", parse_pin, pin,
           "a PIN, or file: and a path"),
    OPTION("pkcs11-module-init-args", "init-args", "DEVID_PKCS11_INIT_ARGS", parse_text, init_args,
           "some text"),
    OPTION("pkcs11-module-pin-source", "pin-source", "DEVID_PKCS11_PIN_SOURCE", parse_text, pin_source,
           "a path, or file:, cred:, env: or fd: and what it is called"),
    OPTION("pkcs11-module-login-behavior", "login", "DEVID_PKCS11_LOGIN", parse_login, login,
           "auto, always or never"),
    OPTION("pkcs11-module-load-behavior", "load", "DEVID_PKCS11_LOAD", parse_load, load_early,
           "early or lazy"),
    OPTION("pkcs11-module-cache-pins", "cache-pins", "DEVID_PKCS11_CACHE_PINS", parse_cache_pins, forget_pins,
           "cache or never"),
    OPTION("pkcs11-module-cache-sessions", "sessions", "DEVID_PKCS11_SESSIONS", parse_sessions, sessions,
           "a number from 0 to 1024"),
    OPTION("pkcs11-module-cache-keys", "cache-keys", "DEVID_PKCS11_CACHE_KEYS", parse_needless, modules,
           "true or false"),
    OPTION("pkcs11-module-allow-export", "allow-export", "DEVID_PKCS11_ALLOW_EXPORT", parse_export, no_export,
           "0 (public keys may be exported) or 1 (they may not)"),
    OPTION("pkcs11-module-encode-provider-uri-to-pem", "uri-pem", "DEVID_PKCS11_URI_PEM", parse_false,
           no_uri_pem, "true or false"),
    OPTION("pkcs11-module-quirks", "quirks", "DEVID_PKCS11_QUIRKS", parse_quirks, no_allowed_mechanisms,
           "any of no-allowed-mechanisms, no-deinit, no-operation-state, no-session-callbacks"),
    OPTION("pkcs11-module-block-operations", "block-operations", "DEVID_PKCS11_BLOCK_OPERATIONS",
           parse_operations, blocked,
           "any of asym-cipher, cipher, decoder, digest, encoder, kdf, kem, keyexch, keymgmt, mac, rand, "
           "signature, skeymgmt, store"),
    OPTION("pkcs11-module-tss2-token", "tss2-token", "DEVID_PKCS11_TSS2_TOKEN", parse_text, tss2_token,
           "the URI of a token"),
    OPTION("pkcs11-module-random-token", "random-token", "DEVID_PKCS11_RANDOM_TOKEN", parse_text,
           random_token, "the URI of a token"),
    OPTION("pkcs11-module-pem", "pem", "DEVID_PKCS11_PEM", parse_pem, pem, "uri or tss2"),
    OPTION("pkcs11-module-assume-fips", "assume-fips", "DEVID_PKCS11_ASSUME_FIPS", parse_true, fips,
           "true or false"),
};

const size_t prov_option_count = sizeof prov_options / sizeof prov_options[0];

bool prov_option_is_known(const char *name)
{
    for (size_t i = 0; i < prov_option_count; i++) {
        if (strcmp(prov_options[i].name, name) == 0 || strcmp(prov_options[i].alias, name) == 0)
            return true;
    }
    return false;
}
