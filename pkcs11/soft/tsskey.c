/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/tsskey.h"

#include <openssl/asn1.h>
#include <openssl/asn1t.h>
#include <openssl/objects.h>

#include <string.h>

/*
 * TPMKey ::= SEQUENCE {
 *     type        OBJECT IDENTIFIER,
 *     emptyAuth   [0] EXPLICIT BOOLEAN OPTIONAL,
 *     policy      [1] EXPLICIT SEQUENCE OF TPMPolicy OPTIONAL,
 *     secret      [2] EXPLICIT OCTET STRING OPTIONAL,
 *     authPolicy  [3] EXPLICIT SEQUENCE OF TPMAuthPolicy OPTIONAL,
 *     description [4] EXPLICIT UTF8String OPTIONAL,
 *     rsaParent   [5] EXPLICIT BOOLEAN OPTIONAL,
 *     parent      INTEGER,
 *     pubkey      OCTET STRING,
 *     privkey     OCTET STRING }
 *
 * TPMPolicy ::= SEQUENCE {
 *     commandCode   [0] EXPLICIT INTEGER,
 *     commandPolicy [1] EXPLICIT OCTET STRING }
 *
 * TPMAuthPolicy ::= SEQUENCE {
 *     name   [0] EXPLICIT UTF8String OPTIONAL,
 *     policy [1] EXPLICIT SEQUENCE OF TPMPolicy }
 */
typedef struct {
    ASN1_INTEGER *code;
    ASN1_OCTET_STRING *command;
} TPM_POLICY;

DEFINE_STACK_OF(TPM_POLICY)

ASN1_SEQUENCE(TPM_POLICY) =
    {
        ASN1_EXP(TPM_POLICY, code, ASN1_INTEGER, 0),
        ASN1_EXP(TPM_POLICY, command, ASN1_OCTET_STRING, 1),
} static_ASN1_SEQUENCE_END(TPM_POLICY)

        typedef struct {
    ASN1_UTF8STRING *name;
    STACK_OF(TPM_POLICY) * policy;
} TPM_AUTH_POLICY;

DEFINE_STACK_OF(TPM_AUTH_POLICY)

ASN1_SEQUENCE(TPM_AUTH_POLICY) =
    {
        ASN1_EXP_OPT(TPM_AUTH_POLICY, name, ASN1_UTF8STRING, 0),
        ASN1_EXP_SEQUENCE_OF(TPM_AUTH_POLICY, policy, TPM_POLICY, 1),
} static_ASN1_SEQUENCE_END(TPM_AUTH_POLICY)

        ASN1_ITEM_TEMPLATE(TPM_AUTH_POLICIES) = ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SEQUENCE_OF, 0, policies,
                                                                      TPM_AUTH_POLICY)
            static_ASN1_ITEM_TEMPLATE_END(TPM_AUTH_POLICIES)

                typedef struct {
    ASN1_OBJECT *type;
    ASN1_BOOLEAN empty_auth;
    STACK_OF(TPM_POLICY) * policy;
    ASN1_OCTET_STRING *secret;
    STACK_OF(TPM_AUTH_POLICY) * auth_policy;
    ASN1_UTF8STRING *description;
    ASN1_BOOLEAN rsa_parent;
    ASN1_INTEGER *parent;
    ASN1_OCTET_STRING *public;
    ASN1_OCTET_STRING *private;
} TPM_KEY;

