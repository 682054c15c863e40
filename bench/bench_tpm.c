/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures and MACs per second with keys of a TPM (swtpm, one for each contender): the floor, which is a
 * program that does nothing but the TPM's commands; this module, with a token without a PIN (commands
 * authorised by an empty password) and with one that has a PIN (by salted sessions); tpm2-pkcs11. All in one
 * run, in short turns; each keeps its best. The ratios count. Then what C_Initialize and C_GetSlotList cost.
 *
 *     bench_tpm [SECONDS A TURN [TURNS]]
 *
 * $DEVID_PKCS11_MODULE is the module measured, $TPM2_PKCS11_MODULE the peer (left out when it is not there).
 */
#include "bench/bench.h"
#include "bench/floor.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TPM2_PKCS11 "/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so"
#define PIN "12345678"
#define STARTS 20

/* The first three are the floor, in the order of enum floor_way. */
enum { PASSWORD, KEPT, EACH, PLAIN, PINNED, PEER, CONTENDERS };

static struct bench_tpm tpms[CONTENDERS];

static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

/* One row a kind of work; the data are a digest, or a DigestInfo of SHA-256. */
static const struct kind {
    const char *name;
    const char *ptool; /* tpm2_ptool's name, and the label */
    CK_OBJECT_CLASS class;
    CK_MECHANISM_TYPE generate;
    CK_MECHANISM_TYPE sign;
    size_t data_size;
    double aim_protected; /* of the floor with a session that is kept */
} kinds[FLOOR_KEYS] = {
    [FLOOR_P256] = {"ECDSA P-256",  "ecc256",      CKO_PRIVATE_KEY, CKM_EC_KEY_PAIR_GEN,        CKM_ECDSA,    32, 0.95},
    [FLOOR_RSA2048] = {"RSA-2048",     "rsa2048",     CKO_PRIVATE_KEY, CKM_RSA_PKCS_KEY_PAIR_GEN,  CKM_RSA_PKCS, 51,
                    0.95                                                                                              },
    [FLOOR_HMAC] = {"HMAC-SHA-256", "hmac:sha256", CKO_SECRET_KEY,  CKM_GENERIC_SECRET_KEY_GEN,
                    CKM_SHA256_HMAC,                                                                          32, 0.8 },
};

static CK_BYTE data[51] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                           0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

/* --- a PKCS#11 module
 * -------------------------------------------------------------------------------------------- */

struct worker {
    CK_FUNCTION_LIST *module;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE keys[FLOOR_KEYS];
    enum floor_key kind;
};

static void module_work(void *data_of_worker)
{
    struct worker *worker = data_of_worker;
    const struct kind *kind = &kinds[worker->kind];
    CK_MECHANISM mechanism = {kind->sign, NULL, 0};
    CK_BYTE signature[512];
    CK_ULONG size = sizeof signature;

    bench_require(
        worker->module->C_SignInit(worker->session, &mechanism, worker->keys[worker->kind]) == CKR_OK &&
            worker->module->C_Sign(worker->session, data, kind->data_size, signature, &size) == CKR_OK,
        "C_Sign");
}

static CK_OBJECT_HANDLE make_key(CK_FUNCTION_LIST *module, CK_SESSION_HANDLE session, const struct kind *kind)
{
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG bits = 2048;
    CK_ULONG length = 32;
    CK_MECHANISM mechanism = {kind->generate, NULL, 0};
    CK_ATTRIBUTE ec = {CKA_EC_PARAMS, p256, sizeof p256};
    CK_ATTRIBUTE rsa = {CKA_MODULUS_BITS, &bits, sizeof bits};
    CK_ATTRIBUTE secret = {CKA_VALUE_LEN, &length, sizeof length};
    CK_ATTRIBUTE public[] = {
        kind->generate == CKM_EC_KEY_PAIR_GEN ? ec : rsa, {CKA_TOKEN, &yes, sizeof yes}
    };
    CK_ATTRIBUTE private[] = {
        {CKA_TOKEN, &yes,                           sizeof yes         },
        {CKA_SIGN,  &yes,                           sizeof yes         },
        {CKA_LABEL, (void *)(uintptr_t)kind->ptool, strlen(kind->ptool)},
        secret
    };
    CK_OBJECT_HANDLE other;
    CK_OBJECT_HANDLE key;
    CK_RV rv = kind->class == CKO_SECRET_KEY
                   ? module->C_GenerateKey(session, &mechanism, private, 4, &key)
                   : module->C_GenerateKeyPair(session, &mechanism, public, 2, private, 3, &other, &key);

    bench_require(rv == CKR_OK, "generating a key");
    return key;
}

