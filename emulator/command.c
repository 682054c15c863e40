/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/command.h"

#include "emulator/allocate.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SETTLED_MAXIMUM 200

static const char *const outcomes[] = {
    [EMU_COMPLETED] = "completed",
    [EMU_REJECTED] = "rejected",
    [EMU_ABANDONED] = "abandoned",
};

/* A device's queue while it is worked on. */
struct queue {
    char *key;
    json_t *document;
    json_t *messages; /* of the document */
    time_t now;
};

static json_int_t number(const json_t *message, const char *name)
{
    return json_integer_value(json_object_get(message, name));
}

static bool add_settled(const struct queue *queue, const json_t *message, const char *outcome)
{
    json_t *settled = json_object_get(queue->document, "settled");

    while (json_array_size(settled) >= SETTLED_MAXIMUM)
        json_array_remove(settled, 0);
    return json_array_append_new(settled, json_pack("{s:I, s:s}", "sequenceNumber",
                                                    number(message, "sequenceNumber"), "outcome", outcome)) ==
           0;
}

/* Takes out what has lived too long or was delivered too often. */
static bool tidy(const struct queue *queue)
{
    bool good = true;

    for (size_t i = json_array_size(queue->messages); i-- > 0;) {
        const json_t *message = json_array_get(queue->messages, i);
        bool locked = number(message, "lockedUntil") > queue->now;
        bool worn = !locked && number(message, "deliveryCount") >= EMU_COMMAND_DELIVERIES_MAXIMUM;

        if (!worn && number(message, "expires") > queue->now)
            continue;
        good = good && add_settled(queue, message, worn ? "dead-lettered" : "expired");
        json_array_remove(queue->messages, i);
    }
    return good;
}

static void queue_free(struct queue *queue)
{
    json_decref(queue->document);
    free(queue->key);
    *queue = (struct queue){0};
}

/* Free it in any case. */
static bool queue_open(const struct emulator *emulator, const json_t *device, struct queue *queue,
                       struct emu_refusal *refusal)
{
    enum emu_found found = EMU_FAILED;

    *queue = (struct queue){.now = emu_now(emulator).tv_sec};
    queue->key = emu_hub_key(emulator, emu_json_text(device, "hub"), emu_json_text(device, "deviceId"));
    if (queue->key != NULL)
        found = emu_store_get(emulator->store, EMU_COMMANDS, queue->key, &queue->document);
    if (found == EMU_ABSENT)
        queue->document = json_pack("{s:i, s:[], s:[]}", "next", 1, "messages", "settled");
    queue->messages = json_object_get(queue->document, "messages");
    return (json_is_array(queue->messages) && tidy(queue)) ||
           emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The messages for the device cannot be read.");
}

static bool queue_store(const struct emulator *emulator, const struct queue *queue,
                        struct emu_refusal *refusal)
{
    return emu_store_put(emulator->store, EMU_COMMANDS, queue->key, queue->document) ||
           emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The messages for the device cannot be written.");
}

static json_t *make_message(const struct emulator *emulator, const struct queue *queue,
                            const json_t *application, const json_t *system, const struct bytes *body)
{
    char *text = emu_base64_encode(body->data != NULL ? (const void *)body->data : "", body->size);
    char time[EMU_TIME_SIZE];
    json_t *message;

    emu_time_text(emu_now(emulator), time);
    message = text != NULL
                  ? json_pack("{s:I, s:s, s:I, s:I, s:s, s:i, s:O, s:O, s:s}", "sequenceNumber",
                              number(queue->document, "next"), "lockToken", "", "lockedUntil", (json_int_t)0,
                              "expires", (json_int_t)(queue->now + EMU_COMMAND_LIFE_SECONDS), "enqueuedTime",
                              time, "deliveryCount", 0, "properties", application, "systemProperties", system,
                              "body", text)
                  : NULL;
    free(text);
    return message;
}

bool emu_command_add(const struct emulator *emulator, const json_t *device, const json_t *application,
                     const json_t *system, const struct bytes *body, json_int_t *sequence,
                     struct emu_refusal *refusal)
{
    struct queue queue;
    bool good = queue_open(emulator, device, &queue, refusal);

