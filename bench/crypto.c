/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/crypto.h"

#include <openssl/err.h>
#include <openssl/store.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOFTHSM2 "/usr/lib/softhsm/libsofthsm2.so"
#define TPM2_PROVIDER "/usr/lib/x86_64-linux-gnu/ossl-modules/tpm2.so"
/* As its documentation has it for TLS: keys by the TPM, digests and ciphers by software. */
#define TPM2_PROPERTIES "?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes"
#define PIN "1234"

const char *const bench_kind_names[BENCH_KINDS] = {[BENCH_P256] = "P-256", [BENCH_RSA2048] = "RSA-2048"};

const char *const bench_place_names[PLACES] = {
    [PLACE_DEFAULT] = "default provider", [PLACE_FILE] = "devid, file token",
    [PLACE_TPM] = "devid, TPM token",     [PLACE_SOFTHSM] = "devid, SoftHSM2",
    [PLACE_TPM2] = "tpm2-openssl",
};

static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static bool has[PLACES];
static struct bench_tpm tpms[PLACES];
static OSSL_LIB_CTX *contexts[PLACES];

/* Variables may name others. */
static const char *setting(const char *variable, const char *otherwise)
{
    return getenv(variable) != NULL ? getenv(variable) : otherwise;
}

static const char *module_path(void)
{
    return setting("DEVID_PKCS11_MODULE", DEVID_PKCS11_MODULE);
}

static const char *provider_path(void)
{
    return setting("DEVID_BENCH_PROVIDER", DEVID_PROVIDER);
}

/* --- making keys
 * -------------------------------------------------------------------------------------------------- */

static void make_pair(CK_FUNCTION_LIST *module, CK_SESSION_HANDLE session, enum bench_kind kind)
{
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG bits = 2048;
    CK_BYTE id = (CK_BYTE)kind;
    CK_UTF8CHAR *label = (CK_UTF8CHAR *)(uintptr_t)bench_kind_names[kind];
    CK_ATTRIBUTE named = {CKA_LABEL, label, strlen(bench_kind_names[kind])};
    CK_ATTRIBUTE numbered = {CKA_ID, &id, 1};
    CK_ATTRIBUTE token = {CKA_TOKEN, &yes, 1};
    CK_ATTRIBUTE ec = {CKA_EC_PARAMS, p256, sizeof p256};
    CK_ATTRIBUTE rsa = {CKA_MODULUS_BITS, &bits, sizeof bits};
    CK_ATTRIBUTE public[] = {
        named, numbered, token, kind == BENCH_P256 ? ec : rsa, {CKA_VERIFY, &yes, 1}
    };
    CK_ATTRIBUTE private[] = {
        named, numbered, token, {CKA_SIGN, &yes, 1}
    };
    CK_MECHANISM mechanism = {kind == BENCH_P256 ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE handles[2];

    bench_require(module->C_GenerateKeyPair(session, &mechanism, public, 5, private, 4, &handles[0],
                                            &handles[1]) == CKR_OK,
                  "C_GenerateKeyPair");
}

/* In a process of its own: the module is the provider's here. */
static void make_token(const char *path, const char *slot, const char *label, const char *pin)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        CK_FUNCTION_LIST *module = bench_module(path);
        CK_SESSION_HANDLE session;

        bench_require(module != NULL, path);
        session = bench_token(module, slot, label, pin);
        for (enum bench_kind kind = 0; kind < BENCH_KINDS; kind++)
            make_pair(module, session, kind);
        module->C_Finalize(NULL);
        _exit(0);
    }
    bench_require(waitpid(child, &status, 0) == child && status == 0, label);
}

static bool make_default(void)
{
    return bench_shell(
        "cd '%s' && openssl genpkey -quiet -algorithm EC -pkeyopt group:P-256 -out P-256.pem && "
        "openssl genpkey -quiet -algorithm RSA -pkeyopt bits:2048 -out RSA-2048.pem",
        bench_directory());
}

static bool make_file(void)
{
    make_token(module_path(), "DevID file slot", "file", NULL);
    return true;
}

static bool make_tpm(void)
{
    if (!bench_swtpm("tpm", &tpms[PLACE_TPM]))
        return false;
    setenv("DEVID_TCTI", tpms[PLACE_TPM].tcti, 1);
    make_token(module_path(), "DevID TPM slot", "tpm", NULL);
    return true;
}

static bool make_softhsm(void)
{
    char text[600];

    if (access(setting("SOFTHSM2_MODULE", SOFTHSM2), R_OK) != 0)
        return false;
    bench_require(bench_shell("mkdir '%s'", bench_path("softhsm")), "mkdir");
    snprintf(text, sizeof text, "directories.tokendir = %s\nlog.level = ERROR\n", bench_path("softhsm"));
    bench_write(bench_path("softhsm2.conf"), text);
    setenv("SOFTHSM2_CONF", bench_path("softhsm2.conf"), 1);
    make_token(setting("SOFTHSM2_MODULE", SOFTHSM2), "SoftHSM", "softhsm", PIN);
    return true;
}

