/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rv.h"

#include <stddef.h>

static const struct {
    CK_RV rv;
    const char *advice;
} rows[] = {
    {CKR_HOST_MEMORY,                "close other programs and try again"                                },
    {CKR_SLOT_ID_INVALID,            "look at 'devid token list'"                                        },
    {CKR_GENERAL_ERROR,              "read the module's log"                                             },
    {CKR_FUNCTION_FAILED,            "read the module's log"                                             },
    {CKR_DEVICE_ERROR,               "see whether the TPM answers and the token directory can be written"},
    {CKR_DEVICE_MEMORY,              "free space on the token"                                           },
    {CKR_DEVICE_REMOVED,             "put the device back"                                               },
    {CKR_FUNCTION_NOT_SUPPORTED,     "this module cannot do it; use another"                             },
    {CKR_KEY_SIZE_RANGE,             "choose another key size"                                           },
    {CKR_KEY_FUNCTION_NOT_PERMITTED, "use a key made for this purpose"                                   },
    {CKR_MECHANISM_INVALID,          "the token cannot do this; choose another key type"                 },
    {CKR_PIN_INCORRECT,              "check the PIN file"                                                },
    {CKR_PIN_INVALID,                "choose a PIN that the token accepts"                               },
    {CKR_PIN_LEN_RANGE,              "choose a PIN of another length"                                    },
    {CKR_PIN_EXPIRED,                "set a new PIN"                                                     },
    {CKR_PIN_LOCKED,                 "let the security officer set a new PIN"                            },
    {CKR_SESSION_COUNT,              "close other programs that use the token"                           },
    {CKR_SESSION_EXISTS,             "close other programs that use the token"                           },
    {CKR_TEMPLATE_INCONSISTENT,      "the token does not allow such an object"                           },
    {CKR_TOKEN_NOT_PRESENT,          "look at 'devid token list'"                                        },
    {CKR_TOKEN_NOT_RECOGNIZED,       "make the token again with 'devid token init'"                      },
    {CKR_TOKEN_WRITE_PROTECTED,      "make the token directory writable"                                 },
    {CKR_USER_NOT_LOGGED_IN,         "give the token's PIN with --pin-file"                              },
    {CKR_USER_PIN_NOT_INITIALIZED,   "set a user PIN first"                                              },
    {CKR_CURVE_NOT_SUPPORTED,        "choose another curve"                                              },
};

const char *cli_rv_advice(CK_RV rv)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].rv == rv)
            return rows[i].advice;
    return NULL;
}
