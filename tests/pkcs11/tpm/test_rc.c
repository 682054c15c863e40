/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/rc.h"
#include "tests/support/module.h"

#include <stdio.h>
#include <string.h>

#define RESMGR(code) (TSS2_RESMGR_TPM_RC_LAYER | (code))

START_TEST(codes_become_the_standards_with_a_sentence)
{
    static const struct {
        TSS2_RC rc;
        CK_RV rv;
        const char *said;
    } rows[] = {
        {TPM2_RC_OBJECT_MEMORY,                CKR_DEVICE_MEMORY,              "tpm2_flushcontext"},
        {RESMGR(TPM2_RC_OBJECT_MEMORY),        CKR_DEVICE_MEMORY,              "tpm2_flushcontext"},
        {TPM2_RC_OBJECT_HANDLES,               CKR_DEVICE_MEMORY,              "flush"            },
        {TPM2_RC_SESSION_MEMORY,               CKR_DEVICE_MEMORY,              "sessions"         },
        {TPM2_RC_MEMORY,                       CKR_DEVICE_MEMORY,              "memory"           },
        {TPM2_RC_NV_SPACE,                     CKR_DEVICE_MEMORY,              "persistent"       },
        {TPM2_RC_LOCKOUT,                      CKR_PIN_LOCKED,                 "lockout"          },
        {TPM2_RC_AUTH_FAIL | TPM2_RC_S | TPM2_RC_1, CKR_PIN_INCORRECT,         "authorization"    },
        {TPM2_RC_BAD_AUTH | TPM2_RC_S | TPM2_RC_1,  CKR_PIN_INCORRECT,         "authorization"    },
        {TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1, CKR_DEVICE_ERROR,          "another TPM"      },
        {TPM2_RC_HANDLE | TPM2_RC_1,           CKR_DEVICE_ERROR,               "not in this TPM"  },
        {TPM2_RC_CURVE | TPM2_RC_P | TPM2_RC_2, CKR_CURVE_NOT_SUPPORTED,       "curve"            },
        {TPM2_RC_KEY_SIZE | TPM2_RC_P | TPM2_RC_2, CKR_KEY_SIZE_RANGE,         "size"             },
        {TPM2_RC_ATTRIBUTES | TPM2_RC_1,       CKR_KEY_FUNCTION_NOT_PERMITTED, "another use"      },
        {TPM2_RC_SCHEME | TPM2_RC_P | TPM2_RC_2, CKR_KEY_FUNCTION_NOT_PERMITTED, "scheme"         },
        {TPM2_RC_INITIALIZE,                   CKR_DEVICE_ERROR,               "TPM2_Startup"     },
        {TPM2_RC_FAILURE,                      CKR_DEVICE_ERROR,               "failure mode"     },
        {TPM2_RC_RETRY,                        CKR_DEVICE_ERROR,               "busy"             },
        {TSS2_TCTI_RC_IO_ERROR,                CKR_DEVICE_ERROR,               "does not answer"  },
        {TSS2_SYS_RC_BAD_VALUE,                CKR_DEVICE_ERROR,               "cannot do this"   },
        {TPM2_RC_NV_LOCKED,                    CKR_DEVICE_ERROR,               "cannot do this"   },
        {0xffffffff,                           CKR_DEVICE_ERROR,               "cannot do this"   },
    };
    char name[] = "the:tcti";
    const struct tpm tpm = {.tcti = name};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char what[32];

        snprintf(what, sizeof what, "0x%08x", rows[i].rc);
        p11_failure_clear();
        ck_assert_rv_of(what, tpm_failed(&tpm, "do this", rows[i].rc), rows[i].rv);
        ck_assert_msg(strstr(p11_failure_text(), rows[i].said) != NULL, "%s: %s", what, p11_failure_text());
        ck_assert_msg(strstr(p11_failure_text(), "the:tcti") != NULL, "%s", p11_failure_text());
        ck_assert_ptr_null(strchr(p11_failure_text(), '\n'));
    }
}
END_TEST

START_TEST(kinds_of_failure_are_told_apart)
{
    static const struct {
        TSS2_RC rc;
        bool lost;
        bool stale;
        bool memory;
        bool integrity;
    } rows[] = {
        {TSS2_RC_SUCCESS,                           false, false, false, false},
        {TSS2_TCTI_RC_IO_ERROR,                     true,  false, false, false},
        {TSS2_TCTI_RC_NO_CONNECTION,                true,  false, false, false},
        {TPM2_RC_HANDLE | TPM2_RC_1,                false, true,  false, false},
        {TPM2_RC_HANDLE | TPM2_RC_P | TPM2_RC_1,    false, true,  false, false},
        {TPM2_RC_REFERENCE_H0,                      false, true,  false, false},
        {TPM2_RC_REFERENCE_H6,                      false, true,  false, false},
        {TPM2_RC_REFERENCE_S0,                      false, false, false, false},
        {RESMGR(TPM2_RC_HANDLE | TPM2_RC_1),        false, true,  false, false},
        {TPM2_RC_OBJECT_MEMORY,                     false, false, true,  false},
        {TPM2_RC_OBJECT_HANDLES,                    false, false, true,  false},
        {TPM2_RC_MEMORY,                            false, false, true,  false},
        {TPM2_RC_SESSION_MEMORY,                    false, false, false, false},
        {TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1, false, false, false, true },
        {TSS2_SYS_RC_LAYER | TPM2_RC_HANDLE, false, false, false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(tpm_rc_is_lost(rows[i].rc) == rows[i].lost, "0x%08x", rows[i].rc);
        ck_assert_msg(tpm_rc_is_stale(rows[i].rc) == rows[i].stale, "0x%08x", rows[i].rc);
        ck_assert_msg(tpm_rc_is_memory(rows[i].rc) == rows[i].memory, "0x%08x", rows[i].rc);
        ck_assert_msg(tpm_rc_is_integrity(rows[i].rc) == rows[i].integrity, "0x%08x", rows[i].rc);
    }
}
END_TEST

START_TEST(a_code_is_found_whatever_it_names)
{
    ck_assert(tpm_rc_is(TPM2_RC_HANDLE | TPM2_RC_2, TPM2_RC_HANDLE));
    ck_assert(tpm_rc_is(TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_7, TPM2_RC_VALUE));
    ck_assert(!tpm_rc_is(TPM2_RC_VALUE, TPM2_RC_HANDLE));
    ck_assert(!tpm_rc_is(TSS2_RC_SUCCESS, TSS2_RC_SUCCESS));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("rc");
    TCase *t = tcase_create("rc");

    tcase_add_test(t, codes_become_the_standards_with_a_sentence);
    tcase_add_test(t, kinds_of_failure_are_told_apart);
    tcase_add_test(t, a_code_is_found_whatever_it_names);
    suite_add_tcase(s, t);
    return s;
}
