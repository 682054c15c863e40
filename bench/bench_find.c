/* SPDX-License-Identifier: Apache-2.0 */
/* How long the module takes to find one object among many: from nothing, and once the token is loaded. */
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OBJECTS 1000
#define ROUNDS 20000

static CK_FUNCTION_LIST *p11;
static char directory[] = "/tmp/devid-bench-XXXXXX";

static void check(const char *what, CK_RV rv)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        exit(EXIT_FAILURE);
    }
}

/* Of the processor: other work on the machine does not count. */
static double microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static FILE *create(const char *name)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/device/%s", directory, name);
    file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return file;
}

/* One key in many files, each with an id and a label of its own. */
static void make_token(void)
{
    char path[256];
    FILE *conf;

    if (mkdtemp(directory) == NULL)
        exit(EXIT_FAILURE);
    snprintf(path, sizeof path, "%s/device", directory);
    mkdir(path, 0700);
    conf = create("token.conf");
    fprintf(conf, "format = 1\nlabel = device\nserial = 0011223344556677\nslot = 0\nbackend = tpm\n");
    fclose(conf);
    for (int i = 0; i < OBJECTS; i++) {
        char name[64];
        FILE *file;

        snprintf(name, sizeof name, "object-%d.pub.pem", i);
        file = create(name);
        fprintf(file,
                "Label: object %d\nID: %04x\n-----BEGIN PUBLIC KEY-----\n"
                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
                "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n",
                i, (unsigned)i);
        fclose(file);
    }
    setenv("DEVID_TOKENS", directory, 1);
    setenv("DEVID_CONF", "/dev/null", 1);
}

static void remove_token(void)
{
    char command[300];

    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", directory);
}

static void load(const char *module)
{
    void *library = dlopen(module, RTLD_NOW);
    CK_C_GetFunctionList get_function_list = NULL;

    if (library != NULL)
        *(void **)&get_function_list = dlsym(library, "C_GetFunctionList");
    if (get_function_list == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    check("C_GetFunctionList", get_function_list(&p11));
}

static CK_ULONG find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *item)
{
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;

    check("C_FindObjectsInit", p11->C_FindObjectsInit(session, item, 1));
    check("C_FindObjects", p11->C_FindObjects(session, found, 2, &count));
    check("C_FindObjectsFinal", p11->C_FindObjectsFinal(session));
    return count;
}

static void measure(CK_SESSION_HANDLE session, const char *name, CK_ATTRIBUTE_TYPE type)
{
    double start = microseconds();

    for (int i = 0; i < ROUNDS; i++) {
        CK_BYTE id[2] = {(CK_BYTE)(i % OBJECTS >> 8), (CK_BYTE)(i % OBJECTS)};
        char label[32];
        CK_ATTRIBUTE item = {type, id, sizeof id};

        if (type == CKA_LABEL)
            item = (CK_ATTRIBUTE){type, label,
                                  (CK_ULONG)snprintf(label, sizeof label, "object %d", i % OBJECTS)};
        if (find(session, &item) != 1) {
            fprintf(stderr, "object %d is not found by %s\n", i % OBJECTS, name);
            exit(EXIT_FAILURE);
        }
    }
    printf("one of %d by %s: %.2f us of processor\n", OBJECTS, name, (microseconds() - start) / ROUNDS);
}

int main(int argc, char **argv)
{
    const char *module = argc > 1 ? argv[1] : getenv("DEVID_PKCS11_MODULE");
    CK_BYTE first[2] = {0, 0};
    CK_ATTRIBUTE item = {CKA_ID, first, sizeof first};
    CK_SESSION_HANDLE session;
    double start;

    if (module == NULL) {
        fprintf(stderr, "%s: DEVID_PKCS11_MODULE names no module\n", argv[0]);
        return EXIT_FAILURE;
    }
    make_token();
    atexit(remove_token);
    start = microseconds();
    load(module);
    check("C_Initialize", p11->C_Initialize(NULL));
    check("C_OpenSession", p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session));
    find(session, &item);
    printf("from C_Initialize to the first of %d: %.2f ms of processor\n", OBJECTS,
           (microseconds() - start) / 1e3);
    measure(session, "CKA_ID", CKA_ID);
    measure(session, "CKA_LABEL", CKA_LABEL);
    check("C_Finalize", p11->C_Finalize(NULL));
    return EXIT_SUCCESS;
}
