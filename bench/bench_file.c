/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures per second: libcrypto alone (the floor), a file token of this module, SoftHSM2. All in one run,
 * in short turns, because other work on the machine comes and goes; each keeps its best turn. The ratios
 * count.
 *
 *     bench_file [SECONDS A TURN [TURNS]]
 *
 * $DEVID_PKCS11_MODULE is the module measured, $SOFTHSM2_MODULE the peer (left out when it is not there).
 */
#include <p11-kit/pkcs11.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SOFTHSM2 "/usr/lib/softhsm/libsofthsm2.so"
#define THREADS 4
#define PIN "1234"
#define SIGNATURE_MAXIMUM 512

static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

/* One row a kind of signature; the data are a digest, or a DigestInfo of SHA-256. */
static const struct kind {
    const char *name;
    CK_ULONG bits; /* RSA */
    size_t data_size;
} kinds[] = {
    {"ECDSA P-256", 0,    32},
    {"RSA-2048",    2048, 51},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static CK_BYTE data[64] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                           0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

static void require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench_file: %s failed\n", what);
    exit(1);
}

/* Who signs. A worker is one thread's. */
struct contender {
    const char *name;
    void *(*worker)(const struct contender *contender, const struct kind *kind);
    void (*sign)(void *worker);
    void (*end)(void *worker);
    EVP_PKEY *pkeys[KINDS];
    CK_FUNCTION_LIST *functions;
    CK_SLOT_ID slot;
    CK_OBJECT_HANDLE keys[KINDS];
};

/* --- libcrypto
 * ----------------------------------------------------------------------------------------------- */

struct crypto_worker {
    EVP_PKEY_CTX *context;
    size_t data_size;
};

static void *crypto_worker(const struct contender *contender, const struct kind *kind)
{
    struct crypto_worker *worker = calloc(1, sizeof *worker);

    worker->context = EVP_PKEY_CTX_new(contender->pkeys[kind - kinds], NULL);
    worker->data_size = kind->data_size;
    require(EVP_PKEY_sign_init(worker->context) == 1, "EVP_PKEY_sign_init");
    if (kind->bits != 0)
        require(EVP_PKEY_CTX_set_rsa_padding(worker->context, RSA_PKCS1_PADDING) == 1, "RSA padding");
    return worker;
}

static void crypto_sign(void *data_of_worker)
{
    struct crypto_worker *worker = data_of_worker;
    unsigned char signature[SIGNATURE_MAXIMUM];
    size_t size = sizeof signature;

    require(EVP_PKEY_sign(worker->context, signature, &size, data, worker->data_size) == 1, "EVP_PKEY_sign");
}

static void crypto_end(void *data_of_worker)
{
    struct crypto_worker *worker = data_of_worker;

    EVP_PKEY_CTX_free(worker->context);
    free(worker);
}

/* --- a PKCS#11 module
 * ---------------------------------------------------------------------------------------- */

struct module_worker {
    CK_FUNCTION_LIST *functions;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_MECHANISM mechanism;
    size_t data_size;
};

static void *module_worker(const struct contender *contender, const struct kind *kind)
{
    struct module_worker *worker = calloc(1, sizeof *worker);

    worker->functions = contender->functions;
    worker->key = contender->keys[kind - kinds];
    worker->mechanism.mechanism = kind->bits != 0 ? CKM_RSA_PKCS : CKM_ECDSA;
    worker->data_size = kind->data_size;
    require(worker->functions->C_OpenSession(contender->slot, CKF_SERIAL_SESSION, NULL, NULL,
                                             &worker->session) == CKR_OK,
            "C_OpenSession");
    return worker;
}

static void module_sign(void *data_of_worker)
{
    struct module_worker *worker = data_of_worker;
    CK_BYTE signature[SIGNATURE_MAXIMUM];
    CK_ULONG size = sizeof signature;

    require(worker->functions->C_SignInit(worker->session, &worker->mechanism, worker->key) == CKR_OK,
            "C_SignInit");
    require(worker->functions->C_Sign(worker->session, data, worker->data_size, signature, &size) == CKR_OK,
            "C_Sign");
}

static void module_end(void *data_of_worker)
{
    struct module_worker *worker = data_of_worker;

    worker->functions->C_CloseSession(worker->session);
    free(worker);
}

/* --- setting up
 * ---------------------------------------------------------------------------------------------- */

static void make_crypto(struct contender *contender)
{
    *contender = (struct contender){
        .name = "libcrypto", .worker = crypto_worker, .sign = crypto_sign, .end = crypto_end};
    contender->pkeys[0] = EVP_EC_gen("P-256");
    contender->pkeys[1] = EVP_RSA_gen(2048);
    require(contender->pkeys[0] != NULL && contender->pkeys[1] != NULL, "making keys");
}

