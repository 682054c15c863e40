/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/option.h"

#include <errno.h>
#include <openssl/core_dispatch.h>
#include <stdio.h>
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

/* pkcs11-provider's "file:PATH,level:NUMBER", of which the level may be missing, as text of ours. */
static bool parse_peers_log(const char *value, char **text)
{
    const char *path = value + strlen("file:");
    size_t length = strcspn(path, ",");
    const char *level = path + length;
    bool terminal = length == strlen("/dev/stderr") && strncmp(path, "/dev/stderr", length) == 0;

    if (length == 0 ||
        (level[0] != '\0' && (strncmp(level, ",level:", 7) != 0 || level[7] < '0' || level[7] > '9')))
        return false;
    return asprintf(text, "%s%s%.*s", level[0] != '\0' && level[7] > '1' ? "debug" : "info",
                    terminal ? "" : ":", terminal ? 0 : (int)length, path) >= 0;
}

static bool parse_log(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    size_t length = strcspn(value, ":");

    if (strncmp(value, "file:", strlen("file:")) == 0)
        return parse_peers_log(value, &config->log);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strlen(levels[i]) == length && strncmp(levels[i], value, length) == 0)
            return parse_text(option, config, value);
    }
    return false;
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

/* --- words that stand for numbers --- */

_Static_assert(sizeof(enum prov_login) == sizeof(uint32_t) && sizeof(enum prov_pem) == sizeof(uint32_t),
               "parse_word writes them");

static const struct prov_word *find_word(const struct prov_option *option, const char *text, size_t length)
{
    for (const struct prov_word *word = option->words; word->text != NULL; word++) {
        if (strlen(word->text) == length && memcmp(word->text, text, length) == 0)
            return word;
    }
    return NULL;
}

static bool parse_word(const struct prov_option *option, struct prov_config *config, const char *value)
{
    const struct prov_word *word = find_word(option, value, strlen(value));

    if (word != NULL)
        *(uint32_t *)member(option, config) = word->number;
    return word != NULL;
}

static bool parse_flag(const struct prov_option *option, struct prov_config *config, const char *value)
{
    const struct prov_word *word = find_word(option, value, strlen(value));

    if (word != NULL)
        *(bool *)member(option, config) = word->number != 0;
    return word != NULL;
}

/* Keys are used where they are: there is no copy in a session that could be kept or not. */
static bool parse_needless(const struct prov_option *option, struct prov_config *config, const char *value)
{
    (void)config;
    return find_word(option, value, strlen(value)) != NULL;
}

/* A list, between spaces or commas; the member becomes the words' numbers together. */
static bool parse_words(const struct prov_option *option, struct prov_config *config, const char *value)
{
    static const char between[] = " \t,";
    uint32_t *set = member(option, config);

    for (value += strspn(value, between); *value != '\0'; value += strspn(value, between)) {
        size_t length = strcspn(value, between);
        const struct prov_word *word = find_word(option, value, length);

        if (word == NULL)
            return false;
        *set |= word->number;
        value += length;
    }
    return true;
}

static const struct prov_word login_words[] = {
    {"auto",   PROV_LOGIN_AUTO  },
    {"always", PROV_LOGIN_ALWAYS},
    {"never",  PROV_LOGIN_NEVER },
    {NULL,     0                },
};
static const struct prov_word pem_words[] = {
    {"uri",  PROV_PEM_AS_URI },
    {"tss2", PROV_PEM_AS_TSS2},
    {NULL,   0               },
};
static const struct prov_word new_keys_words[] = {
    {"software", PROV_NEW_KEYS_SOFTWARE},
    {"tss2",     PROV_NEW_KEYS_TSS2    },
    {NULL,       0                     },
};
static const struct prov_word random_words[] = {
    {"named",    0},
    {"ctr-drbg", 1},
    {NULL,       0},
};
static const struct prov_word true_words[] = {
    {"true",  1},
    {"false", 0},
    {NULL,    0},
};
static const struct prov_word not_true_words[] = {
  /* for members that say the opposite */
    {"true",  0},
    {"false", 1},
    {NULL,    0},
};
static const struct prov_word load_words[] = {
    {"early", 1},
    {"lazy",  0},
    {NULL,    0},
};
static const struct prov_word pin_words[] = {
    {"cache", 0},
    {"never", 1},
    {NULL,    0},
};
static const struct prov_word prompt_words[] = {
    {"terminal", 1},
    {"never",    0},
    {NULL,       0},
};
static const struct prov_word export_words[] = {
    {"0",  0},
    {"1",  1},
    {NULL, 0},
};

/* Only one changes anything: the module is never finalised, no operation's state is ever fetched, and no
 * callback is ever registered. */
static const struct prov_word quirk_words[] = {
    {"no-allowed-mechanisms", PROV_QUIRK_NO_ALLOWED_MECHANISMS},
    {"no-deinit",             0                               },
    {"no-operation-state",    0                               },
    {"no-session-callbacks",  0                               },
    {NULL,                    0                               },
};

#define BIT(operation) ((uint32_t)1 << (operation))

