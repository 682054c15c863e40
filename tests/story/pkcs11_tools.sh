# SPDX-License-Identifier: Apache-2.0
# An administrator looks at a TPM token and signs with its keys with the PKCS#11 tools of the distribution.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
start_tpm
p11() { foreign pkcs11-tool --module "$module" "$@"; }
token() { p11 --token-label device "$@"; }
# For tpm2-openssl, which must not find our provider's directory in its way.
tpm2_openssl() { env -u OPENSSL_MODULES TPM2OPENSSL_TCTI="$tcti" openssl "$@"; }

check 'pkcs11-tool sees the empty slot' p11 -L
check 'pkcs11-tool makes a token' p11 --init-token --slot 0 --so-pin '' --label device
check 'the token directory is private' test "$(stat -c %a "$work/tokens/device")" = 700
check 'an EC key is generated in the TPM' token --keypairgen --key-type EC:prime256v1 --label device-id --id 01
check 'an RSA key is generated in the TPM' token --keypairgen --key-type rsa:2048 --label rsa-id --id 02
check 'the key file is private' test "$(stat -c %a "$work/tokens/device/device-id.pem")" = 600

lists_both() {
    token -O >"$work/list" && grep -q 'Private Key Object; EC' "$work/list" && grep -q 'Private Key Object; RSA' "$work/list" &&
        grep -q 'never extractable' "$work/list"
}
check 'pkcs11-tool lists both pairs' lists_both
p11tool_lists() { foreign p11tool --provider "$module" --list-all 'pkcs11:token=device' | tee "$work/list" | grep -q 'Type: Private key (RSA-2048)'; }
check_without_asan 'p11tool lists them' p11tool_lists
check_without_asan 'p11tool signs and verifies with the EC key' foreign p11tool --provider "$module" --test-sign 'pkcs11:token=device;object=device-id;type=private'
check_without_asan 'p11tool signs and verifies with the RSA key' foreign p11tool --provider "$module" --test-sign 'pkcs11:token=device;object=rsa-id;type=private'

echo 'what is signed' >"$work/data"
openssl dgst -sha256 -binary "$work/data" >"$work/digest"
check 'the public keys can be read' eval 'public_key device device-id $work/device-id.pub && public_key device rsa-id $work/rsa-id.pub'
openssl pkey -pubin -in "$work/device-id.pub" -outform DER -out "$work/device-id.der"

ecdsa() {
    token --sign --mechanism ECDSA --id 01 -i "$work/digest" -o "$work/signature" --signature-format openssl &&
        openssl pkeyutl -verify -pubin -inkey "$work/device-id.pub" -in "$work/digest" -sigfile "$work/signature"
}
tpm_commands_reset
check 'ECDSA verifies' ecdsa
cold_counts() { [ "$(tpm_commands)/$(tpm_commands 157)/$(tpm_commands 15d)/$(tpm_commands 165)" = 3/1/1/1 ]; }
check 'a cold process to its signature costs Load, Sign, FlushContext' cold_counts
pkcs1() {
    token --sign --mechanism SHA256-RSA-PKCS --id 02 -i "$work/data" -o "$work/signature" &&
        openssl dgst -sha256 -verify "$work/rsa-id.pub" -signature "$work/signature" "$work/data"
}
check 'RSA PKCS#1 verifies' pkcs1
pss() { # SALT LENGTH
    token --sign --mechanism RSA-PKCS-PSS --hash-algorithm SHA256 --salt-len "$1" --id 02 -i "$work/digest" -o "$work/signature" &&
        openssl pkeyutl -verify -pubin -inkey "$work/rsa-id.pub" -in "$work/digest" -sigfile "$work/signature" \
            -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:"$1"
}
check 'RSA PSS verifies with the salt as long as the digest' pss 32
check 'RSA PSS verifies with another salt' pss 11

