# SPDX-License-Identifier: Apache-2.0
# For the stories in which a program of the distribution uses keys of tokens: three tokens (tpm: in a TPM, without a PIN; disk: in
# files, with a PIN; hsm: SoftHSM's, with a PIN), each with an EC and an RSA key that a CA of ours has certified. Of the key TOKEN-TYPE
# there are $work/TOKEN-TYPE.key, the PEM file that stands for it, and $work/TOKEN-TYPE.crt. Source it instead of lib.sh.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"

cd "$work" || exit 99
unset OPENSSL_CONF SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE GIT_SSL_CAINFO NODE_EXTRA_CA_CERTS
for softhsm in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do [ -r "$softhsm" ] && break; done
export SOFTHSM2_CONF=$work/softhsm.conf
mkdir hsm
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$work/hsm" >"$SOFTHSM2_CONF"
printf 1234 >pin # GnuTLS would take a newline for a part of it, and file: for a part of the path
printf '87654321\n' >so-pin
versions='1.2 1.3'
orders='default-first devid-first by-property'
types='ec rsa'
# Each token with two orders of the providers, each order with two tokens.
runs='default-first tpm
devid-first tpm
default-first disk
by-property disk
devid-first hsm
by-property hsm'
# The sanitizers look for what goes wrong with memory: each token and each order once.
[ "${DEVID_TEST_ASAN:-}" != yes ] || runs='devid-first tpm
default-first disk
by-property hsm'

plain() { OPENSSL_CONF=$work/plain.cnf openssl "$@"; } # without our provider: whoever checks what was made

devid_section="module = $provider_dir/devid.so"
configuration plain default
configuration default-first default devid
configuration devid-first devid default
configuration by-property devid default

# use TOKEN [ORDER]: from here on programs that are called by $app use this token, with this order of providers. What was not
# built with the sanitizers has their run-time in front.
use() {
    token=$1
    order=${2:-default-first}
    app=(env "OPENSSL_CONF=$work/$order.cnf" "DEVID_PKCS11_MODULE=$(library "$token")")
    [ "${DEVID_TEST_ASAN:-}" != yes ] ||
        app+=("LD_PRELOAD=$story_preload" "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0:verify_asan_link_order=0")
}

library() { if [ "$1" = hsm ]; then echo "$softhsm"; else echo "$module"; fi; } # TOKEN
key_uri() { # TOKEN-TYPE
    local pin=
    [ "${1%-*}" = tpm ] || pin="?pin-source=$work/pin"
    echo "pkcs11:token=${1%-*};object=${1#*-};type=private$pin"
}

p11() { # TOKEN ARGUMENT...: pkcs11-tool as that token's user
    local login=(--login --pin 1234)
    [ "$1" != tpm ] || login=()
    foreign pkcs11-tool --module "$(library "$1")" --token-label "$1" "${login[@]}" "${@:2}"
}
make_token() { # TOKEN: with both keys and their files
    local type name
    use "$1"
    case $1 in
    tpm) "$devid" token init --label tpm --backend tpm ;;
    disk) "$devid" token init --label disk --backend file --so-pin-file so-pin --pin-file pin ;;
    hsm) softhsm2-util --init-token --free --label hsm --pin 1234 --so-pin 87654321 ;;
    esac && p11 "$1" -k --key-type EC:prime256v1 --usage-sign --usage-derive --label ec --id 01 &&
        p11 "$1" -k --key-type rsa:2048 --usage-sign --usage-decrypt --label rsa --id 02 || return 1
    for type in $types; do
        name=$1-$type
        "$devid" key pem --module "$(library "$1")" --key "$(key_uri "$name")" --out "$name.key" &&
            "${app[@]}" openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr" && certify "$name" || return 1
    done
}

certify() { # NAME: a certificate by our CA for the request NAME.csr
    plain x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -out "$1.crt" -days 30 -extfile plain.cnf -extensions leaf
}

make_authority() { # the CA, and a key of nobody's token: for the other side of a connection
    plain req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=ca -days 30 \
        -extensions ca_certificate &&
        plain req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.csr -subj /CN=other &&
        certify other
}

