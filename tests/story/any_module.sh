#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One provider over any PKCS#11 module, and over several at once: SoftHSM, tpm2-pkcs11, DevID's own with a TPM and with files,
# by path, by p11-kit's name, and through p11-kit's proxy. A URI picks the module by name or by path.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"

cd "$work" || exit 99
unset DEVID_PKCS11_MODULE OPENSSL_CONF
for softhsm in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do [ -r "$softhsm" ] && break; done
printf '1234\n' >pin

make_softhsm() {
    export SOFTHSM2_CONF=$work/softhsm2.conf
    mkdir -p softhsm
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/softhsm" >"$SOFTHSM2_CONF"
    softhsm2-util --init-token --free --label hsm --pin 1234 --so-pin 1234
    for key in EC:prime256v1/ec/01 rsa:2048/rsa/02; do
        IFS=/ read -r type label id <<<"$key"
        pkcs11-tool --module "$softhsm" --token-label hsm --login --pin 1234 -k --key-type "$type" --label "$label" --id "$id"
    done
}

make_tpm2_pkcs11() { # over a TPM of its own: a swtpm serves one program at a time
    start_tpm other
    export TPM2_PKCS11_STORE=$work/esys TPM2_PKCS11_TCTI=$tcti TSS2_LOG=all+none
    other_tcti=$tcti
    for library in /usr/lib/*/pkcs11/libtpm2_pkcs11.so /usr/lib64/pkcs11/libtpm2_pkcs11.so; do [ -r "$library" ] && break; done
    mkdir -p esys
    pkcs11-tool --module "$library" --init-token --slot-index 0 --label esys --so-pin 1234 &&
        pkcs11-tool --module "$library" --token-label esys --login --login-type so --so-pin 1234 --init-pin --new-pin 1234 || return
    for key in EC:prime256v1/ec/01 rsa:2048/rsa/02; do
        IFS=/ read -r type label id <<<"$key"
        pkcs11-tool --module "$library" --token-label esys --login --pin 1234 -k --key-type "$type" --label "$label" --id "$id"
    done
}

make_devid() {
    start_tpm
    for token in device/tpm disk/file; do
        "$devid" token init --label "${token%/*}" --backend "${token#*/}" --module "$module" &&
            "$devid" key generate --token "${token%/*}" --label ec --module "$module" &&
            "$devid" key generate --token "${token%/*}" --label rsa --type rsa-2048 --module "$module" || return
    done
}

configuration() { # MODULES
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = list' '[list]' 'default = on' 'devid = ours' '[on]' \
        'activate = 1' '[ours]' "pkcs11-module-path = $1" "pin-source = file:$work/pin" 'activate = 1' >ours.cnf
}
# In place of a resource manager: tpm2-pkcs11 leaves its objects in the TPM when a program just ends.
flush() { for kind in -t -l; do tpm2_flushcontext -T "$other_tcti" $kind; done >flushed 2>&1; }
ossl() {
    local status
    OPENSSL_CONF=$work/ours.cnf foreign timeout 60 openssl "$@"
    status=$?
    flush
    return $status
}
plain() { openssl "$@"; }

lists() { # URI NUMBER WHAT: so many of these are there
    ossl storeutl -noout -text "$1" >list && [ "$(grep -c "^[0-9]*: $3" list)" -eq "$2" ]
}
signs() { # URI OPTION...
    local key=$1
    shift
    echo 'to be signed' >data
    ossl pkey -in "$key" -pubout -out public.pem && ossl dgst -sha256 "$@" -sign "$key" -out signature data &&
        plain dgst -sha256 "$@" -verify public.pem -signature signature data
}
each_signs() { # TOKEN NAME
    check "$2: both keys are listed" lists "pkcs11:token=$1;type=private" 2 Pkey
    check "$2: the EC key signs" signs "pkcs11:token=$1;object=ec;type=private"
    check "$2: the RSA key signs" signs "pkcs11:token=$1;object=rsa;type=private"
    check "$2: the RSA key signs with PSS" signs "pkcs11:token=$1;object=rsa;type=private" \
        -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32
}

# Calls of PKCS#11 functions by one openssl command, counted by a module around the module.
calls() {
    rm -f "$work/spy"
    P11_SPY_FILE=$work/spy ossl "$@" >/dev/null && od -An -tu4 -N4 "$work/spy" | tr -d ' '
}
counts() { # TOKEN MODULE: a load is at most 20 calls, and a signature two more
    local kind load sign
    configuration "$DEVID_TEST_BUILD/tests/support/.libs/p11_spy.so"
    for kind in ec rsa; do
        load=$(P11_SPY_MODULE=$2 calls pkey -in "pkcs11:token=$1;object=$kind;type=private" -pubout) &&
            sign=$(P11_SPY_MODULE=$2 calls dgst -sha256 -sign "pkcs11:token=$1;object=$kind;type=private" -out signature data) || return
        echo "$kind: $load calls for a load, $sign with a signature"
        [ "$load" -le 20 ] && [ "$sign" -eq $((load + 2)) ] || return
    done
}

check 'a SoftHSM token is made' make_softhsm
check 'a token of tpm2-pkcs11 is made' make_tpm2_pkcs11
check 'tokens of DevID are made' make_devid

