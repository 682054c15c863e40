/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pinsource.h"

#include "common/file.h"
#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CREDENTIAL "devid-pin"

/* --- where it is
 * --------------------------------------------------------------------------------------------- */

struct place {
    const char *variable; /* NULL: a file */
    char path[PATH_MAX];
};

/* The token's own credential comes before that of all. */
static bool find_credential(const struct token *token, struct place *place)
{
    const char *directory = secure_getenv("CREDENTIALS_DIRECTORY");
    const char *name = strrchr(token->store.path, '/');
    int size = (int)sizeof place->path;

    if (directory == NULL || directory[0] != '/')
        return false;
    if (name != NULL &&
        snprintf(place->path, sizeof place->path, "%s/" CREDENTIAL "-%s", directory, name + 1) < size &&
        access(place->path, F_OK) == 0)
        return true;
    return snprintf(place->path, sizeof place->path, "%s/" CREDENTIAL, directory) < size &&
           access(place->path, F_OK) == 0;
}

static bool find(const struct token *token, struct place *place)
{
    const char *source = token_conf_get(&token->conf, "pin-source");

    place->variable = NULL;
    if (source == NULL || source[0] == '\0')
        return find_credential(token, place);
    if (strncmp(source, "env:", 4) == 0)
        place->variable = source + 4;
    if (strncmp(source, "file:", 5) == 0)
        source += 5;
    return snprintf(place->path, sizeof place->path, "%s", source) < (int)sizeof place->path;
}

bool pin_source_is_set(const struct token *token)
{
    struct place place;

    return token->has_pin && find(token, &place);
}

/* --- reading
 * ------------------------------------------------------------------------------------------------- */

static CK_RV read_variable(const struct place *place, struct bytes *pin)
{
    const char *value = secure_getenv(place->variable);

    if (value == NULL)
        return p11_fail(CKR_DEVICE_ERROR,
                        "the environment variable %s, which is the PIN's source, is not set",
                        place->variable);
    return bytes_copy(pin, value, strlen(value)) ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV read_file(const struct place *place, struct bytes *pin)
{
    struct stat status;
    int error = place->path[0] == '/' ? file_read(AT_FDCWD, place->path, PIN_MAXIMUM + 2, pin) : EINVAL;

    if (error != 0)
        return p11_fail(CKR_DEVICE_ERROR, "the PIN's source %s cannot be read: %s", place->path,
                        error == EINVAL ? "it is no absolute name of a file" : strerror(error));
    if (stat(place->path, &status) == 0 && (status.st_mode & 007) != 0)
        log_warning("%s holds a PIN and is open to others; chmod 600 it", place->path);
    if (pin->size != 0 && pin->data[pin->size - 1] == '\n')
        pin->size--;
    if (pin->size != 0 && pin->data[pin->size - 1] == '\r')
        pin->size--;
    return CKR_OK;
}

static bool digest_of(const struct bytes *pin, uint8_t digest[HASH_SIZE_MAXIMUM])
{
    return soft_hash_once(HASH_SHA256, pin->data, pin->size, digest) == CKR_OK;
}

static bool was_refused(struct token *token, const struct bytes *pin)
{
    uint8_t digest[HASH_SIZE_MAXIMUM] = {0};
    bool same = digest_of(pin, digest);

    token_lock(token);
    same = same && token->pin_refused &&
           bytes_equal(digest, sizeof token->refused_pin, token->refused_pin, sizeof token->refused_pin);
    token_unlock(token);
    return same;
}

CK_RV pin_source_read(struct token *token, struct bytes *pin)
{
    struct place place;
    CK_RV rv;

    *pin = BYTES_EMPTY;
    if (!find(token, &place))
        return p11_fail(CKR_DEVICE_ERROR, "token %s has no source of its PIN any more", token->store.path);
    rv = place.variable != NULL ? read_variable(&place, pin) : read_file(&place, pin);
    if (rv == CKR_OK && was_refused(token, pin))
        rv = p11_fail(CKR_PIN_INCORRECT,
                      "the PIN in %s was refused before, and is not tried again until it is another one",
                      place.path);
    if (rv != CKR_OK)
        bytes_free(pin);
    return rv;
}

void pin_source_refused(struct token *token, const struct bytes *pin)
{
    uint8_t digest[HASH_SIZE_MAXIMUM] = {0};
    bool known = digest_of(pin, digest);

    token_lock(token);
    token->pin_refused = known;
    memcpy(token->refused_pin, digest, sizeof token->refused_pin);
    token_unlock(token);
}
