# SPDX-License-Identifier: Apache-2.0
# A machine without a TPM: keys in a token directory, used by PKCS#11 tools and, through the provider, by openssl;
# key files copied in and out. Then a TPM comes, and each kind of token serves the other's key files.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
export DEVID_TCTI=swtpm:host=127.0.0.1,port=1 # nobody listens there
ossl() { foreign openssl "$@"; }
p11() { foreign pkcs11-tool --module "$module" "$@"; }
token() { p11 --token-label disk "$@"; }
slot_called() { p11 -L 2>/dev/null | sed -n "s/^Slot [0-9]* (0x\([0-9a-f]*\)): $1\$/0x\1/p" | head -n 1; }

cat >"$work/openssl.cnf" <<C
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
[provider_sect]
default = default_sect
devid = devid_sect
[default_sect]
activate = 1
[devid_sect]
activate = 1
[req]
distinguished_name = dn
[dn]
C

check 'the slots say which is which' test -n "$(slot_called 'DevID TPM slot')" -a -n "$(slot_called 'DevID file slot')"
check 'a file token is made without a TPM' p11 --init-token --slot "$(slot_called 'DevID file slot')" --so-pin '' --label disk
check 'its directory is private' test "$(stat -c %a "$work/tokens/disk")" = 700
check 'an EC key' token --keypairgen --key-type EC:secp384r1 --label ec --id 01
check 'an RSA key' token --keypairgen --key-type rsa:2048 --label rsa --id 02
check 'an Ed25519 key' token --keypairgen --key-type EC:edwards25519 --label ed --id 03
check 'the key file is private' test "$(stat -c %a "$work/tokens/disk/ec.pem")" = 600
for name in ec rsa ed; do
    check "$name: copied out, openssl reads it" eval "cp $work/tokens/disk/$name.pem $work/$name.pem && openssl pkey -in $work/$name.pem -check -noout"
    check "$name: its public key" openssl pkey -in "$work/$name.pem" -pubout -out "$work/$name.pub"
done

lists_all() {
    token -O >"$work/list" && grep -q 'Private Key Object; EC$' "$work/list" && grep -q 'Private Key Object; RSA' "$work/list" &&
        grep -q 'Private Key Object; EC_EDWARDS' "$work/list"
}
check 'pkcs11-tool lists them' lists_all
p11tool_lists() { foreign p11tool --provider "$module" --list-all 'pkcs11:token=disk' | tee "$work/list" | grep -q 'Ed25519'; }
check_without_asan 'p11tool lists them' p11tool_lists
for name in ec rsa; do
    check_without_asan "p11tool signs and verifies with $name" foreign p11tool --provider "$module" --test-sign "pkcs11:token=disk;object=$name;type=private"
done

echo 'what is signed' >"$work/data"
ed_signs() {
    token --sign --mechanism EDDSA --id 03 -i "$work/data" -o "$work/signature" &&
        openssl pkeyutl -verify -rawin -pubin -inkey "$work/ed.pub" -in "$work/data" -sigfile "$work/signature"
}
check 'Ed25519 verifies' ed_signs
signs() { # OBJECT PUBLIC-KEY: by the provider
    OPENSSL_CONF=$work/openssl.cnf ossl dgst -sha256 -sign "pkcs11:token=disk;object=$1;type=private" -out "$work/signature" "$work/data" &&
        openssl dgst -sha256 -verify "$2" -signature "$work/signature" "$work/data"
}
check 'openssl signs with the EC key' signs ec "$work/ec.pub"
check 'openssl signs with the RSA key' signs rsa "$work/rsa.pub"

