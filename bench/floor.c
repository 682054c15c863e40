/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/floor.h"
#include "bench/bench.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <tss2/tss2_mu.h>
#include <tss2/tss2_sys.h>
#include <tss2/tss2_tctildr.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DIGEST 32

struct blob {
    TPM2B_PRIVATE private;
    TPM2B_PUBLIC public;
};

struct session {
    TPM2_HANDLE handle;
    uint8_t key[DIGEST];
    TPM2B_NONCE caller;
    TPM2B_NONCE tpm;
};

struct floor {
    TSS2_TCTI_CONTEXT *tcti;
    TSS2_SYS_CONTEXT *sys;
    EVP_MAC_CTX *mac;
    EVP_MD *md;
    EVP_MD_CTX *hash;
    EVP_CIPHER *cfb;
    EVP_CIPHER_CTX *cipher;
    EVP_PKEY *parent_key;
    TPM2_HANDLE parent; /* persistent */
    struct blob blobs[FLOOR_KEYS];
    enum floor_key kind;
    enum floor_way way;
    TPM2_HANDLE key; /* 0: none is loaded */
    TPM2B_NAME name;
    struct session session;
};

static const TSS2L_SYS_AUTH_COMMAND password = {.count = 1, .auths = {{.sessionHandle = TPM2_RS_PW}}};

static void succeed(TSS2_RC rc, const char *what)
{
    bench_require(rc == TSS2_RC_SUCCESS, what);
}

/* --- keys
 * ---------------------------------------------------------------------------------------------------------
 */

static const TPM2B_PUBLIC storage = {
    .publicArea = {.type = TPM2_ALG_RSA,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                       TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                                       TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
                   .parameters.rsaDetail = {.symmetric = {TPM2_ALG_AES, {.aes = 128}, {.aes = TPM2_ALG_CFB}},
                                            .scheme.scheme = TPM2_ALG_NULL,
                                            .keyBits = 2048}}
};

#define SIGNING                                                                                              \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                      \
     TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT)

static const TPM2B_PUBLIC templates[FLOOR_KEYS] = {
    [FLOOR_P256].publicArea = {.type = TPM2_ALG_ECC,
                               .nameAlg = TPM2_ALG_SHA256,
                               .objectAttributes = SIGNING,
                               .parameters.eccDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
                                                        .scheme.scheme = TPM2_ALG_NULL,
                                                        .curveID = TPM2_ECC_NIST_P256,
                                                        .kdf.scheme = TPM2_ALG_NULL}                   },
    [FLOOR_RSA2048].publicArea = {.type = TPM2_ALG_RSA,
                               .nameAlg = TPM2_ALG_SHA256,
                               .objectAttributes = SIGNING,
                               .parameters.rsaDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
                                                           .scheme.scheme = TPM2_ALG_NULL,
                                                           .keyBits = 2048}                            },
    [FLOOR_HMAC].publicArea = {.type = TPM2_ALG_KEYEDHASH,
                               .nameAlg = TPM2_ALG_SHA256,
                               .objectAttributes = SIGNING,
                               .parameters.keyedHashDetail.scheme = {TPM2_ALG_HMAC,
                                                                     {.hmac.hashAlg = TPM2_ALG_SHA256}}},
};

static void make_parent(struct floor *floor, TPM2B_PUBLIC *area)
{
    TPM2B_SENSITIVE_CREATE sensitive = {.size = 0};
    TPM2B_DATA outside = {.size = 0};
    TPML_PCR_SELECTION pcrs = {.count = 0};
    TPM2B_CREATION_DATA data = {.size = 0};
    TPM2B_DIGEST digest = {.size = sizeof digest.buffer};
    TPMT_TK_CREATION ticket;
    TPM2B_NAME name = {.size = sizeof name.name};
    TPM2_HANDLE made;

    area->size = 0;
    succeed(Tss2_Sys_CreatePrimary(floor->sys, TPM2_RH_OWNER, &password, &sensitive, &storage, &outside,
                                   &pcrs, &made, area, &data, &digest, &ticket, &name, NULL),
            "TPM2_CreatePrimary");
    floor->parent = 0x81000001;
    succeed(Tss2_Sys_EvictControl(floor->sys, TPM2_RH_OWNER, made, &password, floor->parent, NULL),
            "TPM2_EvictControl");
    succeed(Tss2_Sys_FlushContext(floor->sys, made), "TPM2_FlushContext");
}

