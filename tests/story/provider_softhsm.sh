#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A key in somebody else's token, here SoftHSM, is used by programs that know nothing of tokens: by its URI, and by a PEM
# file that holds the URI; whichever provider openssl.cnf names first.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"

cd "$work" || exit 99
for softhsm in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do [ -r "$softhsm" ] && break; done
export SOFTHSM2_CONF=$work/softhsm2.conf DEVID_PKCS11_MODULE=$softhsm
unset OPENSSL_CONF
mkdir -p softhsm
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/softhsm" >"$SOFTHSM2_CONF"
printf '1234\n' >pin
base="pkcs11:token=dev"
pin="pin-source=file:$work/pin"

tool() { pkcs11-tool --module "$softhsm" --token-label dev --login --pin 1234 "$@"; }
make_token() {
    softhsm2-util --init-token --free --label dev --pin 1234 --so-pin 1234 &&
        tool -k --key-type EC:prime256v1 --id 01 --label ec && tool -k --key-type rsa:2048 --id 02 --label rsa
}

configuration plain default
configuration default-first default devid
configuration devid-first devid default
configuration by-property devid default

plain() { OPENSSL_CONF=$work/plain.cnf openssl "$@"; }
ossl() { OPENSSL_CONF=$work/$order.cnf foreign timeout 60 openssl "$@"; }

# uri_to_pem URI: the PEM form, made with nothing but openssl
uri_to_pem() {
    printf 'asn1 = SEQUENCE:uri\n[uri]\ndescription = VISIBLESTRING:"PKCS#11 Provider URI v1.0"\nuri = UTF8:"%s"\n' \
        "$1" >uri.cnf
    plain asn1parse -genconf uri.cnf -noout -out uri.der
    echo '-----BEGIN PKCS#11 PROVIDER URI-----'
    plain base64 -in uri.der
    echo '-----END PKCS#11 PROVIDER URI-----'
}

# The device's certificates are issued by a CA that has no token.
make_certificates() {
    plain req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=ca \
        -days 30 -extensions ca_certificate &&
        plain req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr \
            -subj /CN=localhost &&
        plain x509 -req -in server.csr -CA ca.crt -CAkey ca.key -out server.crt -days 30
}

sign_and_verify() { # KEY: a digest signed by the token, verified without it
    echo 'to be signed' >data
    ossl pkey -in "$1" -pubout -out public.pem &&
        ossl dgst -sha256 -sign "$1" -out signature data &&
        plain dgst -sha256 -verify public.pem -signature signature data &&
        ossl dgst -sha256 -verify public.pem -signature signature data &&
        ! plain dgst -sha384 -verify public.pem -signature signature data
}

sign_pss() {
    ossl pkey -in "$1" -pubout -out public.pem &&
        ossl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 -sign "$1" -out signature data &&
        plain dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify public.pem \
            -signature signature data
}

decrypt() { # KEY OPTION...: sealed with the public key alone, opened by the token
    local key=$1
    shift
    ossl pkey -in "$key" -pubout -out public.pem && echo 'a secret' >secret &&
        plain pkeyutl -encrypt -pubin -inkey public.pem "$@" -in secret -out sealed &&
        ossl pkeyutl -decrypt -inkey "$key" "$@" -in sealed -out opened && cmp secret opened
}

agree() { # KEY: the same secret on both sides, one of which has no token
    plain genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out other.key &&
        plain pkey -in other.key -pubout -out other.pem && ossl pkey -in "$1" -pubout -out public.pem &&
        plain pkeyutl -derive -inkey other.key -peerkey public.pem -out theirs &&
        ossl pkeyutl -derive -inkey "$1" -peerkey other.pem -out ours && cmp ours theirs
}

mail() { # KEY CERTIFICATE: an S/MIME message to the token's key
    echo 'for your eyes only' >letter && plain cms -encrypt -aes-256-cbc -in letter -out letter.cms "$2" &&
        ossl cms -decrypt -in letter.cms -inkey "$1" -recip "$2" -out opened && grep -q 'for your eyes only' opened
}

certify() { # KEY NAME: a request by the key, its certificate, and the certificate's object
    ossl req -new -key "$1" -subj "/CN=$2" -out "$2.csr" &&
        plain req -in "$2.csr" -verify -noout &&
        plain x509 -req -in "$2.csr" -CA ca.crt -CAkey ca.key -out "$2.crt" -days 30
}

store_certificate() { # NAME ID
    plain x509 -in "$1.crt" -outform DER -out certificate.der &&
        tool -w certificate.der --type cert --id "$2" --label "$1"
}

self_signed() {
    ossl req -x509 -key "$1" -subj /CN=self -out self.crt -days 30 && plain verify -CAfile self.crt self.crt
}

public_text() {
    ossl pkey -in "$1" -noout -text | tee text | grep -q '^PKCS11 [A-Z0-9-]* Private Key (' &&
        test "$(grep -c '^URI pkcs11:' text)" = 1 &&
        grep -q 'Public-Key' text && ! grep -q 1234 text
}

