/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_P11_SPY_H
#define DEVID_TESTS_SUPPORT_P11_SPY_H

#include <stdint.h>

/*
 * tests/support/.libs/p11_spy.so is a PKCS#11 module around the one that $P11_SPY_MODULE names. It counts the
 * calls in the file that $P11_SPY_FILE names, which all processes map, and answers some of them with a code
 * of the test's choice. It also has DevID's vendor interface, whose sentence is $P11_SPY_TEXT. With
 * $P11_SPY_ANY_INTERFACE it answers with the interface of PKCS#11 whatever it is asked for. A copy of the
 * file called p11_spy_2.so is another module, of $P11_SPY_MODULE_2 and $P11_SPY_FILE_2.
 */
enum p11_spy_call {
    SPY_INITIALIZE,
    SPY_FINALIZE,
    SPY_GET_SLOT_LIST,
    SPY_GET_SLOT_INFO,
    SPY_GET_TOKEN_INFO,
    SPY_OPEN_SESSION,
    SPY_CLOSE_SESSION,
    SPY_LOGIN,
    SPY_FIND_OBJECTS_INIT,
    SPY_FIND_OBJECTS,
    SPY_FIND_OBJECTS_FINAL,
    SPY_GET_ATTRIBUTE_VALUE,
    SPY_SIGN_INIT,
    SPY_SIGN,
    SPY_DECRYPT_INIT,
    SPY_DECRYPT,
    SPY_DERIVE_KEY,
    SPY_DESTROY_OBJECT,
    SPY_UNWRAP_KEY,
    SPY_GET_MECHANISM_INFO,
    SPY_GENERATE_KEY_PAIR,
    SPY_GENERATE_RANDOM,
    SPY_OTHER, /* what else the provider could be tempted to call */
    SPY_CALLS
};

struct p11_spy {
    uint32_t total;
    uint32_t loaded; /* how often C_GetFunctionList was called */
    uint32_t calls[SPY_CALLS];
    uint32_t mechanism;    /* of the last C_SignInit, C_DecryptInit or C_DeriveKey */
    uint32_t inject_call;  /* one of these calls is answered with inject_rv and goes no further */
    uint32_t inject_after; /* when so many of them have passed */
    uint32_t inject_times; /* and so many times */
    uint32_t inject_rv;
    uint32_t
        inject_mechanism; /* those three with this mechanism always answer CKR_MECHANISM_INVALID; 0: none */
    uint32_t token_flags; /* C_GetTokenInfo adds these to every token's flags */
    uint32_t
        reenter; /* C_SignInit first asks libcrypto for a key by this provider's URI scheme; 2: it got one */
    uint32_t sessions; /* open now, and at most at any time */
    uint32_t most_sessions;
    uint32_t hold; /* C_Sign of this process waits until the number is another one; 0: none */
    uint32_t held; /* how many came to wait since the reset */
    uint32_t zero_values; /* CKA_VALUE, where it alone is asked for, is all zeros */
};

#endif
