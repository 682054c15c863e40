#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Where openssl gets a token's PIN from, for a token in a TPM, one in files and SoftHSM's; and how often a wrong one is tried.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

printf '1234\nnot this line\n' >lines
printf '9876\n' >wrong
mkdir -m 700 credentials && printf '1234\n' >credentials/token-pin
make_locked() { # a TPM token with a PIN, and its keys
    "$devid" token init --label locked --backend tpm --so-pin-file so-pin --pin-file pin &&
        "$devid" key generate --token locked --label ec --pin-file pin && "$devid" key generate --token locked --label rsa --type rsa-2048 --pin-file pin
}
make_tokens disk hsm
start_tpm
check 'a TPM token with a PIN' make_locked
key() { echo "pkcs11:token=$token;object=ec;type=private"; }
# signs NAME=VALUE... URI [OPTION...]: with that in the environment
signs() {
    local with=()
    while [[ $1 == *=* && $1 != pkcs11:* ]]; do with+=("$1"); shift; done
    echo data >data
    "${app[@]}" "${with[@]}" openssl dgst -sha256 -sign "$1" "${@:2}" -out signature data
}
spied() { # COMMAND...: how often it calls C_Login
    local spy=$DEVID_TEST_BUILD/tests/support/.libs/p11_spy.so
    rm -f spy
    "${app[@]}" "P11_SPY_FILE=$work/spy" "P11_SPY_MODULE=$(library $token)" "DEVID_PKCS11_MODULE=$spy" "$@" >spied.log 2>&1
    od -An -tu4 -j36 -N4 spy | tr -d ' '
}
tries() { local wanted=$1; shift; [ "$(spied "$@")" = "$wanted" ] || { spied "$@"; cat spied.log; return 1; }; }
typed() { # the terminal is the program's to ask at
    printf '1234\n' | "${app[@]}" script -qec "openssl pkey -noout -in '$(key)'" typescript >terminal 2>&1 && grep -q "PKCS#11 Token (Slot [0-9]* - $token)" terminal
}
configured() { # LINE: in the provider's section
    sed "s|^\[devid_section\]|&\n$1|" default-first.cnf >configured.cnf
    app+=("OPENSSL_CONF=$work/configured.cnf")
}
secret() { ! grep devid: errors.log | grep -q 9876; } # libcrypto's own messages have the whole URI

for token in locked disk hsm; do
    use $token
    check "$token: pin-value" signs "$(key)?pin-value=1234"
    check "$token: a file" signs "$(key)?pin-source=$work/lines"
    check "$token: file:" signs "$(key)?pin-source=file:$work/lines"
    check "$token: a file as a URI" signs "$(key)?pin-source=file://$work/lines"
    check "$token: a variable" signs THE_PIN=1234 "$(key)?pin-source=env:THE_PIN"
    check "$token: a credential" signs "CREDENTIALS_DIRECTORY=$work/credentials" "$(key)?pin-source=cred:token-pin"
    check "$token: a descriptor" eval "signs '$(key)?pin-source=fd:7' 7<lines"
    check "$token: the configured PIN, of the environment" signs DEVID_PKCS11_PIN=1234 "$(key)"
    check "$token: the configured file" signs "DEVID_PKCS11_PIN=file:$work/lines" "$(key)"
    check "$token: the configured source" signs THE_PIN=1234 DEVID_PKCS11_PIN_SOURCE=env:THE_PIN "$(key)"
    check "$token: what the URI brings comes first" signs DEVID_PKCS11_PIN=9876 "$(key)?pin-value=1234"
    check "$token: -passin pass:" signs "$(key)" -passin pass:1234
    check "$token: -passin file:" signs "$(key)" -passin file:lines
    check "$token: openssl asks at its terminal" typed
    # in openssl.cnf
    configured 'pkcs11-module-token-pin = 1234'
    check "$token: token-pin" signs "$(key)"
    configured "pkcs11-module-token-pin = file:$work/lines"
    check "$token: token-pin, a file" signs "$(key)"
    configured "pkcs11-module-pin-source = cred:token-pin"
    check "$token: pin-source, a credential" signs "CREDENTIALS_DIRECTORY=$work/credentials" "$(key)"
    use $token

    # what is missing or wrong is told, and nobody is asked who was not there
    check_fails "$token: nobody is there to be asked" 1 'put pin-source=' setsid "${app[@]}" openssl pkey -noout -in "$(key)"
    check_fails "$token: a file that is not there" 1 'pin-source /nowhere: No such file' signs "$(key)?pin-source=/nowhere"
    check_fails "$token: a variable that is not set" 1 'pin-source env:NONE: the variable is not set' signs "$(key)?pin-source=env:NONE"
    check_fails "$token: a relative path" 1 'it must be the absolute path' signs "$(key)?pin-source=lines"
    check_fails "$token: a command is none" 1 'it must be the absolute path' signs "$(key)?pin-source=%7Ccat%20lines"
    signs "$(key)?pin-value=9876" >errors.log 2>&1
    check "$token: a wrong PIN is told with the token" grep -q "CKR_PIN_INCORRECT (0xa0), token '$token', pkcs11:token=$token" errors.log
    check "$token: and no PIN is" secret
    check "$token: the right one after a wrong one" signs "$(key)?pin-source=$work/lines"
    check "$token: one login for all objects" tries 1 openssl storeutl -noout "pkcs11:token=$token?pin-source=$work/lines"
    check "$token: one attempt for all objects" tries 1 openssl storeutl -noout "pkcs11:token=$token?pin-source=$work/wrong"
    check "$token: none for public keys" tries 0 openssl storeutl -noout "pkcs11:token=$token;type=public"
    check "$token: and that is all" signs "$(key)?pin-source=$work/lines"