make_tokens() { # TOKEN...
    check 'a certification authority' make_authority
    case " $* " in *' tpm '*) start_tpm ;; esac
    for token; do check "token $token with an EC and an RSA key, certified" make_token "$token"; done
}

# begin NAME COMMAND...: starts a server through $app, its output in NAME.log, its process in $server
begin() {
    local name=$1
    shift
    "${app[@]}" "$@" >"$work/$name.log" 2>&1 </dev/null &
    server=$!
    story_pids="$story_pids $server"
}
end() { # [PID]: ends a server, and tells whether it had crashed before, or did then
    local pid=${1:-$server} status
    kill "$pid" && wait "$pid"
    status=$?
    [ $status -eq 0 ] || [ $status -eq 143 ] || { echo "the server's exit status is $status"; return 1; }
}

# connects PORT VERSION NAME [OPTION...]: a client without tokens finds that certificate there, and verifies what its key signed
connects() {
    local port=$1 version=$2 name=$3
    shift 3
    plain s_client -connect "127.0.0.1:$port" "-tls${version/./_}" -CAfile ca.crt -verify_return_error \
        -verify_hostname localhost "$@" </dev/null >client.log 2>&1 || { tail -n 30 client.log; return 1; }
    grep -q "^subject=CN *= *$name$" client.log || { grep '^subject=' client.log; return 1; }
}

# give_away: from here on "${nobody[@]}" runs a program as a user who is not root, to whom the tokens and their PIN belong;
# $HOME/.config/pkcs11, which p11-kit does not read for root, names a copy of our module.
give_away() {
    nobody=(env "HOME=$work/home" "DEVID_TCTI=$tcti")
    mkdir -p home/.config/pkcs11/modules
    cp "$module" home/devid-pkcs11.so && echo "module: $work/home/devid-pkcs11.so" >home/.config/pkcs11/modules/devid.module
    [ "$(id -u)" -eq 0 ] || return 0
    nobody=(setpriv --reuid www-data --regid www-data --clear-groups "${nobody[@]}")
    chmod 711 "$work" && chown -R www-data "$DEVID_TOKENS" home hsm pin softhsm.conf
}

wait_until() { # COMMAND...: it succeeds at last
    local i
    for i in $(seq 3000); do "$@" >wait.log 2>&1 && return 0; sleep 0.02; done
    return 1
}

# start_judge: a TLS server that wants a client certificate of the CA, and shows whose it was; on port $judge_port
start_judge() {
    judge_port=$(free_port)
    env "OPENSSL_CONF=$work/plain.cnf" openssl s_server -accept "127.0.0.1:$judge_port" -cert other.crt -key other.key -CAfile ca.crt \
        -Verify 1 -verify_return_error -www >judge.log 2>&1 &
    story_pids="$story_pids $!"
    wait_for_port "$judge_port"
}

# Without a resource manager several processes can share a TPM that has the keys in it already. (GLib, which the TCTI of tpm2-abrmd
# uses, may wait for ever in gettext below libasan, as curl does.)
keys_stay() {
    local type
    for type in $types; do check "tpm-$type stays in the TPM" "$devid" key persist --key "pkcs11:token=tpm;object=$type"; done
}

# What several processes at once need between them and the TPM, in the kernel's /dev/tpmrm0's place: tpm2-abrmd, on a message bus
# of its own.
start_resource_manager() {
    export DBUS_SESSION_BUS_ADDRESS=unix:path=$work/bus
    local owner="dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetNameOwner"
    dbus-daemon --session --nofork --nopidfile --address="$DBUS_SESSION_BUS_ADDRESS" >bus.log 2>&1 &
    story_pids="$! $story_pids"
    wait_until dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId || return 1
    tpm2-abrmd --allow-root --session --flush-all --logger stdout --tcti "$tcti" >abrmd.log 2>&1 &
    story_pids="$! $story_pids"
    export DEVID_TCTI=$count_tcti:tabrmd:bus_type=session
    wait_until $owner string:com.intel.tss2.Tabrmd
}