static void make_key(struct floor *floor, enum floor_key kind)
{
    TPM2B_SENSITIVE_CREATE sensitive = {.size = 0};
    TPM2B_DATA outside = {.size = 0};
    TPML_PCR_SELECTION pcrs = {.count = 0};
    TPM2B_CREATION_DATA data = {.size = 0};
    TPM2B_DIGEST digest = {.size = sizeof digest.buffer};
    TPMT_TK_CREATION ticket;
    struct blob *blob = &floor->blobs[kind];

    blob->private.size = sizeof blob->private.buffer;
    blob->public.size = 0;
    succeed(Tss2_Sys_Create(floor->sys, floor->parent, &password, &sensitive, &templates[kind], &outside,
                            &pcrs, &blob->private, &blob->public, &data, &digest, &ticket, NULL),
            "TPM2_Create");
}

/* --- the session's arithmetic: TPM 2.0 part 1, 17.6, 21.3 and B.10
 * ------------------------------------------------- */

static void fill(void *out, size_t size)
{
    bench_require(getrandom(out, size, 0) == (ssize_t)size, "getrandom");
}

static void start_mac(struct floor *floor, const uint8_t *key, size_t size)
{
    bench_require(EVP_MAC_init(floor->mac, key, size, NULL) == 1, "EVP_MAC_init");
}

static void add(struct floor *floor, const void *data, size_t size)
{
    bench_require(EVP_MAC_update(floor->mac, data, size) == 1, "EVP_MAC_update");
}

static void end_mac(struct floor *floor, uint8_t out[DIGEST])
{
    size_t size;

    bench_require(EVP_MAC_final(floor->mac, out, &size, DIGEST) == 1, "EVP_MAC_final");
}

static void kdfa(struct floor *floor, const uint8_t *key, const char *label, const TPM2B_NONCE *u,
                 const TPM2B_NONCE *v, uint8_t bits, uint8_t out[DIGEST])
{
    const uint8_t one[4] = {0, 0, 0, 1};
    const uint8_t length[4] = {0, 0, bits == 0, bits};

    start_mac(floor, key, DIGEST);
    add(floor, one, sizeof one);
    add(floor, label, strlen(label) + 1);
    add(floor, u->buffer, u->size);
    add(floor, v->buffer, v->size);
    add(floor, length, sizeof length);
    end_mac(floor, out);
}

static void crypt(struct floor *floor, bool encrypt, const TPM2B_NONCE *newer, const TPM2B_NONCE *older,
                  const uint8_t *in, size_t size, uint8_t *out)
{
    uint8_t derived[DIGEST];
    int made;

    kdfa(floor, floor->session.key, "CFB", newer, older, 0, derived);
    bench_require(EVP_CipherInit_ex2(floor->cipher, floor->cfb, derived, derived + 16, encrypt, NULL) == 1 &&
                      EVP_CipherUpdate(floor->cipher, out, &made, in, (int)size) == 1,
                  "AES-CFB");
}

/* cpHash or rpHash. */
static void digest(struct floor *floor, const void *first, size_t first_size, const void *second,
                   size_t second_size, const void *third, size_t third_size, uint8_t out[DIGEST])
{
    bench_require(EVP_DigestInit_ex2(floor->hash, floor->md, NULL) == 1 &&
                      EVP_DigestUpdate(floor->hash, first, first_size) == 1 &&
                      EVP_DigestUpdate(floor->hash, second, second_size) == 1 &&
                      EVP_DigestUpdate(floor->hash, third, third_size) == 1 &&
                      EVP_DigestFinal_ex(floor->hash, out, NULL) == 1,
                  "SHA-256");
}

