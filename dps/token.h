/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_TOKEN_H
#define DPS_TOKEN_H

#include "devid/pkcs11.h"
#include "dps/key.h"

#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

/* What token.c opened and key.c works with. */
struct dps_token {
    struct dps_token_settings settings;
    CK_FUNCTION_LIST *functions;
    const struct devid_functions *extra; /* NULL with other modules than DevID's */
    P11KitUri *uri;
    char *name; /* the URI without its query, for reports */
    char label[sizeof((CK_TOKEN_INFO *)NULL)->label + 1];
    CK_SESSION_HANDLE session; /* 0: none */
};

/* Tells the report that a call failed, in the module's words or in the standard's. Answers DPS_KEY, or
 * DPS_NO_MEMORY. */
dps_status dps_token_fail(struct dps_token *token, const char *doing, CK_RV rv);

/* The first `capacity` objects of the session that fit the template. */
CK_RV dps_token_find(struct dps_token *token, CK_ATTRIBUTE *template, CK_ULONG count,
                     CK_OBJECT_HANDLE *objects, CK_ULONG capacity, CK_ULONG *found);

#endif
