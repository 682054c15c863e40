/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_PARAMETERS_H
#define DEVID_PKCS11_PARAMETERS_H

#include "pkcs11/mechanism.h"

/* PKCS#11 3.0 current mechanisms, 2.62, for headers that stop at 2.40. */
#ifndef CKM_HKDF_DERIVE
#define CKM_HKDF_DERIVE 0x402aUL
#define CKM_HKDF_DATA 0x402bUL
#define CKF_HKDF_SALT_NULL 0x1UL
#define CKF_HKDF_SALT_DATA 0x2UL
#define CKF_HKDF_SALT_KEY 0x4UL

typedef struct ck_hkdf_params {
    CK_BBOOL bExtract;
    CK_BBOOL bExpand;
    CK_MECHANISM_TYPE prfHashMechanism;
    CK_ULONG ulSaltType;
    CK_BYTE *pSalt;
    CK_ULONG ulSaltLen;
    CK_OBJECT_HANDLE hSaltKey;
    CK_BYTE *pInfo;
    CK_ULONG ulInfoLen;
} CK_HKDF_PARAMS;
#endif

/* Frees what the parameters hold; empty ones are accepted. */
void parameters_free(struct p11_parameters *parameters);

/* Parsers of the mechanism table (struct mechanism.parse). */
CK_RV parameters_of_ecdh(const CK_MECHANISM *mechanism, const struct mechanism *row,
                         struct p11_parameters *parameters);
CK_RV parameters_of_hkdf(const CK_MECHANISM *mechanism, const struct mechanism *row,
                         struct p11_parameters *parameters);
CK_RV parameters_of_key_wrap(const CK_MECHANISM *mechanism, const struct mechanism *row,
                             struct p11_parameters *parameters);
CK_RV parameters_of_credential(const CK_MECHANISM *mechanism, const struct mechanism *row,
                               struct p11_parameters *parameters);

/* Those for secret keys (secretparameters.c). */
CK_RV parameters_of_mac(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters);
CK_RV parameters_of_mac_general(const CK_MECHANISM *mechanism, const struct mechanism *row,
                                struct p11_parameters *parameters);
CK_RV parameters_of_cbc(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters);
CK_RV parameters_of_ctr(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters);
CK_RV parameters_of_gcm(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters);

#endif
