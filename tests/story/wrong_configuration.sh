#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What somebody sees whose openssl.cnf is wrong: libcrypto keeps the errors of providers that it activates to itself.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"

cd "$work" || exit 99
unset DEVID_PKCS11_MODULE OPENSSL_CONF
printf '1234\n' >pin

configuration() { # LINE...: of the provider's section
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = list' '[list]' 'devid = ours' 'default = on' 'base = on' '[on]' \
        'activate = 1' '[ours]' "pkcs11-module-path = $module" "$@" >ours.cnf
}
ossl() { OPENSSL_CONF=$work/ours.cnf foreign timeout 60 openssl "$@"; }
key='pkcs11:token=disk;object=ec;type=private'

make_token() {
    "$devid" token init --label disk --backend file --module "$module" && "$devid" key generate --token disk --label ec --module "$module" &&
        "$devid" key pem --key "$key" --out key.pem --module "$module"
}
shows() { # STATUS TEXT: "openssl list -providers" has a block about devid with these
    ossl list -providers >list 2>errors && [ ! -s errors ] && sed -n '/^  devid$/,/status/p' list >block &&
        grep -qF "$2" block && grep -q "status: $1\$" block || { cat list errors; return 1; }
}
goes_on() { # the rest of libcrypto, and of the file: base comes after devid in it
    [ "$(printf abc | ossl dgst -sha256 -r 2>&1)" = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad *stdin' ] &&
        ossl list -providers | grep -q "^  base$" && ossl genpkey -algorithm EC -pkeyopt group:P-256 -out /dev/null
}
every_use_tells() { # TEXT WHAT
    check "$2: openssl list -providers shows it" shows inactive "$1"
    check_fails "$2: a URI gives it" 0 "$1" ossl pkey -in "$key" -noout
    check_fails "$2: so does a file with a URI" 0 "$1" ossl pkey -in key.pem -noout
    check_fails "$2: so does a program that makes a request" 0 "$1" ossl req -new -key "$key" -subj /CN=x
    check_fails "$2: so does storeutl" 0 "$1" ossl storeutl -noout pkcs11:
    check "$2: everything else goes on and says nothing" goes_on
}

check 'a token, and a file with the URI of its key' make_token
configuration 'activate = 1'
check 'a right one is active' shows active 'DevID provider for keys in PKCS#11 tokens'
check 'and gives the key' ossl pkey -in "$key" -noout
check 'the rest goes on' goes_on

configuration 'pkcs11-module-login-behavior = sometimes' 'activate = 1'
every_use_tells 'pkcs11-module-login-behavior = sometimes: expected auto, always or never' 'a wrong value'
configuration 'pkcs11-module-tokenpin = 1234' 'activate = 1'
every_use_tells "$work/ours.cnf, section [ours]: there is no option pkcs11-module-tokenpin" 'a line that is no option'
configuration 'activate = 1'
export DEVID_PKCS11_SESSIONS=many
every_use_tells 'DEVID_PKCS11_SESSIONS = many: expected a number' 'a wrong variable'
unset DEVID_PKCS11_SESSIONS
no_pin() { ! grep -rF 1234 list errors .output; }
check 'no PIN is told' no_pin

configuration 'pkcs11-module-login-behavior = sometimes'
check_fails 'a program that loads it itself hears at once' 0 'expected auto, always or never' ossl list -providers -provider devid

configuration 'pkcs11-module-load-behavior = early' 'activate = 1'
sed -i "s|^pkcs11-module-path.*|pkcs11-module-path = /nowhere/module.so|" ours.cnf
check 'a module that is not there: the provider is' shows active DevID
check_fails 'and each use tells' 0 '/nowhere/module.so: cannot open' ossl pkey -in "$key" -noout

printf '%s\n' 'openssl_conf = init' '[init]' 'providers = list' '[list]' 'default = on' '[on]' 'activate = 1' >ours.cnf
check_fails 'without the provider libcrypto knows no such scheme' 0 'Did you forget to load them?' ossl pkey -in "$key" -noout
done_testing
