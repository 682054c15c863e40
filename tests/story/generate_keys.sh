# SPDX-License-Identifier: Apache-2.0
# openssl makes keys: in a TPM token, in a token of files, in SoftHSM, and as a file for the TPM.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
start_tpm
ossl() { foreign openssl "$@"; }
plain() { env -u OPENSSL_CONF openssl "$@"; } # without our provider: who checks what was made
p11() { foreign pkcs11-tool --module "$module" "$@"; }
flush() { tpm2_flushcontext -T "$tcti" -t; }
export DEVID_DEVICE_OBJECTS=no
configuration default-first default devid
configuration devid-first devid default
echo 'what is signed' >"$work/data"
p11 --init-token --slot 0 --so-pin '' --label device >/dev/null
slot_of() { p11 -L | awk -v want="$1" '/^Slot/ {slot = $2} index($0, want) {print slot; exit}'; }
p11 --init-token --slot-index "$(slot_of 'DevID file slot')" --so-pin '' --label disk >/dev/null

generate() { # FILE OPTION...
    local file=$1
    shift
    ossl genpkey -propquery '?provider=devid' "$@" -out "$work/$file.key"
}
public() { ossl pkey -in "$work/$1.key" -pubout -out "$work/$1.pub"; }
signs() { # NAME [SIGNATURE-OPTION...]
    local name=$1
    shift
    public "$name" && ossl dgst -sha256 "$@" -sign "$work/$name.key" -out "$work/signature" "$work/data" &&
        plain dgst -sha256 "$@" -verify "$work/$name.pub" -signature "$work/signature" "$work/data"
}
signs_whole() { # Ed25519 signs the message itself
    public "$1" && ossl pkeyutl -sign -rawin -inkey "$work/$1.key" -in "$work/data" -out "$work/signature" &&
        plain pkeyutl -verify -rawin -pubin -inkey "$work/$1.pub" -in "$work/data" -sigfile "$work/signature"
}
agrees() {
    plain genpkey -algorithm "$2" ${3:+-pkeyopt "$3"} -out "$work/peer.key" && plain pkey -in "$work/peer.key" -pubout -out "$work/peer.pub" &&
        public "$1" && ossl pkeyutl -derive -inkey "$work/$1.key" -peerkey "$work/peer.pub" -out "$work/secret-1" &&
        plain pkeyutl -derive -inkey "$work/peer.key" -peerkey "$work/$1.pub" -out "$work/secret-2" && cmp "$work/secret-1" "$work/secret-2"
}
decrypts() {
    plain pkeyutl -encrypt -pubin -inkey "$work/$1.pub" -pkeyopt rsa_padding_mode:oaep -in "$work/data" -out "$work/sealed" &&
        ossl pkeyutl -decrypt -inkey "$work/$1.key" -pkeyopt rsa_padding_mode:oaep -in "$work/sealed" -out "$work/opened" && cmp "$work/data" "$work/opened"
}
pss='-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32'

for order in default-first devid-first; do
    export OPENSSL_CONF=$work/$order.cnf
    for token in device disk; do
        uri="pkcs11:token=$token;object=$order"
        tpm_commands_reset
        check "$order: $token: an EC key" generate ec -algorithm EC -pkeyopt group:P-256 -pkeyopt "pkcs11_uri:$uri-ec;id=%01"
        [ $token = disk ] || check "$order: $token: one TPM command makes it" test "$(tpm_commands 153)" = 1
        check "$order: $token: the file is its URI" grep -q 'BEGIN PKCS#11 PROVIDER URI' "$work/ec.key"
        check "$order: $token: it signs" signs ec
        check "$order: $token: it agrees on secrets" agrees ec EC group:P-256
        check "$order: $token: pkcs11-tool sees it" eval "p11 --token-label $token -O --type privkey | grep -q 'label: *$order-ec'"
        check "$order: $token: an EC key on the old option" generate old -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -pkeyopt "pkcs11_uri:$uri-old"
        check "$order: $token: it signs" signs old
        check "$order: $token: an RSA key" generate rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt "pkcs11_uri:$uri-rsa"
        check "$order: $token: it signs" signs rsa
        check "$order: $token: it decrypts" decrypts rsa
        check "$order: $token: an RSA key that only signs" generate signer -algorithm RSA -pkeyopt "pkcs11_uri:$uri-signer" -pkeyopt pkcs11_key_usage:digitalSignature
        check "$order: $token: it signs" signs signer $pss
        public signer
        check_fails "$order: $token: it does not decrypt" 0 '' decrypts signer
        check "$order: $token: a key for PSS" generate pss -algorithm RSA-PSS -pkeyopt "pkcs11_uri:$uri-pss"
        check "$order: $token: it signs" signs pss $pss
        check "$order: $token: a key for PSS with one digest" generate pss256 -algorithm RSA-PSS -pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt "pkcs11_uri:$uri-pss256"
        check "$order: $token: it signs" signs pss256 $pss
        check_fails "$order: $token: a name twice" 0 'there is such a key already' generate twice -algorithm EC -pkeyopt group:P-256 -pkeyopt "pkcs11_uri:$uri-ec"
        check "$order: $token: a request with a new key" ossl req -new -propquery '?provider=devid' -newkey ec -pkeyopt group:P-256 \
            -pkeyopt "pkcs11_uri:$uri-req" -noenc -keyout "$work/req.key" -subj /CN=req -out "$work/req.csr"
        check "$order: $token: verifies" plain req -in "$work/req.csr" -verify -noout
    done
    check "$order: disk: an Ed25519 key" generate ed -algorithm ED25519 -pkeyopt "pkcs11_uri:pkcs11:token=disk;object=$order-ed"
    check "$order: disk: it signs" signs_whole ed
    check "$order: disk: an X25519 key" generate x -algorithm X25519 -pkeyopt "pkcs11_uri:pkcs11:token=disk;object=$order-x"
    check "$order: disk: it agrees on secrets" agrees x X25519

    files=$(ls "$work/tokens/device" | wc -l)
    tpm_commands_reset
    check "$order: an EC key as a file" generate tss2 -algorithm EC -pkeyopt group:P-256 -pkeyopt tss2:yes
    check "$order: one TPM command makes it" test "$(tpm_commands 153)" = 1
    check "$order: a TSS2 PRIVATE KEY" grep -q 'BEGIN TSS2 PRIVATE KEY' "$work/tss2.key"
    check "$order: it signs" signs tss2
    check "$order: the token keeps nothing" test "$(ls "$work/tokens/device" | wc -l)" = "$files"
    check "$order: an RSA key as a file" generate tss2-rsa -algorithm RSA -pkeyopt tss2:yes -pkeyopt pkcs11_uri:pkcs11:token=device
    check "$order: it signs" signs tss2-rsa $pss
    check "$order: it decrypts" decrypts tss2-rsa
    check "$order: nothing named: a software key" generate software -algorithm EC -pkeyopt group:P-256
    check "$order: which anybody reads" plain pkey -in "$work/software.key" -noout
    rm -r "$work/tokens/device/"*-first-* "$work/tokens/disk/"*-first-* 2>/dev/null
