/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/token.h"

#include "common/rvname.h"

#include "common/file.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PIN_MAXIMUM 1024
#define SLOTS_MAXIMUM 64

/* ---- what a failure is called ---- */

dps_status dps_token_fail(struct dps_token *token, const char *doing, CK_RV rv)
{
    const char *text = token->extra != NULL ? token->extra->error_text() : "";

    if (rv == CKR_HOST_MEMORY)
        return dps_report_no_memory(token->settings.report);
    return dps_report_fail(token->settings.report, DPS_KEY, "%s: %s%s%s%s(%s)", token->name, doing,
                           text[0] != '\0' ? ": " : " failed ", text, text[0] != '\0' ? " " : "",
                           rv_name(rv));
}

/* ---- the module ---- */

static void find_extra(struct dps_token *token, void *library)
{
    devid_get_interface *get = NULL;
    struct devid_interface *interface = NULL;

    *(void **)&get = dlsym(library, "C_GetInterface");
    if (get != NULL && get(DEVID_INTERFACE_NAME, NULL, &interface, 0) == CKR_OK && interface != NULL)
        token->extra = interface->functions;
}

static const char *module_path(const struct dps_token_settings *settings)
{
    const char *environment = secure_getenv("DEVID_PKCS11_MODULE");

    if (settings->module != NULL)
        return settings->module;
    return environment != NULL && environment[0] != '\0' ? environment : DEVID_PKCS11_MODULE;
}

/* Never unloaded and never finalised: both would pull it away from below others in the process. */
static dps_status load_module(struct dps_token *token)
{
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    struct dps_report *report = token->settings.report;
    const char *path = module_path(&token->settings);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    CK_C_GetFunctionList get = NULL;
    CK_RV rv;

    if (library == NULL)
        return dps_report_fail(report, DPS_KEY,
                               "the PKCS#11 module %s cannot be loaded (%s): name one that is there", path,
                               dlerror());
    *(void **)&get = dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&token->functions) != CKR_OK || token->functions == NULL)
        return dps_report_fail(report, DPS_KEY, "%s is no PKCS#11 module: it has no C_GetFunctionList", path);
    find_extra(token, library);
    rv = token->functions->C_Initialize(&arguments);
    return rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED
               ? DPS_OK
               : dps_token_fail(token, "starting the PKCS#11 module", rv);
}

/* ---- which token ---- */

struct slots {
    CK_SLOT_ID ids[SLOTS_MAXIMUM];
    CK_ULONG count;
};

static bool fits(const struct dps_token *token, CK_SLOT_ID slot)
{
    const CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(token->uri);
    CK_TOKEN_INFO info;

    return (wanted == (CK_SLOT_ID)-1 || wanted == slot) &&
           token->functions->C_GetTokenInfo(slot, &info) == CKR_OK &&
           (info.flags & CKF_TOKEN_INITIALIZED) != 0 && p11_kit_uri_match_token_info(token->uri, &info) == 1;
}

/* Leaves in *slots those whose token fits. */
static CK_RV list_slots(struct dps_token *token, struct slots *slots)
{
    CK_ULONG kept = 0;
    CK_RV rv;

    slots->count = SLOTS_MAXIMUM;
    rv = token->functions->C_GetSlotList(CK_TRUE, slots->ids, &slots->count);
    if (rv != CKR_OK)
        return rv;
    for (CK_ULONG i = 0; i < slots->count; i++)
        if (fits(token, slots->ids[i]))
            slots->ids[kept++] = slots->ids[i];
    slots->count = kept;
    return CKR_OK;
}

static CK_RV open_session(struct dps_token *token, CK_SLOT_ID slot)
{
    const CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    CK_RV rv = token->functions->C_OpenSession(slot, flags, NULL, NULL, &token->session);

    if (rv == CKR_TOKEN_WRITE_PROTECTED) /* then nothing can be kept in it, but it can be used */
        rv = token->functions->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &token->session);
    if (rv != CKR_OK)
        token->session = 0;
    return rv;
}

