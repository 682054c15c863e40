/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_TCTI_COUNT_H
#define DEVID_TESTS_SUPPORT_TCTI_COUNT_H

#include <stdint.h>

/*
 * tests/support/.libs/tcti_count.so is a TCTI around another: the configuration
 * "PATH/tcti_count.so:swtpm:port=1" passes all commands to "swtpm:port=1". It counts them in the file that
 * $TCTI_COUNT_FILE names, which all processes map, and answers one command with an error of the test's
 * choice, or changes a bit of its response. All that passes is appended to the file that $TCTI_RECORD_FILE
 * names, when it is set as the TCTI is opened: what somebody on the bus would see.
 */
struct tcti_count {
    uint32_t total;
    uint32_t connections;    /* how often the TCTI was opened */
    uint32_t command[0x200]; /* by TPM_CC */
    uint32_t inject_command; /* TPM_CC to answer with inject_code instead of sending it; 0 none */
    uint32_t inject_after;   /* let so many of them pass first */
    uint32_t inject_times;   /* then answer so many with it */
    uint32_t inject_code;    /* a TPM_RC; or 0 to lose the connection (TSS2_TCTI_RC_IO_ERROR) */
    uint32_t flip_command;   /* TPM_CC whose next response is changed on its way; 0 none */
    uint32_t flip_bit;       /* the bit, from the front, that is flipped in it */
    uint32_t hide_command;   /* TPM_CC that the TPM seems not to have: neither listed nor executed; 0 none */
    uint32_t response_size;  /* of the last one of flip_command, in bytes */
};

#endif
