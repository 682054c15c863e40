/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/seal.h"
#include "common/file.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* File tokens with PINs. */

static CK_UTF8CHAR so_pin[] = "the SO's PIN";
static CK_UTF8CHAR pin[] = "1234";
static CK_UTF8CHAR new_pin[] = "another one";
static CK_UTF8CHAR wrong[] = "0000";

#define PIN(text) text, sizeof text - 1

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;

static void up(void)
{
    CK_UTF8CHAR label[32];

    memset(label, ' ', sizeof label);
    memcpy(label, "safe", 4);
    setenv("DEVID_CONF", "/dev/null", 1);
    setenv("DEVID_TOKENS", support_path("tokens"), 1);
    setenv("DEVID_TCTI", "swtpm:host=127.0.0.1,port=1", 1); /* nobody listens there */
    ck_assert_int_eq(support_shell(NULL, "rm -rf '%s'", support_path("tokens")), 0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_InitToken(filetoken_empty_slot(), PIN(so_pin), label), CKR_OK);
    slot = filetoken_slot("safe");
    session = filetoken_session("safe");
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, PIN(pin)), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
}

static void down(void)
{
    C_Finalize(NULL);
}

/* What another process would see. */
static void again(void)
{
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("safe");
}

static CK_FLAGS flags(void)
{
    CK_TOKEN_INFO info;

    ck_assert_rv(C_GetTokenInfo(slot, &info), CKR_OK);
    return info.flags;
}

static CK_RV login(void)
{
    return C_Login(session, CKU_USER, PIN(pin));
}

static void generate(const char *kind, CK_OBJECT_HANDLE *private)
{
    CK_OBJECT_HANDLE public;

    ck_assert_rv(filetoken_generate(session, kind, true, NULL, 0, &public, private), CKR_OK);
}

static CK_OBJECT_HANDLE find_private(const char *label)
{
    return filetoken_find(session, CKO_PRIVATE_KEY, label);
}

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s", support_path("tokens/safe"));
    snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", name);
    return path;
}

static char *content(const char *name)
{
    struct bytes text;
    char *copy;

    ck_assert_int_eq(file_read(AT_FDCWD, path_of(name), 1 << 20, &text), 0);
    copy = strndup((const char *)text.data, text.size);
    bytes_free(&text);
    return copy;
}

/* --- logging in
 * ---------------------------------------------------------------------------------------------- */

START_TEST(a_token_with_a_pin_says_so)
{
    ck_assert_uint_eq(flags() & (CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_USER_PIN_COUNT_LOW),
                      CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(wrong)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(pin)), CKR_PIN_INCORRECT);
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(login(), CKR_USER_ALREADY_LOGGED_IN);
}
END_TEST

