#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A developer tries devices with file keys against the emulator, with nothing but curl and openssl.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"

state=$work/state

start_emulator() { # OPTIONS...: waits until it says that it serves
    : >"$work/out"
    "$emulator" --state "$state" "$@" >"$work/out" 2>"$work/err" &
    emulator_pid=$!
    story_pids="$story_pids $emulator_pid"
    for _ in $(seq 500); do
        grep -q connection-string "$work/out" && break
        kill -0 $emulator_pid 2>/dev/null || { echo "Bail out! $(cat "$work/err")"; exit 99; }
        sleep 0.02
    done
    port=$(cat "$state/port")
    scope=$(cat "$state/id-scope")
    base=https://localhost:$port
}

stop_emulator() { # SIGNAL: answers the exit status
    kill -"$1" $emulator_pid
    wait $emulator_pid
}

# A shared access signature for the service API, made of the connection string.
service_token() {
    local key expiry signature
    key=$(sed 's/.*SharedAccessKey=//' "$state/connection-string" | base64 -d | od -An -v -tx1 | tr -d ' \n')
    expiry=$(($(date +%s) + ${1:-600}))
    signature=$(printf 'localhost\n%s' $expiry | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64 -w0 |
        sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g')
    echo "SharedAccessSignature sr=localhost&sig=$signature&se=$expiry&skn=provisioningserviceowner"
}

# One request; prints status and body.
request() { # METHOD PATH [CURL OPTION...]
    local method=$1 path=$2
    shift 2
    curl -sS --cacert "$state/ca.pem" --max-time 20 -X "$method" -w '\n%{http_code}\n' -H 'Content-Type: application/json' "$@" "$base$path"
}
service() { request "$1" "$2?api-version=2021-10-01" -H "Authorization: $(service_token)" "${@:3}"; }

answers() { # STATUS TEXT COMMAND...: the reply has the status and the text in it
    local status=$1 text=$2 reply
    shift 2
    reply=$("$@") || { echo "$reply"; return 1; }
    echo "$reply"
    [ "$(tail -n 1 <<<"$reply")" = "$status" ] && grep -qF -- "$text" <<<"$reply"
}

key_and_certificate() { # NAME KEY-OPTIONS...: self-signed
    local name=$1
    shift
    openssl req -x509 "$@" -nodes -subj "/CN=$name" -days 30 -keyout "$work/$name.key" -out "$work/$name.crt" 2>/dev/null
}

pem_json() { awk '{printf "%s\\n", $0}' "$1"; }

enrollment() { # NAME CERTIFICATE [MORE MEMBERS]
    printf '{"registrationId":"%s","attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":"%s"}}}}%s}' \
        "$1" "$(pem_json "$2")" "${3:-}"
}

group() { # NAME CERTIFICATE
    printf '{"enrollmentGroupId":"%s","attestation":{"type":"x509","x509":{"signingCertificates":{"primary":{"certificate":"%s"}}}}}' \
        "$1" "$(pem_json "$2")"
}

device() { # NAME METHOD PATH CURL-OPTIONS...: as the device
    local name=$1
    request "$2" "$3" --cert "$work/$name.crt" --key "$work/$name.key" "${@:4}"
}

register() { # NAME CURL-OPTIONS...: registers and polls; prints the last reply
    local name=$1 reply operation
    shift
    reply=$(device "$name" PUT "/$scope/registrations/$name/register?api-version=2021-06-01" -d "{\"registrationId\":\"$name\"}" "$@")
    operation=$(sed -n 's/.*"operationId":"\([^"]*\)".*/\1/p' <<<"$reply")
    while [ "$(tail -n 1 <<<"$reply")" = 202 ]; do
        reply=$(device "$name" GET "/$scope/registrations/$name/operations/$operation?api-version=2021-06-01" "$@")
    done
    echo "$reply"
}

send() { # NAME TEXT
    device "$1" POST "/devices/$1/messages/events?api-version=2021-04-12" -H 'Content-Type: application/octet-stream' -H 'iothub-app-story: told' -d "$2"
}

messages() { "$emulator" --state "$state" --messages "$@"; }

# --- the program itself
check 'help names every option' sh -c "'$emulator' --help | grep -q -- --retry-after"
check 'version' sh -c "'$emulator' --version | grep -q '^devid-emulator [0-9]'"
check_fails 'an unknown option is a usage error' 2 'unknown option --what' "$emulator" --what
check_fails 'messages of a state that is not there' 1 'holds no emulator' "$emulator" --state "$work/none" --messages

start_emulator --port 0 --polls 2 --retry-after 1
check 'says where it listens, in the first line' test "$(head -n 1 "$work/out")" = "devid-emulator: listening on https://localhost:$port"
check 'names id scope, authority and connection string' sh -c "grep -q '$scope' '$work/out' && grep -q '$state/ca.pem' '$work/out' && grep -q '$state/connection-string' '$work/out'"
check 'the state directory is private' test "$(stat -c %a "$state")" = 700
check_fails 'a second server on the same state is refused' 1 'in use by another devid-emulator' "$emulator" --state "$state" --port 0
check_fails 'a port in use is named' 1 "port $port: Address already in use" "$emulator" --state "$work/other" --port "$port"
check 'openssl trusts the server' openssl s_client -connect "127.0.0.1:$port" -CAfile "$state/ca.pem" -verify_return_error -verify_hostname localhost
check_fails 'TLS 1.1 is refused' 0 '' openssl s_client -connect "127.0.0.1:$port" -tls1_1 -cipher ALL@SECLEVEL=0

# --- individual enrollments: two kinds of key, two versions of TLS
key_and_certificate ec-device -newkey ec -pkeyopt ec_paramgen_curve:P-256
key_and_certificate rsa-device -newkey rsa:2048
for name in ec-device rsa-device; do
    check "$name is enrolled" answers 200 '"provisioningStatus":"enabled"' service PUT "/enrollments/$name" -d "$(enrollment $name "$work/$name.crt")"
    check "$name registers by TLS 1.2" answers 200 "\"assignedHub\":\"localhost:$port\"" register $name --tlsv1.2 --tls-max 1.2
    check "$name registers by TLS 1.3" answers 200 '"status":"assigned"' register $name --tlsv1.3
    check "$name sends a message" answers 204 '' send $name "hello from $name"
done
check 'the messages arrived' sh -c "'$emulator' --state '$state' --messages | grep -c 'hello from' | grep -qx 2"
check 'the messages of one device' sh -c "'$emulator' --state '$state' --messages rsa-device | grep -q '\"story\":\"told\".*\"body\":\"hello from rsa-device\"'"

# --- a group, by its root
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=Fleet Root' -days 30 \
    -keyout "$work/root.key" -out "$work/root.crt" 2>/dev/null
issue() { # NAME ISSUER EXTENSION
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
    openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.crt" -CAkey "$work/$2.key" -days 20 -out "$work/$1.crt" \
        -extfile <(echo "basicConstraints=critical,$3") 2>/dev/null
}
issue factory root CA:TRUE
issue member factory CA:FALSE
issue lonely factory CA:FALSE
cat "$work/factory.crt" >>"$work/member.crt"
check 'the group is enrolled' answers 200 '"enrollmentGroupId":"fleet"' service PUT /enrollmentGroups/fleet -d "$(group fleet "$work/root.crt")"
check 'a member with its intermediate registers' answers 200 '"enrollmentGroupId":"fleet"' register member
check 'a member sends a message' answers 204 '' send member 'from the fleet'
check 'without the intermediate it is refused' answers 401 'CA certificate not found' register lonely

# --- refusals
key_and_certificate stranger -newkey ec -pkeyopt ec_paramgen_curve:P-256
check 'a stranger is refused' answers 401 401002 register stranger
check 'a device under the wrong name is refused' answers 401 401002 device stranger PUT \
    "/$scope/registrations/ec-device/register?api-version=2021-06-01" -d '{}'
check 'no certificate at all is refused' answers 401 'showed no certificate' request PUT \
    "/$scope/registrations/ec-device/register?api-version=2021-06-01" -d '{}'
check 'the wrong id scope is refused' answers 404 404201 device ec-device PUT '/0neWRONG/registrations/ec-device/register?api-version=2021-06-01' -d '{}'
check 'malformed JSON is refused' answers 400 'not JSON' device ec-device PUT "/$scope/registrations/ec-device/register?api-version=2021-06-01" -d '{'
check 'a disabled enrollment is refused' answers 200 disabled service PUT /enrollments/ec-device \
    -d "$(enrollment ec-device "$work/ec-device.crt" ',"provisioningStatus":"disabled"')"
check '... from then on' answers 401 'is disabled' register ec-device
check 'the hub refuses a stranger' answers 404 DeviceNotFound send stranger x
check 'the service API refuses an old token' answers 401 'has expired' request GET '/enrollments/ec-device?api-version=2021-10-01' \
    -H "Authorization: $(service_token -1000)"
check 'the service API refuses no token' answers 401 'Authorization header is missing' request GET '/enrollments/ec-device?api-version=2021-10-01'
check 'an unknown path' answers 404 'nothing at /nowhere' request GET /nowhere
check 'a wrong method' answers 405 'takes PUT, GET, DELETE' request PATCH /enrollments/x

# --- restart
first_scope=$scope
authority=$(cat "$state/ca.pem")
check 'SIGTERM ends it with success' stop_emulator TERM
start_emulator --port 0 --polls 0
check 'id scope and authority are the same' test "$scope" = "$first_scope" -a "$(cat "$state/ca.pem")" = "$authority"
check 'enrollments and registrations are there' answers 200 "\"assignedHub\":\"localhost:$port\"" service GET /registrations/rsa-device
check 'a device goes on sending without registering again' answers 204 '' send rsa-device 'after the restart'
check 'all messages are there' sh -c "'$emulator' --state '$state' --messages | wc -l | grep -qx 4"
kill -KILL $emulator_pid; wait $emulator_pid 2>/dev/null
start_emulator --port 0
check 'after a kill, too' answers 200 '"status":"assigned"' register rsa-device
check 'SIGINT ends it with success' stop_emulator INT
check 'messages can be read while no server runs' sh -c "'$emulator' --state '$state' --messages member | grep -q 'from the fleet'"

# --- faults, by the command line and by its own API
inject() { request POST /emulator/faults -d "$1"; }
clear_faults() { request DELETE /emulator/faults; }
cut_off() { # COMMAND...: curl gets no (whole) answer
    local status
    "$@"
    status=$?
    echo "curl: $status"
    case $status in 18 | 35 | 52 | 56 | 92) ;; *) return 1 ;; esac
}
knock() { device rsa-device PUT "/$scope/registrations/rsa-device/register?api-version=2021-06-01" -d '{}' "$@"; }
start_emulator --port 0 --clock-offset 7200 --fault '{"route":"register","count":2,"status":429,"retryAfter":3}'
check 'a fault of the command line' answers 429 429001 knock
check 'its Retry-After' answers 429 'Retry-After: 3' knock -i
check 'it is over after two requests' answers 202 '"assigning"' knock
two_hours_ahead() {
    local ahead
    ahead=$(($(date -u -d "$(knock -i | sed -n 's/^[Dd]ate: //p' | tr -d '\r')" +%s) - $(date +%s)))
    echo "ahead by $ahead"
    [ $ahead -gt 7100 ] && [ $ahead -lt 7300 ]
}
check 'the clock is two hours ahead, and the Date header tells' two_hours_ahead
check 'a service token is expired by that clock' answers 401 'has expired' service GET /registrations/rsa-device
check 'SIGTERM ends it' stop_emulator TERM
check_fails 'a fault that is none' 1 'There is no route nowhere' "$emulator" --state "$state" --port 0 --fault '{"route":"nowhere"}'
check_fails 'a fault that is no JSON' 1 'not JSON' "$emulator" --state "$state" --port 0 --fault 'register'

