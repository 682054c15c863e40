/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/rc.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/session.h"

#include <tss2/tss2_rc.h>

/* Format-one codes carry the number of a handle, parameter or session; TPM 2.0 part 2, 6.6. */
static TSS2_RC bare(TSS2_RC rc)
{
    return (rc & TPM2_RC_FMT1) != 0 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc & 0xfff;
}

/* From the TPM itself, or from a resource manager that speaks for it. */
static bool is_tpm_code(TSS2_RC rc)
{
    TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;

    return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
}

bool tpm_rc_is(TSS2_RC rc, TSS2_RC code)
{
    return rc != TSS2_RC_SUCCESS && is_tpm_code(rc) && bare(rc) == code;
}

bool tpm_rc_is_lost(TSS2_RC rc)
{
    return (rc & TSS2_RC_LAYER_MASK) == TSS2_TCTI_RC_LAYER;
}

bool tpm_rc_is_stale(TSS2_RC rc)
{
    return tpm_rc_is(rc, TPM2_RC_HANDLE) ||
           (is_tpm_code(rc) && bare(rc) >= TPM2_RC_REFERENCE_H0 && bare(rc) <= TPM2_RC_REFERENCE_H6);
}

bool tpm_rc_is_session(TSS2_RC rc)
{
    return is_tpm_code(rc) && bare(rc) >= TPM2_RC_REFERENCE_S0 && bare(rc) <= TPM2_RC_REFERENCE_S6;
}

bool tpm_rc_is_crowded(TSS2_RC rc)
{
    return tpm_rc_is(rc, TPM2_RC_SESSION_MEMORY) || tpm_rc_is(rc, TPM2_RC_SESSION_HANDLES) ||
           tpm_rc_is(rc, TPM2_RC_CONTEXT_GAP);
}

bool tpm_rc_is_memory(TSS2_RC rc)
{
    return tpm_rc_is(rc, TPM2_RC_OBJECT_MEMORY) || tpm_rc_is(rc, TPM2_RC_OBJECT_HANDLES) ||
           tpm_rc_is(rc, TPM2_RC_MEMORY);
}

bool tpm_rc_is_auth(TSS2_RC rc)
{
    return tpm_rc_is(rc, TPM2_RC_AUTH_FAIL) || tpm_rc_is(rc, TPM2_RC_BAD_AUTH);
}

bool tpm_rc_is_integrity(TSS2_RC rc)
{
    return tpm_rc_is(rc, TPM2_RC_INTEGRITY);
}

bool tpm_rc_is_parameter(TSS2_RC rc)
{
    return is_tpm_code(rc) && (rc & TPM2_RC_FMT1) != 0 && (rc & TPM2_RC_P) != 0;
}

/* With an RSA parent the salt does not unwrap; with an ECC one it comes out as another. */
bool tpm_rc_is_salt(TSS2_RC rc)
{
    return tpm_rc_is(rc, TPM2_RC_AUTH_FAIL) || tpm_rc_is(rc, TPM2_RC_BAD_AUTH) ||
           tpm_rc_is(rc, TPM2_RC_VALUE) || tpm_rc_is(rc, TPM2_RC_SIZE) || tpm_rc_is(rc, TPM2_RC_KEY) ||
           tpm_rc_is(rc, TPM2_RC_ECC_POINT);
}