START_TEST(a_new_token_has_no_user_pin)
{
    CK_UTF8CHAR label[32];
    CK_SESSION_HANDLE fresh;

    memset(label, ' ', sizeof label);
    memcpy(label, "fresh", 5);
    ck_assert_rv(C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){0}), CKR_OK);
    ck_assert_rv(C_InitToken(filetoken_empty_slot(), so_pin, 3, label), CKR_PIN_LEN_RANGE);
    ck_assert_rv(C_InitToken(filetoken_empty_slot(), PIN(so_pin), label), CKR_OK);
    fresh = filetoken_session("fresh");
    ck_assert_rv(C_Login(fresh, CKU_USER, PIN(pin)), CKR_USER_PIN_NOT_INITIALIZED);
    ck_assert_rv(C_SetPIN(fresh, PIN(pin), PIN(new_pin)), CKR_USER_PIN_NOT_INITIALIZED);
    ck_assert_rv(C_InitPIN(fresh, PIN(pin)), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

/* Every process sees that somebody guessed, until the user is there. */
START_TEST(a_wrong_pin_is_told_until_a_right_one)
{
    ck_assert_rv(C_Login(session, CKU_USER, PIN(wrong)), CKR_PIN_INCORRECT);
    ck_assert_uint_ne(flags() & CKF_USER_PIN_COUNT_LOW, 0);
    ck_assert_uint_eq(flags() & (CKF_SO_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED), 0);
    again();
    ck_assert_uint_ne(flags() & CKF_USER_PIN_COUNT_LOW, 0);
    for (int i = 0; i < 12; i++)
        ck_assert_rv(C_Login(session, CKU_USER, PIN(wrong)), CKR_PIN_INCORRECT); /* never locked */
    ck_assert_rv(login(), CKR_OK);
    ck_assert_uint_eq(flags() & CKF_USER_PIN_COUNT_LOW, 0);
}
END_TEST

START_TEST(a_broken_pin_file_is_no_wrong_pin)
{
    support_write(path_of("pin.pem"), "nothing of use\n");
    ck_assert_rv(login(), CKR_DEVICE_ERROR);
    unlink(path_of("pin.pem"));
    ck_assert_rv(login(), CKR_DEVICE_ERROR);
}
END_TEST

/* --- keys
 * ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *kind;
    CK_MECHANISM_TYPE mechanism;
} kinds[] = {
    {"RSA-2048", CKM_RSA_PKCS},
    {"P-256",    CKM_ECDSA   },
    {"P-521",    CKM_ECDSA   },
    {"ED25519",  CKM_EDDSA   },
};

static CK_RV sign(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = {type, NULL, 0};
    uint8_t signature[512];
    CK_ULONG size = sizeof signature;

    return filetoken_sign(session, &mechanism, key, "thirty-two bytes to be signed...", 32, signature, &size);
}

START_TEST(keys_are_encrypted_and_work_after_login)
{
    char file[64];
    CK_OBJECT_HANDLE key;
    char *text;

    ck_assert_rv(login(), CKR_OK);
    generate(kinds[_i].kind, &key);
    ck_assert_rv(sign(kinds[_i].mechanism, key), CKR_OK);
    snprintf(file, sizeof file, "%s.pem", kinds[_i].kind);
    for (char *c = file; *c != '\0'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    text = content(file);
    ck_assert_ptr_nonnull(strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    ck_assert_ptr_null(strstr(text, "-----BEGIN PRIVATE KEY-----"));
    free(text);
    again();
    ck_assert_uint_eq(find_private(kinds[_i].kind), 0);
    ck_assert_uint_ne(filetoken_find(session, CKO_PUBLIC_KEY, kinds[_i].kind), 0);
    ck_assert_rv(login(), CKR_OK);
    key = find_private(kinds[_i].kind);
    ck_assert_rv(sign(kinds[_i].mechanism, key), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(sign(kinds[_i].mechanism, key), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(sign(kinds[_i].mechanism, key), CKR_OK);
}
END_TEST

/* Of a secret key nothing shows before the login. */
START_TEST(secret_keys_are_encrypted_too)
{
    char label[] = "aes";
    CK_ULONG size = 32;
    CK_ATTRIBUTE items[] = {
        {CKA_TOKEN,       &test_yes, 1               },
        {CKA_LABEL,       label,     sizeof label - 1},
        {CKA_VALUE_LEN,   &size,     sizeof size     },
        {CKA_SENSITIVE,   &test_no,  1               },
        {CKA_EXTRACTABLE, &test_yes, 1               },
    };
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_OBJECT_HANDLE key;
    CK_BYTE value[32];
    CK_ULONG length = sizeof value;
    char hex[65];
    char *text;

    ck_assert_rv(C_GenerateKey(session, &mechanism, items, 5, &key), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(C_GenerateKey(session, &mechanism, items, 5, &key), CKR_OK);
    ck_assert_rv(filetoken_attribute(session, key, CKA_VALUE, value, &length), CKR_OK);
    text = content("aes.pem");
    ck_assert_ptr_nonnull(strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    bytes_to_hex(value, sizeof value, hex);
    ck_assert_ptr_null(strstr(text, hex));
    free(text);
    for (int i = 0; i < 2; i++) {
        again();
        ck_assert_uint_eq(filetoken_find(session, CKO_SECRET_KEY, "aes"), 0);
        ck_assert_rv(login(), CKR_OK);
        key = filetoken_find(session, CKO_SECRET_KEY, "aes");
        ck_assert(test_attribute_is(session, key, CKA_VALUE, value, sizeof value));
        ck_assert_rv(C_Logout(session), CKR_OK);
        ck_assert_uint_eq(filetoken_find(session, CKO_SECRET_KEY, "aes"), 0);
        ck_assert_rv(login(), CKR_OK);
        key = filetoken_find(session, CKO_SECRET_KEY, "aes");
        ck_assert(test_attribute_is(session, key, CKA_VALUE, value, sizeof value));
    }
}
END_TEST

START_TEST(a_signature_that_was_begun_ends_with_the_login)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE key;
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    ck_assert_rv(login(), CKR_OK);
    generate("P-256", &key);
    ck_assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Sign(session, signature, 32, signature, &size), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

START_TEST(keys_for_everybody_are_in_the_clear)
{
    CK_ATTRIBUTE open = {CKA_PRIVATE, &test_no, 1};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    char *text;

    ck_assert_rv(filetoken_generate(session, "P-256", true, &open, 1, &public, &private), CKR_OK);
    text = content("p-256.pem");
    ck_assert_ptr_nonnull(strstr(text, "-----BEGIN PRIVATE KEY-----"));
    free(text);
    again();
    ck_assert_rv(sign(CKM_ECDSA, find_private("P-256")), CKR_OK);
}
END_TEST

/* A file of somebody's that is copied in works as on any token; that it is not encrypted is in the log. */
START_TEST(a_key_in_the_clear_shows_after_login)
{
    ck_assert_int_eq(support_shell(NULL,
                                   "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out %s",
                                   path_of("guest.pem")),
                     0);
    ck_assert_uint_eq(find_private("guest"), 0);
    ck_assert_uint_ne(filetoken_find(session, CKO_PUBLIC_KEY, "guest"), 0);
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(sign(CKM_ECDSA, find_private("guest")), CKR_OK);
}
END_TEST

/* The token's passphrase, worked out from docs/store-format.md with nothing of the module's. */
static void passphrase(const char *user_pin, char hex[65])
{
    char *text = content("pin.pem");
    const char *user = strstr(text, "User: user\n");
    const char *block = user != NULL ? strstr(user, "-----BEGIN") : NULL;
    struct bytes salt;
    char digits[65] = "";
    unsigned n;
    unsigned r;
    unsigned p;
    unsigned char key[32];
    unsigned char secret[64];
    unsigned char *box = NULL;
    char *name = NULL;
    char *header = NULL;
    long size = 0;
    int length;
    BIO *bio;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    ck_assert_ptr_nonnull(block);
    ck_assert_int_eq(sscanf(user,
                            "User: user\nKDF: scrypt\nCost: %u\nBlock-Size: %u\nParallel: %u\nSalt: %64s", &n,
                            &r, &p, digits),
                     4);
    ck_assert(bytes_from_hex(digits, strlen(digits), &salt));
    ck_assert_int_eq(
        EVP_PBE_scrypt(user_pin, strlen(user_pin), salt.data, salt.size, n, r, p, 1UL << 30, key, 32), 1);
    bio = BIO_new_mem_buf(block, -1);
    ck_assert_int_eq(PEM_read_bio(bio, &name, &header, &box, &size), 1);
    ck_assert_str_eq(name, "DEVID SEALED SECRET");
    ck_assert_int_eq(size, 12 + 32 + 16);
    ck_assert_int_eq(EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, box), 1);
    ck_assert_int_eq(
        EVP_DecryptUpdate(context, NULL, &length, (const unsigned char *)user, (int)(block - user)), 1);
    ck_assert_int_eq(EVP_DecryptUpdate(context, secret, &length, box + 12, 32), 1);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, box + 44);
    ck_assert_int_eq(EVP_DecryptFinal_ex(context, secret + 32, &length), 1);
    bytes_to_hex(secret, 32, hex);
    EVP_CIPHER_CTX_free(context);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(box);
    BIO_free(bio);
    bytes_free(&salt);
    free(text);
}

START_TEST(openssl_opens_the_file_with_the_tokens_passphrase)
{
    CK_OBJECT_HANDLE key;
    char hex[65];

    ck_assert_rv(login(), CKR_OK);
    generate("P-256", &key);
    passphrase("1234", hex);
    ck_assert_int_eq(support_shell(NULL, "openssl pkcs8 -in %s -passin pass:%s -out %s", path_of("p-256.pem"),
                                   hex, support_path("plain.pem")),
                     0);
    ck_assert_int_ne(support_shell(NULL, "openssl pkcs8 -in %s -passin pass:1234 2>&1", path_of("p-256.pem")),
                     0);
    ck_assert_int_eq(support_shell(NULL, "openssl pkey -in %s -pubout -out %s", support_path("plain.pem"),
                                   support_path("pub.pem")),
                     0);
    /* and a file that openssl encrypted under it is a key here, seen after the login */
    ck_assert_int_eq(
        support_shell(NULL,
                      "openssl genpkey -algorithm ED25519 | openssl pkcs8 -topk8 -passout pass:%s -out %s",
                      hex, path_of("theirs.pem")),
        0);
    again();
    ck_assert_uint_eq(filetoken_find(session, CKO_PUBLIC_KEY, "theirs"), 0);
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(sign(CKM_EDDSA, find_private("theirs")), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_uint_eq(find_private("theirs"), 0);
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(sign(CKM_EDDSA, find_private("theirs")), CKR_OK);
}
END_TEST

START_TEST(a_file_under_another_passphrase_is_no_key)
{
    ck_assert_int_eq(
        support_shell(NULL,
                      "openssl genpkey -algorithm ED25519 | openssl pkcs8 -topk8 -passout pass:x -out %s",
                      path_of("other.pem")),
        0);
    ck_assert_int_eq(
        support_shell(NULL,
                      "openssl genpkey -algorithm ED25519 | openssl pkcs8 -topk8 -scrypt -passout pass:x "
                      "-out %s",
                      path_of("scrypt.pem")),
        0);
    ck_assert_rv(login(), CKR_OK);
    ck_assert_uint_eq(find_private("other"), 0);
    ck_assert_uint_eq(find_private("scrypt"), 0);
}
END_TEST

/* The block of one key under the public half of another. */
START_TEST(a_pair_that_is_none_signs_nothing)
{
    CK_OBJECT_HANDLE key;

    ck_assert_rv(login(), CKR_OK);
    generate("P-256", &key);
    generate("P-256", &key);
    ck_assert_int_eq(
        support_shell(NULL,
                      "cd %s && (sed /BEGIN/,\\$d p-256.pem; sed -n /BEGIN/,\\$p p-256-2.pem) >n && "
                      "sed -i s/P-256/mixed/ n && mv n mixed.pem",
                      support_path("tokens/safe")),
        0);
    ck_assert_rv(sign(CKM_ECDSA, find_private("mixed")), CKR_DEVICE_ERROR);
}
END_TEST

/* --- data
 * ---------------------------------------------------------------------------------------------------- */

static CK_OBJECT_HANDLE find_data(void)
{
    return filetoken_find(session, CKO_DATA, "note");
}

START_TEST(private_data_is_encrypted_and_goes_with_the_login)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    char label[] = "note";
    char value[] = "attack at dawn";
    char changed[] = "attack at noon";
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,   &class,    sizeof class    },
        {CKA_TOKEN,   &test_yes, 1               },
        {CKA_PRIVATE, &test_yes, 1               },
        {CKA_LABEL,   label,     sizeof label - 1},
        {CKA_VALUE,   value,     sizeof value - 1},
    };
    CK_ATTRIBUTE change = {CKA_VALUE, changed, sizeof changed - 1};
    CK_OBJECT_HANDLE data;
    char *text;

    ck_assert_rv(C_CreateObject(session, items, 5, &data), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(C_CreateObject(session, items, 5, &data), CKR_OK);
    text = content("note.data.pem");
    ck_assert_ptr_nonnull(strstr(text, "-----BEGIN ENCRYPTED DEVID DATA-----"));
    free(text);
    for (int i = 0; i < 2; i++) { /* in this process, and in another */
        ck_assert(test_attribute_is(session, find_data(), CKA_VALUE, value, sizeof value - 1));
        ck_assert_rv(C_Logout(session), CKR_OK);
        ck_assert_uint_eq(find_data(), 0);
        ck_assert_rv(login(), CKR_OK);
        ck_assert(test_attribute_is(session, find_data(), CKA_VALUE, value, sizeof value - 1));
        again();
        ck_assert_uint_eq(find_data(), 0);
        ck_assert_rv(login(), CKR_OK);
    }
    ck_assert_rv(C_SetAttributeValue(session, find_data(), &change, 1), CKR_OK);
    again();
    ck_assert_rv(login(), CKR_OK);
    ck_assert(test_attribute_is(session, find_data(), CKA_VALUE, changed, sizeof changed - 1));
    ck_assert_int_ne(support_shell(NULL, "grep -rq 'attack' %s", support_path("tokens/safe")), 0);
}
END_TEST

