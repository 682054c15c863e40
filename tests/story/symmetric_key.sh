#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Devices with symmetric keys: individual and group enrollments; keys in files, the environment and a token.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"
cd "$work" || exit 99
start_emulator
unset PROVISIONING_HOST PROVISIONING_IDSCOPE PROVISIONING_REGISTRATION_ID PROVISIONING_SYMMETRIC_KEY

messages() { arrived "$1" | grep -c "\"device\":\"$1\""; }
provision() { # ID STATE OPTION...
    "$devid" provision --endpoint "$endpoint" --ca-file "$cloud/ca.pem" --id-scope "$id_scope" --registration-id "$1" \
        --out "$2" --timeout 20 "${@:3}"
}

openssl rand -base64 32 >primary.key
openssl rand -base64 64 | tr -d "\n" >secondary.key
openssl rand -base64 32 >group.key
check 'a device is enrolled by its keys' enroll_key meter-1 "$(cat primary.key)" "$(cat secondary.key)"
check 'a group is enrolled by its key' enroll_group meters "$(cat group.key)"

# --- an individual enrollment
check 'it registers with its key' says '"device_id": "meter-1"' provision meter-1 one.json --symmetric-key-file primary.key --json
check 'no key is in the state file' sh -c "! grep -qFf primary.key one.json"
check 'it sends with the same key' says '3 messages arrived' "$devid" send --state one.json --count 3
check 'they arrived' test "$(messages meter-1)" -eq 3
check 'its secondary key is as good' provision meter-1 two.json --symmetric-key-file secondary.key
check_fails 'another key is not' 6 'the key must be the primary or secondary one' provision meter-1 no.json --symmetric-key-file group.key
check 'and nothing is saved' test ! -e no.json

# --- the quickstart: four variables and ten messages
check 'the example of the quickstart works' example symmetric-key
check 'its ten messages arrived' test "$("$emulator" --state symmetric-key/cloud --messages symm-key-007 | wc -l)" -eq 10
key=$(sed -n 's/.*"primaryKey": "\([^"]*\)".*/\1/p' symmetric-key/enrollment.json)
check 'no key is in that state file either' sh -c "[ -n '$key' ] && ! grep -qF '$key' symmetric-key/registration.json"
check 'nor in what was printed' sh -c "! grep -qF '$key' symmetric-key.log"
check 'the other key is refused, and told why' grep -q 'the key must be the primary or secondary one' symmetric-key.log
check_fails 'without the key there are no messages' 3 'there are no credentials' "$devid" send --state symmetric-key/registration.json

# --- a group
check 'a device registers by its group' says '"enrollment_group": "meters"' provision meter-2 group.json --group-key-file group.key --json
check 'and sends' says '2 messages arrived' "$devid" send --state group.json --count 2

# --- a key that moves into a token, with a PIN
softhsm=/usr/lib/softhsm/libsofthsm2.so
mkdir softhsm
echo "directories.tokendir = $work/softhsm" >softhsm.conf
export SOFTHSM2_CONF=$work/softhsm.conf
printf '1234\n' >pin
check 'a token is made' foreign softhsm2-util --init-token --free --label vault --pin 1234 --so-pin 1234
store='pkcs11:token=vault;object=meter-3'
check 'a derived key is kept in it' provision meter-3 store.json --group-key-file group.key --key-store "$store" \
    --module $softhsm --pin-file pin
mv group.key gone.key
check 'then the group key is not needed' provision meter-3 store.json --group-key-file group.key --key-store "$store" \
    --module $softhsm --pin-file pin
check 'nor for messages' says '1 message arrived' "$devid" send --state store.json --module $softhsm --pin-file pin
check 'the key serves by its own URI' provision meter-3 uri.json --symmetric-key-uri "$store?pin-source=file:$work/pin" \
    --module $softhsm
check_fails 'a key that is not there is named' 3 'no such secret key' provision meter-3 no.json \
    --symmetric-key-uri "pkcs11:token=vault;object=nobody?pin-source=file:$work/pin" --module $softhsm
check_fails 'a missing PIN is told' 3 'has a PIN' provision meter-3 no.json --symmetric-key-uri "$store" --module $softhsm
printf '9999' >pin
check_fails 'a wrong one, too' 4 'CKR_PIN_INCORRECT' provision meter-3 no.json --symmetric-key-uri "$store" --module $softhsm \
    --pin-file pin

# --- starting again
check 'a device that starts again needs no service' env https_proxy=http://127.0.0.1:1 \
    "$devid" provision --endpoint "$endpoint" --ca-file "$cloud/ca.pem" --id-scope "$id_scope" --registration-id meter-1 \
    --out one.json --symmetric-key-file primary.key --reprovision dynamic
check 'when its hub has lost it, it registers again' sh -c "sed -i 's/\"device_id\": \"meter-1\"/\"device_id\": \"meter-9\"/' one.json &&
    '$devid' send --state one.json 2>&1 | grep -q 'registering again'"
check 'and is itself again' grep -q '"device_id": "meter-1"' one.json
check_fails 'unless it shall not' 6 'the hub does not know the device' sh -c "sed -i 's/: \"meter-1\"/: \"meter-9\"/; s/Dynamic/OnErrorOnly/' one.json &&
    '$devid' send --state one.json"

# --- the command line
check_fails 'one way to prove who it is must be said' 2 'needs --cert and --key' provision meter-1 no.json
check_fails 'but not two' 2 'several ways' provision meter-1 no.json --symmetric-key-file primary.key --tpm
check_fails 'a mode is one of three' 2 "does not take 'never'" provision meter-1 no.json --symmetric-key-file primary.key --reprovision never
check_fails 'a PIN does not belong in a URI that is kept' 3 'pin-value' provision meter-1 no.json \
    --symmetric-key-uri 'pkcs11:token=vault;object=x?pin-value=1'
check_fails 'a key is base64' 3 'is not base64' sh -c "echo nonsense! >bad.key && '$devid' provision --id-scope x --registration-id y --symmetric-key-file bad.key"
done_testing
