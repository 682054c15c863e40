/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_URI_H
#define DEVID_PROVIDER_URI_H

#include "common/bytes.h"
#include "provider/core.h"

#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>
#include <stdatomic.h>

/* A PKCS#11 URI (RFC 7512). Immutable and shared by reference count. */
struct prov_uri {
    atomic_uint references;
    P11KitUri *parsed;
    char *text;       /* as it was given, but with its pin-value blotted out: fit for messages */
    struct bytes pin; /* pin-value; empty when there is none */
    /* Owned by `parsed`; NULL when there is none: */
    const char *pin_source;
    const char *module_name;
    const char *module_path;
};

/* NULL with an error raised: not such a URI, or it names an attribute that is not known and so matches
 * nothing. */
__attribute__((warn_unused_result)) struct prov_uri *prov_uri_parse(const struct prov_core *core,
                                                                    const char *text);
struct prov_uri *prov_uri_share(struct prov_uri *uri);
void prov_uri_free(struct prov_uri *uri);

/* Same text and same PIN. */
bool prov_uri_equal(const struct prov_uri *a, const struct prov_uri *b);

/* Whether a token in a slot is one that the URI means. */
bool prov_uri_matches_token(const struct prov_uri *uri, CK_SLOT_ID slot, const CK_TOKEN_INFO *info);

/* Whether the URI names attributes of the slot, which takes a C_GetSlotInfo to compare, and the comparison.
 */
bool prov_uri_names_slot(const struct prov_uri *uri);
bool prov_uri_matches_slot(const struct prov_uri *uri, const CK_SLOT_INFO *info);

/* Whether the URI names attributes of the library, which takes a C_GetInfo to compare, and the comparison. */
bool prov_uri_names_library(const struct prov_uri *uri);
bool prov_uri_matches_library(const struct prov_uri *uri, const CK_INFO *info);

/* Whether its `type` is this class, and whether that or nothing is. */
bool prov_uri_names_class(const struct prov_uri *uri, CK_OBJECT_CLASS class);
bool prov_uri_admits_class(const struct prov_uri *uri, CK_OBJECT_CLASS class);

/* Adds the id and the label that the URI names to a template, which must have room for 2. Answers how many.
 * The values stay owned by the URI. */
CK_ULONG prov_uri_add_to_template(const struct prov_uri *uri, CK_ATTRIBUTE *attributes);

/* The full URI of an object on a token, without a PIN; malloc'ed, NULL: no memory. */
__attribute__((warn_unused_result)) char *prov_uri_format(const CK_TOKEN_INFO *token, CK_OBJECT_CLASS class,
                                                          const struct bytes *id, const struct bytes *label);

#endif