done

# A service with wrong PINs, one after the other: each is tried once, and the last attempt that the TPM has is left to somebody.
token=locked
use locked
lockout() { tpm2_getcap -T "$tcti" properties-variable | sed -n "s/^TPM2_PT_$1: *//p"; }
cat >loads.py <<'P'
import os, ssl, sys
for name in sys.argv[1:]:
    child = os.fork() if name == "fork" else 0
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if name != "fork":
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain("locked.crt", name)
            print(name, "serves")
        except ssl.SSLError:
            print(name, "fails")
P
loads() { local wanted=$1; shift; "${app[@]}" timeout 120 python3 loads.py "$@" >loaded && [ "$(xargs <loaded)" = "$wanted" ] || { cat loaded; return 1; }; }
prepare() {
    local pin
    for pin in 1111 2222 3333 4444 1234; do
        "$devid" key pem --key "$(key)?pin-value=$pin" --out $pin.key --force --no-check || return
    done
    "${app[@]}" openssl req -new -key 1234.key -subj /CN=locked -out locked.csr && certify locked
    tpm2_dictionarylockout -T "$tcti" --setup-parameters --max-tries=4 --recovery-time=1000 --lockout-recovery-time=1000 &&
        tpm2_dictionarylockout -T "$tcti" --clear-lockout
}
check 'files with wrong PINs, and a TPM that forgives three' prepare
check 'the same wrong one is tried once, in children too' loads '1111.key fails 1111.key fails 1111.key fails' 1111.key 1111.key fork 1111.key
check 'which the TPM counted once' eval '[ "$(lockout LOCKOUT_COUNTER)" = 0x1 ]'
check 'others are tried as long as there is more than one attempt' loads '2222.key fails 3333.key fails 4444.key fails 1234.key fails' \
    2222.key 3333.key 4444.key 1234.key
check 'and then none, not even the right one' eval '[ "$(lockout LOCKOUT_COUNTER)" = 0x3 ]'
check 'which somebody may type' "${app[@]}" openssl pkey -noout -in "$(key)" -passin pass:1234
check 'a service that starts with the right one gets the key' loads '1234.key serves' 1234.key
lock() { local i; for i in 5 6 7 8; do signs "$(key)?pin-value=$i$i$i$i"; done; true; }
lock >lock.log 2>&1
check_fails 'when the PIN is locked that is told with the token' 1 "token 'locked'" signs "$(key)?pin-value=1234"
check_fails 'by its code' 1 'CKR_PIN_LOCKED' signs "$(key)?pin-value=1234"
done_testing
