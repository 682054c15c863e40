#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The emulator's judges against programs that know nothing of this project: openssl signs tokens and derives keys, tpm2-tools
# answers the TPM challenge on a swtpm, curl carries it all.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"

start_emulator --polls 1 --retry-after 0

hex() { od -An -v -tx1 | tr -d ' \n'; }
percent() { sed 's/%/%25/g; s/+/%2B/g; s,/,%2F,g; s/=/%3D/g'; }
hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary; }

token() { # KEY-HEX RESOURCE [SECONDS [POLICY]]: signed by openssl
    local resource expiry signature
    resource=$(printf '%s' "$2" | percent)
    expiry=$(($(date +%s) + ${3:-600}))
    signature=$(printf '%s\n%s' "$resource" $expiry | hmac "$1" | base64 -w0 | percent)
    echo "SharedAccessSignature sr=$resource&sig=$signature&se=$expiry${4:+&skn=$4}"
}

request() { # METHOD PATH CURL-OPTION...: prints status and body
    local method=$1 path=$2
    shift 2
    curl -sS --cacert "$cloud/ca.pem" --max-time 30 -X "$method" -H 'Content-Type: application/json' -w '\n%{http_code}\n' "$@" "$endpoint$path"
}

answers() { # STATUS TEXT COMMAND...: the last line is the status, and the text is in the answer
    local status=$1 text=$2 reply
    shift 2
    reply=$("$@") || { echo "$reply"; return 1; }
    echo "$reply"
    [ "$(tail -n 1 <<<"$reply")" = "$status" ] && grep -qF -- "$text" <<<"$reply"
}

fails() { ! "$@"; }
lacks() { # TEXT COMMAND...: the command succeeds, and its answer does not have the text
    local text=$1 reply
    shift
    reply=$("$@") || return
    echo "$reply"
    fails grep -qF -- "$text" <<<"$reply"
}

service_key=$(sed 's/.*SharedAccessKey=//' "$cloud/connection-string" | base64 -d | hex)
service() { request "$1" "$2?api-version=2021-10-01" -H "Authorization: $(token "$service_key" localhost 600 provisioningserviceowner)" "${@:3}"; }
version=${version:-2021-06-01}
register() { # ID KEY-HEX [BODY [SECONDS [RESOURCE [POLICY]]]]: registers and polls with one token; prints the last reply
    local id=$1 reply operation authorization
    authorization=$(token "$2" "${5:-$id_scope/registrations/$id}" "${4:-600}" "${6-registration}")
    reply=$(request PUT "/$id_scope/registrations/$id/register?api-version=$version" -H "Authorization: $authorization" -d "${3:-{\}}")
    operation=$(sed -n 's/.*"operationId":"\([^"]*\)".*/\1/p' <<<"$reply")
    while [ "$(tail -n 1 <<<"$reply")" = 202 ]; do
        reply=$(request GET "/$id_scope/registrations/$id/operations/$operation?api-version=$version" -H "Authorization: $authorization")
    done
    echo "$reply"
}
send() { # ID KEY-HEX TEXT [RESOURCE [SECONDS]]
    request POST "/devices/$1/messages/events?api-version=2021-04-12" \
        -H "Authorization: $(token "$2" "${4:-localhost/devices/$1}" "${5:-600}")" -H 'Content-Type: text/plain' -d "$3"
}

# --- symmetric key, individual
primary=$(openssl rand -hex 64)
secondary=$(openssl rand -hex 32)
stranger=$(openssl rand -hex 32)
base64_of() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")" | base64 -w0; }
check 'a device with two keys is enrolled' answers 200 '"type":"symmetricKey"' service PUT /enrollments/pump -d \
    "{\"registrationId\":\"pump\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":\"$(base64_of "$primary")\",\"secondaryKey\":\"$(base64_of "$secondary")\"}}}"
check 'its keys are not shown' lacks "$(base64_of "$secondary")" service GET /enrollments/pump
check 'but told when asked for' answers 200 "$(base64_of "$secondary")" service POST /enrollments/pump/attestationmechanism -d ''
check 'it registers with the primary key' answers 200 '"status":"assigned"' register pump "$primary"
check '... with the secondary one' answers 200 '"symmetricKey":{}' register pump "$secondary"
check '... with a token that has no policy' answers 200 '"assigned"' register pump "$primary" '' 600 '' ''
check '... within the time that clocks may differ' answers 200 '"assigned"' register pump "$primary" '' -200
check 'an expired token is refused' answers 401 'has expired' register pump "$primary" '' -900
check 'another key is refused' answers 401 401002 register pump "$stranger"
check 'a token for another device is refused' answers 401 'not for' register pump "$primary" '' 600 "$id_scope/registrations/valve"
check 'a token for the whole scope is refused' answers 401 'not for' register pump "$primary" '' 600 "$id_scope"
check 'another policy is refused' answers 401 'skn' register pump "$primary" '' 600 '' provisioningserviceowner
check 'no token is refused' answers 401 'Authorization header is missing' request PUT "/$id_scope/registrations/pump/register?api-version=$version" -d '{}'
check 'it sends to the hub' answers 204 '' send pump "$primary" 'with the primary key'
check '... with the secondary key' answers 204 '' send pump "$secondary" 'with the secondary key'
check '... with the port in the token' answers 204 '' send pump "$primary" 'with the port' "localhost:${endpoint##*:}/devices/pump"
check 'the hub refuses another key' answers 401 IotHubUnauthorizedAccess send pump "$stranger" no
check 'the hub refuses a token of another hub' answers 401 'not for the device' send pump "$primary" no elsewhere.example/devices/pump
check 'the hub refuses a token of another device' answers 401 'not for the device' send pump "$primary" no localhost/devices/valve
check 'the hub refuses an expired token' answers 401 'has expired' send pump "$primary" no '' -900
check 'three messages arrived' test "$(arrived pump | wc -l)" = 3

