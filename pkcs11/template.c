/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/template.h"

#include "devid/pkcs11.h"
#include "pkcs11/curve.h"
#include "pkcs11/failure.h"
#include "pkcs11/nested.h"

#include <string.h>

#define CERT CLASS_CERTIFICATE
#define KEYS (CLASS_PUBLIC | CLASS_PRIVATE | CLASS_SECRET)
#define PUB CLASS_PUBLIC
#define PRIV CLASS_PRIVATE
#define SECRET CLASS_SECRET
#define PAIR (PUB | PRIV)
#define DATA CLASS_DATA
#define ALL (CERT | KEYS)

#define RULE(attribute) .type = attribute, .name = #attribute
#define YES .kind = KIND_BOOL, .otherwise = CK_TRUE
#define NO .kind = KIND_BOOL, .otherwise = CK_FALSE
#define BYTES .kind = KIND_BYTES
#define NEVER_REQUIRED (~0U) /* no row has all flags */
#define GIVEN (RULE_CREATE | RULE_GENERATE | RULE_UNWRAP | RULE_DERIVE | RULE_DEFAULT)

/* PKCS#11 2.40, chapter 4: who may set what when. Rows without RULE_CREATE and RULE_GENERATE are the
 * module's. */
/* clang-format off */
static const struct attribute_rule rules[] = {
    /* 4.4: all objects, and storage objects */
    {RULE(CKA_CLASS), ALL | DATA, ANY_KEY, .kind = KIND_ULONG, .flags = RULE_CREATE_REQUIRED | RULE_GENERATE | RULE_UNWRAP | RULE_DERIVE},
    {RULE(CKA_TOKEN), ALL | DATA, ANY_KEY, NO, .flags = GIVEN | RULE_COPY},
    {RULE(CKA_PRIVATE), CERT | PUB | DATA, ANY_KEY, NO, .flags = GIVEN | RULE_COPY},
    {RULE(CKA_PRIVATE), PRIV | SECRET, ANY_KEY, YES, .flags = GIVEN | RULE_COPY},
    {RULE(CKA_MODIFIABLE), ALL | DATA, ANY_KEY, YES, .flags = GIVEN | RULE_COPY},
    {RULE(CKA_COPYABLE), ALL | DATA, ANY_KEY, YES, .flags = GIVEN | RULE_LOWER},
    {RULE(CKA_DESTROYABLE), ALL | DATA, ANY_KEY, YES, .flags = GIVEN | RULE_COPY},
    {RULE(CKA_LABEL), ALL | DATA, ANY_KEY, BYTES, .flags = GIVEN | RULE_MODIFY},

    /* 4.5: data */
    {RULE(CKA_APPLICATION), DATA, ANY_KEY, BYTES, .flags = RULE_CREATE | RULE_DEFAULT | RULE_MODIFY},
    {RULE(CKA_OBJECT_ID), DATA, ANY_KEY, BYTES, .flags = RULE_CREATE | RULE_DEFAULT | RULE_MODIFY},
    {RULE(CKA_VALUE), DATA, ANY_KEY, BYTES, .flags = RULE_CREATE | RULE_DEFAULT | RULE_MODIFY},

    /* 4.6: certificates */
    {RULE(CKA_CERTIFICATE_TYPE), CERT, ANY_KEY, .kind = KIND_ULONG, .flags = RULE_CREATE_REQUIRED},
    {RULE(CKA_TRUSTED), CERT | PUB | SECRET, ANY_KEY, NO, .flags = RULE_DEFAULT},
    {RULE(CKA_CERTIFICATE_CATEGORY), CERT, ANY_KEY, .kind = KIND_ULONG, .flags = RULE_CREATE | RULE_DEFAULT},
    {RULE(CKA_CHECK_VALUE), CERT, ANY_KEY, BYTES, .flags = RULE_CREATE},
    {RULE(CKA_SUBJECT), CERT, ANY_KEY, BYTES, .flags = RULE_CREATE},
    {RULE(CKA_ISSUER), CERT, ANY_KEY, BYTES, .flags = RULE_CREATE | RULE_MODIFY},
    {RULE(CKA_SERIAL_NUMBER), CERT, ANY_KEY, BYTES, .flags = RULE_CREATE | RULE_MODIFY},
    {RULE(CKA_VALUE), CERT, ANY_KEY, BYTES, .flags = RULE_CREATE_REQUIRED},
    {RULE(CKA_URL), CERT, ANY_KEY, BYTES, .flags = RULE_DEFAULT},
    {RULE(CKA_JAVA_MIDP_SECURITY_DOMAIN), CERT, ANY_KEY, .kind = KIND_ULONG, .flags = RULE_DEFAULT},

    /* 4.7: keys */
    {RULE(CKA_KEY_TYPE), KEYS, ANY_KEY, .kind = KIND_ULONG, .flags = RULE_CREATE_REQUIRED | RULE_GENERATE | RULE_UNWRAP | RULE_DERIVE},
    {RULE(CKA_ID), ALL, ANY_KEY, BYTES, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_START_DATE), ALL, ANY_KEY, .kind = KIND_DATE, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_END_DATE), ALL, ANY_KEY, .kind = KIND_DATE, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_DERIVE), KEYS, CKK_EC_MONTGOMERY, YES, .flags = GIVEN | RULE_MODIFY}, /* they do nothing else */
    {RULE(CKA_DERIVE), KEYS, ANY_KEY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_LOCAL), KEYS, ANY_KEY, NO, .flags = RULE_DEFAULT},
    {RULE(CKA_KEY_GEN_MECHANISM), KEYS, ANY_KEY, .kind = KIND_ULONG, .flags = RULE_DEFAULT, .otherwise = CK_UNAVAILABLE_INFORMATION},
    {RULE(CKA_ALLOWED_MECHANISMS), KEYS, ANY_KEY, .kind = KIND_MECHANISMS, .flags = GIVEN},
    {RULE(CKA_SUBJECT), PAIR, ANY_KEY, BYTES, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_PUBLIC_KEY_INFO), CERT | PAIR, ANY_KEY, BYTES, .flags = 0},

    /* vendor: keys of the TPM itself, and where keys stay in it */
    {RULE(CKA_DEVID_TPM2B_PUBLIC), PUB, ANY_KEY, BYTES, .flags = 0},
    {RULE(CKA_DEVID_POLICY_PCR), PRIV, ANY_KEY, BYTES, .flags = RULE_GENERATE},
    {RULE(CKA_DEVID_AUTH), PRIV, ANY_KEY, BYTES, .flags = RULE_GENERATE | RULE_SECRET},
    {RULE(CKA_DEVID_PERSISTENT), PUB, ANY_KEY, .kind = KIND_ULONG, .flags = 0},
    {RULE(CKA_DEVID_PERSISTENT), CLASS_PRIVATE | CLASS_SECRET, ANY_KEY, .kind = KIND_ULONG, .flags = RULE_DEFAULT | RULE_MODIFY},

    /* 4.8: public keys */
    {RULE(CKA_ENCRYPT), PUB, ANY_KEY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_VERIFY), PUB, CKK_EC_MONTGOMERY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_VERIFY), PUB | SECRET, ANY_KEY, YES, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_VERIFY_RECOVER), PUB, ANY_KEY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_WRAP), PUB | SECRET, ANY_KEY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_WRAP_TEMPLATE), PUB | SECRET, ANY_KEY, .kind = KIND_TEMPLATE, .flags = GIVEN},

    /* 4.9: private keys */
    {RULE(CKA_SENSITIVE), PRIV | SECRET, ANY_KEY, YES, .flags = GIVEN | RULE_RAISE},
    {RULE(CKA_DECRYPT), PRIV, ANY_KEY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_SIGN), PRIV, CKK_EC_MONTGOMERY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_SIGN), PRIV | SECRET, ANY_KEY, YES, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_SIGN_RECOVER), PRIV, ANY_KEY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_UNWRAP), PRIV | SECRET, ANY_KEY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_UNWRAP_TEMPLATE), PRIV | SECRET, ANY_KEY, .kind = KIND_TEMPLATE, .flags = GIVEN},
    {RULE(CKA_DERIVE_TEMPLATE), PRIV | SECRET, ANY_KEY, .kind = KIND_TEMPLATE, .flags = GIVEN}, /* 3.0 */
    {RULE(CKA_EXTRACTABLE), PRIV | SECRET, ANY_KEY, NO, .flags = GIVEN | RULE_LOWER},
    {RULE(CKA_ALWAYS_SENSITIVE), PRIV | SECRET, ANY_KEY, NO, .flags = RULE_DEFAULT},
    {RULE(CKA_NEVER_EXTRACTABLE), PRIV | SECRET, ANY_KEY, NO, .flags = RULE_DEFAULT},
    {RULE(CKA_WRAP_WITH_TRUSTED), PRIV | SECRET, ANY_KEY, NO, .flags = GIVEN | RULE_RAISE},
    {RULE(CKA_ALWAYS_AUTHENTICATE), PRIV, ANY_KEY, NO, .flags = GIVEN},

    /* 4.10: secret keys, but for what they have in common with the halves of a pair; the rows of a type come
     * before those of any */
    {RULE(CKA_ENCRYPT), SECRET, CKK_AES, YES, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_ENCRYPT), SECRET, ANY_KEY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_DECRYPT), SECRET, CKK_AES, YES, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_DECRYPT), SECRET, ANY_KEY, NO, .flags = GIVEN | RULE_MODIFY},
    {RULE(CKA_CHECK_VALUE), SECRET, ANY_KEY, BYTES, .flags = RULE_CREATE | RULE_GENERATE | RULE_UNWRAP | RULE_DERIVE},
    {RULE(CKA_VALUE), SECRET, ANY_KEY, BYTES, .flags = RULE_CREATE_REQUIRED | RULE_SECRET},
    {RULE(CKA_VALUE_LEN), SECRET, ANY_KEY, .kind = KIND_ULONG, .flags = RULE_CREATE | RULE_GENERATE_REQUIRED | RULE_UNWRAP | RULE_DERIVE},

    /* PKCS#11 2.40 current mechanisms, 2.1 and 2.3: RSA and EC keys */
    {RULE(CKA_MODULUS), KEYS, CKK_RSA, BYTES, .flags = RULE_CREATE_REQUIRED},
    {RULE(CKA_MODULUS_BITS), PUB, CKK_RSA, .kind = KIND_ULONG, .flags = RULE_GENERATE_REQUIRED},
    {RULE(CKA_PUBLIC_EXPONENT), PUB, CKK_RSA, BYTES, .flags = RULE_CREATE_REQUIRED | RULE_GENERATE},
    {RULE(CKA_PUBLIC_EXPONENT), PRIV, CKK_RSA, BYTES, .flags = RULE_CREATE},
    {RULE(CKA_PRIVATE_EXPONENT), PRIV, CKK_RSA, BYTES, .flags = RULE_CREATE_REQUIRED | RULE_SECRET},
    {RULE(CKA_PRIME_1), PRIV, CKK_RSA, BYTES, .flags = RULE_CREATE | RULE_SECRET},
    {RULE(CKA_PRIME_2), PRIV, CKK_RSA, BYTES, .flags = RULE_CREATE | RULE_SECRET},
    {RULE(CKA_EXPONENT_1), PRIV, CKK_RSA, BYTES, .flags = RULE_CREATE | RULE_SECRET},
    {RULE(CKA_EXPONENT_2), PRIV, CKK_RSA, BYTES, .flags = RULE_CREATE | RULE_SECRET},
    {RULE(CKA_COEFFICIENT), PRIV, CKK_RSA, BYTES, .flags = RULE_CREATE | RULE_SECRET},
    {RULE(CKA_EC_PARAMS), PUB, CKK_EC, BYTES, .flags = RULE_CREATE_REQUIRED | RULE_GENERATE_REQUIRED},
    {RULE(CKA_EC_PARAMS), PRIV, CKK_EC, BYTES, .flags = RULE_CREATE_REQUIRED},
    {RULE(CKA_EC_POINT), PUB, CKK_EC, BYTES, .flags = RULE_CREATE_REQUIRED},
    {RULE(CKA_EC_POINT), PRIV, CKK_EC, BYTES, .flags = 0},
    {RULE(CKA_VALUE), PRIV, CKK_EC, BYTES, .flags = RULE_CREATE_REQUIRED | RULE_SECRET},

    /* PKCS#11 3.0 current mechanisms, 2.3.5: Edwards keys */
    {RULE(CKA_EC_PARAMS), PUB, CKK_EC_EDWARDS, BYTES, .flags = RULE_CREATE_REQUIRED | RULE_GENERATE_REQUIRED},
    {RULE(CKA_EC_PARAMS), PRIV, CKK_EC_EDWARDS, BYTES, .flags = RULE_CREATE_REQUIRED},
    {RULE(CKA_EC_POINT), PUB, CKK_EC_EDWARDS, BYTES, .flags = RULE_CREATE_REQUIRED},
    {RULE(CKA_EC_POINT), PRIV, CKK_EC_EDWARDS, BYTES, .flags = 0},
    {RULE(CKA_VALUE), PRIV, CKK_EC_EDWARDS, BYTES, .flags = RULE_CREATE_REQUIRED | RULE_SECRET},

    /* the same, 2.3.6: Montgomery keys */
    {RULE(CKA_EC_PARAMS), PUB, CKK_EC_MONTGOMERY, BYTES, .flags = RULE_CREATE_REQUIRED | RULE_GENERATE_REQUIRED},
    {RULE(CKA_EC_PARAMS), PRIV, CKK_EC_MONTGOMERY, BYTES, .flags = RULE_CREATE_REQUIRED},
    {RULE(CKA_EC_POINT), PUB, CKK_EC_MONTGOMERY, BYTES, .flags = RULE_CREATE_REQUIRED},
    {RULE(CKA_EC_POINT), PRIV, CKK_EC_MONTGOMERY, BYTES, .flags = 0},
    {RULE(CKA_VALUE), PRIV, CKK_EC_MONTGOMERY, BYTES, .flags = RULE_CREATE_REQUIRED | RULE_SECRET},
};
/* clang-format on */