done

refuses() { check_fails "$1" 0 "$2" generate no "${@:3}"; }
refuses 'a token that is not there' 'no token matches' -algorithm EC -pkeyopt group:P-256 -pkeyopt pkcs11_uri:pkcs11:token=nobody
refuses 'no token named' 'name the token' -algorithm EC -pkeyopt group:P-256 -pkeyopt 'pkcs11_uri:pkcs11:object=x'
refuses 'no URI' 'bad PKCS#11 URI' -algorithm EC -pkeyopt group:P-256 -pkeyopt 'pkcs11_uri:http://device/'
refuses 'an unknown usage' 'digitalSignature' -algorithm EC -pkeyopt group:P-256 -pkeyopt pkcs11_uri:pkcs11:token=disk -pkeyopt pkcs11_key_usage:everything
refuses 'a usage that is not the type'"'"'s' 'nothing that such a key can do' -algorithm EC -pkeyopt group:P-256 -pkeyopt pkcs11_uri:pkcs11:token=disk -pkeyopt pkcs11_key_usage:dataEncipherment
refuses 'no group' 'no group was given' -algorithm EC -pkeyopt pkcs11_uri:pkcs11:token=disk
refuses 'a curve that the token has not' 'CKR_CURVE_NOT_SUPPORTED' -algorithm EC -pkeyopt group:secp256k1 -pkeyopt pkcs11_uri:pkcs11:token=device
refuses 'a size that the TPM has not' 'CKR_KEY_SIZE_RANGE' -algorithm RSA -pkeyopt bits:1536 -pkeyopt pkcs11_uri:pkcs11:token=device
refuses 'Ed25519 in a TPM' 'CKR_MECHANISM_INVALID' -algorithm ED25519 -pkeyopt pkcs11_uri:pkcs11:token=device
refuses 'a file of a token without a TPM' 'does not give the new key' -algorithm EC -pkeyopt group:P-256 -pkeyopt pkcs11_uri:pkcs11:token=disk -pkeyopt tss2:yes
refuses 'neither yes nor no' 'expected yes or no' -algorithm EC -pkeyopt group:P-256 -pkeyopt tss2:perhaps
# Random numbers: the TPM's for who asks, and nobody else.
printf '%s\n' 'openssl_conf = init' '[init]' 'providers = list' 'random = random' '[random]' 'random = DEVID-RAND' '[list]' 'default = on' 'devid = on' \
    '[on]' 'activate = 1' >"$work/random.cnf"
export DEVID_PKCS11_RANDOM_TOKEN=pkcs11:token=device # else it is the first that generates them, which "disk" does too
draws() { OPENSSL_CONF=$work/$1.cnf ossl rand -hex 32 | grep -Eq '^[0-9a-f]{64}$'; }
tpm_commands_reset
check 'openssl rand by the TPM' draws random
check 'asks it' test "$(tpm_commands 17b)" -ge 1
tpm_commands_reset
check 'without the configuration' draws devid-first
check 'nobody does' test -z "$(tpm_commands)"
without_tpm() { DEVID_TCTI=swtpm:host=127.0.0.1,port=9 OPENSSL_CONF=$work/random.cnf ossl rand -hex 32; }
check_fails 'a TPM that is not there is no source' 0 'cannot be reached' without_tpm
check 'nothing of ours stays in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