# Secret keys: pkcs11-tool makes and imports them, and openssl comes to the same.
iv=000102030405060708090a0b0c0d0e0f
printf 'sixteen bytes ok' >"$work/raw"
raw=$(od -An -tx1 "$work/raw" | tr -d ' \n')
check 'an AES key' token --keygen --key-type AES:32 --label aes --id 20
aes_round_trip() {
    token --encrypt --mechanism AES-CBC-PAD --iv $iv --id 20 -i "$work/data" -o "$work/encrypted" &&
        ! cmp -s "$work/data" "$work/encrypted" &&
        token --decrypt --mechanism AES-CBC-PAD --iv $iv --id 20 -i "$work/encrypted" -o "$work/decrypted" &&
        cmp "$work/data" "$work/decrypted"
}
check 'what it encrypts it decrypts' aes_round_trip
check 'an AES key that exists is written' token --write-object "$work/raw" --type secrkey --key-type AES:16 --label known --id 21
aes_is_aes() {
    token --encrypt --mechanism AES-CBC-PAD --iv $iv --id 21 -i "$work/data" -o "$work/encrypted" &&
        openssl enc -d -aes-128-cbc -K "$raw" -iv $iv -in "$work/encrypted" -out "$work/decrypted" && cmp "$work/data" "$work/decrypted"
}
check 'openssl decrypts what it encrypts' aes_is_aes
check 'its file is PKCS#8' eval "openssl asn1parse -in $work/tokens/disk/known.pem | grep -q 2.16.840.1.101.3.4.1"
check 'an HMAC key' token --keygen --key-type GENERIC:32 --label mac --id 22
mac_verifies() {
    token --sign --mechanism SHA256-HMAC --id 22 -i "$work/data" -o "$work/mac" && test "$(stat -c %s "$work/mac")" = 32 &&
        token --verify --mechanism SHA256-HMAC --id 22 -i "$work/data" --signature-file "$work/mac" | grep -q 'Signature is valid'
}
check 'its MAC verifies' mac_verifies
for name in aes known mac; do
    check "$name is deleted with its file" eval "token --delete-object --type secrkey --label $name && test ! -e $work/tokens/disk/$name.pem"
done

# The other way round: files that openssl made.
(
    umask 077
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/tokens/disk/new-ec.pem"
    openssl genrsa -traditional -out "$work/tokens/disk/old-rsa.pem" 2048
    openssl ecparam -name secp521r1 -genkey -out "$work/tokens/disk/old-ec.pem"
    openssl genpkey -algorithm ED25519 -aes128 -pass pass:x -out "$work/tokens/disk/locked.pem"
) 2>/dev/null
for name in new-ec old-rsa old-ec; do
    openssl pkey -in "$work/tokens/disk/$name.pem" -pubout -out "$work/$name.pub"
    check "$name, dropped in, signs" signs "$name" "$work/$name.pub"
done
check 'an encrypted key is named with the remedy' eval \
    "DEVID_LOG=error:$work/log token -O && grep -q 'locked.pem.*encrypted.*openssl pkey' $work/log"

imports() {
    openssl genrsa 2048 >"$work/import.pem" 2>/dev/null && openssl pkey -in "$work/import.pem" -outform DER -out "$work/import.der" &&
        token --write-object "$work/import.der" --type privkey --label imported --id 09 --usage-sign &&
        openssl pkey -in "$work/import.pem" -pubout -out "$work/import.pub" && signs imported "$work/import.pub"
}
check 'pkcs11-tool writes a private key, and it signs' imports
# Ed25519 and X25519 through the provider: by URI, and by the PEM form
check 'an X25519 key' token --keypairgen --key-type EC:curve25519 --label x --id 0a
conf() { OPENSSL_CONF=$work/openssl.cnf ossl "$@"; }
ed_provider() { # KEY
    conf pkeyutl -sign -rawin -inkey "$1" -in "$work/data" -out "$work/signature" &&
        openssl pkeyutl -verify -rawin -pubin -inkey "$work/ed.pub" -in "$work/data" -sigfile "$work/signature" &&
        conf req -new -x509 -key "$1" -subj /CN=ed -out "$work/ed.crt" && openssl verify -CAfile "$work/ed.crt" "$work/ed.crt"
}
check 'openssl signs with the Ed25519 key' ed_provider 'pkcs11:token=disk;object=ed;type=private'
check 'and by its PEM form' eval '$devid key pem --key pkcs11:token=disk\;object=ed >$work/ed-uri.pem && ed_provider $work/ed-uri.pem'
x_agrees() { # KEY
    openssl genpkey -algorithm X25519 -out "$work/other.key" && openssl pkey -in "$work/other.key" -pubout -out "$work/other.pem" &&
        conf pkey -in "$1" -pubout -out "$work/x.pem" &&
        openssl pkeyutl -derive -inkey "$work/other.key" -peerkey "$work/x.pem" -out "$work/theirs" &&
        conf pkeyutl -derive -inkey "$1" -peerkey "$work/other.pem" -out "$work/ours" && cmp "$work/ours" "$work/theirs"
}
check 'openssl agrees on a secret with the X25519 key' x_agrees 'pkcs11:token=disk;object=x;type=private'
check 'a key is deleted with its file' eval "token --delete-object --type privkey --label imported && test ! -e $work/tokens/disk/imported.pem"

