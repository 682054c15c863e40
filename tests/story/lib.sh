# SPDX-License-Identifier: Apache-2.0
# For the stories: a temporary directory, a TPM, TAP output. Source it first; call `done_testing` last.
# Everything started through it ends with the story.
set -u
: "${DEVID_TEST_SOURCE:?run me with make check}" "${DEVID_TEST_BUILD:?run me with make check}"
story_count=0
story_pids=
work=$(mktemp -d "${TMPDIR:-/tmp}/devid-story-XXXXXX")
module=$DEVID_TEST_BUILD/pkcs11/.libs/devid-pkcs11.so
provider_dir=$DEVID_TEST_BUILD/provider/.libs
count_tcti=$DEVID_TEST_BUILD/tests/support/.libs/tcti_count.so
devid=$DEVID_TEST_BUILD/cli/devid
emulator=$DEVID_TEST_BUILD/emulator/devid-emulator
export DEVID_TOKENS=$work/tokens DEVID_CONF=/dev/null DEVID_PKCS11_MODULE=$module OPENSSL_MODULES=$provider_dir
export TCTI_COUNT_FILE=$work/tcti-count

# Programs that are not built with the sanitizers can load our libraries only with their run-time in front.
if [ "${DEVID_TEST_ASAN:-}" = yes ]; then
    story_preload=$(${CC:-gcc} -print-file-name=libasan.so)
    foreign() { LD_PRELOAD=$story_preload ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0:verify_asan_link_order=0 "$@"; }
else
    foreign() { "$@"; }
fi

story_end() {
    for pid in $story_pids; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap story_end EXIT
trap 'exit 1' INT TERM

# check DESCRIPTION COMMAND...: ok when the command succeeds; its output is shown when it does not
check() {
    local description=$1
    shift
    story_count=$((story_count + 1))
    if "$@" >"$work/.output" 2>&1 </dev/null; then
        echo "ok $story_count - $description"
    else
        echo "not ok $story_count - $description (exit status $?)"
        head -c 4000 "$work/.output" | sed 's/^/# /'
    fi
}

# The same for programs that cannot run below libasan: Debian's curl and p11tool may wait for ever in setlocale or freelocale
# there, before and after anything of ours. The builds without sanitizers have these checks.
check_without_asan() { [ "${DEVID_TEST_ASAN:-}" = yes ] || check "$@"; }

# check_fails DESCRIPTION STATUS TEXT COMMAND...: ok when it exits with the status (0: any but 0) and says the text
check_fails() {
    local description=$1 wanted=$2 text=$3 status
    shift 3
    story_count=$((story_count + 1))
    "$@" >"$work/.output" 2>&1 </dev/null
    status=$?
    if [ $status -ne 0 ] && { [ "$wanted" -eq 0 ] || [ $status -eq "$wanted" ]; } && grep -qiF -- "$text" "$work/.output"; then
        echo "ok $story_count - $description"
    else
        echo "not ok $story_count - $description (exit status $status, wanted $wanted and the text '$text')"
        head -c 4000 "$work/.output" | sed 's/^/# /'
    fi
}

done_testing() { echo "1..$story_count"; }

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

wait_for_port() {
    local i
    for i in $(seq 500); do listening "$1" && return 0; sleep 0.02; done
    echo "Bail out! nothing listens on port $1"
    exit 99
}

free_port() { # a port P such that P and P + 1 are free
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000 / 2 * 2))
        listening $port || listening $((port + 1)) || { echo $port; return; }
    done
}

# configuration NAME PROVIDER... : $work/NAME.cnf is an openssl.cnf that names the providers in this order; "by-property" asks for
# ours by a property too. $devid_section has more lines for it. Certificates may be made with the extensions there.
configuration() {
    local file=$work/$1.cnf name
    shift
    {
        printf 'openssl_conf = init\nnodejs_conf = init\n[init]\nproviders = providers\n'
        [ "$file" != "$work/by-property.cnf" ] || printf 'alg_section = algorithms\n'
        printf '[providers]\n'
        for name; do printf '%s = %s_section\n' "$name" "$name"; done
        printf '[default_section]\nactivate = 1\n[devid_section]\nactivate = 1\n%s\n' "${devid_section:-}"
        printf '[algorithms]\ndefault_properties = ?provider=devid\n'
        printf '[req]\ndistinguished_name = name\n[name]\n[ca_certificate]\nbasicConstraints = critical,CA:TRUE\n'
        printf '[leaf]\nsubjectAltName = DNS:localhost,IP:127.0.0.1\nbasicConstraints = CA:FALSE\n'
    } >"$file"
}

# public_key TOKEN LABEL FILE: a public key as PEM, through our provider. (pkcs11-tool reads freed memory when it writes one on
# a curve, and libasan tells.)
public_key() {
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = list' '[list]' 'default = on' 'devid = on' '[on]' 'activate = 1' >"$work/public-key.cnf"
    OPENSSL_CONF=$work/public-key.cnf foreign openssl pkey -pubin -in "pkcs11:token=$1;object=$2;type=public" -pubout -out "$3"
}

# start_tpm [DIRECTORY]: a swtpm of this story's own. $tcti reaches it; $DEVID_TCTI does too, with its commands counted.
start_tpm() {
    tpm_port=$(free_port)
    mkdir -p "$work/${1:-swtpm}"
    swtpm socket --tpm2 --tpmstate dir="$work/${1:-swtpm}" --server type=tcp,port=$tpm_port,bindaddr=127.0.0.1 \
        --ctrl type=tcp,port=$((tpm_port + 1)),bindaddr=127.0.0.1 --flags not-need-init,startup-clear \
        --log file="$work/${1:-swtpm}/log" &
    story_pids="$story_pids $!"
    wait_for_port $tpm_port
    tcti=swtpm:host=127.0.0.1,port=$tpm_port
    export DEVID_TCTI=$count_tcti:$tcti
}

# The number of TPM commands counted so far, all together or of one TPM_CC (hexadecimal), and a fresh start.
tpm_commands() {
    local offset=0
    [ $# -eq 0 ] || offset=$((8 + 4 * (0x${1#0x} & 0x1ff)))
    od -An -tu4 -j$offset -N4 "$TCTI_COUNT_FILE" 2>/dev/null | tr -d ' ' || echo 0
}
tpm_commands_reset() { rm -f "$TCTI_COUNT_FILE"; }
