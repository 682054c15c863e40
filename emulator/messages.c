/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/messages.h"

#include "emulator/store.h"
#include "emulator/text.h"

#include <stdlib.h>
#include <string.h>

struct printing {
    FILE *out;
    bool failed;
};

/* The body under the name that tells how to read it. */
static bool add_body(json_t *line, const struct bytes *body)
{
    const char *data = body->size != 0 ? (const char *)body->data : "";
    json_t *text = memchr(data, '\0', body->size) == NULL ? json_stringn(data, body->size) : NULL;
    char *base64;
    bool added;

    if (text != NULL)
        return json_object_set_new(line, "body", text) == 0;
    base64 = emu_base64_encode(body->data, body->size);
    added = base64 != NULL && json_object_set_new(line, "bodyBase64", json_string(base64)) == 0;
    free(base64);
    return added;
}

static bool print_message(void *data, const struct emu_message *message)
{
    struct printing *printing = data;
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:O, s:O}", "hub", message->hub, "device", message->device, "enqueuedTime",
                  message->enqueued, "properties", message->properties, "systemProperties", message->system);

    printing->failed = line == NULL || !add_body(line, &message->body) ||
                       json_dumpf(line, printing->out, JSON_COMPACT) != 0 || putc('\n', printing->out) == EOF;
    json_decref(line);
    return !printing->failed;
}

bool emu_messages_print(struct emu_store *store, const char *device, FILE *out)
{
    struct printing printing = {.out = out};

    return emu_store_each_message(store, device, print_message, &printing) && !printing.failed &&
           fflush(out) == 0;
}
