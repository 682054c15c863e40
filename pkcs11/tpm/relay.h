/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_RELAY_H
#define DEVID_PKCS11_TPM_RELAY_H

#include <tss2/tss2_tcti.h>

/*
 * A TCTI that lets another process, tpm2_send of tpm2-tools, speak to the TPM: for what cannot be used in
 * this process. It waits for responses without a time limit, and takes no part in cancelling and localities.
 * Ends with Tss2_Tcti_Finalize and free. TSS2_TCTI_RC_NOT_SUPPORTED: there is no tpm2_send.
 */
TSS2_RC tpm_relay_open(const char *tcti, TSS2_TCTI_CONTEXT **out);

#endif
