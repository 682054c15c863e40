/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/soft/assemble.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/private.h"
#include "tests/support/support.h"

#include <string.h>

static void start(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
}

/* NIST's ECC CDH primitive, the first of each curve (CAVS 14.1), and RFC 7748, 6.1 both ways round. */
static const struct vector {
    const char *curve;
    const char *own;
    const char *peer;
    const char *secret;
} vectors[] = {
    {"P-256",  "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
     "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
     "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",                                                                                                                                         "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"                                },
    {"P-384",
     "3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c9cf98a1", "04a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50066"
     "ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc8437a", "5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b25e533f1"},
    {"P-521",
     "017eecc07ab4b329068fba65e56a1f8890aa935e57134ae0ffcce802735151f4eac6564f6ee9974c5e6887a1fefee5743ae2"
     "241bfeb95d5ce31ddcb6f9edb4d6fc47",                                                                 "0400685a48e86c79f0f0875f7bc18d25eb5fc8c0b07e5da4f4370f3a9490340854334b1e1b87fa395464c60626124a4e70d0"
     "f785601d37c09870ebf176666877a2046d"
     "01ba52c56fc8776d9e8f5db4f0cc27636d0b741bbe05400697942e80b739884a83bde99e0f6716939e632bc8986fa18dccd4"
     "43a348b6c3e522497955a4f3c302f676",                                                                                                                                 "005fc70477c3e63bc3954bd0df3ea0d1f41ee21746ed95fc5e1fdf90930d5e136672d72cc770742d1711c3c3a4c334a0ad97"
     "59436a4d3c5bf6e74b9578fac148c831"                                                                                                                                                                                            },
    {"X25519", "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",                                                                                                                                         "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"                                },
    {"X25519", "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",                                                                                                                                         "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"                                },
};

/* As C_CreateObject makes the key. */
static struct soft_private *make_key(const struct p11_curve *curve, const char *value)
{
    struct attributes attributes = {0};
    struct soft_private *key;
    struct public_key public;
    struct bytes secret;
    struct bytes der;

    ck_assert(bytes_from_hex(value, strlen(value), &secret));
    attributes_set_ulong(&attributes, CKA_KEY_TYPE, curve->key_type);
    attributes_set(&attributes, CKA_EC_PARAMS, curve->params, curve->params_size);
    attributes_set(&attributes, CKA_VALUE, secret.data, secret.size);
    ck_assert_uint_eq(soft_assemble(&attributes, &der), CKR_OK);
    ck_assert_uint_eq(soft_private_read(&der, &key, &public), CKR_OK);
    attributes_free(&attributes);
    public_key_free(&public);
    bytes_free(&secret);
    bytes_free(&der);
    return key;
}

static CK_RV derive(struct soft_private *key, const char *curve_name, const char *point, char *hex)
{
    const struct p11_curve *curve = p11_curve_by_name(curve_name, strlen(curve_name));
    struct public_key peer = {.type = curve->key_type, .curve = curve};
    struct bytes secret;
    CK_RV rv;

    ck_assert(bytes_from_hex(point, strlen(point), &peer.point));
    p11_failure_clear();
    rv = soft_private_derive(key, &peer, &secret);
    ck_assert(rv == CKR_OK || (secret.data == NULL && p11_failure_kept()));
    if (rv == CKR_OK)
        bytes_to_hex(secret.data, secret.size, hex);
    bytes_free(&secret);
    public_key_free(&peer);
    return rv;
}

static struct soft_private *key_of(const struct vector *vector)
{
    return make_key(p11_curve_by_name(vector->curve, strlen(vector->curve)), vector->own);
}

START_TEST(vectors_come_out)
{
    struct soft_private *key = key_of(&vectors[_i]);
    char hex[2 * 66 + 1];

    ck_assert_uint_eq(derive(key, vectors[_i].curve, vectors[_i].peer, hex), CKR_OK);
    ck_assert_str_eq(hex, vectors[_i].secret);
    soft_private_free(key);
}
END_TEST

#define ZEROS_32 "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE_32 "0000000000000000000000000000000000000000000000000000000000000001"

static const struct {
    const char *what;
    size_t vector;
    const char *curve;
    const char *point;
} refused[] = {
    {"a point beside the curve",     0, "P-256",
     "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
     "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ad"                                              },
    {"infinity",                     0, "P-256",   "00"                                                              },
    {"zeros",                        0, "P-256",   "04" ZEROS_32 ZEROS_32                                            },
    {"a point in the hybrid form",   0, "P-256",
     "06700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
     "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"                                              },
    {"a coordinate above the prime", 0, "P-256",
     "04ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"                                              },
    {"a point of another curve",     0, "P-384",
     "04a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50066"
     "ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc8437a"              },
    {"an Edwards key's",             0, "ED25519", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
    {"nothing",                      0, "P-256",   ""                                                                },
    {"u = 0",                        3, "X25519",  ZEROS_32                                                          },
    {"u = 1, of order 4",            3, "X25519",  "0100000000000000000000000000000000000000000000000000000000000000"},
    {"of order 8",                   3, "X25519",  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"},
    {"31 bytes",                     3, "X25519",  "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b"  },
    {"a point of P-256",             3, "P-256",
     "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
     "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"                                              },
};

START_TEST(what_is_no_public_key_of_the_curve_is_refused)
{
    struct soft_private *key = key_of(&vectors[refused[_i].vector]);
    char hex[2 * 66 + 1];

    ck_assert_msg(derive(key, refused[_i].curve, refused[_i].point, hex) == CKR_MECHANISM_PARAM_INVALID, "%s",
                  refused[_i].what);
    soft_private_free(key);
}
END_TEST

START_TEST(a_key_that_signs_only_agrees_on_nothing)
{
    struct soft_private *key = make_key(p11_curve_by_name("ED25519", 7), ONE_32);
    char hex[2 * 66 + 1];

    ck_assert_uint_eq(
        derive(key, "ED25519", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", hex),
        CKR_KEY_TYPE_INCONSISTENT);
    soft_private_free(key);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("privatederive");
    TCase *t = tcase_create("privatederive");

    tcase_add_unchecked_fixture(t, start, NULL);
    tcase_add_loop_test(t, vectors_come_out, 0, sizeof vectors / sizeof vectors[0]);
    tcase_add_loop_test(t, what_is_no_public_key_of_the_curve_is_refused, 0,
                        sizeof refused / sizeof refused[0]);
    tcase_add_test(t, a_key_that_signs_only_agrees_on_nothing);
    suite_add_tcase(s, t);
    return s;
}
