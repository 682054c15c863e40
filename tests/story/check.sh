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
done_testing
