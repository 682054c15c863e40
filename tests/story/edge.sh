#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Configurations of IoT Edge with symmetric keys; then telemetry, messages from the cloud, tokens for
# other programs, what comes of a hub that forgot the device, and a certificate that the service issues.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"
cd "$work" || exit 99
start_emulator --polls 1 --retry-after 0
export PROVISIONING_CONNECTION_STRING SSL_CERT_FILE=$cloud/ca.pem
PROVISIONING_CONNECTION_STRING=$(cat "$cloud/connection-string")

enroll() { "$devid" enrollment create --ca-file "$cloud/ca.pem" "$@"; }
provision() { "$devid" provision --ca-file "$cloud/ca.pem" --timeout 60 "$@"; }
requests() { curl -sS --cacert "$cloud/ca.pem" "$endpoint/emulator/faults" | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }

# --- symmetric keys
openssl rand -base64 32 >pump.key
check 'a device with a symmetric key is enrolled' enroll pump --key-file pump.key
cat >symmetric.toml <<X
[provisioning]
source = "dps"
global_endpoint = "$endpoint"
id_scope = "$id_scope"
[provisioning.attestation]
method = "symmetric_key"
registration_id = "pump"
symmetric_key = { uri = "file://$work/pump.key" }
X
check 'config.toml registers it' says pump provision --config symmetric.toml --out pump.json
before=$(requests register)
check 'a second start takes what is kept, as Dynamic wants' provision --config symmetric.toml --out pump.json
check '... and the service saw nothing' test "$(requests register)" = "$before"
sed '1i auto_reprovisioning_mode = "AlwaysOnStartup"' symmetric.toml >always.toml
check 'another one registers, as AlwaysOnStartup wants' provision --config always.toml --out always.json
check '... which the service saw' test "$(requests register)" -gt "$before"
cat >config.yaml <<X
provisioning:
  source: "dps"
  global_endpoint: "$endpoint"
  scope_id: "$id_scope"
  attestation:
    method: "symmetric_key"
    registration_id: "pump"
    symmetric_key: "$(cat pump.key)"
X
check 'config.yaml registers it' says pump provision --config config.yaml --out yaml.json
check '... and the key is not in the state' sh -c '! grep -qF "$(cat pump.key)" yaml.json'
cat >devid.conf <<X
tcti = swtpm:
provisioning-source = dps
provisioning-endpoint = $endpoint
provisioning-id-scope = $id_scope
provisioning-attestation = symmetric_key
provisioning-registration-id = pump
provisioning-symmetric-key-file = $work/pump.key
X
check 'devid.conf registers it' says pump provision --config devid.conf --out conf.json
check 'the state holds no key' sh -c '! grep -qF "$(cat pump.key)" pump.json'
check 'it sends' says '1 message arrived' "$devid" send --state pump.json --body hello
openssl rand -base64 64 | tr -d '\n' >group.key
check 'a group is enrolled' "$devid" group create meters --ca-file "$cloud/ca.pem" --key-file group.key
check 'a member registers with a derived key' says meters provision --endpoint "$endpoint" --id-scope "$id_scope" \
    --registration-id meter-1 --group-key-file group.key --out meter.json

# --- the state, asked
check 'status tells what is kept' says 'Told by:' "$devid" status --state pump.json
check '... as JSON' says '"device_id": "pump"' "$devid" status --state pump.json --json
check '... or what the service says' says 'the service' "$devid" status --state pump.json --ask

# --- messages from the cloud
check 'nothing waits' says '[]' "$devid" receive --state pump.json --json
check 'a message is sent to the device' "$emulator" --state "$cloud" --send pump 'open the valve'
check 'another one, with a property' hub POST /devices/pump/messages/devicebound -H 'iothub-app-urgent: yes' -d 'close it'
check 'it takes the first' says 'open the valve' "$devid" receive --state pump.json
check 'it rejects the second' says '"urgent": "yes"' "$devid" receive --state pump.json --settle reject --json
outcomes() { "$emulator" --state "$cloud" --commands pump; }
check 'the hub knows what became of them' test "$(outcomes | grep -c -e '"completed"' -e '"rejected"')" = 2
check 'a message that is given back' "$emulator" --state "$cloud" --send pump again
check '... is taken' says again "$devid" receive --state pump.json --settle abandon
check '... and comes again' says '"delivery_count": "2"' "$devid" receive --state pump.json --json

# --- a token for another program
token() { "$devid" sas --state pump.json --duration 60 "$@"; }
check 'a token is signed' says "sr=localhost%2Fdevices%2Fpump" token
check 'curl sends with it' curl -sS --fail --cacert "$cloud/ca.pem" -H "Authorization: $(token)" -d 'from curl' "$endpoint/devices/pump/messages/events?api-version=2021-04-12"
check 'the message arrived' says 'from curl' arrived pump

# --- a hub that forgot the device
check 'the hub loses the device' hub DELETE /devices/pump
check 'under Dynamic it registers and goes on' says '1 message arrived' "$devid" send --state pump.json
check 'the hub loses it once more' hub DELETE /devices/pump
sed 's/"Dynamic"/"OnErrorOnly"/' pump.json >still.json
check_fails 'otherwise that is a refusal' 6 404001 "$devid" send --state still.json