start_emulator --port 0
for stage in request answer body; do
    check "a connection is to be cut: $stage" answers 201 "\"cut\":\"$stage\"" inject "{\"route\":\"register\",\"cut\":\"$stage\"}"
    check '... it is' cut_off knock
    check '... once' answers 202 '"assigning"' knock
done
check 'a connection is to be cut at once' answers 201 connection inject '{"route":"connection","cut":"request"}'
check '... it is' cut_off knock
check '... once' answers 202 '"assigning"' knock
check 'requests and connections are counted' answers 200 '"register":7' request GET /emulator/faults
check 'an endless assignment' answers 201 '"left":0' inject '{"route":"operation","count":0,"assigning":true}'
for i in 1 2 3; do
    check "... still assigning, $i" answers 202 '"assigning"' device rsa-device GET "/$scope/registrations/rsa-device/operations/4.0.0?api-version=2021-06-01"
done
check '... until the faults are cleared' answers 204 '' clear_faults
check 'then it registers' answers 200 '"status":"assigned"' register rsa-device
check 'SIGTERM ends it' stop_emulator TERM
start_emulator --port 0 --log info --fault '{"route":"register","delay":120000}'
knock >"$work/delayed" 2>&1 &
story_pids="$story_pids $!"
for _ in $(seq 500); do grep -q 'waiting 120000 ms' "$work/err" && break; sleep 0.02; done
check 'a long delay has begun' grep -q 'waiting 120000 ms' "$work/err"
check '... and does not keep the server from ending' stop_emulator TERM