# --- symmetric key, group: the keys of the published example
group_key=8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==
member=sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6
member_key=$(printf '%s' $member | hmac "$(base64 -d <<<"$group_key" | hex)" | hex)
check 'openssl derives the published key' test "$(base64_of "$member_key")" = Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=
check 'a group is enrolled' answers 200 '"enrollmentGroupId":"meters"' service PUT /enrollmentGroups/meters -d \
    "{\"enrollmentGroupId\":\"meters\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":\"$group_key\",\"secondaryKey\":\"\"}}}"
made_key() { service POST /enrollmentGroups/meters/attestationmechanism -d '' | sed -n 's/.*"secondaryKey":"\([^"]*\)".*/\1/p'; }
check 'the service made the other key' test "$(made_key | base64 -d | wc -c)" = 64
check 'a member registers with its derived key' answers 200 '"symmetricKey":{"enrollmentGroupId":"meters"}' register $member "$member_key"
check 'its device id is its registration id' answers 200 "\"deviceId\":\"$member\"" register $member "$member_key"
check 'it sends to the hub' answers 204 '' send $member "$member_key" hello
check 'the key of another member is refused' answers 401 'not signed with a key of other' register other "$member_key"
check "the group's own key is refused" answers 401 'not signed' register $member "$(base64 -d <<<"$group_key" | hex)"
check 'the group is disabled' answers 200 '"disabled"' service PUT /enrollmentGroups/meters -d \
    "{\"enrollmentGroupId\":\"meters\",\"provisioningStatus\":\"disabled\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{}}}"
check 'so its members are refused' answers 401 'is disabled' register $member "$member_key"

# --- TPM: tpm2-tools is the device
start_tpm
export TPM2TOOLS_TCTI=$tcti
cd "$work" || exit 99
check 'the TPM has an EK and an SRK' sh -c 'tpm2_createek -Q -c 0x81010001 -G rsa -u ek.any &&
    tpm2_createprimary -Q -C o -G rsa2048 -c primary.ctx && tpm2_evictcontrol -Q -C o -c primary.ctx 0x81000001 && tpm2_flushcontext -t &&
    tpm2_readpublic -Q -c 0x81010001 -f tss -o ek.pub && tpm2_readpublic -Q -c 0x81000001 -f tss -o srk.pub'
ek=$(base64 -w0 ek.pub)
srk=$(base64 -w0 srk.pub)
id=$(openssl dgst -sha256 -r ek.pub | cut -c1-64)
enroll_tpm() { # ID [MEMBERS]
    service PUT "/enrollments/$1" -d "{\"registrationId\":\"$1\",\"attestation\":{\"type\":\"tpm\",\"tpm\":{\"endorsementKey\":\"$ek\"}}${2:-}}"
}
claim="{\"registrationId\":\"$id\",\"tpm\":{\"endorsementKey\":\"${ek//\//\\/}\",\"storageRootKey\":\"$srk\"}}"
knock() { request PUT "/$id_scope/registrations/$id/register?api-version=$version" -d "${1:-$claim}"; }

check 'an unknown TPM is not found' answers 404 404201 knock
check 'an endorsement key in the wrong form is refused by name' answers 400 'is DER' service PUT "/enrollments/$id" -d \
    "{\"registrationId\":\"$id\",\"attestation\":{\"type\":\"tpm\",\"tpm\":{\"endorsementKey\":\"$(openssl rsa -pubin -in <(tpm2_readpublic -Q -c 0x81010001 -f pem -o /dev/stdout) -outform DER 2>/dev/null | base64 -w0)\"}}}"
check 'the TPM is enrolled' answers 200 "\"endorsementKey\":\"" enroll_tpm "$id"
check 'it is challenged' answers 401 '"keyName":"registration"' knock
check 'the challenge has no error code' lacks errorCode knock
check 'another endorsement key is refused' answers 401 'endorsement key is not that' knock \
    "{\"tpm\":{\"endorsementKey\":\"$srk\",\"storageRootKey\":\"$srk\"}}"
