/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/locate.h"
#include "common/file.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DESCRIPTION_MAXIMUM = 65536 };

const struct prov_places prov_places = {
    .descriptions = {P11KIT_SYSTEM_CONFIGS, P11KIT_PACKAGE_CONFIGS, NULL},
      .modules = P11KIT_MODULE_PATH
};

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text);

    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static char *join(const char *directory, const char *name, const char *end)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s%s", directory, name, end) >= 0 ? path : NULL;
}

/* A file's name as p11-kit's descriptions have it: one without a path is in the directory of modules. */
static char *library_path(const struct prov_places *places, const char *name)
{
    char *path;

    if (strchr(name, '/') != NULL)
        return strdup(name);
    path = join(places->modules, name, "");
    if (path == NULL || access(path, R_OK) == 0)
        return path;
    free(path);
    return strdup(name);
}

/* The value behind "NAME:" when the line is that, without the spaces around it; else NULL. malloc'ed. */
static char *value_of(const char *line, size_t size, const char *name)
{
    size_t length = strlen(name);

    if (size <= length || memcmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    line += length + 1;
    size -= length + 1;
    while (size > 0 && isspace((unsigned char)*line)) {
        line++;
        size--;
    }
    while (size > 0 && isspace((unsigned char)line[size - 1]))
        size--;
    return size > 0 ? strndup(line, size) : NULL;
}

/* The last line with a name counts. */
static void keep(char **field, char *value)
{
    if (value == NULL)
        return;
    free(*field);
    *field = value;
}

/* "name: value" lines, as p11-kit writes them; see pkcs11.conf(5). */
static void read_lines(const struct bytes *text, char **module, char **init_args)
{
    const char *line = (const char *)text->data;
    size_t left = text->size;

    while (left > 0) {
        const char *end = memchr(line, '\n', left);
        size_t size = end != NULL ? (size_t)(end - line) : left;

        keep(module, value_of(line, size, "module"));
        keep(init_args, value_of(line, size, "x-init-reserved"));
        left -= end != NULL ? size + 1 : size;
        line += end != NULL ? size + 1 : size;
    }
}

static bool read_description(const char *directory, const char *name, struct bytes *text)
{
    char *path = join(directory, name, ".module");
    bool ok = path != NULL && file_read(AT_FDCWD, path, DESCRIPTION_MAXIMUM, text) == 0;

    free(path);
    return ok;
}

static void locate_by_description(const struct prov_places *places, const char *name,
                                  struct prov_location *location, const char **problem)
{
    struct bytes text = BYTES_EMPTY;
    char *module = NULL;
    bool found = false;

    for (size_t i = 0; !found && places->descriptions[i] != NULL; i++)
        found = read_description(places->descriptions[i], name, &text);
    *problem = "it is no path, and p11-kit has no module of that name (see pkcs11.conf(5))";
    if (!found)
        return;
    *problem = "p11-kit's description of it says no module";
    read_lines(&text, &module, &location->init_args);
    bytes_free(&text);
    if (module == NULL)
        return;
    *problem = "no memory";
    location->path = library_path(places, module);
    free(module);
}

bool prov_locate(const struct prov_places *places, const char *name, struct prov_location *location,
                 const char **problem)
{
    *location = (struct prov_location){0};
    *problem = "no memory";
    if (strchr(name, '/') != NULL || ends_in(name, ".so"))
        location->path = library_path(places, name);
    else
        locate_by_description(places, name, location, problem);
    if (location->path != NULL) {
        *problem = NULL;
        return true;
    }
    prov_location_free(location);
    return false;
}

void prov_location_free(struct prov_location *location)
{
    free(location->path);
    free(location->init_args);
    *location = (struct prov_location){0};
}

bool prov_location_is_named(const char *name, const char *path, const char *module_name)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    size_t length = strlen(file) - (ends_in(file, ".so") ? strlen(".so") : 0);
    size_t prefix = strncmp(file, "lib", 3) == 0 ? 3 : 0;
    size_t wanted = strlen(module_name);

    if (strcmp(name, module_name) == 0 || (wanted == length && memcmp(file, module_name, length) == 0))
        return true;
    return prefix > 0 && wanted == length - prefix && memcmp(file + prefix, module_name, wanted) == 0;
}

bool prov_location_is_at(const char *path, const char *module_path)
{
    char *real = realpath(path, NULL);
    char *wanted = realpath(module_path, NULL);
    size_t size = wanted != NULL ? strlen(wanted) : 0;
    bool is = strcmp(path, module_path) == 0;

    if (real != NULL && wanted != NULL && strncmp(real, wanted, size) == 0)
        is = is || real[size] == '\0' || (real[size] == '/' && strchr(real + size + 1, '/') == NULL);
    free(real);
    free(wanted);
    return is;
}
