#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/tsan.sh [--build DIRECTORY]: the tests with threads, built with ThreadSanitizer in build-tsan/. A report from our code
# fails; those of libraries that are not built so are suppressed (tests/tsan.supp). The last line is "N passed, M failed".
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/examples/setup.sh"
build=$source/build-tsan
if [ "${1:-}" = --build ]; then
    [ $# -ge 2 ] || die '--build needs a directory'
    mkdir -p "$2"
    build=$(cd "$2" && pwd)
fi
programs='tests/pkcs11/test_threads tests/pkcs11/file/test_threads tests/pkcs11/tpm/test_keeper tests/provider/test_threads
    tests/provider/test_crowd'
passed=0
failed=0
configure_tsan() {
    [ -f "$build/Makefile" ] && return 0
    [ -x "$source/configure" ] || "$source/bootstrap" || return 1
    mkdir -p "$build" && cd "$build" && "$source/configure" --enable-tsan --disable-emulator
}
configure_tsan >"$build.log" 2>&1 || die "not configured, see $build.log"
make -C "$build" -j"$(nproc)" $programs tests/support/tcti_count.la tests/support/p11_spy.la provider/devid.la pkcs11/devid-pkcs11.la >>"$build.log" 2>&1 || die "not built, see $build.log"
export DEVID_TEST_SOURCE=$source DEVID_TEST_BUILD=$build
export TSAN_OPTIONS=suppressions=$source/tests/tsan.supp:exitcode=66
for program in $programs; do
    if (cd "$build" && sh "$source/tests/support/run" "./$program") >"$build/tsan.out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        cat "$build/tsan.out"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