start_server() { # a TLS server that wants a certificate of the CA
    server_port=$(free_port)
    OPENSSL_CONF=$work/plain.cnf openssl s_server -accept "$server_port" -cert server.crt -key server.key -CAfile ca.crt \
        -Verify 1 -verify_return_error -www >server.log 2>&1 &
    story_pids="$story_pids $!"
    wait_for_port "$server_port"
}

tls() { # VERSION CERT KEY: a handshake in which the client proves its key; the page shows what the server saw
    printf 'GET / HTTP/1.0\r\n\r\n' | ossl s_client -connect "localhost:$server_port" "$1" -cert "$2" -key "$3" \
        -CAfile ca.crt -verify_return_error -ign_eof -quiet >page 2>&1
    grep -q "Client certificate" page && grep -q "Subject: CN *= *$4" page
}

serve_and_connect() { # VERSION CERT KEY: the token's key on the server's side
    local port pid status
    port=$(free_port)
    # exec: so that $! is the server itself
    OPENSSL_CONF=$work/$order.cnf foreign exec openssl s_server -accept "$port" -cert "$2" -key "$3" -www >token-server.log 2>&1 &
    pid=$!
    story_pids="$story_pids $pid"
    wait_for_port "$port"
    for _ in 1 2 3; do
        plain s_client -connect "localhost:$port" "$1" -CAfile ca.crt -verify_return_error </dev/null
        status=$?
        [ $status -eq 0 ] || break
    done
    kill "$pid" && wait "$pid" 2>/dev/null
    return $status
}

without_module() { DEVID_PKCS11_MODULE=/nowhere/module.so ossl "$@"; }
with_curl() { # VERSION CERT KEY
    OPENSSL_CONF=$work/$order.cnf foreign timeout 60 curl -sS "--tlsv$1" --tls-max "$1" --cacert ca.crt --cert "$2" \
        --key "$3" "https://localhost:$server_port/" >page && grep -q "Subject: CN *= *$4" page
}

check 'a token with two key pairs' make_token
check 'a CA and a server certificate' make_certificates
start_server

for order in default-first devid-first by-property; do
    for key in ec rsa; do
        uri="$base;object=$key;type=private?$pin"
        uri_to_pem "$uri" >$key.pem
        for form in "$uri" "$key.pem"; do
            name="$order, $key by ${form%%:*}"
            check "$name: sign and verify" sign_and_verify "$form"
            check "$name: a certificate" certify "$form" $key
            check "$name: a self-signed certificate" self_signed "$form"
            check "$name: text tells the URI and no PIN" public_text "$form"
        done
        cat $key.crt $key.pem >$key-bundle.pem
        [ "$order" != default-first ] ||
            check "$key: the certificate becomes an object of the token" store_certificate $key 0$([ $key = ec ] && echo 1 || echo 2)
        check "$order: $key's certificate is read by its URI" ossl x509 -in "$base;object=$key;type=cert" -noout
        for version in 1.2 1.3; do
            option=-tls${version/./_}
            check "$order, $key: TLS $version client, certificate and key by URI" \
                tls "$option" "$base;object=$key;type=cert" "$uri" $key
            check "$order, $key: TLS $version client, PEM files" tls "$option" $key.crt $key.pem $key
            check "$order, $key: TLS $version client, one bundle" tls "$option" $key-bundle.pem $key-bundle.pem $key
            check_without_asan "$order, $key: TLS $version, curl" with_curl "$version" $key.crt $key.pem $key
            check "$order, $key: TLS $version server" serve_and_connect "$option" $key.crt $key.pem
        done
    done
    check "$order: PSS" sign_pss "$base;object=rsa;type=private?$pin"
    check "$order: RSA decryption" decrypt "$base;object=rsa;type=private?$pin"
    check "$order: RSA-OAEP" decrypt rsa.pem -pkeyopt rsa_padding_mode:oaep
    check "$order: ECDH" agree "$base;object=ec;type=private?$pin"
    check "$order: mail to an RSA key" mail rsa.pem rsa.crt
    check "$order: mail to an EC key" mail ec.pem ec.crt
    check "$order: a key pair in software is made, written and read as ever" eval \
        'ossl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out soft.pem && sign_and_verify soft.pem'

    uri_to_pem "pkcs11:token=nobody;object=ec?$pin" >nobody.pem
    sed 's/^M/!/' ec.pem >broken.pem
    check_fails "$order: an unknown token is named, and the tokens there are" 0 \
        "pkcs11:token=nobody: no token matches; tokens seen in $softhsm: 'dev'" ossl pkey -in pkcs11:token=nobody -noout
    check_fails "$order: an unknown object is named" 0 'object=nothing' \
        ossl pkey -in "$base;object=nothing?$pin" -noout
    check_fails "$order: an unknown token in a PEM file is named" 0 'pkcs11:token=nobody;object=ec' \
        ossl pkey -in nobody.pem -noout
    check_fails "$order: a broken PEM file is called that" 0 'PKCS#11 PROVIDER URI is damaged' \
        ossl pkey -in broken.pem -noout
    check_fails "$order: a wrong PIN is called that" 0 'wrong PIN' \
        ossl pkey -in "$base;object=ec?pin-value=9999" -noout
    check_fails "$order: a missing module is named" 0 '/nowhere/module.so: cannot open shared object file' \
        without_module pkey -in "$base;object=ec?$pin" -noout
done
done_testing
