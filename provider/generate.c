/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/generate.h"
#include "provider/attempt.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/tokens.h"
#include "provider/tss2.h"

#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#ifndef CKM_EC_EDWARDS_KEY_PAIR_GEN
#define CKM_EC_EDWARDS_KEY_PAIR_GEN 0x1055UL
#endif
#ifndef CKM_EC_MONTGOMERY_KEY_PAIR_GEN
#define CKM_EC_MONTGOMERY_KEY_PAIR_GEN 0x1056UL
#endif

/* How a type of key is made, and what such a key can do. */
static const struct row {
    const struct prov_key_type *type;
    CK_MECHANISM_TYPE mechanism;
    unsigned possible;
    unsigned usual;
} rows[] = {
    {&prov_key_rsa,     CKM_RSA_PKCS_KEY_PAIR_GEN,      PROV_USAGE_SIGN | PROV_USAGE_DECRYPT | PROV_USAGE_UNWRAP,
     PROV_USAGE_SIGN | PROV_USAGE_DECRYPT                                                                                          },
    {&prov_key_rsa_pss, CKM_RSA_PKCS_KEY_PAIR_GEN,      PROV_USAGE_SIGN,                                          PROV_USAGE_SIGN  },
    {&prov_key_ec,      CKM_EC_KEY_PAIR_GEN,            PROV_USAGE_SIGN | PROV_USAGE_DERIVE,
     PROV_USAGE_SIGN | PROV_USAGE_DERIVE                                                                                           },
    {&prov_key_ed25519, CKM_EC_EDWARDS_KEY_PAIR_GEN,    PROV_USAGE_SIGN,                                          PROV_USAGE_SIGN  },
    {&prov_key_x25519,  CKM_EC_MONTGOMERY_KEY_PAIR_GEN, PROV_USAGE_DERIVE,                                        PROV_USAGE_DERIVE},
};

/* RFC 5280, 4.2.1.3, and what PKCS#11 calls it (2.40, table 24). What is enciphered for a key is decrypted by
 * whoever has no use for a secret key object. */
static const struct {
    const char *name;
    unsigned usage;
} words[] = {
    {"digitalSignature", PROV_USAGE_SIGN                       },
    {"nonRepudiation",   PROV_USAGE_SIGN                       },
    {"keyCertSign",      PROV_USAGE_SIGN                       },
    {"cRLSign",          PROV_USAGE_SIGN                       },
    {"dataEncipherment", PROV_USAGE_DECRYPT                    },
    {"keyEncipherment",  PROV_USAGE_DECRYPT | PROV_USAGE_UNWRAP},
    {"keyAgreement",     PROV_USAGE_DERIVE                     },
    {"encipherOnly",     PROV_USAGE_DERIVE                     },
    {"decipherOnly",     PROV_USAGE_DERIVE                     },
};

static const struct {
    unsigned usage;
    CK_ATTRIBUTE_TYPE private;
    CK_ATTRIBUTE_TYPE public;
} attributes[] = {
    {PROV_USAGE_SIGN,    CKA_SIGN,    CKA_VERIFY },
    {PROV_USAGE_DECRYPT, CKA_DECRYPT, CKA_ENCRYPT},
    {PROV_USAGE_UNWRAP,  CKA_UNWRAP,  CKA_WRAP   },
    {PROV_USAGE_DERIVE,  CKA_DERIVE,  CKA_DERIVE },
};

enum { USAGES = sizeof attributes / sizeof attributes[0], ID_SIZE = 16, ITEMS = 16 };

static const struct row *row_of(const struct prov_key_type *type)
{
    const struct row *row = rows;

    while (row->type != type)
        row++;
    return row;
}

bool prov_generate_usage(const char *text, unsigned *usage)
{
    static const char separators[] = " ,|";

    *usage = 0;
    for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        size_t i = 0;

        while (i < sizeof words / sizeof words[0] &&
               (strlen(words[i].name) != length || strncmp(words[i].name, text, length) != 0))
            i++;
        if (i == sizeof words / sizeof words[0])
            return false;
        *usage |= words[i].usage;
        text += length;
    }
    return *usage != 0;
}

