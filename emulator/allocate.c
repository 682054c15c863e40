/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/allocate.h"

#include "emulator/text.h"

#include <openssl/sha.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct choice {
    const struct emulator *emulator;
    const json_t *named; /* the enrollment's iotHubs; empty or NULL: all linked hubs */
    const char *registration_id;
};

static size_t hub_count(const struct choice *choice)
{
    size_t named = json_array_size(choice->named);

    return named != 0 ? named : choice->emulator->hub_count;
}

static const char *hub_at(const struct choice *choice, size_t index)
{
    if (json_array_size(choice->named) != 0)
        return json_string_value(json_array_get(choice->named, index));
    return choice->emulator->hubs[index];
}

static size_t choose_first(const struct choice *choice)
{
    (void)choice;
    return 0;
}

/* Even over the hubs, and the same hub for the same id in every run. */
static size_t choose_by_hash(const struct choice *choice)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char folded[256];
    size_t length = 0;
    uint64_t number = 0;

    for (; choice->registration_id[length] != '\0' && length < sizeof folded; length++)
        folded[length] = (char)tolower((unsigned char)choice->registration_id[length]);
    SHA256((const unsigned char *)folded, length, digest);
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | digest[i];
    return (size_t)(number % hub_count(choice));
}

static const struct {
    const char *name;
    size_t (*choose)(const struct choice *choice);
} policies[] = {
    {"hashed",     choose_by_hash},
    {"static",     choose_first  },
    {"geoLatency", choose_by_hash}, /* all hubs are equally near */
};
#define POLICY_COUNT (sizeof policies / sizeof policies[0])

bool emu_allocate_knows(const char *policy)
{
    for (size_t i = 0; i < POLICY_COUNT; i++)
        if (strcmp(policies[i].name, policy) == 0)
            return true;
    return false;
}

const char *emu_allocate(const struct emulator *emulator, const json_t *enrollment,
                         const char *registration_id)
{
    const char *fixed = emu_json_text(enrollment, "iotHubHostName");
    const char *policy = emu_json_text(enrollment, "allocationPolicy");
    struct choice choice = {
        .emulator = emulator,
        .named = json_object_get(enrollment, "iotHubs"),
        .registration_id = registration_id,
    };

    if (fixed != NULL && fixed[0] != '\0')
        return fixed;
    if (hub_count(&choice) == 0)
        return NULL;
    for (size_t i = 0; i < POLICY_COUNT; i++)
        if (policy != NULL && strcmp(policies[i].name, policy) == 0)
            return hub_at(&choice, policies[i].choose(&choice));
    return NULL;
}

char *emu_hub_address(const struct emulator *emulator, const char *hub)
{
    char *address = NULL;

    if (strcasecmp(hub, EMU_OWN_HUB) != 0)
        return strdup(hub);
    return asprintf(&address, "%s:%u", emulator->host, emulator->port) < 0 ? NULL : address;
}

/* The length of a host name or address without its port; "[::1]:443" counts with the brackets. */
static size_t name_length(const char *hub)
{
    const char *bracket = hub[0] == '[' ? strchr(hub, ']') : NULL;

    return bracket != NULL ? (size_t)(bracket + 1 - hub) : strcspn(hub, ":");
}

char *emu_hub_key(const struct emulator *emulator, const char *hub, const char *device_id)
{
    const char *const own[] = {EMU_OWN_HUB, emulator->host, "127.0.0.1", "[::1]"};
    size_t length = name_length(hub);
    char *key = NULL;

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strlen(own[i]) == length && strncasecmp(own[i], hub, length) == 0) {
            hub = EMU_OWN_HUB;
            length = strlen(hub);
            break;
        }
    }
    return asprintf(&key, "%.*s/%s", (int)length, hub, device_id) < 0 ? NULL : key;
}
