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

says() { # TEXT COMMAND...: the command succeeds and its output has the text
    local text=$1 output
    shift
    output=$("$@") || return
    printf '%s\n' "$output"
    printf '%s\n' "$output" | grep -qF -- "$text"
}
