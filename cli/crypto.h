/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_CRYPTO_H
#define DEVID_CLI_CRYPTO_H

#include "cli/object.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/*
 * OpenSSL in a library context of its own, which no openssl.cnf can change: the default provider, and DevID's
 * where a key is reached by its URI.
 */
struct cli_crypto {
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *base;
    OSSL_PROVIDER *devid; /* NULL: not loaded */
};

/* `with_keys` loads DevID's provider, with `module` (NULL: its default) behind it. Closed with
 * cli_crypto_close also after a failure. */
enum cli_status cli_crypto_open(bool with_keys, const char *module, struct cli_crypto *crypto);
void cli_crypto_close(struct cli_crypto *crypto);

/* Tells what OpenSSL's error queue says about `thing`, and empties it. Answers CLI_TOKEN when a token said no
 * (the text has a CKR_ code), else CLI_INPUT. `what` completes "thing: ...". */
enum cli_status cli_crypto_failed(const char *thing, const char *what);

/* The private key of a URI or a PEM file. `pin_file`: as in the options, or NULL. Freed with EVP_PKEY_free.
 */
enum cli_status cli_crypto_key(const struct cli_crypto *crypto, const char *uri, const char *pin_file,
                               EVP_PKEY **key);

/* The same for a key that stands in a PEM text. `thing` is what messages call it. */
enum cli_status cli_crypto_pem_key(const struct cli_crypto *crypto, const char *thing,
                                   const struct bytes *text, const char *pin_file, EVP_PKEY **key);

/* All certificates of a URI; none is no failure. Freed with cli_crypto_chain_free. */
enum cli_status cli_crypto_certificates(const struct cli_crypto *crypto, const char *uri,
                                        STACK_OF(X509) * *all);

/* The certificates of a PEM file, in its order, at least one. Freed with cli_crypto_chain_free. */
enum cli_status cli_crypto_chain(const struct cli_crypto *crypto, const char *path, STACK_OF(X509) * *chain);
void cli_crypto_chain_free(STACK_OF(X509) * chain);

/* The public half of a key object: from itself, else from the public key object of the same id. */
enum cli_status cli_crypto_public_key(const struct cli_crypto *crypto, const struct cli_session *session,
                                      const struct cli_object *object, EVP_PKEY **key);

#endif
