/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight threads, two tokens, everything at once, each result checked. A token in files does most of the work,
 * one in a TPM a tenth of it. 100 rounds a thread here; `make check-long` does 1000, and so does a build for
 * ThreadSanitizer (tests/tsan.sh).
 */
#include "tests/support/filetoken.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define ROUNDS 100
#define TPM_EVERY 10
#define REOPEN_EVERY 50

static CK_SLOT_ID slots[2]; /* in files, in the TPM */

struct worker {
    unsigned number;
    unsigned rounds;
    unsigned round;
    CK_SESSION_HANDLE session;
    const char *failure; /* NULL: none. Check's asserts are for the main thread only. */
    CK_RV rv;
};

static bool failed(struct worker *worker, const char *what, CK_RV rv)
{
    if (rv != CKR_OK && worker->failure == NULL) {
        worker->failure = what;
        worker->rv = rv;
    }
    return rv != CKR_OK;
}

static CK_ULONG find(struct worker *worker, CK_OBJECT_CLASS object_class, const char *label,
                     CK_OBJECT_HANDLE *found)
{
    char text[32];
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class, sizeof object_class},
        {CKA_LABEL, text,          strlen(label)      },
    };
    CK_OBJECT_HANDLE handles[2] = {0};
    CK_ULONG count = 0;

    snprintf(text, sizeof text, "%s", label);
    if (failed(worker, "C_FindObjectsInit", C_FindObjectsInit(worker->session, items, 2)))
        return 0;
    failed(worker, "C_FindObjects", C_FindObjects(worker->session, handles, 2, &count));
    failed(worker, "C_FindObjectsFinal", C_FindObjectsFinal(worker->session));
    *found = handles[0];
    return count;
}

static CK_OBJECT_HANDLE find_one(struct worker *worker, CK_OBJECT_CLASS object_class, const char *label)
{
    CK_OBJECT_HANDLE found = 0;
    CK_ULONG count = find(worker, object_class, label, &found);

    if (count != 1)
        failed(worker, "finding one object", CKR_OBJECT_HANDLE_INVALID);
    return found;
}

/* --- what a thread does in one round
 * --------------------------------------------------------------------------- */

static void sign_with(struct worker *worker, CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE public)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {(CK_BYTE)worker->number, (CK_BYTE)worker->round, (CK_BYTE)(worker->round >> 8)};
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    failed(worker, "C_SignInit", C_SignInit(worker->session, &mechanism, private));
    failed(worker, "C_Sign", C_Sign(worker->session, digest, sizeof digest, signature, &size));
    failed(worker, "C_VerifyInit", C_VerifyInit(worker->session, &mechanism, public));
    failed(worker, "C_Verify", C_Verify(worker->session, digest, sizeof digest, signature, size));
    digest[31] ^= 1;
    failed(worker, "C_VerifyInit", C_VerifyInit(worker->session, &mechanism, public));
    if (C_Verify(worker->session, digest, sizeof digest, signature, size) != CKR_SIGNATURE_INVALID)
        failed(worker, "another digest verifies", CKR_SIGNATURE_INVALID);
}

static void sign(struct worker *worker)
{
    sign_with(worker, find_one(worker, CKO_PRIVATE_KEY, "ec"), find_one(worker, CKO_PUBLIC_KEY, "ec"));
}

static void digest(struct worker *worker)
{
    static const CK_BYTE empty[4] = {0xe3, 0xb0, 0xc4, 0x42}; /* SHA-256 of nothing */
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    CK_BYTE out[32];
    CK_ULONG size = sizeof out;

    failed(worker, "C_DigestInit", C_DigestInit(worker->session, &mechanism));
    failed(worker, "C_Digest", C_Digest(worker->session, NULL, 0, out, &size));
    if (memcmp(out, empty, sizeof empty) != 0)
        failed(worker, "a digest", CKR_FUNCTION_FAILED);
}

static void create(struct worker *worker)
{
    CK_OBJECT_CLASS object_class = CKO_DATA;
    CK_BBOOL token = worker->round % 3 == 0;
    char label[32];
    char value[32];
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class, sizeof object_class},
        {CKA_TOKEN, &token,        sizeof token       },
        {CKA_LABEL, label,         0                  },
        {CKA_VALUE, label,         0                  },
    };
    CK_ATTRIBUTE item = {CKA_VALUE, value, sizeof value};
    CK_OBJECT_HANDLE object;

    items[2].ulValueLen = items[3].ulValueLen =
        (CK_ULONG)snprintf(label, sizeof label, "thread %u round %u", worker->number, worker->round);
    if (failed(worker, "C_CreateObject", C_CreateObject(worker->session, items, 4, &object)))
        return;
    if (find_one(worker, CKO_DATA, label) != object)
        failed(worker, "finding what was created", CKR_OBJECT_HANDLE_INVALID);
    failed(worker, "C_GetAttributeValue", C_GetAttributeValue(worker->session, object, &item, 1));
    if (item.ulValueLen != items[3].ulValueLen || memcmp(value, label, item.ulValueLen) != 0)
        failed(worker, "the value of what was created", CKR_ATTRIBUTE_VALUE_INVALID);
    failed(worker, "C_DestroyObject", C_DestroyObject(worker->session, object));
    if (find(worker, CKO_DATA, label, &object) != 0)
        failed(worker, "what was destroyed is there", CKR_OBJECT_HANDLE_INVALID);
}

