/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are used by what an authority has signed, and policies of other hashes than SHA-256: key files of
 * other programs, built here. */
#include "pkcs11/tpm/authorize.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/soft/verify.h"
#include "pkcs11/tpm/auth.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/keyarea.h"
#include "pkcs11/tpm/policy.h"
#include "pkcs11/tpm/public.h"
#include "tests/support/tpmtoken.h"

#include "common/buffer.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <tss2/tss2_mu.h>

#define TEXT_MAXIMUM 16384
#define REFERENCE "for this key only"

static struct tpm_token *token;

/* --- bytes
 * -------------------------------------------------------------------------------------------------------- */

/* One piece of bytes, of a fixed place. */
struct wire {
    uint8_t data[TEXT_MAXIMUM];
    size_t size;
};

static void add(struct wire *wire, const void *data, size_t size)
{
    ck_assert_uint_le(wire->size + size, sizeof wire->data);
    if (size != 0)
        memcpy(wire->data + wire->size, data, size);
    wire->size += size;
}

static void add_number(struct wire *wire, uint32_t number, size_t size)
{
    for (size_t i = size; i-- > 0;)
        add(wire, &(uint8_t){(uint8_t)(number >> 8 * i)}, 1);
}

static void add_sized(struct wire *wire, const void *data, size_t size)
{
    add_number(wire, (uint32_t)size, 2);
    add(wire, data, size);
}

/* A DER element around what is there. */
static void enclose(struct wire *wire, uint8_t tag)
{
    struct wire inner = *wire;

    wire->size = 0;
    add(wire, &tag, 1);
    if (inner.size >= 128)
        add_number(wire, 0x82, 1);
    add_number(wire, (uint32_t)inner.size, inner.size >= 128 ? 2 : 1);
    add(wire, inner.data, inner.size);
}

/* --- policies
 * ----------------------------------------------------------------------------------------------------- */

static enum p11_hash hash_of(TPMI_ALG_HASH number)
{
    enum p11_hash hash = tpm_hash(number);

    ck_assert_int_ne(hash, HASH_NONE);
    return hash;
}

static void digest(TPMI_ALG_HASH hash, const struct wire *wire, TPM2B_DIGEST *out)
{
    out->size = (UINT16)soft_hash_size(hash_of(hash));
    assert_rv(soft_hash_once(hash_of(hash), wire->data, wire->size, out->buffer), CKR_OK);
}

/* Part 3, 23.2.3: the policy's digest, the command, and what the command adds. */
static void extend(TPMI_ALG_HASH hash, TPM2B_DIGEST *policy, uint32_t code, const void *data, size_t size)
{
    struct wire wire = {.size = 0};

    add(&wire, policy->buffer, policy->size);
    if (code != 0)
        add_number(&wire, code, 4);
    add(&wire, data, size);
    digest(hash, &wire, policy);
}

static TPM2B_DIGEST no_policy(TPMI_ALG_HASH hash)
{
    TPM2B_DIGEST policy = {.size = (UINT16)soft_hash_size(hash_of(hash))};

    return policy;
}

/* A policy as a file has it, and its digest. */
struct policy {
    TPMI_ALG_HASH hash;
    TPM2B_DIGEST digest;
    size_t count;
    struct {
        uint32_t code;
        struct wire wire;
    } commands[4];
};

static struct wire *command(struct policy *policy, uint32_t code)
{
    ck_assert_uint_lt(policy->count, 4);
    policy->commands[policy->count].code = code;
    policy->commands[policy->count].wire.size = 0;
    return &policy->commands[policy->count++].wire;
}

static struct policy new_policy(TPMI_ALG_HASH hash)
{
    return (struct policy){.hash = hash, .digest = no_policy(hash)};
}

/* PCR 23 of SHA-256, zero or extended once by 1. */
static void add_pcr(struct policy *policy, bool changed)
{
    static const uint8_t selection[] = {0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 0x80};
    struct wire value = {.size = 32};
    TPM2B_DIGEST made;
    struct wire *wire = command(policy, TPM2_CC_PolicyPCR);
    struct wire both = {.size = 0};

    if (changed) {
        value.size = 64;
        value.data[63] = 1;
        digest(TPM2_ALG_SHA256, &value, &made);
        value.size = 0;
        add(&value, made.buffer, made.size);
    }
    digest(policy->hash, &value, &made);
    add_sized(wire, made.buffer, made.size);
    add(wire, selection, sizeof selection);
    add(&both, selection, sizeof selection);
    add(&both, made.buffer, made.size);
    extend(policy->hash, &policy->digest, TPM2_CC_PolicyPCR, both.data, both.size);
}