void prov_request_free(struct prov_request *request)
{
    prov_uri_free(request->uri);
    bytes_free(&request->exponent);
    free(request->group);
    *request = (struct prov_request){0};
}

/* --- the templates
 * --------------------------------------------------------------------------------------------- */

/* The templates of both halves, and what they point to. */
struct templates {
    CK_ATTRIBUTE public[ITEMS];
    CK_ATTRIBUTE private[ITEMS];
    CK_ULONG public_count;
    CK_ULONG private_count;
    CK_ULONG bits;
    CK_BYTE id[ID_SIZE];
    unsigned char *ec_params; /* freed with OPENSSL_free */
    int ec_params_size;
};

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

static void add_public(struct templates *to, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    to->public[to->public_count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, size};
}

static void add_private(struct templates *to, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    to->private[to->private_count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, size};
}

static void add_usage(struct templates *to, const struct row *row, unsigned usage)
{
    for (size_t i = 0; i < USAGES; i++) {
        const CK_BBOOL *may = (usage & attributes[i].usage) != 0 ? &yes : &no;

        if ((row->possible & attributes[i].usage) == 0)
            continue;
        add_private(to, attributes[i].private, may, sizeof *may);
        add_public(to, attributes[i].public, may, sizeof *may);
    }
}

/* An id joins the halves, also for modules that do not give one by themselves. */
static bool add_names(struct templates *to, struct provider *provider, const struct prov_request *request)
{
    CK_ATTRIBUTE named[2];
    CK_ULONG count = request->uri != NULL ? prov_uri_add_to_template(request->uri, named) : 0;
    bool has_id = false;

    for (CK_ULONG i = 0; i < count; i++) {
        has_id = has_id || named[i].type == CKA_ID;
        add_private(to, named[i].type, named[i].pValue, named[i].ulValueLen);
        add_public(to, named[i].type, named[i].pValue, named[i].ulValueLen);
    }
    if (has_id)
        return true;
    add_private(to, CKA_ID, to->id, sizeof to->id);
    add_public(to, CKA_ID, to->id, sizeof to->id);
    return RAND_bytes_ex(provider->libctx, to->id, sizeof to->id, 0) == 1;
}

static bool add_curve(struct templates *to, const char *group)
{
    int nid = EC_curve_nist2nid(group);

    if (nid == NID_undef)
        nid = OBJ_txt2nid(group);
    if (nid != NID_undef)
        to->ec_params_size = i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &to->ec_params);
    add_public(to, CKA_EC_PARAMS, to->ec_params, (size_t)to->ec_params_size);
    return to->ec_params_size > 0;
}

static void add_rsa(struct templates *to, const struct prov_request *request)
{
    static const CK_BYTE usual[] = {0x01, 0x00, 0x01};

    to->bits = request->bits;
    add_public(to, CKA_MODULUS_BITS, &to->bits, sizeof to->bits);
    if (request->exponent.size > 0)
        add_public(to, CKA_PUBLIC_EXPONENT, request->exponent.data, request->exponent.size);
    else
        add_public(to, CKA_PUBLIC_EXPONENT, usual, sizeof usual);
    if (request->type == &prov_key_rsa_pss)
        add_private(to, CKA_ALLOWED_MECHANISMS, &request->pss, sizeof request->pss);
}

/* A key that goes into a file is nobody's who logs in: its file is all that it takes to use it in its TPM. */
static bool fill(struct templates *to, struct provider *provider, const struct prov_request *request)
{
    const struct row *row = row_of(request->type);
    const CK_BBOOL *kept = request->to_file ? &no : &yes;

    add_private(to, CKA_TOKEN, kept, sizeof *kept);
    add_public(to, CKA_TOKEN, kept, sizeof *kept);
    add_private(to, CKA_PRIVATE, kept, sizeof *kept);
    add_private(to, CKA_SENSITIVE, &yes, sizeof yes);
    add_private(to, CKA_EXTRACTABLE, &no, sizeof no);
    add_usage(to, row, request->usage != 0 ? request->usage : row->usual);
    if (!add_names(to, provider, request))
        return false;
    if (request->type->pkcs11 != CKK_RSA)
        return add_curve(to, request->type->bare ? request->type->name : request->group);
    add_rsa(to, request);
    return true;
}

