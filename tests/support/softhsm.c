/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first, and those of test_spy_add. */
static struct p11_spy *spies[8];
static size_t spy_count;

static const char *library(void)
{
    static const char *const places[] = {"/usr/lib/softhsm/libsofthsm2.so",
                                         "/usr/lib64/pkcs11/libsofthsm2.so",
                                         "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"};

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], R_OK) == 0)
            return places[i];
    }
    abort();
}

static void shell(const char *what, const char *command)
{
    char *output = NULL;

    if (support_shell(&output, "%s", command) != 0) {
        fprintf(stderr, "%s:\n%s\n%s\n", what, command, output);
        abort();
    }
    free(output);
}

static const char script[] =
    "exec 2>&1; set -e; cd '%s'; unset OPENSSL_CONF OPENSSL_MODULES\n"
    "softhsm2-util --init-token --free --label dev --pin 1234 --so-pin 1234\n"
    "tool() { pkcs11-tool --module '%s' --login --pin 1234 --token-label dev \"$@\"; }\n"
    "tool -k --key-type EC:prime256v1 --id 01 --label ec\n"
    "tool -k --key-type rsa:2048 --id 02 --label rsa\n"
    "tool -k --key-type EC:secp384r1 --id 03 --label ec384\n"
    "tool -k --key-type EC:prime256v1 --id 04 --label lone\n"
    "tool -k --key-type EC:prime256v1 --id 05 --label mute\n"
    "tool -k --key-type EC:prime256v1 --id 06 --label twin\n"
    "tool -k --key-type EC:prime256v1 --id 07 --label twin\n"
    "tool -k --key-type EC:prime256v1 --id 08 --label fussy --always-auth\n"
    "tool -k --key-type rsa:2048 --id 09 --label pss --allowed-mechanisms RSA-PKCS-PSS\n"
    "tool -k --key-type rsa:2048 --id 0a --label pss256 --allowed-mechanisms SHA256-RSA-PKCS-PSS\n"
    "tool -k --key-type rsa:2048 --id 0c --label plain --allowed-mechanisms SHA256-RSA-PKCS-PSS\n"
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj "
    "/CN=ca "
    "-days 3650\n"
    "for n in 1:ec 2:rsa 4:lone c:plain; do\n"
    "  tool -r --type pubkey --id 0${n%%:*} -o pub.der\n"
    "  openssl pkey -pubin -inform DER -in pub.der -out pub.pem\n"
    "  openssl x509 -new -subj /CN=${n#*:} -force_pubkey pub.pem -CA ca.crt -CAkey ca.key -days 3650 -out "
    "${n#*:}.crt\n"
    "  openssl x509 -in ${n#*:}.crt -outform DER -out crt.der\n"
    "  tool -w crt.der --type cert --id 0${n%%:*} --label ${n#*:}\n"
    "done\n"
    "tool -b --type pubkey --id 04\n"
    "tool -b --type pubkey --id 05\n";

static CK_RV create_secrets(const CK_FUNCTION_LIST *p11, const char *label, unsigned number)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE;
    CK_BYTE id = 0x0b;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS,     &class,                                                 sizeof class },
        {CKA_KEY_TYPE,  &type,                                                  sizeof type  },
        {CKA_TOKEN,     &yes,                                                   sizeof yes   },
        {CKA_PRIVATE,   &yes,                                                   sizeof yes   },
        {CKA_SENSITIVE, &yes,                                                   sizeof yes   },
        {CKA_SIGN,      &yes,                                                   sizeof yes   },
        {CKA_ID,        &id,                                                    sizeof id    },
        {CKA_LABEL,     (void *)(uintptr_t)label,                               strlen(label)},
        {CKA_VALUE,     (void *)(uintptr_t) "0123456789abcdef0123456789abcdef", 32           },
    };
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_RV rv = p11->C_Initialize(NULL);

    if (rv == CKR_OK)
        rv = p11->C_GetSlotList(CK_TRUE, slots, &count);
    if (rv == CKR_OK)
        rv = p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
    if (rv == CKR_OK)
        rv = p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t) "1234", 4);
    for (unsigned i = 0; rv == CKR_OK && i < number; i++)
        rv = p11->C_CreateObject(session, template, sizeof template / sizeof template[0], &object);
    return rv;
}

/* pkcs11-tool 0.23 writes no such key. In a process of its own, for it must not stay initialised here. */
static void make_secrets(const char *label, unsigned number)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        void *handle = dlopen(library(), RTLD_NOW | RTLD_LOCAL);
        CK_RV (*get_function_list)(CK_FUNCTION_LIST **) = NULL;
        CK_FUNCTION_LIST *p11 = NULL;

        if (handle != NULL)
            *(void **)&get_function_list = dlsym(handle, "C_GetFunctionList");
        _exit(get_function_list == NULL || get_function_list(&p11) != CKR_OK ||
              create_secrets(p11, label, number) != CKR_OK);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        abort();
}

/* The counters of a spy, whose variables end in the suffix. */
static void map_spy(const char *suffix, const char *module)
{
    const char *path = support_path("p11-spy%s", suffix);
    struct p11_spy *spy = MAP_FAILED;
    char variable[64];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, sizeof *spy) != 0)
        abort();
    spy = mmap(NULL, sizeof *spy, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (spy == MAP_FAILED)
        abort();
    spies[spy_count++] = spy;
    snprintf(variable, sizeof variable, "P11_SPY_FILE%s", suffix);
    setenv(variable, path, 1);
    snprintf(variable, sizeof variable, "P11_SPY_MODULE%s", suffix);
    setenv(variable, module, 1);
}

