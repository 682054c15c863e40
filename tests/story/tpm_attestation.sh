#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A device with a TPM: enrolled by its endorsement key, registered by a key that the service wraps for that TPM, all through
# PKCS#11; then it sends with the hub's key, in other processes.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"
cd "$work" || exit 99
start_tpm
start_emulator

messages() { arrived "$1" | grep -c "\"device\":\"$1\""; }
provision() { # STATE OPTION...
    "$devid" provision --endpoint "$endpoint" --ca-file "$cloud/ca.pem" --id-scope "$id_scope" --tpm --out "$1" --timeout 60 "${@:2}"
}
# The example prints what an enrollment needs.
PKG_CONFIG_PATH=$work/pc
mkdir pc
sed "s,^libdir=.*,libdir=$DEVID_TEST_BUILD/dps/.libs,; s,^includedir=.*,includedir=$DEVID_TEST_SOURCE/include," \
    "$DEVID_TEST_BUILD/dps/devid-dps.pc" >pc/devid-dps.pc
export PKG_CONFIG_PATH LD_LIBRARY_PATH=$DEVID_TEST_BUILD/dps/.libs
# shellcheck disable=SC2046
check 'the example is built' ${CC:-cc} "$DEVID_TEST_SOURCE/examples/register_tpm.c" -o register_tpm \
    $(pkg-config --cflags --libs devid-dps)

check 'the whole way with a simulated TPM' example simulated-tpm
check '... ten messages came of it' test "$("$emulator" --state simulated-tpm/cloud --messages | wc -l)" -eq 10
check '... and another TPM was refused, and told why' grep -q "this TPM's endorsement key must be enrolled" simulated-tpm.log

check_fails 'without a token there is no TPM' 3 'there is no such token of a TPM' provision no.json
check 'a token is made' "$devid" token init --label device
check 'the TPM tells its enrollment' says 'Endorsement Key:' foreign ./register_tpm
foreign ./register_tpm >identity
id=$(sed -n 2p identity)
endorsement_key=$(tail -1 identity)
check_fails 'tpm info has one form at a time' 2 'leave one out' "$devid" tpm info --azure --json
check_fails 'a token that is not there has no identity' 3 'nowhere' "$devid" tpm info --token nowhere
check 'devid tells the same ids and key' sh -c "test \"\$('$devid' tpm info --json | sed -n 's/.*\"\(registration_id_base32\|endorsement_key\)\": \"\(.*\)\".*/\2/p')\" = '$id
$endorsement_key'"
check 'it takes the label of the token or its URI' sh -c "'$devid' tpm info --token device && '$devid' tpm info --token pkcs11:token=device"
printf 'Registration Id:\n%s\n\nEndorsement Key:\n%s\n' "$id" "$endorsement_key" >azure
check '--azure is what the SDK tool prints' sh -c "'$devid' tpm info --azure | cmp - azure"
tpm_id=$(printf '%s' "$endorsement_key" | openssl base64 -d -A | openssl dgst -sha256 -r | cut -c1-64)
check 'the hex id is the SHA-256 of the key' test "$("$devid" tpm info --azure --tpm-id hex | sed -n 2p)" = "$tpm_id"
check 'the key is usable in an enrollment as printed' "$devid" enrollment create probe --ca-file "$cloud/ca.pem" \
    --connection "$cloud/connection-string" --endorsement-key "$("$devid" tpm info --azure | tail -1)"
enroll_tpm() { service PUT "/enrollments/$1" "{\"registrationId\":\"$1\",\"attestation\":{\"type\":\"tpm\",
    \"tpm\":{\"endorsementKey\":\"${2:-$endorsement_key}\"}}}"; }
check_fails 'a TPM that is not enrolled is refused' 6 'not found' provision no.json
check 'it is enrolled under the name that its key gives it' enroll_tpm "$id"
tpm_commands_reset
check 'it registers under that name' says "\"device_id\": \"$id\"" provision one.json --json
check '... with the 17 commands of docs/dps.md' test "$(tpm_commands)" -eq 17
check 'no key is in the state file' sh -c "! grep -qiE 'authenticationKey|SharedAccess' one.json"
tpm_commands_reset
check 'it sends with the key of the hub' says '3 messages arrived' "$devid" send --state one.json --count 3
check '... with three commands' test "$(tpm_commands)" -eq 3
check 'for three messages the TPM signs once' test "$(tpm_commands 155)" -eq 1
check 'they arrived' test "$(messages "$id")" -eq 3
check 'registering again replaces the key' provision one.json
check 'there is one such key' test "$(grep -rlF 'devid-hub' "$DEVID_TOKENS/device" | wc -l)" -eq 1
check 'and it serves' "$devid" send --state one.json
check 'any name will do' enroll_tpm meter-7
check 'that is enrolled' says 'meter-7' provision seven.json --registration-id meter-7
check 'both send' sh -c "'$devid' send --state seven.json && '$devid' send --state one.json"
hex=$(sed -n 's/(in hexadecimal: \(.*\))/\1/p' identity)
check 'the other convention for the name' enroll_tpm "$hex"
check 'is one option' says "\"registration_id\": \"$hex\"" provision hex.json --tpm-id hex --json
check 'the example registers as well' says "$id at" env PROVISIONING_HOST="$endpoint" TRUST="$cloud/ca.pem" \
    bash -c "$(declare -f foreign); foreign ./register_tpm $id_scope"
done_testing
