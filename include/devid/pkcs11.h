/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_H
#define DEVID_PKCS11_H

/*
 * What DevID's PKCS#11 module has beyond the standard: vendor attributes, and an interface that tells why a
 * call failed. Everything else of it is PKCS#11: 2.40 by C_GetFunctionList, 3.0 by C_GetInterface.
 */

#include <p11-kit/pkcs11.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All vendor numbers are CKx_VENDOR_DEFINED | this | n ("DV" in ASCII). */
#define DEVID_VENDOR (CKA_VENDOR_DEFINED | 0x44560000UL)

/* Read-only, of private keys in a TPM: the DER of the TPMKey structure (draft-bottomley-tpm2-keys), that is
 * the content of a TSS2 PRIVATE KEY PEM block. */
#define CKA_DEVID_TSS2_KEY (DEVID_VENDOR | 0x01)
/* Read-only, of keys in a TPM: TPM2B_PUBLIC with its size. */
#define CKA_DEVID_TPM2B_PUBLIC (DEVID_VENDOR | 0x02)
/* Of keys in a TPM, CK_ULONG: the persistent handle where the key stays; none: it is loaded for use. */
#define CKA_DEVID_PERSISTENT (DEVID_VENDOR | 0x04)
/* In the private template of C_GenerateKeyPair in a TPM token, text without a NUL: the PCRs that the key is
 * bound to, with the values that they have now, as a bank and numbers: "sha256:0,7". */
#define CKA_DEVID_POLICY_PCR (DEVID_VENDOR | 0x05)
/* In the private template of C_GenerateKeyPair in a TPM token, bytes: the authorization of the new key itself,
 * which makes it CKA_ALWAYS_AUTHENTICATE. It is not told again. Not of private objects on a token with a PIN. */
#define CKA_DEVID_AUTH (DEVID_VENDOR | 0x06)
/* Read-only, of keys: where the key lives, as text without a NUL: "tpm", "file", or
 * "tpm-sealed": the TPM keeps it sealed, and software uses it. */
#define CKA_DEVID_BACKEND (DEVID_VENDOR | 0x03)

/* C_UnwrapKey with a TPM's endorsement key: takes in the HMAC key that a provisioning service wrapped for
 * this TPM. The parameter is the CK_OBJECT_HANDLE of the storage root key. */
#define CKM_DEVID_TPM2_CREDENTIAL (DEVID_VENDOR | 0x01)
/* C_UnwrapKey without an unwrapping key (CK_INVALID_HANDLE): takes in a key as it stands, encrypted by its
 * TPM, in the DER of a TSS2 PRIVATE KEY file. C_WrapKey without a wrapping key gives that DER. No parameter.
 *
 * In place of the DER, the place of a key that somebody left in the TPM: four bytes of its persistent handle
 * (big-endian), one byte that is 1 if the key has an authorization and 0 if that is empty, and, if it must be
 * a certain key, its name as a TPM2B_NAME. */
#define CKM_DEVID_TSS2_KEY (DEVID_VENDOR | 0x02)

/*
 * C_GetInterface("Vendor DevID", NULL, &interface, 0) gives this list. A caller that does not find it
 * (another module, or p11-kit's proxy in between) does without.
 */
#define DEVID_INTERFACE_NAME "Vendor DevID"

struct devid_functions {
    CK_VERSION version; /* 1.2; later minor versions only append members */
    /*
     * Why the calling thread's last C_ call failed, as one English sentence without a newline that names the
     * thing concerned and what to do: "TPM swtpm:port=2321 cannot be reached ...". Never a PIN. After a call
     * that succeeded: what it had to leave out (C_GetSlotList a directory, C_FindObjectsInit a file, that is
     * broken or cannot be read). "" when there is nothing to say. Owned by the module, valid until the
     * thread's next C_ call.
     */
    const char *(*error_text)(void);
    /*
     * Since 1.1. Reads the objects that are the device's own anew (a TPM's endorsement keys and storage root
     * key, and their certificates) and writes them to the session's token, which has to be writable. With
     * DEVID_SETUP_PERSIST endorsement keys are made persistent where the standard has them, unless the place
     * is taken; that needs the owner's authorization. Answers as C_ functions do; what the device did not
     * give is left out, and error_text says so.
     */
    CK_RV (*setup_device)(CK_SESSION_HANDLE session, CK_FLAGS flags);
    /* Since 1.2. The content of an NV index of the session's TPM (0x01000000 and following), which it gives
     * for an empty authorization or the owner's. *size is the room, and becomes the length; `out` NULL asks
     * for that. */
    CK_RV (*read_index)(CK_SESSION_HANDLE session, CK_ULONG index, CK_BYTE *out, CK_ULONG *size);
};

#define DEVID_SETUP_PERSIST 0x01UL

/* The layout of CK_INTERFACE in PKCS#11 3.0, for headers that stop at 2.40. */
struct devid_interface {
    const char *name;
    void *functions;
    CK_FLAGS flags;
};

typedef CK_RV devid_get_interface(const char *name, CK_VERSION *version, struct devid_interface **out,
                                  CK_FLAGS flags);

#ifdef __cplusplus
}
#endif

#endif
