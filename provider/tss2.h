/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_TSS2_H
#define DEVID_PROVIDER_TSS2_H

#include "provider/key.h"

/*
 * Keys of a TPM that stand in a file (TSS2 PRIVATE KEY) and not in a token. The module makes of the file an
 * object of a session (devid/pkcs11.h, CKM_DEVID_TSS2_KEY), which costs no TPM command; the key holds a
 * session of its own for it, because the object lives and dies with that.
 */
struct prov_tss2 {
    struct bytes der;
    struct bytes auth;   /* the key's own authorization, which each use gives; empty: it has none */
    bool of_token;       /* the authorization is that of the token's keys: somebody has to be logged in */
    atomic_bool refused; /* the TPM refused `auth`: not tried again, lest the TPM be locked */
    CK_SESSION_HANDLE holder; /* guarded as the key's handle is, of the same epoch; 0: none */
};

/*
 * The key in the DER of a file, by the token that the configuration names (tss2-token), else the only one
 * that takes such files. Its own authorization, if it has one, is asked from `passphrase`. NULL with an error
 * raised.
 */
struct prov_key *prov_tss2_load(struct provider *provider, const void *der, size_t size,
                                OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data);

/* The object that stands for a file, and the session that it lives in, which ends it. */
struct prov_tss2_object {
    CK_SESSION_HANDLE holder;
    CK_OBJECT_HANDLE handle;
};

/* Makes one; private only where it is one of the token's own keys, for whose authorization somebody must be
 * logged in. The answer is the module's, and an error is raised unless it is CKR_OK. */
CK_RV prov_tss2_open(const struct prov_token *token, const struct bytes *der, bool private,
                     struct prov_tss2_object *object);
void prov_tss2_close(const struct prov_module *module, CK_SESSION_HANDLE holder); /* 0 is accepted */

/* The URI of the token for files, as the configuration has it; and the one token that it means and that takes
 * them. NULL with an error raised. */
struct prov_uri *prov_tss2_uri(const struct provider *provider);
struct prov_token *prov_tss2_choose(struct provider *provider, const struct prov_uri *uri);

/* Makes of the key of such an object the key of a file. What `object` holds is transferred. False: no memory.
 */
__attribute__((warn_unused_result)) bool prov_tss2_note(struct prov_key *key, const struct bytes *der,
                                                        struct prov_tss2_object *object, bool of_token);

/* The DER that an object's module tells, freed with bytes_free; empty: the key is in no TPM. The answer is
 * the module's, and no error is raised. */
CK_RV prov_tss2_read(const struct prov_session *session, CK_OBJECT_HANDLE handle, struct bytes *der);

/* The DER of a key's file, or of the file that a token's key would be, freed with bytes_free. False with an
 * error raised: the key is in no TPM, or its module does not tell. */
bool prov_tss2_export(struct prov_key *key, struct bytes *der);

/* For prov_key_use: makes the object anew, in the epoch of the session. The answer is the module's, and an
 * error is raised unless it is CKR_OK. */
CK_RV prov_tss2_find(struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE *handle);

/* C_Login for the operation just begun in the session, with the key's own authorization. The answer is the
 * module's; CKR_PIN_INVALID when it was refused before, and then an error is raised. */
CK_RV prov_tss2_login(const struct prov_key *key, struct prov_session *session);

/* Ends the object and wipes the rest. NULL is accepted. */
void prov_tss2_free(struct prov_token_key *private);

#endif