static void close_session(struct dps_token *token)
{
    if (token->session != 0)
        token->functions->C_CloseSession(token->session);
    token->session = 0;
}

/* Whether the token in the slot shows a key of a TPM that a service could wrap keys for. */
static bool is_tpm(struct dps_token *token, CK_SLOT_ID slot)
{
    struct dps_tpm_publics publics;
    bool is = open_session(token, slot) == CKR_OK && dps_key_read_tpm(token, &publics) == DPS_OK;

    if (is)
        dps_tpm_publics_free(&publics);
    close_session(token);
    return is;
}

static dps_status choose(struct dps_token *token, bool tpm, CK_SLOT_ID *slot)
{
    struct dps_report *report = token->settings.report;
    struct slots slots;
    CK_ULONG kept = 0;
    CK_RV rv = list_slots(token, &slots);

    if (rv != CKR_OK)
        return dps_token_fail(token, "listing the tokens", rv);
    if (tpm && slots.count > 1) {
        for (CK_ULONG i = 0; i < slots.count; i++)
            if (is_tpm(token, slots.ids[i]))
                slots.ids[kept++] = slots.ids[i];
        slots.count = kept;
    }
    if (slots.count > 1)
        return dps_report_fail(report, DPS_KEY, "%s fits %lu tokens: add token=LABEL or serial=NUMBER to it",
                               token->name, slots.count);
    if (slots.count == 0)
        return dps_report_fail(report, DPS_KEY, "%s: there is no such token%s", token->name,
                               tpm ? " of a TPM: make one, or name another" : ": name one that is there");
    *slot = slots.ids[0];
    return DPS_OK;
}

/* ---- logging in ---- */

static dps_status read_pin_file(const struct dps_token *token, const char *source, struct bytes *pin)
{
    int error;

    if (strncasecmp(source, "file:", 5) == 0)
        source += strncmp(source + 5, "//", 2) == 0 ? 7 : 5;
    error = file_read(AT_FDCWD, source, PIN_MAXIMUM, pin);
    if (error != 0)
        return dps_report_fail(token->settings.report, DPS_KEY, "%s: the PIN file %s cannot be read: %s",
                               token->name, source, strerror(error));
    while (pin->size > 0 && (pin->data[pin->size - 1] == '\n' || pin->data[pin->size - 1] == '\r'))
        pin->data[--pin->size] = '\0';
    return DPS_OK;
}

static dps_status ask_pin(const struct dps_token *token, struct bytes *pin)
{
    const struct dps_token_settings *settings = &token->settings;
    int length;

    if (settings->pin == NULL)
        return dps_report_fail(
            settings->report, DPS_KEY,
            "%s: the token \"%s\" has a PIN: add pin-source=FILE to the URI, or have it asked", token->name,
            token->label);
    if (!bytes_alloc(pin, PIN_MAXIMUM))
        return dps_report_no_memory(settings->report);
    length = settings->pin(settings->pin_data, token->name, (char *)pin->data, pin->size);
    if (length < 0 || length > PIN_MAXIMUM)
        return dps_report_fail(settings->report, DPS_KEY, "%s: no PIN was given", token->name);
    pin->size = (size_t)length;
    return DPS_OK;
}

