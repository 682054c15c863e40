/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/tsskey.h"
#include "tests/support/module.h"

#include <string.h>

static uint8_t public_area[] = {0, 4, 'p', 'u', 'b', 'l'};
static uint8_t private_area[] = {0, 3, 'k', 'e', 'y'};

static const struct tss_key plain = {
    .kind = TSS_KEY_LOADABLE,
    .empty_auth = true,
    .parent = 0x81000001,
    .public = {public_area,  sizeof public_area },
    .private = {private_area, sizeof private_area},
};

static void start(void)
{
    ck_assert_rv(soft_start(), CKR_OK);
}

static void assert_round_trip(const struct tss_key *key)
{
    struct tss_key read;
    struct bytes der;

    ck_assert_rv(soft_tss_key_write(key, &der), CKR_OK);
    ck_assert_rv(soft_tss_key_read(&der, &read), CKR_OK);
    ck_assert_int_eq(read.kind, key->kind);
    ck_assert_int_eq(read.empty_auth, key->empty_auth);
    ck_assert_int_eq(read.rsa_parent, key->rsa_parent);
    ck_assert_uint_eq(read.parent, key->parent);
    ck_assert_uint_eq(read.policy_count, 0);
    ck_assert_uint_eq(read.auth_policies.size, 0);
    ck_assert(bytes_equal(read.public.data, read.public.size, key->public.data, key->public.size));
    ck_assert(bytes_equal(read.private.data, read.private.size, key->private.data, key->private.size));
    ck_assert(bytes_equal(read.secret.data, read.secret.size, key->secret.data, key->secret.size));
    ck_assert(bytes_equal(read.description.data, read.description.size, key->description.data,
                          key->description.size));
    tss_key_free(&read);
    bytes_free(&der);
}

START_TEST(what_is_written_is_read_again)
{
    static const uint32_t parents[] = {0, 0x40000001, 0x7fffffff, 0x81000001, 0xffffffff};

    for (int bits = 0; bits < 16; bits++) {
        for (enum tss_key_kind kind = TSS_KEY_LOADABLE; kind < TSS_KEY_KINDS; kind++) {
            for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++) {
                struct tss_key key = plain;

                key.kind = kind;
                key.parent = parents[i];
                key.empty_auth = (bits & 1) != 0;
                key.rsa_parent = (bits & 2) != 0;
                if ((bits & 4) != 0)
                    key.secret = (struct bytes){private_area, sizeof private_area};
                if ((bits & 8) != 0)
                    key.description = (struct bytes){public_area + 2, sizeof public_area - 2};
                assert_round_trip(&key);
            }
        }
    }
}
END_TEST

/* The structure as another tool writes it: emptyAuth, parent 0x81000001. */
START_TEST(the_encoding_is_that_of_the_draft)
{
    static const uint8_t wanted[] = {
        0x30, 0x23,                                     /* SEQUENCE */
        0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01, 0x03, /* 2.23.133.10.1.3 */
        0xa0, 0x03, 0x01, 0x01, 0xff,                   /* [0] TRUE */
        0x02, 0x05, 0x00, 0x81, 0x00, 0x00, 0x01,       /* parent */
        0x04, 0x06, 0x00, 0x04, 'p',  'u',  'b',  'l',  /* pubkey */
        0x04, 0x05, 0x00, 0x03, 'k',  'e',  'y',        /* privkey */
    };
    struct bytes der;

    ck_assert_rv(soft_tss_key_write(&plain, &der), CKR_OK);
    ck_assert_uint_eq(der.size, wanted[1] + 2U);
    ck_assert_mem_eq(der.data, wanted, sizeof wanted);
    bytes_free(&der);
}
END_TEST

/* The plain key with a field behind emptyAuth. The caller frees it. */
static struct bytes with_field(const uint8_t *field, size_t size)
{
    struct bytes plain_der;
    struct bytes der;

    ck_assert_rv(soft_tss_key_write(&plain, &plain_der), CKR_OK);
    ck_assert(bytes_alloc(&der, plain_der.size + size));
    memcpy(der.data, plain_der.data, 15); /* up to emptyAuth's end */
    memcpy(der.data + 15, field, size);
    memcpy(der.data + 15 + size, plain_der.data + 15, plain_der.size - 15);
    der.data[1] = (uint8_t)(der.size - 2);
    bytes_free(&plain_der);
    return der;
}

/* Of two commands, PolicyAuthValue and PolicyPCR with something; then an authPolicy with a name and one
 * command. */
static const uint8_t policy_field[] = {0xa1, 0x1b, 0x30, 0x19,                         /* [1] SEQUENCE OF */
                                       0x30, 0x0a, 0xa0, 0x04, 0x02, 0x02, 0x01, 0x6b, /* PolicyAuthValue */
                                       0xa1, 0x02, 0x04, 0x00,                         /* nothing */
                                       0x30, 0x0b, 0xa0, 0x04, 0x02, 0x02, 0x01, 0x7f, /* PolicyPCR */
                                       0xa1, 0x03, 0x04, 0x01, 0xaa};
