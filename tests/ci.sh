#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What every change must pass: the tests with warnings as errors, the quick start, the tests with the sanitizers, and
# the distribution (whose unit tests ran already). The last line sums all up: "N passed, M failed".
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0
skipped=0

stage() { # NAME: a heading with the time
    printf '\n======== %s (%s)\n' "$1" "$(date +%H:%M:%S)"
}

count() { # LINE STATUS: adds "N passed, M failed, K skipped"; a line that is none of these counts as a failure
    if [[ $1 =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
        [ "$2" -eq 0 ] || [ "${BASH_REMATCH[2]}" -ne 0 ] || failed=$((failed + 1))
    else
        failed=$((failed + 1))
    fi
}

script() { # NAME COMMAND...: one whose last line has its counts
    local log status
    stage "$1"
    shift
    log=$(mktemp)
    "$@" </dev/null 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    count "$(tail -n 1 "$log")" "$status"
    rm -f "$log"
}

check() { # NAME ARGUMENT...: tests/check.sh, counted
    local name=$1
    shift
    script "$name" ./tests/check.sh "$@"
}

one() { # NAME COMMAND...: one test, its output shown
    stage "$1"
    shift
    if "$@" </dev/null 2>&1; then
        passed=$((passed + 1))
    else
        echo "failed: $*"
        failed=$((failed + 1))
    fi
}

distcheck() {
    local log=build/distcheck.log
    make -C build distcheck TESTS='tests/layers.sh tests/exports.sh' >$log 2>&1 && return 0
    tail -n 60 $log
    return 1
}

check 'tests, warnings as errors' --enable-werror
one 'quick start' env DEVID_CONFIGURE_OPTIONS=--enable-werror ./examples/quickstart.sh
check 'tests with AddressSanitizer and UndefinedBehaviorSanitizer' --build build-asan --enable-asan --enable-werror
script 'threads, with ThreadSanitizer' ./tests/tsan.sh --build build-tsan
one 'make distcheck' distcheck
stage "end"
[ "$skipped" -eq 0 ] && skipped= || skipped=", $skipped skipped"
echo "$passed passed, $failed failed$skipped"
[ "$failed" -eq 0 ]
