/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/rand.h"
#include "provider/attempt.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/tokens.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>

/*
 * Nothing is kept but whether it was instantiated, so nothing needs a lock, and nothing has to be thrown away
 * after a fork: what is given out comes from the token each time. When that fails, so does this; there is no
 * other source behind it. Only a module that itself asks libcrypto for random numbers while it serves us gets
 * them from software, for it would wait for itself.
 */
enum { STRENGTH = 256, REQUEST_MAXIMUM = 65536 };

struct generator {
    struct provider *provider;
    atomic_int state; /* EVP_RAND_STATE_... */
};

static void *new_context(void *provider, void *parent, const OSSL_DISPATCH *parent_functions)
{
    struct generator *generator = calloc(1, sizeof *generator);

    (void)parent;
    (void)parent_functions;
    if (generator == NULL)
        return NULL;
    generator->provider = provider;
    atomic_init(&generator->state, EVP_RAND_STATE_UNINITIALISED);
    return generator;
}

static void free_context(void *generator)
{
    free(generator);
}

static int instantiate(void *data, unsigned strength, int prediction_resistance, const unsigned char *text,
                       size_t text_size, const OSSL_PARAM params[])
{
    struct generator *generator = data;

    (void)prediction_resistance;
    (void)text;
    (void)text_size;
    (void)params;
    if (strength > STRENGTH)
        return 0;
    atomic_store(&generator->state, EVP_RAND_STATE_READY);
    return 1;
}

static int uninstantiate(void *data)
{
    struct generator *generator = data;

    atomic_store(&generator->state, EVP_RAND_STATE_UNINITIALISED);
    return 1;
}

/* --- the token
 * ------------------------------------------------------------------------------------------------- */

static bool choose(void *data, struct prov_token *token)
{
    struct prov_token **chosen = data;

    if ((prov_token_flags(token) & CKF_RNG) != 0)
        *chosen = token;
    return *chosen == NULL;
}

/* The first that generates random numbers. */
static struct prov_token *find_token(struct provider *provider, const struct prov_uri *uri)
{
    struct prov_token *token = NULL;
    char *seen;

    if (!prov_tokens_visit(provider, uri, choose, &token) || token != NULL)
        return token;
    seen = prov_tokens_seen(provider);
    prov_raise(&provider->core, PROV_R_NO_TOKEN,
               "DEVID-RAND: %s: no token generates random numbers; tokens seen in %s", uri->text,
               seen != NULL ? seen : "?");
    free(seen);
    return NULL;
}

struct generating {
    struct provider *provider;
    const struct prov_uri *uri;
    unsigned char *out;
    size_t size;
};

static bool try_generate(void *data, struct prov_attempt *attempt)
{
    const struct generating *generating = data;
    struct prov_token *token = find_token(generating->provider, generating->uri);
    struct prov_session session;

    if (token == NULL || !prov_attempt_take(attempt, token, &session))
        return false;
    prov_guard_enter();
    attempt->rv =
        token->module->functions->C_GenerateRandom(session.handle, generating->out, generating->size);
    prov_guard_leave();
    session.broken = attempt->rv != CKR_OK;
    if (session.broken)
        prov_raise_rv(token->module, attempt->rv, "C_GenerateRandom", "DEVID-RAND");
    prov_session_return(&session);
    return attempt->rv == CKR_OK;
}

static bool generate_by_token(struct provider *provider, unsigned char *out, size_t size)
{
    const char *configured = provider->config.random_token;
    struct prov_uri *uri = prov_uri_parse(&provider->core, configured != NULL ? configured : "pkcs11:");
    struct generating generating = {provider, uri, out, size};
    bool ok = uri != NULL && prov_attempt_run(try_generate, &generating);

    prov_uri_free(uri);
    return ok;
}

static int generate(void *data, unsigned char *out, size_t size, unsigned strength, int prediction_resistance,
                    const unsigned char *additional, size_t additional_size)
{
    struct generator *generator = data;

    (void)prediction_resistance;
    (void)additional;
    (void)additional_size;
    if (atomic_load(&generator->state) != EVP_RAND_STATE_READY || strength > STRENGTH ||
        size > REQUEST_MAXIMUM)
        return 0;
    if (prov_guard_inside())
        return RAND_bytes_ex(generator->provider->libctx, out, size, 0) == 1;
    return generate_by_token(generator->provider, out, size);
}