/* --- changing PINs
 * ------------------------------------------------------------------------------------------- */

START_TEST(pins_change_and_keys_stay)
{
    CK_OBJECT_HANDLE key;
    struct stat before;
    struct stat after;

    ck_assert_rv(login(), CKR_OK);
    generate("P-256", &key);
    ck_assert_int_eq(stat(path_of("p-256.pem"), &before), 0);
    ck_assert_rv(C_SetPIN(session, PIN(wrong), PIN(new_pin)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_SetPIN(session, NULL, 0, PIN(new_pin)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_SetPIN(session, PIN(pin), new_pin, 3), CKR_PIN_LEN_RANGE);
    ck_assert_rv(C_SetPIN(session, PIN(pin), PIN(new_pin)), CKR_OK);
    again();
    ck_assert_rv(login(), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(new_pin)), CKR_OK);
    ck_assert_rv(sign(CKM_ECDSA, find_private("P-256")), CKR_OK);
    ck_assert_int_eq(stat(path_of("p-256.pem"), &after), 0);
    ck_assert(before.st_ino == after.st_ino && before.st_mtime == after.st_mtime);
    ck_assert_int_eq(stat(path_of("pin.pem"), &after), 0);
    ck_assert_uint_eq(after.st_mode & 0777, 0600);
}
END_TEST

START_TEST(the_so_gives_the_user_a_new_pin)
{
    CK_OBJECT_HANDLE key;

    ck_assert_rv(login(), CKR_OK);
    generate("P-256", &key);
    ck_assert_rv(C_InitPIN(session, PIN(new_pin)), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_uint_eq(find_private("P-256"), 0);
    ck_assert_rv(C_InitPIN(session, PIN(new_pin)), CKR_OK);
    ck_assert_rv(C_SetPIN(session, PIN(so_pin), PIN(wrong)), CKR_OK); /* the SO's own */
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(login(), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(new_pin)), CKR_OK);
    ck_assert_rv(sign(CKM_ECDSA, find_private("P-256")), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(wrong)), CKR_OK);
}
END_TEST

