/* SPDX-License-Identifier: Apache-2.0 */
/* The provider's section of openssl.cnf, "name = value" line by line, and what its values lead to: p11-kit's
 * descriptions of modules, which are made of the same bytes, and sources of PINs. What is wrong is named, a
 * PIN is not, and the configuration can be used in either case. */
#include "provider/locate.h"
#include "provider/option.h"
#include "provider/pinsource.h"
#include "provider/provider.h"
#include "tests/fuzz/fuzz.h"
#include "tests/provider/fake_core.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

const char fuzz_seeds[] = "option";

enum { LINES = 64 };

static char shared_memory[] = "/dev/shm/devid-fuzz-XXXXXX";
static char temporary[] = "/tmp/devid-fuzz-XXXXXX";
static char *folder;
static char description[64];

static void drop_folder(void)
{
    unlink(description);
    rmdir(folder);
}

static void set_up(void)
{
    if (folder != NULL)
        return;
    folder = mkdtemp(shared_memory);
    if (folder == NULL)
        folder = mkdtemp(temporary);
    if (folder == NULL)
        abort();
    snprintf(description, sizeof description, "%s/module.module", folder);
    atexit(drop_folder);
}

/* Cuts the text into names and values; what has no name is the value of an option by its number. */
static void read_lines(char *text, struct fake_parameter *lines)
{
    size_t count = 0;
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL && count < LINES;
         line = strtok_r(NULL, "\n", &rest), count++) {
        char *equals = strstr(line, " = ");

        lines[count] = (struct fake_parameter){prov_options[count % prov_option_count].name, line};
        if (equals == NULL)
            continue;
        *equals = '\0';
        lines[count] = (struct fake_parameter){line, equals + 3};
    }
    lines[count].name = NULL;
}

/* Descriptors may be anything, and block; those that nobody has are left. */
static bool may_be_read(const char *source)
{
    return strncmp(source, "fd:", 3) != 0 || strlen(source) > 7;
}

static void read_pin(const char *source)
{
    struct provider provider = {.core = fake_core};
    struct bytes pin = BYTES_EMPTY;

    if (source == NULL || strlen(source) > 900 || !may_be_read(source))
        return;
    fake_error[0] = '\0';
    if (!prov_pinsource_read(&provider, source, &pin)) {
        if (pin.size != 0 || strstr(fake_error, source) == NULL)
            abort();
    } else if (pin.size == 0 || memchr(pin.data, '\n', pin.size) != NULL) {
        abort();
    }
    bytes_free(&pin);
    prov_pinsource_free(&provider);
}

static void locate(const char *name)
{
    const struct prov_places places = {
        .descriptions = {folder, "/nowhere", NULL},
          .modules = folder
    };
    struct prov_location location;
    const char *problem = NULL;

    if (prov_locate(&places, name, &location, &problem)) {
        if (location.path == NULL || location.path[0] == '\0' || problem != NULL ||
            !prov_location_is_named(name, location.path, name) ||
            !prov_location_is_at(location.path, location.path))
            abort();
        prov_location_is_named(name, location.path, "");
        prov_location_is_named(name, location.path, "softhsm2");
        prov_location_is_at(location.path, "/");
    } else if (problem == NULL || location.path != NULL || location.init_args != NULL) {
        abort();
    }
    prov_location_free(&location);
}

static bool is_usable(const struct prov_config *config)
{
    bool usable = config->module_count >= 1 && config->module_count <= PROV_MODULES_MAXIMUM &&
                  config->sessions >= 1 && config->sessions <= 1024 && config->login <= PROV_LOGIN_NEVER &&
                  config->pem <= PROV_PEM_AS_TSS2;

    for (size_t i = 0; usable && i < config->module_count; i++)
        usable = config->modules[i] != NULL && config->modules[i][0] != '\0';
    return usable;
}

/* The lines that libcrypto would have found first, as the fake core finds the last. */
static const char *value_of(const struct fake_parameter *lines, const char *name)
{
    const char *value = NULL;

    for (; lines->name != NULL; lines++)
        value = strcmp(lines->name, name) == 0 ? lines->value : value;
    return value;
}

static void read_options(const struct fake_parameter *lines)
{
    struct prov_config config;
    char *problem;
    const char *pin;
    bool ok;

    fake_parameters = lines;
    ok = prov_config_read(&config, &fake_core, &problem);
    fake_parameters = NULL;
    if (ok != (problem == NULL) || !is_usable(&config))
        abort();
    pin = value_of(lines, "pkcs11-module-token-pin");
    if (problem != NULL && pin != NULL && strlen(pin) > 100 && strstr(problem, pin) != NULL)
        abort();
    for (size_t i = 0; i < config.module_count; i++)
        locate(config.modules[i]);
    read_pin(config.pin_source);
    free(problem);
    prov_config_free(&config);
}

static void write_description(const uint8_t *data, size_t size)
{
    FILE *file = fopen(description, "w");

    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_parameter lines[LINES + 1];
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    set_up();
    memcpy(text, data, size);
    text[size] = '\0';
    write_description(data, size);
    locate("module");
    read_pin(description);
    read_lines(text, lines);
    read_options(lines);
    free(text);
    return 0;
}