#define RULES (sizeof rules / sizeof rules[0])

static const struct {
    CK_OBJECT_CLASS object_class;
    unsigned bit;
} classes[] = {
    {CKO_CERTIFICATE, CLASS_CERTIFICATE},
    {CKO_PUBLIC_KEY,  CLASS_PUBLIC     },
    {CKO_PRIVATE_KEY, CLASS_PRIVATE    },
    {CKO_SECRET_KEY,  CLASS_SECRET     },
    {CKO_DATA,        CLASS_DATA       },
};

/* The bits of struct attribute_rule.flags that count for a purpose. What unwrapping and derivation need
 * besides the template is the mechanism's to say. */
static const struct {
    unsigned allowed;
    unsigned required;
} purposes[TEMPLATE_PURPOSES] = {
    [TEMPLATE_CREATE] = {RULE_CREATE,   RULE_CREATE_REQUIRED  },
    [TEMPLATE_GENERATE] = {RULE_GENERATE, RULE_GENERATE_REQUIRED},
    [TEMPLATE_UNWRAP] = {RULE_UNWRAP,   NEVER_REQUIRED        },
    [TEMPLATE_DERIVE] = {RULE_DERIVE,   NEVER_REQUIRED        },
};

const struct attribute_rule *template_rules(size_t *count)
{
    *count = RULES;
    return rules;
}