static void add_command_code(struct policy *policy, uint32_t code)
{
    struct wire *wire = command(policy, TPM2_CC_PolicyCommandCode);

    add_number(wire, code, 4);
    extend(policy->hash, &policy->digest, TPM2_CC_PolicyCommandCode, wire->data, wire->size);
}

static void add_auth_value(struct policy *policy)
{
    command(policy, TPM2_CC_PolicyAuthValue);
    extend(policy->hash, &policy->digest, TPM2_CC_PolicyAuthValue, NULL, 0);
}

/* Either leads to the same. */
static void add_password(struct policy *policy)
{
    command(policy, TPM2_CC_PolicyPassword);
    extend(policy->hash, &policy->digest, TPM2_CC_PolicyAuthValue, NULL, 0);
}

static void add_secret(struct policy *policy, uint32_t hint)
{
    struct wire *wire = command(policy, TPM2_CC_PolicySecret);

    add_number(wire, hint, 4);
    add_sized(wire, (uint8_t[]){0x40, 0, 0, 0x01}, 4);
    add_sized(wire, REFERENCE, strlen(REFERENCE));
    extend(policy->hash, &policy->digest, TPM2_CC_PolicySecret, (uint8_t[]){0x40, 0, 0, 0x01}, 4);
    extend(policy->hash, &policy->digest, 0, REFERENCE, strlen(REFERENCE));
}

static void add_locality(struct policy *policy, uint8_t localities)
{
    struct wire *wire = command(policy, TPM2_CC_PolicyLocality);

    add_number(wire, localities, 1);
    extend(policy->hash, &policy->digest, TPM2_CC_PolicyLocality, wire->data, wire->size);
}

/* The TPM's time is not below that. */
static void add_timer(struct policy *policy, uint64_t time, bool sized)
{
    struct wire *wire = command(policy, TPM2_CC_PolicyCounterTimer);
    struct wire arguments = {.size = 0};
    TPM2B_DIGEST made;

    add_number(&arguments, (uint32_t)(time >> 32), 4);
    add_number(&arguments, (uint32_t)time, 4);
    add_number(&arguments, 0, 2); /* of TPMS_TIME_INFO, the time */
    add_number(&arguments, TPM2_EO_UNSIGNED_GE, 2);
    if (sized)
        add_number(wire, 8, 2);
    add(wire, arguments.data, arguments.size);
    digest(policy->hash, &arguments, &made);
    extend(policy->hash, &policy->digest, TPM2_CC_PolicyCounterTimer, made.buffer, made.size);
}

/* --- authorities
 * -------------------------------------------------------------------------------------------------- */

struct authority {
    EVP_PKEY *pkey;
    TPM2B_PUBLIC area;
    TPM2B_NAME name;
    const char *reference;
};

static void fill_number(EVP_PKEY *pkey, const char *name, uint8_t *out, size_t size, UINT16 *out_size)
{
    BIGNUM *number = NULL;

    ck_assert_int_eq(EVP_PKEY_get_bn_param(pkey, name, &number), 1);
    ck_assert_int_eq(BN_bn2binpad(number, out, (int)size), (int)size);
    *out_size = (UINT16)size;
    BN_free(number);
}

static struct authority new_authority(bool rsa, TPMI_ALG_HASH hash)
{
    struct authority authority = {.reference = REFERENCE};
    TPMT_PUBLIC *area = &authority.area.publicArea;

