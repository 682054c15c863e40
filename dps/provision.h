/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_PROVISION_H
#define DPS_PROVISION_H

#include "dps/client.h"

/* Whether the client registers again by itself when the hub does not take the device. */
bool dps_provision_is_dynamic(const struct dps_client *client);

/* Registers and keeps the assignment in the client's state file, within the time limit of a call that has
 * begun. */
__attribute__((warn_unused_result)) dps_status dps_provision_anew(struct dps_client *client,
                                                                  dps_registration **out);

#endif
