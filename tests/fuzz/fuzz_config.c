/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration in any of the formats: it is read or refused, and what is read has what it needs. */
#include "cli/config.h"
#include "cli/toml.h"
#include "cli/yaml.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char fuzz_seeds[] = "config";

/* Refusals are told on the stream stderr; thousands of them help nobody. What a sanitizer says goes to the
 * descriptor, and is seen. */
static enum cli_status parse_quietly(const uint8_t *data, size_t size, struct cli_config *config)
{
    static FILE *null;
    FILE *told = stderr;
    enum cli_status status;

    if (null == NULL)
        null = fopen("/dev/null", "we");
    if (null == NULL)
        abort();
    stderr = null;
    status = cli_config_parse("input", (const char *)data, size, config);
    stderr = told;
    return status;
}

static void read_with(json_t *(*reader)(const char *, size_t, char *, size_t), const uint8_t *data,
                      size_t size)
{
    char message[100];
    json_t *value = reader((const char *)data, size, message, sizeof message);

    if (value == NULL && (message[0] == '\0' || memchr(message, '\0', sizeof message) == NULL))
        abort();
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli_config config;

    read_with(cli_toml_read, data, size);
    read_with(cli_yaml_read, data, size);
    if (parse_quietly(data, size, &config) == CLI_OK && config.source == CLI_SOURCE_DPS &&
        config.id_scope == NULL)
        abort();
    cli_config_free(&config);
    return 0;
}
