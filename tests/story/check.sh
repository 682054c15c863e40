#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `devid check` finds what is wrong, and says what to do: with and without a TPM, tokens, a provider, and a service.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"
cd "$work" || exit 99
line() { # RESULT CHECK TEXT COMMAND...: it prints such a line, whatever its exit status
    local wanted="^$1 *$2 .*$3"
    shift 3
    "$@" >line.out 2>line.err
    cat line.out line.err
    grep -q -- "$wanted" line.out && [ ! -s line.err ]
}

check 'a device with nothing yet is no failure' "$devid" check
check '... and what it lacks is told' line warn tokens 'devid token init' "$devid" check
check 'the provider loads' line ok provider '' "$devid" check
check 'the clock is looked at' line ok clock '' "$devid" check
check 'p11-kit is looked at' line '[okwarn]*' p11-kit '' "$devid" check
check_fails 'a provider that is not there fails' 3 'OPENSSL_MODULES' \
    env OPENSSL_MODULES="$work/none" DEVID_PKCS11_MODULE="$work/none.so" "$devid" check
check 'a module that is not there is named' line fail module 'none.so: cannot be loaded' "$devid" check --module "$work/none.so"
check_fails '... with the exit status of bad input' 3 'none.so' "$devid" check --module "$work/none.so"

check 'a file token is made' "$devid" token init --label files --backend file
check 'its directory is in order' line ok token "'files': $DEVID_TOKENS/files, mode 700" "$devid" check
chmod 777 "$DEVID_TOKENS/files"
check 'a directory that others write to fails' line fail token "'files': .*chmod go-w" "$devid" check
check_fails '... with an exit status' 3 'mode 777' "$devid" check
chmod 700 "$DEVID_TOKENS/files"
printf '%s\n' '-----BEGIN CERTIFICATE-----' 'AAAA' >"$DEVID_TOKENS/files/broken.pem"
check 'a broken file is a warning that names it' line warn token broken.pem "$devid" check
check '... of which nothing fails' "$devid" check
rm "$DEVID_TOKENS/files/broken.pem"
mkdir "$DEVID_TOKENS/torn"
echo 'label' >"$DEVID_TOKENS/torn/token.conf"
check 'a broken token is named' line warn tokens torn "$devid" check
rm -r "$DEVID_TOKENS/torn"

start_tpm
check 'a TPM token is made' "$devid" token init --label device
check 'its TPM answers' line ok token "'device': its TPM answers" "$devid" check
check 'it has the keys of the TPM' line ok token "'device': has endorsement key" "$devid" check
check 'one made without them' env DEVID_DEVICE_OBJECTS=no "$devid" token init --label bare
check '... is sent to tpm setup' line warn token "'bare': .*devid tpm setup --token bare" "$devid" check
check_fails 'a TPM that is away fails with the exit status of tokens' 4 'cannot be reached' \
    env DEVID_TCTI=swtpm:host=127.0.0.1,port=9 "$devid" check
"$devid" check --json >findings.json
check '--json is a list of findings' python3 -c 'import json
found = json.load(open("findings.json"))
assert all(set(f) == {"result", "check", "text"} and f["result"] in ("ok", "warn") for f in found)
assert {"TPM", "clock", "provider", "p11-kit", "module", "token"} <= {f["check"] for f in found}'

start_emulator
check 'a service is found, trusted and of the same time' line ok TLS trusted "$devid" check --endpoint "$endpoint" --ca-file "$cloud/ca.pem"
check '... its clock agrees' line ok clock agrees "$devid" check --endpoint "$endpoint" --ca-file "$cloud/ca.pem"
check 'one of an unknown authority fails' line fail TLS '--ca-file' "$devid" check --endpoint "$endpoint"
check_fails '... with the exit status of the network' 5 'ca-certificates' "$devid" check --endpoint "$endpoint"
check 'nobody there' line fail endpoint firewall "$devid" check --endpoint "https://127.0.0.1:9"
check 'a name that is none' line fail DNS 'resolv.conf' "$devid" check --endpoint 'https://no-such-host.invalid'
check 'a URL of another kind' line fail endpoint 'https://HOST' "$devid" check --endpoint 'ftp://localhost'

