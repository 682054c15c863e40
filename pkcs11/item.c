/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/object.h"

#include "devid/pkcs11.h"
#include "pkcs11/failure.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/nested.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/template.h"

#include <stdlib.h>
#include <string.h>

static CK_RV load_into(struct key *key, const struct bytes *block, const struct public_key *public)
{
    CK_RV rv;

    if (public == NULL)
        return key->backend->load(key->instance, block, &key->material, &key->public);
    rv = public_key_copy(&key->public, public);
    if (rv == CKR_OK)
        rv = key->backend->load_locked(key->instance, block, public, &key->material);
    if (rv != CKR_OK)
        public_key_free(&key->public);
    return rv;
}

static CK_RV load(const struct backend *backend, void *instance, const struct bytes *block,
                  const struct public_key *public, struct key **key)
{
    struct key *loaded = calloc(1, sizeof *loaded);
    CK_RV rv;

    *key = NULL;
    if (loaded == NULL)
        return CKR_HOST_MEMORY;
    loaded->references = 1;
    loaded->backend = backend->serving != NULL ? backend->serving(block) : backend;
    loaded->instance = instance;
    rv = load_into(loaded, block, public);
    if (rv != CKR_OK) {
        free(loaded);
        return rv;
    }
    if (public_key_is_secret(&loaded->public))
        rv = soft_hash_once(HASH_SHA256, block->data, block->size, loaded->fingerprint);
    if (rv != CKR_OK)
        key_return(loaded);
    else
        *key = loaded;
    return rv;
}

bool key_equal(const struct key *a, const struct key *b)
{
    return public_key_equal(&a->public, &b->public) &&
           bytes_equal(a->fingerprint, sizeof a->fingerprint, b->fingerprint, sizeof b->fingerprint);
}

CK_RV key_load(const struct backend *backend, void *instance, const struct bytes *block, struct key **key)
{
    return load(backend, instance, block, NULL, key);
}

CK_RV key_load_locked(const struct backend *backend, void *instance, const struct bytes *block,
                      const struct public_key *public, struct key **key)
{
    return load(backend, instance, block, public, key);
}

struct key *key_new_public(struct public_key *public)
{
    struct key *key = calloc(1, sizeof *key);

    if (key == NULL) {
        public_key_free(public);
        return NULL;
    }
    key->references = 1;
    key->public = *public; /* transferred */
    *public = (struct public_key){0};
    return key;
}

CK_RV key_adopt(const struct backend *backend, void *instance, const CK_ATTRIBUTE *area, CK_ULONG handle,
                struct key *key)
{
    const struct bytes bytes = {area->pValue, area->ulValueLen};
    CK_RV rv = backend->adopt(instance, &bytes, handle, &key->public, &key->material);

    if (rv != CKR_OK)
        return rv;
    key->backend = backend;
    key->instance = instance;
    return CKR_OK;
}

CK_RV key_place(struct key *key, const struct attributes *attributes)
{
    CK_ULONG handle = attributes_get_ulong(attributes, CKA_DEVID_PERSISTENT, 0);

    return handle != 0 && key->backend->place != NULL ? key->backend->place(key->material, handle) : CKR_OK;
}

CK_RV key_settle_auth(struct key *key, struct attributes *attributes)
{
    if (key->backend == NULL || key->backend->has_own_auth == NULL)
        return CKR_OK;
    if (!attributes_get_bool(attributes, CKA_PRIVATE, true))
        key->backend->disown(key->material);
    return key->backend->has_own_auth(key->material)
               ? attributes_set_bool(attributes, CKA_ALWAYS_AUTHENTICATE, true)
               : CKR_OK;
}

static bool binding_of(const struct key *key, struct key_binding *binding)
{
    return key->backend != NULL && key->backend->binding != NULL &&
           key->backend->binding(key->material, binding);
}

bool key_hashes(const struct key *key, enum p11_scheme scheme, enum p11_hash hash)
{
    struct key_binding binding;

    return binding_of(key, &binding) && binding.hashes && binding.scheme == scheme && binding.hash == hash;
}