static unsigned class_bit(CK_OBJECT_CLASS object_class)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (classes[i].object_class == object_class)
            return classes[i].bit;
    return 0;
}

static bool holds(const struct attribute_rule *rule, unsigned bit, CK_KEY_TYPE key_type)
{
    return (rule->classes & bit) != 0 && (rule->key_type == ANY_KEY || rule->key_type == key_type);
}

const struct attribute_rule *template_rule(CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type,
                                           CK_ATTRIBUTE_TYPE type)
{
    unsigned bit = class_bit(object_class);

    for (size_t i = 0; i < RULES; i++)
        if (rules[i].type == type && holds(&rules[i], bit, key_type))
            return &rules[i];
    return NULL;
}

const struct attribute_rule *template_rule_of_any(CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < RULES; i++)
        if (rules[i].type == type)
            return &rules[i];
    return NULL;
}

/* CK_DATE is eight digits; a file of the token could not say anything else. */
static bool is_date(const CK_ATTRIBUTE *item)
{
    const CK_BYTE *digits = item->pValue;

    for (CK_ULONG i = 0; i < item->ulValueLen; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    return item->ulValueLen == 0 || item->ulValueLen == sizeof(CK_DATE);
}

bool template_value_fits(const struct attribute_rule *rule, const CK_ATTRIBUTE *item)
{
    if (!caller_has_data(item->pValue, item->ulValueLen))
        return false;
    switch (rule->kind) {
    case KIND_BOOL:
        return item->ulValueLen == sizeof(CK_BBOOL) && *(const CK_BBOOL *)item->pValue <= CK_TRUE;
    case KIND_ULONG:
        return item->ulValueLen == sizeof(CK_ULONG);
    case KIND_DATE:
        return is_date(item);
    case KIND_MECHANISMS:
        return item->ulValueLen % sizeof(CK_MECHANISM_TYPE) == 0;
    case KIND_TEMPLATE: /* nested.h looks into it */
    case KIND_BYTES:
        break;
    }
    return true;
}

static bool same_value(const CK_ATTRIBUTE *a, const CK_ATTRIBUTE *b)
{
    return a->ulValueLen == b->ulValueLen &&
           (a->ulValueLen == 0 || memcmp(a->pValue, b->pValue, a->ulValueLen) == 0);
}

typedef CK_RV item_check(const void *data, const struct attribute_rule *rule, const CK_ATTRIBUTE *item,
                         struct attributes *out);

/* Goes on with the value as it is kept: a template in the template is packed. */
static CK_RV with_value(const struct attribute_rule *rule, const CK_ATTRIBUTE *item, item_check *check,
                        const void *data, struct attributes *out)
{
    struct bytes packed = BYTES_EMPTY;
    CK_ATTRIBUTE kept = *item;
    CK_RV rv = CKR_OK;

    if (!template_value_fits(rule, item))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "the value of %s has the wrong form", rule->name);
    if (rule->kind == KIND_TEMPLATE) {
        rv = nested_pack(item, &packed);
        kept.pValue = packed.data;
        kept.ulValueLen = packed.size;
    }
    if (rv == CKR_OK)
        rv = check(data, rule, &kept, out);
    bytes_free(&packed);
    return rv;
}

