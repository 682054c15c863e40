#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The mosquitto broker, its clients and paho-mqtt speak TLS by keys of tokens, on both sides.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
keys_stay

declare -A port_of
configure() { # NAME... : a listener for each key; clients show a certificate, whose name is who they are
    local name
    printf '%s\n' 'per_listener_settings false' 'allow_anonymous true' "user $(id -un)" 'log_dest stderr' 'log_type all'
    for name; do
        port_of[$name]=$(free_port)
        printf '%s\n' "listener ${port_of[$name]} 127.0.0.1" "cafile $work/ca.crt" "certfile $work/$name.crt" \
            "keyfile $work/$name.key" 'require_certificate true' 'use_identity_as_username true'
    done
}

says() { # COMMAND NAME VERSION SERVER OPTION... : a client with that key at the listener of the other
    local command=$1 name=$2 version=$3 server=$4
    shift 4
    "${app[@]}" timeout 300 "$command" -h 127.0.0.1 -p "${port_of[$server]}" --cafile ca.crt --cert "$name.crt" --key "$name.key" \
        --tls-version "tlsv$version" "$@"
}
message() { # FROM TO VERSION: a message that one leaves and the other takes
    says mosquitto_pub "$1" "$3" "$2" -r -t "from/$1" -m "hello from $1 by $3" &&
        says mosquitto_sub "$2" "$3" "$1" -C 1 -t "from/$1" >heard && cat heard && grep -qx "hello from $1 by $3" heard &&
        grep -q "u'$1'" broker.log && grep -q "u'$2'" broker.log
}
paho() { # FROM TO: the same by Python's paho-mqtt
    "${app[@]}" timeout 300 /usr/bin/python3 -c 'import sys, paho.mqtt.publish
certificate, key, port, topic = sys.argv[1:]
paho.mqtt.publish.single(topic, "hello", qos=1, retain=True, hostname="localhost", port=int(port),
                         tls={"ca_certs": "ca.crt", "certfile": certificate, "keyfile": key})' \
        "$1.crt" "$1.key" "${port_of[$2]}" "paho/$1" &&
        says mosquitto_sub "$2" 1.3 "$1" -C 1 -t "paho/$1" >heard && grep -qx hello heard && grep -q "u'$1'" broker.log
}

while read -r order token; do
    use $token $order
    configure $token-ec $token-rsa >broker.conf
    begin broker mosquitto -c broker.conf
    for type in $types; do
        name=$token-$type
        wait_for_port "${port_of[$name]}"
        for version in $versions; do
            check "$order: the broker has $name, TLS $version" connects "${port_of[$name]}" $version $name -cert other.crt -key other.key
        done
    done
    for version in $versions; do
        check "$order: a message from $token-ec to $token-rsa, TLS $version" message $token-ec $token-rsa $version
        check "$order: and one back, TLS $version" message $token-rsa $token-ec $version
    done
    check "$order: paho-mqtt has $token-ec" paho $token-ec $token-rsa
    check "$order: the broker for $token ends in good order" end
done <<<"$runs"
check 'nothing stays in the TPM but the keys' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