/* Also those that this provider has nothing of. libcrypto 3.0 has no skeymgmt. */
static const struct prov_word operation_words[] = {
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
    {"skeymgmt",    0                       },
    {NULL,          0                       },
};

/* --- the table --- */

#define OPTION(option, short, environment, parser, field, ...)                                               \
    {                                                                                                        \
        .name = option, .alias = short, .variable = environment, .parse = parser,                            \
        .offset = offsetof(struct prov_config, field), __VA_ARGS__                                           \
    }

const struct prov_option prov_options[] = {
    OPTION(
        "pkcs11-module-path", "pkcs11-module", "DEVID_PKCS11_MODULE", parse_modules, modules,
        .override = "PKCS11_PROVIDER_MODULE",
        .expected =
            "the path of a PKCS#11 module, or p11-kit's name of it; up to eight, with colons between them"),
    OPTION("pkcs11-module-init-args", "init-args", "DEVID_PKCS11_INIT_ARGS", parse_text, init_args,
           .expected = "some text"),
    OPTION("pkcs11-module-pin-source", "pin-source", "DEVID_PKCS11_PIN_SOURCE", parse_text, pin_source,
           .expected = "a path, or file:, cred:, env: or fd: and what it is called"),
    /* behind the other source, which it outranks */
    OPTION("pkcs11-module-token-pin", "pin", "DEVID_PKCS11_PIN", parse_pin, pin,
           .expected = "a PIN, or file: and a path", .secret = true),
    OPTION("pkcs11-module-login-behavior", "login", "DEVID_PKCS11_LOGIN", parse_word, login,
           .words = login_words, .expected = "auto, always or never"),
    OPTION("pkcs11-module-load-behavior", "load", "DEVID_PKCS11_LOAD", parse_flag, load_early,
           .words = load_words, .expected = "early or lazy"),
    OPTION("pkcs11-module-cache-pins", "cache-pins", "DEVID_PKCS11_CACHE_PINS", parse_flag, forget_pins,
           .words = pin_words, .expected = "cache or never"),
    OPTION("pkcs11-module-pin-prompt", "pin-prompt", "DEVID_PKCS11_PIN_PROMPT", parse_flag, ask_on_terminal,
           .words = prompt_words, .expected = "terminal or never"),
    OPTION("pkcs11-module-cache-sessions", "sessions", "DEVID_PKCS11_SESSIONS", parse_sessions, sessions,
           .expected = "a number from 0 to 1024"),
    OPTION("pkcs11-module-cache-keys", "cache-keys", "DEVID_PKCS11_CACHE_KEYS", parse_needless, modules,
           .words = true_words, .expected = "true or false"),
    OPTION("pkcs11-module-allow-export", "allow-export", "DEVID_PKCS11_ALLOW_EXPORT", parse_flag, no_export,
           .words = export_words, .expected = "0 (public keys may be exported) or 1 (they may not)"),
    OPTION("pkcs11-module-encode-provider-uri-to-pem", "uri-pem", "DEVID_PKCS11_URI_PEM", parse_flag,
           no_uri_pem, .words = not_true_words, .expected = "true or false"),
    OPTION("pkcs11-module-quirks", "quirks", "DEVID_PKCS11_QUIRKS", parse_words, quirks, .words = quirk_words,
           .expected = "any of no-allowed-mechanisms, no-deinit, no-operation-state, no-session-callbacks"),
    OPTION("pkcs11-module-block-operations", "block-operations", "DEVID_PKCS11_BLOCK_OPERATIONS", parse_words,
           blocked, .words = operation_words,
           .expected =
               "any of asym-cipher, cipher, decoder, digest, encoder, kdf, kem, keyexch, keymgmt, mac, rand, "
               "signature, skeymgmt, store"),
    OPTION("pkcs11-module-tss2-token", "tss2-token", "DEVID_PKCS11_TSS2_TOKEN", parse_text, tss2_token,
           .expected = "the URI of a token"),
    OPTION("pkcs11-module-random-token", "random-token", "DEVID_PKCS11_RANDOM_TOKEN", parse_text,
           random_token, .expected = "the URI of a token"),
    OPTION("pkcs11-module-pem", "pem", "DEVID_PKCS11_PEM", parse_word, pem, .words = pem_words,
           .expected = "uri or tss2"),
    OPTION("pkcs11-module-log", "log", "DEVID_PKCS11_LOG", parse_log, log,
           .override = "PKCS11_PROVIDER_DEBUG",
           .expected =
               "error, warning, info or debug, and :PATH of a file behind it; or file:PATH,level:NUMBER"),
    OPTION("pkcs11-module-new-keys", "new-keys", "DEVID_PKCS11_NEW_KEYS", parse_word, new_keys,
           .words = new_keys_words, .expected = "software or tss2"),
    OPTION("pkcs11-module-random", "random", "DEVID_PKCS11_RANDOM", parse_flag, random_by_default,
           .words = random_words, .expected = "named or ctr-drbg"),
    OPTION("pkcs11-module-assume-fips", "assume-fips", "DEVID_PKCS11_ASSUME_FIPS", parse_flag, fips,
           .words = true_words, .expected = "true or false"),
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
