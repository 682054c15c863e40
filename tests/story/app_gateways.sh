#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# HAProxy and lighttpd, which gateways have for a front door, serve TLS by keys of tokens from workers that were forked.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
keys_stay # several processes, no resource manager
for name in {tpm,disk,hsm}-{ec,rsa}; do cat $name.crt $name.key >$name.pem; done

declare -A port_of
new_ports() { for name; do port_of[$name]=$(free_port); done; } # NAME...
with_haproxy() { # NAME...: a master and a worker
    local name
    printf '%s\n' 'global' 'stats timeout 30s' 'defaults' 'mode http' 'timeout client 30s' 'timeout connect 30s' 'timeout server 30s'
    for name; do
        printf '%s\n' "frontend $name" "bind 127.0.0.1:${port_of[$name]} ssl crt $work/$name.pem ssl-min-ver TLSv1.2" \
            'http-request return status 200 content-type text/plain string hello'
    done
}
with_lighttpd() { # NAME...: two workers; its first socket knows no TLS
    local name
    printf '%s\n' 'server.modules = ("mod_openssl")' "server.document-root = \"$work\"" 'server.bind = "127.0.0.1"' \
        "server.port = $(free_port)" 'server.max-worker = 2' "server.errorlog = \"$work/lighttpd.errors\""
    for name; do
        printf '%s\n' "\$SERVER[\"socket\"] == \"127.0.0.1:${port_of[$name]}\" {" 'ssl.engine = "enable"' \
            "ssl.pemfile = \"$work/$name.crt\"" "ssl.privkey = \"$work/$name.key\"" '}'
    done
}
serve() { # PROGRAM NAME...
    new_ports "${@:2}"
    "with_$1" "${@:2}" >"$1.conf"
    case $1 in # setsid: lighttpd ends its whole process group
    haproxy) begin haproxy haproxy -W -f "$work/haproxy.conf" ;;
    lighttpd) begin lighttpd setsid lighttpd -D -f "$work/lighttpd.conf" ;;
    esac
    for name in "${@:2}"; do wait_for_port "${port_of[$name]}"; done
}
renewed() { # haproxy's master starts over, and a new worker takes the place of the one there was
    local before
    before=$(pgrep -P "$server") && kill -USR2 "$server" && wait_until eval '[ -n "$(pgrep -P "$server")" ] && ! pgrep -P "$server" | grep -qx "'"$before"'"'
}
each_serves() { # TYPE...
    for type; do
        for version in $versions; do
            check "$order: $program with $token-$type, TLS $version" connects "${port_of[$token-$type]}" $version $token-$type
        done
    done
}

while read -r order token; do
    use $token $order
    for program in haproxy lighttpd; do
        serve $program $token-ec $token-rsa
        # shellcheck disable=SC2086
        each_serves $types
        if [ $program = haproxy ] && [ $order = default-first ]; then
            check "$order: haproxy with $token takes a new worker" renewed
            each_serves ec
        fi
        check "$order: $program for $token ends in good order" end
    done
done <<<"$runs"
check 'nothing stays in the TPM but the keys' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