static void session_mac(struct floor *floor, const uint8_t hash[DIGEST], const TPM2B_NONCE *newer,
                        const TPM2B_NONCE *older, uint8_t attributes, uint8_t out[DIGEST])
{
    start_mac(floor, floor->session.key, DIGEST);
    add(floor, hash, DIGEST);
    add(floor, newer->buffer, newer->size);
    add(floor, older->buffer, older->size);
    add(floor, &attributes, 1);
    end_mac(floor, out);
}

static void wrap_salt(struct floor *floor, const uint8_t salt[DIGEST], TPM2B_ENCRYPTED_SECRET *wrapped)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(floor->parent_key, NULL);
    size_t size = sizeof wrapped->secret;

    bench_require(EVP_PKEY_encrypt_init(context) == 1 &&
                      EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                      EVP_PKEY_CTX_set_rsa_oaep_md(context, floor->md) == 1 &&
                      EVP_PKEY_CTX_set0_rsa_oaep_label(context, strdup("SECRET"), 7) == 1 &&
                      EVP_PKEY_encrypt(context, wrapped->secret, &size, salt, DIGEST) == 1,
                  "wrapping a salt");
    wrapped->size = (UINT16)size;
    EVP_PKEY_CTX_free(context);
}

static void start_session(struct floor *floor)
{
    static const TPMT_SYM_DEF aes = {TPM2_ALG_AES, {.aes = 128}, {.aes = TPM2_ALG_CFB}};
    struct session *session = &floor->session;
    TPM2B_ENCRYPTED_SECRET wrapped;
    uint8_t salt[DIGEST];

    fill(salt, sizeof salt);
    wrap_salt(floor, salt, &wrapped);
    session->caller.size = session->tpm.size = DIGEST;
    fill(session->caller.buffer, DIGEST);
    succeed(Tss2_Sys_StartAuthSession(floor->sys, floor->parent, TPM2_RH_NULL, NULL, &session->caller,
                                      &wrapped, TPM2_SE_HMAC, &aes, TPM2_ALG_SHA256, &session->handle,
                                      &session->tpm, NULL),
            "TPM2_StartAuthSession");
    kdfa(floor, salt, "ATH", &session->tpm, &session->caller, 0, session->key);
}

static void end_session(struct floor *floor)
{
    if (floor->session.handle != 0)
        succeed(Tss2_Sys_FlushContext(floor->sys, floor->session.handle), "TPM2_FlushContext");
    floor->session.handle = 0;
}

/* --- a command
 * ---------------------------------------------------------------------------------------------------- */

static uint8_t session_attributes(const struct floor *floor)
{
    return (floor->way == FLOOR_SESSION_KEPT ? TPMA_SESSION_CONTINUESESSION : 0) | TPMA_SESSION_DECRYPT |
           (floor->kind == FLOOR_HMAC ? TPMA_SESSION_ENCRYPT : 0);
}

