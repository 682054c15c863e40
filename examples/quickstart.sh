#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job from end to end, on one machine and without a cloud: a device whose private key was made in a TPM
# registers with DPS by X.509 and sends telemetry to its hub. Run it as root or with sudo at hand; it installs what is
# missing with apt, builds in build/, keeps all else in a temporary directory, and stops everything it started.
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/examples/setup.sh"
build=$source/build
pids=

cleanup() {
    local pid
    for pid in $pids; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$work"
}

say() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }

show() { # COMMAND...: as one would type it
    local word
    printf '  $'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=@%+,-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
}

run() { # COMMAND...: shows it and its output, shortened where it is long; a failure is the end
    local status lines shown='s/^/    /; s/("systemProperties":)\{[^}]*\}/\1{...}/'
    show "$@"
    "$@" >"$work/output" 2>&1 </dev/null
    status=$?
    lines=$(wc -l <"$work/output")
    if [ "$status" -ne 0 ]; then
        sed 's/^/    /' "$work/output"
        die "this step failed (exit status $status)"
    elif [ "$lines" -le 6 ]; then
        sed -E "$shown" "$work/output"
    else
        head -n 2 "$work/output" | sed -E "$shown"
        echo "    ... ($((lines - 3)) lines more)"
        tail -n 1 "$work/output" | sed -E "$shown"
    fi
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_tpm() { # on a free pair of ports; a port that somebody takes meanwhile makes it try another
    local attempt i
    for attempt in 1 2 3 4 5; do
        tpm_port=$((20000 + (RANDOM * 32768 + RANDOM + attempt) % 6000 * 2))
        listening $tpm_port || listening $((tpm_port + 1)) && continue
        swtpm socket --tpm2 --tpmstate dir="$work/tpm" --server type=tcp,port=$tpm_port,bindaddr=127.0.0.1 \
            --ctrl type=tcp,port=$((tpm_port + 1)),bindaddr=127.0.0.1 --flags not-need-init,startup-clear \
            --log file="$work/tpm.log" >/dev/null 2>&1 </dev/null &
        tpm_pid=$!
        for i in $(seq 200); do
            kill -0 $tpm_pid 2>/dev/null || break
            listening $tpm_port && pids="$pids $tpm_pid" && return
            sleep 0.05
        done
        kill $tpm_pid 2>/dev/null
        wait $tpm_pid 2>/dev/null
    done
    cat "$work/tpm.log" >&2
    die 'the software TPM does not start'
}

start_emulator() {
    local i
    devid-emulator --port 0 --state "$work/cloud" >"$work/cloud.log" 2>&1 </dev/null &
    emulator_pid=$!
    pids="$pids $emulator_pid"
    for i in $(seq 200); do
        grep -q 'service connection string' "$work/cloud.log" && return
        kill -0 $emulator_pid 2>/dev/null || break
        sleep 0.05
    done
    cat "$work/cloud.log" >&2
    die 'the emulator does not start'
}

install_packages $packages_build $packages_run
prepare_build "$build" ${DEVID_CONFIGURE_OPTIONS:-}

work=$(mktemp -d "${TMPDIR:-/tmp}/devid-quickstart-XXXXXX")
trap cleanup EXIT
trap 'exit 1' INT TERM
cd "$work" || exit 1
mkdir tpm

# Everything below uses the build tree; nothing is installed. A real device needs none of these settings.
for name in $(env | sed -n 's/^\(DEVID_[A-Z0-9_]*\|PROVISIONING_[A-Z_]*\|OPENSSL_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
export PATH="$build/cli:$build/emulator:$source/examples:$PATH"
export DEVID_PKCS11_MODULE="$build/pkcs11/.libs/devid-pkcs11.so" OPENSSL_MODULES="$build/provider/.libs"
export DEVID_CONF=/dev/null DEVID_TOKENS="$work/tokens"
export no_proxy=localhost NO_PROXY=localhost

say '1. A TPM and a cloud, both software, on this machine'
start_tpm
start_emulator
export DEVID_TCTI=swtpm:host=127.0.0.1,port=$tpm_port
endpoint=https://localhost:$(cat cloud/port)
id_scope=$(cat cloud/id-scope)
echo "  swtpm listens on port $tpm_port, devid-emulator on $endpoint (id scope $id_scope)."

say '2. A token: the directory in which the device keeps its identity'
run devid token init --label device

say '3. A key pair, made inside the TPM; the private half never leaves it'
run devid key generate --token device --label device-id
key='pkcs11:token=device;object=device-id;type=private'

say '4. A certificate request, signed by the TPM'
run devid csr --key "$key" --subject /CN=device-17 --out device.csr

say '5. A certificate authority of our own signs the request'
run openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca-key.pem
run openssl req -x509 -key ca-key.pem -days 365 -subj '/CN=Quick Start CA' -out ca.pem
run openssl x509 -req -in device.csr -CA ca.pem -CAkey ca-key.pem -set_serial 1 -days 30 -out device.pem
cat device.pem ca.pem >chain.pem
show cat device.pem ca.pem | sed 's/$/ >chain.pem/'

say '6. The certificate and its authority'"'"'s go beside the key (or are refused, were they not this key'"'"'s)'
run devid cert import --key "$key" chain.pem
certificate='pkcs11:token=device;object=device-id;type=cert'

say '7. The cloud learns which certificate to accept: an individual enrollment'
run enroll-x509.sh --ca-file cloud/ca.pem cloud/connection-string device-17 device.pem

say '8. The device registers: TLS with the key in the TPM, and gets its hub'
run devid provision --endpoint "$endpoint" --ca-file cloud/ca.pem --id-scope "$id_scope" \
    --cert "$certificate" --key "$key" --out registration.json

say '9. It sends ten messages to that hub, by the same key'
run devid send --state registration.json --count 10

say '10. What arrived there'
run devid-emulator --state cloud --messages
arrived=$(grep -c '"sequence' output)
[ "$arrived" -eq 10 ] || die "ten messages were sent, $arrived arrived"

say 'Done. Who sent those messages was proven by a key that only the TPM knows. Everything that was started is stopped.'
