/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_REQUEST_H
#define DPS_REQUEST_H

#include "dps/client.h"

/* One request of the provisioning service's device API. */
struct dps_request {
    const char *method;
    const char *action;       /* the path's segment behind the registration id; NULL: none */
    const char *operation_id; /* the segment behind that; NULL: none */
    bool has_body;
    bool bare; /* goes without Authorization */
};

/* Where the client's service is: "https://host[:port]". */
const char *dps_request_origin(const struct dps_client *client);

/* Sends it about the registration; `what` is for reports. *response is freed by the caller in any case. */
__attribute__((warn_unused_result)) dps_status dps_request_send(struct dps_client *client, const char *id,
                                                                const char *what,
                                                                const struct dps_request *request,
                                                                struct dps_http_response *response);

#endif
