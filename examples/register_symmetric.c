/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers a device by its symmetric key, as the environment says, and sends ten messages: the quickstart of
 * Azure's documentation.
 *     cc register_symmetric.c -o register_symmetric $(pkg-config --cflags --libs devid-dps)
 *     export PROVISIONING_HOST=... PROVISIONING_IDSCOPE=... PROVISIONING_REGISTRATION_ID=...
 * PROVISIONING_SYMMETRIC_KEY=...
 *     ./register_symmetric [STATE_FILE]
 * With a state file the device starts without the service the next time. $TRUST is a file with the service's
 * CA, if it is not a public one.
 */
#include <devid/dps.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dps_status configure(dps_client *client, const char *state)
{
    dps_status status = dps_client_use_environment(client);

    if (status == DPS_OK)
        status = dps_client_set_trust(client, getenv("TRUST"));
    if (status == DPS_OK && state != NULL)
        status = dps_client_set_state(client, state);
    return status;
}

static dps_status send_all(dps_hub *hub)
{
    dps_status status = DPS_OK;

    for (int i = 0; status == DPS_OK && i < 10; i++) {
        char body[64];
        char id[16];
        struct dps_message message = {.body = body, .message_id = id};

        snprintf(id, sizeof id, "%d", i);
        message.size = (size_t)snprintf(body, sizeof body, "test wind speed %d", i);
        status = dps_hub_send(hub, &message);
        if (status == DPS_OK)
            printf("sent message %d\n", i);
    }
    return status;
}

int main(int argc, char **argv)
{
    const char *state = argc > 1 ? argv[1] : NULL;
    dps_client *client = dps_client_new(NULL, NULL);
    dps_registration *registration = NULL;
    dps_hub *hub = NULL;
    dps_status status;

    if (client == NULL)
        return 1;
    status = configure(client, state);
    if (status == DPS_OK)
        status = state != NULL ? dps_client_provision(client, &registration)
                               : dps_client_register(client, &registration);
    if (status == DPS_OK) {
        printf("%s at %s%s\n", dps_registration_device_id(registration), dps_registration_hub(registration),
               dps_registration_from_backup(registration) ? ", as before" : "");
        status = dps_hub_open(client, dps_registration_hub(registration),
                              dps_registration_device_id(registration), &hub);
    }
    if (status == DPS_OK)
        status = send_all(hub);
    if (status != DPS_OK)
        fprintf(stderr, "%s: %s\n", dps_strstatus(status), dps_client_error(client));
    dps_hub_close(hub);
    dps_registration_free(registration);
    dps_client_free(client);
    return status == DPS_OK ? 0 : 1;
}
