# SPDX-License-Identifier: Apache-2.0
# TSS2 PRIVATE KEY files, made by others and by us, are the keys of openssl and nginx.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
start_tpm
ossl() { foreign openssl "$@"; }
plain() { env -u OPENSSL_CONF openssl "$@"; } # without our provider: who checks what was made
p11() { foreign pkcs11-tool --module "$module" "$@"; }
other() { env -u OPENSSL_CONF -u OPENSSL_MODULES TPM2OPENSSL_TCTI="$tcti" openssl "$@"; } # tpm2-openssl, of Debian
flush() { tpm2_flushcontext -T "$tcti" -t; }

configuration default-first default devid
configuration devid-first devid default
export OPENSSL_CONF=$work/default-first.cnf
echo 'what is signed' >"$work/data"

# Who has no token yet is told what to do.
key_of_tpm2_openssl() { # FILE ALGORITHM OPTION...
    local file=$1 algorithm=$2
    shift 2
    other genpkey -provider tpm2 -provider default -propquery '?provider=tpm2' -algorithm "$algorithm" "$@" -out "$work/$file.key" && flush
}
check 'tpm2-openssl makes an EC key' key_of_tpm2_openssl ec EC -pkeyopt group:P-256
check 'an RSA key' key_of_tpm2_openssl rsa RSA -pkeyopt bits:2048
check 'a key with a password' key_of_tpm2_openssl locked EC -pkeyopt group:P-256 -pkeyopt user-auth:sesame
parent() { env -u OPENSSL_CONF tpm2_createprimary -Q -T "$tcti" -C o -c "$work/parent.ctx" && env -u OPENSSL_CONF tpm2_evictcontrol -Q -T "$tcti" -c "$work/parent.ctx" 0x81000042 && flush; }
check 'a key for others to stay under' parent
check 'a key under a persistent parent' key_of_tpm2_openssl child EC -pkeyopt group:P-256 -pkeyopt parent:0x81000042
check_fails 'without a token, what to do is said' 0 'devid token init' ossl pkey -in "$work/ec.key" -pubout

p11 --init-token --slot 0 --so-pin '' --label device >/dev/null
p11 --token-label device --keypairgen --key-type EC:prime256v1 --label ours --id 01 >/dev/null
p11 --token-label device --keypairgen --key-type rsa:2048 --label ours-rsa --id 02 >/dev/null
cp "$work/tokens/device/ours.pem" "$work/ours.key"
cp "$work/tokens/device/ours-rsa.pem" "$work/ours-rsa.key"

dgst() { # NAME [OPTION...]
    local name=$1
    shift
    ossl dgst -sha256 -sign "$work/$name.key" "$@" -out "$work/signature" "$work/data" </dev/null &&
        plain dgst -sha256 -verify "$work/$name.pub" -signature "$work/signature" "$work/data"
}
pss() {
    ossl dgst -sha256 -sign "$work/$1.key" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -out "$work/signature" "$work/data" &&
        plain dgst -sha256 -verify "$work/$1.pub" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
            -signature "$work/signature" "$work/data"
}
decrypts() {
    plain pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -pkeyopt rsa_padding_mode:oaep -in "$work/data" -out "$work/sealed" &&
        ossl pkeyutl -decrypt -inkey "$work/rsa.key" -pkeyopt rsa_padding_mode:oaep -in "$work/sealed" -out "$work/opened" &&
        cmp "$work/data" "$work/opened"
}
der() { sed -n '/BEGIN/,/END/p' "$1" | grep -v -- ----- | base64 -d; }

for order in default-first devid-first; do
    export OPENSSL_CONF=$work/$order.cnf
    for name in ec rsa child ours ours-rsa; do
        tpm_commands_reset
        check "$order: $name: the public key" ossl pkey -in "$work/$name.key" -pubout -out "$work/$name.pub"
        check "$order: $name: costs no TPM command" test "$(tpm_commands)" = ''
        check "$order: $name: signs" dgst $name
        check "$order: $name: a request" ossl req -new -key "$work/$name.key" -subj "/CN=$name" -out "$work/$name.csr"
        check "$order: $name: verifies" plain req -in "$work/$name.csr" -verify -noout
        der "$work/$name.key" >"$work/$name.der"
        check "$order: $name: the DER is the key too" ossl pkey -inform DER -in "$work/$name.der" -pubout -out "$work/der.pub"
        check "$order: $name: the same" cmp "$work/$name.pub" "$work/der.pub"
        check "$order: $name: written, it is the file" eval "ossl pkey -in $work/$name.key -out $work/again.key && der $work/again.key | cmp - $work/$name.der"
    done
    check "$order: RSA PSS" pss rsa
    check "$order: RSA OAEP" decrypts
    check "$order: a password is asked for" ossl pkey -in "$work/locked.key" -passin pass:sesame -pubout -out "$work/locked.pub"
    check "$order: and opens the key" dgst locked -passin pass:sesame
    check_fails "$order: another does not" 0 'wrong PIN' dgst locked -passin pass:guess
    sed 's/^M[A-Z]/AA/' "$work/ec.key" >"$work/broken.key"
    check_fails "$order: a broken file is refused" 0 'TSS2 PRIVATE KEY' ossl pkey -in "$work/broken.key" -pubout
