#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The openssl command does with keys of tokens what it does with its own: certificate requests, an authority, signatures, mail, time
# stamps, TLS on both sides. Whatever it makes is checked by an openssl that has no token.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
echo 'what is signed' >data
plain dgst -sha256 -binary -out digest data
printf '01\n' >serial
cat >ca.cnf <<'C'
[ca]
default_ca = authority
[authority]
new_certs_dir = .
database = database
serial = serial
crlnumber = crl-number
default_md = sha256
default_days = 30
default_crl_days = 30
policy = policy
unique_subject = no
[policy]
commonName = supplied
[authority_certificate]
basicConstraints = critical,CA:TRUE
keyUsage = keyCertSign,cRLSign
[tsa]
default_tsa = stamps
[stamps]
serial = stamp-serial
digests = sha256
default_policy = 1.2.3.4
ess_cert_id_alg = sha256
signer_digest = sha256
[stamper]
extendedKeyUsage = critical,timeStamping
C

ossl() { "${app[@]}" timeout 300 openssl "$@"; }

# Each takes the key, as a URI or a file, and the name of its files. $name.pub is its public key, $name.crt its certificate.
request() {
    ossl req -new -key "$1" -subj /CN=asked -out made.csr && plain req -in made.csr -verify -noout &&
        plain req -in made.csr -pubkey -noout | cmp - "$2.pub"
}
self_signed() {
    ossl req -x509 -key "$1" -subj /CN=self -days 30 -out made.crt && plain verify -CAfile made.crt -check_ss_sig made.crt
}
authority() { # x509 -req, ca and its revocation list, with the token's key as the authority's
    ossl req -x509 -key "$1" -subj /CN=authority -days 30 -out authority.crt -extensions authority_certificate \
        -config <(cat plain.cnf ca.cnf) &&
        ossl x509 -req -in other.csr -CA authority.crt -CAkey "$1" -days 30 -out made.crt &&
        plain verify -CAfile authority.crt made.crt && : >database && echo 01 >crl-number &&
        ossl ca -batch -notext -config ca.cnf -cert authority.crt -keyfile "$1" -in other.csr -out made.crt &&
        plain verify -CAfile authority.crt made.crt &&
        ossl ca -config ca.cnf -cert authority.crt -keyfile "$1" -revoke made.crt &&
        ossl ca -config ca.cnf -cert authority.crt -keyfile "$1" -gencrl -out made.crl &&
        plain crl -in made.crl -CAfile authority.crt -noout &&
        ! plain verify -crl_check -CAfile authority.crt -CRLfile made.crl made.crt
}
digests() {
    local hash
    for hash in sha1 sha256 sha384 sha512; do
        ossl dgst -$hash -sign "$1" -out signature data && plain dgst -$hash -verify "$2.pub" -signature signature data &&
            ossl dgst -$hash -prverify "$1" -signature signature data || return 1
    done
}
signs() {
    ossl pkeyutl -sign -inkey "$1" -in digest -pkeyopt digest:sha256 -out signature &&
        plain pkeyutl -verify -pubin -inkey "$2.pub" -in digest -pkeyopt digest:sha256 -sigfile signature &&
        ossl pkeyutl -sign -rawin -digest sha256 -inkey "$1" -in data -out signature &&
        plain pkeyutl -verify -rawin -digest sha256 -pubin -inkey "$2.pub" -in data -sigfile signature
}
pss() {
    ossl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign "$1" -out signature data &&
        plain dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify "$2.pub" -signature signature data
}
decrypts() {
    local padding
    for padding in pkcs1 oaep; do
        plain pkeyutl -encrypt -pubin -inkey "$2.pub" -pkeyopt rsa_padding_mode:$padding -in data -out sealed &&
            ossl pkeyutl -decrypt -inkey "$1" -pkeyopt rsa_padding_mode:$padding -in sealed -out opened && cmp data opened || return 1
    done
}
derives() {
    plain pkey -in other.key -pubout -out other.pub && plain pkeyutl -derive -inkey other.key -peerkey "$2.pub" -out theirs &&
        ossl pkeyutl -derive -inkey "$1" -peerkey other.pub -out ours && cmp theirs ours
}
signed_mail() {
    ossl cms -sign -in data -text -signer "$2.crt" -inkey "$1" -out mail && plain cms -verify -in mail -text -CAfile ca.crt -out opened &&
        grep -q 'what is signed' opened && ossl cms -sign -binary -nodetach -outform DER -in data -signer "$2.crt" -inkey "$1" -out mail &&
        plain cms -verify -inform DER -in mail -CAfile ca.crt -out opened && cmp data opened &&
        ossl smime -sign -in data -text -signer "$2.crt" -inkey "$1" -out mail && plain smime -verify -in mail -text -CAfile ca.crt -out opened
}
sealed_mail() {
    plain cms -encrypt -binary -aes-256-cbc -in data -out mail "$2.crt" &&
        ossl cms -decrypt -binary -in mail -recip "$2.crt" -inkey "$1" -out opened && cmp data opened
}
sealed_mail_pss_oaep() {
    ossl cms -sign -binary -nodetach -in data -signer "$2.crt" -inkey "$1" -keyopt rsa_padding_mode:pss -out mail &&
        plain cms -verify -binary -in mail -CAfile ca.crt -out opened && cmp data opened &&
        plain cms -encrypt -binary -aes-256-cbc -in data -recip "$2.crt" -keyopt rsa_padding_mode:oaep -out mail &&
        ossl cms -decrypt -binary -in mail -recip "$2.crt" -inkey "$1" -out opened && cmp data opened
}
old_mail() { # PKCS#7 seals to RSA keys only
    plain smime -encrypt -binary -aes-256-cbc -in data -out mail "$2.crt" &&
        ossl smime -decrypt -binary -in mail -recip "$2.crt" -inkey "$1" -out opened && cmp data opened
}
stamps() { # openssl ts takes keys from files alone
    plain x509 -req -in "$2.csr" -CA ca.crt -CAkey ca.key -out stamper.crt -days 30 -extfile ca.cnf -extensions stamper &&
        plain ts -query -data data -sha256 -out query && echo 01 >stamp-serial &&
        ossl ts -reply -config ca.cnf -queryfile query -signer stamper.crt -inkey "$2.key" -out stamp &&
        plain ts -verify -queryfile query -in stamp -CAfile ca.crt -untrusted stamper.crt
}
challenge() { # the request of old browsers
    ossl spkac -digest sha256 -key "$1" -challenge word -out made.spkac && plain spkac -in made.spkac -verify -noout
}
server() {
    local version
    for version in $versions; do connects "$server_port" "$version" "$2" || return 1; done
}
client() { # KEY NAME
    local version
    for version in $versions; do
        ossl s_client -connect "127.0.0.1:$judge_port" "-tls${version/./_}" -cert "$2.crt" -key "$1" -CAfile ca.crt \
            -verify_return_error -ign_eof -quiet <get >page 2>&1 && grep -q "Subject: CN *= *$2" page || { cat page; return 1; }
    done
}
printf 'GET / HTTP/1.0\r\n\r\n' >get