ASN1_SEQUENCE(TPM_KEY) =
    {
        ASN1_SIMPLE(TPM_KEY, type, ASN1_OBJECT),
        ASN1_EXP_OPT(TPM_KEY, empty_auth, ASN1_BOOLEAN, 0),
        ASN1_EXP_SEQUENCE_OF_OPT(TPM_KEY, policy, TPM_POLICY, 1),
        ASN1_EXP_OPT(TPM_KEY, secret, ASN1_OCTET_STRING, 2),
        ASN1_EXP_SEQUENCE_OF_OPT(TPM_KEY, auth_policy, TPM_AUTH_POLICY, 3),
        ASN1_EXP_OPT(TPM_KEY, description, ASN1_UTF8STRING, 4),
        ASN1_EXP_OPT(TPM_KEY, rsa_parent, ASN1_BOOLEAN, 5),
        ASN1_SIMPLE(TPM_KEY, parent, ASN1_INTEGER),
        ASN1_SIMPLE(TPM_KEY, public, ASN1_OCTET_STRING),
        ASN1_SIMPLE(TPM_KEY, private, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(TPM_KEY)

    /* 2.23.133.10.1.n */
    static const uint8_t kinds[TSS_KEY_KINDS][6] = {
        [TSS_KEY_LOADABLE] = {0x67, 0x81, 0x05, 0x0a, 0x01, 0x03},
        [TSS_KEY_IMPORTABLE] = {0x67, 0x81, 0x05, 0x0a, 0x01, 0x04},
        [TSS_KEY_SEALED] = {0x67, 0x81, 0x05, 0x0a, 0x01, 0x05},
};

static TPM_KEY *tpm_key_new(void)
{
    return (TPM_KEY *)ASN1_item_new(ASN1_ITEM_rptr(TPM_KEY));
}

static void tpm_key_free(TPM_KEY *key)
{
    ASN1_item_free((ASN1_VALUE *)key, ASN1_ITEM_rptr(TPM_KEY));
}

static void free_commands(struct tss_policy *commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes_free(&commands[i].command);
}

void tss_key_free(struct tss_key *key)
{
    bytes_free(&key->public);
    bytes_free(&key->private);
    bytes_free(&key->secret);
    bytes_free(&key->description);
    free_commands(key->policy, key->policy_count);
    bytes_free(&key->auth_policies);
    *key = (struct tss_key){0};
}

static CK_RV read_kind(const ASN1_OBJECT *type, enum tss_key_kind *kind)
{
    for (*kind = 0; *kind < TSS_KEY_KINDS; (*kind)++)
        if (OBJ_length(type) == sizeof kinds[0] &&
            memcmp(OBJ_get0_data(type), kinds[*kind], sizeof kinds[0]) == 0)
            return CKR_OK;
    return CKR_DATA_INVALID;
}

/* A field that may be absent. */
static bool copy_string(struct bytes *to, const ASN1_STRING *from)
{
    return from == NULL || bytes_copy(to, ASN1_STRING_get0_data(from), (size_t)ASN1_STRING_length(from));
}

/* *count are to be freed, also on failure. */
static CK_RV read_policy(const STACK_OF(TPM_POLICY) * from, struct tss_policy to[TSS_POLICY_COMMANDS],
                         size_t *count)
{
    int number = sk_TPM_POLICY_num(from); /* -1: absent */

    *count = 0;
    if (number > TSS_POLICY_COMMANDS)
        return CKR_DATA_INVALID;
    for (int i = 0; i < number; i++) {
        const TPM_POLICY *command = sk_TPM_POLICY_value(from, i);
        uint64_t code;

        if (ASN1_INTEGER_get_uint64(&code, command->code) != 1 || code > UINT32_MAX)
            return CKR_DATA_INVALID;
        to[i].code = (uint32_t)code;
        if (!copy_string(&to[i].command, command->command))
            return CKR_HOST_MEMORY;
        ++*count;
    }
    return CKR_OK;
}

/* Kept as they are: few keys have them, and they are written as they were read. */
static CK_RV read_auth_policies(const STACK_OF(TPM_AUTH_POLICY) * from, struct tss_key *key)
{
    unsigned char *der = NULL;
    int size;
    bool good;

    if (sk_TPM_AUTH_POLICY_num(from) <= 0)
        return CKR_OK;
    size = ASN1_item_i2d((const ASN1_VALUE *)from, &der, ASN1_ITEM_rptr(TPM_AUTH_POLICIES));
    good = size > 0 && bytes_copy(&key->auth_policies, der, (size_t)size);
    OPENSSL_free(der);
    return good ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV read_fields(const TPM_KEY *from, struct tss_key *key)
{
    uint64_t parent;
    CK_RV rv;

    if (read_kind(from->type, &key->kind) != CKR_OK || ASN1_INTEGER_get_uint64(&parent, from->parent) != 1 ||
        parent > UINT32_MAX)
        return CKR_DATA_INVALID;
    key->parent = (uint32_t)parent;
    key->empty_auth = from->empty_auth > 0; /* -1: absent */
    key->rsa_parent = from->rsa_parent > 0;
    rv = read_policy(from->policy, key->policy, &key->policy_count);
    if (rv == CKR_OK)
        rv = read_auth_policies(from->auth_policy, key);
    if (rv != CKR_OK)
        return rv;
    return copy_string(&key->public, from->public) && copy_string(&key->private, from->private) &&
                   copy_string(&key->secret, from->secret) &&
                   copy_string(&key->description, from->description)
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

/* The object identifier is the first thing in the SEQUENCE, whose length has one byte or some more. */
bool soft_tss_key_is_sealed(const struct bytes *der)
{
    size_t header = 2 + (der->size > 1 && (der->data[1] & 0x80) != 0 ? der->data[1] & 0x7fU : 0);

    return der->size > header + 2 + sizeof kinds[0] && der->data[header] == 0x06 &&
           der->data[header + 1] == sizeof kinds[0] &&
           memcmp(der->data + header + 2, kinds[TSS_KEY_SEALED], sizeof kinds[0]) == 0;
}

CK_RV soft_tss_key_read(const struct bytes *der, struct tss_key *key)
{
    const unsigned char *end = der->data;
    TPM_KEY *parsed = (TPM_KEY *)ASN1_item_d2i(NULL, &end, (long)der->size, ASN1_ITEM_rptr(TPM_KEY));
    CK_RV rv = CKR_DATA_INVALID;

    *key = (struct tss_key){0};
    if (parsed != NULL && end == der->data + der->size)
        rv = read_fields(parsed, key);
    tpm_key_free(parsed);
    if (rv != CKR_OK)
        tss_key_free(key);
    return rv;
}

/* --- what an authority has signed
 * ------------------------------------------------------------------------------------- */

static CK_RV visit(const TPM_AUTH_POLICY *from, tss_auth_policy_sink *sink, void *data)
{
    struct tss_auth_policy alternative = {0};
    CK_RV rv = copy_string(&alternative.name, from->name) ? CKR_OK : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = read_policy(from->policy, alternative.policy, &alternative.policy_count);
    if (rv == CKR_OK)
        rv = sink(data, &alternative);
    free_commands(alternative.policy, alternative.policy_count);
    bytes_free(&alternative.name);
    return rv;
}

CK_RV soft_tss_auth_policies(const struct bytes *der, tss_auth_policy_sink *sink, void *data)
{
    const unsigned char *end = der->data;
    STACK_OF(TPM_AUTH_POLICY) *policies = (STACK_OF(TPM_AUTH_POLICY) *)ASN1_item_d2i(
        NULL, &end, (long)der->size, ASN1_ITEM_rptr(TPM_AUTH_POLICIES));
    CK_RV rv = policies != NULL ? CKR_OK : CKR_DATA_INVALID;

    for (int i = 0; rv == CKR_OK && i < sk_TPM_AUTH_POLICY_num(policies); i++)
        rv = visit(sk_TPM_AUTH_POLICY_value(policies, i), sink, data);
    ASN1_item_free((ASN1_VALUE *)policies, ASN1_ITEM_rptr(TPM_AUTH_POLICIES));
    return rv;
}

/* --- writing
 * ------------------------------------------------------------------------------------------------- */

static ASN1_OBJECT *kind_object(enum tss_key_kind kind)
{
    uint8_t der[2 + sizeof kinds[0]] = {0x06, sizeof kinds[0]};
    const unsigned char *end = der;

    memcpy(der + 2, kinds[kind], sizeof kinds[0]);
    return d2i_ASN1_OBJECT(NULL, &end, sizeof der);
}

/* Makes a field that may be absent. */
static bool set_string(ASN1_STRING **to, int type, const struct bytes *from)
{
    if (from->size == 0)
        return true;
    *to = ASN1_STRING_type_new(type);
    return *to != NULL && ASN1_STRING_set(*to, from->data, (int)from->size) == 1;
}

static bool add_policy(const struct tss_policy *from, STACK_OF(TPM_POLICY) * to)
{
    TPM_POLICY *command = (TPM_POLICY *)ASN1_item_new(ASN1_ITEM_rptr(TPM_POLICY));

    if (command != NULL && ASN1_INTEGER_set_uint64(command->code, from->code) == 1 &&
        ASN1_OCTET_STRING_set(command->command, from->command.data, (int)from->command.size) == 1 &&
        sk_TPM_POLICY_push(to, command) > 0)
        return true;
    ASN1_item_free((ASN1_VALUE *)command, ASN1_ITEM_rptr(TPM_POLICY));
    return false;
}

static bool write_policy(const struct tss_key *key, TPM_KEY *to)
{
    const unsigned char *der = key->auth_policies.data;
    bool good = true;

    if (key->policy_count != 0 && (to->policy = sk_TPM_POLICY_new_null()) == NULL)
        return false;
    for (size_t i = 0; good && i < key->policy_count; i++)
        good = add_policy(&key->policy[i], to->policy);
    if (!good || key->auth_policies.size == 0)
        return good;
    to->auth_policy = (STACK_OF(TPM_AUTH_POLICY) *)ASN1_item_d2i(NULL, &der, (long)key->auth_policies.size,
                                                                 ASN1_ITEM_rptr(TPM_AUTH_POLICIES));
    return to->auth_policy != NULL;
}

static bool write_fields(const struct tss_key *key, TPM_KEY *to)
{
    ASN1_OBJECT_free(to->type);
    to->type = kind_object(key->kind);
    to->empty_auth = key->empty_auth ? 0xff : -1;
    to->rsa_parent = key->rsa_parent ? 0xff : -1;
    return to->type != NULL && ASN1_INTEGER_set_uint64(to->parent, key->parent) == 1 &&
           ASN1_OCTET_STRING_set(to->public, key->public.data, (int)key->public.size) == 1 &&
           ASN1_OCTET_STRING_set(to->private, key->private.data, (int)key->private.size) == 1 &&
           set_string(&to->secret, V_ASN1_OCTET_STRING, &key->secret) &&
           set_string(&to->description, V_ASN1_UTF8STRING, &key->description) && write_policy(key, to);
}

CK_RV soft_tss_key_write(const struct tss_key *key, struct bytes *der)
{
    TPM_KEY *made = tpm_key_new();
    unsigned char *encoded = NULL;
    int size = -1;
    CK_RV rv = CKR_HOST_MEMORY;

    *der = BYTES_EMPTY;
    if (made != NULL && write_fields(key, made))
        size = ASN1_item_i2d((ASN1_VALUE *)made, &encoded, ASN1_ITEM_rptr(TPM_KEY));
    if (size > 0 && bytes_copy(der, encoded, (size_t)size))
        rv = CKR_OK;
    OPENSSL_free(encoded);
    tpm_key_free(made);
    return rv;
}