# --- the enrollment: the device's half, and the service's
connection="--connection $cloud/connection-string --ca-file $cloud/ca.pem"
# shellcheck disable=SC2086
look() { "$devid" check --endpoint "$endpoint" $connection "$@"; }
# shellcheck disable=SC2086
enroll() { "$devid" enrollment create $connection "$@"; }
id=$("$devid" tpm info --token device --azure | sed -n 2p)
tpm=(--tpm --token 'pkcs11:token=device')
check 'credentials are looked at without a service' line ok credentials 'the TPM shows' "$devid" check "${tpm[@]}" --endpoint "$endpoint" --ca-file "$cloud/ca.pem"
check '... and the name' line ok registration "as \"$id\"" look "${tpm[@]}"
check '... and the id scope' line warn registration '--id-scope' look "${tpm[@]}"
check 'a TPM that is not enrolled is told with the command' line fail enrollment "devid enrollment create $id --endorsement-key" look "${tpm[@]}"
check_fails '... with the exit status of refusals' 6 'no group that fits' look "${tpm[@]}"
check 'another key is enrolled under its name' enroll "$id" --endorsement-key "$("$devid" tpm info --token device --azure | tail -1 | sed 's/AQAB\|..==$/AA==/')"
check '... which is found' line fail enrollment 'is for another TPM' look "${tpm[@]}"
check 'its own' enroll "$id" --replace --endorsement-key "$("$devid" tpm info --token device --azure | tail -1)"
check '... is what it shows' line ok enrollment 'what the device shows' look "${tpm[@]}"
check 'switched off' enroll "$id" --replace --disabled --endorsement-key "$("$devid" tpm info --token device --azure | tail -1)"
check '... it is told so' line fail enrollment 'disabled; enable it' look "${tpm[@]}"
openssl rand -base64 32 >own.key
openssl rand -base64 32 >group.key
check 'a key is enrolled' enroll meter-1 --key-file own.key
# shellcheck disable=SC2086
check 'and a group' "$devid" group create meters --key-file group.key $connection
check 'the right key fits' line ok enrollment 'what the device shows' look --symmetric-key-file own.key --registration-id meter-1
check 'another does not' line fail enrollment 'primary or secondary' look --symmetric-key-file group.key --registration-id meter-1
check 'a member is found by its group' line ok enrollment 'the group meters lets meter-2 in' look --group-key-file group.key --registration-id meter-2
check 'by another way to prove itself it is not let in' line fail enrollment 'is by symmetricKey' look "${tpm[@]}" --registration-id meter-1
make_authority factory
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=gate-1 -keyout gate.key -out gate.csr 2>/dev/null
issue factory gate.csr gate.pem
gate=(--cert gate.pem --key gate.key)
check 'a gap in the chain is a warning' line warn credentials 'intermediate certificates' look "${gate[@]}"
check 'who is not enrolled' line fail enrollment 'devid group create NAME --cert CA-FILE' look "${gate[@]}"
# shellcheck disable=SC2086
check 'a group by the CA' "$devid" group create factory --cert factory.pem $connection
check '... lets it in, though the CA is not sent' line ok enrollment 'the group factory lets gate-1 in' look "${gate[@]}"
check 'an enrollment of its own with another certificate' enroll gate-1 --cert factory.pem
check '... goes before the group' line fail enrollment 'another certificate' look "${gate[@]}"
check 'a name that is not the certificate'"'"'s' line fail credentials 'common name' look "${gate[@]}" --registration-id gate-2
check 'a name that no service takes' line fail credentials 'no registration id' look "${gate[@]}" --registration-id 'gate 1'
check 'a key that is another one' line fail credentials 'does not belong' look --cert gate.pem --key factory.key
check 'a key that is not there' line fail credentials 'nowhere.key' look --cert gate.pem --key nowhere.key
check 'a configuration of IoT Edge is looked at' sh -c "printf '[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"%s\"\nid_scope = \"x\"\n[provisioning.attestation]\nmethod = \"x509\"\nregistration_id = \"gate-1\"\nidentity_cert = \"file://$work/gate.pem\"\nidentity_pk = \"file://$work/gate.key\"\n' '$endpoint' >config.toml &&
    '$devid' check --config config.toml --ca-file '$cloud/ca.pem' | grep 'ok *registration.*gate-1'"
check 'a service that is not there fails' line fail enrollment 'localhost:1' env PROVISIONING_CONNECTION_STRING='HostName=localhost:1;SharedAccessKeyName=x;SharedAccessKey=AAEC' \
    "$devid" check --endpoint "$endpoint" --ca-file "$cloud/ca.pem" "${gate[@]}"

# --- the way to the TPM, where the token's own configuration names it
sed -i '/^tcti *=/d' "$DEVID_TOKENS/device/token.conf" "$DEVID_TOKENS/bare/token.conf"
echo "tcti = $DEVID_TCTI" >>"$DEVID_TOKENS/bare/token.conf"
echo 'tcti = device:/dev/no-such-tpm' >>"$DEVID_TOKENS/device/token.conf"
check 'a TPM that a token names' line ok TPM "token 'bare' names it: $DEVID_TCTI" env -u DEVID_TCTI "$devid" check
check '... and one that is not there' line fail TPM "token 'device' names /dev/no-such-tpm, which is not there" env -u DEVID_TCTI "$devid" check
done_testing