# command: what it shows: for these types of keys
commands='request:req makes a request:ec rsa
self_signed:req makes a certificate:ec rsa
authority:x509 and ca issue and revoke certificates:ec rsa
digests:dgst signs:ec rsa
pss:dgst signs with PSS:rsa
signs:pkeyutl signs:ec rsa
decrypts:pkeyutl decrypts:rsa
derives:pkeyutl agrees on a secret:ec
signed_mail:cms and smime sign:ec rsa
sealed_mail:cms decrypts:ec rsa
sealed_mail_pss_oaep:cms signs with PSS and decrypts with OAEP:rsa
old_mail:smime decrypts:rsa
stamps:ts stamps:ec rsa
challenge:spkac signs:ec rsa
server:s_server serves:ec rsa
client:s_client has its certificate:ec rsa'

# Every order of the providers, every token, both forms of the key.
runs='default-first tpm file
default-first disk uri
default-first hsm file
devid-first tpm uri
devid-first hsm uri
by-property disk file
by-property hsm file'
[ "${DEVID_TEST_ASAN:-}" != yes ] || runs='default-first tpm file
devid-first hsm uri
by-property disk file'

check 'a resource manager for the TPM' start_resource_manager
start_judge
while read -r order token form; do
    use $token $order
    for type in $types; do
        name=$token-$type
        [ $form = file ] && key=$name.key || key=$(key_uri $name)
        plain x509 -in $name.crt -pubkey -noout >$name.pub
        server_port=$(free_port)
        begin server openssl s_server -accept "127.0.0.1:$server_port" -cert $name.crt -key "$key" -www
        wait_for_port "$server_port"
        while IFS=: read -r command shows for_types; do
            case $for_types in *$type*) check "$order, $name by $form: $shows" $command "$key" $name ;; esac
        done <<<"$commands"
        check "$order, $name: s_server ends in good order" end
        check_fails "$order, $name: pkcs12 cannot have the private key" 0 '' \
            ossl pkcs12 -export -inkey "$key" -in $name.crt -passout pass:x -out made.p12
    done
done <<<"$runs"

# The lines of docs/openssl.md below the distribution's own, as they stand there.
as_written() {
    { cat /etc/ssl/openssl.cnf && sed -n '/^openssl_conf = /,/^```/p' "$DEVID_TEST_SOURCE/docs/openssl.md" | grep -v '^```'; } >written.cnf || return 1
    OPENSSL_CONF=$work/written.cnf foreign openssl list -providers >listed && grep -q '^  default$' listed && grep -q '^  devid$' listed &&
        OPENSSL_CONF=$work/written.cnf foreign openssl req -new -key tpm-ec.key -subj /CN=asked -out made.csr && plain req -in made.csr -verify -noout
}
check "the configuration of the documentation, at the end of the distribution's" as_written
check 'and leaves nothing in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