# TLS client authentication
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/server.key" -out "$work/server.pem" 2>/dev/null
for name in ec rsa; do
    OPENSSL_CONF=$work/openssl.cnf ossl req -new -x509 -key "pkcs11:token=disk;object=$name;type=private" -subj "/CN=$name" -out "$work/$name.crt"
done
cat "$work/ec.crt" "$work/rsa.crt" >"$work/clients.pem"
port=$(free_port)
openssl s_server -accept "127.0.0.1:$port" -cert "$work/server.pem" -key "$work/server.key" -CAfile "$work/clients.pem" \
    -Verify 1 -verify_return_error -www -quiet >"$work/server.log" 2>&1 &
story_pids="$story_pids $!"
wait_for_port "$port"
handshake() { # VERSION NAME
    OPENSSL_CONF=$work/openssl.cnf ossl s_client -connect "localhost:$port" "-$1" -CAfile "$work/server.pem" -verify_return_error \
        -cert "$work/$2.crt" -key "pkcs11:token=disk;object=$2;type=private" </dev/null >"$work/client" 2>&1 &&
        grep -q 'Verify return code: 0' "$work/client"
}
for version in tls1_2 tls1_3; do
    for name in ec rsa; do
        check "$version: client authentication with $name" handshake $version $name
    done
done

# A TPM comes.
start_tpm
check 'a TPM token beside it' p11 --init-token --slot "$(slot_called 'DevID TPM slot')" --so-pin '' --label chip
check 'a key in the TPM' p11 --token-label chip --keypairgen --key-type EC:prime256v1 --label in-tpm --id 07
cp -p "$work/tokens/chip/in-tpm.pem" "$work/tokens/disk/in-tpm.pem"
cp -p "$work/tokens/disk/new-ec.pem" "$work/tokens/chip/on-disk.pem"
check 'its public key' public_key chip in-tpm "$work/in-tpm.pub"
check "the TPM's key file works in the file token" signs in-tpm "$work/in-tpm.pub"
openssl dgst -sha256 -binary "$work/data" >"$work/digest"
id=$(p11 --token-label chip -O --type privkey 2>/dev/null | sed -n '/label: *on-disk/,/ID:/s/ *ID: *//p')
disk_key_in_chip() {
    p11 --token-label chip --sign --mechanism ECDSA --id "$id" -i "$work/digest" -o "$work/signature" --signature-format openssl &&
        openssl pkeyutl -verify -pubin -inkey "$work/new-ec.pub" -in "$work/digest" -sigfile "$work/signature"
}
tpm_commands_reset
check "openssl's key file works in the TPM token" disk_key_in_chip
check 'without a TPM command' test "$(tpm_commands)" = ''
# Every kind of key that devid makes, and what it may do.
says() { local text=$1; shift; "$@" | grep -q -- "$text"; }
check 'another token for files' "$devid" token init --label made --backend file
for type in ec-p256 ec-p384 ec-p521 rsa-2048 rsa-3072 rsa-4096 ed25519; do
    check "devid makes a key of type $type" "$devid" key generate --token made --label "$type" --type "$type"
    check "$type: the list says so" says "\"type\": \"$type\"" "$devid" key list --token made --json
    check "$type: a request is signed" "$devid" csr --key "pkcs11:token=made;object=$type;type=private" --subject "/CN=$type" --out "$work/$type.csr"
    check "$type: and verified" openssl req -in "$work/$type.csr" -verify -noout
done
check 'a key that decrypts and derives nothing else' "$devid" key generate --token made --label opens --type rsa-2048 --usage decrypt
check 'it says so' says 'Usage:  *decrypt' foreign pkcs11-tool --module "$module" --token-label made -O --type privkey --label opens
check 'an EC key that signs and derives' "$devid" key generate --token made --label both --usage sign,derive
check 'it says both' says 'Usage:  *sign, derive' foreign pkcs11-tool --module "$module" --token-label made -O --type privkey --label both
done_testing
