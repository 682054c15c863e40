#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job: a key made in a TPM registers its device by X.509 and sends telemetry, first by an individual
# enrollment (EC key), then by a group (RSA key, certificate chain on the token).
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"
cd "$work" || exit 99
start_tpm
start_emulator

uri() { printf 'pkcs11:token=device;object=%s;type=%s' "$1" "$2"; }
messages() { arrived "$1" | grep -c "\"device\":\"$1\""; }
provision() { # KEY STATE OPTION...
    "$devid" provision --endpoint "$endpoint" --ca-file "$cloud/ca.pem" --id-scope "$id_scope" \
        --cert "$(uri "$1" cert)" --key "$(uri "$1" private)" --out "$2" --timeout 60 "${@:3}"
}

check 'there is no token yet' says '[]' "$devid" token list --json
check 'a token is made' "$devid" token init --label device
check 'it is listed' says '"label": "device"' "$devid" token list --json
check_fails 'its label is taken then' 3 'is there already' "$devid" token init --label device

# --- an individual enrollment
check 'an EC key is made in the TPM' says "$(uri ec private)" "$devid" key generate --token device --label ec
check_fails 'its label is taken then' 3 'already' "$devid" key generate --token device --label ec
check 'the key file is one that other TPM tools read' grep -rqF 'BEGIN TSS2 PRIVATE KEY' "$DEVID_TOKENS/device"
check 'a request is made' "$devid" csr --key "$(uri ec private)" --subject /CN=device-ec --san DNS:device-ec --out ec.csr
check 'openssl verifies it' says 'DNS:device-ec' openssl req -in ec.csr -verify -noout -text
make_authority factory
check 'an authority issues the certificate' issue factory ec.csr ec.pem
cat ec.pem factory.pem >ec-chain.pem
check 'it is stored beside the key' says "$(uri ec cert)" "$devid" cert import --key "$(uri ec private)" ec-chain.pem
check 'the key is listed with its certificate' says '"certificate": true' "$devid" key list --token device --json
check_fails 'the service refuses a device that is not enrolled' 6 'Enrollment not found' provision ec ec.json
check 'and nothing is saved' test ! -e ec.json
check 'the device is enrolled' enroll device-ec ec.pem
check 'it registers' says '"device_id": "device-ec"' provision ec ec.json --json
check 'the assignment is saved' grep -q '"hub": "localhost:' ec.json
check 'ten messages are sent' says '10 messages arrived' "$devid" send --state ec.json --count 10
check 'ten messages arrived' test "$(messages device-ec)" -eq 10
check 'a message of our own is sent' "$devid" send --state ec.json --body '{"temperature":21.5}' --property 'room=cellar'
check 'it arrived, with its property' says '"room":"cellar"' arrived device-ec
check 'and its body' says 'temperature' arrived device-ec
printf 'plain text' >body.txt
check 'a message from a file is sent' says '"sent": 1' "$devid" send --state ec.json --body @body.txt --json
check 'it arrived' says '"body":"plain text"' arrived device-ec
check 'registering again gives the same device' says 'device-ec' provision ec ec.json

# --- the same key in a program that knows nothing of DevID, by the configuration of the examples
openssl_cnf() { foreign env OPENSSL_CONF="$DEVID_TEST_SOURCE/examples/openssl.cnf" openssl "$@"; }
openssl x509 -in ec.pem -pubkey -noout -out ec.pub
check 'openssl signs with it by its URI' openssl_cnf dgst -sha256 -sign "$(uri ec private)" -out body.sig ec.csr
check 'and anybody verifies that' openssl dgst -sha256 -verify ec.pub -signature body.sig ec.csr

# --- a group enrollment: what the factory's line issued
check 'an RSA key is made in the TPM' "$devid" key generate --token device --label rsa --type rsa-2048
check 'a request is made' "$devid" csr --key "$(uri rsa private)" --subject '/O=Example/CN=device-rsa' --out rsa.csr
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout line.key -subj /CN=line -out line.csr 2>/dev/null
issue factory line.csr line.pem -extfile <(printf 'basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign')
issue line rsa.csr rsa.pem
cat rsa.pem line.pem >rsa-chain.pem
check 'certificate and intermediate are stored' "$devid" cert import --key "$(uri rsa private)" rsa-chain.pem
check 'the group is enrolled by its intermediate' enroll --group line-1 line.pem
check 'the device registers by its group' says '"enrollment_group": "line-1"' provision rsa rsa.json --json
check 'it sends, too' "$devid" send --state rsa.json --count 3
check 'what it sent arrived' test "$(messages device-rsa)" -eq 3
check 'the settings come from the environment as well' env PROVISIONING_HOST="$endpoint" PROVISIONING_IDSCOPE="$id_scope" \
    PROVISIONING_REGISTRATION_ID=device-rsa "$devid" provision --ca-file "$cloud/ca.pem" \
    --cert 'pkcs11:token=device;object=rsa' --key 'pkcs11:token=device;object=rsa' --out env.json

# --- plain files in place of token objects
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout file.key -subj /CN=device-file \
    -out file.csr 2>/dev/null
issue line file.csr file.pem
cat file.pem line.pem >file-chain.pem
check 'a device with a key in a file registers by the group' "$devid" provision --endpoint "$endpoint" \
    --ca-file "$cloud/ca.pem" --id-scope "$id_scope" --cert file-chain.pem --key file.key --out file.json
check 'and sends from another directory' sh -c "cd / && '$devid' send --state '$work/file.json'"
check 'the PEM form of the URI serves as a key file' sh -c "'$devid' key pem --key '$(uri ec private)' --out ec-key.pem &&
    '$devid' provision --endpoint $endpoint --ca-file '$cloud/ca.pem' --id-scope $id_scope --cert ec-chain.pem \
        --key ec-key.pem --out pem.json"
done_testing
