#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# devid with another vendor's module: a SoftHSM token with PINs goes from nothing to a certified key.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"

softhsm=
for path in /usr/lib/softhsm /usr/lib/*/softhsm /usr/lib64 /usr/local/lib/softhsm; do
    [ ! -f "$path/libsofthsm2.so" ] || softhsm=$path/libsofthsm2.so
done
[ -n "$softhsm" ] || { echo '1..0 # SKIP SoftHSM is not installed'; exit 0; }

cd "$work" || exit 99
mkdir softhsm
echo "directories.tokendir = $work/softhsm" >softhsm.conf
echo 'log.level = ERROR' >>softhsm.conf
export SOFTHSM2_CONF=$work/softhsm.conf DEVID_PKCS11_MODULE=$softhsm
echo 12345678 >so
echo 1234 >pin
echo 9999 >wrong
touch empty

key='pkcs11:token=device;object=id;type=private'

check_fails 'a label that is too long is a usage error' 2 'longer than 32 bytes' \
    "$devid" token init --label 123456789012345678901234567890123 --so-pin-file so --pin-file pin
check_fails 'a PIN file that is not there is named' 3 'nowhere' \
    "$devid" token init --label device --so-pin-file nowhere --pin-file pin
check_fails 'the user PIN comes with the other' 2 '--so-pin-file' "$devid" token init --label device --pin-file pin
check_fails 'an SO PIN that the module does not take is its CKR_ code' 4 CKR_PIN \
    "$devid" token init --label device --so-pin-file empty --pin-file pin
check 'no token was made by those' says '[]' "$devid" token list --json
check 'a token is made' says "Token 'device' is ready" "$devid" token init --label device --so-pin-file so --pin-file pin
check_fails 'its label is then taken' 3 'is there already' \
    "$devid" token init --label device --so-pin-file so --pin-file pin
check 'the list shows it, with its PIN' says '"flags": "pin"' "$devid" token list --json

check_fails 'a key needs the PIN' 3 '--pin-file' "$devid" key generate --token device --label id
check_fails 'and the right one' 4 CKR_PIN_INCORRECT "$devid" key generate --token device --label id --pin-file wrong
check_fails 'an unknown type is a usage error' 2 'rsa-4096 or ed25519' \
    "$devid" key generate --token device --label id --pin-file pin --type dsa
check_fails 'so is an unknown usage' 2 'say sign, decrypt, derive' \
    "$devid" key generate --token device --label id --pin-file pin --usage sign,verify
check_fails 'an unknown token is named' 3 "token 'nosuch'" \
    "$devid" key generate --token nosuch --label id --pin-file pin
check_fails 'an id is hexadecimal' 2 'no hexadecimal' \
    "$devid" key generate --token device --label id --pin-file pin --id xyz
check 'an EC key is made' says "$key" "$devid" key generate --token device --label id --pin-file pin
check_fails 'its label is then taken' 3 'already' "$devid" key generate --token device --label id --pin-file pin
check 'an RSA key with an id is made' says '"id": "0a0b"' \
    "$devid" key generate --token device --label rsa --type rsa-2048 --id 0A0b --pin-file pin --json
check 'a second key of a label, when insisted on, is told apart by its id' says ';id=%01;' \
    "$devid" key generate --token device --label rsa --id 01 --force-duplicate --pin-file pin
check 'the list shows three keys' test "$("$devid" key list --pin-file pin --json | grep -c '"uri"')" -eq 3
check 'the private key cannot be taken out' sh -c "pkcs11-tool --module $softhsm --login --pin 1234 -O --type privkey |
    grep -q 'never extractable'"

# A certificate, without a request: the public half is put into one by force.
check 'the public key is on the token' pkcs11-tool --module "$softhsm" --token-label device --read-object \
    --type pubkey --label id --output-file id.der
openssl pkey -pubin -inform DER -in id.der -out id.pub
make_authority ca
openssl req -new -key ca.key -subj /CN=device -out device.csr
issue ca device.csr device.pem -force_pubkey id.pub
issue ca device.csr other.pem
issue ca device.csr renewed.pem -force_pubkey id.pub
issue ca device.csr expired.pem -force_pubkey id.pub -days -1
cat device.pem ca.pem >chain.pem
cat device.pem other.pem >unordered.pem
{ cat device.pem; printf -- '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'; } >broken.pem

check_fails 'a file that is not there is named' 3 'nothere.pem' \
    "$devid" cert import --key "$key" --pin-file pin nothere.pem
check_fails 'a file without a certificate is refused' 3 'holds no certificate' \
    "$devid" cert import --key "$key" --pin-file pin id.pub
check_fails 'a broken certificate is refused, with its number' 3 'number 2 is broken' \
    "$devid" cert import --key "$key" --pin-file pin broken.pem
check_fails 'a certificate of another key is refused' 3 'does not belong to key' \
    "$devid" cert import --key "$key" --pin-file pin other.pem
check_fails 'a chain out of order is refused' 3 'number 2 did not issue number 1' \
    "$devid" cert import --key "$key" --pin-file pin unordered.pem
check_fails 'an expired certificate is refused' 3 'has expired' \
    "$devid" cert import --key "$key" --pin-file pin expired.pem
check_fails 'an unknown key is refused' 3 'has no such key' \
    "$devid" cert import --key "pkcs11:token=device;object=nosuch" --pin-file pin device.pem
check_fails 'an unknown token is refused' 3 'not there' \
    "$devid" cert import --key "pkcs11:token=nosuch;object=id" --pin-file pin device.pem
check_fails 'a key is named in one way, not in two' 2 'name it by' \
    "$devid" cert import --key "$key" --token device --label id --pin-file pin device.pem
check 'nothing was stored by those' says '"certificates": 0' "$devid" token list --json
check 'a chain is stored; its URI comes out' says 'pkcs11:token=device;object=id;type=cert' \
    "$devid" cert import --key "$key" --pin-file pin chain.pem
check 'both certificates are there' says '"certificates": 2' "$devid" token list --json
check_fails 'a second import wants --replace' 3 'say --replace' \
    "$devid" cert import --key "$key" --pin-file pin renewed.pem
check 'which puts the new one in the place of the old chain' "$devid" cert import --replace --key "$key?pin-source=$work/pin" \
    renewed.pem
check 'and leaves one' says '"certificates": 1' "$devid" token list --json
check 'the key is listed with a certificate' says '"certificate": true' "$devid" key list --pin-file pin --json
check 'a key is also named by token and label' "$devid" cert import --replace --token device --label id --pin-file pin \
    device.pem

says_pem() { says 'BEGIN PKCS#11 PROVIDER URI' "$devid" key pem --key "$@"; }
check 'the PEM form of a URI is written' says_pem "$key" --pin-file pin
check 'where the PIN comes from may stand in it' says_pem "$key?pin-source=$work/pin"
check_fails 'it is tried before' 3 'pin-source' "$devid" key pem --key "$key" --out untried.pem
check_fails 'with the right PIN' 4 'CKR_PIN_INCORRECT' "$devid" key pem --key "$key" --pin-file wrong --out untried.pem
check_fails 'of a key that is there' 3 'object=nosuch' \
    "$devid" key pem --key 'pkcs11:token=device;object=nosuch' --pin-file pin --out untried.pem
check 'what fails leaves no file' test ! -e untried.pem
check 'unless that is not wanted' says_pem 'pkcs11:token=device;object=nosuch' --no-check
check_fails 'never with a PIN in it' 3 'use pin-source' "$devid" key pem --key "$key?pin-value=1234"
check 'unless that is wanted' says_pem "$key?pin-value=1234" --force
check_fails 'only of a URI' 3 'is no pkcs11: URI' "$devid" key pem --key device.pem
check_fails 'a key may have no certificate' 3 'devid cert import' \
    "$devid" key pem --key 'pkcs11:token=device;object=rsa;id=%0a%0b' --pin-file pin --certificate

# A chain of three on the token, of which the root stays out.
make_chain() {
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=root -keyout root.key -out root.pem -days 2 2>/dev/null &&
        openssl req -new -newkey rsa:2048 -nodes -subj /CN=between -keyout between.key -out between.csr 2>/dev/null &&
        openssl x509 -req -in between.csr -CA root.pem -CAkey root.key -out between.pem -days 2 \
            -extfile <(echo basicConstraints=CA:TRUE) &&
        openssl x509 -req -in device.csr -force_pubkey id.pub -CA between.pem -CAkey between.key -out leaf.pem -days 1 &&
        cat leaf.pem between.pem root.pem >chain.pem && "$devid" cert import --replace --key "$key" --pin-file pin chain.pem
}
holds() { # COUNT OPTION...: the file has the key, and so many certificates before it, the first its own
    "$devid" key pem --key "$key" --pin-file pin --out bundle.pem "${@:2}" && grep -e BEGIN bundle.pem &&
        [ "$(grep -c 'BEGIN CERTIFICATE' bundle.pem)" = "$1" ] && tail -n 1 bundle.pem | grep -q 'END PKCS#11 PROVIDER URI' &&
        openssl x509 -in bundle.pem | cmp - leaf.pem
}
check 'a chain on the token' make_chain
check 'the certificate comes with the key' holds 1 --certificate
check 'or the chain without its root' holds 2 --chain
check 'the chain is one' openssl verify -CAfile root.pem -untrusted bundle.pem leaf.pem

check_fails 'a module that is none is refused' 3 'is no PKCS#11 module' \
    "$devid" token list --module "$(ldconfig -p 2>/dev/null | awk '/libz\.so\.1 /{print $NF; exit}')"
check_fails 'a module that is not there is named' 3 '/nowhere.so' "$devid" token list --module /nowhere.so
check_fails 'without a command there is help' 2 'Usage: devid' "$devid"
check_fails 'an unknown command is named' 2 'key explode' "$devid" key explode
for command in 'token init' 'token list' 'key generate' 'key list' 'key pem' csr 'cert import' provision send; do
    # shellcheck disable=SC2086
    check "devid $command has a help page" says "Usage: devid $command" "$devid" $command --help
done
done_testing
