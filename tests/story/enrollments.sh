#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A back end lets devices in: enrollments and groups, with devid against the emulator.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"

start_emulator
export PROVISIONING_CONNECTION_STRING
PROVISIONING_CONNECTION_STRING=$(cat "$cloud/connection-string")
enrollment() { "$devid" enrollment "$1" --ca-file "$cloud/ca.pem" "${@:2}"; }
group() { "$devid" group "$1" --ca-file "$cloud/ca.pem" "${@:2}"; }
lacks() { # TEXT COMMAND...: the command succeeds, and its output does not have the text
    local output
    output=$("${@:2}") || return
    echo "$output"
    ! grep -qF -- "$1" <<<"$output"
}
cd "$work" || exit 99
make_authority factory
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=gate -addext basicConstraints=critical,CA:FALSE -keyout gate.key -out gate.pem 2>/dev/null
ek=AToAAQALAAMAsgAgg3GXZ0SEs/gakMyNRqXXJP1S124GUgtk8qHaGzMUaaoABgCAAEMAEAgAAAAAAAEAv6qzAEGfBnaSm6tUsadqt1jHkSqzDFf6/aoaYfwk8cWEGuLaTmHH9iJof0mfyL9wefVlqODuiDT09jBVvbF5inBwuOj24dbSNqAWqps+XEbSShIHuq3y3W+glKewdPIu9w0FD9IvDufpn1HmW35MiaiumnVSV4mDeDJgFXL+l23uj8J6M+ywh8KzEdd1POfXKxxEV8YaFXdNH9rY2f1Z/ev3G6i+RLd4t/B5ZcKxg5nE1vumwp/TdyvT0bn2in9RzHojqre8xDd3GX1GYthJNzu+I2XJwp71k1LYfVAD7E2eVameg3SBzwhi2h/PmMQOG0Jxz/UGOqAlVhuDz/TB0w==

check 'at first there is none' test -z "$(enrollment list 2>/dev/null)"
check 'a certificate is enrolled' says 'Attestation:' enrollment create gate --cert gate.pem --device-id gate-7 --edge
check '... and shown' says 'gate-7' enrollment show gate
check '... as JSON of the service' says '"iotEdge": true' enrollment show gate --json
check_fails 'it is not enrolled twice' 6 'is there already; --replace' enrollment create gate --cert gate.pem
check 'it is replaced when that is wanted' says 'disabled' enrollment create gate --cert gate.pem --disabled --replace
check 'a TPM is enrolled' says tpm enrollment create pump --endorsement-key $ek
base64 -d <<<$ek >ek.pub
check '... by the file that the TPM wrote, too' enrollment create valve --endorsement-key ek.pub
check 'they have one key' test "$(enrollment show pump --json | grep endorsementKey)" = "$(enrollment show valve --json | grep endorsementKey)"
check_fails 'a public key in PEM is not taken' 3 'begins like AToAAQ' enrollment create bad --endorsement-key \
    "$(openssl x509 -in gate.pem -noout -pubkey)"
check 'symmetric keys are made' enrollment create meter --symmetric
check '... and not shown' lacks 'Primary key' enrollment show meter
check '... unless asked for' says 'Primary key' enrollment show meter --keys
openssl rand -base64 32 >meter.key
check 'keys of our own' enrollment create tap --key-file meter.key
check '... are the ones' says "$(cat meter.key)" enrollment show tap --keys
check 'all are listed' test "$(enrollment list --json | grep -c '"registrationId"')" = 5
check 'one is removed' enrollment delete tap
check_fails '... once' 6 'Enrollment not found' enrollment delete tap
check 'a group by its CA' says factory-1 group create factory-1 --cert factory.pem
check 'a group by keys, with all there is to say' group create meters --symmetric --allocation static --hub a.example --hub b.example --keep-hub
check 'groups are listed' says factory-1 group list
check_fails 'a leaf is no CA' 6 'not a CA certificate' group create leaves --cert gate.pem
check 'a group is removed' group delete meters

printf '{"tags":{"site":"north"},"properties":{"desired":{"level":7}}}' >twin.json
check 'an initial twin' says north enrollment create sensor --symmetric --initial-twin twin.json --json
check_fails 'a twin that is none' 3 'line 1, column' enrollment create sensor2 --symmetric --initial-twin ek.pub

# --- X.509 at scale: an authority, identities with full chains, one group, one individual
check 'the example works' example x509-scale 3
check 'each of its devices sent' test "$("$emulator" --state x509-scale/cloud --messages | wc -l)" = 3
check 'one of them by its own enrollment, under another name' grep -q '"device_id": "gateway"' x509-scale/iot-edge-device-identity-1.json
check 'the others by the group' grep -q '"enrollment_group": "line-1"' x509-scale/iot-edge-device-identity-3.json

# --- what goes wrong
check_fails 'nothing to prove itself with' 2 'needs one of' enrollment create x
check_fails 'a name is missing' 2 'ID: is missing' enrollment show
check_fails 'a name that no service takes' 6 400004 enrollment create 'a b' --symmetric
check_fails 'an unknown authority' 5 'certificate' "$devid" enrollment list
PROVISIONING_CONNECTION_STRING=HostName=localhost:1\;SharedAccessKeyName=x\;SharedAccessKey=AAEC
check_fails 'nobody there' 5 localhost:1 enrollment list
PROVISIONING_CONNECTION_STRING=${PROVISIONING_CONNECTION_STRING/localhost:1/localhost:${endpoint##*:}}
check_fails 'another key' 6 'clock' enrollment list
PROVISIONING_CONNECTION_STRING='HostName=h;DeviceId=d;SharedAccessKey=AAEC'
check_fails "a device's connection string" 3 "it is a device's" enrollment list
unset PROVISIONING_CONNECTION_STRING
check_fails 'no connection string' 2 '--connection' enrollment list
check 'one from a file' says gate enrollment list --connection "$cloud/connection-string"
check_fails 'a file that is not there' 3 /nowhere enrollment list --connection /nowhere
check_fails 'half a command' 2 'second word' "$devid" enrollment

# --- what the example left in the cloud
cloud=$work/x509-scale/cloud
start_emulator
for name in gateway iot-edge-device-identity-3; do
    check "$name began with the twin of its enrollment" says '"telemetryInterval":60' hub GET "/twins/$name"
    check '... and may be IoT Edge' says '"iotEdge":true' hub GET "/devices/$name"
done
done_testing
