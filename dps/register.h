/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_REGISTER_H
#define DPS_REGISTER_H

#include "dps/client.h"

/* dps_client_register within the time limit of a call that has begun. */
__attribute__((warn_unused_result)) dps_status dps_register_run(struct dps_client *client,
                                                                dps_registration **out);

#endif
