#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Node.js has keys of tokens on both sides of TLS, with its own copy of OpenSSL or the system's.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm

# shakes SERVER CLIENT VERSION [OPTION...]
shakes() {
    local server=$1 client=$2 version=TLSv$3
    "${app[@]}" timeout 300 node "${@:4}" "$DEVID_TEST_SOURCE/tests/story/handshakes.js" ca.crt "$server.crt" "$server.key" "$client.crt" \
        "$client.key" "$version" >said 2>&1
    grep -qx "$version $server $client" said || { cat said; return 1; }
}
while read -r order token; do
    use $token $order
    for types_of in 'ec rsa' 'rsa ec'; do
        for version in $versions; do
            server=$token-${types_of% *} client=$token-${types_of#* }
            check_without_asan "$order: node with $server and $client, TLS $version" shakes $server $client $version --openssl-config="$work/$order.cnf"
        done
    done
    check_without_asan "$order: node with the system's section of the configuration" shakes $token-ec $token-rsa 1.3 --openssl-shared-config
done <<<"$runs"
check 'nothing stays in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
