/* SPDX-License-Identifier: Apache-2.0 */
/* The URIs that users write: pkcs11: URIs of tokens and keys, and the service's https: URI. What is read is
 * written and read again alike, and a PIN is neither told nor kept. */
#include "cli/status.h"
#include "cli/uri.h"
#include "dps/record.h"
#include "dps/url.h"
#include "provider/uri.h"
#include "tests/fuzz/fuzz.h"
#include "tests/provider/fake_core.h"

#include <stdlib.h>

const char fuzz_seeds[] = "uri";

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* label and id, as a program would write the URI of the object that was found by it */
static void write_again(P11KitUri *uri)
{
    char *label = NULL;
    char *label_again = NULL;
    struct bytes id = BYTES_EMPTY;
    struct bytes id_again = BYTES_EMPTY;
    P11KitUri *again = NULL;
    char *text;

    if (cli_uri_object(uri, &label, &id) == CLI_OK && label != NULL && label[0] != '\0') {
        text = cli_uri_format("token", CKO_PRIVATE_KEY, label, id.size != 0 ? &id : NULL);
        if (text == NULL || cli_uri_parse(text, &again) != CLI_OK ||
            cli_uri_object(again, &label_again, &id_again) != CLI_OK || !same(label, label_again) ||
            !bytes_equal(id.data, id.size, id_again.data, id_again.size))
            abort();
        free(text);
    }
    p11_kit_uri_free(again);
    free(label);
    free(label_again);
    bytes_free(&id);
    bytes_free(&id_again);
}

/* Whether the message has the PIN, which stands in the text in no other place; one that is long enough for
 * that to be no accident. */
static bool is_telling(const char *message, const char *text, const char *pin)
{
    const char *first = strlen(pin) >= 6 ? strstr(text, pin) : NULL;

    return first != NULL && strstr(first + 1, pin) == NULL && strstr(message, pin) != NULL;
}

static void read_by_devid(const char *text)
{
    static char message[4096];
    P11KitUri *uri = NULL;

    cli_capture(message, sizeof message);
    if (cli_uri_parse(text, &uri) == CLI_OK) {
        (void)cli_uri_pin(uri);
        write_again(uri);
    } else if (message[0] == '\0' || uri != NULL) {
        abort();
    }
    p11_kit_uri_free(uri);
    cli_capture(NULL, 0);
}

static void read_by_provider(const char *text)
{
    P11KitUri *parsed = p11_kit_uri_new();
    struct prov_uri *uri;

    fake_error[0] = '\0';
    if (parsed == NULL)
        abort();
    uri = prov_uri_parse(&fake_core, text);
    if ((uri == NULL) != (fake_error[0] != '\0'))
        abort();
    if (p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, parsed) == P11_KIT_URI_OK) {
        const char *pin = p11_kit_uri_get_pin_value(parsed);

        if (pin != NULL && is_telling(fake_error, text, pin))
            abort();
    }
    prov_uri_free(uri);
    p11_kit_uri_free(parsed);
}

/* What goes into a state file has no PIN in it, and names the same. */
static void keep(const char *text)
{
    struct dps_record record = {0};
    P11KitUri *before = p11_kit_uri_new();
    P11KitUri *after = p11_kit_uri_new();
    const char *kept;

    if (before == NULL || after == NULL)
        abort();
    if (dps_record_set_path(&record, DPS_RECORD_KEY, text) &&
        p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, before) == P11_KIT_URI_OK) {
        kept = record.field[DPS_RECORD_KEY];
        if (kept == NULL || p11_kit_uri_parse(kept, P11_KIT_URI_FOR_ANY, after) != P11_KIT_URI_OK ||
            p11_kit_uri_get_pin_value(after) != NULL ||
            !same(p11_kit_uri_get_pin_source(before), p11_kit_uri_get_pin_source(after)))
            abort();
    }
    dps_record_free(&record);
    p11_kit_uri_free(before);
    p11_kit_uri_free(after);
}

static void read_origin(const char *text)
{
    char *origin;
    char *again;

    if (!dps_url_read_origin(text, &origin)) {
        if (origin != NULL)
            abort();
        return;
    }
    if (strncmp(origin, "https://", 8) != 0 || !dps_url_is_authority(origin + 8) ||
        strpbrk(origin, " \r\n\t@?#\\") != NULL || !dps_url_read_origin(origin, &again) ||
        strcmp(origin, again) != 0)
        abort();
    free(origin);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    read_by_devid(text);
    read_by_provider(text);
    keep(text);
    read_origin(text);
    free(text);
    return 0;
}