    authority.pkey = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    ck_assert_ptr_nonnull(authority.pkey);
    *area = (TPMT_PUBLIC){.type = rsa ? TPM2_ALG_RSA : TPM2_ALG_ECC,
                          .nameAlg = hash,
                          .objectAttributes = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH};
    if (rsa) {
        area->parameters.rsaDetail = (TPMS_RSA_PARMS){
            .symmetric.algorithm = TPM2_ALG_NULL, .scheme.scheme = TPM2_ALG_NULL, .keyBits = 2048};
        fill_number(authority.pkey, "n", area->unique.rsa.buffer, 256, &area->unique.rsa.size);
    } else {
        area->parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric.algorithm = TPM2_ALG_NULL,
                                                      .scheme.scheme = TPM2_ALG_NULL,
                                                      .curveID = TPM2_ECC_NIST_P256,
                                                      .kdf.scheme = TPM2_ALG_NULL};
        fill_number(authority.pkey, "qx", area->unique.ecc.x.buffer, 32, &area->unique.ecc.x.size);
        fill_number(authority.pkey, "qy", area->unique.ecc.y.buffer, 32, &area->unique.ecc.y.size);
    }
    assert_rv(tpm_public_name(&authority.area, &authority.name), CKR_OK);
    return authority;
}

/* What a key is made for that the authority says the policy of. */
static void authorize(const struct authority *authority, struct policy *policy)
{
    policy->digest = no_policy(policy->hash);
    extend(policy->hash, &policy->digest, TPM2_CC_PolicyAuthorize, authority->name.name,
           authority->name.size);
    extend(policy->hash, &policy->digest, 0, authority->reference, strlen(authority->reference));
}

static const char *ossl_name(TPMI_ALG_HASH hash)
{
    return hash == TPM2_ALG_SHA1     ? "SHA1"
           : hash == TPM2_ALG_SHA256 ? "SHA256"
           : hash == TPM2_ALG_SHA384 ? "SHA384"
                                     : "SHA512";
}

static void add_public(struct wire *wire, const struct authority *authority)
{
    size_t used = wire->size;

    ck_assert_uint_eq(Tss2_MU_TPM2B_PUBLIC_Marshal(&authority->area, wire->data, sizeof wire->data, &used),
                      TSS2_RC_SUCCESS);
    wire->size = used;
    add_sized(wire, authority->reference, strlen(authority->reference));
}

static void add_signature(struct wire *wire, const struct authority *authority, const TPM2B_DIGEST *what)
{
    TPMI_ALG_HASH hash = authority->area.publicArea.nameAlg;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(authority->pkey, NULL);
    EVP_MD *md = EVP_MD_fetch(NULL, ossl_name(hash), NULL);
    uint8_t made[512];
    size_t size = sizeof made;

    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
    ck_assert_int_eq(EVP_PKEY_sign(ctx, made, &size, what->buffer, what->size), 1);
    add_number(wire, authority->area.publicArea.type == TPM2_ALG_RSA ? TPM2_ALG_RSASSA : TPM2_ALG_ECDSA, 2);
    add_number(wire, hash, 2);
    if (authority->area.publicArea.type == TPM2_ALG_RSA) {
        add_sized(wire, made, size);
    } else {
        const unsigned char *end = made;
        ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &end, (long)size);

        for (int i = 0; i < 2; i++) {
            uint8_t number[32];

            BN_bn2binpad(i == 0 ? ECDSA_SIG_get0_r(pair) : ECDSA_SIG_get0_s(pair), number, 32);
            add_sized(wire, number, 32);
        }
        ECDSA_SIG_free(pair);
    }
    EVP_MD_free(md);
    EVP_PKEY_CTX_free(ctx);
}

/* Ends the policy by the authority's signature. */
static void sign_policy(const struct authority *authority, struct policy *policy)
{
    struct wire both = {.size = 0};
    TPM2B_DIGEST what;
    struct wire *wire;

    add(&both, policy->digest.buffer, policy->digest.size);
    add(&both, authority->reference, strlen(authority->reference));
    digest(authority->area.publicArea.nameAlg, &both, &what);
    wire = command(policy, TPM2_CC_PolicyAuthorize);
    add_public(wire, authority);
    add_signature(wire, authority, &what);
    authorize(authority, policy);
}

/* The key's own policy begins with who the authority is, and no signature: of the null algorithm, or none. */
static void begin_policy(const struct authority *authority, struct policy *policy, bool null)
{
    struct wire *wire = command(policy, TPM2_CC_PolicyAuthorize);

    add_public(wire, authority);
    if (null)
        add_number(wire, TPM2_ALG_NULL, 2);
    authorize(authority, policy);
}