configuration "$softhsm"
each_signs hsm 'SoftHSM'
configuration tpm2_pkcs11
each_signs esys 'tpm2-pkcs11, by the name that p11-kit has for it'
configuration "$module"
each_signs device 'DevID with a TPM'
each_signs disk 'DevID with files'
configuration p11-kit-proxy.so
each_signs hsm 'SoftHSM through the proxy'
each_signs esys 'tpm2-pkcs11 through the proxy'

check 'calls of SoftHSM: 20 for a load, 2 for a signature' counts hsm "$softhsm"
check 'calls of tpm2-pkcs11' counts esys "$library"
check 'calls of DevID with a TPM' counts device "$module"
check 'calls of DevID with files' counts disk "$module"
check 'calls of the proxy, SoftHSM' counts hsm p11-kit-proxy.so
check 'calls of the proxy, tpm2-pkcs11' counts esys p11-kit-proxy.so

# What openssl storeutl offers; SoftHSM has no certificate so far.
configuration "$softhsm"
plain req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=ca -days 30
for name in ec rsa; do
    ossl pkey -in "pkcs11:token=hsm;object=$name;type=private" -pubout -out $name.pub
    plain x509 -new -subj /CN=$name -force_pubkey $name.pub -CA ca.crt -CAkey ca.key -set_serial 0x1$name -days 30 -out $name.crt 2>/dev/null ||
        plain x509 -new -subj /CN=$name -force_pubkey $name.pub -CA ca.crt -CAkey ca.key -days 30 -out $name.crt
    plain x509 -in $name.crt -outform DER -out crt.der
    pkcs11-tool --module "$softhsm" --token-label hsm --login --pin 1234 -w crt.der --type cert --label $name --id "$([ $name = ec ] && echo 01 || echo 02)" >/dev/null
done
store() { # NUMBER OPTION...: so many things are listed
    local number=$1
    shift
    ossl storeutl "$@" >list && grep -q "^Total found: $number\$" list
}
serial=$(plain x509 -in rsa.crt -noout -serial) serial=0x${serial#*=}
print=$(plain pkey -pubin -in rsa.pub -outform DER | plain dgst -sha256 -r | cut -d' ' -f1)
check 'storeutl shows all' store 6 -noout pkcs11:token=hsm
check 'storeutl -text' store 6 -noout -text pkcs11:token=hsm
check 'storeutl writes PEM' store 6 pkcs11:token=hsm
check 'storeutl -keys' store 2 -noout -keys pkcs11:token=hsm
check 'storeutl -certs' store 2 -noout -certs pkcs11:token=hsm
check 'storeutl -crls finds none' store 0 -noout -crls pkcs11:token=hsm
check 'storeutl -subject' store 1 -noout -certs -subject /CN=rsa pkcs11:token=hsm
check 'storeutl -issuer -serial' store 1 -noout -issuer /CN=ca -serial "$serial" pkcs11:token=hsm
check 'storeutl -fingerprint' store 3 -noout -sha256 -fingerprint "$print" pkcs11:token=hsm
check 'storeutl -alias' store 3 -noout -alias ec pkcs11:token=hsm
check_fails 'storeutl tells of a failure' 0 'no token matches' ossl storeutl -noout pkcs11:token=nobody
sed -i '/pin-source/d' ours.cnf
check 'storeutl -passin' store 2 -noout -keys -passin file:pin pkcs11:token=hsm
check_fails 'a wrong one is told, and no PIN' 0 'CKR_PIN_INCORRECT' ossl storeutl -noout -keys -passin pass:9999 pkcs11:token=hsm
check_fails 'nobody is asked where nobody is' 0 'pin-source' foreign setsid env OPENSSL_CONF="$work/ours.cnf" timeout 20 openssl storeutl -noout -keys pkcs11:token=hsm

configuration "softhsm2:tpm2_pkcs11:$module"
for token in hsm esys device disk; do each_signs $token "all at once, $token"; done
check 'all keys of all modules are listed' lists 'pkcs11:type=private' 8 Pkey
check 'module-name picks a module' lists 'pkcs11:object=ec;type=private?module-name=softhsm2' 1 Pkey
check 'by what the configuration calls it too' lists 'pkcs11:object=ec;type=private?module-name=tpm2_pkcs11' 1 Pkey
check 'and by its file name' lists 'pkcs11:type=private?module-name=devid-pkcs11' 4 Pkey
check 'module-path picks a module' lists "pkcs11:type=private?module-path=$module" 4 Pkey
check 'what a library says of itself does too' lists 'pkcs11:library-manufacturer=SoftHSM;type=private' 2 Pkey
check 'and it signs' signs 'pkcs11:object=ec;type=private?module-name=softhsm2'
check_fails 'another module is not loaded because a URI says so' 0 'no token matches' \
    ossl pkey -in 'pkcs11:object=ec;type=private?module-path=/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so' -pubout

configuration "/nowhere/module.so:$softhsm"
check 'a module that cannot be loaded does not stand in the way of another' signs 'pkcs11:token=hsm;object=ec;type=private'
check_fails 'but it is named when nothing is found' 0 '/nowhere/module.so: cannot open' \
    ossl pkey -in 'pkcs11:token=nobody;type=private' -pubout
configuration no_such_module
check_fails 'a name that p11-kit does not have is an error' 0 'p11-kit has no module of that name' \
    ossl pkey -in 'pkcs11:token=hsm;type=private' -pubout
done_testing
