# SPDX-License-Identifier: Apache-2.0
# A person protects a TPM token with PINs, with the PKCS#11 tools of the distribution, and uses it with openssl.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
start_tpm
p11() { foreign pkcs11-tool --module "$module" "$@"; }
token() { p11 --token-label device "$@"; }
user() { token --login --pin "$pin" "$@"; }
pin=1234

check 'a token is made with an SO PIN' p11 --init-token --slot 0 --so-pin 87654321 --label device
check 'pin.pem is private' test "$(stat -c %a "$work/tokens/device/pin.pem")" = 600
check 'the SO gives the user a PIN' token --login --login-type so --so-pin 87654321 --init-pin --new-pin 1234
login_required() { p11 -L | tee "$work/list" | grep 'token flags' | grep 'login required' | grep 'PIN initialized' | grep -q rng; }
check 'the token asks for a login and has random numbers' login_required
check 'a key is generated' user --keypairgen --key-type EC:prime256v1 --label id --id 01
check_fails 'not without a login' 0 'CKR_USER_NOT_LOGGED_IN' token --keypairgen --key-type EC:prime256v1 --label other
sees() { "$@" -O --type privkey | grep -q 'label: *id$'; }
check 'the user sees the private key' sees user
check 'others do not' eval '! sees token'
check 'others see the public key' eval "token -O --type pubkey | grep -q 'label: *id\$'"

echo 'what is signed' >"$work/data"
openssl dgst -sha256 -binary "$work/data" >"$work/digest"
signs() {
    user --sign --mechanism ECDSA --id 01 -i "$work/digest" -o "$work/signature" --signature-format openssl &&
        public_key device id "$work/id.pub" &&
        openssl pkeyutl -verify -pubin -inkey "$work/id.pub" -in "$work/digest" -sigfile "$work/signature"
}
check 'the user signs' signs
check_fails 'a wrong PIN is refused' 0 'CKR_PIN_INCORRECT' token --login --pin 0000 -O
check 'the user changes the PIN' token --login --pin 1234 --change-pin --new-pin 'a longer one'
pin='a longer one'
check 'and signs with the new one' signs
check_fails 'the old one is refused' 0 'CKR_PIN_INCORRECT' token --login --pin 1234 -O
check 'the SO gives another one' token --login --login-type so --so-pin 87654321 --init-pin --new-pin 5678
pin=5678
check 'and the key is the same' signs

openssl_signs() {
    foreign openssl dgst -provider devid -provider default -sha256 -sign "pkcs11:token=device;object=id;type=private?pin-value=$1" \
        -out "$work/signature" "$work/data" && openssl dgst -sha256 -verify "$work/id.pub" -signature "$work/signature" "$work/data"
}
check 'openssl signs with the PIN' openssl_signs 5678
no_empty_auth() {
    openssl asn1parse -in "$work/tokens/device/id.pem" >"$work/list" && grep -q 2.23.133.10.1.3 "$work/list" && ! grep -q BOOLEAN "$work/list"
}
check 'the key file says that it needs an authorization' no_empty_auth
check 'random numbers need no login' eval "token --generate-random 100 -o $work/random && test \$(stat -c %s $work/random) = 100"
check 'nothing of ours stays in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)$(tpm2_getcap -T "$tcti" handles-loaded-session)"
done_testing