/* --- key files
 * ---------------------------------------------------------------------------------------------------- */

/* TPMAuthPolicy of each, in their SEQUENCE. */
static void encode(const struct policy *policies, size_t count, struct wire *out)
{
    out->size = 0;
    for (size_t p = 0; p < count; p++) {
        struct wire list = {.size = 0};
        struct wire whole = {.size = 0};
        struct wire name = {.size = 0};

        for (size_t i = 0; i < policies[p].count; i++) {
            struct wire code = {.size = 0};
            struct wire body = policies[p].commands[i].wire;

            add_number(&code, policies[p].commands[i].code, 2);
            enclose(&code, 0x02);
            enclose(&code, 0xa0);
            enclose(&body, 0x04);
            enclose(&body, 0xa1);
            add(&code, body.data, body.size);
            enclose(&code, 0x30);
            add(&list, code.data, code.size);
        }
        enclose(&list, 0x30);
        enclose(&list, 0xa1);
        add(&name, "a policy", 8);
        enclose(&name, 0x0c);
        enclose(&name, 0xa0);
        add(&whole, name.data, name.size);
        add(&whole, list.data, list.size);
        enclose(&whole, 0x30);
        add(out, whole.data, whole.size);
    }
    enclose(out, 0x30);
}

/* The block of an EC key made for the policy's digest: with `own` as its policy and the others signed. */
static void make_block(const struct policy *made_for, const struct policy *own, const struct policy *others,
                       size_t count, struct bytes *block)
{
    const struct key_request request = {
        .type = CKK_EC, .curve = p11_curve_by_name("P-256", 5), .sign = true, .private = true};
    TPM2B_SENSITIVE_CREATE sensitive = {0};
    TPM2B_PUBLIC template = {0};
    struct tpm_created created;
    struct bytes plain;
    struct tss_key file;
    struct wire der;

    assert_rv(tpm_key_area(&request, &template.publicArea), CKR_OK);
    template.publicArea.nameAlg = made_for->hash;
    template.publicArea.authPolicy = made_for->digest;
    template.publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_USERWITHAUTH;
    assert_rv(tpm_new_auth(token, true, &sensitive.sensitive.userAuth), CKR_OK);
    assert_rv(tpm_create(token, "make a key", token->has_pin ? &sensitive : NULL, &template, &created),
              CKR_OK);
    assert_rv(tpm_created_block(token, &created, TSS_KEY_LOADABLE, !token->has_pin, &plain), CKR_OK);
    assert_rv(soft_tss_key_read(&plain, &file), CKR_OK);
    file.policy_count = own->count;
    for (size_t i = 0; i < own->count; i++) {
        file.policy[i].code = own->commands[i].code;
        ck_assert(
            bytes_copy(&file.policy[i].command, own->commands[i].wire.data, own->commands[i].wire.size));
    }
    encode(others, count, &der);
    if (count != 0)
        ck_assert(bytes_copy(&file.auth_policies, der.data, der.size));
    assert_rv(soft_tss_key_write(&file, block), CKR_OK);
    tss_key_free(&file);
    bytes_free(&plain);
}

static void make_key(const struct policy *made_for, const struct policy *own, const struct policy *others,
                     size_t count, struct tpmtoken_key *key)
{
    *key = (struct tpmtoken_key){0};
    make_block(made_for, own, others, count, &key->block);
    tpmtoken_load(key);
    test_tpm_count_reset();
}

static CK_RV sign(const struct tpmtoken_key *key)
{
    const struct p11_parameters parameters = {0};
    uint8_t text[32] = "what is signed";
    uint8_t signature[64];
    CK_RV rv = tpm_backend.sign(token, key->key, SCHEME_ECDSA, &parameters, text, sizeof text, signature,
                                sizeof signature);

    if (rv == CKR_OK)
        assert_rv(soft_verify(&key->public, SCHEME_ECDSA, &parameters, text, sizeof text, signature), CKR_OK);
    return rv;
}

static void set_pcr(bool changed)
{
    ck_assert_int_eq(support_shell(NULL, "tpm2_pcrreset -T %s 23", test_tpm_tcti()), 0);
    if (changed)
        ck_assert_int_eq(support_shell(NULL, "tpm2_pcrextend -T %s 23:sha256=%064d", test_tpm_tcti(), 1), 0);
}

