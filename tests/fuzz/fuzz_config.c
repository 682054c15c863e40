/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration in any of the formats: it is read or refused, and what is read has what it needs. */
#include "cli/config.h"
#include "cli/toml.h"
#include "cli/yaml.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char fuzz_seeds[] = "config";

/* Refusals are told on standard error; thousands of them help nobody. */
static void be_quiet(void)
{
    static int done;
    int null = done ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);

    done = 1;
    if (null >= 0 && freopen("/dev/null", "w", stderr) == NULL)
        abort();
    if (null >= 0)
        close(null);
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

    be_quiet();
    read_with(cli_toml_read, data, size);
    read_with(cli_yaml_read, data, size);
    if (cli_config_parse("input", (const char *)data, size, &config) == CLI_OK &&
        config.source == CLI_SOURCE_DPS && config.id_scope == NULL)
        abort();
    cli_config_free(&config);
    return 0;
}
