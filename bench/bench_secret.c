/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor time of MACs and encryptions with secret keys: libcrypto alone (the floor: a context that is used
 * again), a file token of this module, SoftHSM2. All in one run, in short turns; each keeps its best turn.
 * The ratios count.
 *
 *     bench_secret [SECONDS A TURN [TURNS]]
 *
 * $DEVID_PKCS11_MODULE is the module measured, $SOFTHSM2_MODULE the peer (left out when it is not there).
 */
#include <p11-kit/pkcs11.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SOFTHSM2 "/usr/lib/softhsm/libsofthsm2.so"
#define PIN "1234"
#define DATA_MAXIMUM 16384

static CK_BYTE data[DATA_MAXIMUM];
static CK_BYTE out[DATA_MAXIMUM + 32];
static CK_BYTE key_bytes[32] = {1, 2, 3};
static CK_BYTE iv[16] = {4, 5, 6};

static struct {
    void *iv;
    CK_ULONG iv_size;
    CK_ULONG iv_bits;
    void *aad;
    CK_ULONG aad_size;
    CK_ULONG tag_bits;
} gcm = {iv, 12, 96, NULL, 0, 128};

/* One row a kind of work. */
static const struct kind {
    const char *name;
    CK_KEY_TYPE key_type;
    CK_MECHANISM mechanism;
    size_t size;
    const char *cipher; /* libcrypto's name; NULL: HMAC with SHA-256 */
} kinds[] = {
    {"HMAC-SHA-256, 64 bytes", CKK_GENERIC_SECRET, {CKM_SHA256_HMAC, NULL, 0},      64,           NULL         },
    {"HMAC-SHA-256, 16 KiB",   CKK_GENERIC_SECRET, {CKM_SHA256_HMAC, NULL, 0},      DATA_MAXIMUM, NULL         },
    {"AES-256-CBC, 64 bytes",  CKK_AES,            {CKM_AES_CBC, iv, 16},           64,           "AES-256-CBC"},
    {"AES-256-GCM, 64 bytes",  CKK_AES,            {CKM_AES_GCM, &gcm, sizeof gcm}, 64,           "AES-256-GCM"},
    {"AES-256-GCM, 16 KiB",    CKK_AES,            {CKM_AES_GCM, &gcm, sizeof gcm}, DATA_MAXIMUM, "AES-256-GCM"},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static void require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench_secret: %s failed\n", what);
    exit(1);
}

/* Who works. */
struct contender {
    const char *name;
    void (*work)(struct contender *contender, size_t kind);
    EVP_MAC_CTX *mac;
    EVP_CIPHER_CTX *ciphers[KINDS];
    CK_FUNCTION_LIST *functions; /* NULL: libcrypto */
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE keys[KINDS];
};

/* --- libcrypto
 * ---------------------------------------------------------------------------------------------------- */

static void crypto_work(struct contender *contender, size_t kind)
{
    EVP_CIPHER_CTX *cipher = contender->ciphers[kind];
    size_t size;
    int made;

    if (cipher == NULL) {
        require(EVP_MAC_init(contender->mac, NULL, 0, NULL) == 1 &&
                    EVP_MAC_update(contender->mac, data, kinds[kind].size) == 1 &&
                    EVP_MAC_final(contender->mac, out, &size, sizeof out) == 1,
                "EVP_MAC");
        return;
    }
    require(EVP_EncryptInit_ex2(cipher, NULL, NULL, iv, NULL) == 1 &&
                EVP_EncryptUpdate(cipher, out, &made, data, (int)kinds[kind].size) == 1,
            "EVP_Encrypt");
    if (kinds[kind].mechanism.mechanism == CKM_AES_GCM)
        require(EVP_EncryptFinal_ex(cipher, out + made, &made) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, out + made) == 1,
                "EVP_EncryptFinal_ex");
}

static void crypto_start(struct contender *contender)
{
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
                           OSSL_PARAM_construct_end()};

    contender->mac = EVP_MAC_CTX_new(EVP_MAC_fetch(NULL, "HMAC", NULL));
    require(EVP_MAC_init(contender->mac, key_bytes, sizeof key_bytes, params) == 1, "EVP_MAC_init");
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].cipher == NULL)
            continue;
        contender->ciphers[i] = EVP_CIPHER_CTX_new();
        require(EVP_EncryptInit_ex2(contender->ciphers[i], EVP_CIPHER_fetch(NULL, kinds[i].cipher, NULL),
                                    key_bytes, iv, NULL) == 1,
                "EVP_EncryptInit_ex2");
    }
}

/* --- modules
 * ------------------------------------------------------------------------------------------------------ */

static void module_work(struct contender *contender, size_t kind)
{
    CK_FUNCTION_LIST *p11 = contender->functions;
    CK_MECHANISM mechanism = kinds[kind].mechanism;
    CK_ULONG size = sizeof out;

    if (kinds[kind].cipher == NULL)
        require(p11->C_SignInit(contender->session, &mechanism, contender->keys[kind]) == CKR_OK &&
                    p11->C_Sign(contender->session, data, kinds[kind].size, out, &size) == CKR_OK,
                "C_Sign");
    else
        require(p11->C_EncryptInit(contender->session, &mechanism, contender->keys[kind]) == CKR_OK &&
                    p11->C_Encrypt(contender->session, data, kinds[kind].size, out, &size) == CKR_OK,
                "C_Encrypt");
}

