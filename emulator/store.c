/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/store.h"

#include "common/log.h"

#include <sqlite3.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_VERSION 2 /* 2: challenges and commands */
#define BUSY_MILLISECONDS 10000

struct emu_store {
    sqlite3 *database;
};

static const char *const tables[] = {
    [EMU_SETTINGS] = "settings",           [EMU_ENROLLMENTS] = "enrollments", [EMU_GROUPS] = "groups",
    [EMU_REGISTRATIONS] = "registrations", [EMU_DEVICES] = "devices",         [EMU_CHALLENGES] = "challenges",
    [EMU_COMMANDS] = "commands",
};
#define TABLE_COUNT (sizeof tables / sizeof tables[0])

static bool report(struct emu_store *store, const char *what)
{
    log_error("%s: %s", what, sqlite3_errmsg(store->database));
    return false;
}

static bool run(struct emu_store *store, const char *statement)
{
    if (sqlite3_exec(store->database, statement, NULL, NULL, NULL) != SQLITE_OK)
        return report(store, statement);
    return true;
}

/* A statement whose %s is a table name of ours; values are always bound. NULL: failed and logged. */
static sqlite3_stmt *prepare(struct emu_store *store, const char *format, const char *table)
{
    sqlite3_stmt *statement = NULL;
    char text[256];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, format, table);
#pragma GCC diagnostic pop
    if (sqlite3_prepare_v2(store->database, text, -1, &statement, NULL) != SQLITE_OK)
        report(store, text);
    return statement;
}

static bool bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    return sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT) == SQLITE_OK;
}

static bool bind_json(sqlite3_stmt *statement, int index, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    bool bound = text != NULL && bind_text(statement, index, text);

    free(text);
    return bound;
}

static json_t *column_json(sqlite3_stmt *statement, int column)
{
    const void *text = sqlite3_column_text(statement, column);
    size_t size = (size_t)sqlite3_column_bytes(statement, column);

    return text != NULL ? json_loadb(text, size, JSON_DECODE_ANY, NULL) : NULL;
}

static const char *column_text(sqlite3_stmt *statement, int column)
{
    const void *text = sqlite3_column_text(statement, column);

    return text != NULL ? text : "";
}

/* Runs a statement that answers no rows, and ends it. */
static bool finish(struct emu_store *store, sqlite3_stmt *statement, bool bound, const char *what)
{
    bool done = bound && sqlite3_step(statement) == SQLITE_DONE;

    if (!done)
        report(store, what);
    sqlite3_finalize(statement);
    return done;
}

static int schema_version(struct emu_store *store)
{
    sqlite3_stmt *statement = prepare(store, "PRAGMA %s", "user_version");
    int version = -1;

    if (statement != NULL && sqlite3_step(statement) == SQLITE_ROW)
        version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return version;
}

static bool make_schema(struct emu_store *store)
{
    char text[200];

    if (!emu_store_begin(store))
        return false;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        snprintf(
            text, sizeof text,
            "CREATE TABLE IF NOT EXISTS \"%s\" (id TEXT PRIMARY KEY COLLATE NOCASE, document TEXT NOT NULL)",
            tables[i]);
        if (!run(store, text))
            goto out;
    }
    if (!run(store, "CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY AUTOINCREMENT, hub TEXT "
                    "NOT NULL, "
                    "device TEXT NOT NULL COLLATE NOCASE, enqueued TEXT NOT NULL, properties TEXT NOT NULL, "
                    "system TEXT NOT NULL, body BLOB NOT NULL)") ||
        !run(store, "CREATE INDEX IF NOT EXISTS messages_by_device ON messages (device, number)"))
        goto out;
    snprintf(text, sizeof text, "PRAGMA user_version = %d", SCHEMA_VERSION);
    if (run(store, text) && emu_store_commit(store))
        return true;
out:
    emu_store_rollback(store);
    return false;
}

static bool prepare_database(struct emu_store *store, const char *path, char *message, size_t size)
{
    int version;

    sqlite3_busy_timeout(store->database, BUSY_MILLISECONDS);
    version = schema_version(store);
    if (version > SCHEMA_VERSION) {
        snprintf(message, size, "%s was written by a newer devid-emulator (format %d, this one knows %d)",
                 path, version, SCHEMA_VERSION);
        return false;
    }
    if (version >= 0 && run(store, "PRAGMA journal_mode = WAL") &&
        run(store, "PRAGMA synchronous = NORMAL") && (version == SCHEMA_VERSION || make_schema(store)))
        return true;
    snprintf(message, size, "%s cannot be used as a database: %s", path, sqlite3_errmsg(store->database));
    return false;
}

struct emu_store *emu_store_open(const char *path, bool create, char *message, size_t size)
{
    struct emu_store *store = calloc(1, sizeof *store);
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);

    if (store == NULL) {
        snprintf(message, size, "out of memory");
        return NULL;
    }
    if (sqlite3_open_v2(path, &store->database, flags, NULL) != SQLITE_OK) {
        snprintf(message, size, "%s cannot be opened: %s", path, sqlite3_errmsg(store->database));
        emu_store_close(store);
        return NULL;
    }
    if (!prepare_database(store, path, message, size)) {
        emu_store_close(store);
        return NULL;
    }
    return store;
}

void emu_store_close(struct emu_store *store)
{
    if (store == NULL)
        return;
    sqlite3_close(store->database);
    free(store);
}

