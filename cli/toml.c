/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/toml.h"

#include "cli/scan.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAXIMUM 32
#define KEY_MAXIMUM 1024

/* What is known of a table besides its members: whether more may be said of it. */
enum mark {
    MARK_NONE,     /* begun by the header of a table inside it: a header of its own may follow */
    MARK_HEADER,   /* has had its header */
    MARK_DOTTED,   /* begun by a dotted key: more such keys in the same table may follow */
    MARK_COMPLETE, /* written inline: nothing may follow */
};

struct toml {
    struct cli_scan scan;
    json_t *root;
    json_t *marks; /* of tables, by their address as text */
    unsigned depth;
};

static json_t *read_value(struct toml *toml);

/* --- tables -------------------------------------------------------------------------------------------- */

static void mark_name(const json_t *table, char name[static 24])
{
    snprintf(name, 24, "%p", (const void *)table);
}

static enum mark mark_of(const struct toml *toml, const json_t *table)
{
    char name[24];

    mark_name(table, name);
    return (enum mark)json_integer_value(json_object_get(toml->marks, name));
}

static void set_mark(struct toml *toml, const json_t *table, enum mark mark)
{
    char name[24];

    mark_name(table, name);
    json_object_set_new(toml->marks, name, json_integer(mark));
}

/* The table of that name in `table`, made when it is not there; NULL: something else is. */
static json_t *enter(struct toml *toml, json_t *table, const char *key, enum mark mark)
{
    json_t *next = json_object_get(table, key);

    if (next == NULL) {
        if (json_object_set_new(table, key, json_object()) != 0) {
            cli_scan_fail(&toml->scan, "the key is not UTF-8");
            return NULL;
        }
        next = json_object_get(table, key);
        set_mark(toml, next, mark);
        return next;
    }
    if (!json_is_object(next) || mark_of(toml, next) == MARK_COMPLETE)
        cli_scan_fail(&toml->scan, "%s has a value already", key);
    else if (mark == MARK_DOTTED && mark_of(toml, next) != MARK_DOTTED)
        cli_scan_fail(&toml->scan, "the table %s is written elsewhere already", key);
    else
        return next;
    return NULL;
}

/* The parts of a dotted key up to the last, which is left in *last; the table that holds it, or NULL. */
static json_t *walk(struct toml *toml, json_t *table, enum mark mark, struct buffer *last)
{
    for (unsigned parts = 0; table != NULL; parts++) {
        buffer_free(last);
        buffer_init(last, KEY_MAXIMUM);
        if (!cli_scan_key(&toml->scan, last) || !cli_scan_space(&toml->scan, false))
            return NULL;
        if (!cli_scan_take(&toml->scan, '.'))
            return table;
        if (!cli_scan_space(&toml->scan, false))
            return NULL;
        if (parts == DEPTH_MAXIMUM) {
            cli_scan_fail(&toml->scan, "this is nested too deeply");
            return NULL;
        }
        table = enter(toml, table, buffer_text(last), mark);
    }
    return NULL;
}

/* key = value, into the table. */
static bool read_pair(struct toml *toml, json_t *table)
{
    struct buffer key;
    json_t *value = NULL;
    bool good = false;

    buffer_init(&key, KEY_MAXIMUM);
    table = walk(toml, table, MARK_DOTTED, &key);
    if (table == NULL)
        goto out;
    if (json_object_get(table, buffer_text(&key)) != NULL) {
        cli_scan_fail(&toml->scan, "%s has a value already", buffer_text(&key));
        goto out;
    }
    if (!cli_scan_take(&toml->scan, '=')) {
        cli_scan_fail(&toml->scan, "= is to stand between key and value");
        goto out;
    }
    value = cli_scan_space(&toml->scan, false) ? read_value(toml) : NULL;
    if (value != NULL && json_object_set(table, buffer_text(&key), value) != 0)
        cli_scan_fail(&toml->scan, "the key is not UTF-8");
    else
        good = value != NULL;
out:
    json_decref(value);
    buffer_free(&key);
    return good;
}

/* [a.b]: the table that the lines below belong to; NULL: failed. */
static json_t *read_header(struct toml *toml)
{
    struct buffer key;
    json_t *table = NULL;

    buffer_init(&key, KEY_MAXIMUM);
    cli_scan_step(&toml->scan);
    if (cli_scan_peek(&toml->scan) == '[') {
        cli_scan_fail(&toml->scan, "arrays of tables are not read here");
        goto out;
    }
    if (!cli_scan_space(&toml->scan, false))
        goto out;
    table = walk(toml, toml->root, MARK_NONE, &key);
    table = table != NULL ? enter(toml, table, buffer_text(&key), MARK_NONE) : NULL;
    if (table == NULL)
        goto out;
    if (mark_of(toml, table) != MARK_NONE)
        cli_scan_fail(&toml->scan, "the table %s is there already", buffer_text(&key));
    else if (!cli_scan_take(&toml->scan, ']'))
        cli_scan_fail(&toml->scan, "] is to end the name of table %s", buffer_text(&key));
    else
        set_mark(toml, table, MARK_HEADER);
out:
    buffer_free(&key);
    return toml->scan.message[0] == '\0' ? table : NULL;
}

