/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_USE_H
#define DEVID_PROVIDER_USE_H

#include "provider/key.h"

/*
 * Something done with the private half of a token's key, in a session that is logged in: one or more calls of
 * the module, each between prov_guard_enter and prov_guard_leave. The answer is the module's; *call names the
 * call that failed, or is NULL when an error was raised already.
 */
typedef CK_RV prov_key_work(const struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE handle,
                            void *data, const char **call);

/*
 * Does it, once more from the start when what was held turns out to be stale. The answer is the module's, and
 * an error is raised unless it is CKR_OK or one that prov_answer_is_callers says yes to: those are told by
 * the caller, who may have another way.
 */
CK_RV prov_key_use(struct prov_key *key, prov_key_work *work, void *data);

/* The mechanism is refused, or the ciphertext is. */
bool prov_answer_is_callers(CK_RV rv);
bool prov_mechanism_is_refused(CK_RV rv);

/* C_SignInit and C_Sign, C_DecryptInit and C_Decrypt, by prov_key_use. *out_size is the room in `out`, then
 * what was written. */
CK_RV prov_key_sign(struct prov_key *key, CK_MECHANISM *mechanism, const uint8_t *data, size_t size,
                    uint8_t *out, size_t *out_size);
CK_RV prov_key_decrypt(struct prov_key *key, CK_MECHANISM *mechanism, const uint8_t *data, size_t size,
                       uint8_t *out, size_t *out_size);

#endif
