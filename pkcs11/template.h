/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TEMPLATE_H
#define DEVID_PKCS11_TEMPLATE_H

#include "common/bytes.h"
#include "pkcs11/attribute.h"

/* What a caller is doing with the attributes it gives. */
enum template_purpose {
    TEMPLATE_CREATE,
    TEMPLATE_GENERATE,
    TEMPLATE_UNWRAP,
    TEMPLATE_DERIVE,
    TEMPLATE_PURPOSES
};

/* The classes that this module knows; columns of the schema. */
#define CLASS_CERTIFICATE 0x1U
#define CLASS_PUBLIC 0x2U
#define CLASS_PRIVATE 0x4U
#define CLASS_SECRET 0x8U
#define CLASS_DATA 0x10U

enum attribute_kind { KIND_BOOL, KIND_ULONG, KIND_BYTES, KIND_DATE, KIND_MECHANISMS, KIND_TEMPLATE };

/* One attribute rule. A row holds for the classes in `classes` and, when `key_type` is not ANY_KEY, for keys
 * of that type. */
struct attribute_rule {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    unsigned classes;
    CK_KEY_TYPE key_type;
    enum attribute_kind kind;
    unsigned flags;     /* RULE_... */
    CK_ULONG otherwise; /* value of a boolean or number that was not given */
};

#define ANY_KEY ((CK_KEY_TYPE)-1)

#define RULE_CREATE 0x01U          /* may be given to C_CreateObject */
#define RULE_CREATE_REQUIRED 0x03U /* must be */
#define RULE_GENERATE 0x04U        /* may be given to C_GenerateKeyPair or C_GenerateKey */
#define RULE_GENERATE_REQUIRED 0x0cU
#define RULE_MODIFY 0x10U  /* may be changed later */
#define RULE_DEFAULT 0x20U /* has `otherwise`, or is empty, when it was not given */
#define RULE_COPY 0x80U    /* a copy may have it otherwise, besides what may be changed later */
#define RULE_RAISE 0x100U  /* a boolean that may be changed later, but only to true */
#define RULE_LOWER 0x200U  /* the same, only to false */
#define RULE_SECRET 0x40U  /* never revealed while CKA_SENSITIVE or not CKA_EXTRACTABLE */
#define RULE_UNWRAP 0x400U /* may be given to C_UnwrapKey */
#define RULE_DERIVE 0x800U /* may be given to C_DeriveKey */

/* NULL: objects of this class and key type have no such attribute. */
const struct attribute_rule *template_rule(CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type,
                                           CK_ATTRIBUTE_TYPE type);

/* The first rule for the attribute, of whatever class; its kind is the same in all. NULL: no object here has
 * it. */
const struct attribute_rule *template_rule_of_any(CK_ATTRIBUTE_TYPE type);
/* Whether the value has the form of the rule's kind. */
bool template_value_fits(const struct attribute_rule *rule, const CK_ATTRIBUTE *item);

/*
 * Checks a caller's template for an object of the class and key type and copies it to `out`, whose earlier
 * content stays where the template says nothing or the same. Exact results: CKR_ATTRIBUTE_TYPE_INVALID,
 * CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT (given twice, or against
 * what `out` has already), CKR_TEMPLATE_INCOMPLETE.
 */
CK_RV template_check(enum template_purpose purpose, CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type,
                     const CK_ATTRIBUTE *items, CK_ULONG count, struct attributes *out);

/*
 * The same for a template that changes an object which is there (or a copy of it): what differs from the
 * object's value is added to `changes`. `current` reads the object's value, as object_attribute does. The
 * same results but for CKR_TEMPLATE_INCOMPLETE.
 */
typedef CK_RV template_current(const void *object, CK_ATTRIBUTE_TYPE type, struct bytes *value);
struct template_target {
    CK_OBJECT_CLASS object_class;
    CK_KEY_TYPE key_type;
    const void *object;
    template_current *current;
    bool copy; /* of C_CopyObject */
};
CK_RV template_change(const struct template_target *target, const CK_ATTRIBUTE *items, CK_ULONG count,
                      struct attributes *changes);

/* Adds what generation by the mechanism says of a private or secret key with these attributes (2.40, 4.9 and
 * 4.10): CKA_LOCAL, KEY_GEN_MECHANISM, ALWAYS_SENSITIVE, NEVER_EXTRACTABLE. */
CK_RV template_set_origin(struct attributes *attributes, CK_MECHANISM_TYPE mechanism);

/* The table itself, for the tests that walk it. */
const struct attribute_rule *template_rules(size_t *count);

#endif
