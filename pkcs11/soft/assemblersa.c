/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/assemblersa.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/pkcs8.h"

#include "pkcs11/failure.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#define BITS_MINIMUM 1024
#define BITS_MAXIMUM 16384
#define FACTOR_TRIES 100

/* A number's attribute, and its name in libcrypto. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    const char *param;
} members[RSA_PARTS] = {
    [RSA_MODULUS] = {CKA_MODULUS,          OSSL_PKEY_PARAM_RSA_N           },
    [RSA_EXPONENT] = {CKA_PUBLIC_EXPONENT,  OSSL_PKEY_PARAM_RSA_E           },
    [RSA_PRIVATE_EXPONENT] = {CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D           },
    [RSA_PRIME_1] = {CKA_PRIME_1,          OSSL_PKEY_PARAM_RSA_FACTOR1     },
    [RSA_PRIME_2] = {CKA_PRIME_2,          OSSL_PKEY_PARAM_RSA_FACTOR2     },
    [RSA_EXPONENT_1] = {CKA_EXPONENT_1,       OSSL_PKEY_PARAM_RSA_EXPONENT1   },
    [RSA_EXPONENT_2] = {CKA_EXPONENT_2,       OSSL_PKEY_PARAM_RSA_EXPONENT2   },
    [RSA_COEFFICIENT] = {CKA_COEFFICIENT,      OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};

/* The numbers at work. A member that was not given is zero until it is worked out. */
struct numbers {
    BN_CTX *context;
    BIGNUM *of[RSA_PARTS];
    BIGNUM *t[4];
};

static void numbers_free(struct numbers *numbers)
{
    for (size_t i = 0; i < RSA_PARTS; i++)
        BN_clear_free(numbers->of[i]);
    for (size_t i = 0; i < 4; i++)
        BN_clear_free(numbers->t[i]);
    BN_CTX_free(numbers->context);
}

static CK_RV numbers_read(const struct attributes *attributes, struct numbers *numbers)
{
    bool good;

    *numbers = (struct numbers){.context = BN_CTX_secure_new_ex(soft_libctx())};
    good = numbers->context != NULL;
    for (size_t i = 0; i < 4; i++) {
        numbers->t[i] = BN_secure_new();
        good = good && numbers->t[i] != NULL;
    }
    for (size_t i = 0; i < RSA_PARTS; i++) {
        const CK_ATTRIBUTE *item = attributes_find(attributes, members[i].type);

        numbers->of[i] = BN_secure_new();
        good = good && numbers->of[i] != NULL;
        if (good && item != NULL && item->ulValueLen <= BITS_MAXIMUM / 8 + 1)
            good = BN_bin2bn(item->pValue, (int)item->ulValueLen, numbers->of[i]) != NULL;
        if (numbers->of[i] != NULL)
            BN_set_flags(numbers->of[i], BN_FLG_CONSTTIME);
    }
    return good ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV check_given(const struct numbers *numbers)
{
    const BIGNUM *n = numbers->of[RSA_MODULUS];
    const BIGNUM *e = numbers->of[RSA_EXPONENT];
    const BIGNUM *d = numbers->of[RSA_PRIVATE_EXPONENT];

    if (BN_num_bits(n) < BITS_MINIMUM || BN_num_bits(n) > BITS_MAXIMUM || !BN_is_odd(n))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_MODULUS is no modulus of %d bits and more",
                        BITS_MINIMUM);
    if (BN_is_zero(e))
        return p11_fail(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_PUBLIC_EXPONENT");
    if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > 64)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_PUBLIC_EXPONENT is no exponent");
    if (BN_is_zero(d) || BN_cmp(d, n) >= 0)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_PRIVATE_EXPONENT is not below the modulus");
    if (BN_is_zero(numbers->of[RSA_PRIME_1]) != BN_is_zero(numbers->of[RSA_PRIME_2]))
        return p11_fail(CKR_TEMPLATE_INCOMPLETE, "CKA_PRIME_1 and CKA_PRIME_2 go together");
    return CKR_OK;
}

static CK_RV not_one_key(void)
{
    return p11_fail(CKR_TEMPLATE_INCONSISTENT, "the numbers do not belong to one RSA key");
}

/* One base of NIST SP 800-56B rev. 2, C.1: true when gcd(x - 1, n) is a factor, left in t[3]. */
static bool try_base(struct numbers *numbers, BN_ULONG base, const BIGNUM *r, int t)
{
    const BIGNUM *n = numbers->of[RSA_MODULUS];
    BIGNUM *x = numbers->t[1];
    BIGNUM *y = numbers->t[2];

    if (BN_set_word(y, base) != 1 || BN_mod_exp(x, y, r, n, numbers->context) != 1)
        return false;
    for (int i = 0; i < t; i++) {
        if (BN_mod_sqr(y, x, n, numbers->context) != 1)
            return false;
        if (BN_is_one(y))
            return BN_sub_word(x, 1) == 1 && BN_gcd(numbers->t[3], x, n, numbers->context) == 1 &&
                   !BN_is_one(numbers->t[3]) && BN_cmp(numbers->t[3], n) != 0;
        if (BN_copy(x, y) == NULL)
            return false;
    }
    return false;
}