check 'without a TPM it is refused' answers 401 'neither tpm nor' knock '{}'

part() { # FILE: takes the next part of the blob, with its size in front
    local size
    size=$((2 + 0x$(dd if=blob bs=1 skip="$offset" count=2 status=none | hex)))
    dd if=blob of="$1" bs=1 skip="$offset" count=$size status=none
    offset=$((offset + size))
}

unwrap() { # JSON NAME: what a device does with an authenticationKey; the key is in NAME.ctx then
    sed -n 's/.*"authenticationKey":"\([^"]*\)".*/\1/p' <<<"$1" | base64 -d >blob || return
    [ -s blob ] || return
    if [ -n "${flip:-}" ]; then # the lowest bit of that byte
        printf "\\x$(printf %x $((0x$(dd if=blob bs=1 skip="$flip" count=1 status=none | hex) ^ 1)))" |
            dd of=blob bs=1 seek="$flip" conv=notrunc status=none
    fi
    offset=0
    part identity
    part seed
    part duplicate
    part duplicate.seed
    part key.pub
    part user.data
    [ $offset = "$(wc -c <blob)" ] || return
    printf '\xba\xdc\xc0\xde\x00\x00\x00\x01' | cat - identity seed >credential
    tpm2_startauthsession -Q --policy-session -S session.ctx &&
        tpm2_policysecret -Q -S session.ctx -c e &&
        tpm2_activatecredential -Q -c 0x81000001 -C 0x81010001 -i credential -o inner.key -P session:session.ctx || return
    tpm2_flushcontext session.ctx
    tpm2_import -Q -C 0x81000001 -G aes -u key.pub -i duplicate -r key.prv -s duplicate.seed -k inner.key &&
        tpm2_load -Q -C 0x81000001 -u key.pub -r key.prv -c "$2.ctx" && tpm2_flushcontext -t
}

tpm_token() { # CONTEXT RESOURCE [POLICY]: signed in the TPM
    local resource expiry
    resource=$(printf '%s' "$2" | percent)
    expiry=$(($(date +%s) + 600))
    printf '%s\n%s' "$resource" $expiry >text
    tpm2_hmac -c "$1" -g sha256 -o mac text >/dev/null && tpm2_flushcontext -t || return
    echo "SharedAccessSignature sr=$resource&sig=$(base64 -w0 mac | percent)&se=$expiry${3:+&skn=$3}"
}

register_tpm() { # [BODY-OF-THE-SECOND-REQUEST]
    local authorization reply operation
    unwrap "$(knock)" registration || return
    authorization=$(tpm_token registration.ctx "$id_scope/registrations/$id" registration) || return
    reply=$(request PUT "/$id_scope/registrations/$id/register?api-version=$version" -H "Authorization: $authorization" -d "${1:-$claim}")
    operation=$(sed -n 's/.*"operationId":"\([^"]*\)".*/\1/p' <<<"$reply")
    while [ "$(tail -n 1 <<<"$reply")" = 202 ]; do
        reply=$(request GET "/$id_scope/registrations/$id/operations/$operation?api-version=$version" -H "Authorization: $authorization")
    done
    printf '%s\n' "$reply" >assigned
    cat assigned
}
check 'the TPM answers the challenge' answers 200 '"status":"assigned"' register_tpm
check 'a hub key comes with the assignment' unwrap "$(cat assigned)" hub
tpm_send() { request POST "/devices/$id/messages/events?api-version=2021-04-12" -H "Authorization: $(tpm_token "$1.ctx" "localhost/devices/$id")" -d "$2"; }
check 'it sends with the hub key' answers 204 '' tpm_send hub 'from the TPM'
check 'the message arrived' says 'from the TPM' arrived "$id"
check 'the key of the registration is not the key of the hub' answers 401 'not signed' tpm_send registration no
check 'the second request need not name the TPM again' answers 200 '"status":"assigned"' register_tpm '{}'
check 'the former hub key is void then' answers 401 'not signed' tpm_send hub no
check 'the new one is good' unwrap "$(cat assigned)" hub
check '... for sending' answers 204 '' tpm_send hub again
check 'a back end does not see the key' lacks authenticationKey service GET "/registrations/$id"
broken() { flip=$1 unwrap "$(knock)" broken; }
for byte in 10 40 100 320 400 500 730; do # in each part of the blob
    check "a blob with a bit of byte $byte flipped is refused by the TPM" fails broken $byte
done
check 'an unbroken one is not' unwrap "$(knock)" unbroken
check 'the TPM is cleared' sh -c 'tpm2_flushcontext -t; tpm2_evictcontrol -Q -C o -c 0x81000001 && tpm2_clear -Q &&
    tpm2_createprimary -Q -C o -G rsa2048 -c primary.ctx && tpm2_evictcontrol -Q -C o -c primary.ctx 0x81000001 && tpm2_flushcontext -t'
check 'a challenge for the former storage key cannot be answered' fails unwrap "$(knock)" cleared
done_testing
