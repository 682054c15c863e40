#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The curl command, programs on libcurl, git and wget show client certificates whose keys are in tokens.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
start_judge
url=https://localhost:$judge_port/

# seen NAME COMMAND...: the page tells that the server verified this client
seen() {
    "${@:2}" >page && grep -q "Subject: CN *= *$1$" page || { cat page; return 1; }
}
with_curl() { "${app[@]}" timeout 300 curl -sS --cacert ca.crt "$@" "$url"; }
of_version() { with_curl "--tlsv$1" --tls-max "$@"; } # VERSION OPTION...

certificate_in_token() { # NAME
    plain x509 -in "$1.crt" -outform DER -out made.der &&
        p11 "${1%-*}" -w made.der --type cert --label "${1#*-}" --id "$([ "${1#*-}" = ec ] && echo 01 || echo 02)"
}
# With ASan it is built so, and has nothing of it in front.
with_libcurl() { # NAME: certificate and key by their URIs
    env "OPENSSL_CONF=$work/$order.cnf" "${app[2]}" timeout 300 "$DEVID_TEST_BUILD/tests/story/curl_ssl_ctx" "$url" ca.crt \
        "pkcs11:token=${1%-*};object=${1#*-};type=cert" "$(key_uri "$1")"
}

for name in {tpm,disk,hsm}-{ec,rsa}; do
    check "$name: its certificate is on the token" certificate_in_token $name
    cat $name.crt $name.key >$name.pem
done
while read -r order token; do
    use $token $order
    for type in $types; do
        name=$token-$type
        for version in $versions; do
            check_without_asan "$order: curl with $name, TLS $version" seen $name of_version $version --cert $name.crt --key $name.key
        done
        check_without_asan "$order: curl with $name in one file" seen $name with_curl --cert $name.pem
        check "$order: libcurl with $name by URI" seen $name with_libcurl $name
    done
done <<<"$runs"

use disk
"$devid" key pem --key 'pkcs11:token=disk;object=ec;type=private' --pin-file pin --out asks.pem
check_without_asan 'the password of curl is the PIN' seen disk-ec with_curl --cert disk-ec.crt --key asks.pem --pass 1234
[ "${DEVID_TEST_ASAN:-}" = yes ] ||
    check_fails 'curl of Debian 12 takes URIs for engines alone' 58 'Engine' with_curl --cert disk-ec.crt --key "$(key_uri disk-ec)"

# git has libcurl with GnuTLS, and wget GnuTLS itself; that has the URI and the PKCS#11 module.
make_repository() {
    mkdir repository web && git init -q repository && git -C repository -c user.name=a -c user.email=a@b commit -q --allow-empty -m 'the first' &&
        git clone -q --bare repository web/some.git && git -C web/some.git update-server-info
}
serve_repository() {
    git_port=$(free_port)
    printf '%s\n' "daemon off; pid $work/nginx.pid; error_log $work/nginx.log; user $(id -un); events {}" "http { access_log off;" \
        "server { listen 127.0.0.1:$git_port ssl; root $work/web; ssl_certificate $work/other.crt; ssl_certificate_key $work/other.key;" \
        "ssl_client_certificate $work/ca.crt; ssl_verify_client on; } }" >nginx.conf
    env "OPENSSL_CONF=$work/plain.cnf" nginx -c "$work/nginx.conf" -e "$work/nginx.log" >nginx.out 2>&1 &
    story_pids="$story_pids $!"
    wait_for_port "$git_port"
}
clones() { # NAME
    rm -rf home/cloned
    "${nobody[@]}" GIT_SSL_CAINFO="$work/ca.crt" timeout 300 git -c http.sslCert="$work/$1.crt" -c http.sslKey="$(key_uri "$1")" \
        clone -q "https://localhost:$git_port/some.git" home/cloned && "${nobody[@]}" git -C home/cloned log | grep -q 'the first'
}
with_wget() { # NAME KEY
    "${nobody[@]}" timeout 300 wget -nv --tries=1 -O - --ca-certificate=ca.crt --certificate="$1.crt" --private-key="$2" "$url"
}
if [ "${DEVID_TEST_ASAN:-}" != yes ]; then
    check 'a repository that is served to those with a certificate' make_repository
    check 'a user with a module' give_away
    serve_repository
    for name in {tpm,disk}-{ec,rsa}; do
        check "git clones with $name" clones $name
        check "wget with $name" seen $name with_wget $name "$(key_uri $name)"
    done
    check_fails 'wget of Debian 12 does not read the file' 4 'session' with_wget tpm-ec tpm-ec.key
fi
check 'nothing stays in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
