#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The symmetric key quickstart: four environment variables, and ten telemetry messages arrive. The cloud is software; run it
# as examples/quickstart.sh.
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/examples/demo.sh"
demo_begin
demo_lines=14

say 'A cloud, in software, on this machine'
start_cloud
echo "  devid-emulator is reached by $endpoint (id scope $id_scope)."

say 'The back end enrolls a device; the service makes its keys'
run devid enrollment create symm-key-007 --symmetric --ca-file cloud/ca.pem --connection cloud/connection-string
devid enrollment show symm-key-007 --keys --json --ca-file cloud/ca.pem --connection cloud/connection-string >enrollment.json ||
    die 'the enrollment cannot be shown'
key=$(sed -n 's/.*"primaryKey": "\([^"]*\)".*/\1/p' enrollment.json)

say 'The device gets four variables'
export PROVISIONING_HOST=$endpoint PROVISIONING_IDSCOPE=$id_scope PROVISIONING_REGISTRATION_ID=symm-key-007 \
    PROVISIONING_SYMMETRIC_KEY=$key
env | grep '^PROVISIONING_' | sort | sed 's/^/    export /; s/\(_SYMMETRIC_KEY=\).*/\1.../'

say 'It registers'
run devid provision --ca-file cloud/ca.pem --out registration.json

say 'It sends ten messages'
run devid send --state registration.json --count 10

demo_lines=6
say 'They are at its hub'
run devid-emulator --state cloud --messages symm-key-007
[ "$(arrived symm-key-007)" -eq 10 ] || die "ten messages were sent, $(arrived symm-key-007) arrived"

say 'With another key the device is nobody, and is told so'
openssl rand -base64 32 >another.key
unset PROVISIONING_SYMMETRIC_KEY
run_refused 6 devid provision --symmetric-key-file another.key --ca-file cloud/ca.pem --out other.json

done_with 'With Azure the four variables are those of the portal, and --ca-file is left out.'