# --- a certificate issued with the registration
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=pump -keyout issued.key -outform DER -out pump.csr 2>/dev/null
check_fails 'without a credential policy there is no certificate' 6 credentialPolicyName \
    provision --config symmetric.toml --csr pump.csr --cert-out issued.pem --out issued.json --reprovision always
check 'the enrollment gets a policy' enroll pump --key-file pump.key --credential-policy default --replace
check 'the service issues one' provision --config symmetric.toml --csr pump.csr --cert-out issued.pem --out issued.json --reprovision always
check '... for our key' test "$(openssl x509 -in issued.pem -noout -pubkey)" = "$(openssl pkey -in issued.key -pubout)"
check 'the hub takes it' curl -sS --fail --cacert "$cloud/ca.pem" --cert issued.pem --key issued.key -d 'issued' "$endpoint/devices/pump/messages/events?api-version=2021-04-12"

# --- a device that was given its hub (source = "manual"): it does not register, the rest is the same
device_key=$(openssl rand -base64 32)
check 'the hub gets a device' hub PUT /devices/barrel -H 'Content-Type: application/json' \
    -d "{\"deviceId\":\"barrel\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"$device_key\",\"secondaryKey\":\"$device_key\"}}}"
printf '[provisioning]\nsource = "manual"\nconnection_string = "HostName=%s;DeviceId=barrel;SharedAccessKey=%s"\n' "${endpoint#https://}" "$device_key" >manual.toml
before=$(requests register)
check 'its connection string is all it needs' says 'Device: barrel' sh -c "'$devid' provision --config manual.toml --ca-file '$cloud/ca.pem' --out manual.json | tr -s ' '"
check '... it did not register' test "$(requests register)" = "$before"
check '... the state holds no key' sh -c "! grep -qF '$device_key' manual.json"
check 'status tells of it' says barrel "$devid" status --state manual.json
check 'it sends with the key of the configuration' says '2 messages arrived' "$devid" send --state manual.json --config manual.toml --count 2
check '... or of the environment' env PROVISIONING_SYMMETRIC_KEY="$device_key" "$devid" send --state manual.json
check '... which arrived' test "$(arrived barrel | wc -l)" = 3
check 'it receives' sh -c "'$emulator' --state '$cloud' --send barrel roll && '$devid' receive --state manual.json --config manual.toml | grep -q roll"
check_fails 'without its key it says where to look' 3 '--config' "$devid" send --state manual.json
printf '%s' "$device_key" >barrel.key
printf 'provisioning:\n  source: "manual"\n  device_connection_string: "HostName=%s;DeviceId=barrel;SharedAccessKey=%s"\n' "${endpoint#https://}" "$device_key" >manual.yaml
check 'config.yaml has it, too' provision --config manual.yaml --out manual-yaml.json
printf '[provisioning]\nsource = "manual"\niothub_hostname = "%s"\ndevice_id = "barrel"\n[provisioning.authentication]\nmethod = "sas"\ndevice_id_pk = { uri = "file://%s/barrel.key" }\n' \
    "${endpoint#https://}" "$work" >parts.toml
check 'its parts do as well' provision --config parts.toml --out parts.json
check '... and then a file has the key' says '1 message arrived' "$devid" send --state parts.json
check 'the hub loses it' hub DELETE /devices/barrel
check_fails 'there is nobody to register with: that is a refusal' 6 404001 "$devid" send --state parts.json
check_fails 'half a connection string is told' 3 'DeviceId' sh -c "printf '[provisioning]\nsource = \"manual\"\nconnection_string = \"HostName=h;SharedAccessKey=AAEC\"\n' >half.toml && '$devid' provision --config half.toml"

# --- what goes wrong
check_fails 'two ways at once' 2 'several ways' provision --id-scope s --tpm --symmetric-key-file pump.key
check_fails 'no way at all' 2 '--config' provision --id-scope s
check_fails 'half a way' 2 'belong together' provision --id-scope s --cert x
check_fails 'no id scope' 2 '--id-scope: is missing' provision --tpm
check_fails 'a mode that is none' 2 never provision --id-scope s --tpm --reprovision never
sed -i 's/^id_scope = .*/id_scope = /' symmetric.toml
check_fails 'a configuration with a mistake, by line and column' 3 'symmetric.toml: line 4, column 12' provision --config symmetric.toml
check_fails 'a configuration that is not there' 3 /nowhere provision --config /nowhere
openssl rand -base64 32 >other.key
check_fails 'another key is refused' 6 401002 provision --endpoint "$endpoint" --id-scope "$id_scope" --registration-id pump \
    --symmetric-key-file other.key --out other.json
check '... and nothing is saved' test ! -e other.json
check_fails 'receiving without a registration' 3 'devid provision' "$devid" receive --state none.json
check_fails 'a token without a registration' 3 'devid provision' "$devid" sas --state none.json
check_fails 'status without a registration' 3 'devid provision' "$devid" status --state none.json
check_fails 'a way to settle that is none' 2 abandon "$devid" receive --settle maybe --state pump.json
done_testing
