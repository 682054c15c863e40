#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# IoT Edge with a TPM: config.toml and config.yaml are read unchanged, and the TPM alone proves the device.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"
cd "$work" || exit 99
start_tpm
start_emulator --polls 1 --retry-after 0
export PROVISIONING_CONNECTION_STRING SSL_CERT_FILE=$cloud/ca.pem
PROVISIONING_CONNECTION_STRING=$(cat "$cloud/connection-string")

unset DEVID_TCTI # the configuration names the TPM

enroll() { "$devid" enrollment create --ca-file "$cloud/ca.pem" "$@"; }
provision() { "$devid" provision --ca-file "$cloud/ca.pem" --timeout 60 "$@"; }

# --- ids, enrollment, both configurations, and the three ways of registering again
check 'the example works' example edge-tpm
check 'the registration is by the TPM' grep -q '"attestation": "tpm"' edge-tpm/registration.json
check 'the last start took what was kept' grep -q 'the assignment in registration.json serves' edge-tpm.log
check 'config.yaml gave the same device' test "$(grep '"device_id"' edge-tpm/yaml.json)" = "$(grep '"device_id"' edge-tpm/registration.json)"

# --- a TPM that tpm2-tools set up as the manual has it
DEVID_TCTI=$count_tcti:$tcti "$devid" token init --label edge >/dev/null
export TPM2TOOLS_TCTI=$tcti
check 'the TPM has the keys of the IoT Edge manual' sh -c 'tpm2_readpublic -Q -c 0x81010001 -f tss -o ek.pub 2>/dev/null || tpm2_createek -Q -c 0x81010001 -G rsa -u ek.any;
    tpm2_readpublic -Q -c 0x81010001 -f tss -o ek.pub && { tpm2_readpublic -Q -c 0x81000001 2>/dev/null || {
    tpm2_createprimary -Q -C o -c primary.ctx && tpm2_evictcontrol -Q -C o -c primary.ctx 0x81000001; }; }; tpm2_flushcontext -t'
id=$(openssl dgst -sha256 -r ek.pub | cut -c1-64)
check 'the device is enrolled by its endorsement key' enroll "$id" --endorsement-key ek.pub --edge
cat >config.toml <<X
# /etc/aziot/config.toml as the manual has it
hostname = "my-device"
auto_reprovisioning_mode = "AlwaysOnStartup"

[provisioning]
source = "dps"
global_endpoint = "$endpoint/"
id_scope = "$id_scope"

[provisioning.attestation]
method = "tpm"
registration_id = "$id"

[tpm]
tcti = "$tcti"
X
check 'config.toml registers the device' says "$id" provision --config config.toml --out tpm.json
check '... by its TPM' grep -q '"attestation": "tpm"' tpm.json
check 'it sends' says '3 messages arrived' env DEVID_TCTI="$tcti" "$devid" send --state tpm.json --count 3
check 'the messages arrived' test "$(arrived "$id" | wc -l)" = 3
done_testing
