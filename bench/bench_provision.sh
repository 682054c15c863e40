#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `devid provision` costs: peak memory, time, requests, connections and TPM commands, for each way a device proves itself, against
# devid-emulator and a software TPM; and the size of the library's code. Beside it what is known of Azure's C client.
#     bench/bench_provision.sh BUILD-DIRECTORY [TURNS]
# Each number is the best of the turns. The peak of memory is that of the whole process, with all pages of shared libraries that it
# touched, which other programs use, too; "own" is what no other program shares.
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] && [ -x "$1/bench/measure" ] || { echo "usage: bench_provision.sh BUILD-DIRECTORY [TURNS] (after 'make bench/measure')" >&2; exit 2; }
build=$(cd "$1" && pwd)
turns=${2:-5}
. "$source/examples/demo.sh"
export DEVID_DEMO_BUILD=$build
demo_begin
export TCTI_COUNT_FILE=$work/count LD_LIBRARY_PATH=$build/dps/.libs
[ ! -x "$build/cli/.libs/devid" ] || PATH=$build/cli/.libs:$PATH # without libtool's script before it

quiet() { "$@" >"$work/output" 2>&1 </dev/null || { cat "$work/output" >&2; die "failed: $*"; }; }
counter() { curl -sS --cacert cloud/ca.pem "$endpoint/emulator/faults" | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" | grep . || echo 0; }
commands() { od -An -tu4 -N4 "$TCTI_COUNT_FILE" 2>/dev/null | tr -d ' ' || echo 0; }

measure() { # NAME OPTION...: one line
    local name=$1 milliseconds kib own best_time=999999 best_memory=99999999 best_own=99999999 i before requests connections
    shift
    for i in $(seq "$turns"); do
        rm -f "$TCTI_COUNT_FILE"
        before=("$(counter register)" "$(counter operation)" "$(counter connection)")
        read -r milliseconds kib own < <("$build/bench/measure" devid provision --endpoint "$endpoint" --id-scope "$id_scope" \
            --ca-file cloud/ca.pem --out "$work/state.json" "$@") || die "$name does not register"
        requests=$(($(counter register) + $(counter operation) - before[0] - before[1]))
        connections=$(($(counter connection) - before[2] - 3)) # without the three that asked
        best_time=$(printf '%s\n%s\n' "$milliseconds" "$best_time" | sort -n | head -n 1)
        [ "$kib" -ge "$best_memory" ] || best_memory=$kib
        [ "$own" -ge "$best_own" ] || best_own=$own
    done
    printf '%-44s %9s KiB %9s KiB %9s ms %9s %12s %13s\n' "$name" "$best_memory" "$best_own" "$best_time" "$requests" "$connections" "$(commands)"
}

start_tpm
export DEVID_TCTI=$build/tests/support/.libs/tcti_count.so:$tpm
[ -f "${DEVID_TCTI%%:*}" ] || export DEVID_TCTI=$tpm
start_cloud --polls 0 --retry-after 0
export PROVISIONING_CONNECTION_STRING
PROVISIONING_CONNECTION_STRING=$(cat cloud/connection-string)
quiet devid token init --label device
quiet devid tpm setup --token device --persist
quiet devid key generate --token device --label id
quiet devid csr --key 'pkcs11:token=device;object=id' --subject /CN=device-x --out x.csr
quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 -subj /CN=ca -keyout ca-key.pem -out ca.pem
quiet openssl x509 -req -in x.csr -CA ca.pem -CAkey ca-key.pem -set_serial 1 -days 30 -out leaf.pem
cat leaf.pem ca.pem >x.pem
quiet openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=device-f -keyout f-key.pem -out f.csr
quiet openssl x509 -req -in f.csr -CA ca.pem -CAkey ca-key.pem -set_serial 2 -days 30 -out leaf.pem
cat leaf.pem ca.pem >f.pem
quiet devid group create ca --cert ca.pem --ca-file cloud/ca.pem
id=$(devid tpm info --azure | sed -n 2p)
quiet devid enrollment create "$id" --endorsement-key "$(devid tpm info --azure | tail -n 1)" --ca-file cloud/ca.pem
openssl rand -base64 32 >s.key
quiet devid enrollment create device-s --key-file s.key --ca-file cloud/ca.pem

printf '%-44s %13s %13s %12s %9s %12s %13s\n' 'devid provision' 'peak memory' 'own' 'time' requests connections 'TPM commands'
measure 'symmetric key, in a file' --symmetric-key-file s.key --registration-id device-s
measure 'X.509, key in a file' --cert f.pem --key f-key.pem
measure 'X.509, key in the TPM (provider, module)' --cert x.pem --key 'pkcs11:token=device;object=id'
measure 'TPM attestation (module)' --tpm
"$build/bench/measure" devid --version >floor
read -r milliseconds kib own <floor
printf '%-44s %9s KiB %9s KiB %9s ms\n' 'the floor: devid --version' "$kib" "$own" "$milliseconds"

text() { size "$1" 2>/dev/null | awk 'NR == 2 { printf "%d KB", $1 / 1000 }'; }
echo
printf '%-44s %s\n' 'code (text)' 'size'
printf '%-44s %s\n' libdevid-dps "$(text "$build/dps/.libs/libdevid-dps.so")" devid "$(text "$(ls "$build"/cli/.libs/devid "$build"/cli/devid 2>/dev/null | head -n 1)")" \
    'module devid-pkcs11.so' "$(text "$build/pkcs11/.libs/devid-pkcs11.so")" 'provider devid.so' "$(text "$build/provider/.libs/devid.so")"
printf '%-44s %s\n' "Azure's C client 1.15.0, tpm_device_provision" '250 KB' "the same, DPS and hub over HTTP, TPM and X.509" '462 KB' \
    'the same, all transports' '506 KB'
echo "(Azure's: built here for another report, OpenSSL dynamic; its memory was not measured, its manual asks for 64 KB and more of RAM)"
