#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job from end to end, on one machine and without a cloud: a device whose private key was made in a TPM
# registers with DPS by X.509 and sends telemetry to its hub. Run it as root or with sudo at hand; it installs what is
# missing with apt, builds in build/, keeps all else in a temporary directory, and stops everything it started.
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/examples/demo.sh"
demo_begin

say 'A TPM and a cloud, both software, on this machine'
start_tpm
start_cloud
echo "  swtpm is reached by $tpm, devid-emulator by $endpoint (id scope $id_scope)."

say 'A token: the directory in which the device keeps its identity'
run devid token init --label device

say 'A key pair, made inside the TPM; the private half never leaves it'
run devid key generate --token device --label device-id
key='pkcs11:token=device;object=device-id;type=private'

say 'A certificate request, signed by the TPM'
run devid csr --key "$key" --subject /CN=device-17 --out device.csr

say 'A certificate authority of our own signs the request'
run openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca-key.pem
run openssl req -x509 -key ca-key.pem -days 365 -subj '/CN=Quick Start CA' -out ca.pem
run openssl x509 -req -in device.csr -CA ca.pem -CAkey ca-key.pem -set_serial 1 -days 30 -out device.pem
cat device.pem ca.pem >chain.pem
show cat device.pem ca.pem | sed 's/$/ >chain.pem/'

say 'The certificate and its authority'"'"'s go beside the key (or are refused, were they not this key'"'"'s)'
run devid cert import --key "$key" chain.pem
certificate='pkcs11:token=device;object=device-id;type=cert'

say 'The cloud learns which certificate to accept: an individual enrollment'
run enroll-x509.sh --ca-file cloud/ca.pem cloud/connection-string device-17 device.pem

say 'The device registers: TLS with the key in the TPM, and gets its hub'
run devid provision --endpoint "$endpoint" --ca-file cloud/ca.pem --id-scope "$id_scope" \
    --cert "$certificate" --key "$key" --out registration.json

say 'It sends ten messages to that hub, by the same key'
run devid send --state registration.json --count 10

say 'What arrived there'
run devid-emulator --state cloud --messages
[ "$(arrived device-17)" -eq 10 ] || die "ten messages were sent, $(arrived device-17) arrived"

done_with 'Who sent those messages was proven by a key that only the TPM knows.'