static void set_cost(const char *cost)
{
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "sed -i '/pin-cost/d' '%s' && echo 'pin-cost = %s' >> '%s'",
                                   path_of("token.conf"), cost, path_of("token.conf")),
                     0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
}

static unsigned count_of(const char *line)
{
    char *count;
    unsigned number;

    support_shell(&count, "grep -c '^%s$' '%s'", line, path_of("pin.pem"));
    number = (unsigned)strtoul(count, NULL, 10);
    free(count);
    return number;
}

START_TEST(the_cost_counts_for_pins_that_are_set_from_now_on)
{
    ck_assert_uint_eq(count_of("Cost: 32768"), 2);
    set_cost("2048");
    session = filetoken_session("safe");
    ck_assert_rv(login(), CKR_OK); /* at the cost that it was set with */
    ck_assert_rv(C_SetPIN(session, PIN(pin), PIN(new_pin)), CKR_OK);
    ck_assert_uint_eq(count_of("Cost: 32768"), 1); /* the SO's */
    ck_assert_uint_eq(count_of("Cost: 2048"), 1);
    again();
    ck_assert_rv(C_Login(session, CKU_USER, PIN(new_pin)), CKR_OK);
}
END_TEST

START_TEST(a_cost_is_a_power_of_two)
{
    static const struct {
        const char *text;
        CK_RV rv;
        unsigned cost;
    } rows[] = {
        {NULL,     CKR_OK,                   32768 },
        {"1024",   CKR_OK,                   1024  },
        {"262144", CKR_OK,                   262144},
        {"512",    CKR_TOKEN_NOT_RECOGNIZED, 0     },
        {"524288", CKR_TOKEN_NOT_RECOGNIZED, 0     },
        {"3000",   CKR_TOKEN_NOT_RECOGNIZED, 0     },
        {"",       CKR_TOKEN_NOT_RECOGNIZED, 0     },
        {"cheap",  CKR_TOKEN_NOT_RECOGNIZED, 0     },
        {"-1024",  CKR_TOKEN_NOT_RECOGNIZED, 0     },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_conf conf = {0};
        unsigned cost = 0;

        if (rows[i].text != NULL)
            ck_assert_rv(token_conf_set(&conf, "pin-cost", rows[i].text), CKR_OK);
        ck_assert_rv(file_pin_cost(&conf, "token", &cost), rows[i].rv);
        ck_assert_uint_eq(cost, rows[i].cost);
        token_conf_free(&conf);
    }
}
END_TEST

