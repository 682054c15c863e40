# SPDX-License-Identifier: Apache-2.0
# A service keeps its keys in the TPM that do more than sign, and brings one that it had before.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
start_tpm
p11() { foreign pkcs11-tool --module "$module" "$@"; }
token() { p11 --token-label device "$@"; }

p11 --init-token --slot 0 --so-pin '' --label device >/dev/null 2>&1
echo 'a secret for the token alone' >"$work/secret"

# Decryption: openssl encrypts with the public key.
check 'a key that decrypts is generated' token --keypairgen --key-type rsa:2048 --label box --id 01 --usage-decrypt
check 'its public key can be read' public_key device box "$work/box.pub"
decrypts() { # MECHANISM, pkcs11-tool's options..., --, openssl's options...
    local mechanism=$1 options=()
    shift
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    openssl pkeyutl -encrypt -pubin -inkey "$work/box.pub" -in "$work/secret" -out "$work/box" "$@" &&
        token --decrypt --mechanism "$mechanism" "${options[@]}" --id 01 -i "$work/box" -o "$work/opened" &&
        cmp "$work/secret" "$work/opened"
}
tpm_commands_reset
check 'PKCS#1 v1.5 decrypts' decrypts RSA-PKCS -- -pkeyopt rsa_padding_mode:pkcs1
counts() { [ "$(tpm_commands)/$(tpm_commands 157)/$(tpm_commands 176)/$(tpm_commands 159)/$(tpm_commands 165)" = "$1" ]; }
check 'and costs a cold process Load, StartAuthSession, RSA_Decrypt, FlushContext' counts 4/1/1/1/1
for hash in SHA-1 SHA256 SHA384 SHA512; do
    name=${hash/-/}
    check "OAEP with $hash decrypts" decrypts RSA-PKCS-OAEP --hash-algorithm $hash --mgf "MGF1-$name" -- \
        -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:$name -pkeyopt rsa_mgf1_md:$name
done
check 'OAEP with another hash for its mask decrypts' decrypts RSA-PKCS-OAEP --hash-algorithm SHA256 --mgf MGF1-SHA1 -- \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha1
broken() { openssl rand -out "$work/box" 255 && printf '\0' | cat - "$work/box" >"$work/broken"; }
broken
check_fails 'what was not encrypted for it is refused' 0 CKR_ENCRYPTED_DATA_INVALID \
    token --decrypt --mechanism RSA-PKCS-OAEP --hash-algorithm SHA256 --id 01 -i "$work/broken" -o "$work/opened"

# Import: keys that openssl made.
echo 'what is signed' >"$work/data"
openssl dgst -sha256 -binary "$work/data" >"$work/digest"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out "$work/rsa.der" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt group:P-256 -outform DER -out "$work/ec.der" 2>/dev/null
for kind in rsa ec; do openssl pkey -inform DER -in "$work/$kind.der" -pubout -out "$work/$kind.pub"; done
tpm_commands_reset
check 'an RSA key is taken in' token --write-object "$work/rsa.der" --type privkey --label old-rsa --id 02 --usage-sign --usage-decrypt
check 'and costs one TPM command, Import' counts 1/0/0/0/0
check 'an EC key is taken in' token --write-object "$work/ec.der" --type privkey --label old-ec --id 03 --usage-sign
check 'what is in the token is for the TPM alone' eval "grep -q 'BEGIN TSS2 PRIVATE KEY' $work/tokens/device/old-rsa.pem"
rsa_signs() {
    token --sign --mechanism SHA256-RSA-PKCS --id 02 -i "$work/data" -o "$work/signature" &&
        openssl dgst -sha256 -verify "$work/rsa.pub" -signature "$work/signature" "$work/data"
}
check 'the RSA key signs for who knew it before' rsa_signs
ec_signs() {
    token --sign --mechanism ECDSA --id 03 -i "$work/digest" -o "$work/signature" --signature-format openssl &&
        openssl pkeyutl -verify -pubin -inkey "$work/ec.pub" -in "$work/digest" -sigfile "$work/signature"
}
check 'the EC key signs for who knew it before' ec_signs
opens_old() {
    openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -in "$work/secret" -out "$work/box" -pkeyopt rsa_padding_mode:oaep &&
        token --decrypt --mechanism RSA-PKCS-OAEP --hash-algorithm SHA-1 --id 02 -i "$work/box" -o "$work/opened" &&
        cmp "$work/secret" "$work/opened"
}
check 'the RSA key decrypts for who knew it before' opens_old
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3 -outform DER -out "$work/three.der" 2>/dev/null
check_fails 'a key that the TPM cannot compute with is refused' 0 CKR_ATTRIBUTE_VALUE_INVALID \
    token --write-object "$work/three.der" --type privkey --label three --id 04

