/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_HUB_H
#define DPS_HUB_H

#include "dps/client.h"

#define DPS_HUB_MESSAGE_MAXIMUM (256 * 1024)

struct dps_hub {
    dps_client *client;
    char *host; /* "host" or "host:port" */
    char *device_id;
    bool in_vain;   /* registering again has not helped */
    char what[256]; /* for reports */
};

/* One request about the device. Its headers are "Name: value" each and end with NULL; NULL: none. */
struct dps_hub_request {
    const char *method;
    const char *action; /* the path behind the device, "/messages/events" */
    const char *lock;   /* a segment behind that, to be encoded; NULL: none */
    const char *verb;   /* what comes behind the lock: "/abandon" in the path; NULL: none */
    const char *flag;   /* a query parameter without value; NULL: none */
    const void *body;   /* NULL: none */
    size_t body_size;
    const char *const *headers;
};

/*
 * Sends it, authorised, within the time limit of a call that has begun; under DPS_REPROVISION_DYNAMIC a
 * device that the hub does not take registers anew and tries once more. DPS_OK: an answer below 400; others
 * are told to the report. *response is freed by the caller in any case.
 */
__attribute__((warn_unused_result)) dps_status dps_hub_exchange(struct dps_hub *hub,
                                                                const struct dps_hub_request *request,
                                                                struct dps_http_response *response);

/* Tells the report of an answer that no hub gives. */
dps_status dps_hub_fail_strange(struct dps_hub *hub, const struct dps_http_response *response);

#endif
