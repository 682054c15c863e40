/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/base64.h"
#include "tests/support/support.h"

#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* RFC 4648 section 10, and the two characters that it leaves out. */
static const struct {
    const char *data;
    size_t size;
    const char *text;
} vectors[] = {
    {"", 0, ""},
    {"f", 1, "Zg=="},
    {"fo", 2, "Zm8="},
    {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg=="},
    {"fooba", 5, "Zm9vYmE="},
    {"foobar", 6, "Zm9vYmFy"},
    {"\xfb\xff\xfe", 3, "+//+"},
    {"\0\0\0", 3, "AAAA"},
};

START_TEST(the_vectors_of_the_rfc_go_both_ways)
{
    struct buffer text;
    struct bytes data;

    buffer_init(&text, 64);
    ck_assert(dps_base64_add(&text, vectors[_i].data, vectors[_i].size));
    ck_assert_str_eq(buffer_text(&text), vectors[_i].text);
    ck_assert(dps_base64_read(vectors[_i].text, strlen(vectors[_i].text), &data));
    ck_assert_uint_eq(data.size, vectors[_i].size);
    ck_assert_mem_eq(data.data, vectors[_i].data, data.size);
    bytes_free(&data);
    buffer_free(&text);
}
END_TEST

START_TEST(what_is_not_exactly_base64_is_refused)
{
    static const char *const texts[] = {
        "Z",        "Zg",     "Zg=",   "Zg===", "=",     "==",   "====",      "Z===", "Zh==", "Zm9=",
        "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm9v ", "Zm 9v", "Zm-_", "Zm9vYmFy=", "Zm=v", "Z=9v", "=m9v",
    };
    struct bytes data;

    for (size_t i = 0; i < COUNT(texts); i++) {
        ck_assert_msg(!dps_base64_read(texts[i], strlen(texts[i]), &data), "%s", texts[i]);
        ck_assert_ptr_null(data.data);
    }
}
END_TEST

/* Each of the 256 bytes in each place: 64 are of the alphabet, and one pads at the end. */
START_TEST(only_the_alphabet_is_read)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (unsigned c = 0; c < 256; c++) {
        char text[] = "AAAA";
        struct bytes data;
        const char *place = memchr(alphabet, (int)c, 64);
        bool read;

        text[_i] = (char)c;
        read = dps_base64_read(text, 4, &data);
        ck_assert_msg(read == (place != NULL || (c == '=' && _i == 3)), "%02x", c);
        if (place != NULL)
            ck_assert_uint_eq(data.data[0] << 16 | data.data[1] << 8 | data.data[2],
                              (unsigned)(place - alphabet) << (18 - 6 * _i));
        bytes_free(&data);
    }
}
END_TEST

START_TEST(every_length_comes_back)
{
    uint8_t data[100];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37 + 11);
    for (size_t size = 0; size <= sizeof data; size++) {
        struct buffer text;
        struct bytes back;

        buffer_init(&text, 200);
        ck_assert(dps_base64_add(&text, data, size));
        ck_assert_uint_eq(text.size, (size + 2) / 3 * 4);
        ck_assert(dps_base64_read(buffer_text(&text), text.size, &back));
        ck_assert(bytes_equal(back.data, back.size, data, size));
        bytes_free(&back);
        buffer_free(&text);
    }
}
END_TEST

START_TEST(a_full_buffer_is_told)
{
    struct buffer text;

    buffer_init(&text, 7);
    ck_assert(!dps_base64_add(&text, "fooba", 5));
    buffer_free(&text);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("base64");
    TCase *t = tcase_create("base64");

    tcase_add_loop_test(t, the_vectors_of_the_rfc_go_both_ways, 0, COUNT(vectors));
    tcase_add_test(t, what_is_not_exactly_base64_is_refused);
    tcase_add_loop_test(t, only_the_alphabet_is_read, 0, 4);
    tcase_add_test(t, every_length_comes_back);
    tcase_add_test(t, a_full_buffer_is_told);
    suite_add_tcase(s, t);
    return s;
}