/* A user's block cannot be passed off as the SO's. */
START_TEST(seals_belong_to_their_user)
{
    ck_assert_int_eq(
        support_shell(NULL, "sed -i -e 's/User: user/User: x/;s/User: so/User: user/;s/User: x/User: so/' %s",
                      path_of("pin.pem")),
        0);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(pin)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(so_pin)), CKR_PIN_INCORRECT);
}
END_TEST

START_TEST(each_use_can_ask_for_the_pin)
{
    CK_ATTRIBUTE asks = {CKA_ALWAYS_AUTHENTICATE, &test_yes, 1};
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE key;
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(filetoken_generate(session, "P-256", true, &asks, 1, &public, &key), CKR_OK);
    again();
    ck_assert_rv(login(), CKR_OK);
    key = find_private("P-256");
    ck_assert_rv(sign(CKM_ECDSA, key), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(wrong)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OK);
    ck_assert_rv(C_Sign(session, signature, 32, signature, &size), CKR_OK);
    ck_assert_rv(sign(CKM_ECDSA, key), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("seal");
    TCase *t = tcase_create("seal");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, a_token_with_a_pin_says_so);
    tcase_add_test(t, a_new_token_has_no_user_pin);
    tcase_add_test(t, a_wrong_pin_is_told_until_a_right_one);
    tcase_add_test(t, a_broken_pin_file_is_no_wrong_pin);
    tcase_add_loop_test(t, keys_are_encrypted_and_work_after_login, 0, sizeof kinds / sizeof kinds[0]);
    tcase_add_test(t, secret_keys_are_encrypted_too);
    tcase_add_test(t, a_signature_that_was_begun_ends_with_the_login);
    tcase_add_test(t, keys_for_everybody_are_in_the_clear);
    tcase_add_test(t, a_key_in_the_clear_shows_after_login);
    tcase_add_test(t, openssl_opens_the_file_with_the_tokens_passphrase);
    tcase_add_test(t, a_file_under_another_passphrase_is_no_key);
    tcase_add_test(t, a_pair_that_is_none_signs_nothing);
    tcase_add_test(t, private_data_is_encrypted_and_goes_with_the_login);
    tcase_add_test(t, pins_change_and_keys_stay);
    tcase_add_test(t, the_so_gives_the_user_a_new_pin);
    tcase_add_test(t, the_cost_counts_for_pins_that_are_set_from_now_on);
    tcase_add_test(t, a_cost_is_a_power_of_two);
    tcase_add_test(t, seals_belong_to_their_user);
    tcase_add_test(t, each_use_can_ask_for_the_pin);
    suite_add_tcase(s, t);
    return s;
}