static const uint8_t auth_policy_field[] = {0xa3, 0x18, 0x30, 0x16,                  /* [3] SEQUENCE OF */
                                            0x30, 0x14, 0xa0, 0x03, 0x0c, 0x01, 'a', /* name */
                                            0xa1, 0x0d, 0x30, 0x0b, 0x30, 0x09, 0xa0, 0x03, /* a command */
                                            0x02, 0x01, 0x07, 0xa1, 0x02, 0x04, 0x00};

START_TEST(a_policy_is_read_and_written_alike)
{
    struct bytes der = with_field(policy_field, sizeof policy_field);
    struct bytes again;
    struct tss_key read;

    ck_assert_rv(soft_tss_key_read(&der, &read), CKR_OK);
    ck_assert_uint_eq(read.policy_count, 2);
    ck_assert_uint_eq(read.policy[0].code, 0x16b);
    ck_assert_uint_eq(read.policy[0].command.size, 0);
    ck_assert_uint_eq(read.policy[1].code, 0x17f);
    ck_assert(bytes_equal(read.policy[1].command.data, read.policy[1].command.size, (uint8_t[]){0xaa}, 1));
    ck_assert_rv(soft_tss_key_write(&read, &again), CKR_OK);
    ck_assert(bytes_equal(again.data, again.size, der.data, der.size));
    bytes_free(&again);
    tss_key_free(&read);
    bytes_free(&der);
}
END_TEST

START_TEST(policies_of_an_authority_are_kept_as_they_are)
{
    struct bytes der = with_field(auth_policy_field, sizeof auth_policy_field);
    struct bytes again;
    struct tss_key read;

    ck_assert_rv(soft_tss_key_read(&der, &read), CKR_OK);
    ck_assert_uint_eq(read.policy_count, 0);
    ck_assert(bytes_equal(read.auth_policies.data, read.auth_policies.size, auth_policy_field + 2,
                          sizeof auth_policy_field - 2));
    ck_assert_rv(soft_tss_key_write(&read, &again), CKR_OK);
    ck_assert(bytes_equal(again.data, again.size, der.data, der.size));
    bytes_free(&again);
    tss_key_free(&read);
    bytes_free(&der);
}
END_TEST

START_TEST(what_is_no_policy_is_refused)
{
    static const struct {
        uint8_t extra[20];
        size_t size;
    } rows[] = {
        {{0xa1, 0x03, 0x04, 0x01, 0xaa},                                                             5 }, /* no SEQUENCE */
        {{0xa1, 0x04, 0x30, 0x02, 0x30, 0x00},                                                       6 }, /* a command of nothing */
        {{0xa1, 0x09, 0x30, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x02, 0x01, 0x01},                         11}, /* no parameters */
        {{0xa1, 0x0d, 0x30, 0x0b, 0x30, 0x09, 0xa0, 0x03, 0x02, 0x01, 0xff, 0xa1, 0x02, 0x04, 0x00}, 15},
        {{0xa1, 0x11, 0x30, 0x0f, 0x30, 0x0d, 0xa0, 0x07, 0x02, 0x05, 0x01, 0, 0, 0, 0, 0xa1, 0x02, 0x04,
          0x00},
         19                                                                                            }, /* 33 bits */
        {{0xa3, 0x04, 0x30, 0x02, 0x30, 0x00},                                                       6 }, /* authPolicy of nothing */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes der = with_field(rows[i].extra, rows[i].size);
        struct tss_key read;

        ck_assert_rv(soft_tss_key_read(&der, &read), CKR_DATA_INVALID);
        ck_assert_uint_eq(read.policy_count, 0);
        bytes_free(&der);
    }
}
END_TEST

/* As many commands as are allowed, and then one more, in long lengths. */
START_TEST(a_policy_has_a_limit)
{
    static const uint8_t command[11] = {0x30, 9, 0xa0, 3, 2, 1, 7, 0xa1, 2, 4, 0};

    for (int more = 0; more < 2; more++) {
        size_t list = sizeof command * (size_t)(TSS_POLICY_COMMANDS + more);
        uint8_t field[6 + sizeof command * (TSS_POLICY_COMMANDS + 1)] = {0xa1, 0x81, (uint8_t)(list + 3),
                                                                         0x30, 0x81, (uint8_t)list};
        struct bytes short_der;
        struct bytes der;
        struct tss_key read;

        for (size_t i = 0; i < list; i += sizeof command)
            memcpy(field + 6 + i, command, sizeof command);
        short_der = with_field(field, 6 + list);
        ck_assert(bytes_alloc(&der, short_der.size + 1));
        memcpy(der.data, (uint8_t[]){0x30, 0x81, (uint8_t)(short_der.size - 2)}, 3);
        memcpy(der.data + 3, short_der.data + 2, short_der.size - 2);
        ck_assert_uint_lt(short_der.size - 2, 256);
        ck_assert_rv(soft_tss_key_read(&der, &read), more ? CKR_DATA_INVALID : CKR_OK);
        ck_assert_uint_eq(read.policy_count, more ? 0 : TSS_POLICY_COMMANDS);
        tss_key_free(&read);
        bytes_free(&short_der);
        bytes_free(&der);
    }
}
END_TEST

