/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_UNPAD_H
#define DEVID_PROVIDER_UNPAD_H

#include "provider/key.h"

/* What stands for the content of a PKCS#1 v1.5 ciphertext whose padding a token found to be broken, so that
 * nobody learns that it was: bytes of a length that both follow from the ciphertext and from a secret of the
 * key object. `modulus_size` is the room. 1, or 0 with an error raised. */
int prov_unpad_rejected(const struct prov_key *key, const uint8_t *ciphertext, size_t size, uint8_t *out,
                        size_t modulus_size, size_t *out_size);

/* Puts the substitute in the place of `data`, and its size in that of *size, when the padding was broken.
 * Both have room for `modulus_size` bytes, all of which are read; the time does not tell what was done. */
void prov_unpad_choose(bool broken, const uint8_t *substitute, size_t substitute_size, size_t modulus_size,
                       uint8_t *data, size_t *size);

enum { PROV_PREMASTER_SIZE = 48 };

/* Leaves in `data` the premaster secret if it is one, of the client's version (or of the negotiated one,
 * which is 0 unless the server puts up with that), else random bytes; the time does not tell which. *size is
 * what was decrypted, then PROV_PREMASTER_SIZE. 1, or 0 with an error raised. */
int prov_unpad_premaster(const struct provider *provider, unsigned client, unsigned negotiated, uint8_t *data,
                         size_t *size);

#endif