/* The primes of a modulus whose exponents are known. */
static CK_RV find_primes(struct numbers *numbers)
{
    BIGNUM *r = numbers->t[0];
    int t = 0;

    if (!BN_is_zero(numbers->of[RSA_PRIME_1]))
        return CKR_OK;
    if (BN_mul(r, numbers->of[RSA_EXPONENT], numbers->of[RSA_PRIVATE_EXPONENT], numbers->context) != 1 ||
        BN_sub_word(r, 1) != 1)
        return CKR_HOST_MEMORY;
    if (BN_is_zero(r) || BN_is_odd(r))
        return not_one_key();
    for (; !BN_is_odd(r); t++)
        if (BN_rshift1(r, r) != 1)
            return CKR_HOST_MEMORY;
    for (BN_ULONG base = 2; base < FACTOR_TRIES; base++)
        if (try_base(numbers, base, r, t))
            return BN_copy(numbers->of[RSA_PRIME_1], numbers->t[3]) != NULL &&
                           BN_div(numbers->of[RSA_PRIME_2], NULL, numbers->of[RSA_MODULUS],
                                  numbers->of[RSA_PRIME_1], numbers->context) == 1
                       ? CKR_OK
                       : CKR_HOST_MEMORY;
    return not_one_key();
}

static CK_RV check_primes(struct numbers *numbers)
{
    const BIGNUM *p = numbers->of[RSA_PRIME_1];
    const BIGNUM *q = numbers->of[RSA_PRIME_2];

    if (BN_mul(numbers->t[0], p, q, numbers->context) != 1)
        return CKR_HOST_MEMORY;
    if (BN_cmp(numbers->t[0], numbers->of[RSA_MODULUS]) != 0 || BN_cmp(p, q) == 0)
        return not_one_key();
    for (enum rsa_part part = RSA_PRIME_1; part <= RSA_PRIME_2; part++)
        if (BN_check_prime(numbers->of[part], numbers->context, NULL) != 1)
            return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_PRIME_%d is not a prime",
                            part == RSA_PRIME_1 ? 1 : 2);
    return CKR_OK;
}

/* A member that was given must be what it should be; one that was not becomes it. */
static CK_RV settle(BIGNUM *member, const BIGNUM *value)
{
    if (BN_is_zero(member))
        return BN_copy(member, value) != NULL ? CKR_OK : CKR_HOST_MEMORY;
    return BN_cmp(member, value) == 0 ? CKR_OK : not_one_key();
}

/* For one prime: e * d = 1 modulo prime - 1, and the exponent that goes with it. */
static CK_RV settle_exponent(struct numbers *numbers, enum rsa_part prime, enum rsa_part exponent)
{
    BIGNUM *below = numbers->t[0];
    BIGNUM *value = numbers->t[1];
    BIGNUM *one = numbers->t[2];

    if (BN_copy(below, numbers->of[prime]) == NULL || BN_sub_word(below, 1) != 1 ||
        BN_nnmod(value, numbers->of[RSA_PRIVATE_EXPONENT], below, numbers->context) != 1 ||
        BN_mod_mul(one, value, numbers->of[RSA_EXPONENT], below, numbers->context) != 1)
        return CKR_HOST_MEMORY;
    return BN_is_one(one) ? settle(numbers->of[exponent], value) : not_one_key();
}

static CK_RV settle_coefficient(struct numbers *numbers)
{
    if (BN_mod_inverse(numbers->t[0], numbers->of[RSA_PRIME_2], numbers->of[RSA_PRIME_1], numbers->context) ==
        NULL)
        return not_one_key();
    return settle(numbers->of[RSA_COEFFICIENT], numbers->t[0]);
}

static CK_RV write_key(const struct numbers *numbers, struct bytes *der)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    CK_RV rv = build != NULL ? CKR_OK : CKR_HOST_MEMORY;

    for (size_t i = 0; rv == CKR_OK && i < RSA_PARTS; i++)
        if (OSSL_PARAM_BLD_push_BN(build, members[i].param, numbers->of[i]) != 1)
            rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = soft_pkey_from("RSA", build, der);
    OSSL_PARAM_BLD_free(build);
    return rv;
}

CK_RV soft_assemble_rsa(const struct attributes *attributes, struct bytes *der)
{
    struct numbers numbers;
    CK_RV rv = numbers_read(attributes, &numbers);

    if (rv == CKR_OK)
        rv = check_given(&numbers);
    if (rv == CKR_OK)
        rv = find_primes(&numbers);
    if (rv == CKR_OK)
        rv = check_primes(&numbers);
    if (rv == CKR_OK)
        rv = settle_exponent(&numbers, RSA_PRIME_1, RSA_EXPONENT_1);
    if (rv == CKR_OK)
        rv = settle_exponent(&numbers, RSA_PRIME_2, RSA_EXPONENT_2);
    if (rv == CKR_OK)
        rv = settle_coefficient(&numbers);
    if (rv == CKR_OK)
        rv = write_key(&numbers, der);
    numbers_free(&numbers);
    return rv;
}