/* --- signed policies
 * ---------------------------------------------------------------------------------------------- */

static void assert_count(uint32_t code, unsigned wanted)
{
    ck_assert_msg(test_tpm_count_of(code) == wanted, "command 0x%x: %u times, not %u", code,
                  test_tpm_count_of(code), wanted);
}

START_TEST(signed_policies_are_tried_in_their_order)
{
    struct authority authority = new_authority(_i % 2 == 0, TPM2_ALG_SHA256);
    struct policy own = new_policy(TPM2_ALG_SHA256);
    struct policy others[2] = {new_policy(TPM2_ALG_SHA256), new_policy(TPM2_ALG_SHA256)};
    struct tpmtoken_key key;

    token = tpmtoken_open(_i);
    set_pcr(false);
    begin_policy(&authority, &own, true);
    for (int i = 0; i < 2; i++) {
        add_pcr(&others[i], i == 0);
        if (token->has_pin)
            add_auth_value(&others[i]);
        sign_policy(&authority, &others[i]);
    }
    make_key(&own, &own, others, 2, &key);
    assert_rv(sign(&key), CKR_OK); /* the second one fits */
    assert_count(TPM2_CC_StartAuthSession, 1);
    assert_count(TPM2_CC_PolicyPCR, 2);
    assert_count(TPM2_CC_PolicyRestart, 1);
    assert_count(TPM2_CC_PolicyGetDigest, 1);
    assert_count(TPM2_CC_LoadExternal, 1);
    assert_count(TPM2_CC_VerifySignature, 1);
    assert_count(TPM2_CC_PolicyAuthorize, 1);
    assert_count(TPM2_CC_PolicyAuthValue, token->has_pin ? 1 : 0);
    assert_count(TPM2_CC_Sign, 1);
    test_tpm_count_reset();
    assert_rv(sign(&key), CKR_OK); /* what was verified stays so */
    assert_count(TPM2_CC_LoadExternal, 0);
    assert_count(TPM2_CC_VerifySignature, 0);
    assert_count(TPM2_CC_PolicyGetDigest, 0);
    assert_count(TPM2_CC_PolicyAuthorize, 1);
    ck_assert_uint_eq(test_tpm_count()->total, token->has_pin ? 7 : 6);
    set_pcr(true);
    test_tpm_count_reset();
    assert_rv(sign(&key), CKR_OK);
    assert_count(TPM2_CC_PolicyPCR, 1);
    assert_count(TPM2_CC_PolicyRestart, 0);
    assert_count(TPM2_CC_VerifySignature, 1);
    set_pcr(false);
    ck_assert_int_eq(support_shell(NULL, "tpm2_pcrextend -T %s 23:sha256=%064d", test_tpm_tcti(), 2), 0);
    assert_rv(sign(&key), CKR_FUNCTION_REJECTED);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "the PCRs have changed"));
    set_pcr(false);
    assert_rv(sign(&key), CKR_OK);
    tpmtoken_free(&key);
    tpmtoken_close();
    EVP_PKEY_free(authority.pkey);
}
END_TEST

static const TPMI_ALG_HASH hashes[] = {TPM2_ALG_SHA1, TPM2_ALG_SHA256, TPM2_ALG_SHA384, TPM2_ALG_SHA512};

#define HASHES (sizeof hashes / sizeof hashes[0])

/* The key's nameAlg and the authority's need not be the same. */
START_TEST(of_any_hash)
{
    TPMI_ALG_HASH hash = hashes[(size_t)_i / HASHES];
    struct authority authority = new_authority(false, hashes[(size_t)_i % HASHES]);
    struct policy own = new_policy(hash);
    struct policy other = new_policy(hash);
    struct tpmtoken_key key;

    /* no auth value is longer than the digest of the key's Name */
    token = tpmtoken_open(hash == TPM2_ALG_SHA1 ? 0 : _i % TPMTOKEN_WAYS);
    set_pcr(false);
    begin_policy(&authority, &own, _i % 2 == 0);
    add_command_code(&own, TPM2_CC_Sign); /* asked for whatever was signed */
    add_pcr(&other, false);
    if (token->has_pin)
        add_auth_value(&other);
    sign_policy(&authority, &other);
    make_key(&own, &own, &other, 1, &key);
    assert_rv(sign(&key), CKR_OK);
    assert_rv(sign(&key), CKR_OK);
    assert_count(TPM2_CC_VerifySignature, 1);
    assert_count(TPM2_CC_PolicyCommandCode, 2);
    tpmtoken_free(&key);
    tpmtoken_close();
    EVP_PKEY_free(authority.pkey);
}
END_TEST

