#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A simulated TPM end to end, for people without hardware: swtpm, its standard keys, its identity, its enrollment, the
# registration that only this TPM can make, telemetry, a message from the cloud, and the proof that another TPM is refused.
# Run it as examples/quickstart.sh.
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/examples/demo.sh"
demo_begin
demo_lines=12

say 'A TPM and a cloud, both software, on this machine'
start_tpm
start_cloud --polls 1 --retry-after 0
echo "  swtpm is reached by $tpm, devid-emulator by $endpoint (id scope $id_scope)."

say 'A token, and the keys of the TPM where other tools look for them (a real TPM has them for good)'
run devid token init --label device
run devid tpm setup --token device --persist

say 'Who this TPM is'
run devid tpm info
id=$(devid tpm info --azure | sed -n 2p)
endorsement_key=$(devid tpm info --azure | tail -n 1)

say 'The back end enrolls it'
run devid enrollment create "$id" --endorsement-key "$endorsement_key" --ca-file cloud/ca.pem --connection cloud/connection-string

say 'A look at the device before it registers'
run devid check --endpoint "$endpoint" --ca-file cloud/ca.pem

say 'It registers: the service wraps a key that only this TPM can unwrap, and believes what that key signed'
run devid provision --tpm --endpoint "$endpoint" --id-scope "$id_scope" --ca-file cloud/ca.pem --out registration.json

say 'Ten messages, signed once by the TPM'
run devid send --state registration.json --count 10
[ "$(arrived "$id")" -eq 10 ] || die "ten messages were sent, $(arrived "$id") arrived"

say 'A message to the device'
run devid-emulator --state cloud --send "$id" 'open the valve'
run devid receive --state registration.json

say 'Another TPM that says it is this one is refused'
mv tpm first-tpm
first=$tpm
start_tpm
DEVID_TOKENS=$work/other-tokens
run devid token init --label other
run_refused 6 devid provision --tpm --registration-id "$id" --endpoint "$endpoint" --id-scope "$id_scope" --ca-file cloud/ca.pem --out other.json
echo "  (the first TPM is still there, by $first)"

done_with 'With a real TPM leave DEVID_TCTI out: /dev/tpmrm0 is found.'
