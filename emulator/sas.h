/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_SAS_H
#define DEVID_EMULATOR_SAS_H

#include "common/bytes.h"

#include <time.h>

/* How far a caller's clock may be behind ours before its token counts as expired. */
#define EMU_SAS_SKEW_SECONDS 300

/* A shared access signature, taken apart. */
struct emu_sas {
    char *resource_sent; /* `sr` exactly as sent: this is what was signed */
    char *resource;      /* the same, percent-decoded */
    char *expiry_sent;
    long long expiry;
    char *policy; /* `skn`, or NULL */
    struct bytes signature;
};

enum emu_sas_result { EMU_SAS_VALID, EMU_SAS_EXPIRED, EMU_SAS_WRONG_KEY };

/* Reads the value of an Authorization header. False: it is no such token; *out is empty. */
__attribute__((warn_unused_result)) bool emu_sas_parse(const char *authorization, struct emu_sas *out);
void emu_sas_free(struct emu_sas *sas);

/* Checks signature, then expiry, with any of the keys. The time taken does not depend on the signature. */
__attribute__((warn_unused_result)) enum emu_sas_result emu_sas_verify(const struct emu_sas *sas,
                                                                       const struct bytes *keys,
                                                                       size_t key_count, time_t now);

/* True when the token's resource is `resource` or one that contains it (a prefix up to a slash). */
bool emu_sas_covers(const struct emu_sas *sas, const char *resource);

#endif
