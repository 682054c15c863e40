#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The systemd service: systemd understands it, and its command is one that devid has.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/lib.sh"
unit=$DEVID_TEST_BUILD/system/devid-provision.service
start=$(sed -n 's/^ExecStart=[^ ]* //p' "$unit")
read -r -a words <<<"$start"

check 'every path is filled in' sh -c "! grep -nE '@[a-z]+dir@' '$unit'"
check 'it runs devid provision' test "${words[0]:-}" = provision
"$devid" provision --help >"$work/help"
for word in "${words[@]}"; do
    case $word in --*) check "devid provision has $word" grep -q -- "^  $word " "$work/help" ;; esac
done
echo 'provisioning-source = nothing' >"$work/devid.conf"
run_start() { # the service's command, with a configuration of ours
    local arguments=() word
    for word in "${words[@]}"; do
        case $word in */devid.conf) word=$work/devid.conf ;; esac
        arguments+=("$word")
    done
    "$devid" "${arguments[@]}"
}
check_fails 'a configuration that is wrong ends with a status that is not tried again' 3 'provisioning.source is' run_start
check '... which the service lists' grep -q '^RestartPreventExitStatus=.*\b3\b' "$unit"
for credential in devid-pin devid-owner-auth devid-endorsement-auth; do
    check "the module knows the credential $credential" sh -c "grep -q '^LoadCredential=$credential\$' '$unit' &&
        grep -aq -- '$credential' '$module'"
done
if command -v systemd-analyze >/dev/null; then
    sed "s,^ExecStart=[^ ]*,ExecStart=$devid," "$unit" >"$work/devid-provision.service"
    check 'systemd understands it' sh -c "systemd-analyze verify --man=no '$work/devid-provision.service' >'$work/verify' 2>&1 &&
        ! grep 'devid-provision' '$work/verify'"
    sed -i 's/^RestartSec=.*/RestartSek=x/' "$work/devid-provision.service"
    check '... and would tell if it did not' sh -c "systemd-analyze verify --man=no '$work/devid-provision.service' 2>&1 | grep RestartSek"
else
    story_count=$((story_count + 1))
    echo "ok $story_count # SKIP systemd understands it: there is no systemd-analyze here"
fi
check 'the udev rule is the one that devid check tells' sh -c "grep -aqF -- \"\$(grep ^KERNEL '$DEVID_TEST_SOURCE/system/60-devid-tpm.rules')\" '$DEVID_TEST_BUILD/cli/.libs/devid' ||
    grep -aqF -- \"\$(grep ^KERNEL '$DEVID_TEST_SOURCE/system/60-devid-tpm.rules')\" '$devid'"
done_testing
