#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Below valgrind the openssl command has keys of a TPM, of files and of SoftHSM: no byte is read that should not be, and none is lost.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

[ "${DEVID_TEST_ASAN:-}" != yes ] || { check 'the sanitizers look after this' true; done_testing; exit; }
make_tokens tpm disk hsm
DEVID_TCTI=$tcti
echo 'what is signed' >data

# watched COMMAND...: the leaks of a process that ends in order are errors too, but for what the loader keeps of libraries
watched() {
    "${app[@]}" timeout 300 valgrind -q --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
        --error-exitcode=9 --num-callers=30 openssl "$@"
}
told() { # of a program that loses something
    printf '%s\n' '#include <stdlib.h>' 'int main(void) { char *volatile lost = malloc(10); lost = NULL; return lost != NULL; }' >lost.c &&
        ${CC:-cc} -O0 lost.c -o lost && valgrind -q --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=9 ./lost
}
# Each takes the TOKEN.
decrypts() {
    plain pkeyutl -encrypt -certin -inkey "$1-rsa.crt" -in data -out sealed && watched pkeyutl -decrypt -inkey "$1-rsa.key" -in sealed -out opened &&
        cmp data opened
}
opens_mail() {
    plain cms -encrypt -binary -aes-256-cbc -in data -out mail "$1-ec.crt" &&
        watched cms -decrypt -binary -in mail -recip "$1-ec.crt" -inkey "$1-ec.key" -out opened && cmp data opened
}
makes() {
    watched genpkey -algorithm EC -pkeyopt group:P-256 -pkeyopt "pkcs11_uri:pkcs11:token=$1;object=made?pin-source=$work/pin" -propquery provider=devid -out made.key
}
serves() { # NAME VERSION: both sides are watched
    local port status
    port=$(free_port)
    watched s_server -accept "127.0.0.1:$port" -naccept 1 -cert "$1.crt" -key "$1.key" -CAfile ca.crt -Verify 1 -www >server.log 2>&1 </dev/null &
    story_pids="$story_pids $!"
    wait_until grep -q ACCEPT server.log || { cat server.log; return 1; }
    printf 'GET / HTTP/1.0\r\n\r\n' | watched s_client -connect "127.0.0.1:$port" "-tls${2/./_}" -cert "$1.crt" -key "$1.key" -CAfile ca.crt \
        -verify_return_error -ign_eof >client.log 2>&1 && grep -q "Subject: CN *= *$1" client.log
    status=$?
    wait $! && [ $status -eq 0 ] || { cat server.log client.log; return 1; }
}

check_fails 'valgrind tells what is lost' 9 'definitely lost' told
signs() { watched dgst -sha256 -sign "$(key_uri "$1-ec")" -out signature data; }
requests() { watched req -new -key "$1-rsa.key" -subj /CN=asked -out made.csr; }
is_found() { watched storeutl -noout -text "$(key_uri "$1-ec")"; }
signs_mail() { watched cms -sign -in data -signer "$1-ec.crt" -inkey "$1-ec.key" -out mail; }
is_missed() {
    watched dgst -sha256 -sign "pkcs11:token=$1;object=none;type=private?pin-source=$work/pin" data
    [ $? -eq 1 ]
}
# Each with one of the tokens, one after the other; with all of them where time does not matter (`make check-long`).
tokens=(tpm disk hsm)
turn=0
for does in signs requests is_found signs_mail opens_mail decrypts makes is_missed; do
    chosen=("${tokens[turn++ % 3]}")
    [ -z "${DEVID_TEST_LONG:-}" ] || chosen=("${tokens[@]}")
    for token in "${chosen[@]}"; do
        use "$token"
        check "$token $does" $does "$token"
    done
done
use tpm
check 'tpm-ec on both sides, TLS 1.3' serves tpm-ec 1.3
check 'nothing stays in the TPM' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
