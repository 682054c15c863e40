#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/check.sh [--build DIRECTORY] [CONFIGURE_OPTION...]
# Installs what is missing with apt, builds in build/ (or DIRECTORY), runs all tests, prints the logs of those that
# failed. The last line is "N passed, M failed" (", K skipped" behind it when there are such); the exit status is 0
# when none failed.
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/examples/setup.sh"
build=$source/build
if [ "${1:-}" = --build ]; then
    [ $# -ge 2 ] || die '--build needs a directory'
    mkdir -p "$2"
    build=$(cd "$2" && pwd)
    shift 2
fi

results() { # KIND...: how many results of these kinds the test suite had
    local kind pattern=
    for kind in "$@"; do pattern="$pattern${pattern:+|}$kind"; done
    awk "/^# ($pattern): / { n += \$3 } /^\\.\\. contents/ { exit } END { print n + 0 }" "$build/test-suite.log"
}

show_failures() { # the end of the log of each test that failed
    local trs
    grep -rlE --include='*.trs' '^:global-test-result: (FAIL|XPASS|ERROR)' "$build/tests" | sort | while read -r trs; do
        printf '\n---- %s\n' "${trs#"$build"/}" | sed 's/\.trs$//'
        grep -vE '^(ok|PASS:) ' "${trs%.trs}.log" | tail -n 80
    done
}

# A failure on the way to the tests must not look like success.
trap 'echo "0 passed, 1 failed"' EXIT
install_packages $packages_build $packages_run $packages_test
prepare_build "$build" "$@"
rm -f "$build/test-suite.log"
echo 'Testing ...'
# Tests wait for servers and TPMs half of their time: twice as many as there are processors.
make -C "$build" -k -j$((2 * $(nproc))) check >"$build/check.log" 2>&1 </dev/null
status=$?
if [ ! -f "$build/test-suite.log" ]; then
    tail -n 60 "$build/check.log"
    exit 1
fi
trap - EXIT
passed=$(results PASS XFAIL)
failed=$(results FAIL XPASS ERROR)
skipped=$(results SKIP)
[ "$status" -eq 0 ] || [ "$failed" -ne 0 ] || { tail -n 60 "$build/check.log"; failed=1; }
[ "$failed" -eq 0 ] || show_failures
[ "$skipped" -eq 0 ] && skipped= || skipped=", $skipped skipped"
echo "$passed passed, $failed failed$skipped"
[ "$failed" -eq 0 ]
