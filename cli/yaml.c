/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/yaml.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAXIMUM 32

struct reading {
    yaml_parser_t parser;
    unsigned depth;
    char *message;
    size_t message_size;
};

static json_t *read_node(struct reading *reading, const yaml_event_t *event);

static bool fail(const struct reading *reading, yaml_mark_t mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The first failure is the one to tell. */
static bool fail(const struct reading *reading, yaml_mark_t mark, const char *format, ...)
{
    va_list arguments;
    int length;

    if (reading->message[0] != '\0')
        return false;
    length = snprintf(reading->message, reading->message_size, "line %zu, column %zu: ", mark.line + 1,
                      mark.column + 1);
    va_start(arguments, format);
    if (length > 0 && (size_t)length < reading->message_size)
        vsnprintf(reading->message + length, reading->message_size - (size_t)length, format, arguments);
    va_end(arguments);
    return false;
}

/* The next event, to be deleted by the caller. */
static bool next(struct reading *reading, yaml_event_t *event)
{
    if (yaml_parser_parse(&reading->parser, event) == 1)
        return true;
    return fail(reading, reading->parser.problem_mark, "%s",
                reading->parser.problem != NULL ? reading->parser.problem : "this is no YAML");
}

/* The plain words that are no strings. */
static json_t *read_scalar(const struct reading *reading, const yaml_event_t *event)
{
    static const struct {
        const char *word;
        json_type type;
    } words[] = {
        {"true",  JSON_TRUE },
        {"false", JSON_FALSE},
        {"null",  JSON_NULL },
        {"~",     JSON_NULL },
        {"",      JSON_NULL },
    };
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    json_t *value;

    for (size_t i = 0;
         event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].word) == length && memcmp(words[i].word, text, length) == 0)
            return words[i].type == JSON_NULL ? json_null() : json_boolean(words[i].type == JSON_TRUE);
    value = memchr(text, '\0', length) == NULL ? json_stringn(text, length) : NULL;
    if (value == NULL)
        fail(reading, event->start_mark, "the text is not UTF-8");
    return value;
}

static json_t *read_sequence(struct reading *reading)
{
    json_t *list = json_array();
    yaml_event_t event;

    while (next(reading, &event)) {
        json_t *item;

        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return list;
        }
        item = read_node(reading, &event);
        yaml_event_delete(&event);
        if (item == NULL || json_array_append_new(list, item) != 0)
            break;
    }
    json_decref(list);
    return NULL;
}

/* The value of the key, into the object. */
static bool read_member(struct reading *reading, const yaml_event_t *key, json_t *object)
{
    const char *name = (const char *)key->data.scalar.value;
    yaml_event_t event;
    json_t *value;

    if (key->type != YAML_SCALAR_EVENT || strlen(name) != key->data.scalar.length)
        return fail(reading, key->start_mark, "a key is to stand here");
    if (json_object_get(object, name) != NULL)
        return fail(reading, key->start_mark, "%.100s has a value already", name);
    if (!next(reading, &event))
        return false;
    value = read_node(reading, &event);
    yaml_event_delete(&event);
    return value != NULL && (json_object_set_new(object, name, value) == 0 ||
                             fail(reading, key->start_mark, "the key is not UTF-8"));
}

static json_t *read_mapping(struct reading *reading)
{
    json_t *object = json_object();
    yaml_event_t event;

    while (next(reading, &event)) {
        bool ended = event.type == YAML_MAPPING_END_EVENT;
        bool good = ended || read_member(reading, &event, object);

        yaml_event_delete(&event);
        if (ended)
            return object;
        if (!good)
            break;
    }
    json_decref(object);
    return NULL;
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

static json_t *read_node(struct reading *reading, const yaml_event_t *event)
{
    json_t *node = NULL;

    if (event->type == YAML_ALIAS_EVENT || anchor_of(event) != NULL || reading->depth == DEPTH_MAXIMUM) {
        fail(reading, event->start_mark, "%s",
             reading->depth == DEPTH_MAXIMUM ? "this is nested too deeply"
                                             : "anchors and aliases are not read here");
        return NULL;
    }
    reading->depth++;
    if (event->type == YAML_SCALAR_EVENT)
        node = read_scalar(reading, event);
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        node = read_sequence(reading);
    else if (event->type == YAML_MAPPING_START_EVENT)
        node = read_mapping(reading);
    else
        fail(reading, event->start_mark, "a value is to stand here");
    reading->depth--;
    return node;
}

/* Stream and document begin; *event is the first node, or the end of an empty stream. */
static bool begin(struct reading *reading, yaml_event_t *event)
{
    while (next(reading, event)) {
        if (event->type != YAML_STREAM_START_EVENT && event->type != YAML_DOCUMENT_START_EVENT)
            return true;
        yaml_event_delete(event);
    }
    return false;
}

/* Nothing but the end of document and stream follows. */
static bool end(struct reading *reading)
{
    yaml_event_t event;

    while (next(reading, &event)) {
        yaml_event_type_t type = event.type;
        yaml_mark_t mark = event.start_mark;

        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT)
            return true;
        if (type != YAML_DOCUMENT_END_EVENT)
            return fail(reading, mark, "there is a second document");
    }
    return false;
}

json_t *cli_yaml_read(const char *text, size_t size, char *message, size_t message_size)
{
    struct reading reading = {.message = message, .message_size = message_size};
    yaml_event_t event;
    json_t *value = NULL;

    message[0] = '\0';
    if (yaml_parser_initialize(&reading.parser) != 1) {
        snprintf(message, message_size, "there is not enough memory");
        return NULL;
    }
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)text, size);
    if (begin(&reading, &event)) {
        value = read_node(&reading, &event);
        yaml_event_delete(&event);
    }
    if (value != NULL && !end(&reading)) {
        json_decref(value);
        value = NULL;
    }
    yaml_parser_delete(&reading.parser);
    return value;
}
