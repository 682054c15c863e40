#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/fuzz.sh --build DIRECTORY SECONDS PROGRAM...: builds the fuzzers with clang's libFuzzer and the sanitizers, and runs each
# for so long, from its seeds. What it finds beyond them is kept in DIRECTORY/corpus, a crash in DIRECTORY/found.
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/examples/setup.sh"
[ $# -ge 4 ] && [ "$1" = --build ] || die 'usage: tests/fuzz.sh --build DIRECTORY SECONDS PROGRAM...'
command -v clang >/dev/null || die 'needs clang (apt-get install clang)'
mkdir -p "$2/corpus" "$2/found"
build=$(cd "$2" && pwd)
seconds=$3
shift 3
sanitizers=address,undefined
export DEVID_TEST_SOURCE=$source ASAN_OPTIONS=detect_leaks=1
if [ ! -f "$build/Makefile" ]; then
    (cd "$build" && "$source/configure" CC=clang CFLAGS="-g -O1 -fno-sanitize-recover=undefined -fsanitize=fuzzer-no-link,$sanitizers" \
        --disable-emulator >configure.log 2>&1) || die "not configured, see $build/configure.log"
fi
# Only when the programs are linked there is something to run in a loop; main.c leaves its main out.
make -C "$build" -j"$(nproc)" "$@" LDFLAGS="-fsanitize=fuzzer,$sanitizers" CPPFLAGS=-DDEVID_LIBFUZZER >"$build/build.log" 2>&1 ||
    die "not built, see $build/build.log"
failed=0
for program in "$@"; do
    name=${program##*/fuzz_}
    mkdir -p "$build/corpus/$name"
    echo "$name: $seconds seconds"
    "$build/$program" -max_total_time="$seconds" -artifact_prefix="$build/found/$name-" -print_final_stats=1 -verbosity=0 \
        "$build/corpus/$name" "$source/tests/data/fuzz/$name" >"$build/$name.log" 2>&1 || {
        failed=$((failed + 1))
        tail -n 60 "$build/$name.log"
    }
    grep -E '^stat::(number_of_executed_units|new_units_added)' "$build/$name.log"
done
[ "$failed" -eq 0 ]
