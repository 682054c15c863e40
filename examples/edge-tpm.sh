#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# IoT Edge on Linux with a TPM: the registration id and the endorsement key are printed, the device is enrolled by them, and
# the configuration of IoT Edge (config.toml of 1.2 and later, config.yaml of 1.1) registers it, unchanged. Then the three
# ways of registering again. The TPM and the cloud are software; run it as examples/quickstart.sh.
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/examples/demo.sh"
demo_begin
demo_lines=12

say 'A TPM and a cloud, both software, on this machine'
start_tpm
start_cloud --polls 1 --retry-after 0
echo "  swtpm is reached by $tpm, devid-emulator by $endpoint (id scope $id_scope)."

say 'A token that shows the keys of the TPM'
run devid token init --label edge

say 'What an enrollment needs: the registration id (here as the script of the IoT Edge manual makes it) and the key'
run devid tpm info --azure --tpm-id hex
id=$(sed -n 2p output)
endorsement_key=$(tail -n 1 output)

say 'The back end enrolls the device by these'
run devid enrollment create "$id" --endorsement-key "$endorsement_key" --edge --ca-file cloud/ca.pem --connection cloud/connection-string

say 'The configuration of IoT Edge, as the manual has it for /etc/aziot/config.toml'
cat >config.toml <<TOML
hostname = "my-device"
auto_reprovisioning_mode = "Dynamic"

[provisioning]
source = "dps"
global_endpoint = "$endpoint/"
id_scope = "$id_scope"

[provisioning.attestation]
method = "tpm"
registration_id = "$id"

[tpm]
tcti = "$tpm"
TOML
show_file config.toml
unset DEVID_TCTI # from here on the configuration says which TPM

say 'It registers the device, which gets its name and its hub'
run devid provision --config config.toml --ca-file cloud/ca.pem --out registration.json
run devid status --state registration.json

say 'Messages go there, signed by the TPM with the key that the service sent for it'
run devid send --config config.toml --state registration.json --count 3
[ "$(arrived "$id")" -eq 3 ] || die "three messages were sent, $(arrived "$id") arrived"

say 'Dynamic: at the next start the device takes what it has; the service is not asked'
before=$(registrations)
run devid provision --config config.toml --ca-file cloud/ca.pem --out registration.json
[ "$(registrations)" -eq "$before" ] || die 'the device registered again'
echo "  Requests to register: $before before, $(registrations) now."

say '... and it registers again when the hub does not know it any more'
run devid-emulator --state cloud --forget "$id"
run devid send --config config.toml --state registration.json
[ "$(registrations)" -gt "$before" ] || die 'the device did not register again'
echo "  Requests to register: $before before, $(registrations) now."

say 'OnErrorOnly: only when a program asks for it; here the hub'"'"'s refusal stands'
sed 's/"Dynamic"/"OnErrorOnly"/' config.toml >on-error.toml
run devid provision --config on-error.toml --ca-file cloud/ca.pem --out on-error.json
before=$(registrations)
run devid-emulator --state cloud --forget "$id"
run_refused 6 devid send --config on-error.toml --state on-error.json
[ "$(registrations)" -eq "$before" ] || die 'the device registered again'

say 'AlwaysOnStartup: each start registers'
sed 's/"Dynamic"/"AlwaysOnStartup"/' config.toml >always.toml
run devid provision --config always.toml --ca-file cloud/ca.pem --out registration.json
[ "$(registrations)" -gt "$before" ] || die 'the device did not register again'

say '... and what was kept serves while the service is away'
stop_cloud
run devid provision --config always.toml --ca-file cloud/ca.pem --out registration.json --timeout 5
start_cloud --polls 1 --retry-after 0

say 'The configuration of IoT Edge 1.1, /etc/iotedge/config.yaml, says the same'
cat >config.yaml <<YAML
provisioning:
  source: "dps"
  global_endpoint: "$endpoint"
  scope_id: "$id_scope"
  attestation:
    method: "tpm"
    registration_id: "$id"
  always_reprovision_on_startup: true
  dynamic_reprovisioning: false
YAML
show_file config.yaml
run env DEVID_TCTI="$tpm" devid provision --config config.yaml --ca-file cloud/ca.pem --out yaml.json

done_with 'The only secret of that device is in its TPM.'
