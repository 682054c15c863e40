/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/attest.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <string.h>

static struct emu_verdict verdict;
static struct emu_refusal refusal;

/* Judges a device that shows this chain; the number of the refusal, 0 when it is let in. */
static int judge(const char *id, const struct identity *first, const struct identity *second,
                 const struct identity *third)
{
    const struct identity *shown[] = {first, second, third};
    struct bytes peer[3];
    struct emu_request request = {.method = "PUT", .path = "/", .peer = peer};

    for (; request.peer_count < 3 && shown[request.peer_count] != NULL; request.peer_count++)
        peer[request.peer_count] = shown[request.peer_count]->der;
    emu_verdict_free(&verdict);
    refusal = (struct emu_refusal){0};
    return emu_attest(&fixture_emulator, &request, id, &verdict, &refusal) ? 0
                                                                           : emu_error_code(refusal.error);
}

static void teardown(void)
{
    emu_verdict_free(&verdict);
    fixture_teardown();
}

#define ck_refused(code, text, ...)                                                                          \
    do {                                                                                                     \
        ck_assert_int_eq(judge(__VA_ARGS__), code);                                                          \
        ck_assert_msg(strstr(refusal.message, text) != NULL, "%s", refusal.message);                         \
    } while (0)

static const struct identity *leaf_dated(const char *name, const struct identity *issuer, int begins,
                                         int ends)
{
    return identity_make(&(struct identity_options){
        .common_name = name, .issuer = issuer, .begins_days = begins, .ends_days = ends});
}

/* --- individual ---------------------------------------------------------------------------------------- */

START_TEST(either_pinned_certificate_is_let_in)
{
    const struct identity *first = identity_leaf("dev", NULL);
    const struct identity *second = identity_leaf("dev", NULL);

    ck_assert_uint_eq(enroll("dev", first, second, NULL), 200);
    ck_assert_int_eq(judge("dev", first, NULL, NULL), 0);
    ck_assert_int_eq(judge("DEV", second, NULL, NULL), 0);
    ck_assert_ptr_null(verdict.group);
    ck_assert_str_eq(verdict.type, "x509");
    ck_assert_str_eq(emu_json_text(json_object_get(verdict.report, "certificateInfo"), "subjectName"),
                     "O=test, CN=dev");
}
END_TEST

START_TEST(another_certificate_of_the_same_key_and_name_is_refused)
{
    const struct identity *enrolled = identity_leaf("dev", NULL);
    const struct identity *renewed =
        identity_make(&(struct identity_options){.common_name = "dev", .key_of = enrolled});

    ck_assert_uint_eq(enroll("dev", enrolled, NULL, NULL), 200);
    ck_refused(401002, "neither the primary nor the secondary", "dev", renewed, NULL, NULL);
}
END_TEST

START_TEST(individual_needs_a_certificate)
{
    ck_assert_uint_eq(enroll("dev", identity_leaf("dev", NULL), NULL, NULL), 200);
    ck_refused(401002, "showed no certificate", "dev", NULL, NULL, NULL);
}
END_TEST

START_TEST(individual_dates_count)
{
    const struct identity *expired = leaf_dated("dev", NULL, -20, -10);
    const struct identity *future = leaf_dated("dev", NULL, 10, 20);

    ck_assert_uint_eq(enroll("dev", expired, future, NULL), 200);
    ck_refused(401002, "has expired", "dev", expired, NULL, NULL);
    ck_refused(401002, "not yet valid", "dev", future, NULL, NULL);
    fixture_emulator.clock_offset = 15 * 86400;
    ck_assert_int_eq(judge("dev", future, NULL, NULL), 0);
}
END_TEST

START_TEST(individual_common_name_is_the_registration_id)
{
    const struct identity *other = identity_leaf("other", NULL);
    const struct identity *none = identity_make(&(struct identity_options){0});
    const struct identity *two =
        identity_make(&(struct identity_options){.common_name = "two", .second_name = "evil"});

    ck_assert_uint_eq(enroll("dev", other, none, NULL), 200);
    ck_refused(401002, "other is not the registration id dev", "dev", other, NULL, NULL);
    ck_refused(401002, "must have one common name", "dev", none, NULL, NULL);
    ck_assert_uint_eq(enroll("two", two, NULL, NULL), 200);
    ck_refused(401002, "must have one common name", "two", two, NULL, NULL);
}
END_TEST

START_TEST(disabled_individual_is_refused)
{
    const struct identity *leaf = identity_leaf("dev", NULL);

    ck_assert_uint_eq(enroll("dev", leaf, NULL, ",\"provisioningStatus\":\"disabled\""), 200);
    ck_refused(401002, "is disabled", "dev", leaf, NULL, NULL);
}
END_TEST

/* --- groups -------------------------------------------------------------------------------------------- */