/* The first parameter goes out encrypted. */
static void authorise(struct floor *floor)
{
    struct session *session = &floor->session;
    TSS2L_SYS_AUTH_COMMAND auths = {.count = 1};
    TPMS_AUTH_COMMAND *auth = &auths.auths[0];
    uint8_t secret[TPM2_MAX_DIGEST_BUFFER];
    uint8_t hash[DIGEST];
    const uint8_t *data;
    uint8_t code[4];
    size_t size;

    fill(session->caller.buffer, DIGEST);
    succeed(Tss2_Sys_GetDecryptParam(floor->sys, &size, &data), "GetDecryptParam");
    crypt(floor, true, &session->caller, &session->tpm, data, size, secret);
    succeed(Tss2_Sys_SetDecryptParam(floor->sys, size, secret), "SetDecryptParam");
    succeed(Tss2_Sys_GetCommandCode(floor->sys, code), "GetCommandCode");
    succeed(Tss2_Sys_GetCpBuffer(floor->sys, &size, &data), "GetCpBuffer");
    digest(floor, code, sizeof code, floor->name.name, floor->name.size, data, size, hash);
    auth->sessionHandle = session->handle;
    auth->sessionAttributes = session_attributes(floor);
    auth->nonce = session->caller;
    auth->hmac.size = DIGEST;
    session_mac(floor, hash, &session->caller, &session->tpm, auth->sessionAttributes, auth->hmac.buffer);
    succeed(Tss2_Sys_SetCmdAuths(floor->sys, &auths), "SetCmdAuths");
}

static void check(struct floor *floor)
{
    struct session *session = &floor->session;
    TSS2L_SYS_AUTH_RESPONSE auths = {.count = 1};
    uint8_t secret[TPM2_MAX_DIGEST_BUFFER];
    uint8_t hash[DIGEST];
    uint8_t mac[DIGEST];
    const uint8_t *data;
    uint8_t code[8] = {0};
    size_t size;

    succeed(Tss2_Sys_GetRspAuths(floor->sys, &auths), "GetRspAuths");
    session->tpm = auths.auths[0].nonce;
    succeed(Tss2_Sys_GetCommandCode(floor->sys, code + 4), "GetCommandCode");
    succeed(Tss2_Sys_GetRpBuffer(floor->sys, &size, &data), "GetRpBuffer");
    digest(floor, code, 4, code + 4, 4, data, size, hash);
    session_mac(floor, hash, &session->tpm, &session->caller, auths.auths[0].sessionAttributes, mac);
    bench_require(memcmp(mac, auths.auths[0].hmac.buffer, DIGEST) == 0, "a response");
    if (floor->kind == FLOOR_HMAC) {
        succeed(Tss2_Sys_GetEncryptParam(floor->sys, &size, &data), "GetEncryptParam");
        crypt(floor, false, &session->tpm, &session->caller, data, size, secret);
        succeed(Tss2_Sys_SetEncryptParam(floor->sys, size, secret), "SetEncryptParam");
    }
    if (floor->way == FLOOR_SESSION_EACH)
        session->handle = 0;
}

static void prepare(struct floor *floor)
{
    static const TPMT_SIG_SCHEME schemes[FLOOR_KEYS] = {
        [FLOOR_P256] = {TPM2_ALG_ECDSA,  {.ecdsa.hashAlg = TPM2_ALG_SHA256} },
        [FLOOR_RSA2048] = {TPM2_ALG_RSASSA, {.rsassa.hashAlg = TPM2_ALG_SHA256}},
    };
    static const TPMT_TK_HASHCHECK ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    static const TPM2B_DIGEST to_sign = {.size = DIGEST};
    static const TPM2B_MAX_BUFFER data = {.size = DIGEST};

    succeed(floor->kind == FLOOR_HMAC
                ? Tss2_Sys_HMAC_Prepare(floor->sys, floor->key, &data, TPM2_ALG_SHA256)
                : Tss2_Sys_Sign_Prepare(floor->sys, floor->key, &to_sign, &schemes[floor->kind], &ticket),
            "preparing a command");
}

static void complete(struct floor *floor)
{
    TPMT_SIGNATURE signature = {.sigAlg = 0};
    TPM2B_DIGEST mac = {.size = 0};

    succeed(floor->kind == FLOOR_HMAC ? Tss2_Sys_HMAC_Complete(floor->sys, &mac)
                                      : Tss2_Sys_Sign_Complete(floor->sys, &signature),
            "completing a command");
}

