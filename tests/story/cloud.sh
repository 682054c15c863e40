# SPDX-License-Identifier: Apache-2.0
# For stories about registering: the emulator, and an authority that issues certificates. Source it after lib.sh.
cloud=$work/cloud

# devid-emulator on a free port, with these options; $endpoint and $id_scope reach it. It ends with the story.
start_emulator() {
    local i
    "$emulator" --port 0 --state "$cloud" "$@" >"$work/cloud.log" 2>&1 </dev/null &
    emulator_pid=$!
    story_pids="$story_pids $emulator_pid"
    for i in $(seq 500); do
        grep -q 'service connection string' "$work/cloud.log" && break
        sleep 0.02
    done
    if [ ! -s "$cloud/port" ]; then
        echo 'Bail out! the emulator does not start'
        exit 99
    fi
    endpoint=https://localhost:$(cat "$cloud/port")
    id_scope=$(cat "$cloud/id-scope")
}

enroll() { "$DEVID_TEST_SOURCE/examples/enroll-x509.sh" --ca-file "$cloud/ca.pem" "${@:1:$#-2}" \
    "$cloud/connection-string" "${@: -2}"; }

arrived() { "$emulator" --state "$cloud" --messages "$@"; }

make_authority() { # NAME: NAME.key and NAME.pem
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 -subj "/CN=$1" -batch \
        -keyout "$1.key" -out "$1.pem" 2>/dev/null
}

issue() { # AUTHORITY REQUEST.csr CERTIFICATE.pem OPTION...
    openssl x509 -req -in "$2" -CA "$1.pem" -CAkey "$1.key" -set_serial "0x$(openssl rand -hex 8)" -out "$3" \
        "${@:4}" 2>/dev/null
}

# example NAME [ARGUMENT...]: runs examples/NAME.sh, whose files are in $work/NAME then, and what it printed in NAME.log
example() {
    DEVID_DEMO_BUILD=$DEVID_TEST_BUILD DEVID_DEMO_DIRECTORY=$work/$1 "$DEVID_TEST_SOURCE/examples/$1.sh" "${@:2}" \
        >"$work/$1.log" 2>&1 </dev/null || { tail -n 30 "$work/$1.log"; return 1; }
}

says() { # TEXT COMMAND...: the command succeeds and its output has the text
    local text=$1 output
    shift
    output=$("$@") || return
    printf '%s\n' "$output"
    printf '%s\n' "$output" | grep -qF -- "$text"
}

# service METHOD PATH [JSON]: a request to the service API; prints the answer, fails unless it is 2xx.
service() {
    local connection host resource expiry key signature answer
    connection=$(cat "$cloud/connection-string")
    host=$(printf '%s' ";$connection" | sed -n 's/.*;HostName=\([^;]*\).*/\1/p')
    resource=${host//:/%3A}
    expiry=$(($(date +%s) + 600))
    key=$(printf '%s' "$connection" | sed 's/.*SharedAccessKey=//' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
    signature=$(printf '%s\n%s' "$resource" "$expiry" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary |
        openssl base64 -A | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g')
    answer=$(curl -sS --cacert "$cloud/ca.pem" --max-time 20 -X "$1" -w '\n%{http_code}' -H 'Content-Type: application/json' \
        -H "Authorization: SharedAccessSignature sr=$resource&sig=$signature&se=$expiry&skn=provisioningserviceowner" \
        ${3:+--data "$3"} "https://$host$2?api-version=2021-10-01") || return
    printf '%s\n' "${answer%$'\n'*}"
    case ${answer##*$'\n'} in 2??) ;; *) return 1 ;; esac
}

hex() { od -An -v -tx1 | tr -d ' \n'; }
percent() { sed 's/%/%25/g; s/+/%2B/g; s,/,%2F,g; s/=/%3D/g'; }
owner_token() { # for the hub's owner, signed by openssl
    local key expiry
    key=$(sed 's/.*SharedAccessKey=//' "$cloud/hub-connection-string" | base64 -d | hex)
    expiry=$(($(date +%s) + 600))
    printf 'SharedAccessSignature sr=localhost&sig=%s&se=%s&skn=iothubowner' \
        "$(printf 'localhost\n%s' $expiry | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64 -w0 | percent)" $expiry
}

# hub METHOD PATH [CURL OPTION...]: a request to the hub, of its owner
hub() { curl -sS --fail --cacert "$cloud/ca.pem" -X "$1" -H "Authorization: $(owner_token)" "$endpoint$2?api-version=2021-04-12" "${@:3}"; }

# enroll_key ID KEY [SECONDARY]: an individual enrollment by symmetric key (base64); enroll_group likewise.
enroll_key() { service PUT "/enrollments/$1" "{\"registrationId\":\"$1\",\"attestation\":{\"type\":\"symmetricKey\",
    \"symmetricKey\":{\"primaryKey\":\"$2\",\"secondaryKey\":\"${3:-$2}\"}}}"; }
enroll_group() { service PUT "/enrollmentGroups/$1" "{\"enrollmentGroupId\":\"$1\",\"attestation\":{\"type\":\"symmetricKey\",
    \"symmetricKey\":{\"primaryKey\":\"$2\",\"secondaryKey\":\"${3:-$2}\"}}}"; }
