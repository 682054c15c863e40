/* SPDX-License-Identifier: Apache-2.0 */
/* What devices and administrators send to the emulator: tokens, a TPM's public areas, faults. */
#include "emulator/fault.h"
#include "emulator/route.h"
#include "emulator/sas.h"
#include "emulator/tpm_public.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

const char fuzz_seeds[] = "judge";

static void read_token(const char *text)
{
    struct emu_sas sas;

    if (emu_sas_parse(text, &sas)) {
        if (sas.resource == NULL || sas.resource_sent == NULL || sas.signature.size == 0)
            abort();
        if (emu_sas_verify(&sas, &sas.signature, 1, 0) == EMU_SAS_VALID && sas.expiry < -EMU_SAS_SKEW_SECONDS)
            abort();
    }
    emu_sas_free(&sas);
}

static void read_public(const uint8_t *data, size_t size)
{
    const struct bytes wire = {.data = (uint8_t *)(uintptr_t)data, .size = size};
    struct emu_tpm_public public;
    char message[200] = "";

    if (emu_tpm_public_read(&wire, &public, message, sizeof message) == (message[0] != '\0'))
        abort();
    emu_tpm_public_free(&public);
}

/* A fault that is taken in can be taken out and applied. */
static void add_fault(const uint8_t *data, size_t size)
{
    struct emu_faults *faults = emu_faults_new();
    json_t *fault = json_loadb((const char *)data, size, 0, NULL);
    struct emu_response response = {0};
    const json_t *taken;
    char message[200];

    if (faults != NULL && fault != NULL &&
        emu_faults_add(faults, fault, emu_route_known, message, sizeof message)) {
        emu_response_json(&response, 200, json_pack("{s:{s:s}}", "tpm", "authenticationKey", "AAAA"));
        for (size_t i = 0; i < 3; i++) {
            taken = emu_faults_take(faults, "register");
            if (taken != NULL)
                emu_fault_apply(taken, "4.1.2", &response);
        }
    }
    emu_response_free(&response);
    json_decref(fault);
    emu_faults_free(faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    read_token(text);
    read_public(data, size);
    add_fault(data, size);
    free(text);
    return 0;
}