/* Some programs write the signed policies only. */
START_TEST(a_file_without_a_policy_of_its_own)
{
    struct authority authority = new_authority(true, TPM2_ALG_SHA256);
    struct policy made_for = new_policy(TPM2_ALG_SHA256);
    struct policy none = new_policy(TPM2_ALG_SHA256);
    struct policy other = new_policy(TPM2_ALG_SHA256);
    struct tpmtoken_key key;

    token = tpmtoken_open(0);
    authorize(&authority, &made_for);
    add_command_code(&other, TPM2_CC_Sign);
    sign_policy(&authority, &other);
    make_key(&made_for, &none, &other, 1, &key);
    assert_rv(sign(&key), CKR_OK);
    tpmtoken_free(&key);
    tpmtoken_close();
    EVP_PKEY_free(authority.pkey);
}
END_TEST

/* As after TPM2_Clear, which makes other tickets. */
START_TEST(a_ticket_that_is_no_good_any_more_is_made_anew)
{
    struct authority authority = new_authority(false, TPM2_ALG_SHA256);
    struct policy own = new_policy(TPM2_ALG_SHA256);
    struct policy other = new_policy(TPM2_ALG_SHA256);
    struct tpmtoken_key key;
    struct tpm_approval *approval;

    token = tpmtoken_open(0);
    begin_policy(&authority, &own, true);
    add_command_code(&other, TPM2_CC_Sign);
    sign_policy(&authority, &other);
    make_key(&own, &own, &other, 1, &key);
    assert_rv(sign(&key), CKR_OK);
    approval = &((struct tpm_key *)key.key)->policy->signed_policies[0]->approval;
    ck_assert(approval->has_ticket);
    approval->ticket.digest.buffer[0] ^= 1;
    assert_rv(sign(&key), CKR_OK);
    assert_count(TPM2_CC_VerifySignature, 2);
    assert_count(TPM2_CC_PolicyAuthorize, 3);
    tpmtoken_free(&key);
    tpmtoken_close();
    EVP_PKEY_free(authority.pkey);
}
END_TEST

/* --- what is not good
 * --------------------------------------------------------------------------------------------- */

START_TEST(a_changed_signature_authorizes_nothing)
{
    struct authority authority = new_authority(_i == 0, TPM2_ALG_SHA256);
    struct policy own = new_policy(TPM2_ALG_SHA256);
    struct policy others[2] = {new_policy(TPM2_ALG_SHA256), new_policy(TPM2_ALG_SHA256)};
    struct tpmtoken_key key;

    token = tpmtoken_open(0);
    begin_policy(&authority, &own, true);
    for (int i = 0; i < 2; i++) {
        add_command_code(&others[i], TPM2_CC_Sign);
        sign_policy(&authority, &others[i]);
    }
    others[0].commands[1].wire.data[others[0].commands[1].wire.size - 1] ^= 1;
    make_key(&own, &own, others, 1, &key);
    assert_rv(sign(&key), CKR_FUNCTION_REJECTED);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "not signed by its authority"));
    assert_count(TPM2_CC_Sign, 0);
    tpmtoken_free(&key);
    make_key(&own, &own, others, 2, &key);
    assert_rv(sign(&key), CKR_OK); /* by the other */
    tpmtoken_free(&key);
    tpmtoken_close();
    EVP_PKEY_free(authority.pkey);
}
END_TEST