static CK_FUNCTION_LIST *load(const char *path)
{
    CK_C_INITIALIZE_ARGS threads = {.flags = CKF_OS_LOCKING_OK};
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get;
    CK_FUNCTION_LIST *functions;

    if (library == NULL)
        return NULL;
    *(void **)&get = dlsym(library, "C_GetFunctionList");
    require(get != NULL && get(&functions) == CKR_OK, "C_GetFunctionList");
    require(functions->C_Initialize(&threads) == CKR_OK, "C_Initialize");
    return functions;
}

/* The uninitialised slot whose description or token fits: any of SoftHSM2's, the file slot of ours. */
static CK_SLOT_ID empty_slot(CK_FUNCTION_LIST *functions, const char *description)
{
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;

    require(functions->C_GetSlotList(CK_FALSE, slots, &count) == CKR_OK, "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        CK_SLOT_INFO info;

        if (functions->C_GetSlotInfo(slots[i], &info) == CKR_OK &&
            memcmp(info.slotDescription, description, strlen(description)) == 0)
            return slots[i];
    }
    require(false, "finding an empty slot");
    return 0;
}

static CK_SLOT_ID token_slot(CK_FUNCTION_LIST *functions)
{
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;

    functions->C_GetSlotList(CK_TRUE, NULL, &count);
    count = 16;
    require(functions->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK, "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;

        if (functions->C_GetTokenInfo(slots[i], &info) == CKR_OK && memcmp(info.label, "bench ", 6) == 0)
            return slots[i];
    }
    require(false, "finding the token");
    return 0;
}

static CK_OBJECT_HANDLE make_key(CK_FUNCTION_LIST *functions, CK_SESSION_HANDLE session,
                                 const struct kind *kind)
{
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG bits = kind->bits;
    CK_MECHANISM mechanism = {bits != 0 ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public[] = {
        {CKA_TOKEN,                                    &yes,                             sizeof yes},
        {bits != 0 ? CKA_MODULUS_BITS : CKA_EC_PARAMS, bits != 0 ? (void *)&bits : p256,
         bits != 0 ? sizeof bits : sizeof p256                                                     },
    };
    CK_ATTRIBUTE private[] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_SIGN,  &yes, sizeof yes},
    };
    CK_OBJECT_HANDLE public_key;
    CK_OBJECT_HANDLE private_key;

    require(functions->C_GenerateKeyPair(session, &mechanism, public, 2, private, 2, &public_key,
                                         &private_key) == CKR_OK,
            "C_GenerateKeyPair");
    return private_key;
}

/* `pin`: the peer has no tokens without. The session that is logged in stays open. */
static bool make_module(struct contender *contender, const char *name, const char *path, const char *slot,
                        bool pin)
{
    CK_UTF8CHAR label[32];
    CK_SESSION_HANDLE session;
    CK_FUNCTION_LIST *functions = load(path);
    CK_BYTE secret[] = PIN;

    *contender = (struct contender){.name = name,
                                    .worker = module_worker,
                                    .sign = module_sign,
                                    .end = module_end,
                                    .functions = functions};
    if (functions == NULL)
        return false;
    memset(label, ' ', sizeof label);
    memcpy(label, "bench", 5);
    require(functions->C_InitToken(empty_slot(functions, slot), secret, pin ? strlen(PIN) : 0, label) ==
                CKR_OK,
            "C_InitToken");
    contender->slot = token_slot(functions);
    require(functions->C_OpenSession(contender->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                     &session) == CKR_OK,
            "C_OpenSession");
    if (pin) {
        require(functions->C_Login(session, CKU_SO, secret, 4) == CKR_OK, "C_Login");
        require(functions->C_InitPIN(session, secret, 4) == CKR_OK, "C_InitPIN");
        functions->C_Logout(session);
        require(functions->C_Login(session, CKU_USER, secret, 4) == CKR_OK, "C_Login");
    }
    for (size_t i = 0; i < KINDS; i++)
        contender->keys[i] = make_key(functions, session, &kinds[i]);
    return true;
}

/* --- measuring
 * ----------------------------------------------------------------------------------------------- */