static CK_OBJECT_HANDLE find_key(CK_FUNCTION_LIST *module, CK_SESSION_HANDLE session, const struct kind *kind)
{
    CK_OBJECT_CLASS class = kind->class;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &class,                         sizeof class       },
        {CKA_LABEL, (void *)(uintptr_t)kind->ptool, strlen(kind->ptool)}
    };
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG count = 0;

    bench_require(module->C_FindObjectsInit(session, items, 2) == CKR_OK &&
                      module->C_FindObjects(session, &key, 1, &count) == CKR_OK && count == 1 &&
                      module->C_FindObjectsFinal(session) == CKR_OK,
                  kind->ptool);
    return key;
}

/* Tokens of this module are made by processes of their own: where a token's TPM is, they learn from the
 * environment. Then token.conf says it. */
static void make_token(const char *path, const char *label, const char *pin, struct bench_tpm *tpm)
{
    CK_FUNCTION_LIST *module;
    CK_SESSION_HANDLE session;
    pid_t child;
    int status;

    bench_require(bench_swtpm(label, tpm), "starting swtpm");
    setenv("DEVID_TCTI", tpm->tcti, 1);
    child = fork();
    if (child == 0) {
        module = bench_module(path);
        bench_require(module != NULL, path);
        session = bench_token(module, "DevID TPM slot", label, pin);
        for (size_t i = 0; i < FLOOR_KEYS; i++)
            make_key(module, session, &kinds[i]);
        module->C_Finalize(NULL);
        _exit(0);
    }
    bench_require(waitpid(child, &status, 0) == child && status == 0, "making a token");
    bench_require(
        bench_shell("echo 'tcti = %s' >>'%s/token.conf'", tpm->tcti, bench_path("tokens/%s", label)),
        "writing token.conf");
}

static CK_FUNCTION_LIST *make_devid(const char *path)
{
    setenv("DEVID_CONF", "/dev/null", 1);
    setenv("DEVID_TOKENS", bench_path("tokens"), 1);
    make_token(path, "plain", NULL, &tpms[PLAIN]);
    make_token(path, "pinned", PIN, &tpms[PINNED]);
    unsetenv("DEVID_TCTI");
    return bench_module(path);
}

static void use_token(CK_FUNCTION_LIST *module, const char *label, const char *pin, struct worker *worker)
{
    *worker = (struct worker){.module = module, .session = bench_session(module, label, pin)};
    for (size_t i = 0; i < FLOOR_KEYS; i++)
        worker->keys[i] = find_key(module, worker->session, &kinds[i]);
}

/* --- tpm2-pkcs11, with its own tool
 * ------------------------------------------------------------------------------ */

/* That tool, and the module with a third key, leave more in a TPM than fits without a resource manager: what
 * is left is flushed before each of the tools that it runs. */
static bool make_tools(void)
{
    const char *tools = bench_path("tools");

    bench_write(bench_path("tool"), "#!/bin/sh\n/usr/bin/tpm2_flushcontext -t >/dev/null 2>&1\n"
                                    "exec \"/usr/bin/${0##*/}\" \"$@\"\n");
    return bench_shell("mkdir '%s' && chmod +x '%s' && for tool in /usr/bin/tpm2_*; do "
                       "ln -s ../tool '%s/'\"${tool##*/}\"; done && ln -sf /usr/bin/tpm2_ptool '%s/'",
                       tools, bench_path("tool"), tools, tools);
}

static bool run_tool(const char *arguments)
{
    return bench_shell("PATH='%s':$PATH; exec >>'%s' 2>&1; tpm2_ptool %s", bench_path("tools"),
                       bench_path("log"), arguments);
}

static bool make_peer(const char *path)
{
    const char *store = bench_path("tpm2-pkcs11");

    if (access(path, R_OK) != 0 || access("/usr/bin/tpm2_ptool", X_OK) != 0 ||
        !bench_swtpm("peer", &tpms[PEER]))
        return false;
    setenv("TPM2_PKCS11_STORE", store, 1);
    setenv("TPM2_PKCS11_TCTI", tpms[PEER].tcti, 1);
    setenv("TPM2TOOLS_TCTI", tpms[PEER].tcti, 1);
    setenv("TSS2_LOG", "all+none", 1);
    if (!make_tools() || !bench_shell("mkdir '%s'", store) || !run_tool("init") ||
        !run_tool("addtoken --pid=1 --label=peer --sopin=" PIN " --userpin=" PIN))
        return false;
    for (size_t i = 0; i < FLOOR_KEYS; i++) {
        char arguments[256];

        snprintf(arguments, sizeof arguments,
                 "addkey --label=peer --userpin=" PIN " --algorithm=%s --key-label=%s", kinds[i].ptool,
                 kinds[i].ptool);
        if (!run_tool(arguments))
            return false;
    }
    return true;
}

