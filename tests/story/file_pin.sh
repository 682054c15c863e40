# SPDX-License-Identifier: Apache-2.0
# A machine without a TPM whose keys are protected by PINs: made, changed and used with the PKCS#11 tools of the distribution and
# with devid; the key file opened by openssl; a service that has its PIN from a file.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
export DEVID_TCTI=swtpm:host=127.0.0.1,port=1 # nobody listens there
p11() { foreign pkcs11-tool --module "$module" "$@"; }
token() { p11 --token-label disk "$@"; }
user() { token --login --pin "$pin" "$@"; }
slot_called() { p11 -L 2>/dev/null | sed -n "s/^Slot [0-9]* (0x\([0-9a-f]*\)): $1\$/0x\1/p" | head -n 1; }
pin=1234

check 'a token is made with an SO PIN' p11 --init-token --slot "$(slot_called 'DevID file slot')" --so-pin 87654321 --label disk
check 'pin.pem is private' test "$(stat -c %a "$work/tokens/disk/pin.pem")" = 600
check 'the SO gives the user a PIN' token --login --login-type so --so-pin 87654321 --init-pin --new-pin 1234
check 'an EC key' user --keypairgen --key-type EC:prime256v1 --label ec --id 01
check 'an RSA key' user --keypairgen --key-type rsa:2048 --label rsa --id 02
check 'a key that asks each time' user --keypairgen --key-type EC:prime256v1 --label asks --id 03 --always-auth
check_fails 'not without a login' 0 'CKR_USER_NOT_LOGGED_IN' token --keypairgen --key-type EC:prime256v1 --label other
sees() { "$@" -O --type privkey | grep -q 'label: *ec$'; }
check 'the user sees the private key' sees user
check 'others do not' eval '! sees token'
check 'others see the public key' eval "token -O --type pubkey | grep -q 'label: *ec\$'"
check 'the keys are encrypted' test "$(grep -l -- '-----BEGIN ENCRYPTED PRIVATE KEY-----' "$work"/tokens/disk/*.pem | wc -l)" = 3
check_fails 'openssl does not open one with the PIN' 0 'error' openssl pkey -in "$work/tokens/disk/ec.pem" -passin pass:1234 -noout

echo 'what is signed' >"$work/data"
openssl dgst -sha256 -binary "$work/data" >"$work/digest"
signs() { # LABEL ID
    user --sign --mechanism ECDSA --id "$2" -i "$work/digest" -o "$work/signature" --signature-format openssl &&
        public_key disk "$1" "$work/$1.pub" &&
        openssl pkeyutl -verify -pubin -inkey "$work/$1.pub" -in "$work/digest" -sigfile "$work/signature"
}
rsa_signs() {
    user --sign --mechanism SHA256-RSA-PKCS --id 02 -i "$work/data" -o "$work/signature" && public_key disk rsa "$work/rsa.pub" &&
        openssl dgst -sha256 -verify "$work/rsa.pub" -signature "$work/signature" "$work/data"
}
check 'the user signs' signs ec 01
check 'with RSA too' rsa_signs
check 'and with the key that asks each time' signs asks 03
check_fails 'a wrong PIN is refused' 0 'CKR_PIN_INCORRECT' token --login --pin 0000 -O
check 'the token tells of it' eval "p11 -L | grep -q 'user PIN count low'"
check 'the user changes the PIN' token --login --pin 1234 --change-pin --new-pin 'a longer one'
pin='a longer one'
check 'and signs with the new one' signs ec 01
check 'nothing tells of a wrong PIN any more' eval "! p11 -L | grep -q 'user PIN count low'"

# with devid: PINs are in files
printf '87654321\n' >"$work/so"
printf '5678\n' >"$work/pin"
printf 'number three\n' >"$work/third"
check 'devid: the SO gives another one' "$devid" token pin --token disk --so-pin-file "$work/so" --new-pin-file "$work/pin"
check 'devid: the user changes it' "$devid" token pin --token disk --pin-file "$work/pin" --new-pin-file "$work/third"
pin='number three'
check 'and the key is the same' signs ec 01
check_fails 'devid: the old one is refused' 4 'PIN' "$devid" token pin --token disk --pin-file "$work/pin" --new-pin-file "$work/third"
check_fails 'devid: an SO and a user at once are none' 2 'takes' "$devid" token pin --token disk --pin-file "$work/pin" --so-pin-file "$work/so" --new-pin-file "$work/third"
check 'devid: the list tells' eval "$devid token list --json | grep -q 'pin,pin-failed\|pin\"'"
check 'devid: a token with both PINs' "$devid" token init --backend file --label both --so-pin-file "$work/so" --pin-file "$work/third"
check 'devid: a key on it' "$devid" key generate --token both --label id --pin-file "$work/third"

# a service that nobody types a PIN for
mkdir -m 700 "$work/credentials" && printf 'number three' >"$work/credentials/devid-pin" && chmod 600 "$work/credentials/devid-pin"
export CREDENTIALS_DIRECTORY=$work/credentials
check 'the token needs none typed' eval "p11 -L | grep -q 'PIN pad present'"
check 'a service lists its keys without a PIN' eval "$devid key list --token disk | grep -q asks"
openssl_signs() {
    foreign openssl dgst -provider devid -provider default -sha256 -sign 'pkcs11:token=disk;object=ec;type=private' \
        -out "$work/signature" "$work/data" && openssl dgst -sha256 -verify "$work/ec.pub" -signature "$work/signature" "$work/data"
}
check 'openssl signs without a PIN' openssl_signs
unset CREDENTIALS_DIRECTORY

# initialised anew
slot=$(p11 -L 2>/dev/null | grep -B1 'token label *: disk' | sed -n 's/^Slot [0-9]* (0x\([0-9a-f]*\)).*/0x\1/p')
check_fails 'not by others' 0 'CKR_PIN_INCORRECT' p11 --init-token --slot "$slot" --so-pin 00000000 --label disk
check 'the SO initialises the token anew' p11 --init-token --slot "$slot" --so-pin 87654321 --label disk
check 'and the keys are gone' test "$(ls "$work/tokens/disk")" = "$(printf 'pin.pem\ntoken.conf')"
done_testing
