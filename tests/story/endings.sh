#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# However a program ends that used a key in a TPM, it does so quietly, and leaves nothing in a TPM that no resource manager tidies up:
# neither the key it had loaded, nor the session that carries its authorization. (tests/provider/test_ending.c has SoftHSM.)
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"

start_tpm
export DEVID_TCTI=$tcti
printf '1234\n' >"$work/pin"
printf '87654321\n' >"$work/so-pin"
with_pin() { # a key with an auth value
    "$devid" token init --label dev --backend tpm --pin-file "$work/pin" --so-pin-file "$work/so-pin" &&
        "$devid" key generate --token dev --label ec --pin-file "$work/pin"
}
without_pin() { "$devid" token init --label dev --backend tpm && "$devid" key generate --token dev --label ec; }
ends() { # HOW
    timeout -k 5 120 "$DEVID_TEST_BUILD/tests/provider/ending" "$1" >"$work/said" 2>&1
    local status=$?
    cat "$work/said"
    [ $status -eq 0 ] && [ ! -s "$work/said" ] || { echo "exit status $status"; return 1; }
}
holds() { for kind in transient loaded-session saved-session; do tpm2_getcap -T "$tcti" "handles-$kind"; done; }
leaves_nothing() { # HOW
    ends "$1" && [ -z "$(holds)" ] || { holds; return 1; }
}
[ "${DEVID_TEST_ASAN:-}" != yes ] || ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 # programs that just end have them

for token in with_pin without_pin; do
    check "a token $token" $token
    for how in tidily with_live_keys unloaded_with_live_keys keys_after_unload cleaned_up_with_live_keys cleaned_up_tidily from_a_thread \
        main_thread_first in_a_child in_a_child_that_does_nothing loaded_again with_a_handler; do
        check "$how, $token" leaves_nothing $how
    done
    # _exit asks nobody: what is in use stays. It is there for who looks.
    check "while_threads_sign, $token" ends while_threads_sign
    check 'and then there is something' test -n "$(holds)"
    tpm2_flushcontext -T "$tcti" -t && tpm2_flushcontext -T "$tcti" -l
    rm -rf "$DEVID_TOKENS"
done
done_testing
