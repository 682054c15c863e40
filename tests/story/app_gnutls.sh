#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GnuTLS has keys of tokens through the PKCS#11 module: p11tool, certtool, and both sides of TLS.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
# Debian's GnuTLS may wait for ever below libasan, see lib.sh; the builds without it have these checks.
[ "${DEVID_TEST_ASAN:-}" != yes ] || { done_testing; exit; }
keys_stay # several processes, no resource manager
start_judge
gnutls() { timeout 300 "$1" --provider "$(library "$token")" "${@:2}"; }

lists() { # NAME
    gnutls p11tool --list-privkeys --login --set-pin 1234 "pkcs11:token=$token" | tee listed | grep -q "object=${1#*-};type=private" &&
        gnutls p11tool --test-sign --set-pin 1234 "$(key_uri "$1")"
}
certificate_of() { # NAME: certtool makes a request, which openssl verifies, and a certificate with the token's key as the CA's
    printf 'cn = "%s"\nca\n' "$1" >template && gnutls certtool --generate-request --load-privkey "$(key_uri "$1")" \
        --template template --outfile made.csr && plain req -in made.csr -verify -noout &&
        gnutls certtool --generate-self-signed --load-privkey "$(key_uri "$1")" --template template --outfile made.crt &&
        plain verify -CAfile made.crt -check_ss_sig made.crt
}
only() { echo "NORMAL:-VERS-ALL:+VERS-TLS$1"; } # VERSION: a priority string
serves() { # NAME VERSION; gnutls-serv cannot be told an address
    local port status
    port=$(free_port)
    use "$token"
    begin gnutls-serv gnutls-serv --provider "$(library "$token")" --port "$port" --x509certfile "$1.crt" \
        --x509keyfile "$(key_uri "$1")" --priority "$(only "$2")" --echo
    wait_for_port "$port"
    connects "$port" "$2" "$1"
    status=$?
    end || grep -q 'Exiting via signal 15' gnutls-serv.log || status=1 # its own good order has exit status 1
    [ $status -eq 0 ] || { cat gnutls-serv.log; return 1; }
}
calls() { # NAME VERSION
    printf 'GET / HTTP/1.0\r\n\r\n' | gnutls gnutls-cli --port "$judge_port" --x509cafile ca.crt --x509certfile "$1.crt" \
        --x509keyfile "$(key_uri "$1")" --priority "$(only "$2")" localhost >page 2>&1
    grep -q "Subject: CN *= *$1" page || { cat page; return 1; }
}

for token in tpm disk hsm; do
    for type in $types; do
        name=$token-$type
        check "p11tool lists $name and signs" lists $name
        check "certtool signs with $name" certificate_of $name
        for version in $versions; do
            check "gnutls-serv with $name, TLS $version" serves $name $version
            check "gnutls-cli with $name, TLS $version" calls $name $version
        done
    done
done
check 'nothing stays in the TPM but the keys' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