/* --- the pair
 * -------------------------------------------------------------------------------------------------- */

struct generating {
    struct provider *provider;
    const struct prov_request *request;
    struct templates *templates;
    struct prov_uri *uri; /* the token */
    struct prov_attempt *attempt;
    struct prov_key *key; /* the result */
};

struct chosen {
    struct prov_token *token;
    size_t count;
};

static bool choose(void *data, struct prov_token *token)
{
    struct chosen *chosen = data;

    chosen->token = token;
    chosen->count++;
    return true;
}

static struct prov_token *find_token(const struct generating *generating)
{
    struct provider *provider = generating->provider;
    const struct prov_uri *uri = generating->uri;
    struct chosen chosen = {0};
    char *seen;

    if (generating->request->to_file)
        return prov_tss2_choose(provider, uri);
    if (!prov_tokens_visit(provider, uri, choose, &chosen) && chosen.count == 0)
        return NULL;
    if (chosen.count == 1)
        return chosen.token;
    seen = prov_tokens_seen(provider);
    prov_raise(&provider->core, chosen.count == 0 ? PROV_R_NO_TOKEN : PROV_R_SEVERAL_OBJECTS,
               "%s: %s; tokens seen in %s", uri->text,
               chosen.count == 0 ? "no token matches" : "name the token that the key is for, token=LABEL",
               seen != NULL ? seen : "?");
    free(seen);
    return NULL;
}

/* A second key of the same name could be used by none. */
static CK_RV check_name(const struct generating *generating, struct prov_session *session)
{
    const struct prov_uri *uri = generating->uri;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[3] = {
        {CKA_CLASS, &class, sizeof class}
    };
    CK_ULONG named = prov_uri_add_to_template(uri, template + 1);
    CK_OBJECT_HANDLE *handles = NULL;
    CK_ULONG count = 0;
    CK_RV rv = CKR_OK;

    if (named > 0)
        rv = prov_object_find(session, template, 1 + named, &handles, &count);
    free(handles);
    if (rv != CKR_OK || count == 0)
        return rv;
    prov_raise(&generating->provider->core, PROV_R_SEVERAL_OBJECTS,
               "%s: there is such a key already; name another object= or id=, or delete it first", uri->text);
    return CKR_GENERAL_ERROR;
}

static CK_RV open_session(const struct prov_session *session, bool writes, CK_SESSION_HANDLE *handle)
{
    struct prov_module *module = session->token->module;
    CK_FLAGS flags = CKF_SERIAL_SESSION | (writes ? CKF_RW_SESSION : 0);
    CK_SLOT_ID slot;
    CK_RV rv;

    pthread_mutex_lock(&module->lock);
    slot = session->token->slot;
    pthread_mutex_unlock(&module->lock);
    prov_guard_enter();
    rv = module->functions->C_OpenSession(slot, flags, NULL, NULL, handle);
    prov_guard_leave();
    if (rv != CKR_OK) {
        *handle = CK_INVALID_HANDLE;
        prov_raise_rv(module, rv, "C_OpenSession", module->name);
    }
    return rv;
}

static CK_RV make_pair(const struct generating *generating, const struct prov_session *session,
                       CK_SESSION_HANDLE own, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    struct prov_module *module = session->token->module;
    struct templates *templates = generating->templates;
    CK_MECHANISM mechanism = {row_of(generating->request->type)->mechanism, NULL, 0};
    const struct prov_uri *uri = generating->request->uri;
    CK_RV rv;

    prov_guard_enter();
    rv = module->functions->C_GenerateKeyPair(own, &mechanism, templates->public, templates->public_count,
                                              templates->private, templates->private_count, public, private);
    prov_guard_leave();
    generating->attempt->final = rv == CKR_OK; /* one pair is enough */
    if (rv != CKR_OK)
        prov_raise_rv(module, rv, "C_GenerateKeyPair", uri != NULL ? uri->text : "TSS2 PRIVATE KEY");
    return rv;
}