    if (good && json_array_size(queue.messages) >= EMU_COMMAND_QUEUE_MAXIMUM)
        good = emu_refuse(refusal, EMU_ERROR_HUB_QUEUE_FULL, "%d messages wait for the device already.",
                          EMU_COMMAND_QUEUE_MAXIMUM);
    if (good && (body->size > EMU_COMMAND_BODY_MAXIMUM ||
                 json_object_size(application) > EMU_COMMAND_PROPERTIES_MAXIMUM))
        good = emu_refuse(refusal, EMU_ERROR_HUB_TOO_LARGE,
                          "A message to a device may have %d bytes and %d properties.",
                          EMU_COMMAND_BODY_MAXIMUM, EMU_COMMAND_PROPERTIES_MAXIMUM);
    if (good) {
        *sequence = number(queue.document, "next");
        if (json_array_append_new(queue.messages,
                                  make_message(emulator, &queue, application, system, body)) != 0 ||
            json_object_set_new(queue.document, "next", json_integer(*sequence + 1)) != 0)
            good = emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "The message cannot be stored.");
    }
    good = good && queue_store(emulator, &queue, refusal);
    queue_free(&queue);
    return good;
}

static json_t *next_unlocked(const struct queue *queue)
{
    size_t index;
    json_t *message;

    json_array_foreach(queue->messages, index, message)
    {
        if (number(message, "lockedUntil") <= queue->now)
            return message;
    }
    return NULL;
}

bool emu_command_receive(const struct emulator *emulator, const json_t *device, json_t **out,
                         struct emu_refusal *refusal)
{
    struct queue queue;
    char guid[EMU_GUID_SIZE];
    json_t *message;
    bool good = queue_open(emulator, device, &queue, refusal);

    *out = NULL;
    message = good ? next_unlocked(&queue) : NULL;
    if (message != NULL) {
        emu_guid(guid);
        json_object_set_new(message, "lockToken", json_string(guid));
        json_object_set_new(message, "lockedUntil", json_integer(queue.now + EMU_COMMAND_LOCK_SECONDS));
        json_object_set_new(message, "deliveryCount", json_integer(number(message, "deliveryCount") + 1));
        good = queue_store(emulator, &queue, refusal);
        if (good)
            *out = json_incref(message);
    }
    queue_free(&queue);
    return good;
}

/* The message of that lock token; its place is *index. */
static json_t *find_locked(const struct queue *queue, const char *lock_token, size_t *index)
{
    for (*index = 0; *index < json_array_size(queue->messages); ++*index) {
        json_t *message = json_array_get(queue->messages, *index);
        const char *token = emu_json_text(message, "lockToken");

        if (token != NULL && token[0] != '\0' && strcasecmp(token, lock_token) == 0)
            return message;
    }
    return NULL;
}

bool emu_command_settle(const struct emulator *emulator, const json_t *device, const char *lock_token,
                        enum emu_outcome outcome, struct emu_refusal *refusal)
{
    struct queue queue;
    json_t *message = NULL;
    size_t index = 0;
    bool good = queue_open(emulator, device, &queue, refusal);

    if (good) {
        message = find_locked(&queue, lock_token, &index);
        if (message == NULL)
            good = emu_refuse(refusal, EMU_ERROR_HUB_NO_MESSAGE,
                              "No message for the device has the lock token %.80s.", lock_token);
        else if (number(message, "lockedUntil") <= queue.now)
            good = emu_refuse(refusal, EMU_ERROR_HUB_LOCK_LOST,
                              "The lock %.80s has ended: the message is to be received anew.", lock_token);
    }
    if (good) {
        good = add_settled(&queue, message, outcomes[outcome]) ||
               emu_refuse(refusal, EMU_ERROR_HUB_INTERNAL, "Out of memory.");
        if (outcome == EMU_ABANDONED)
            json_object_set_new(message, "lockedUntil", json_integer(0));
        else
            json_array_remove(queue.messages, index);
        good = good && queue_store(emulator, &queue, refusal);
    }
    queue_free(&queue);
    return good;
}

static bool print_all(const json_t *list, FILE *out)
{
    size_t index;
    json_t *entry;

    json_array_foreach(list, index, entry)
    {
        if (json_dumpf(entry, out, JSON_COMPACT) != 0 || putc('\n', out) == EOF)
            return false;
    }
    return true;
}

bool emu_command_print(const struct emulator *emulator, const char *device_id, FILE *out)
{
    json_t *device = json_pack("{s:s, s:s}", "hub", EMU_OWN_HUB, "deviceId", device_id);
    struct emu_refusal refusal;
    struct queue queue = {0};
    bool printed = device != NULL && queue_open(emulator, device, &queue, &refusal) &&
                   print_all(json_object_get(queue.document, "settled"), out) &&
                   print_all(queue.messages, out) && fflush(out) == 0;

    queue_free(&queue);
    json_decref(device);
    return printed;
}
