/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers a device by its TPM and sends one message.
 *     cc register_tpm.c -o register_tpm $(pkg-config --cflags --libs devid-dps)
 *     ./register_tpm                   prints what an individual enrollment of this TPM needs
 *     ./register_tpm ID_SCOPE [ID]     registers, under the name ID or the one that the TPM implies
 * The TPM's token is the only one that shows a TPM's keys, or that of $TOKEN (a pkcs11: URI).
 * $PROVISIONING_HOST is the service if it is not Azure's, and $TRUST a file with its CA.
 */
#include <devid/dps.h>

#include <stdio.h>
#include <stdlib.h>

static dps_status print_identity(dps_client *client)
{
    struct dps_tpm_identity identity;
    dps_status status = dps_client_tpm_identity(client, &identity);

    if (status != DPS_OK)
        return status;
    printf("Registration Id:\n%s\n(in hexadecimal: %s)\n\nEndorsement Key:\n%s\n",
           identity.registration_id_base32, identity.registration_id_hex, identity.endorsement_key);
    return DPS_OK;
}

static dps_status register_and_send(dps_client *client)
{
    static const struct dps_message message = {.body = "hello", .size = 5};
    dps_registration *registration;
    dps_hub *hub = NULL;
    dps_status status = dps_client_register(client, &registration);

    if (status != DPS_OK)
        return status;
    printf("%s at %s\n", dps_registration_device_id(registration), dps_registration_hub(registration));
    status = dps_hub_open(client, dps_registration_hub(registration),
                          dps_registration_device_id(registration), &hub);
    if (status == DPS_OK)
        status = dps_hub_send(hub, &message);
    dps_hub_close(hub);
    dps_registration_free(registration);
    return status;
}

int main(int argc, char **argv)
{
    dps_client *client = dps_client_new(argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL);
    dps_status status;

    if (client == NULL)
        return 1;
    status = dps_client_use_tpm(client, getenv("TOKEN"));
    if (status == DPS_OK)
        status = dps_client_set_endpoint(client, getenv("PROVISIONING_HOST"));
    if (status == DPS_OK)
        status = dps_client_set_trust(client, getenv("TRUST"));
    if (status == DPS_OK)
        status = argc > 1 ? register_and_send(client) : print_identity(client);
    if (status != DPS_OK)
        fprintf(stderr, "%s: %s\n", dps_strstatus(status), dps_client_error(client));
    dps_client_free(client);
    return status == DPS_OK ? 0 : 1;
}