static CK_RV add_new(const void *data, const struct attribute_rule *rule, const CK_ATTRIBUTE *item,
                     struct attributes *out)
{
    enum template_purpose purpose = *(const enum template_purpose *)data;
    const CK_ATTRIBUTE *old = attributes_find(out, item->type);

    if (old != NULL)
        return same_value(old, item)
                   ? CKR_OK
                   : p11_fail(CKR_TEMPLATE_INCONSISTENT, "%s contradicts the rest of the call", rule->name);
    if ((rule->flags & purposes[purpose].allowed) == 0)
        return p11_fail(CKR_ATTRIBUTE_READ_ONLY, "%s is the token's to set", rule->name);
    return attributes_set(out, item->type, item->pValue, item->ulValueLen);
}

static CK_RV check_item(enum template_purpose purpose, CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type,
                        const CK_ATTRIBUTE *item, struct attributes *out)
{
    const struct attribute_rule *rule = template_rule(object_class, key_type, item->type);

    return rule != NULL ? with_value(rule, item, add_new, &purpose, out)
                        : p11_fail(CKR_ATTRIBUTE_TYPE_INVALID,
                                   "attribute 0x%lx does not belong in this template", item->type);
}

CK_RV template_check(enum template_purpose purpose, CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type,
                     const CK_ATTRIBUTE *items, CK_ULONG count, struct attributes *out)
{
    unsigned bit = class_bit(object_class);
    unsigned required = purposes[purpose].required;
    CK_RV rv = CKR_OK;

    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
        rv = check_item(purpose, object_class, key_type, &items[i], out);
    for (size_t i = 0; rv == CKR_OK && i < RULES; i++)
        if (holds(&rules[i], bit, key_type) && (rules[i].flags & required) == required &&
            attributes_find(out, rules[i].type) == NULL)
            rv = p11_fail(CKR_TEMPLATE_INCOMPLETE, "the template lacks %s", rules[i].name);
    return rv;
}