/* A policy that was signed for something else than what is executed. */
START_TEST(what_was_signed_is_what_must_be_executed)
{
    struct authority authority = new_authority(false, TPM2_ALG_SHA256);
    struct policy own = new_policy(TPM2_ALG_SHA256);
    struct policy other = new_policy(TPM2_ALG_SHA256);
    struct tpmtoken_key key;

    token = tpmtoken_open(0);
    begin_policy(&authority, &own, true);
    add_command_code(&other, TPM2_CC_RSA_Decrypt);
    sign_policy(&authority, &other);
    other.commands[0].wire.data[3] = (uint8_t)TPM2_CC_Sign;
    make_key(&own, &own, &other, 1, &key);
    assert_rv(sign(&key), CKR_FUNCTION_REJECTED);
    assert_count(TPM2_CC_PolicyAuthorize, 0);
    tpmtoken_free(&key);
    tpmtoken_close();
    EVP_PKEY_free(authority.pkey);
}
END_TEST

enum fault {
    NOTHING_SIGNED,
    NO_AUTHORIZE,
    NO_SIGNATURE,
    OTHER_KEY,
    OTHER_REFERENCE,
    UNKNOWN_COMMAND,
    SECOND_AUTHORIZE,
    SIGNED_BEGIN,
    BROKEN_BEGIN,
    FAULTS
};

static const struct {
    const char *words;
    bool another_helps; /* a second signed policy that is good */
} faults[FAULTS] = {
    [NOTHING_SIGNED] = {"nothing that is signed",            false},
    [NO_AUTHORIZE] = {"does not end with PolicyAuthorize", true },
    [NO_SIGNATURE] = {"has no signature",                  true },
    [OTHER_KEY] = {"another key or policyRef",          true },
    [OTHER_REFERENCE] = {"another key or policyRef",          true },
    [UNKNOWN_COMMAND] = {"PolicyNV",                          true },
    [SECOND_AUTHORIZE] = {"PolicyAuthorize",                   false},
    [SIGNED_BEGIN] = {"nothing that comes before",         false},
    [BROKEN_BEGIN] = {"broken",                            false},
};

static void spoil(enum fault fault, const struct authority *authority, struct policy *own, struct policy *bad)
{
    struct authority other = *authority;
    struct authority stranger = new_authority(false, TPM2_ALG_SHA256);

    other.reference = "for another key";
    if (fault == UNKNOWN_COMMAND)
        command(bad, TPM2_CC_PolicyNV);
    else
        add_command_code(bad, TPM2_CC_Sign);
    if (fault == NO_SIGNATURE)
        begin_policy(authority, bad, true);
    else if (fault != NO_AUTHORIZE)
        sign_policy(fault == OTHER_KEY ? &stranger : fault == OTHER_REFERENCE ? &other : authority, bad);
    if (fault == SECOND_AUTHORIZE)
        begin_policy(authority, own, true);
    if (fault == SIGNED_BEGIN) {
        own->count = 0;
        sign_policy(authority, own);
    }
    if (fault == BROKEN_BEGIN)
        own->commands[0].wire.size--;
    EVP_PKEY_free(stranger.pkey);
}

START_TEST(files_that_cannot_be_right)
{
    enum fault fault = (enum fault)_i;
    struct authority authority = new_authority(false, TPM2_ALG_SHA256);
    struct policy own = new_policy(TPM2_ALG_SHA256);
    struct policy others[2] = {new_policy(TPM2_ALG_SHA256), new_policy(TPM2_ALG_SHA256)};
    struct tpmtoken_key key = {0};

    token = tpmtoken_open(0);
    begin_policy(&authority, &own, true);
    spoil(fault, &authority, &own, &others[0]);
    add_command_code(&others[1], TPM2_CC_Sign);
    sign_policy(&authority, &others[1]);
    make_block(&others[1], &own, others, fault == NOTHING_SIGNED ? 0 : 1, &key.block);
    test_tpm_count_reset();
    assert_rv(tpm_backend.load(token, &key.block, &key.key, &key.public), CKR_DATA_INVALID);
    ck_assert_msg(strstr(p11_failure_text(), faults[fault].words) != NULL, "%s", p11_failure_text());
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    bytes_free(&key.block);
    if (faults[fault].another_helps) {
        make_key(&others[1], &own, others, 2, &key);
        assert_rv(sign(&key), CKR_OK);
        assert_count(TPM2_CC_PolicyRestart, 0);
        tpmtoken_free(&key);
    }
    tpmtoken_close();
    EVP_PKEY_free(authority.pkey);
}
END_TEST

