#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Apache httpd, as Debian has it, serves TLS by keys of tokens: processes that are another user's sign with what the first one loaded.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
# Several processes and no resource manager: the keys stay in the TPM.
keys_stay
worker_user=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
    worker_user=www-data
    chmod 711 "$work" && chown -R www-data "$DEVID_TOKENS" hsm pin softhsm.conf
    DEVID_TCTI=$tcti # without the counter, which may be where only root reads
fi

declare -A port_of
configure() { # MPM NAME... : a virtual host for each key; by its file, or by its URI where the name ends in -uri
    local name mpm=$1 key
    shift
    printf '%s\n' "ServerRoot $work" "ServerName localhost" "PidFile $work/apache.pid" "ErrorLog $work/apache.log" "LogLevel notice" \
        "Mutex file:$work" "User $worker_user" "Group $(id -gn "$worker_user")" 'StartServers 3' 'SSLSessionCache none'
    for name in "mpm_$mpm" authz_core alias ssl; do echo "LoadModule ${name}_module /usr/lib/apache2/modules/mod_$name.so"; done
    for name; do
        key=$work/$name.key
        case $name in *-uri) name=${name%-uri} key=$(key_uri "$name") ;; esac
        port=$(free_port)
        port_of[$name]=$port
        printf '%s\n' "Listen 127.0.0.1:$port" "<VirtualHost 127.0.0.1:$port>" 'SSLEngine on' 'SSLProtocol -all +TLSv1.2 +TLSv1.3' \
            'SSLSessionTickets off' "SSLCertificateFile $work/$name.crt" "SSLCertificateKeyFile \"$key\"" \
            'Redirect 204 /' '</VirtualHost>'
    done
}
serve() { # MPM NAME...
    configure "$@" >apache.conf
    rm -f apache.log
    # setsid: when httpd ends, it ends its process group. It asks for an engine called pkcs11 first when it is given a URI;
    # where none is installed it asks the providers.
    OPENSSL_ENGINES=/nowhere begin httpd setsid /usr/sbin/apache2 -D FOREGROUND -f "$work/apache.conf"
    for name in "${@:2}"; do wait_for_port "${port_of[${name%-uri}]}"; done
}
restart() { # what comes before the restart is over may be lost, signals too
    kill -USR1 "$server" && wait_until eval '[ "$(grep -c "resuming normal operations" apache.log)" -ge 2 ]'
}
load() { # COUNT NAME: so many handshakes, ten at a time
    ab -q -n "$1" -c 10 "https://127.0.0.1:${port_of[$2]}/" >load.log 2>&1
    cat load.log
    grep -q "^Complete requests: *$1$" load.log && grep -q '^Failed requests: *0$' load.log
}

while read -r order token; do
    case $order in default-first) mpm=prefork form= ;; devid-first) mpm=event form=-uri ;; *) mpm=event form= ;; esac
    use $token $order
    serve $mpm $token-ec$form $token-rsa$form
    for type in $types; do
        name=$token-$type
        for version in $versions; do
            check "$order, $mpm: $name$form by TLS $version" connects "${port_of[$name]}" $version $name
        done
        check "$order, $mpm: 50 handshakes by $name$form" load 50 $name
    done
    check "$order, $mpm: a graceful restart" restart
    check "$order, $mpm: $token-ec after a graceful restart" load 50 $token-ec
    check "$order, $mpm: httpd for $token ends in good order" end
done <<<"$runs"
check 'nothing stays in the TPM but the keys' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