static void add_keys(struct contender *contender)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_BBOOL yes = CK_TRUE;

    for (size_t i = 0; i < KINDS; i++) {
        CK_KEY_TYPE type = kinds[i].key_type;
        CK_ATTRIBUTE items[] = {
            {CKA_CLASS,    &class,    sizeof class    },
            {CKA_KEY_TYPE, &type,     sizeof type     },
            {CKA_VALUE,    key_bytes, sizeof key_bytes},
            {CKA_SIGN,     &yes,      1               },
            {CKA_ENCRYPT,  &yes,      1               },
        };

        require(contender->functions->C_CreateObject(contender->session, items, 5, &contender->keys[i]) ==
                    CKR_OK,
                "C_CreateObject");
    }
}

/* The first slot whose description begins so. */
static CK_SLOT_ID empty_slot(CK_FUNCTION_LIST *p11, const char *description)
{
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;

    require(p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK, "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        CK_SLOT_INFO info;

        if (p11->C_GetSlotInfo(slots[i], &info) == CKR_OK &&
            memcmp(info.slotDescription, description, strlen(description)) == 0)
            return slots[i];
    }
    require(false, "finding a slot");
    return 0;
}

static bool module_start(struct contender *contender, const char *path, const char *description)
{
    CK_UTF8CHAR label[32];
    CK_UTF8CHAR pin[] = PIN;
    CK_C_GetFunctionList get;
    void *module = dlopen(path, RTLD_NOW);
    bool pins = strcmp(contender->name, "SoftHSM2") == 0;
    CK_SLOT_ID slot;

    if (module == NULL)
        return false;
    *(void **)&get = dlsym(module, "C_GetFunctionList");
    require(get != NULL && get(&contender->functions) == CKR_OK, "C_GetFunctionList");
    require(contender->functions->C_Initialize(NULL) == CKR_OK, "C_Initialize");
    slot = empty_slot(contender->functions, description);
    memset(label, ' ', sizeof label);
    memcpy(label, "bench", 5);
    require(contender->functions->C_InitToken(slot, pins ? pin : NULL, pins ? 4 : 0, label) == CKR_OK,
            "C_InitToken");
    slot = pins ? empty_slot(contender->functions, description) : slot;
    require(contender->functions->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                                &contender->session) == CKR_OK,
            "C_OpenSession");
    if (pins)
        require(contender->functions->C_Login(contender->session, CKU_SO, pin, 4) == CKR_OK &&
                    contender->functions->C_InitPIN(contender->session, pin, 4) == CKR_OK &&
                    contender->functions->C_Logout(contender->session) == CKR_OK &&
                    contender->functions->C_Login(contender->session, CKU_USER, pin, 4) == CKR_OK,
                "C_Login");
    add_keys(contender);
    return true;
}

/* --- turns
 * -------------------------------------------------------------------------------------------------------- */

static double seconds_of(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Processor seconds each. */
static double turn(struct contender *contender, size_t kind, double seconds)
{
    double end = seconds_of(CLOCK_MONOTONIC) + seconds;
    double start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    unsigned long count = 0;

    for (; seconds_of(CLOCK_MONOTONIC) < end; count += 64)
        for (int i = 0; i < 64; i++)
            contender->work(contender, kind);
    return (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - start) / (double)count;
}

static void measure(struct contender *contenders, size_t count, double seconds, int turns)
{
    for (size_t k = 0; k < KINDS; k++) {
        double best[3] = {0};

        for (int t = 0; t < turns; t++) {
            for (size_t c = 0; c < count; c++) {
                double cost = turn(&contenders[c], k, seconds);

                best[c] = best[c] == 0 || cost < best[c] ? cost : best[c];
            }
        }
        printf("%s\n", kinds[k].name);
        for (size_t c = 0; c < count; c++)
            printf("  %-10s %8.3f us of processor  %.2f of libcrypto's rate\n", contenders[c].name,
                   best[c] * 1e6, best[0] / best[c]);
    }
}

static void make_directory(char *path)
{
    char file[64];
    FILE *conf;

    require(mkdtemp(path) != NULL, "making a directory");
    setenv("DEVID_TOKENS", path, 1);
    setenv("DEVID_CONF", "/dev/null", 1);
    snprintf(file, sizeof file, "%s/softhsm2.conf", path);
    conf = fopen(file, "w");
    require(conf != NULL && fprintf(conf, "directories.tokendir = %s\nlog.level = ERROR\n", path) > 0 &&
                fclose(conf) == 0,
            "writing softhsm2.conf");
    setenv("SOFTHSM2_CONF", file, 1);
}

int main(int argc, char **argv)
{
    static struct contender contenders[3] = {
        {.name = "libcrypto", .work = crypto_work},
        {.name = "devid",     .work = module_work},
        {.name = "SoftHSM2",  .work = module_work},
    };
    char path[] = "/tmp/devid-bench-XXXXXX";
    char command[64];
    const char *module = getenv("DEVID_PKCS11_MODULE");
    const char *peer = getenv("SOFTHSM2_MODULE");
    size_t count = 2;

    make_directory(path);
    crypto_start(&contenders[0]);
    require(module_start(&contenders[1], module != NULL ? module : "devid-pkcs11.so", "DevID file"),
            "loading $DEVID_PKCS11_MODULE");
    count += module_start(&contenders[2], peer != NULL ? peer : SOFTHSM2, "SoftHSM");
    measure(contenders, count, argc > 1 ? strtod(argv[1], NULL) : 0.2, argc > 2 ? atoi(argv[2]) : 5);
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    return system(command) == 0 ? 0 : 1;
}