/* --- changes
 * ------------------------------------------------------------------------------------------------
 */

/* The value has the form of its kind. */
static bool may_become(const struct attribute_rule *rule, bool copy, const CK_ATTRIBUTE *item)
{
    unsigned one_way =
        rule->kind == KIND_BOOL && *(const CK_BBOOL *)item->pValue != CK_FALSE ? RULE_RAISE : RULE_LOWER;

    return (rule->flags & (RULE_MODIFY | one_way | (copy ? RULE_COPY : 0U))) != 0;
}

static CK_RV add_change(const void *data, const struct attribute_rule *rule, const CK_ATTRIBUTE *item,
                        struct attributes *changes)
{
    const struct template_target *target = data;
    const CK_ATTRIBUTE *earlier = attributes_find(changes, item->type);
    struct bytes value = BYTES_EMPTY;
    bool same;

    if (earlier != NULL && !same_value(earlier, item))
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "%s contradicts the rest of the call", rule->name);
    same = target->current(target->object, item->type, &value) == CKR_OK &&
           bytes_equal(value.data, value.size, item->pValue, item->ulValueLen);
    bytes_free(&value);
    if (same && (target->copy || may_become(rule, false, item)))
        return CKR_OK;
    if (!may_become(rule, target->copy, item))
        return p11_fail(CKR_ATTRIBUTE_READ_ONLY, "%s cannot be changed to this value", rule->name);
    return attributes_set(changes, item->type, item->pValue, item->ulValueLen);
}