static double clock_seconds(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double now(void)
{
    return clock_seconds(CLOCK_MONOTONIC);
}

/* The best of the turns. On a machine that is busy with other things the cost tells more than the rate. */
struct result {
    double rate; /* signatures a second */
    double cost; /* processor seconds a signature */
};

struct turn {
    const struct contender *contender;
    void *worker;
    double end;
    unsigned long count;
};

static void *run_worker(void *argument)
{
    struct turn *turn = argument;

    while (now() < turn->end) {
        turn->contender->sign(turn->worker);
        turn->count++;
    }
    return NULL;
}

static void run_turn(const struct contender *contender, const struct kind *kind, unsigned threads,
                     double seconds, struct result *best)
{
    struct turn turns[THREADS] = {0};
    pthread_t ids[THREADS];
    unsigned long count = 0;
    double start;
    double busy;

    for (unsigned i = 0; i < threads; i++) {
        turns[i] = (struct turn){.contender = contender, .worker = contender->worker(contender, kind)};
        contender->sign(turns[i].worker);
    }
    start = now();
    busy = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < threads; i++) {
        turns[i].end = start + seconds;
        require(pthread_create(&ids[i], NULL, run_worker, &turns[i]) == 0, "pthread_create");
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        count += turns[i].count;
    }
    seconds = now() - start;
    busy = (clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - busy) / (double)count;
    for (unsigned i = 0; i < threads; i++)
        contender->end(turns[i].worker);
    if ((double)count / seconds > best->rate)
        best->rate = (double)count / seconds;
    if (best->cost == 0 || busy < best->cost)
        best->cost = busy;
}

/* best[contender][0]: one thread; [1]: several. */
static void report(const struct contender *contenders, size_t count, const struct kind *kind,
                   struct result best[3][2])
{
    static const unsigned threads[] = {1, THREADS};

    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < count; i++)
            printf("%-12s %u threads  %-10s %8.0f/s %8.2f us of processor each\n", kind->name, threads[t],
                   contenders[i].name, best[i][t].rate, best[i][t].cost * 1e6);
        for (size_t i = 0; i < count; i++)
            if (i != 1)
                printf("%-12s %u threads  devid : %-10s %.3f by rate, %.3f by processor time\n", kind->name,
                       threads[t], contenders[i].name, best[1][t].rate / best[i][t].rate,
                       best[i][t].cost / best[1][t].cost);
    }
    for (size_t i = 0; i < count; i++)
        printf("%-12s %u threads : 1 thread  %-10s %.2f\n", kind->name, THREADS, contenders[i].name,
               best[i][1].rate / best[i][0].rate);
}

static void compare(const struct contender *contenders, size_t count, const struct kind *kind, double seconds,
                    unsigned turns)
{
    struct result best[3][2] = {0};

    for (unsigned turn = 0; turn < turns; turn++) {
        for (size_t i = 0; i < count; i++) {
            run_turn(&contenders[i], kind, 1, seconds, &best[i][0]);
            run_turn(&contenders[i], kind, THREADS, seconds, &best[i][1]);
        }
    }
    report(contenders, count, kind, best);
}

static void prepare_directory(const char *directory)
{
    char text[512];
    FILE *file;

    snprintf(text, sizeof text, "%s/tokens", directory);
    setenv("DEVID_TOKENS", text, 1);
    setenv("DEVID_CONF", "/dev/null", 1);
    snprintf(text, sizeof text, "mkdir '%s/softhsm'", directory);
    require(system(text) == 0, "mkdir");
    snprintf(text, sizeof text, "%s/softhsm2.conf", directory);
    setenv("SOFTHSM2_CONF", text, 1);
    file = fopen(text, "w");
    require(file != NULL &&
                fprintf(file, "directories.tokendir = %s/softhsm\nlog.level = ERROR\n", directory) > 0 &&
                fclose(file) == 0,
            "writing softhsm2.conf");
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/devid-bench-XXXXXX";
    const char *module = getenv("DEVID_PKCS11_MODULE");
    const char *peer = getenv("SOFTHSM2_MODULE");
    double seconds = argc > 1 ? atof(argv[1]) : 0.5;
    unsigned turns = argc > 2 ? (unsigned)atoi(argv[2]) : 6;
    struct contender contenders[3];
    size_t count = 2;
    char text[512];

    require(mkdtemp(directory) != NULL, "mkdtemp");
    prepare_directory(directory);
    make_crypto(&contenders[0]);
    require(make_module(&contenders[1], "devid", module != NULL ? module : DEVID_PKCS11_MODULE,
                        "DevID file slot", false),
            "loading the module");
    if (make_module(&contenders[2], "softhsm2", peer != NULL ? peer : SOFTHSM2, "SoftHSM", true))
        count = 3;
    for (size_t i = 0; i < KINDS; i++)
        compare(contenders, count, &kinds[i], seconds, turns);
    snprintf(text, sizeof text, "rm -rf '%s'", directory);
    return system(text) == 0 ? 0 : 1;
}