done

check_fails 'the private key does not come out' 0 '' ossl pkcs8 -topk8 -nocrypt -in "$work/ec.key" -outform DER
check 'the text says where it is' eval "ossl pkey -in $work/ec.key -noout -text | grep -q \"Private key in a TPM: TSS2 PRIVATE KEY by token 'device'\""

# A token's key as such a file.
uri='pkcs11:token=device;object=ours;type=private'
check 'a key of the token is written as its URI' eval "ossl pkey -in '$uri' | grep -q 'BEGIN PKCS#11 PROVIDER URI'"
check 'or as its file' eval "DEVID_PKCS11_PEM=tss2 ossl pkey -in '$uri' -out $work/written.key && grep -q 'BEGIN TSS2 PRIVATE KEY' $work/written.key"
check 'which is the same key' eval "cp $work/ours.pub $work/written.pub && dgst written"
check 'for tpm2-openssl too' eval "other dgst -provider tpm2 -provider default -propquery '?provider=tpm2' -sha256 -sign $work/written.key -out $work/signature $work/data &&
    plain dgst -sha256 -verify $work/ours.pub -signature $work/signature $work/data; status=\$?; flush; test \$status = 0"

# Two tokens: it is for the configuration to say which.
p11 --init-token --slot 1 --so-pin '' --label second >/dev/null
check_fails 'with two tokens, one is to be named' 0 'tss2-token' ossl pkey -in "$work/ec.key" -pubout
devid_section='tss2-token = pkcs11:token=second' configuration named devid default
named() { OPENSSL_CONF=$work/named.cnf dgst ec; }
check 'a named token' named
check 'a token named in the environment' eval "DEVID_PKCS11_TSS2_TOKEN=pkcs11:token=second dgst ec"
third() { DEVID_PKCS11_TSS2_TOKEN=pkcs11:token=third ossl pkey -in "$work/ec.key" -pubout; }
check_fails 'a token that is not there' 0 'pkcs11:token=third' third
rm -r "$work/tokens/second"

# TLS servers
for name in ec rsa; do
    ossl req -new -x509 -key "$work/$name.key" -subj /CN=localhost -addext subjectAltName=DNS:localhost -out "$work/$name.pem"
done
mkdir -p "$work/nginx"
port=$(free_port)
cat >"$work/nginx.conf" <<C
daemon off;
master_process on;
$([ "$(id -u)" != 0 ] || echo 'user root;')
env DEVID_TOKENS; env DEVID_CONF; env DEVID_TCTI; env DEVID_PKCS11_MODULE; env OPENSSL_MODULES; env OPENSSL_CONF; env TCTI_COUNT_FILE;
worker_processes 1;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events { }
http {
    access_log off;
    client_body_temp_path $work/nginx; proxy_temp_path $work/nginx; fastcgi_temp_path $work/nginx; uwsgi_temp_path $work/nginx; scgi_temp_path $work/nginx;
    server {
        listen 127.0.0.1:$port ssl;
        ssl_certificate $work/ec.pem;
        ssl_certificate_key $work/ec.key;
        ssl_certificate $work/rsa.pem;
        ssl_certificate_key $work/rsa.key;
        location / { return 200 'hello'; }
    }
}
C
if [ "${DEVID_TEST_ASAN:-}" != yes ]; then
    env OPENSSL_CONF="$work/default-first.cnf" nginx -e "$work/nginx/error.log" -c "$work/nginx.conf" >"$work/nginx.out" 2>&1 &
    story_pids="$story_pids $!"
    wait_for_port "$port"
    handshake() { # VERSION NAME SIGNATURES
        for _ in 1 2 3; do
            plain s_client -connect "localhost:$port" "-$1" -sigalgs "$3" -CAfile "$work/$2.pem" -verify_return_error </dev/null 2>&1 | grep -q 'Verify return code: 0' || return 1
        done
    }
    for version in tls1_2 tls1_3; do
        check "nginx: $version by the EC key" handshake $version ec ECDSA+SHA256
        check "nginx: $version by the RSA key" handshake $version rsa RSA-PSS+SHA256
    done
    sed 's/^/# /' "$work/nginx/error.log"
fi
done_testing
