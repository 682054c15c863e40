/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_LOCATE_H
#define DEVID_PROVIDER_LOCATE_H

#include <stdbool.h>

/* Where a PKCS#11 module is, and what its description says of it. */
struct prov_location {
    char *path;      /* for dlopen */
    char *init_args; /* "x-init-reserved" of the description: for C_Initialize; NULL: nothing */
};

/* Where p11-kit keeps descriptions of modules (NULL ends the list), and modules that have no path. */
struct prov_places {
    const char *descriptions[3];
    const char *modules;
};

extern const struct prov_places prov_places;

/*
 * A path (anything with a slash) is itself. NAME.so is a file of the directory of modules or else what dlopen
 * makes of it. Any other NAME is what p11-kit's NAME.module says. False with *problem set to a sentence
 * (static): there is no such description, it is not one, or there is no memory.
 */
bool prov_locate(const struct prov_places *places, const char *name, struct prov_location *location,
                 const char **problem);
void prov_location_free(struct prov_location *location);

/*
 * Whether a URI that says module-name (NULL: it does not) or module-path means the module that is called
 * `name` in the configuration and was found at `path`: by its file name without "lib" and ".so", or by what
 * the configuration calls it; by its path, or by the directory it is in.
 */
bool prov_location_is_named(const char *name, const char *path, const char *module_name);
bool prov_location_is_at(const char *path, const char *module_path);

#endif
