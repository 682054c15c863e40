#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OpenVPN shakes hands by keys of tokens on both sides.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
keys_stay # two processes, no resource manager

# tunnel SERVER CLIENT VERSION [OPTION...]: both ends come up; there is no network device behind them
tunnel() {
    local port common status=0
    port=$(free_port)
    # The configuration of libcrypto is the one of all programs: openvpn loads it by itself.
    common="--dev null --verb 4 --ca ca.crt --tls-version-min $3 --tls-version-max $3 --allow-compression no --ping-exit 60 --ifconfig-noexec --route-noexec ${*:4}"
    # shellcheck disable=SC2086
    begin server openvpn $common --proto tcp-server --local 127.0.0.1 --port "$port" --tls-server --dh none --cert "$1.crt" --key "$1.key"
    wait_until grep -q 'Listening for incoming TCP' server.log || { cat server.log; return 1; }
    # shellcheck disable=SC2086
    "${app[@]}" openvpn $common --proto tcp-client --remote 127.0.0.1 "$port" --nobind --tls-client --cert "$2.crt" --key "$2.key" \
        >client.log 2>&1 </dev/null &
    story_pids="$story_pids $!"
    wait_until grep -q 'Initialization Sequence Completed' client.log && wait_until grep -q 'Initialization Sequence Completed' server.log &&
        grep -q "VERIFY OK: depth=0, CN=$2" server.log && grep -q "VERIFY OK: depth=0, CN=$1" client.log &&
        grep -q "Control Channel: TLSv$3" client.log || status=1
    end $! || status=1
    end || status=1
    [ $status -eq 0 ] || { tail -n 20 server.log client.log; return 1; }
}

# A handshake takes OpenVPN seconds of its own: in a token's two orders each version has each type of key on each side once.
declare -A swapped
while read -r order token; do
    use $token $order
    servers=$types
    [ -z "${swapped[$token]:-}" ] || servers='rsa ec'
    swapped[$token]=yes
    for version in $versions; do
        server=$token-${servers% *} client=$token-${servers#* }
        check "$order: openvpn with $server and $client, TLS $version" tunnel $server $client $version
        servers="${servers#* } ${servers% *}"
    done
done <<<"$runs"
use disk plain
check 'openvpn loads the provider by its own configuration' tunnel disk-ec disk-rsa 1.3 --providers default devid
check 'nothing stays in the TPM but the keys' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