interfaces() { [ "$(p11 --list-interfaces | grep -cE 'version: (3.0|2.40|1.2)')" = 3 ]; }
check 'pkcs11-tool sees the interfaces 3.0, 2.40 and our own' interfaces
verifies() { # MECHANISM ID INPUT OPTION...: what the token signs verifies, and nothing else does
    local mechanism=$1 id=$2 input=$3
    shift 3
    token --sign --mechanism "$mechanism" --id "$id" -i "$input" -o "$work/signature" "$@" &&
        token --verify --mechanism "$mechanism" --id "$id" -i "$input" --signature-file "$work/signature" "$@" | grep -q 'Signature is valid' &&
        ! token --verify --mechanism "$mechanism" --id "$id" -i "$work/other" --signature-file "$work/signature" "$@" | grep -q 'Signature is valid'
}
head -c 32 /dev/zero >"$work/other"
check 'the token verifies ECDSA' verifies ECDSA 01 "$work/digest"
check 'the token verifies RSA PKCS#1' verifies SHA256-RSA-PKCS 02 "$work/data"
check 'the token verifies RSA PSS' verifies RSA-PKCS-PSS 02 "$work/digest" --hash-algorithm SHA256
hashes() { token --hash --mechanism "$1" -i "$work/data" -o "$work/hash" && openssl dgst "-$2" -binary "$work/data" | cmp - "$work/hash"; }
check 'SHA-256 is that of openssl' hashes SHA256 sha256
check 'SHA-512 is that of openssl' hashes SHA512 sha512
data_object() {
    token --write-object "$work/data" --type data --label note --application-label story &&
        token --read-object --type data --label note -o "$work/note" && cmp "$work/data" "$work/note" &&
        grep -q 'BEGIN DEVID DATA' "$work/tokens/device/note.data.pem"
}
check 'a data object is stored and read back' data_object
public_object() {
    token --write-object "$work/device-id.der" --type pubkey --label peer --id 77 &&
        openssl pkey -pubin -in "$work/tokens/device/peer.pub.pem" -outform DER | cmp - "$work/device-id.der"
}
check 'a public key is stored as a file that openssl reads' public_object
check 'the id of an object is changed in its file' eval \
    "token --set-id 78 --type pubkey --label peer --id 77 && grep -q '^ID: 78' $work/tokens/device/peer.pub.pem"
check 'both are deleted with their files' eval \
    "token --delete-object --type pubkey --id 78 && token --delete-object --type data --label note && ! ls $work/tokens/device | grep -qE 'peer|note'"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -keyout "$work/k" -out "$work/other.pem" 2>/dev/null
openssl x509 -in "$work/other.pem" -outform DER -out "$work/other.der"
check 'a certificate is stored' token --write-object "$work/other.der" --type cert --label other --id 01
check 'and is a PEM file that openssl reads' openssl x509 -in "$work/tokens/device/other.crt.pem" -noout -subject
check 'and is read back the same' eval "token --read-object --type cert --label other -o $work/back.der && cmp $work/other.der $work/back.der"
check 'a certificate dropped into the directory is an object' eval \
    "cp $work/other.pem $work/tokens/device/dropped.crt.pem && token -O --type cert | grep -q dropped"
check 'a certificate is deleted with its file' eval \
    "token --delete-object --type cert --label other && test ! -e $work/tokens/device/other.crt.pem"

tpm_commands_reset
looks() { p11 -L && p11 -M --token-label device && token -O; }
check 'looking at the token' looks
check 'costs no TPM command' test "$(tpm_commands)" = ''

# The same file in the hands of another TPM tool, and the other way round.
tpm2_openssl_signs() {
    tpm2_openssl dgst -provider tpm2 -provider default -propquery '?provider=tpm2' -sha256 \
        -sign "$work/tokens/device/$1.pem" -out "$work/signature" "$work/data" &&
        openssl dgst -sha256 -verify "$work/$1.pub" -signature "$work/signature" "$work/data"
}
check "tpm2-openssl signs with the token's EC key file" tpm2_openssl_signs device-id
check "tpm2-openssl signs with the token's RSA key file" tpm2_openssl_signs rsa-id
foreign_key() {
    tpm2_openssl genpkey -provider tpm2 -propquery '?provider=tpm2' -algorithm EC -pkeyopt group:P-256 \
        -out "$work/tokens/device/foreign.pem" && tpm2_flushcontext -T "$tcti" -t && public_key device foreign "$work/foreign.pub"
}
check 'a key file that tpm2-openssl made, dropped in, is an object' foreign_key
foreign_signs() {
    token --sign --mechanism ECDSA --id "$(token -O --type privkey | sed -n '/label: *foreign/,/ID:/s/ *ID: *//p')" \
        -i "$work/digest" -o "$work/signature" --signature-format openssl &&
        openssl pkeyutl -verify -pubin -inkey "$work/foreign.pub" -in "$work/digest" -sigfile "$work/signature"
}
check 'and signs under the primary of the owner hierarchy' foreign_signs
check 'nothing of ours stays in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
