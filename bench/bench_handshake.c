/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 handshakes per second, client and server in this process with memory between, the server's key in
 * different places: the default provider's own, a file token and a TPM token through this project's provider,
 * SoftHSM2 through the same provider, tpm2-openssl. The floor for a TPM's key is the software's handshake
 * less its signature, plus one signature by a program that does nothing but the TPM's command: a sum of three
 * measurements, each with warm caches to itself. No program reaches it, because handshake and TPM drive each
 * other out of the caches and wake each other. What that costs is seen from a second one, of the same parts
 * side by side: the software's handshake with the bare command in its midst, less the signature. All in one
 * run, in short turns; each keeps its best. The ratios count.
 *
 *     bench_handshake [SECONDS A TURN [TURNS [PLACE]]]
 *
 * With PLACE (a number, see crypto.h) that many handshakes are done with the P-256 key there and nothing is
 * measured: for a profiler, whose --toggle-collect=shake_hands leaves the rest out.
 */
#include "bench/crypto.h"
#include "bench/floor.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void succeed(bool good, const char *what)
{
    if (!good)
        ERR_print_errors_fp(stderr);
    bench_require(good, what);
}

/* --- a handshake
 * -------------------------------------------------------------------------------------------------- */

struct pair {
    SSL_CTX *client;
    SSL_CTX *server;
};

static X509 *certify(OSSL_LIB_CTX *context, EVP_PKEY *key)
{
    X509 *certificate = X509_new_ex(context, NULL);
    X509_NAME *name = X509_get_subject_name(certificate);

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    succeed(X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) != 0,
            "signing a certificate");
    return certificate;
}

