#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What goes wrong at the command line: each case one message with the name of the thing, its own exit code, and nothing
# half-written.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"
cd "$work" || exit 99

key='pkcs11:token=device;object=id;type=private'
cert='pkcs11:token=device;object=id;type=cert'
provision() { # OPTION...: with options that come first, so that those given win
    "$devid" provision --endpoint "$endpoint" --ca-file "$cloud/ca.pem" --id-scope "$id_scope" --out state.json \
        --timeout 5 "$@"
}
files() { (cd "$DEVID_TOKENS" 2>/dev/null && find . -type f ! -name '.*' -exec cksum {} + | sort); }

one_line() { # COMMAND...: fails, with one message of the form "devid: thing: what"
    local lines
    "$@" >out 2>error </dev/null && return 1
    cat error
    lines=$(grep -vc '^devid: warning: ' error)
    [ "$lines" -eq 1 ] && grep -qE '^devid: [^:]+: ' error && [ ! -s out ]
}

# --- no TPM
free=$(free_port)
export DEVID_TCTI=swtpm:host=127.0.0.1,port=$free
check 'without a TPM tokens can be listed' "$devid" token list
check_fails 'a TPM that does not answer is a token failure with the name of the way to it' 4 "port=$free" \
    sh -c "'$devid' token init --label device && '$devid' key generate --token device --label id"
rm -rf "$DEVID_TOKENS"
DEVID_TCTI=nonsense check_fails 'so is a TCTI that does not exist' 4 'nonsense' \
    sh -c "'$devid' token init --label device && '$devid' key generate --token device --label id"
rm -rf "$DEVID_TOKENS"

start_tpm
start_emulator
check 'with a TPM a token is made' "$devid" token init --label device
check 'and a key' "$devid" key generate --token device --label id

warns() { # TEXT COMMAND...: it succeeds, and standard error has the text
    local text=$1
    shift
    "$@" 2>&1 >/dev/null | tee "$work/warning" | grep -qF -- "$text"
}

# --- a token directory that cannot be used
before=$(files)
if [ "$(id -u)" -ne 0 ]; then
    chmod 000 "$DEVID_TOKENS/device"
    check_fails 'an unreadable token directory is no token' 3 "token 'device'" "$devid" key generate --token device --label x
    chmod 700 "$DEVID_TOKENS/device"
fi
printf 'nonsense' >"$work/not-a-directory"
check 'a directory of tokens that cannot be read is named in a warning' warns 'not-a-directory cannot be read' \
    env DEVID_TOKENS="$work/not-a-directory" "$devid" token list
check_fails 'a token directory that is a file is named' 4 'not-a-directory' \
    env DEVID_TOKENS="$work/not-a-directory" "$devid" token init --label device
printf -- '-----BEGIN TSS2 PRIVATE KEY-----\nnonsense\n-----END TSS2 PRIVATE KEY-----\n' >"$DEVID_TOKENS/device/broken.pem"
chmod 600 "$DEVID_TOKENS/device/broken.pem"
check 'a broken key file hides itself and nothing else' says '"label": "id"' "$devid" key list --json
check 'and is named in a warning' warns "$DEVID_TOKENS/device/broken.pem is left out" "$devid" key list
rm "$DEVID_TOKENS/device/broken.pem"

# --- tokens, keys, certificates
check_fails 'an unknown token in a URI is named' 3 'nosuch' \
    "$devid" csr --key 'pkcs11:token=nosuch;object=id' --subject /CN=device-17
check_fails 'an unknown key in a URI is named' 3 'nosuch' \
    "$devid" csr --key 'pkcs11:token=device;object=nosuch' --subject /CN=device-17
check_fails 'a URI that is none is refused' 3 'pkcs11:nonsense' "$devid" csr --key pkcs11:nonsense --subject /CN=device-17
check_fails 'a subject without CN is refused' 3 'has no CN' "$devid" csr --key "$key" --subject /O=x --out x.csr
check 'and no request is written' test ! -e x.csr
check_fails 'a request that cannot be written is told' 3 '/nowhere/x.csr' \
    "$devid" csr --key "$key" --subject /CN=device-17 --out /nowhere/x.csr

"$devid" csr --key "$key" --subject /CN=device-17 --out device.csr
make_authority factory
issue factory device.csr device.pem
issue factory device.csr expired.pem -days -1
openssl req -new -key factory.key -subj /CN=device-17 -out other.csr
issue factory other.csr other.pem
printf -- '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n' >broken.pem
check_fails 'a broken certificate is refused' 3 'broken.pem' "$devid" cert import --key "$key" broken.pem
check_fails 'a certificate of another key is refused' 3 'does not belong to key' \
    "$devid" cert import --key "$key" other.pem
check_fails 'an expired one is refused' 3 'has expired' "$devid" cert import --key "$key" expired.pem
check 'nothing of all this changed the token' test "$(files)" = "$before"
cat device.pem factory.pem >chain.pem
check 'the right one is stored' "$devid" cert import --key "$key" chain.pem