/* From the start, with nothing in its TPM. */
static void start_peer(const char *path, struct worker *worker)
{
    CK_FUNCTION_LIST *module = worker->module;

    if (module != NULL)
        module->C_Finalize(NULL);
    bench_require(bench_shell("/usr/bin/tpm2_flushcontext -t && /usr/bin/tpm2_flushcontext -l"),
                  "tpm2_flushcontext");
    if (module == NULL)
        module = bench_module(path);
    else
        bench_require(module->C_Initialize(NULL) == CKR_OK, "C_Initialize");
    bench_require(module != NULL, path);
    use_token(module, "peer", PIN, worker);
}

/* --- measuring
 * --------------------------------------------------------------------------------------------------- */

static struct floor *floor_tpm;
static struct worker workers[CONTENDERS];

static void compare(enum floor_key kind, double seconds, unsigned turns)
{
    static const char *const names[CONTENDERS] = {
        [PASSWORD] = "floor, password", [KEPT] = "floor, session kept", [EACH] = "floor, session for each",
        [PLAIN] = "devid, no PIN",      [PINNED] = "devid, PIN",        [PEER] = "tpm2-pkcs11",
    };
    struct contender all[CONTENDERS] = {0};

    for (size_t i = 0; i < CONTENDERS; i++) {
        all[i] =
            (struct contender){.name = names[i], .work = module_work, .data = &workers[i], .tpm = &tpms[i]};
        workers[i].kind = kind;
        if (i <= EACH)
            all[i] = (struct contender){
                .name = names[i], .work = floor_work, .data = floor_tpm, .tpm = &tpms[PASSWORD]};
        else if (workers[i].module == NULL)
            all[i].work = NULL;
    }
    for (unsigned turn = 0; turn < turns; turn++) {
        for (unsigned i = 0; i < CONTENDERS; i++) {
            unsigned next = (i + turn) % CONTENDERS;

            if (next <= EACH)
                floor_use(floor_tpm, kind, (enum floor_way)next);
            bench_compare(&all[next], 1, seconds, 1);
        }
    }
    bench_print(kinds[kind].name, all, CONTENDERS);
    bench_ratio(kinds[kind].name, &all[PLAIN], &all[PASSWORD], 0.95);
    bench_ratio(kinds[kind].name, &all[PINNED], &all[KEPT], kinds[kind].aim_protected);
    bench_ratio(kinds[kind].name, &all[PINNED], &all[EACH], 0);
    bench_ratio(kinds[kind].name, &all[PLAIN], &all[PEER], 0);
    bench_ratio(kinds[kind].name, &all[PINNED], &all[PEER], 0);
}

/* C_Initialize and C_GetSlotList of a module that is in memory, with two TPM tokens. */
static void measure_start(CK_FUNCTION_LIST *module)
{
    double best = 0;

    for (int i = 0; i < STARTS; i++) {
        CK_SLOT_ID slots[16];
        CK_ULONG count = 16;
        double start;

        module->C_Finalize(NULL);
        start = bench_seconds();
        bench_require(module->C_Initialize(NULL) == CKR_OK &&
                          module->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK && count >= 2,
                      "C_Initialize");
        start = bench_seconds() - start;
        if (i == 0 || start < best)
            best = start;
    }
    printf("%-20s %.3f ms (aim: 1)\n", "C_Initialize and C_GetSlotList", best * 1e3);
}

int main(int argc, char **argv)
{
    const char *path = getenv("DEVID_PKCS11_MODULE");
    const char *peer = getenv("TPM2_PKCS11_MODULE");
    double seconds = argc > 1 ? atof(argv[1]) : 0.01;
    unsigned turns = argc > 2 ? (unsigned)atoi(argv[2]) : 150;
    CK_FUNCTION_LIST *module;
    bool with_peer;

    if (!bench_swtpm("floor", &tpms[PASSWORD])) {
        printf("bench_tpm: there is no swtpm here\n");
        return EXIT_SUCCESS;
    }
    module = make_devid(path != NULL ? path : DEVID_PKCS11_MODULE);
    bench_require(module != NULL, "loading the module");
    floor_tpm = floor_open(tpms[PASSWORD].tcti);
    use_token(module, "plain", NULL, &workers[PLAIN]);
    use_token(module, "pinned", PIN, &workers[PINNED]);
    peer = peer != NULL ? peer : TPM2_PKCS11;
    with_peer = make_peer(peer);
    if (!with_peer)
        printf("bench_tpm: tpm2-pkcs11 or its tpm2_ptool is not there\n");
    for (enum floor_key kind = 0; kind < FLOOR_KEYS; kind++) {
        if (with_peer)
            start_peer(peer, &workers[PEER]);
        compare(kind, seconds, turns);
    }
    measure_start(module);
    floor_close(floor_tpm);
    return EXIT_SUCCESS;
}
