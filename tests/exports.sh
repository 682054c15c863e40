#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the shipped libraries export is what they promise, and nothing else.
set -u
build=${DEVID_TEST_BUILD:-.}
source=${DEVID_TEST_SOURCE:-.}
number=0

exports() { # LIBRARY: its defined dynamic symbols
    nm -D --defined-only "$1" | awk '$2 != "A" {print $3}' | sed 's/@.*//' |
        grep -vE '^(__asan|__ubsan|__gcov|__odr_asan|mangle_path|_init$|_fini$)' | sort -u
}

check() { # NAME LIBRARY EXPECTED: the list must be equal
    number=$((number + 1))
    if [ "$(exports "$2")" = "$3" ] && [ -n "$3" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        diff <(exports "$2") <(echo "$3") | sed 's/^/# /'
    fi
}

echo 1..4
check 'the provider exports OSSL_provider_init' "$build/provider/.libs/devid.so" OSSL_provider_init
check 'the module exports the C_ functions of its list' "$build/pkcs11/.libs/devid-pkcs11.so" \
    "$(sed -n 's/^ *\(C_[A-Za-z]*\);.*/\1/p' "$source/pkcs11/pkcs11.map" | sort -u)"
check 'libdevid-dps exports what devid/dps.h declares' "$build/dps/.libs/libdevid-dps.so" \
    "$(grep -oE '\bdps_[a-z0-9_]+ *\(' "$source/include/devid/dps.h" | tr -d ' (' | sort -u)"
number=$((number + 1))
missing=
for library in pkcs11/.libs/devid-pkcs11.so provider/.libs/devid.so; do
    readelf -d "$build/$library" | grep -q NODELETE || missing="$missing $library"
done
if [ -z "$missing" ]; then
    echo "ok $number - the modules are never unloaded (nodelete)"
else
    echo "not ok $number - without nodelete:$missing"
fi