START_TEST(unknown_device_without_groups_is_404)
{
    ck_refused(404201, "Enrollment not found", "dev", identity_leaf("dev", NULL), NULL, NULL);
    ck_refused(404201, "Enrollment not found", "dev", NULL, NULL, NULL);
}
END_TEST

START_TEST(group_by_root_takes_the_whole_chain)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *middle = identity_ca("middle", root);
    const struct identity *leaf = identity_leaf("dev", middle);

    ck_assert_uint_eq(enroll_group("by-root", root, NULL, NULL), 200);
    ck_assert_int_eq(judge("dev", leaf, middle, NULL), 0);
    ck_assert_str_eq(verdict.group, "by-root");
    ck_assert_str_eq(emu_json_text(json_object_get(verdict.report, "signingCertificateInfo"), "subjectName"),
                     "O=test, CN=root");
    ck_assert_int_eq(judge("dev", leaf, middle, root), 0);
    ck_assert_int_eq(judge("dev", leaf, root, middle), 0); /* in any order above the leaf */
    ck_refused(401002, "CA certificate not found", "dev", leaf, NULL, NULL);
}
END_TEST

START_TEST(group_by_intermediate_needs_no_root)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *middle = identity_ca("middle", root);
    const struct identity *leaf = identity_leaf("Dev-1", middle);

    ck_assert_uint_eq(enroll_group("by-middle", identity_ca("unused", NULL), middle, NULL), 200);
    ck_assert_int_eq(judge("dev-1", leaf, NULL, NULL), 0);
    ck_assert_int_eq(judge("dev-1", leaf, middle, root), 0);
}
END_TEST

START_TEST(nearest_group_wins_in_either_order)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *middle = identity_ca("middle", root);
    const struct identity *leaf = identity_leaf("dev", middle);

    ck_assert_uint_eq(enroll_group("a-root", root, NULL, NULL), 200);
    ck_assert_uint_eq(enroll_group("b-middle", middle, NULL, NULL), 200);
    ck_assert_uint_eq(enroll_group("c-root", root, NULL, NULL), 200);
    ck_assert_int_eq(judge("dev", leaf, middle, NULL), 0);
    ck_assert_str_eq(verdict.group, "b-middle");
}
END_TEST

START_TEST(disabled_nearest_group_refuses_without_fall_through)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *middle = identity_ca("middle", root);
    const struct identity *leaf = identity_leaf("dev", middle);

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    ck_assert_uint_eq(enroll_group("middle", middle, NULL, ",\"provisioningStatus\":\"disabled\""), 200);
    ck_refused(401002, "group middle is disabled", "dev", leaf, middle, NULL);
}
END_TEST

START_TEST(individual_beats_group_and_blocks_it)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *leaf = identity_leaf("dev", root);

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    ck_assert_uint_eq(enroll("dev", leaf, NULL, NULL), 200);
    ck_assert_int_eq(judge("dev", leaf, NULL, NULL), 0);
    ck_assert_ptr_null(verdict.group);
    ck_assert_uint_eq(enroll("dev", leaf, NULL, ",\"provisioningStatus\":\"disabled\""), 200);
    ck_refused(401002, "enrollment dev is disabled", "dev", leaf, NULL, NULL);
    ck_assert_uint_eq(perform(&(struct call){.method = "DELETE",
                                             .target = "/enrollments/dev" SERVICE_VERSION,
                                             .authorization = service_token()}),
                      204);
    ck_assert_int_eq(judge("dev", leaf, NULL, NULL), 0);
    ck_assert_str_eq(verdict.group, "root");
}
END_TEST

START_TEST(group_common_name_is_the_registration_id)
{
    const struct identity *root = identity_ca("root", NULL);

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    ck_refused(401002, "dev is not the registration id other", "other", identity_leaf("dev", root), NULL,
               NULL);
}
END_TEST

START_TEST(same_name_with_another_key_is_no_signer)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *impostor = identity_ca("root", NULL);

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    ck_refused(401002, "Signing certificate info did not match chain elements", "dev",
               identity_leaf("dev", impostor), impostor, NULL);
}
END_TEST

START_TEST(dates_of_every_link_count)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *old = identity_make(&(struct identity_options){.common_name = "old",
                                                                          .issuer = root,
                                                                          .constraints = "CA:TRUE",
                                                                          .begins_days = -20,
                                                                          .ends_days = -10});

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    ck_refused(401002, "has expired", "dev", leaf_dated("dev", root, -20, -10), NULL, NULL);
    ck_refused(401002, "not yet valid", "dev", leaf_dated("dev", root, 10, 20), NULL, NULL);
    ck_refused(401002, "old: certificate has expired", "dev", identity_leaf("dev", old), old, NULL);
    fixture_emulator.clock_offset = 400 * 86400L;
    ck_refused(401002, "root: certificate has expired", "dev", leaf_dated("dev", root, -1, 800), NULL, NULL);
}
END_TEST

