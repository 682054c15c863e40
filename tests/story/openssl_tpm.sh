# SPDX-License-Identifier: Apache-2.0
# The openssl command and curl use a TPM key through the provider: requests, signatures, TLS 1.2 and 1.3.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
start_tpm
ossl() { foreign openssl "$@"; }
plain() { env -u OPENSSL_CONF openssl "$@"; } # without our provider: who checks what was made
p11() { foreign pkcs11-tool --module "$module" "$@"; }

configuration default-first default devid
configuration devid-first devid default

p11 --init-token --slot 0 --so-pin '' --label device >/dev/null
p11 --token-label device --keypairgen --key-type EC:prime256v1 --label ec --id 01 >/dev/null
p11 --token-label device --keypairgen --key-type rsa:2048 --label rsa --id 02 >/dev/null
echo 'what is signed' >"$work/data"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/server.key" -out "$work/server.pem" 2>/dev/null

pem_form() { # KEY: the PEM file that stands for its URI
    printf 'asn1 = SEQUENCE:key\n[key]\nversion = VISIBLESTRING:PKCS\\#11 Provider URI v1.0\nuri = UTF8String:pkcs11:token=device;object=%s;type=private\n' "$1" >"$work/asn1"
    plain asn1parse -genconf "$work/asn1" -noout -out "$work/uri.der"
    { echo '-----BEGIN PKCS#11 PROVIDER URI-----'; base64 -w 64 "$work/uri.der"; echo '-----END PKCS#11 PROVIDER URI-----'; } >"$work/$1.key"
}
dgst() { # KEY-OR-FILE NAME
    ossl dgst -sha256 -sign "$1" -out "$work/signature" "$work/data" &&
        plain dgst -sha256 -verify "$work/$2.pub" -signature "$work/signature" "$work/data"
}
pss() {
    ossl dgst -sha256 -sign "$1" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -out "$work/signature" "$work/data" &&
        plain dgst -sha256 -verify "$work/rsa.pub" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
            -signature "$work/signature" "$work/data"
}
unreachable() { DEVID_TCTI=swtpm:host=127.0.0.1,port=9 ossl "$@"; }
handshake() { # VERSION NAME KEY: the server demands the certificate and verifies it
    ossl s_client -connect "localhost:$port" "-$1" -CAfile "$work/server.pem" -verify_return_error \
        -cert "$work/$2.pem" -key "$3" </dev/null >"$work/client" 2>&1 && grep -q 'Verify return code: 0' "$work/client"
}
curl_fetches() { # VERSION NAME
    foreign curl -sS --cacert "$work/server.pem" --cert "$work/$2.pem" --key "$work/$2.key" "--tlsv1.$1" --tls-max "1.$1" \
        "https://localhost:$port/" | grep -q 'Client certificate'
}

for order in default-first devid-first; do
    export OPENSSL_CONF=$work/$order.cnf
    for name in ec rsa; do
        uri="pkcs11:token=device;object=$name;type=private"
        tpm_commands_reset
        check "$order: $name: a request signed by the TPM" ossl req -new -key "$uri" -subj "/CN=$name" -out "$work/$name.csr"
        check "$order: $name: costs Load, Sign and FlushContext" test "$(tpm_commands)" = 3
        check "$order: $name: verifies" plain req -in "$work/$name.csr" -verify -noout
        ossl req -new -x509 -key "$uri" -subj "/CN=$name" -out "$work/$name.pem"
        check "$order: $name: the public key" ossl pkey -in "$uri" -pubout -out "$work/$name.pub"
        check "$order: $name: is the certificate's" eval "plain x509 -in $work/$name.pem -pubkey -noout | cmp - $work/$name.pub"
        pem_form "$name"
        check "$order: $name: dgst by URI" dgst "$uri" "$name"
        check "$order: $name: dgst by PEM file" dgst "$work/$name.key" "$name"
        check_fails "$order: $name: the private key does not come out" 0 '' ossl pkcs8 -topk8 -nocrypt -in "$work/$name.key" -outform DER
    done
    check "$order: RSA PSS" pss 'pkcs11:token=device;object=rsa;type=private'

    cat "$work/ec.pem" "$work/rsa.pem" >"$work/clients.pem"
    port=$(free_port)
    # not by a function: its process would be a shell's child, and outlive the story
    env -u OPENSSL_CONF openssl s_server -accept "127.0.0.1:$port" -cert "$work/server.pem" -key "$work/server.key" \
        -CAfile "$work/clients.pem" -Verify 1 -verify_return_error -www -quiet >"$work/server.log" 2>&1 &
    server=$!
    story_pids="$story_pids $server"
    wait_for_port "$port"
    for version in tls1_2 tls1_3; do
        for name in ec rsa; do
            tpm_commands_reset
            check "$order: $version: s_client with $name by URI" handshake $version $name "pkcs11:token=device;object=$name;type=private"
            check "$order: $version: one signature" test "$(tpm_commands 15d)" = 1
            check "$order: $version: s_client with $name by PEM file" handshake $version $name "$work/$name.key"
            check_without_asan "$order: $version: curl with $name by PEM file" curl_fetches "${version#tls1_}" $name
        done
    done
    kill $server
    wait $server 2>/dev/null
done

check_fails 'an unknown token is named' 0 'pkcs11:token=nobody' ossl pkey -in 'pkcs11:token=nobody;object=ec' -pubout
check_fails 'with the tokens there are' 0 "'device'" ossl pkey -in 'pkcs11:token=nobody;object=ec' -pubout
check_fails 'an unreachable TPM is named' 0 'TPM swtpm:host=127.0.0.1,port=9 cannot be reached' \
    unreachable dgst -sha256 -sign 'pkcs11:token=device;object=ec;type=private' "$work/data"
check 'nothing of ours stays in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