/* --- what libcrypto's own generators have besides
 * --------------------------------------------------------------------------------------------- */

/* The token sees to that. */
static int reseed(void *data, int prediction_resistance, const unsigned char *entropy, size_t entropy_size,
                  const unsigned char *additional, size_t additional_size)
{
    struct generator *generator = data;

    (void)prediction_resistance;
    (void)entropy;
    (void)entropy_size;
    (void)additional;
    (void)additional_size;
    return atomic_load(&generator->state) == EVP_RAND_STATE_READY;
}

/* With `out` NULL it says how long it will be. */
static size_t nonce(void *data, unsigned char *out, unsigned strength, size_t minimum, size_t maximum)
{
    size_t size = minimum > STRENGTH / 8 ? minimum : STRENGTH / 8;

    if (size > maximum)
        size = maximum;
    return out == NULL || generate(data, out, size, strength, 0, NULL, 0) ? size : 0;
}

/* For generators that have this one as their parent. */
static size_t get_seed(void *data, unsigned char **seed, int entropy, size_t minimum, size_t maximum,
                       int prediction_resistance, const unsigned char *additional, size_t additional_size)
{
    size_t size = entropy > 0 ? ((size_t)entropy + 7) / 8 : 0;

    if (size < minimum)
        size = minimum;
    if (size == 0 || size > maximum)
        return 0;
    *seed = OPENSSL_secure_malloc(size);
    if (*seed != NULL && generate(data, *seed, size, 0, prediction_resistance, additional, additional_size))
        return size;
    OPENSSL_secure_clear_free(*seed, size);
    *seed = NULL;
    return 0;
}

static void clear_seed(void *data, unsigned char *seed, size_t size)
{
    (void)data;
    OPENSSL_secure_clear_free(seed, size);
}

static int verify_zeroization(void *data)
{
    (void)data;
    return 1;
}

static int lock(void *data)
{
    (void)data;
    return 1;
}

static void unlock(void *data)
{
    (void)data;
}

static const OSSL_PARAM *gettable_params(void *data, void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
        OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
        OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
        OSSL_PARAM_END,
    };

    (void)data;
    (void)provider;
    return list;
}

static int get_params(void *data, OSSL_PARAM params[])
{
    struct generator *generator = data;
    OSSL_PARAM *state = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
    OSSL_PARAM *strength = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
    OSSL_PARAM *request = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);

    return (state == NULL || OSSL_PARAM_set_int(state, atomic_load(&generator->state))) &&
           (strength == NULL || OSSL_PARAM_set_uint(strength, STRENGTH)) &&
           (request == NULL || OSSL_PARAM_set_size_t(request, REQUEST_MAXIMUM));
}

const OSSL_DISPATCH prov_rand_functions[] = {
    {OSSL_FUNC_RAND_NEWCTX,              (void (*)(void))new_context       },
    {OSSL_FUNC_RAND_FREECTX,             (void (*)(void))free_context      },
    {OSSL_FUNC_RAND_INSTANTIATE,         (void (*)(void))instantiate       },
    {OSSL_FUNC_RAND_UNINSTANTIATE,       (void (*)(void))uninstantiate     },
    {OSSL_FUNC_RAND_GENERATE,            (void (*)(void))generate          },
    {OSSL_FUNC_RAND_RESEED,              (void (*)(void))reseed            },
    {OSSL_FUNC_RAND_NONCE,               (void (*)(void))nonce             },
    {OSSL_FUNC_RAND_GET_SEED,            (void (*)(void))get_seed          },
    {OSSL_FUNC_RAND_CLEAR_SEED,          (void (*)(void))clear_seed        },
    {OSSL_FUNC_RAND_VERIFY_ZEROIZATION,  (void (*)(void))verify_zeroization},
    {OSSL_FUNC_RAND_ENABLE_LOCKING,      (void (*)(void))lock              },
    {OSSL_FUNC_RAND_LOCK,                (void (*)(void))lock              },
    {OSSL_FUNC_RAND_UNLOCK,              (void (*)(void))unlock            },
    {OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, (void (*)(void))gettable_params   },
    {OSSL_FUNC_RAND_GET_CTX_PARAMS,      (void (*)(void))get_params        },
    {0,                                  NULL                              },
};