static CK_RV change_item(const struct template_target *target, const CK_ATTRIBUTE *item,
                         struct attributes *changes)
{
    const struct attribute_rule *rule = template_rule(target->object_class, target->key_type, item->type);

    return rule != NULL
               ? with_value(rule, item, add_change, target, changes)
               : p11_fail(CKR_ATTRIBUTE_TYPE_INVALID, "attribute 0x%lx is none of this object's", item->type);
}

CK_RV template_change(const struct template_target *target, const CK_ATTRIBUTE *items, CK_ULONG count,
                      struct attributes *changes)
{
    CK_RV rv = CKR_OK;

    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
        rv = change_item(target, &items[i], changes);
    return rv;
}

CK_RV template_set_origin(struct attributes *attributes, CK_MECHANISM_TYPE mechanism)
{
    CK_RV rv = attributes_set_bool(attributes, CKA_LOCAL, true);

    if (rv == CKR_OK)
        rv = attributes_set_ulong(attributes, CKA_KEY_GEN_MECHANISM, mechanism);
    if (rv == CKR_OK)
        rv = attributes_set_bool(attributes, CKA_ALWAYS_SENSITIVE,
                                 attributes_get_bool(attributes, CKA_SENSITIVE, true));
    if (rv == CKR_OK)
        rv = attributes_set_bool(attributes, CKA_NEVER_EXTRACTABLE,
                                 !attributes_get_bool(attributes, CKA_EXTRACTABLE, false));
    return rv;
}