/* Certificates above the leaf that sign without being allowed to. */
static const struct {
    const char *what;
    const char *constraints;
    const char *usage;
} not_ca[] = {
    {"no constraints",           NULL,                "digitalSignature"},
    {"usage but no constraints", NULL,                "keyCertSign"     },
    {"constraints say no",       "critical,CA:FALSE", NULL              },
    {"usage says no",            "critical,CA:TRUE",  "digitalSignature"},
};

START_TEST(only_a_ca_signs)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *middle =
        identity_make(&(struct identity_options){.common_name = "middle",
                                                 .issuer = root,
                                                 .constraints = not_ca[_i].constraints,
                                                 .key_usage = not_ca[_i].usage});

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    ck_assert_msg(judge("dev", identity_leaf("dev", middle), middle, NULL) == 401002, "%s", not_ca[_i].what);
}
END_TEST

START_TEST(path_length_is_kept)
{
    const struct identity *root = identity_make(
        &(struct identity_options){.common_name = "root", .constraints = "critical,CA:TRUE,pathlen:0"});
    const struct identity *middle = identity_ca("middle", root);

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    ck_assert_int_eq(judge("near", identity_leaf("near", root), NULL, NULL), 0);
    ck_refused(401002, "path length", "far", identity_leaf("far", middle), middle, NULL);
}
END_TEST

START_TEST(a_signing_certificate_is_no_device)
{
    const struct identity *root = identity_ca("root", NULL);

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    ck_assert_int_eq(judge("root", root, NULL, NULL), 401002);
}
END_TEST

START_TEST(garbage_and_endless_chains_are_refused)
{
    struct bytes peer[12];
    uint8_t noise[] = {0x30, 0x82, 0x01, 0x00, 0x01};
    struct emu_request request = {.method = "PUT", .path = "/", .peer = peer, .peer_count = 12};
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *leaf = identity_leaf("dev", root);

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    for (size_t i = 0; i < 12; i++)
        peer[i] = i == 0 ? leaf->der : root->der;
    ck_assert(!emu_attest(&fixture_emulator, &request, "dev", &verdict, &refusal));
    ck_assert(strstr(refusal.message, "more than") != NULL);
    request.peer_count = 2;
    peer[1] = (struct bytes){noise, sizeof noise};
    ck_assert(!emu_attest(&fixture_emulator, &request, "dev", &verdict, &refusal));
    ck_assert(strstr(refusal.message, "Element 2 of the chain cannot be read") != NULL);
}
END_TEST

START_TEST(rsa_chains_are_judged_alike)
{
    const struct identity *root = identity_make(
        &(struct identity_options){.common_name = "root", .constraints = "CA:TRUE", .rsa = true});
    const struct identity *leaf =
        identity_make(&(struct identity_options){.common_name = "dev", .issuer = root, .rsa = true});

    ck_assert_uint_eq(enroll_group("root", root, NULL, NULL), 200);
    ck_assert_int_eq(judge("dev", leaf, NULL, NULL), 0);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("attest_x509");
    TCase *t = tcase_create("attest_x509");

    tcase_add_checked_fixture(t, fixture_setup, teardown);
    tcase_add_test(t, either_pinned_certificate_is_let_in);
    tcase_add_test(t, another_certificate_of_the_same_key_and_name_is_refused);
    tcase_add_test(t, individual_needs_a_certificate);
    tcase_add_test(t, individual_dates_count);
    tcase_add_test(t, individual_common_name_is_the_registration_id);
    tcase_add_test(t, disabled_individual_is_refused);
    tcase_add_test(t, unknown_device_without_groups_is_404);
    tcase_add_test(t, group_by_root_takes_the_whole_chain);
    tcase_add_test(t, group_by_intermediate_needs_no_root);
    tcase_add_test(t, nearest_group_wins_in_either_order);
    tcase_add_test(t, disabled_nearest_group_refuses_without_fall_through);
    tcase_add_test(t, individual_beats_group_and_blocks_it);
    tcase_add_test(t, group_common_name_is_the_registration_id);
    tcase_add_test(t, same_name_with_another_key_is_no_signer);
    tcase_add_test(t, dates_of_every_link_count);
    tcase_add_loop_test(t, only_a_ca_signs, 0, (int)(sizeof not_ca / sizeof not_ca[0]));
    tcase_add_test(t, path_length_is_kept);
    tcase_add_test(t, a_signing_certificate_is_no_device);
    tcase_add_test(t, garbage_and_endless_chains_are_refused);
    tcase_add_test(t, rsa_chains_are_judged_alike);
    suite_add_tcase(s, t);
    return s;
}