/* --- values -------------------------------------------------------------------------------------------- */

static json_t *read_array(struct toml *toml)
{
    json_t *array = json_array();

    cli_scan_step(&toml->scan);
    for (;;) {
        json_t *value;

        if (!cli_scan_space(&toml->scan, true))
            break;
        if (cli_scan_take(&toml->scan, ']'))
            return array;
        value = read_value(toml);
        if (value == NULL || json_array_append_new(array, value) != 0 || !cli_scan_space(&toml->scan, true))
            break;
        if (!cli_scan_take(&toml->scan, ',') && cli_scan_peek(&toml->scan) != ']') {
            cli_scan_fail(&toml->scan, ", or ] is to follow here");
            break;
        }
    }
    json_decref(array);
    return NULL;
}

/* Of one line, without a comma at the end. */
static json_t *read_inline_table(struct toml *toml)
{
    json_t *table = json_object();

    cli_scan_step(&toml->scan);
    if (cli_scan_space(&toml->scan, false) && cli_scan_take(&toml->scan, '}')) {
        set_mark(toml, table, MARK_COMPLETE);
        return table;
    }
    while (cli_scan_space(&toml->scan, false) && read_pair(toml, table) &&
           cli_scan_space(&toml->scan, false)) {
        if (cli_scan_take(&toml->scan, '}')) {
            set_mark(toml, table, MARK_COMPLETE);
            return table;
        }
        if (!cli_scan_take(&toml->scan, ',')) {
            cli_scan_fail(&toml->scan, ", or } is to follow here");
            break;
        }
    }
    json_decref(table);
    return NULL;
}

static json_t *read_word(struct toml *toml)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"true",  true },
        {"false", false},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i].word);

        if (toml->scan.size - toml->scan.at < length ||
            memcmp(toml->scan.text + toml->scan.at, words[i].word, length) != 0)
            continue;
        toml->scan.at += length;
        return json_boolean(words[i].value);
    }
    cli_scan_fail(&toml->scan,
                  "a value is to stand here: a \"string\", a number, true, false, [...] or {...}");
    return NULL;
}

static json_t *read_value(struct toml *toml)
{
    int c = cli_scan_peek(&toml->scan);
    json_t *value;

    if (toml->depth == DEPTH_MAXIMUM) {
        cli_scan_fail(&toml->scan, "this is nested too deeply");
        return NULL;
    }
    toml->depth++;
    if (c == '"' || c == '\'')
        value = cli_scan_string(&toml->scan, false);
    else if (c == '[')
        value = read_array(toml);
    else if (c == '{')
        value = read_inline_table(toml);
    else if ((c >= '0' && c <= '9') || c == '+' || c == '-')
        value = cli_scan_integer(&toml->scan);
    else
        value = read_word(toml);
    toml->depth--;
    return value;
}

/* --- the whole ----------------------------------------------------------------------------------------- */

static bool end_line(struct toml *toml)
{
    int c;

    if (!cli_scan_space(&toml->scan, false))
        return false;
    c = cli_scan_peek(&toml->scan);
    if (c < 0 || c == '\n' || c == '#' || (c == '\r' && cli_scan_peek_at(&toml->scan, 1) == '\n'))
        return true;
    return cli_scan_fail(&toml->scan, "the line is to end here");
}

static bool read_lines(struct toml *toml)
{
    json_t *table = toml->root;

    for (;;) {
        if (!cli_scan_space(&toml->scan, true))
            return false;
        if (cli_scan_peek(&toml->scan) < 0)
            return true;
        if (cli_scan_peek(&toml->scan) == '[') {
            table = read_header(toml);
            if (table == NULL)
                return false;
        } else if (!read_pair(toml, table)) {
            return false;
        }
        if (!end_line(toml))
            return false;
    }
}

json_t *cli_toml_read(const char *text, size_t size, char *message, size_t message_size)
{
    struct toml toml = {
        .scan = {.text = text, .size = size, .line = 1, .message = message, .message_size = message_size},
        .root = json_object(),
        .marks = json_object(),
    };
    json_t *read = NULL;

    message[0] = '\0';
    if (toml.root != NULL && toml.marks != NULL && read_lines(&toml))
        read = json_incref(toml.root);
    else
        cli_scan_fail(&toml.scan, "there is not enough memory");
    json_decref(toml.root);
    json_decref(toml.marks);
    return read;
}