static const struct {
    TSS2_RC code;
    CK_RV rv;
    const char *advice;
} rows[] = {
    {TPM2_RC_OBJECT_MEMORY,    CKR_DEVICE_MEMORY,
     "other programs hold all object slots; use /dev/tpmrm0 or tpm2-abrmd, or flush them (tpm2_flushcontext "
     "-t)"                                                                                                                },
    {TPM2_RC_OBJECT_HANDLES,   CKR_DEVICE_MEMORY,
     "other programs hold all object handles; flush them (tpm2_flushcontext -t)"                                          },
    {TPM2_RC_SESSION_MEMORY,   CKR_DEVICE_MEMORY,
     "other programs hold all sessions; flush them (tpm2_flushcontext -l)"                                                },
    {TPM2_RC_MEMORY,           CKR_DEVICE_MEMORY,
     "the TPM is out of memory; flush what other programs left (tpm2_flushcontext -t)"                                    },
    {TPM2_RC_NV_SPACE,         CKR_DEVICE_MEMORY,
     "the TPM's persistent memory is full; remove what is not used (tpm2_evictcontrol)"                                   },
    {TPM2_RC_LOCKOUT,          CKR_PIN_LOCKED,
     "the TPM is in lockout after wrong authorizations; wait, or tpm2_dictionarylockout -c"                               },
    {TPM2_RC_AUTH_FAIL,        CKR_DEVICE_ERROR,               "the authorization is wrong"                               },
    {TPM2_RC_BAD_AUTH,         CKR_DEVICE_ERROR,               "the authorization is wrong"                               },
    {TPM2_RC_INTEGRITY,        CKR_DEVICE_ERROR,               "the key belongs to another TPM, or this one was cleared"  },
    {TPM2_RC_HANDLE,           CKR_DEVICE_ERROR,               "the object is not in this TPM"                            },
    {TPM2_RC_CURVE,            CKR_CURVE_NOT_SUPPORTED,        "the TPM does not have this curve"                         },
    {TPM2_RC_KEY_SIZE,         CKR_KEY_SIZE_RANGE,             "the TPM does not have this key size"                      },
    {TPM2_RC_ATTRIBUTES,       CKR_KEY_FUNCTION_NOT_PERMITTED, "the key was made for another use"                         },
    {TPM2_RC_KEY,              CKR_KEY_FUNCTION_NOT_PERMITTED, "the key was made for another use"                         },
    {TPM2_RC_SCHEME,           CKR_KEY_FUNCTION_NOT_PERMITTED, "the key is bound to another scheme"                       },
    {TPM2_RC_POLICY_FAIL,      CKR_FUNCTION_REJECTED,
     "the policy in the key's file is not the one it was made with"                                                       },
    {TPM2_RC_POLICY_CC,        CKR_FUNCTION_REJECTED,          "the key's policy is for another use"                      },
    {TPM2_RC_PCR_CHANGED,      CKR_FUNCTION_REJECTED,          "the PCRs changed meanwhile; try again"                    },
    {TPM2_RC_SIGNATURE,        CKR_FUNCTION_REJECTED,          "a policy in the key's file is not signed by its authority"},
    {TPM2_RC_POLICY,           CKR_FUNCTION_REJECTED,          "what the key's policy asks for is not so (now)"           },
    {TPM2_RC_LOCALITY,         CKR_FUNCTION_REJECTED,          "the key's policy is for another locality"                 },
    {TPM2_RC_AUTH_UNAVAILABLE, CKR_FUNCTION_REJECTED,
     "the key is used by a policy only, which its file does not have"                                                     },
    {TPM2_RC_INITIALIZE,       CKR_DEVICE_ERROR,               "the TPM was not started (TPM2_Startup)"                   },
    {TPM2_RC_FAILURE,          CKR_DEVICE_ERROR,               "the TPM is in failure mode; a power cycle may help"       },
    {TPM2_RC_RETRY,            CKR_DEVICE_ERROR,               "the TPM stays busy; try again"                            },
    {TPM2_RC_YIELDED,          CKR_DEVICE_ERROR,               "the TPM stays busy; try again"                            },
    {TPM2_RC_TESTING,          CKR_DEVICE_ERROR,               "the TPM is still testing itself; try again"               },
};

/* What went wrong on this side of the bus. */
static const struct {
    TSS2_RC code;
    CK_RV rv;
    const char *advice;
} own_rows[] = {
    {TPM_RC_RESPONSE_FORGED,      CKR_DEVICE_ERROR,
     "its answer was changed on the way, or something answers in its place; nothing of it is used"           },
    {TPM_RC_NO_PINNED_PARENT,     CKR_DEVICE_ERROR,
     "token.conf has no 'parent-public' to protect the bus with; make a new token, or set 'bus-protection = "
     "never'"                                                                                                },
    {TPM_RC_PCRS_CHANGED,         CKR_FUNCTION_REJECTED,
     "the PCRs have changed since the key was made for them: the machine started other software, or was set "
     "up "
     "otherwise; start what it was made for, or make a new key"                                              },
    {TPM_RC_HIERARCHY_REFUSED,    CKR_DEVICE_ERROR,
     "the key's policy asks for the password of a hierarchy, and the configured one is not it; set "
     "'owner-auth' or 'endorsement-auth' in devid.conf"                                                      },
    {TPM_RC_OTHER_KEY,            CKR_DEVICE_ERROR,
     "its key is another one than the token knows; the TPM was cleared or exchanged"                         },
    {TSS2_SYS_RC_GENERAL_FAILURE, CKR_DEVICE_ERROR,      "no memory, or a failure inside OpenSSL or tpm2-tss"},
};

CK_RV tpm_failed(const struct tpm *tpm, const char *step, TSS2_RC rc)
{
    for (size_t i = 0; i < sizeof own_rows / sizeof own_rows[0]; i++)
        if (own_rows[i].code == rc)
            return p11_fail(own_rows[i].rv, "TPM %s cannot %s: %s", tpm_name(tpm), step, own_rows[i].advice);
    if (tpm_rc_is_lost(rc))
        return p11_fail(CKR_DEVICE_ERROR,
                        "TPM %s does not answer while it should %s (%s); check that it is there",
                        tpm_name(tpm), step, Tss2_RC_Decode(rc));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (tpm_rc_is(rc, rows[i].code))
            return p11_fail(rows[i].rv, "TPM %s cannot %s: %s (%s)", tpm_name(tpm), step, rows[i].advice,
                            Tss2_RC_Decode(rc));
    return p11_fail(CKR_DEVICE_ERROR, "TPM %s cannot %s: %s", tpm_name(tpm), step, Tss2_RC_Decode(rc));
}