START_TEST(optional_fields_are_not_in_the_way)
{
    static const struct {
        uint8_t extra[12];
        size_t size;
    } rows[] = {
        {{0xa1, 0x02, 0x30, 0x00},           4}, /* policy: nothing in it */
        {{0xa2, 0x03, 0x04, 0x01, 0xaa},     5}, /* secret */
        {{0xa3, 0x02, 0x30, 0x00},           4}, /* authPolicy: nothing in it */
        {{0xa4, 0x04, 0x0c, 0x02, 'h', 'i'}, 6}, /* description */
        {{0xa5, 0x03, 0x01, 0x01, 0xff},     5}, /* rsaParent */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes der = with_field(rows[i].extra, rows[i].size);
        struct tss_key read;

        ck_assert_rv(soft_tss_key_read(&der, &read), CKR_OK);
        ck_assert_uint_eq(read.policy_count, 0);
        ck_assert_uint_eq(read.auth_policies.size, 0);
        tss_key_free(&read);
        bytes_free(&der);
    }
}
END_TEST

START_TEST(no_part_of_a_key_is_one_nor_is_one_with_a_tail)
{
    struct tss_key read;
    struct bytes der;
    struct bytes longer;

    ck_assert_rv(soft_tss_key_write(&plain, &der), CKR_OK);
    for (size_t size = 0; size < der.size; size++) {
        struct bytes part;

        ck_assert(bytes_copy(&part, der.data, size)); /* of its own, so that a read beyond it shows */
        ck_assert_rv(soft_tss_key_read(&part, &read), CKR_DATA_INVALID);
        ck_assert_ptr_null(read.public.data);
        bytes_free(&part);
    }
    ck_assert(bytes_alloc(&longer, der.size + 1));
    memcpy(longer.data, der.data, der.size);
    ck_assert_rv(soft_tss_key_read(&longer, &read), CKR_DATA_INVALID);
    bytes_free(&longer);
    bytes_free(&der);
}
END_TEST

START_TEST(any_other_byte_anywhere_is_refused_or_read_but_never_crashes)
{
    struct bytes der;

    ck_assert_rv(soft_tss_key_write(&plain, &der), CKR_OK);
    for (size_t i = 0; i < der.size; i++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            struct tss_key read;
            CK_RV rv;

            der.data[i] ^= (uint8_t)flip;
            rv = soft_tss_key_read(&der, &read);
            ck_assert(rv == CKR_OK || rv == CKR_DATA_INVALID);
            if (rv == CKR_OK)
                tss_key_free(&read);
            der.data[i] ^= (uint8_t)flip;
        }
    }
    bytes_free(&der);
}
END_TEST

START_TEST(a_parent_must_be_a_handle)
{
    static const uint8_t parents[][7] = {
        {0x02, 0x05, 0x01, 0x00, 0x00, 0x00, 0x00}, /* more than 32 bits */
        {0x02, 0x05, 0xff, 0x00, 0x00, 0x00, 0x00}, /* negative */
    };

    for (size_t i = 0; i < 2; i++) {
        struct tss_key read;
        struct bytes der;

        ck_assert_rv(soft_tss_key_write(&plain, &der), CKR_OK);
        memcpy(der.data + 15, parents[i], sizeof parents[i]);
        ck_assert_rv(soft_tss_key_read(&der, &read), CKR_DATA_INVALID);
        bytes_free(&der);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("tsskey");
    TCase *t = tcase_create("tsskey");

    tcase_add_checked_fixture(t, start, NULL);
    tcase_add_test(t, what_is_written_is_read_again);
    tcase_add_test(t, the_encoding_is_that_of_the_draft);
    tcase_add_test(t, a_policy_is_read_and_written_alike);
    tcase_add_test(t, policies_of_an_authority_are_kept_as_they_are);
    tcase_add_test(t, what_is_no_policy_is_refused);
    tcase_add_test(t, a_policy_has_a_limit);
    tcase_add_test(t, optional_fields_are_not_in_the_way);
    tcase_add_test(t, no_part_of_a_key_is_one_nor_is_one_with_a_tail);
    tcase_add_test(t, any_other_byte_anywhere_is_refused_or_read_but_never_crashes);
    tcase_add_test(t, a_parent_must_be_a_handle);
    suite_add_tcase(s, t);
    return s;
}
