/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/index.h"
#include "pkcs11/objects.h"
#include "tests/support/module.h"

#include <stdio.h>
#include <string.h>

#define MANY 1000

static size_t under(const struct index *index, uint64_t hash)
{
    size_t count = 0;

    for (const struct index_node *node = index_first(index, hash); node != NULL; node = index_next(node))
        count++;
    return count;
}

START_TEST(what_was_added_is_found_and_what_was_removed_is_not)
{
    struct index index = {0};
    int pointers[MANY];

    ck_assert_uint_eq(under(&index, 1), 0);
    index_remove(&index, 1, &pointers[0]);
    for (size_t i = 0; i < MANY; i++)
        ck_assert(index_add(&index, index_hash(&i, sizeof i), &pointers[i]));
    for (size_t i = 0; i < MANY; i++) {
        ck_assert_uint_eq(under(&index, index_hash(&i, sizeof i)), 1);
        ck_assert_ptr_eq(index_first(&index, index_hash(&i, sizeof i))->pointer, &pointers[i]);
    }
    for (size_t i = 0; i < MANY; i += 2)
        index_remove(&index, index_hash(&i, sizeof i), &pointers[i]);
    for (size_t i = 0; i < MANY; i++)
        ck_assert_uint_eq(under(&index, index_hash(&i, sizeof i)), i % 2);
    ck_assert_uint_eq(index.count, MANY / 2);
    index_free(&index);
    ck_assert_uint_eq(under(&index, 1), 0);
}
END_TEST

START_TEST(one_hash_holds_many_pointers)
{
    struct index index = {0};
    int pointers[MANY];

    for (size_t i = 0; i < MANY; i++)
        ck_assert(index_add(&index, 7, &pointers[i]));
    ck_assert_uint_eq(under(&index, 7), MANY);
    index_remove(&index, 7, &pointers[500]);
    index_remove(&index, 7, &pointers[500]);
    index_remove(&index, 8, &pointers[501]);
    ck_assert_uint_eq(under(&index, 7), MANY - 1);
    index_replace(&index, 7, &pointers[501], 8, &pointers[500]);
    ck_assert_uint_eq(under(&index, 7), MANY - 2);
    ck_assert_ptr_eq(index_first(&index, 8)->pointer, &pointers[500]);
    index_replace(&index, 9, &pointers[0], 8, &pointers[0]);
    ck_assert_uint_eq(under(&index, 8), 1);
    index_free(&index);
}
END_TEST

/* --- the objects of a token
 * ------------------------------------------------------------------------------------ */

static struct objects objects;

/* Objects with an id and a label of their own; every tenth has neither. */
static void fill(void)
{
    objects = (struct objects){0};
    for (unsigned i = 0; i < MANY; i++) {
        struct object *object = object_new(CKO_DATA, NULL);
        char label[16];

        snprintf(label, sizeof label, "object %u", i);
        ck_assert_ptr_nonnull(object);
        if (i % 10 != 0) {
            ck_assert_rv(attributes_set(&object->attributes, CKA_ID, &i, sizeof i), CKR_OK);
            ck_assert_rv(attributes_set(&object->attributes, CKA_LABEL, label, strlen(label)), CKR_OK);
        }
        ck_assert_rv(objects_add(&objects, object), CKR_OK);
        object_return(object);
    }
}

static void empty(void)
{
    objects_free(&objects);
}

static size_t candidates(CK_ATTRIBUTE *items, CK_ULONG count)
{
    struct candidates left = objects_candidates(&objects, items, count);
    size_t number = 0;

    while (objects_next(&left) != NULL)
        number++;
    return number;
}

START_TEST(a_search_by_id_or_label_looks_at_one_object_of_a_thousand)
{
    unsigned id = 123;
    char label[] = "object 456";
    CK_OBJECT_CLASS data = CKO_DATA;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &data, sizeof data     },
        {CKA_ID,    &id,   sizeof id       },
        {CKA_LABEL, label, sizeof label - 1},
    };

    ck_assert_uint_eq(candidates(items, 2), 1);
    ck_assert_uint_eq(candidates(&items[2], 1), 1);
    ck_assert_uint_eq(candidates(items, 3), 1);
    id = MANY;
    ck_assert_uint_eq(candidates(items, 2), 0);
}
END_TEST

START_TEST(other_searches_look_at_all_objects)
{
    CK_OBJECT_CLASS data = CKO_DATA;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &data, sizeof data               },
        {CKA_ID,    NULL,  4                         },
        {CKA_ID,    &data, CK_UNAVAILABLE_INFORMATION},
    };

    ck_assert_uint_eq(candidates(NULL, 0), MANY);
    ck_assert_uint_eq(candidates(items, 1), MANY);
    ck_assert_uint_eq(candidates(items, 2), MANY);
    ck_assert_uint_eq(candidates(&items[2], 1), MANY);
}
END_TEST

START_TEST(an_empty_value_finds_objects_without_one)
{
    CK_ATTRIBUTE item = {CKA_LABEL, NULL, 0};

    ck_assert_uint_eq(candidates(&item, 1), MANY / 10);
}
END_TEST

START_TEST(removed_and_replaced_objects_are_found_by_what_they_are)
{
    char old_label[] = "object 11";
    char new_label[] = "new";
    CK_ATTRIBUTE old_item = {CKA_LABEL, old_label, 9};
    CK_ATTRIBUTE new_item = {CKA_LABEL, new_label, 3};
    struct attributes changes = {0};
    struct object *object = objects_find(&objects, 12);
    struct object *changed;

    ck_assert(object_matches(object, &old_item, 1));
    ck_assert_rv(attributes_set(&changes, CKA_LABEL, new_label, 3), CKR_OK);
    changed = object_copy(object, &changes);
    objects_replace(&objects, object, changed);
    object_return(changed);
    attributes_free(&changes);
    ck_assert_uint_eq(candidates(&old_item, 1), 0);
    ck_assert_uint_eq(candidates(&new_item, 1), 1);
    objects_remove(&objects, 12);
    ck_assert_uint_eq(candidates(&new_item, 1), 0);
    ck_assert_uint_eq(candidates(NULL, 0), MANY - 1);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("index");
    TCase *index = tcase_create("index");
    TCase *token = tcase_create("objects");

    tcase_add_test(index, what_was_added_is_found_and_what_was_removed_is_not);
    tcase_add_test(index, one_hash_holds_many_pointers);
    suite_add_tcase(suite, index);
    tcase_add_checked_fixture(token, fill, empty);
    tcase_add_test(token, a_search_by_id_or_label_looks_at_one_object_of_a_thousand);
    tcase_add_test(token, other_searches_look_at_all_objects);
    tcase_add_test(token, an_empty_value_finds_objects_without_one);
    tcase_add_test(token, removed_and_replaced_objects_are_found_by_what_they_are);
    suite_add_tcase(suite, token);
    return suite;
}