static SSL_CTX *new_side(OSSL_LIB_CTX *context, const SSL_METHOD *method)
{
    SSL_CTX *side = SSL_CTX_new_ex(context, NULL, method);

    succeed(side != NULL && SSL_CTX_set_min_proto_version(side, TLS1_3_VERSION) == 1 &&
                SSL_CTX_set1_groups_list(side, "X25519") == 1,
            "SSL_CTX");
    SSL_CTX_set_session_cache_mode(side, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(side, 0);
    SSL_CTX_set_security_level(side, 0); /* tpm2-openssl does not say how many bits an RSA key has */
    return side;
}

static void open_pair(struct pair *pair, enum bench_place place, enum bench_kind kind)
{
    EVP_PKEY *key = bench_load_key(place, kind);
    X509 *certificate = certify(bench_context(place), key);

    pair->client = new_side(bench_context(PLACE_DEFAULT), TLS_client_method());
    pair->server = new_side(bench_context(place), TLS_server_method());
    succeed(SSL_CTX_use_certificate(pair->server, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(pair->server, key) == 1,
            "the server's key");
    X509_STORE_add_cert(SSL_CTX_get_cert_store(pair->client), certificate);
    SSL_CTX_set_verify(pair->client, SSL_VERIFY_PEER, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void close_pair(struct pair *pair)
{
    SSL_CTX_free(pair->client);
    SSL_CTX_free(pair->server);
}

__attribute__((noinline)) static void shake_hands(void *data)
{
    const struct pair *pair = data;
    SSL *client = SSL_new(pair->client);
    SSL *server = SSL_new(pair->server);
    BIO *up = BIO_new(BIO_s_mem());
    BIO *down = BIO_new(BIO_s_mem());
    int client_done = 0;
    int server_done = 0;

    BIO_up_ref(up);
    BIO_up_ref(down);
    SSL_set_bio(client, down, up);
    SSL_set_bio(server, up, down);
    for (int i = 0; i < 10 && !(client_done == 1 && server_done == 1); i++) {
        client_done = SSL_connect(client);
        server_done = SSL_accept(server);
    }
    succeed(client_done == 1 && server_done == 1, "a handshake");
    SSL_free(client);
    SSL_free(server);
}

/* For SSL_CTX_set_cert_cb: the server has read the client's message and has not answered. */
static int run_command(SSL *server, void *floor)
{
    (void)server;
    floor_work(floor);
    return 1;
}

/* --- a signature alone, as in a handshake
 * -------------------------------------------------------------------------------- */

struct signer {
    OSSL_LIB_CTX *context;
    EVP_PKEY *key;
    bool pss;
};

static void sign(void *data)
{
    static const unsigned char message[130];
    const struct signer *signer = data;
    unsigned char signature[512];
    size_t size = sizeof signature;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX *context;

    succeed(EVP_DigestSignInit_ex(digest, &context, "SHA256", signer->context, NULL, signer->key, NULL) ==
                    1 &&
                (!signer->pss || (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                                  EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
                EVP_DigestSign(digest, signature, &size, message, sizeof message) == 1,
            "EVP_DigestSign");
    EVP_MD_CTX_free(digest);
}

/* --- all of them
 * -------------------------------------------------------------------------------------------------- */

enum { SIGNATURE = PLACES, TPM_SIGNATURE, TOGETHER, FLOOR, FLOOR_TOGETHER, CONTENDERS };

/* A floor's time: the handshake's, without the software's signature, and with what the TPM adds if that is
 * not in it. */
static void make_floor(const struct contender *handshake, const struct contender *signature,
                       const struct contender *added, struct contender *floor)
{
    floor->work = shake_hands;
    floor->tpm = handshake->tpm;
    floor->rate = 1 / (1 / handshake->rate - 1 / signature->rate + (added != NULL ? 1 / added->rate : 0));
    floor->cost = handshake->cost - signature->cost + (added != NULL ? added->cost : 0);
    floor->own_cost = handshake->own_cost - signature->own_cost + (added != NULL ? added->own_cost : 0);
}

static void print(const char *kind, struct contender *all)
{
    all[FLOOR].name = "floor for a TPM's key";
    make_floor(&all[PLACE_DEFAULT], &all[SIGNATURE], &all[TPM_SIGNATURE], &all[FLOOR]);
    all[FLOOR_TOGETHER].name = "floor, side by side";
    make_floor(&all[TOGETHER], &all[SIGNATURE], NULL, &all[FLOOR_TOGETHER]);
    bench_print(kind, all, CONTENDERS);
    bench_ratio(kind, &all[PLACE_FILE], &all[PLACE_DEFAULT], 0.9);
    bench_ratio(kind, &all[PLACE_FILE], &all[PLACE_SOFTHSM], 0);
    bench_ratio(kind, &all[PLACE_TPM], &all[FLOOR], 0.9);
    bench_ratio(kind, &all[PLACE_TPM], &all[FLOOR_TOGETHER], 0);
    bench_ratio(kind, &all[FLOOR_TOGETHER], &all[FLOOR], 0);
    bench_ratio(kind, &all[PLACE_TPM], &all[PLACE_TPM2], 0);
}

static void compare(enum bench_kind kind, struct floor *floor, const struct bench_tpm *tpm, double seconds,
                    unsigned turns)
{
    struct contender all[CONTENDERS] = {0};
    struct pair pairs[PLACES];
    struct pair together;
    struct signer signer = {bench_context(PLACE_DEFAULT), bench_load_key(PLACE_DEFAULT, kind),
                            kind == BENCH_RSA2048};

    for (enum bench_place place = 0; place < PLACES; place++) {
        all[place] = (struct contender){
            .name = bench_place_names[place], .data = &pairs[place], .tpm = bench_tpm_of(place)};
        if (!bench_has(place))
            continue;
        open_pair(&pairs[place], place, kind);
        all[place].work = shake_hands;
    }
    all[SIGNATURE] = (struct contender){.name = "signature, software", .work = sign, .data = &signer};
    all[TPM_SIGNATURE] =
        (struct contender){.name = "signature, TPM alone", .work = floor_work, .data = floor, .tpm = tpm};
    open_pair(&together, PLACE_DEFAULT, kind);
    SSL_CTX_set_cert_cb(together.server, run_command, floor);
    all[TOGETHER] = (struct contender){
        .name = "software, and a command", .work = shake_hands, .data = &together, .tpm = tpm};
    floor_use(floor, kind == BENCH_P256 ? FLOOR_P256 : FLOOR_RSA2048, FLOOR_PASSWORD);
    bench_compare(all, FLOOR, seconds, turns);
    print(bench_kind_names[kind], all);
    close_pair(&together);
    for (enum bench_place place = 0; place < PLACES; place++)
        if (bench_has(place))
            close_pair(&pairs[place]);
    EVP_PKEY_free(signer.key);
}

static int profile(enum bench_place place, unsigned count)
{
    struct pair pair;

    open_pair(&pair, place, BENCH_P256);
    for (unsigned i = 0; i < count; i++)
        shake_hands(&pair);
    close_pair(&pair);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0.01;
    unsigned turns = argc > 2 ? (unsigned)atoi(argv[2]) : 150;
    struct bench_tpm tpm;
    struct floor *floor;

    bench_make_keys();
    if (argc > 3)
        return profile((enum bench_place)atoi(argv[3]), turns);
    if (!bench_swtpm("floor", &tpm)) {
        printf("bench_handshake: there is no swtpm here\n");
        return EXIT_SUCCESS;
    }
    floor = floor_open(tpm.tcti);
    for (enum bench_kind kind = 0; kind < BENCH_KINDS; kind++)
        compare(kind, floor, &tpm, seconds, turns);
    floor_close(floor);
    return EXIT_SUCCESS;
}
