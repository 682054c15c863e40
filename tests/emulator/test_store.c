/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/store.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define store (fixture_emulator.store)

static bool put(const char *id, int value)
{
    json_t *document = json_pack("{s:i}", "value", value);
    bool stored = emu_store_put(store, EMU_DEVICES, id, document);

    json_decref(document);
    return stored;
}

/* The value under the id, -1 when there is none. */
static int get(const char *id)
{
    json_t *document;
    enum emu_found found = emu_store_get(store, EMU_DEVICES, id, &document);
    int value = (int)json_integer_value(json_object_get(document, "value"));

    ck_assert_int_ne(found, EMU_FAILED);
    ck_assert_int_eq(found == EMU_PRESENT, document != NULL);
    json_decref(document);
    return found == EMU_PRESENT ? value : -1;
}

static bool add_message(const char *device, const void *body, size_t size)
{
    json_t *properties = json_pack("{s:s}", "k", "v");
    struct emu_message message = {
        .hub = "hub", .device = device, .enqueued = "now", .properties = properties, .system = properties};
    bool added;

    ck_assert(bytes_copy(&message.body, body, size));
    added = emu_store_add_message(store, &message);
    bytes_free(&message.body);
    json_decref(properties);
    return added;
}

START_TEST(keeps_documents_over_a_reopen)
{
    ck_assert_int_eq(get("a"), -1);
    ck_assert(put("a", 1));
    ck_assert(put("b", 2));
    ck_assert(put("a", 3));
    fixture_reopen();
    ck_assert_int_eq(get("a"), 3);
    ck_assert_int_eq(get("b"), 2);
    ck_assert_int_eq(emu_store_remove(store, EMU_DEVICES, "a"), EMU_PRESENT);
    ck_assert_int_eq(emu_store_remove(store, EMU_DEVICES, "a"), EMU_ABSENT);
    ck_assert_int_eq(get("a"), -1);
}
END_TEST

START_TEST(ids_have_no_case_and_collections_no_common_ids)
{
    json_t *document;

    ck_assert(put("Device-1", 1));
    ck_assert(put("DEVICE-1", 2));
    ck_assert_int_eq(get("device-1"), 2);
    ck_assert_int_eq(emu_store_get(store, EMU_GROUPS, "device-1", &document), EMU_ABSENT);
}
END_TEST

START_TEST(ids_are_bound_not_pasted)
{
    ck_assert(put("x'; DROP TABLE devices; --", 7));
    ck_assert_int_eq(get("x'; DROP TABLE devices; --"), 7);
}
END_TEST

static bool append_id(void *data, const char *id, json_t *document)
{
    char *list = data;

    strcat(list, id);
    json_decref(document);
    return strlen(list) < 3;
}

START_TEST(walks_in_order_until_told_to_stop)
{
    char list[16] = "";

    ck_assert(put("c", 1) && put("a", 1) && put("d", 1) && put("b", 1));
    ck_assert(emu_store_each(store, EMU_DEVICES, append_id, list));
    ck_assert_str_eq(list, "abc");
}
END_TEST

START_TEST(rollback_undoes_all_of_it)
{
    ck_assert(put("a", 1));
    ck_assert(emu_store_begin(store));
    ck_assert(put("a", 2) && put("b", 2) && add_message("d", "x", 1));
    emu_store_rollback(store);
    ck_assert_int_eq(get("a"), 1);
    ck_assert_int_eq(get("b"), -1);
    emu_store_rollback(store); /* without a transaction: nothing to do */
}
END_TEST

START_TEST(a_kill_leaves_whole_transactions)
{
    int status;
    pid_t child;

    ck_assert(put("a", 1));
    emu_store_close(store);
    child = fork();
    if (child == 0) {
        char message[256];

        store = emu_store_open(support_path("emulator.db"), false, message, sizeof message);
        if (store == NULL || !put("b", 2) || !emu_store_begin(store) || !put("a", 9) || !put("c", 9))
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    store = NULL;
    fixture_reopen();
    ck_assert_int_eq(get("a"), 1);
    ck_assert_int_eq(get("b"), 2);
    ck_assert_int_eq(get("c"), -1);
}
END_TEST

static bool count_message(void *data, const struct emu_message *message)
{
    char *list = data;

    ck_assert_str_eq(emu_json_text(message->properties, "k"), "v");
    strcat(list, message->device);
    snprintf(list + strlen(list), 8, "%zu", message->body.size);
    return true;
}

START_TEST(messages_keep_their_order_and_every_byte)
{
    char list[64] = "";

    ck_assert(add_message("b", "one", 3) && add_message("a", "\0\xff", 2) && add_message("B", "", 0));
    fixture_reopen();
    ck_assert(emu_store_each_message(store, NULL, count_message, list));
    ck_assert_str_eq(list, "b3a2B0");
    list[0] = '\0';
    ck_assert(emu_store_each_message(store, "b", count_message, list));
    ck_assert_str_eq(list, "b3B0");
}
END_TEST

START_TEST(a_second_process_reads_meanwhile)
{
    char message[256];
    struct emu_store *mine = store;
    struct emu_store *other = emu_store_open(support_path("emulator.db"), false, message, sizeof message);

    ck_assert_ptr_nonnull(other);
    ck_assert(emu_store_begin(mine));
    ck_assert(put("a", 5));
    store = other;
    ck_assert_int_eq(get("a"), -1);
    store = mine;
    ck_assert(emu_store_commit(mine));
    store = other;
    ck_assert_int_eq(get("a"), 5);
    store = mine;
    emu_store_close(other);
}
END_TEST

START_TEST(what_is_no_store_is_refused_with_its_name)
{
    char message[256] = "";

    support_write(support_path("text.db"),
                  "this is a text file, and a rather long one so that it has a header\n");
    ck_assert_ptr_null(emu_store_open(support_path("text.db"), true, message, sizeof message));
    ck_assert(strstr(message, "text.db") != NULL);
    ck_assert_ptr_null(emu_store_open(support_path("absent.db"), false, message, sizeof message));
    ck_assert(strstr(message, "absent.db") != NULL);
    ck_assert_ptr_null(emu_store_open(support_path("no/such/folder.db"), true, message, sizeof message));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("store");
    TCase *t = tcase_create("store");

    tcase_add_checked_fixture(t, fixture_setup, fixture_teardown);
    tcase_add_test(t, keeps_documents_over_a_reopen);
    tcase_add_test(t, ids_have_no_case_and_collections_no_common_ids);
    tcase_add_test(t, ids_are_bound_not_pasted);
    tcase_add_test(t, walks_in_order_until_told_to_stop);
    tcase_add_test(t, rollback_undoes_all_of_it);
    tcase_add_test(t, a_kill_leaves_whole_transactions);
    tcase_add_test(t, messages_keep_their_order_and_every_byte);
    tcase_add_test(t, a_second_process_reads_meanwhile);
    tcase_add_test(t, what_is_no_store_is_refused_with_its_name);
    suite_add_tcase(s, t);
    return s;
}
