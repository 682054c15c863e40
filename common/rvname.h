/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_COMMON_RVNAME_H
#define DEVID_COMMON_RVNAME_H

/* The name of a PKCS#11 result (CK_RV), "CKR_OK". Of one that has none "CKR_0x%08lx", in storage of this
 * thread that the next call overwrites. */
const char *rv_name(unsigned long rv);

#endif
