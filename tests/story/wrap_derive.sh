# SPDX-License-Identifier: Apache-2.0
# Keys that are agreed on and keys that travel: pkcs11-tool derives what openssl derives, and what it wraps openssl
# unwraps, and the other way round.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
export DEVID_TCTI=swtpm:host=127.0.0.1,port=1 # nobody listens there
token() { foreign pkcs11-tool --module "$module" --token-label disk "$@"; }
slot=$(foreign pkcs11-tool --module "$module" -L 2>/dev/null | sed -n 's/^Slot [0-9]* (0x\([0-9a-f]*\)): DevID file slot$/0x\1/p' | head -n 1)
check 'a file token is made' foreign pkcs11-tool --module "$module" --init-token --slot "$slot" --so-pin '' --label disk

# --- ECDH
derives() { # NAME KEY-TYPE: with a key that openssl has made on the same curve
    token --keypairgen --key-type "EC:$2" --label "$1" --id "$3" --usage-derive &&
        openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$work/peer.pem" &&
        openssl pkey -in "$work/peer.pem" -pubout -outform DER -out "$work/peer.der" &&
        openssl pkey -in "$work/tokens/disk/$1.pem" -pubout -out "$work/own.pub" &&
        openssl pkeyutl -derive -inkey "$work/peer.pem" -peerkey "$work/own.pub" -out "$work/wanted" &&
        token --derive -m ECDH1-DERIVE --id "$3" -i "$work/peer.der" -o "$work/derived" &&
        cmp "$work/wanted" "$work/derived"
}
check 'P-256: both come to the same secret' derives p256 prime256v1 01
check 'P-384: both come to the same secret' derives p384 secp384r1 02
check 'P-521: both come to the same secret' derives p521 secp521r1 03
derives_der() {
    token --derive --derive-pass-der -m ECDH1-DERIVE --id 03 -i "$work/peer.der" -o "$work/derived" && cmp "$work/wanted" "$work/derived"
}
check 'the point in an OCTET STRING' derives_der

# --- a key that openssl wraps for an RSA key of the token
printf '0123456789abcdef' >"$work/aes"
check 'an RSA key that unwraps' token --keypairgen --key-type rsa:2048 --label kek --id 0a --usage-wrap
check 'its public half' openssl pkey -in "$work/tokens/disk/kek.pem" -pubout -out "$work/kek.pub"
unwraps() {
    openssl pkeyutl -encrypt -pubin -inkey "$work/kek.pub" -in "$work/aes" -out "$work/wrapped" &&
        token --unwrap -m RSA-PKCS --id 0a -i "$work/wrapped" --key-type AES: --application-id 0b --application-label unwrapped --extractable &&
        token -O --type secrkey | grep -q 'AES length 16'
}
check 'a key wrapped by openssl is unwrapped' unwraps
wraps() { # the key that was unwrapped, and its own value again
    token --wrap -m RSA-PKCS --id 0a --application-id 0b -o "$work/back" &&
        openssl pkeyutl -decrypt -inkey "$work/tokens/disk/kek.pem" -in "$work/back" | cmp - "$work/aes"
}
check 'what it wraps, openssl unwraps' wraps

# --- AES-CBC under an AES key
iv=000102030405060708090a0b0c0d0e0f
check 'an AES key that wraps' token --keygen --key-type AES:32 --label aeskek --id 0c --usage-wrap --extractable
wraps_cbc() { # the key 0b, whose value is known; the other way round it is a key again
    token --wrap -m AES-CBC-PAD --iv "$iv" --id 0c --application-id 0b -o "$work/cbc" && [ "$(wc -c <"$work/cbc")" -eq 32 ] &&
        token --unwrap -m AES-CBC-PAD --iv "$iv" --id 0c -i "$work/cbc" --key-type AES: --application-id 0d --application-label again --extractable &&
        token --wrap -m RSA-PKCS --id 0a --application-id 0d -o "$work/back" &&
        openssl pkeyutl -decrypt -inkey "$work/tokens/disk/kek.pem" -in "$work/back" | cmp - "$work/aes"
}
check 'AES-CBC with padding wraps and unwraps' wraps_cbc
check_fails 'a broken block is refused' 0 'C_UnwrapKey failed' token --unwrap -m AES-KEY-WRAP --id 0b -i "$work/aes" --key-type AES:
done_testing