START_TEST(too_many_signed_policies_are_refused)
{
    static struct policy others[TPM_SIGNED_POLICIES + 1];
    struct authority authority = new_authority(false, TPM2_ALG_SHA256);
    struct policy own = new_policy(TPM2_ALG_SHA256);
    struct tpmtoken_key key = {0};

    token = tpmtoken_open(0);
    begin_policy(&authority, &own, true);
    for (size_t i = 0; i <= TPM_SIGNED_POLICIES; i++) {
        others[i] = new_policy(TPM2_ALG_SHA256);
        sign_policy(&authority, &others[i]);
    }
    make_block(&own, &own, others, TPM_SIGNED_POLICIES + 1, &key.block);
    assert_rv(tpm_backend.load(token, &key.block, &key.key, &key.public), CKR_DATA_INVALID);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "more than 16"));
    bytes_free(&key.block);
    make_key(&own, &own, others, TPM_SIGNED_POLICIES, &key);
    assert_rv(sign(&key), CKR_OK); /* of no condition at all */
    tpmtoken_free(&key);
    tpmtoken_close();
    EVP_PKEY_free(authority.pkey);
}
END_TEST

/* --- plain policies
 * ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *what;
    CK_RV rv;
    bool wants_pin;
} plain[] = {
    {"PolicySecret of a Name",                CKR_OK,                false},
    {"PolicySecret of a handle and its Name", CKR_OK,                false},
    {"PolicyLocality of 0",                   CKR_OK,                false},
    {"PolicyLocality of 4",                   CKR_FUNCTION_REJECTED, false},
    {"PolicyCounterTimer, sized",             CKR_OK,                false},
    {"PolicyCounterTimer, bare",              CKR_OK,                false},
    {"PolicyCounterTimer, some day",          CKR_FUNCTION_REJECTED, false},
    {"PolicyPassword",                        CKR_OK,                true },
};

#define PLAIN (sizeof plain / sizeof plain[0])

START_TEST(commands_of_the_draft_are_executed_by_any_hash)
{
    size_t row = (size_t)_i % PLAIN;
    TPMI_ALG_HASH hash = hashes[(size_t)_i / PLAIN];
    /* no auth value is longer than the digest of the key's Name */
    struct policy own = new_policy(plain[row].wants_pin && hash == TPM2_ALG_SHA1 ? TPM2_ALG_SHA384 : hash);
    struct tpmtoken_key key;

    token = tpmtoken_open(plain[row].wants_pin ? 4 : 0);
    if (row <= 1)
        add_secret(&own, row == 0 ? 0 : TPM2_RH_OWNER);
    else if (row <= 3)
        add_locality(&own, row == 2 ? 0x01 : 0x10);
    else if (row <= 6)
        add_timer(&own, row == 6 ? UINT64_MAX - 1 : 1, row == 4);
    else
        add_password(&own);
    make_key(&own, &own, NULL, 0, &key);
    tpmtoken_assert(plain[row].what, __LINE__, sign(&key), plain[row].rv);
    tpmtoken_free(&key);
    if (plain[row].wants_pin)
        ck_assert(!tpmtoken_recorded("the token's secr", 16));
    tpmtoken_close();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/authorize");
    TCase *t = tcase_create("authorize");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, tpmtoken_make, tpmtoken_drop);
    tcase_add_loop_test(t, signed_policies_are_tried_in_their_order, 0, TPMTOKEN_WAYS);
    tcase_add_loop_test(t, of_any_hash, 0, (int)(HASHES * HASHES));
    tcase_add_test(t, a_file_without_a_policy_of_its_own);
    tcase_add_test(t, a_ticket_that_is_no_good_any_more_is_made_anew);
    tcase_add_loop_test(t, a_changed_signature_authorizes_nothing, 0, 2);
    tcase_add_test(t, what_was_signed_is_what_must_be_executed);
    tcase_add_loop_test(t, files_that_cannot_be_right, 0, FAULTS);
    tcase_add_test(t, too_many_signed_policies_are_refused);
    tcase_add_loop_test(t, commands_of_the_draft_are_executed_by_any_hash, 0, (int)(HASHES * PLAIN));
    suite_add_tcase(s, t);
    return s;
}