# Secret keys: MACs and encryption in the TPM.
printf 'a key of 32 bytes, more or less.' >"$work/hmac.key"
head -c 3000 /dev/urandom >"$work/long"
check 'an HMAC key is generated in the TPM' token --keygen --key-type GENERIC:32 --label mac --id 05 --usage-sign --sensitive
check 'and its file is for the TPM alone' eval "grep -q 'BEGIN TSS2 PRIVATE KEY' $work/tokens/device/mac.pem"
takes_mac() {
    foreign p11tool --provider "$module" --batch --write --secret-key="$(od -An -tx1 -v "$work/hmac.key" | tr -d ' \n')" \
        --label old-mac 'pkcs11:token=device'
}
macs() { # FILE
    token --sign --mechanism SHA256-HMAC --id "$mac_id" -i "$1" -o "$work/mac" &&
        openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -tx1 -v "$work/hmac.key" | tr -d ' \n')" -binary "$1" | cmp - "$work/mac"
}
tpm_commands_reset
check_without_asan 'an HMAC key is taken in' takes_mac
check_without_asan 'and costs one TPM command, Import' counts 1/0/0/0/0
mac_id=$(token -O --type secrkey 2>/dev/null | sed -n '/label: *old-mac/,/ID:/s/ *ID: *//p')
tpm_commands_reset
check_without_asan 'its MAC is that of openssl' macs "$work/data"
check_without_asan 'and costs a cold process Load, HMAC, FlushContext' counts 3/1/0/0/1
check_without_asan 'a long message has the MAC of openssl too' macs "$work/long"
aes_key=000102030405060708090a0b0c0d0e0f aes_iv=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff
printf "$(sed 's/../\\x&/g' <<<$aes_key)" >"$work/aes.key"
check 'an AES key is taken in' token --write-object "$work/aes.key" --type secrkey --key-type AES:16 --label box-aes --id 07 --usage-decrypt --sensitive
encrypts() { # MECHANISM CIPHER FILE
    token --encrypt --mechanism "$1" --iv $aes_iv --id 07 -i "$3" -o "$work/sealed" &&
        openssl enc "-$2" -K $aes_key -iv $aes_iv -in "$3" | cmp - "$work/sealed" &&
        token --decrypt --mechanism "$1" --iv $aes_iv --id 07 -i "$work/sealed" -o "$work/opened" && cmp "$3" "$work/opened"
}
check 'the TPM encrypts and decrypts as openssl does' encrypts AES-CBC-PAD aes-128-cbc "$work/secret"
check 'and a long text too' encrypts AES-CBC-PAD aes-128-cbc "$work/long"

# A key of another program that has a password of its own.
tpm2_openssl() { env -u OPENSSL_MODULES TPM2OPENSSL_TCTI="$tcti" openssl "$@"; }
locked_key() {
    tpm2_openssl genpkey -provider tpm2 -propquery '?provider=tpm2' -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:sesame \
        -out "$work/tokens/device/locked.pem" && tpm2_flushcontext -T "$tcti" -t && public_key device locked "$work/locked.pub"
}
check 'a key with a password, made by tpm2-openssl and dropped in, is an object' locked_key
locked_id() { token -O --type privkey | sed -n '/label: *locked/,/ID:/s/ *ID: *//p'; }
unlocks() { # PASSWORD
    token --login --pin "$1" --sign --mechanism ECDSA --id "$(locked_id)" -i "$work/digest" -o "$work/signature" --signature-format openssl &&
        openssl pkeyutl -verify -pubin -inkey "$work/locked.pub" -in "$work/digest" -sigfile "$work/signature"
}
check 'and signs with its password' unlocks sesame
check_fails 'and not with another' 0 CKR_PIN_INCORRECT unlocks guess
check 'nothing of ours stays in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)$(tpm2_getcap -T "$tcti" handles-loaded-session)"
done_testing
