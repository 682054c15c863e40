#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PKCS#11 modules of other projects below the provider: tpm2-pkcs11 in TLS, in threads, and around forks through p11-kit's server;
# p11-kit's trust module, which has certificates and no keys; OpenSC's, which has no token here.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

for library in /usr/lib/*/pkcs11/libtpm2_pkcs11.so /usr/lib64/pkcs11/libtpm2_pkcs11.so; do [ -r "$library" ] && break; done
folder=${library%/*}
make_tokens tpm hsm
check 'a resource manager for the TPM' start_resource_manager
export TPM2_PKCS11_STORE=$work/esys TPM2_PKCS11_TCTI=tabrmd:bus_type=session TSS2_LOG=all+none
esys() { foreign pkcs11-tool --module "$library" --token-label esys --login --pin 1234 "$@"; }
use_modules() { # MODULES [ORDER]
    use esys ${2:-default-first}
    app+=("DEVID_PKCS11_MODULE=$1")
}
make_esys() { # tpm2-pkcs11's token, in the same TPM
    local type
    mkdir esys && foreign pkcs11-tool --module "$library" --init-token --slot-index 0 --label esys --so-pin 1234 &&
        foreign pkcs11-tool --module "$library" --token-label esys --login --login-type so --so-pin 1234 --init-pin --new-pin 1234 &&
        esys -k --key-type EC:prime256v1 --label ec --id 01 && esys -k --key-type rsa:2048 --label rsa --id 02 || return
    use_modules "$library"
    for type in $types; do
        "$devid" key pem --module "$library" --key "$(key_uri esys-$type)" --out "esys-$type.key" &&
            "${app[@]}" openssl req -new -key "esys-$type.key" -subj "/CN=esys-$type" -out "esys-$type.csr" && certify "esys-$type" || return
    done
}
handshakes() { "${app[@]}" timeout 300 python3 "$DEVID_TEST_SOURCE/tests/story/handshakes.py" ca.crt "$@"; }
lists() { # NUMBER URI [OPTION...]
    local number=$1 uri=$2
    shift 2
    "${app[@]}" openssl storeutl -noout "$@" "$uri" >list 2>errors && grep -q "^Total found: $number\$" list && [ ! -s errors ] ||
        { cat list errors; return 1; }
}

# Every program of Debian's that loads tpm2-pkcs11 loads GLib too, see start_resource_manager.
if [ "${DEVID_TEST_ASAN:-}" != yes ]; then
    check 'a token of tpm2-pkcs11, certified' make_esys
    for order in $orders; do
        use_modules "$library" $order
        app+=(FORK=no)
        for version in $versions; do
            check "$order: TLS $version with tpm2-pkcs11, in threads" handshakes esys-ec.crt esys-ec.key esys-rsa.crt esys-rsa.key $version
            check "$order: and the other way round" handshakes esys-rsa.crt esys-rsa.key esys-ec.crt esys-ec.key $version
        done
    done
    use_modules "$softhsm:$library:$module"
    app+=(FORK=no)
    check 'a server with a key of tpm2-pkcs11, a client with one of SoftHSM' handshakes esys-ec.crt esys-ec.key hsm-rsa.crt hsm-rsa.key 1.3
    check 'a server with a key of DevID, a client with one of tpm2-pkcs11' handshakes tpm-rsa.crt tpm-rsa.key esys-rsa.crt esys-rsa.key 1.2
    wrong() { "${app[@]}" openssl pkey -noout -in "pkcs11:token=esys;object=ec;type=private?pin-value=$1"; }
    check_fails 'a wrong PIN is told with the name of the token' 1 "CKR_PIN_INCORRECT (0xa0), token 'esys', pkcs11:token=esys" wrong 9876
    check 'and the right one serves as ever' wrong 1234

    # It does not notice that a process was forked; behind the server each process has its own.
    p11-kit server -f -n "$work/p11-kit" --provider "$library" pkcs11:token=esys >server.log 2>&1 &
    story_pids="$! $story_pids"
    check "p11-kit's server" wait_until test -S p11-kit
    use_modules "$folder/p11-kit-client.so"
    app+=("P11_KIT_SERVER_ADDRESS=unix:path=$work/p11-kit" DEVID_PKCS11_SESSIONS=0)
    for version in $versions; do
        check "TLS $version through p11-kit's server, around forks and in threads" handshakes esys-ec.crt esys-ec.key esys-rsa.crt esys-rsa.key $version
        check 'and the other way round' handshakes esys-rsa.crt esys-rsa.key esys-ec.crt esys-ec.key $version
    done
fi

# What the trust module is to read is said by its argument of C_Initialize.
mkdir trusted && cp ca.crt other.crt trusted
use_modules p11-kit-trust
app+=("DEVID_PKCS11_INIT_ARGS=paths='$work/trusted'")
check "p11-kit's trust module shows certificates" lists 2 'pkcs11:type=cert' -certs
check 'one by its label' lists 1 'pkcs11:object=ca;type=cert'
check 'one by its subject' lists 1 pkcs11: -certs -subject /CN=other
check_fails 'and no keys' 0 'no object matches' lists 0 pkcs11: -keys
verifies() { "${app[@]}" openssl verify -no-CAfile -no-CApath -CAstore 'pkcs11:type=cert' other.crt; }
check 'a verifier takes its authorities from there' verifies
use_modules "p11-kit-trust:$softhsm"
app+=("DEVID_PKCS11_INIT_ARGS=paths='$work/trusted'")
check_fails 'a module that does not want that argument says so' 0 'C_Initialize: CKR_ARGUMENTS_BAD' \
    "${app[@]}" openssl pkey -noout -in "$(key_uri hsm-ec)"

use_modules opensc-pkcs11:onepin-opensc-pkcs11.so:"$softhsm"
check "OpenSC's modules without a card are in nobody's way" "${app[@]}" openssl pkey -noout -in "$(key_uri hsm-ec)"
check_fails 'nor do they have a token' 0 "opensc-pkcs11: none; onepin-opensc-pkcs11.so: none; $softhsm: 'hsm'" \
    "${app[@]}" openssl pkey -noout -in 'pkcs11:token=nobody;type=private'
done_testing
