#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# stunnel puts TLS around services and clients by keys of tokens.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
keys_stay
start_judge

declare -A port_of
service() { # NAME OPTION...
    port_of[$1]=$(free_port)
    printf '%s\n' "[$1]" "accept = 127.0.0.1:${port_of[$1]}" "sslVersionMin = TLSv1.2" 'sessionCacheSize = 1' "${@:2}"
}
configure() { # NAME...: for each key a server, and a client for each version
    local name version
    printf '%s\n' 'foreground = yes' "pid =" 'syslog = no' 'debug = warning'
    for name; do
        service "$name" "cert = $work/$name.crt" "key = $work/$name.key" 'exec = /bin/echo' 'execArgs = echo hello'
        for version in $versions; do
            service "$name-$version" 'client = yes' "connect = 127.0.0.1:$judge_port" "cert = $work/$name.crt" "key = $work/$name.key" \
                "CAfile = $work/ca.crt" 'verifyChain = yes' 'checkHost = localhost' "sslVersion = TLSv$version"
        done
    done
}
goes_through() { # NAME: a client that knows no TLS reaches a server, who sees the certificate
    printf 'GET / HTTP/1.0\r\n\r\n' >get
    exec 4<>"/dev/tcp/127.0.0.1/${port_of[$1-$2]}" && cat get >&4 && timeout 100 cat <&4 >page
    exec 4>&-
    grep -q "Subject: CN *= *$1" page && grep -q "TLSv$2" page || { cat page stunnel.log; return 1; }
}
serves() { # NAME VERSION
    connects "${port_of[$1]}" "$2" "$1" -ign_eof && grep -qx hello client.log
}

while read -r order token; do
    use $token $order
    configure $token-ec $token-rsa >stunnel.conf
    begin stunnel stunnel4 stunnel.conf
    for type in $types; do
        name=$token-$type
        wait_for_port "${port_of[$name]}"
        for version in $versions; do
            wait_for_port "${port_of[$name-$version]}"
            check "$order: stunnel serves with $name, TLS $version" serves $name $version
            check "$order: stunnel calls with $name, TLS $version" goes_through $name $version
        done
    done
    check "$order: stunnel for $token ends in good order" end
done <<<"$runs"
check 'nothing stays in the TPM but the keys' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