void floor_work(void *data)
{
    struct floor *floor = data;

    if (floor->way == FLOOR_SESSION_EACH)
        start_session(floor);
    prepare(floor);
    if (floor->way == FLOOR_PASSWORD)
        succeed(Tss2_Sys_SetCmdAuths(floor->sys, &password), "SetCmdAuths");
    else
        authorise(floor);
    succeed(Tss2_Sys_Execute(floor->sys), "a command");
    if (floor->way != FLOOR_PASSWORD)
        check(floor);
    complete(floor);
}

/* --- opening and closing
 * ------------------------------------------------------------------------------------------ */

static void read_parent(struct floor *floor, const TPM2B_PUBLIC *area)
{
    const TPM2B_PUBLIC_KEY_RSA *modulus = &area->publicArea.unique.rsa;
    uint8_t little[512]; /* OSSL_PARAM numbers are in the machine's order */
    unsigned exponent = 65537;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, little, modulus->size),
                           OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent),
                           OSSL_PARAM_construct_end()};

    for (size_t i = 0; i < modulus->size; i++)
        little[i] = modulus->buffer[modulus->size - 1 - i];
    bench_require(EVP_PKEY_fromdata_init(context) == 1 &&
                      EVP_PKEY_fromdata(context, &floor->parent_key, EVP_PKEY_PUBLIC_KEY, params) == 1,
                  "reading the storage key");
    EVP_PKEY_CTX_free(context);
}

static void fetch(struct floor *floor)
{
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    floor->mac = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    floor->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    floor->hash = EVP_MD_CTX_new();
    floor->cfb = EVP_CIPHER_fetch(NULL, "AES-128-CFB", NULL);
    floor->cipher = EVP_CIPHER_CTX_new();
    bench_require(EVP_MAC_CTX_set_params(floor->mac, params) == 1, "fetching HMAC");
}

struct floor *floor_open(const char *tcti)
{
    TSS2_ABI_VERSION version = TSS2_ABI_VERSION_CURRENT;
    struct floor *floor = calloc(1, sizeof *floor);
    size_t size = Tss2_Sys_GetContextSize(0);
    TPM2B_PUBLIC area;

    succeed(Tss2_TctiLdr_Initialize(tcti, &floor->tcti), "connecting to a TPM");
    floor->sys = calloc(1, size);
    succeed(Tss2_Sys_Initialize(floor->sys, size, floor->tcti, &version), "Tss2_Sys_Initialize");
    fetch(floor);
    make_parent(floor, &area);
    read_parent(floor, &area);
    for (enum floor_key kind = 0; kind < FLOOR_KEYS; kind++)
        make_key(floor, kind);
    return floor;
}

static void unload(struct floor *floor)
{
    end_session(floor);
    if (floor->key != 0)
        succeed(Tss2_Sys_FlushContext(floor->sys, floor->key), "TPM2_FlushContext");
    floor->key = 0;
}

void floor_use(struct floor *floor, enum floor_key key, enum floor_way way)
{
    unload(floor);
    floor->kind = key;
    floor->way = way;
    floor->name.size = sizeof floor->name.name;
    succeed(Tss2_Sys_Load(floor->sys, floor->parent, &password, &floor->blobs[key].private,
                          &floor->blobs[key].public, &floor->key, &floor->name, NULL),
            "TPM2_Load");
    if (way == FLOOR_SESSION_KEPT)
        start_session(floor);
}

void floor_close(struct floor *floor)
{
    unload(floor);
    Tss2_Sys_Finalize(floor->sys);
    Tss2_TctiLdr_Finalize(&floor->tcti);
    EVP_MAC_CTX_free(floor->mac);
    EVP_MD_CTX_free(floor->hash);
    EVP_MD_free(floor->md);
    EVP_CIPHER_CTX_free(floor->cipher);
    EVP_CIPHER_free(floor->cfb);
    EVP_PKEY_free(floor->parent_key);
    free(floor->sys);
    free(floor);
}