# --- messages to a device
start_emulator --port 0
check_fails 'no message for a device that is not there' 1 'not registered' "$emulator" --state "$state" --send nobody hello
check 'a message for a device' "$emulator" --state "$state" --send rsa-device 'open the valve'
devicebound() { device rsa-device "$1" "/devices/rsa-device/messages/devicebound$2?api-version=2021-04-12$3" -i; }
reply=$(devicebound GET '' '')
lock=$(sed -n 's/^[Ee][Tt]ag: "\(.*\)".*/\1/p' <<<"$reply")
check 'the device receives it' test "${reply/open the valve/}" != "$reply" -a -n "$lock"
check '... and no second one' answers 204 '' devicebound GET '' ''
check '... rejects it' answers 204 '' devicebound DELETE "/$lock" '&reject'
check '... which is known' sh -c "'$emulator' --state '$state' --commands rsa-device | grep -q '\"outcome\":\"rejected\"'"
check 'the last SIGTERM' stop_emulator TERM

# --- a fault for one client does not hold up the others
start_emulator --port 0
check 'a delay of two minutes is injected' answers 201 '"delay":120000' request POST /emulator/faults -d '{"route":"status","delay":120000}'
curl -sS --cacert "$state/ca.pem" -X POST -d '{}' "$base/$scope/registrations/x?api-version=2021-06-01" >"$work/delayed" 2>&1 </dev/null &
delayed=$!
story_pids="$story_pids $delayed"
taken() { for _ in $(seq 500); do request GET /emulator/faults | grep -q '"used":1' && return; sleep 0.02; done; return 1; }
check 'while its client waits, others are answered' taken
check '... on the same route, too' answers 404 errorCode request POST "/$scope/registrations/x?api-version=2021-06-01" -d '{}'
check '... and the client waits still' sh -c "kill -0 $delayed && ! [ -s '$work/delayed' ]"
check 'the end of the server does not wait' stop_emulator TERM
done_testing
