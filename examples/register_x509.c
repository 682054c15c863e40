/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers a device by its certificate and sends one message.
 *     cc register_x509.c -o register_x509 $(pkg-config --cflags --libs devid-dps)
 *     ./register_x509 ID_SCOPE CERTIFICATE KEY
 * CERTIFICATE and KEY are pkcs11: URIs or PEM files. $PROVISIONING_HOST is the service if it is not Azure's,
 * and $TRUST a file with its CA.
 */
#include <devid/dps.h>

#include <stdio.h>
#include <stdlib.h>

/* Tells warnings and steps on standard error. */
static void hear(void *data, dps_log_level level, const char *line)
{
    (void)data;
    if (level <= DPS_LOG_INFO)
        fprintf(stderr, "%s\n", line);
}

static dps_status send_hello(dps_client *client, const dps_registration *registration)
{
    static const struct dps_message message = {.body = "{\"hello\":\"world\"}",
                                               .size = 17,
                                               .content_type = "application/json",
                                               .content_encoding = "utf-8"};
    dps_hub *hub = NULL;
    dps_status status = dps_hub_open(client, dps_registration_hub(registration),
                                     dps_registration_device_id(registration), &hub);

    if (status == DPS_OK)
        status = dps_hub_send(hub, &message);
    dps_hub_close(hub);
    return status;
}

int main(int argc, char **argv)
{
    dps_client *client = argc == 4 ? dps_client_new(argv[1], NULL) : NULL; /* the certificate has the name */
    dps_registration *registration = NULL;
    dps_status status;

    if (client == NULL) {
        fprintf(stderr, "usage: register_x509 ID_SCOPE CERTIFICATE KEY\n");
        return 2;
    }
    dps_client_set_log(client, hear, NULL);
    status = dps_client_use_x509(client, argv[2], argv[3]);
    if (status == DPS_OK)
        status = dps_client_set_endpoint(client, getenv("PROVISIONING_HOST"));
    if (status == DPS_OK)
        status = dps_client_set_trust(client, getenv("TRUST"));
    if (status == DPS_OK)
        status = dps_client_register(client, &registration);
    if (status == DPS_OK) {
        printf("%s at %s\n", dps_registration_device_id(registration), dps_registration_hub(registration));
        status = send_hello(client, registration);
    }
    if (status != DPS_OK)
        fprintf(stderr, "%s: %s\n", dps_strstatus(status), dps_client_error(client));
    dps_registration_free(registration);
    dps_client_free(client);
    return status == DPS_OK ? 0 : 1;
}