static void destroy_pair(const struct prov_session *session, CK_SESSION_HANDLE own, CK_OBJECT_HANDLE public,
                         CK_OBJECT_HANDLE private)
{
    const CK_FUNCTION_LIST *functions = session->token->module->functions;

    prov_guard_enter();
    functions->C_DestroyObject(own, private);
    functions->C_DestroyObject(own, public);
    prov_guard_leave();
}

/* The key of the object, which as that of a file takes over the session that it lives in. */
static struct prov_key *take_key(const struct generating *generating, struct prov_session *session,
                                 struct prov_tss2_object *object)
{
    struct prov_object read = {0};
    struct bytes der = BYTES_EMPTY;
    struct prov_key *key = NULL;

    if (prov_object_read(session, object->handle, CKO_PRIVATE_KEY, &read) == CKR_OK)
        key = prov_key_from_object(session, generating->uri, &read);
    if (key != NULL && generating->request->to_file &&
        (prov_tss2_read(session, object->handle, &der) != CKR_OK || der.size == 0 ||
         !prov_tss2_note(key, &der, object, false))) {
        prov_raise(&generating->provider->core, PROV_R_NOT_SUPPORTED,
                   "TSS2 PRIVATE KEY: the token does not give the new key's file");
        prov_key_free(key);
        key = NULL;
    }
    bytes_free(&der);
    prov_object_free(&read);
    return key;
}

static struct prov_key *generate_in(const struct generating *generating, struct prov_session *session)
{
    bool to_file = generating->request->to_file;
    const struct prov_pin_request pin = {.uri = generating->uri};
    struct prov_attempt *attempt = generating->attempt;
    struct prov_tss2_object object = {0};
    CK_OBJECT_HANDLE public = CK_INVALID_HANDLE;
    struct prov_key *key = NULL;

    if (!to_file && !prov_session_login(session, &pin)) {
        attempt->rv = session->login;
        return NULL;
    }
    if (!to_file)
        attempt->rv = check_name(generating, session);
    if (attempt->rv == CKR_OK)
        attempt->rv = open_session(session, !to_file, &object.holder);
    if (attempt->rv == CKR_OK)
        attempt->rv = make_pair(generating, session, object.holder, &public, &object.handle);
    if (attempt->rv == CKR_OK)
        key = take_key(generating, session, &object);
    if (key == NULL && attempt->final && object.holder != CK_INVALID_HANDLE)
        destroy_pair(session, object.holder, public, object.handle);
    prov_tss2_close(session->token->module, object.holder);
    return key;
}

static bool try_generate(void *data, struct prov_attempt *attempt)
{
    struct generating *generating = data;
    struct prov_token *token = find_token(generating);
    struct prov_session session;

    if (token == NULL || !prov_attempt_take(attempt, token, &session))
        return false;
    generating->attempt = attempt;
    generating->key = generate_in(generating, &session);
    prov_session_return(&session);
    return generating->key != NULL;
}

static const char *problem_with(const struct prov_request *request)
{
    if (request->usage != 0 && (request->usage & row_of(request->type)->possible) == 0)
        return "pkcs11_key_usage names nothing that such a key can do";
    if (request->type == &prov_key_ec && request->group == NULL)
        return "no group was given (-pkeyopt group:P-256)";
    return NULL;
}

struct prov_key *prov_generate(struct provider *provider, const struct prov_request *request)
{
    struct templates templates = {0};
    struct generating generating = {.provider = provider, .request = request, .templates = &templates};
    const char *problem = problem_with(request);

    if (problem == NULL && !fill(&templates, provider, request))
        problem = "the group has no name that PKCS#11 knows";
    if (problem != NULL)
        prov_raise(&provider->core, PROV_R_NOT_SUPPORTED, "%s: %s", request->type->name, problem);
    else
        generating.uri = request->uri != NULL ? prov_uri_share(request->uri) : prov_tss2_uri(provider);
    if (generating.uri != NULL)
        prov_attempt_run(try_generate, &generating);
    prov_uri_free(generating.uri);
    OPENSSL_free(templates.ec_params);
    return generating.key;
}
