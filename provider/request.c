/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/request.h"
#include "devid/pkcs11.h"
#include "provider/error.h"

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
    {&prov_key_ed448,   CKM_EC_EDWARDS_KEY_PAIR_GEN,    PROV_USAGE_SIGN,                                          PROV_USAGE_SIGN  },
    {&prov_key_x448,    CKM_EC_MONTGOMERY_KEY_PAIR_GEN, PROV_USAGE_DERIVE,                                        PROV_USAGE_DERIVE},
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

enum { USAGES = sizeof attributes / sizeof attributes[0] };

static const struct row *row_of(const struct prov_key_type *type)
{
    const struct row *row = rows;

    while (row->type != type)
        row++;
    return row;
}

bool prov_request_usage(const char *text, unsigned *usage)
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
    bytes_free(&request->auth);
    free(request->group);
    *request = (struct prov_request){0};
}

static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;

static void add_public(struct prov_templates *to, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    to->public[to->public_count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, size};
}

static void add_private(struct prov_templates *to, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    to->private[to->private_count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, size};
}

static void add_usage(struct prov_templates *to, const struct row *row, unsigned usage)
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
static bool add_names(struct prov_templates *to, struct provider *provider,
                      const struct prov_request *request)
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

static bool add_curve(struct prov_templates *to, const char *group)
{
    int nid = EC_curve_nist2nid(group);

    if (nid == NID_undef)
        nid = OBJ_txt2nid(group);
    if (nid != NID_undef)
        to->ec_params_size = i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &to->ec_params);
    add_public(to, CKA_EC_PARAMS, to->ec_params, (size_t)to->ec_params_size);
    return to->ec_params_size > 0;
}

static void add_rsa(struct prov_templates *to, const struct prov_request *request)
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
static bool fill(struct prov_templates *to, struct provider *provider, const struct prov_request *request)
{
    const struct row *row = row_of(request->type);
    const CK_BBOOL *kept = request->to_file ? &no : &yes;

    add_private(to, CKA_TOKEN, kept, sizeof *kept);
    add_public(to, CKA_TOKEN, kept, sizeof *kept);
    add_private(to, CKA_PRIVATE, kept, sizeof *kept);
    add_private(to, CKA_SENSITIVE, &yes, sizeof yes);
    add_private(to, CKA_EXTRACTABLE, &no, sizeof no);
    add_usage(to, row,
              request->usage != 0      ? request->usage
              : request->ecdsa[0] != 0 ? PROV_USAGE_SIGN
                                       : row->usual);
    if (request->auth.size != 0)
        add_private(to, CKA_DEVID_AUTH, request->auth.data, request->auth.size);
    if (request->ecdsa[0] != 0)
        add_private(to, CKA_ALLOWED_MECHANISMS, request->ecdsa, sizeof request->ecdsa);
    if (!add_names(to, provider, request))
        return false;
    if (request->type->pkcs11 != CKK_RSA)
        return add_curve(to, request->type->bare ? request->type->name : request->group);
    add_rsa(to, request);
    return true;
}

static const char *problem_with(const struct prov_request *request)
{
    if (request->usage != 0 && (request->usage & row_of(request->type)->possible) == 0)
        return "pkcs11_key_usage names nothing that such a key can do";
    if (request->type == &prov_key_ec && request->group == NULL)
        return "no group was given (-pkeyopt group:P-256)";
    if (request->auth.size != 0 && !request->to_file)
        return "user-auth is for keys that go to a TSS2 PRIVATE KEY file; a token's keys have its PIN";
    return NULL;
}

bool prov_request_fill(const struct prov_request *request, struct provider *provider,
                       struct prov_templates *templates)
{
    const char *problem = problem_with(request);

    *templates = (struct prov_templates){.mechanism = row_of(request->type)->mechanism};
    if (problem == NULL && !fill(templates, provider, request))
        problem = "the group has no name that PKCS#11 knows";
    if (problem != NULL)
        prov_raise(&provider->core, PROV_R_NOT_SUPPORTED, "%s: %s", request->type->name, problem);
    return problem == NULL;
}

void prov_templates_free(struct prov_templates *templates)
{
    OPENSSL_free(templates->ec_params);
    *templates = (struct prov_templates){0};
}
