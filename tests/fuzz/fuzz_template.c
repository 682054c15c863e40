/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of callers: C_CreateObject, C_FindObjectsInit, C_GetAttributeValue, C_SetAttributeValue and
 * C_CopyObject get attributes made of the input. Session objects only, so that nothing is written. */
#include "tests/fuzz/fuzz.h"

#include <p11-kit/pkcs11.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTRIBUTES 24

const char fuzz_seeds[] = "template";

/* A byte of the input chooses; what is not here comes as a number of four bytes. */
static const CK_ATTRIBUTE_TYPE types[] = {
    CKA_CLASS,
    CKA_LABEL,
    CKA_VALUE,
    CKA_ID,
    CKA_KEY_TYPE,
    CKA_PRIVATE,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_APPLICATION,
    CKA_OBJECT_ID,
    CKA_SUBJECT,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_CERTIFICATE_TYPE,
    CKA_TRUSTED,
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_MODULUS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
    CKA_VALUE_LEN,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_ALLOWED_MECHANISMS,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_WRAP_TEMPLATE,
    CKA_UNWRAP_TEMPLATE,
    CKA_DERIVE_TEMPLATE,
    CKA_PUBLIC_KEY_INFO,
    CKA_CHECK_VALUE,
    CKA_MODULUS_BITS,
    CKA_DESTROYABLE,
};

#define TYPES (sizeof types / sizeof types[0])

static char folder[] = "/tmp/devid-fuzz-XXXXXX";
static CK_SESSION_HANDLE session;

static void end(void)
{
    char command[64];

    C_Finalize(NULL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", folder);
}

/* The slot whose description begins so; one that is not there ends the program. */
static CK_SLOT_ID slot_of(const char *description)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_SLOT_INFO info;

    if (C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        abort();
    for (CK_ULONG i = 0; i < count; i++)
        if (C_GetSlotInfo(slots[i], &info) == CKR_OK &&
            memcmp(info.slotDescription, description, strlen(description)) == 0)
            return slots[i];
    abort();
}

static void start(void)
{
    CK_UTF8CHAR label[32] = "fuzz                            ";
    CK_SLOT_ID slot;

    if (session != 0)
        return;
    if (mkdtemp(folder) == NULL || setenv("DEVID_TOKENS", folder, 1) != 0 ||
        setenv("DEVID_CONF", "/dev/null", 1) != 0 || C_Initialize(NULL) != CKR_OK)
        abort();
    slot = slot_of("DevID file slot");
    if (C_InitToken(slot, NULL, 0, label) != CKR_OK ||
        C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) != CKR_OK)
        abort();
    atexit(end);
}

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t take_byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

static bool is_template(CK_ATTRIBUTE_TYPE type)
{
    return type == CKA_WRAP_TEMPLATE || type == CKA_UNWRAP_TEMPLATE || type == CKA_DERIVE_TEMPLATE;
}

static void release(const CK_ATTRIBUTE *item, bool inner)
{
    const CK_ATTRIBUTE *items = item->pValue;

    if (!inner && is_template(item->type))
        for (size_t i = 0; i < item->ulValueLen / sizeof *items; i++)
            release(&items[i], true);
    free(item->pValue);
}

static bool take_attribute(struct input *input, CK_ATTRIBUTE *item, bool inner);

/* Up to seven attributes, whose pointers are good ones. */
static void take_template(struct input *input, CK_ATTRIBUTE *item)
{
    size_t count = take_byte(input) % 8;
    CK_ATTRIBUTE *items = calloc(count + 1, sizeof *items);

    if (items == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        take_attribute(input, &items[i], true);
    item->pValue = items;
    item->ulValueLen = count * sizeof *items;
}

/* One attribute: its type, the length of its value, the value where the input has it. Numbers and truth
 * values are often made of the right size, or most templates would end there. */
static bool take_attribute(struct input *input, CK_ATTRIBUTE *item, bool inner)
{
    uint8_t choice = take_byte(input);
    size_t length = take_byte(input);

    item->type = types[choice % TYPES];
    if (choice >= 0xf0)
        item->type = (CK_ATTRIBUTE_TYPE)take_byte(input) << 24 | take_byte(input);
    if (is_template(item->type) && !inner) {
        take_template(input, item);
        return true;
    }
    if (length == 0xff)
        length = (size_t)take_byte(input) << 8 | take_byte(input);
    if (length > input->size)
        length = input->size;
    item->ulValueLen = length;
    item->pValue = malloc(length != 0 ? length : 1); /* of the exact size, for the sanitizers */
    if (item->pValue == NULL)
        abort();
    if (length != 0)
        memcpy(item->pValue, input->data, length);
    input->data += length;
    input->size -= length;
    return item->type != CKA_TOKEN;
}

static void read_back(CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *items, CK_ULONG count)
{
    _Alignas(CK_ATTRIBUTE) uint8_t value[256];
    CK_ULONG size;

    for (CK_ULONG i = 0; i < count; i++) {
        CK_ATTRIBUTE item = {items[i].type, NULL, 0};

        if (C_GetAttributeValue(session, object, &item, 1) != CKR_OK)
            continue;
        memset(value, 0, sizeof value); /* the elements of a template have no room */
        item.pValue = value;
        item.ulValueLen = sizeof value;
        C_GetAttributeValue(session, object, &item, 1);
    }
    C_GetObjectSize(session, object, &size);
}

static void search(CK_ATTRIBUTE *items, CK_ULONG count)
{
    CK_OBJECT_HANDLE found[4];
    CK_ULONG number;

    if (C_FindObjectsInit(session, items, count) != CKR_OK)
        return;
    if (C_FindObjects(session, found, 4, &number) != CKR_OK || C_FindObjectsFinal(session) != CKR_OK)
        abort();
}

static void use(CK_ATTRIBUTE *items, CK_ULONG count)
{
    CK_OBJECT_HANDLE object;
    CK_OBJECT_HANDLE copy;

    search(items, count);
    if (C_CreateObject(session, items, count, &object) != CKR_OK)
        return;
    read_back(object, items, count);
    search(items, count / 2);
    for (CK_ULONG i = 0; i < count; i++)
        C_SetAttributeValue(session, object, &items[i], 1);
    if (C_CopyObject(session, object, items, count / 2, &copy) == CKR_OK)
        C_DestroyObject(session, copy);
    C_DestroyObject(session, object);
}

/* What was created is gone, whether it could be destroyed or not. */
static void clear_session(void)
{
    CK_SLOT_ID slot = slot_of(folder);

    C_CloseSession(session);
    if (C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) != CKR_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    CK_ATTRIBUTE items[ATTRIBUTES];
    CK_ULONG count = 0;

    start();
    while (input.size != 0 && count < ATTRIBUTES) {
        if (take_attribute(&input, &items[count], false))
            count++;
        else
            release(&items[count], false);
    }
    use(items, count);
    for (CK_ULONG i = 0; i < count; i++)
        release(&items[i], false);
    clear_session();
    return 0;
}
