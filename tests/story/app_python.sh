#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Python's ssl module has keys of tokens on both sides: before a fork, in children, in threads, from one file or two.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
check 'a resource manager for the TPM' start_resource_manager
start_judge
requests() { # NAME
    "${app[@]}" timeout 300 /usr/bin/python3 -c 'import requests, sys
print(requests.get(sys.argv[1], verify="ca.crt", cert=(sys.argv[2], sys.argv[3])).text)' \
        "https://localhost:$judge_port/" "$1.crt" "$1.key" >page && grep -q "Subject: CN *= *$1" page || { cat page; return 1; }
}
handshakes() { "${app[@]}" timeout 300 /usr/bin/python3 "$DEVID_TEST_SOURCE/tests/story/handshakes.py" ca.crt "$@"; }

while read -r order token; do
    use $token $order
    # The client has the other type of key, so that each run uses both.
    for types_of in 'ec rsa' 'rsa ec'; do
        server=$token-${types_of% *} client=$token-${types_of#* }
        for version in $versions; do
            check "$order: TLS $version between $server and $client, around forks and in threads" \
                handshakes $server.crt $server.key $client.crt $client.key $version
        done
    done
    check "$order: requests with $token-rsa" requests $token-rsa
done <<<"$runs"

use disk
for name in disk-ec disk-rsa; do
    cat $name.crt $name.key >first-certificate.pem
    cat $name.key $name.crt >first-key.pem
    check "$name: certificate and key in one file, in either order" handshakes first-certificate.pem '' first-key.pem '' 1.3
done
"$devid" key pem --key 'pkcs11:token=disk;object=ec;type=private' --pin-file pin --out asks.pem
with_password() { PASSWORD=$1 handshakes disk-ec.crt asks.pem disk-rsa.crt disk-rsa.key 1.3; }
check 'the password of load_cert_chain is the PIN' with_password 1234
# Python shows libcrypto's last error only; `openssl pkey -in FILE` tells the reason.
check_fails 'and a wrong one is refused' 1 'ssl.SSLError' with_password 4321
check 'the token has not counted but one' eval "p11 disk -L | grep -q 'user PIN count low'"
check 'nothing stays in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