# --- registration
check_fails 'a CN that is not the registration id is refused before the network' 3 'device-17' \
    provision --cert "$cert" --key "$key" --registration-id device-18 --endpoint https://127.0.0.1:1
check_fails 'a certificate that does not belong to the key is refused' 3 'other.pem' \
    provision --cert other.pem --key "$key"
check_fails 'an expired certificate is refused' 3 'expired.pem' provision --cert expired.pem --key "$key"
check_fails 'a broken certificate file is named' 3 'broken.pem' provision --cert broken.pem --key "$key"
check_fails 'a certificate file that is not there is named' 3 'nothere.pem' provision --cert nothere.pem --key "$key"
check_fails 'an unknown token is named' 3 'nosuch' provision --cert "$cert" --key 'pkcs11:token=nosuch;object=id'
check_fails 'a payload that is not JSON is refused' 3 'JSON' provision --cert "$cert" --key "$key" --payload device.pem
check_fails 'plain HTTP is refused' 3 'http://localhost' provision --cert "$cert" --key "$key" --endpoint http://localhost
check_fails 'a service that is not there is a network failure' 5 "127.0.0.1:$free" \
    provision --cert "$cert" --key "$key" --endpoint "https://127.0.0.1:$free" --timeout 2
check_fails 'a service that is not trusted is a network failure' 5 'certificate' \
    provision --cert "$cert" --key "$key" --ca-file factory.pem
check_fails 'an enrollment that is not there is a refusal, with the code of the service' 6 '404201' \
    provision --cert "$cert" --key "$key"
check_fails 'an id scope that is not there is a refusal' 6 '404' \
    provision --cert "$cert" --key "$key" --id-scope 0ne0000NONE
check 'no state was written' test ! -e state.json

# --- a service that answers nonsense
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=localhost -keyout service.key -out service.csr 2>/dev/null
printf 'subjectAltName = DNS:localhost\n' >service.ext
openssl x509 -req -in service.csr -CA "$cloud/ca.pem" -CAkey "$cloud/ca-key.pem" -set_serial 7 -extfile service.ext \
    -out service.pem 2>/dev/null
python3 "$DEVID_TEST_SOURCE/tests/story/reply.py" service.pem service.key answer reply-port &
story_pids="$story_pids $!"
for i in $(seq 500); do [ -s reply-port ] && break; sleep 0.02; done

answer() { # STATUS BODY-FILE
    { printf 'HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n' \
        "$1" "$(stat -c %s "$2")"; cat "$2"; } >answer.new && mv answer.new answer
}
answered() { provision --cert "$cert" --key "$key" --endpoint "https://localhost:$(cat reply-port)" "$@"; }
printf '{"operationId":' >body && answer '200 OK' body
check_fails 'a reply that is not JSON is named' 5 'JSON' answered
printf '{"status":"assigned","operationId":"4.1","registrationState":{"deviceId":7}}' >body && answer '200 OK' body
check_fails 'so is a reply that lacks what it must say' 5 'registrationState' answered
head -c 2000000 /dev/zero | tr '\0' ' ' >body && answer '200 OK' body
check_fails 'a reply without end is cut short' 5 'large' answered
printf '{"errorCode":401002,"trackingId":"the-tracking-id","message":"CA certificate not found."}' >body && answer '401 Unauthorized' body
check_fails 'a refusal has the code' 6 '401002' answered
check_fails 'and the text' 6 'CA certificate not found' answered
check_fails 'and the tracking id' 6 'the-tracking-id' answered
answer '503 Service Unavailable' body
check_fails 'a service that stays unavailable is told when the time is up' 0 '503' answered --timeout 2
printf 'nonsense\r\n\r\n' >answer
check_fails 'what is not HTTP is told' 5 'localhost' answered --timeout 2
check 'and again no state was written' test ! -e state.json

# --- telemetry
check_fails 'without a registration there is nowhere to send to' 3 'devid provision' "$devid" send --state state.json
echo '{' >state.json
check_fails 'a broken state file is named' 3 'state.json' "$devid" send --state state.json
enroll device-17 device.pem >/dev/null
check 'enrolled, the device registers over it' provision --cert "$cert" --key "$key"
check_fails 'a property is NAME=VALUE' 2 'NAME=VALUE' "$devid" send --state state.json --property x
check_fails 'a body file that is not there is named' 3 'nothere' "$devid" send --state state.json --body @nothere
sed -i 's/"device_id": "device-17"/"device_id": "device-99"/; s/"Dynamic"/"OnErrorOnly"/' state.json
check_fails 'a hub that does not know the device refuses' 6 'device-99' "$devid" send --state state.json --timeout 5
kill "$emulator_pid"
wait "$emulator_pid" 2>/dev/null
check_fails 'a hub that is gone is a network failure' 5 "$endpoint" "$devid" send --state state.json --timeout 2

# --- the form of the messages
check 'one line for a wrong option' one_line "$devid" send --nonsense
check 'one line for a missing file' one_line "$devid" cert import --key "$key" nothere.pem
check 'one line for a token that is not there' one_line "$devid" key list --token nosuch
done_testing