void test_spy_start(const char *module)
{
    if (spy_count == 0)
        map_spy("", module);
    setenv("P11_SPY_MODULE", module, 1);
    setenv("DEVID_PKCS11_MODULE", support_build_path("tests/support/.libs/p11_spy.so"), 1);
    setenv("OPENSSL_MODULES", support_build_path("provider/.libs"), 1);
    setenv("OPENSSL_CONF", "/dev/null", 1);
}

struct p11_spy *test_spy_add(const char *module)
{
    const char *before = getenv("DEVID_PKCS11_MODULE");
    char suffix[8];
    char all[4096];

    snprintf(suffix, sizeof suffix, "_%zu", spy_count + 1);
    map_spy(suffix, module);
    ck_assert_int_eq(support_shell(NULL, "cp %s %s", support_build_path("tests/support/.libs/p11_spy.so"),
                                   support_path("p11_spy%s.so", suffix)),
                     0);
    snprintf(all, sizeof all, "%s:%s", before, support_path("p11_spy%s.so", suffix));
    setenv("DEVID_PKCS11_MODULE", all, 1);
    return spies[spy_count - 1];
}

void test_softhsm_start(void)
{
    char text[6000];
    const char *configuration = support_path("softhsm2.conf");

    if (spy_count > 0)
        return;
    mkdir(support_path("softhsm"), 0700);
    snprintf(text, sizeof text, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
             support_path("softhsm"));
    support_write(configuration, text);
    setenv("SOFTHSM2_CONF", configuration, 1);
    snprintf(text, sizeof text, script, support_directory(), library());
    support_write(support_path("set-up.sh"), text);
    snprintf(text, sizeof text, "bash %s", support_path("set-up.sh"));
    shell("the token cannot be made", text);
    make_secrets("mac", 1);
    test_spy_start(library());
}

void test_softhsm_add_secrets(const char *label, unsigned number)
{
    make_secrets(label, number);
}

struct p11_spy *test_spy(void)
{
    return spies[0];
}

void test_spy_reset(void)
{
    for (size_t i = 0; i < spy_count; i++)
        memset(spies[i], 0, sizeof *spies[i]);
}

const char *test_uri(const char *label)
{
    static char slots[9][128];
    static unsigned next;
    char *slot = slots[next++ % 9];

    snprintf(slot, sizeof slots[0], "pkcs11:token=dev;object=%s;type=private?pin-value=1234", label);
    return slot;
}

const char *test_software_certificate(const char *label)
{
    return support_path("%s.crt", label);
}

static struct {
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *providers[2];
} contexts[8];

OSSL_LIB_CTX *test_context(enum test_order order)
{
    static const char *const names[][2] = {
        [DEFAULT_FIRST] = {"default", "devid"  },
        [DEVID_FIRST] = {"devid",   "default"},
        [DEVID_BY_PROPERTY] = {"default", "devid"  },
    };
    size_t i = 0;

    while (contexts[i].context != NULL)
        i++;
    contexts[i].context = OSSL_LIB_CTX_new();
    for (size_t n = 0; n < 2; n++) {
        contexts[i].providers[n] = OSSL_PROVIDER_load(contexts[i].context, names[order][n]);
        if (contexts[i].providers[n] == NULL)
            ERR_print_errors_fp(stderr);
        ck_assert_ptr_nonnull(contexts[i].providers[n]);
    }
    if (order == DEVID_BY_PROPERTY)
        ck_assert_int_eq(EVP_set_default_properties(contexts[i].context, "?provider=devid"), 1);
    return contexts[i].context;
}

void test_context_free(OSSL_LIB_CTX *context)
{
    size_t i = 0;

    while (contexts[i].context != context)
        i++;
    for (size_t n = 0; n < 2; n++)
        OSSL_PROVIDER_unload(contexts[i].providers[n]);
    OSSL_LIB_CTX_free(context);
    contexts[i].context = NULL;
}

EVP_PKEY *test_load_key(OSSL_LIB_CTX *context, const char *uri)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, context, NULL, NULL, NULL, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    if (store == NULL)
        return NULL;
    OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
    while (key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info == NULL)
            break;
        key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    return key;
}

char *test_errors(void)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *data = NULL;
    char *copy;
    long size;

    ERR_print_errors(text);
    size = BIO_get_mem_data(text, &data);
    copy = strndup(size > 0 ? data : "", (size_t)(size > 0 ? size : 0));
    BIO_free(text);
    return copy;
}

EVP_PKEY *test_public_half(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, EVP_PKEY_get0_type_name(key), NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *copy = NULL;

    if (EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params) != 1 || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &copy, EVP_PKEY_PUBLIC_KEY, params) != 1)
        abort();
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return copy;
}

bool test_key_sign(OSSL_LIB_CTX *context, EVP_PKEY *key, unsigned char *signature, size_t *size)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = EVP_DigestSignInit_ex(md, NULL, "SHA256", context, NULL, key, NULL) == 1 &&
              EVP_DigestSign(md, signature, size, (const unsigned char *)"data", 4) == 1;

    EVP_MD_CTX_free(md);
    return ok;
}

static bool verifies(OSSL_LIB_CTX *context, EVP_PKEY *key, const unsigned char *signature, size_t size)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit_ex(md, NULL, "SHA256", context, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(md, signature, size, (const unsigned char *)"data", 4) == 1;

    EVP_MD_CTX_free(md);
    return ok;
}

bool test_key_signs(OSSL_LIB_CTX *context, EVP_PKEY *key)
{
    unsigned char signature[512];
    size_t size = sizeof signature;
    EVP_PKEY *public;
    bool ok;

    if (!test_key_sign(context, key, signature, &size))
        return false;
    public = test_public_half(key);
    ok = verifies(context, key, signature, size) && verifies(NULL, public, signature, size);
    EVP_PKEY_free(public);
    return ok;
}
