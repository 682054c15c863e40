/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#define COLUMN_MAXIMUM 16
#define NUMBER_SIZE 32

/* The text of a value; `number` is room for those that are no text already. */
static const char *text_of(const json_t *value, char number[NUMBER_SIZE])
{
    if (json_is_string(value))
        return json_string_value(value)[0] != '\0' ? json_string_value(value) : "-";
    if (json_is_boolean(value))
        return json_is_true(value) ? "yes" : "no";
    if (!json_is_integer(value))
        return "-";
    snprintf(number, NUMBER_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return number;
}

/* A control character of the C1 set in UTF-8: U+009B, for one, begins what a terminal obeys. */
static bool is_c1(const char *text)
{
    return (unsigned char)text[0] == 0xc2 && ((unsigned char)text[1] & 0xe0) == 0x80;
}

void cli_print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        bool wide = is_c1(text);

        putchar(wide || (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
        text += wide ? 1 : 0;
    }
}

static enum cli_status print_json(const json_t *value)
{
    if (json_dumpf(value, stdout, JSON_INDENT(2)) != 0 || putchar('\n') == EOF)
        return cli_fail(CLI_INTERNAL, "standard output: cannot be written; is the disk full?");
    return CLI_OK;
}

/* Prints one line of the table; the last column is not padded. */
static void print_line(const char *const *texts, const size_t *widths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cli_print_text(texts[i]);
        if (i + 1 < count)
            printf("%*s", (int)(widths[i] - strlen(texts[i])) + 2, "");
    }
    putchar('\n');
}

static void print_table(const json_t *list, const struct cli_column *columns)
{
    size_t widths[COLUMN_MAXIMUM] = {0};
    const char *texts[COLUMN_MAXIMUM];
    char numbers[COLUMN_MAXIMUM][NUMBER_SIZE];
    size_t count = 0;
    size_t row;
    json_t *object;

    for (; count < COLUMN_MAXIMUM && columns[count].member != NULL; count++) {
        texts[count] = columns[count].heading;
        widths[count] = strlen(columns[count].heading);
    }
    json_array_foreach(list, row, object) for (size_t i = 0; i < count; i++)
    {
        size_t width = strlen(text_of(json_object_get(object, columns[i].member), numbers[i]));

        widths[i] = width > widths[i] ? width : widths[i];
    }
    print_line(texts, widths, count);
    json_array_foreach(list, row, object)
    {
        for (size_t i = 0; i < count; i++)
            texts[i] = text_of(json_object_get(object, columns[i].member), numbers[i]);
        print_line(texts, widths, count);
    }
}

enum cli_status cli_show_list(json_t *list, const struct cli_column *columns, const char *empty, bool json)
{
    enum cli_status status = CLI_OK;

    if (list == NULL)
        return cli_no_memory();
    if (json)
        status = print_json(list);
    else if (json_array_size(list) == 0)
        fprintf(stderr, "%s\n", empty);
    else
        print_table(list, columns);
    json_decref(list);
    return status;
}

static void print_fields(const json_t *object, const struct cli_column *columns)
{
    char number[NUMBER_SIZE];
    int width = 0;

    for (const struct cli_column *row = columns; row->member != NULL; row++)
        if (json_object_get(object, row->member) != NULL && (int)strlen(row->heading) > width)
            width = (int)strlen(row->heading);
    for (const struct cli_column *row = columns; row->member != NULL; row++) {
        const json_t *value = json_object_get(object, row->member);

        if (value == NULL)
            continue;
        printf("%s:%*s ", row->heading, width - (int)strlen(row->heading), "");
        cli_print_text(text_of(value, number));
        putchar('\n');
    }
}

enum cli_status cli_show_object(json_t *object, const struct cli_column *columns, bool json)
{
    enum cli_status status = CLI_OK;

    if (object == NULL)
        return cli_no_memory();
    if (json)
        status = print_json(object);
    else
        print_fields(object, columns);
    json_decref(object);
    return status;
}
