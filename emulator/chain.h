/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_CHAIN_H
#define DEVID_EMULATOR_CHAIN_H

#include "emulator/error.h"

#include <openssl/x509.h>
#include <time.h>

/* The certificates that a device showed in the handshake, and what can be said of them alone. */
struct emu_chain {
    X509 *leaf;
    STACK_OF(X509) * others;
};

/* Reads the request's certificates; free the chain in any case. False: none, too many, or unreadable. */
__attribute__((warn_unused_result)) bool emu_chain_read(const struct emu_request *request,
                                                        struct emu_chain *chain, struct emu_refusal *refusal);
void emu_chain_free(struct emu_chain *chain);

/* The leaf's one common name is the id, whatever the case. */
__attribute__((warn_unused_result)) bool emu_chain_check_name(const struct emu_chain *chain, const char *id,
                                                              struct emu_refusal *refusal);

/* The leaf is valid now. */
__attribute__((warn_unused_result)) bool emu_chain_check_dates(const struct emu_chain *chain, time_t now,
                                                               struct emu_refusal *refusal);

/* Could `signer` stand in the chain above the leaf? A cheap look at the names: no signature is computed. */
bool emu_chain_may_contain(const struct emu_chain *chain, const X509 *signer);

/*
 * Does the chain lead from the leaf to `signer`, every link sound: signatures, dates, basic constraints? Only
 * `signer` is trusted, be it root or intermediate. The number of links is the distance; 0 for no.
 */
__attribute__((warn_unused_result)) int emu_chain_verify(const struct emu_chain *chain, X509 *signer,
                                                         time_t now, struct emu_refusal *refusal);

#endif
