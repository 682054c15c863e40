/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/text.h"
#include "emulator/tpm_public.h"
#include "tests/support/support.h"

#include <string.h>

/* The endorsement key of a swtpm. */
static const char published[] =
    "AToAAQALAAMAsgAgg3GXZ0SEs/gakMyNRqXXJP1S124GUgtk8qHaGzMUaaoABgCAAEMAEAgAAAAAAAEAv6qzAEGfBnaSm6tUsadqt1"
    "jHkSqzDFf6/aoaYfwk8cWEGuLaTmHH9iJof0mfyL9wefVlqODuiDT09jBVvbF5inBwuOj24dbSNqAWqps+XEbSShIHuq3y3W+glKew"
    "dPIu9w0FD9IvDufpn1HmW35MiaiumnVSV4mDeDJgFXL+l23uj8J6M+ywh8KzEdd1POfXKxxEV8YaFXdNH9rY2f1Z/ev3G6i+RLd4t/"
    "B5ZcKxg5nE1vumwp/TdyvT0bn2in9RzHojqre8xDd3GX1GYthJNzu+I2XJwp71k1LYfVAD7E2eVameg3SBzwhi2h/PmMQOG0Jxz/UG"
    "OqAlVhuDz/TB0w==";

static struct bytes wire;
static struct emu_tpm_public key;
static char message[200];

static void setup(void)
{
    ck_assert(emu_base64_decode(published, &wire));
    ck_assert_uint_eq(wire.size, 316);
}

static void teardown(void)
{
    bytes_free(&wire);
}

START_TEST(endorsement_key_is_read_and_named)
{
    struct bytes area = {.data = wire.data + 2, .size = wire.size - 2};
    static const struct bytes nothing;
    uint8_t digest[EMU_TPM_HASH_SIZE];

    ck_assert_msg(emu_tpm_public_read(&wire, &key, message, sizeof message), "%s", message);
    ck_assert_int_eq(EVP_PKEY_get_bits(key.key), 2048);
    ck_assert(emu_tpm_hash(&area, &nothing, digest));
    ck_assert_uint_eq(key.name[1], 0x0b);
    ck_assert_mem_eq(key.name + 2, digest, sizeof digest);
    emu_tpm_public_free(&key);
}
END_TEST

/* One byte changed: where, to what, and what is said of it. */
static const struct {
    size_t offset;
    uint8_t value;
    const char *text;
} changes[] = {
    {1,  0x3b, "no TPM2B_PUBLIC" },
    {3,  0x23, "elliptic curve"  },
    {3,  0x08, "no RSA key"      },
    {5,  0x0c, "not of SHA-256"  },
    {7,  0x00, "no storage key"  },
    {45, 0x10, "AES-128-CFB"     },
    {47, 0x01, "AES-128-CFB"     },
    {59, 0x04, "cut short"       },
    {52, 0x0c, "not of 2048 bits"},
};

START_TEST(what_the_service_cannot_use_is_named)
{
    wire.data[changes[_i].offset] = changes[_i].value;
    ck_assert(!emu_tpm_public_read(&wire, &key, message, sizeof message));
    ck_assert_msg(strstr(message, changes[_i].text) != NULL, "%zu: %s", changes[_i].offset, message);
    ck_assert_ptr_null(key.key);
}
END_TEST

START_TEST(every_cut_is_refused)
{
    for (size_t size = 0; size < wire.size; size++) {
        struct bytes cut = {.data = wire.data, .size = size};

        ck_assert(!emu_tpm_public_read(&cut, &key, message, sizeof message));
        if (size > 2) { /* with a size that fits, too */
            struct bytes copy;

            ck_assert(bytes_copy(&copy, wire.data, size));
            copy.data[0] = (uint8_t)((size - 2) >> 8);
            copy.data[1] = (uint8_t)(size - 2);
            ck_assert(!emu_tpm_public_read(&copy, &key, message, sizeof message));
            bytes_free(&copy);
        }
    }
}
END_TEST

START_TEST(a_certificate_is_recognised_as_the_usual_mistake)
{
    static uint8_t der[] = {0x30, 0x82, 0x01, 0x22, 0x30, 0x0d};
    struct bytes wrong = {.data = der, .size = sizeof der};

    ck_assert(!emu_tpm_public_read(&wrong, &key, message, sizeof message));
    ck_assert_msg(strstr(message, "is DER") != NULL, "%s", message);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("tpm_public");
    TCase *t = tcase_create("tpm_public");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, endorsement_key_is_read_and_named);
    tcase_add_loop_test(t, what_the_service_cannot_use_is_named, 0,
                        (int)(sizeof changes / sizeof changes[0]));
    tcase_add_test(t, every_cut_is_refused);
    tcase_add_test(t, a_certificate_is_recognised_as_the_usual_mistake);
    suite_add_tcase(s, t);
    return s;
}