static void generate(struct worker *worker)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    if (failed(worker, "C_GenerateKeyPair",
               test_generate_ec(worker->session, "P-256", "fresh", false, &public, &private)))
        return;
    sign_with(worker, private, public);
    failed(worker, "C_DestroyObject", C_DestroyObject(worker->session, private));
    failed(worker, "C_DestroyObject", C_DestroyObject(worker->session, public));
}

static void decrypt(struct worker *worker)
{
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    CK_BYTE plain[16] = {(CK_BYTE)worker->number, (CK_BYTE)worker->round};
    CK_BYTE cipher[256];
    CK_BYTE back[256];
    CK_ULONG size = sizeof cipher;
    CK_ULONG back_size = sizeof back;

    failed(worker, "C_EncryptInit",
           C_EncryptInit(worker->session, &mechanism, find_one(worker, CKO_PUBLIC_KEY, "rsa")));
    failed(worker, "C_Encrypt", C_Encrypt(worker->session, plain, sizeof plain, cipher, &size));
    failed(worker, "C_DecryptInit",
           C_DecryptInit(worker->session, &mechanism, find_one(worker, CKO_PRIVATE_KEY, "rsa")));
    failed(worker, "C_Decrypt", C_Decrypt(worker->session, cipher, size, back, &back_size));
    if (back_size != sizeof plain || memcmp(back, plain, sizeof plain) != 0)
        failed(worker, "what was decrypted", CKR_ENCRYPTED_DATA_INVALID);
}

static void read_attributes(struct worker *worker)
{
    CK_BYTE point[128];
    CK_ATTRIBUTE items[] = {
        {CKA_EC_POINT, point, sizeof point},
        {CKA_VALUE,    point, sizeof point},
    };

    failed(worker, "reading a point",
           C_GetAttributeValue(worker->session, find_one(worker, CKO_PUBLIC_KEY, "ec"), items, 1));
    if (C_GetAttributeValue(worker->session, find_one(worker, CKO_PRIVATE_KEY, "ec"), items + 1, 1) !=
        CKR_ATTRIBUTE_SENSITIVE)
        failed(worker, "a private value was revealed", CKR_ATTRIBUTE_SENSITIVE);
}

/* RSA and new keys take long, the more so under sanitizers. */
static void (*const steps[])(struct worker *worker) = {
    sign, digest, create, read_attributes, sign, create, generate, digest, decrypt, read_attributes,
};

static void open_session(struct worker *worker, CK_SLOT_ID slot)
{
    if (worker->session != 0)
        failed(worker, "C_CloseSession", C_CloseSession(worker->session));
    worker->session = 0;
    failed(worker, "C_OpenSession",
           C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &worker->session));
}

static void *work(void *argument)
{
    struct worker *worker = argument;

    for (worker->round = 0; worker->failure == NULL && worker->round < worker->rounds; worker->round++) {
        bool tpm = worker->round % TPM_EVERY == worker->number;

        if (tpm || worker->round % REOPEN_EVERY == 0)
            open_session(worker, slots[tpm]);
        steps[(worker->round + worker->number) % (sizeof steps / sizeof steps[0])](worker);
        if (tpm)
            open_session(worker, slots[0]);
    }
    return NULL;
}

START_TEST(eight_threads_do_everything_with_two_tokens)
{
    unsigned rounds = getenv("DEVID_TEST_LONG") != NULL ? 1000 : ROUNDS;
    struct worker workers[THREADS] = {0};
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.number = i, .rounds = rounds};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(workers[i].failure == NULL, "thread %u, round %u: %s: 0x%lx", i, workers[i].round,
                      workers[i].failure, workers[i].rv);
        ck_assert_uint_eq(workers[i].round, rounds);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct worker last = {.rounds = 1};

        open_session(&last, slots[i]);
        ck_assert_uint_eq(test_count(last.session, NULL, 0), 4); /* two pairs, as in the beginning */
    }
}
END_TEST

static void make_keys(CK_SLOT_ID slot)
{
    CK_ATTRIBUTE encrypt = {CKA_ENCRYPT, &test_yes, sizeof test_yes};
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    ck_assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    ck_assert_rv(test_generate_rsa(session, 2048, "rsa", true, true, &public, &private), CKR_OK);
    ck_assert_rv(C_SetAttributeValue(session, public, &encrypt, 1), CKR_OK);
}

static void up(void)
{
    test_module_environment();
    test_tpm_start();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    slots[0] = filetoken_init("DevID file slot", "disk");
    slots[1] = filetoken_init("DevID TPM slot", "device");
    make_keys(slots[0]);
    make_keys(slots[1]);
}

Suite *suite(void)
{
    Suite *s = suite_create("threads");
    TCase *t = tcase_create("threads");

    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_add_test(t, eight_threads_do_everything_with_two_tokens);
    suite_add_tcase(s, t);
    return s;
}