CK_RV key_settle_binding(const struct key *key, struct attributes *attributes)
{
    const struct mechanism *rows[2];
    CK_MECHANISM_TYPE types[2];
    struct key_binding binding;
    size_t count = 0;

    if (attributes_find(attributes, CKA_ALLOWED_MECHANISMS) != NULL || !binding_of(key, &binding))
        return CKR_OK;
    rows[0] = mechanism_signing(binding.scheme, binding.hash);
    rows[1] = binding.hashes ? NULL : mechanism_signing(binding.scheme, HASH_NONE);
    for (size_t i = 0; i < 2; i++)
        if (rows[i] != NULL)
            types[count++] = rows[i]->type;
    return count == 0 ? CKR_OK
                      : attributes_set(attributes, CKA_ALLOWED_MECHANISMS, types, count * sizeof types[0]);
}

CK_RV key_persist(const struct key *key, CK_ULONG handle)
{
    if (key->backend != NULL && key->backend->persist != NULL)
        return key->backend->persist(key->instance, key->material, handle);
    return handle == 0 ? CKR_OK
                       : p11_fail(CKR_ATTRIBUTE_READ_ONLY, "only keys in a TPM can be made persistent");
}

struct key *key_take(struct key *key)
{
    __atomic_add_fetch(&key->references, 1, __ATOMIC_RELAXED);
    return key;
}