static bool make_tpm2(void)
{
    if (access(setting("TPM2_OPENSSL", TPM2_PROVIDER), R_OK) != 0 || !bench_swtpm("tpm2", &tpms[PLACE_TPM2]))
        return false;
    setenv("TPM2OPENSSL_TCTI", tpms[PLACE_TPM2].tcti, 1);
    setenv("TSS2_LOG", "all+none", 1);
    return bench_shell(
        "exec 2>/dev/null; cd '%s' && export OPENSSL_CONF='%s' && openssl genpkey -algorithm EC "
        "-propquery '?provider=tpm2' -pkeyopt group:P-256 -out tpm2-P-256.pem && openssl genpkey "
        "-algorithm RSA -propquery '?provider=tpm2' -pkeyopt bits:2048 -out tpm2-RSA-2048.pem && "
        "grep -q TSS2 tpm2-P-256.pem tpm2-RSA-2048.pem",
        bench_directory(), bench_conf(PLACE_TPM2));
}

static void write_confs(void)
{
    static const char head[] =
        "openssl_conf = init\n[init]\nproviders = list\nalg_section = algorithms\n[list]\ndefault = first\n"
        "%s = other\n[first]\nactivate = 1\n[other]\nactivate = 1\nmodule = %s\n%s%s\n[algorithms]\n%s\n";
    const struct {
        const char *name;
        const char *module;
        const char *option;
        const char *value;
    } rows[PLACES] = {
        [PLACE_FILE] = {"devid",                 provider_path(),           "pkcs11-module-path = ", module_path()},
        [PLACE_TPM] = {       "devid",        provider_path(),   "pkcs11-module-path = ",           module_path()             },
        [PLACE_SOFTHSM] = { "devid", provider_path(),
                        "pkcs11-module-path = ",               setting("SOFTHSM2_MODULE",              SOFTHSM2)},
        [PLACE_TPM2] = {  "tpm2",         setting("TPM2_OPENSSL",                                TPM2_PROVIDER),                      "",              ""},
    };

    bench_write(bench_conf(PLACE_DEFAULT), "");
    for (enum bench_place place = PLACE_FILE; place < PLACES; place++) {
        char text[2048];

        snprintf(text, sizeof text, head, rows[place].name, rows[place].module, rows[place].option,
                 rows[place].value, place == PLACE_TPM2 ? "default_properties = " TPM2_PROPERTIES : "");
        bench_write(bench_conf(place), text);
    }
}

void bench_make_keys(void)
{
    static bool (*const make[PLACES])(void) = {
        [PLACE_DEFAULT] = make_default, [PLACE_FILE] = make_file, [PLACE_TPM] = make_tpm,
        [PLACE_SOFTHSM] = make_softhsm, [PLACE_TPM2] = make_tpm2,
    };

    setenv("DEVID_CONF", "/dev/null", 1);
    setenv("DEVID_TOKENS", bench_path("tokens"), 1);
    write_confs();
    for (enum bench_place place = 0; place < PLACES; place++) {
        has[place] = make[place]();
        if (!has[place])
            printf("%s is not measured: something it needs is not installed\n", bench_place_names[place]);
    }
}

/* --- using them
 * --------------------------------------------------------------------------------------------------- */

bool bench_has(enum bench_place place)
{
    return has[place];
}

const struct bench_tpm *bench_tpm_of(enum bench_place place)
{
    return tpms[place].tcti != NULL ? &tpms[place] : NULL;
}

const char *bench_conf(enum bench_place place)
{
    static const char *const names[PLACES] = {[PLACE_DEFAULT] = "default",
                                              [PLACE_FILE] = "file",
                                              [PLACE_TPM] = "tpm",
                                              [PLACE_SOFTHSM] = "softhsm",
                                              [PLACE_TPM2] = "tpm2"};

    return bench_path("%s.cnf", names[place]);
}

const char *bench_key_name(enum bench_place place, enum bench_kind kind)
{
    static char name[600];
    const char *key = bench_kind_names[kind];

    switch (place) {
    case PLACE_DEFAULT:
        return bench_path("%s.pem", key);
    case PLACE_TPM2:
        return bench_path("tpm2-%s.pem", key);
    case PLACE_SOFTHSM:
        snprintf(name, sizeof name, "pkcs11:token=softhsm;object=%s;type=private?pin-value=" PIN, key);
        return name;
    default:
        snprintf(name, sizeof name, "pkcs11:token=%s;object=%s;type=private",
                 place == PLACE_TPM ? "tpm" : "file", key);
        return name;
    }
}

OSSL_LIB_CTX *bench_context(enum bench_place place)
{
    if (contexts[place] == NULL) {
        contexts[place] = OSSL_LIB_CTX_new();
        if (place != PLACE_DEFAULT)
            bench_require(OSSL_LIB_CTX_load_config(contexts[place], bench_conf(place)) == 1,
                          bench_place_names[place]);
    }
    return contexts[place];
}

EVP_PKEY *bench_load_key(enum bench_place place, enum bench_kind kind)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(bench_key_name(place, kind), bench_context(place), NULL, NULL,
                                               NULL, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    if (store != NULL)
        OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
    while (store != NULL && key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    if (key == NULL)
        ERR_print_errors_fp(stderr);
    bench_require(key != NULL, bench_key_name(place, kind));
    return key;
}