bool emu_store_begin(struct emu_store *store)
{
    return run(store, "BEGIN IMMEDIATE");
}

bool emu_store_commit(struct emu_store *store)
{
    return run(store, "COMMIT");
}

void emu_store_rollback(struct emu_store *store)
{
    if (sqlite3_get_autocommit(store->database) == 0)
        run(store, "ROLLBACK");
}

enum emu_found emu_store_get(struct emu_store *store, enum emu_collection collection, const char *id,
                             json_t **out)
{
    sqlite3_stmt *statement = prepare(store, "SELECT document FROM \"%s\" WHERE id = ?1", tables[collection]);
    enum emu_found found = EMU_FAILED;
    int step;

    *out = NULL;
    if (statement == NULL)
        return EMU_FAILED;
    step = bind_text(statement, 1, id) ? sqlite3_step(statement) : SQLITE_ERROR;
    if (step == SQLITE_DONE) {
        found = EMU_ABSENT;
    } else if (step == SQLITE_ROW) {
        *out = column_json(statement, 0);
        found = *out != NULL ? EMU_PRESENT : EMU_FAILED;
    }
    if (found == EMU_FAILED)
        report(store, "reading a document");
    sqlite3_finalize(statement);
    return found;
}

bool emu_store_put(struct emu_store *store, enum emu_collection collection, const char *id,
                   const json_t *document)
{
    sqlite3_stmt *statement = prepare(store,
                                      "INSERT INTO \"%s\" (id, document) VALUES (?1, ?2) "
                                      "ON CONFLICT (id) DO UPDATE SET document = excluded.document",
                                      tables[collection]);

    if (statement == NULL)
        return false;
    return finish(store, statement, bind_text(statement, 1, id) && bind_json(statement, 2, document),
                  "writing a document");
}

enum emu_found emu_store_remove(struct emu_store *store, enum emu_collection collection, const char *id)
{
    sqlite3_stmt *statement = prepare(store, "DELETE FROM \"%s\" WHERE id = ?1", tables[collection]);

    if (statement == NULL || !finish(store, statement, bind_text(statement, 1, id), "removing a document"))
        return EMU_FAILED;
    return sqlite3_changes(store->database) != 0 ? EMU_PRESENT : EMU_ABSENT;
}

bool emu_store_each(struct emu_store *store, enum emu_collection collection, emu_document_visit *visit,
                    void *data)
{
    sqlite3_stmt *statement =
        prepare(store, "SELECT id, document FROM \"%s\" ORDER BY id", tables[collection]);
    bool more = true;
    int step = SQLITE_DONE;

    if (statement == NULL)
        return false;
    while (more && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        json_t *document = column_json(statement, 1);

        if (document == NULL) {
            step = SQLITE_ERROR;
            break;
        }
        more = visit(data, column_text(statement, 0), document);
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        report(store, "reading a collection");
    sqlite3_finalize(statement);
    return step == SQLITE_ROW || step == SQLITE_DONE;
}

bool emu_store_add_message(struct emu_store *store, const struct emu_message *message)
{
    sqlite3_stmt *statement = prepare(store,
                                      "INSERT INTO %s (hub, device, enqueued, properties, system, body) "
                                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                                      "messages");
    const void *body = message->body.size != 0 ? (const void *)message->body.data : "";
    bool bound;

    if (statement == NULL)
        return false;
    bound = message->body.size <= INT_MAX && bind_text(statement, 1, message->hub) &&
            bind_text(statement, 2, message->device) && bind_text(statement, 3, message->enqueued) &&
            bind_json(statement, 4, message->properties) && bind_json(statement, 5, message->system) &&
            sqlite3_bind_blob(statement, 6, body, (int)message->body.size, SQLITE_TRANSIENT) == SQLITE_OK;
    return finish(store, statement, bound, "storing a message");
}

static bool visit_message(sqlite3_stmt *statement, emu_message_visit *visit, void *data)
{
    json_t *properties = column_json(statement, 3);
    json_t *system = column_json(statement, 4);
    struct emu_message message = {
        .hub = column_text(statement, 0),
        .device = column_text(statement, 1),
        .enqueued = column_text(statement, 2),
        .properties = properties,
        .system = system,
    };
    struct bytes body = BYTES_EMPTY;
    bool more = false;

    if (bytes_copy(&body, sqlite3_column_blob(statement, 5), (size_t)sqlite3_column_bytes(statement, 5))) {
        message.body = body;
        more = visit(data, &message);
    }
    bytes_free(&body);
    json_decref(properties);
    json_decref(system);
    return more;
}

bool emu_store_each_message(struct emu_store *store, const char *device, emu_message_visit *visit, void *data)
{
    sqlite3_stmt *statement = prepare(store,
                                      "SELECT hub, device, enqueued, properties, system, body FROM %s "
                                      "WHERE ?1 IS NULL OR device = ?1 ORDER BY number",
                                      "messages");
    int step = SQLITE_ERROR;

    if (statement == NULL)
        return false;
    if (bind_text(statement, 1, device))
        while ((step = sqlite3_step(statement)) == SQLITE_ROW && visit_message(statement, visit, data)) {
        }
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        report(store, "reading the messages");
    sqlite3_finalize(statement);
    return step == SQLITE_ROW || step == SQLITE_DONE;
}