void key_return(struct key *key)
{
    if (key == NULL || __atomic_sub_fetch(&key->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    if (key->backend != NULL)
        key->backend->drop(key->instance, key->material);
    public_key_free(&key->public);
    bytes_wipe(key->fingerprint, sizeof key->fingerprint);
    free(key);
}

struct object *object_new(CK_OBJECT_CLASS object_class, struct key *key)
{
    struct object *object = calloc(1, sizeof *object);
    CK_RV rv;

    if (object == NULL)
        return NULL;
    object->references = 1;
    object->object_class = object_class;
    rv = attributes_set_ulong(&object->attributes, CKA_CLASS, object_class);
    if (rv == CKR_OK && key != NULL) {
        object->key = key_take(key);
        object->key_type = key->public.type;
        rv = public_key_to_attributes(&key->public, &object->attributes);
    }
    if (rv == CKR_OK)
        return object;
    object_return(object);
    return NULL;
}

CK_RV object_add_asked(struct object *object, const CK_ATTRIBUTE *item)
{
    const struct attribute_rule *rule = template_rule(object->object_class, object->key_type, item->type);

    if (attributes_find(&object->attributes, item->type) != NULL ||
        (rule != NULL && (rule->flags & RULE_SECRET) != 0))
        return CKR_OK;
    return attributes_set(&object->attributes, item->type, item->pValue, item->ulValueLen);
}

struct object *object_copy(const struct object *from, const struct attributes *changes)
{
    struct object *copy = object_new(from->object_class, from->key);
    CK_RV rv = copy != NULL ? attributes_copy(&copy->attributes, &from->attributes) : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = attributes_copy(&copy->attributes, changes);
    if (rv == CKR_OK)
        return copy;
    object_return(copy);
    return NULL;
}

struct object *object_take(struct object *object)
{
    __atomic_add_fetch(&object->references, 1, __ATOMIC_RELAXED);
    return object;
}

void object_return(struct object *object)
{
    if (object == NULL || __atomic_sub_fetch(&object->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    attributes_free(&object->attributes);
    key_return(object->key);
    free(object->file);
    free(object);
}

static CK_RV copy_value(const void *data, size_t size, struct bytes *value)
{
    return bytes_copy(value, data, size) ? CKR_OK : CKR_HOST_MEMORY;
}

/* Attributes that take work and few ask for; worked out when they are read. What has no rule here is not this
 * object's: a public key has no CKA_VALUE, although the key block that it shares with the private one does.
 */
static CK_RV derived_attribute(const struct object *object, const struct attribute_rule *rule,
                               CK_ATTRIBUTE_TYPE type, struct bytes *value)
{
    if (object->key == NULL || (rule == NULL && (type & CKA_VENDOR_DEFINED) == 0))
        return CKR_ATTRIBUTE_TYPE_INVALID;
    if (type == CKA_PUBLIC_KEY_INFO)
        return soft_public_info(&object->key->public, value);
    if (object->key->backend == NULL)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    if (type == CKA_DEVID_BACKEND)
        return copy_value(object->key->backend->name, strlen(object->key->backend->name), value);
    if (object->key->backend->key_attribute == NULL)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    return object->key->backend->key_attribute(object->key->material, type, value);
}

static CK_RV default_value(const struct attribute_rule *rule, struct bytes *value)
{
    CK_BBOOL flag = rule->otherwise != 0 ? CK_TRUE : CK_FALSE;

    if (rule->kind == KIND_BOOL)
        return copy_value(&flag, sizeof flag, value);
    if (rule->kind == KIND_ULONG)
        return copy_value(&rule->otherwise, sizeof rule->otherwise, value);
    return copy_value("", 0, value);
}

static bool is_secret(const struct object *object, const struct attribute_rule *rule)
{
    return (rule->flags & RULE_SECRET) != 0 &&
           (object_attribute_bool(object, CKA_SENSITIVE) || !object_attribute_bool(object, CKA_EXTRACTABLE));
}

CK_RV object_attribute(const struct object *object, CK_ATTRIBUTE_TYPE type, struct bytes *value)
{
    const struct attribute_rule *rule = template_rule(object->object_class, object->key_type, type);
    const CK_ATTRIBUTE *stored = attributes_find(&object->attributes, type);

    *value = BYTES_EMPTY;
    if (rule != NULL && is_secret(object, rule))
        return CKR_ATTRIBUTE_SENSITIVE;
    if (stored != NULL)
        return copy_value(stored->pValue, stored->ulValueLen, value);
    if (rule != NULL && (rule->flags & RULE_DEFAULT) != 0)
        return default_value(rule, value);
    return derived_attribute(object, rule, type, value);
}

bool object_attribute_bool(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    const struct attribute_rule *rule;

    if (attributes_find(&object->attributes, type) != NULL)
        return attributes_get_bool(&object->attributes, type, false);
    rule = template_rule(object->object_class, object->key_type, type);
    return rule != NULL && rule->otherwise == CK_TRUE;
}

/* A template in the template, packed as the object has it. */
static bool template_matches(const struct object *object, const CK_ATTRIBUTE *item)
{
    struct bytes packed = BYTES_EMPTY;
    struct bytes value = BYTES_EMPTY;
    bool same = nested_pack(item, &packed) == CKR_OK &&
                object_attribute(object, item->type, &value) == CKR_OK &&
                bytes_equal(value.data, value.size, packed.data, packed.size);

    bytes_free(&packed);
    bytes_free(&value);
    return same;
}

static bool matches(const struct object *object, const CK_ATTRIBUTE *item)
{
    const CK_ATTRIBUTE *stored = attributes_find(&object->attributes, item->type);
    struct bytes value;
    bool same;

    const struct attribute_rule *rule = template_rule(object->object_class, object->key_type, item->type);

    if (!caller_has_data(item->pValue, item->ulValueLen))
        return false;
    if (rule != NULL && rule->kind == KIND_TEMPLATE)
        return template_matches(object, item);
    if (stored != NULL) {
        return stored->ulValueLen == item->ulValueLen && (rule == NULL || !is_secret(object, rule)) &&
               (item->ulValueLen == 0 || memcmp(stored->pValue, item->pValue, item->ulValueLen) == 0);
    }
    if (object_attribute(object, item->type, &value) != CKR_OK)
        return false;
    same = bytes_equal(value.data, value.size, item->pValue, item->ulValueLen);
    bytes_free(&value);
    return same;
}

bool object_matches(const struct object *object, const CK_ATTRIBUTE *items, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++)
        if (!matches(object, &items[i]))
            return false;
    return true;
}