/* The PIN from where there is one; empty with data NULL where the token finds it by itself. */
static dps_status find_pin(const struct dps_token *token, CK_FLAGS flags, struct bytes *pin)
{
    const char *source = p11_kit_uri_get_pin_source(token->uri);
    const char *value = p11_kit_uri_get_pin_value(token->uri);

    if (value != NULL)
        return bytes_copy(pin, value, strlen(value)) ? DPS_OK : dps_report_no_memory(token->settings.report);
    if (source != NULL)
        return read_pin_file(token, source, pin);
    if ((flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0)
        return DPS_OK;
    return ask_pin(token, pin);
}

static dps_status login(struct dps_token *token, CK_FLAGS flags)
{
    struct bytes pin = BYTES_EMPTY;
    dps_status status = DPS_OK;
    CK_RV rv;

    if ((flags & CKF_LOGIN_REQUIRED) == 0)
        return DPS_OK;
    status = find_pin(token, flags, &pin);
    if (status == DPS_OK) {
        rv = token->functions->C_Login(token->session, CKU_USER, pin.data, pin.size);
        if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
            status = dps_token_fail(token, "logging in", rv);
    }
    bytes_free(&pin);
    return status;
}

/* ---- opening ---- */

static dps_status read_uri(struct dps_token *token, const char *text)
{
    struct dps_report *report = token->settings.report;
    int code;

    token->name = strndup(text, strcspn(text, "?"));
    token->uri = p11_kit_uri_new();
    if (token->name == NULL || token->uri == NULL)
        return dps_report_no_memory(report);
    code = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, token->uri);
    if (code == P11_KIT_URI_OK && !p11_kit_uri_any_unrecognized(token->uri))
        return DPS_OK;
    return dps_report_fail(report, DPS_INVALID, "%s is no pkcs11: URI (%s)", token->name,
                           code != P11_KIT_URI_OK ? p11_kit_uri_message(code)
                                                  : "it has an attribute that RFC 7512 does not know");
}

/* A URI that says nothing is no name for what it turned out to mean. */
static dps_status name_token(struct dps_token *token)
{
    char *name = NULL;

    if (strcasecmp(token->name, "pkcs11:") != 0)
        return DPS_OK;
    if (asprintf(&name, "pkcs11:token=%s", token->label) < 0)
        return dps_report_no_memory(token->settings.report);
    free(token->name);
    token->name = name; /* transferred */
    return DPS_OK;
}

static dps_status enter(struct dps_token *token, CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;
    CK_RV rv = token->functions->C_GetTokenInfo(slot, &info);
    size_t length = sizeof info.label;

    if (rv != CKR_OK)
        return dps_token_fail(token, "looking at the token", rv);
    while (length > 0 && info.label[length - 1] == ' ')
        length--;
    memcpy(token->label, info.label, length);
    if (name_token(token) != DPS_OK)
        return DPS_NO_MEMORY;
    rv = open_session(token, slot);
    return rv == CKR_OK ? login(token, info.flags) : dps_token_fail(token, "opening a session", rv);
}

dps_status dps_token_open(const struct dps_token_settings *settings, const char *uri, bool tpm,
                          struct dps_token **out)
{
    struct dps_token *token = calloc(1, sizeof *token);
    CK_SLOT_ID slot = 0;
    dps_status status;

    *out = NULL;
    if (token == NULL)
        return dps_report_no_memory(settings->report);
    token->settings = *settings;
    status = read_uri(token, uri);
    if (status == DPS_OK)
        status = load_module(token);
    if (status == DPS_OK)
        status = choose(token, tpm, &slot);
    if (status == DPS_OK)
        status = enter(token, slot);
    if (status == DPS_OK)
        *out = token; /* transferred */
    else
        dps_token_close(token);
    return status;
}

void dps_token_close(struct dps_token *token)
{
    if (token == NULL)
        return;
    close_session(token);
    p11_kit_uri_free(token->uri);
    free(token->name);
    free(token);
}

CK_RV dps_token_find(struct dps_token *token, CK_ATTRIBUTE *template, CK_ULONG count,
                     CK_OBJECT_HANDLE *objects, CK_ULONG capacity, CK_ULONG *found)
{
    CK_RV rv = token->functions->C_FindObjectsInit(token->session, template, count);

    *found = 0;
    if (rv != CKR_OK)
        return rv;
    rv = token->functions->C_FindObjects(token->session, objects, capacity, found);
    token->functions->C_FindObjectsFinal(token->session);
    return rv;
}
