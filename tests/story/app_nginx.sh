#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nginx, as Debian has it, serves TLS by keys of tokens: the master loads them, four workers sign with them.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
check 'a resource manager for the TPM' start_resource_manager

# In one file both the certificate, from the token, and the key: of the one that names where its PIN is, and of one that asks.
one_file() {
    "$devid" cert import --key "$(key_uri disk-rsa)" disk-rsa.crt && "$devid" key pem --key "$(key_uri disk-rsa)" --chain --out disk-rsa.pem &&
        "$devid" cert import --key 'pkcs11:token=disk;object=ec' --pin-file pin disk-ec.crt &&
        "$devid" key pem --key 'pkcs11:token=disk;object=ec;type=private' --pin-file pin --chain --out disk-ec.pem
}
use disk
check 'certificate and key in one file' one_file

# configure NAME... : a server for each key; port_of[NAME] is its port
declare -A port_of
configure() {
    local name certificate key
    {
        echo "daemon off; worker_processes 4; pid $work/nginx.pid; error_log $work/nginx.log info; user $worker_user;"
        # Workers lose the environment but for these, which are here for the tests; devid.conf says the same for good.
        for name in DEVID_TOKENS DEVID_CONF DEVID_TCTI TCTI_COUNT_FILE SOFTHSM2_CONF DBUS_SESSION_BUS_ADDRESS; do echo "env $name;"; done
        echo 'events { worker_connections 512; }'
        echo 'http { access_log off; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets off;'
        echo "ssl_password_file $work/pin;"
        for name in client_body proxy fastcgi uwsgi scgi; do echo "${name}_temp_path $work/temp;"; done
        for name; do
            port_of[$name]=$(free_port)
            certificate=$work/$name.crt key=$work/$name.key
            [ ! -f "$name.pem" ] || certificate=$work/$name.pem key=$work/$name.pem
            echo "server { listen 127.0.0.1:${port_of[$name]} ssl; ssl_certificate $certificate;"
            echo "ssl_certificate_key $key; location / { return 200 '$name'; } }"
        done
        echo '}'
    } >nginx.conf
}
worker_user=$(id -un)

serve() { # TOKEN...: a running nginx for the keys of these tokens
    local name names=()
    for name; do names+=("$name-ec" "$name-rsa"); done
    configure "${names[@]}"
    begin nginx nginx -c "$work/nginx.conf" -e "$work/nginx.log"
    for name in "${names[@]}"; do wait_for_port "${port_of[$name]}"; done
}
workers() { # those that still take connections
    ps -o pid=,args= --ppid "$server" | sed -n 's/^ *\([0-9]*\) nginx: worker process$/\1/p'
}

# load COUNT VERSION NAME: that many handshakes, twenty at a time, none of which fails
load() {
    ab -q -n "$1" -c 20 -f "TLS$2" "https://127.0.0.1:${port_of[$3]}/" >"load-$3.log" 2>&1
    cat "load-$3.log"
    grep -q "^Complete requests: *$1$" "load-$3.log" && grep -q '^Failed requests: *0$' "load-$3.log" &&
        ! grep -q '^Non-2xx' "load-$3.log"
}

signed() { [ "$(tpm_commands 15d)" -ge $((start + $1)) ]; } # COUNT: so many signatures of the TPM since $start

# A worker ends and all are replaced while clients come and go.
worker_ends() { # NAME
    local before pid start
    before=$(workers)
    [ "$(wc -w <<<"$before")" -eq 4 ] || { echo "workers: $before"; return 1; }
    start=$(tpm_commands 15d)
    load 400 1.3 "$1" &
    pid=$!
    wait_until signed 20 && kill -QUIT "${before%%$'\n'*}" && wait_until signed 100 && kill -HUP "$server" || return 1
    wait $pid || return 1
    signed 400 || { echo "signatures: $(($(tpm_commands 15d) - start))"; return 1; }
    wait_until eval '! grep -qxF "$before" <(workers) && [ "$(workers | wc -l)" -eq 4 ]'
}

for order in $orders; do
    for tokens in 'tpm disk' hsm; do
        use "${tokens##* }" "$order"
        # shellcheck disable=SC2086
        serve $tokens
        for token in $tokens; do
            for type in $types; do
                for version in $versions; do
                    check "$order: $token-$type by TLS $version" connects "${port_of[$token-$type]}" "$version" "$token-$type"
                done
            done
        done
        if [ "$order $tokens" = 'default-first tpm disk' ]; then
            for name in tpm-ec tpm-rsa disk-ec disk-rsa; do
                check "200 handshakes by $name, twenty at a time" load 200 1.3 $name
            done
            check 'a worker that ends, and a reload, fail no handshake' worker_ends tpm-ec
            for name in tpm-ec disk-rsa; do
                check "$name serves after the reload" connects "${port_of[$name]}" 1.3 $name
            done
        fi
        [ "$tokens" != hsm ] || check "$order: 200 handshakes by hsm-ec" load 200 1.2 hsm-ec
        check "$order: nginx for $tokens ends in good order" end
    done
done

# Without a resource manager, four workers can share a TPM that has the keys in it already.
keys_stay
DEVID_TCTI=$tcti
use tpm
serve tpm
for type in $types; do
    check "200 handshakes by tpm-$type, which stays in the TPM, without a resource manager" load 200 1.3 "tpm-$type"
done
check 'nginx ends in good order' end

# The master reads the PEM file as root; the workers need the token, the PIN and the TPM as who they are. What is root's is open
# as docs/applications.md says and no more, and root goes on to work there.
give_tokens() {
    chmod 755 "$work" "$DEVID_TOKENS" && chown -R www-data "$DEVID_TOKENS/tpm" "$DEVID_TOKENS/disk" pin &&
        "$devid" key generate --token disk --label late --pin-file pin && [ -f "$DEVID_TOKENS/disk/late.pem" ] &&
        [ -z "$(find "$DEVID_TOKENS/tpm" "$DEVID_TOKENS/disk" ! -user www-data)" ]
}
if [ "$(id -u)" -eq 0 ]; then
    worker_user=www-data
    check 'tokens of another user, in which root makes a key' give_tokens
    use disk
    serve tpm disk
    for name in tpm-ec disk-ec disk-rsa; do
        check "workers of another user: $name" load 20 1.3 $name
    done
    check 'nginx with workers of another user ends in good order' end
fi
check 'nginx leaves nothing in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
