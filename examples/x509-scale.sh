#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# X.509 at scale: a test CA issues device identity certificates (iot-edge-device-identity-NAME, with their full chain); one
# enrollment of the CA lets all of them in, with an initial twin and the IoT Edge capability, and one device has an
# enrollment of its own. The cloud is software; run it as examples/quickstart.sh [NUMBER OF DEVICES].
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/examples/demo.sh"
devices=${1:-5}
case $devices in '' | *[!0-9]* | 0*) die "'$devices' is no number of devices; say 5" ;; esac
demo_begin
demo_lines=12

extensions() { printf '%s\n' "$@"; } # for openssl
serial() { printf '0x%s' "$(openssl rand -hex 8)"; }

# make_authority NAME SUBJECT [ISSUER]: NAME-key.pem and NAME.pem
make_authority() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout "$1-key.pem" -subj "$2" -out "$1.csr" 2>/dev/null
    extensions basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign subjectKeyIdentifier=hash >"$1.ext"
    if [ $# -eq 3 ]; then
        run openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3-key.pem" -set_serial "$(serial)" -days 365 -extfile "$1.ext" -out "$1.pem"
    else
        run openssl x509 -req -in "$1.csr" -signkey "$1-key.pem" -set_serial "$(serial)" -days 3650 -extfile "$1.ext" -out "$1.pem"
    fi
}

# make_identity NAME: a token key, its certificate by the factory line, and the full chain beside the key
make_identity() {
    devid key generate --token factory --label "$1" >>made 2>&1 &&
        devid csr --key "pkcs11:token=factory;object=$1" --subject "/CN=$1" --out "$1.csr" >>made 2>&1 &&
        openssl x509 -req -in "$1.csr" -CA line.pem -CAkey line-key.pem -set_serial "$(serial)" -days 30 \
            -extfile <(extensions extendedKeyUsage=clientAuth) -out "$1.pem" >>made 2>&1 &&
        cat "$1.pem" line.pem root.pem >"$1-full-chain.pem" &&
        devid cert import --key "pkcs11:token=factory;object=$1" "$1-full-chain.pem" >>made 2>&1 ||
        { cat made >&2; die "the identity of $1 cannot be made"; }
}

register() { # NAME: by key and chain of the token
    devid provision --endpoint "$endpoint" --id-scope "$id_scope" --ca-file cloud/ca.pem \
        --cert "pkcs11:token=factory;object=$1" --key "pkcs11:token=factory;object=$1" --out "$1.json" "${@:2}"
}

say 'A cloud, in software, on this machine'
start_cloud --polls 1 --retry-after 0
echo "  devid-emulator is reached by $endpoint (id scope $id_scope)."

say 'A test CA: a root, and below it the authority of one production line'
make_authority root '/CN=Test Root CA'
make_authority line '/CN=Production Line 1' root

say "$devices device identities with their full chain. (With a TPM leave --backend file out.)"
run devid token init --label factory --backend file
for i in $(seq "$devices"); do make_identity "iot-edge-device-identity-$i"; done
run openssl verify -CAfile root.pem -untrusted line.pem iot-edge-device-identity-1.pem

say 'One group enrollment for all that the line issues: the devices may be IoT Edge, and begin with this twin'
printf '{"tags":{"line":1},"properties":{"desired":{"telemetryInterval":60}}}\n' >twin.json
show_file twin.json
export PROVISIONING_CONNECTION_STRING
PROVISIONING_CONNECTION_STRING=$(cat cloud/connection-string)
run devid group create line-1 --cert line.pem --edge --initial-twin twin.json --ca-file cloud/ca.pem
run devid group show line-1 --ca-file cloud/ca.pem

say 'One device has an enrollment of its own, which goes before the group, and another name in its hub'
run devid enrollment create iot-edge-device-identity-1 --cert iot-edge-device-identity-1.pem --device-id gateway --edge \
    --initial-twin twin.json --ca-file cloud/ca.pem
run devid enrollment list --ca-file cloud/ca.pem

say 'All of them register'
for i in $(seq "$devices"); do
    register "iot-edge-device-identity-$i" >output 2>&1 || { cat output >&2; die "iot-edge-device-identity-$i was refused"; }
    printf '  %-30s %s\n' "iot-edge-device-identity-$i" "$(tr -s ' \n' ' ' <output)"
done

say 'What the group'"'"'s devices are, and what they send'
run devid status --state "iot-edge-device-identity-$devices.json"
for i in $(seq "$devices"); do
    devid send --state "iot-edge-device-identity-$i.json" >output 2>&1 || { cat output >&2; die "iot-edge-device-identity-$i cannot send"; }
done
echo "  $(devid-emulator --state cloud --messages | grep -c .) messages arrived, one of each device."

say 'A certificate of another authority is refused, and the message says what to look at'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 -subj /CN=iot-edge-device-identity-x -keyout x-key.pem -out x.pem 2>/dev/null
run_refused 6 devid provision --endpoint "$endpoint" --id-scope "$id_scope" --ca-file cloud/ca.pem --cert x.pem --key x-key.pem --out x.json

done_with 'A thousand more devices need no further enrollment.'
