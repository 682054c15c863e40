# SPDX-License-Identifier: Apache-2.0
# For the scripts of examples/: what they show and what they start. Source it from bash, with $source set to the top of
# the source tree, and call demo_begin first. Everything that is started ends with the script.
#
# $DEVID_DEMO_BUILD is a build directory that is used as it is (without it build/ is made, and what is missing is
# installed with apt); in $DEVID_DEMO_DIRECTORY the files are kept (without it a temporary directory is used).
. "$source/examples/setup.sh"
demo_lines=6 # output longer than this is shortened
demo_step=0

demo_end() {
    local pid
    for pid in $(jobs -p); do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    [ -n "$demo_keeps" ] || rm -rf "$work"
}

# demo_begin: builds DevID, makes $work and goes there. Everything then uses the build tree; nothing is installed. A real
# device needs none of these settings.
demo_begin() {
    local name build=${DEVID_DEMO_BUILD:-} options=${DEVID_CONFIGURE_OPTIONS:-}
    demo_keeps=${DEVID_DEMO_DIRECTORY:-}
    if [ -z "$build" ]; then
        build=$source/build
        install_packages $packages_build $packages_run
        prepare_build "$build" $options
    fi
    if [ -n "$demo_keeps" ]; then
        mkdir -p "$demo_keeps" && work=$(cd "$demo_keeps" && pwd) || die "$demo_keeps cannot be made"
    else
        work=$(mktemp -d "${TMPDIR:-/tmp}/devid-demo-XXXXXX")
    fi
    trap demo_end EXIT
    trap 'exit 1' INT TERM
    cd "$work" || exit 1
    for name in $(env | sed -n 's/^\(DEVID_[A-Z0-9_]*\|PROVISIONING_[A-Z_]*\|OPENSSL_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
    export PATH="$build/cli:$build/emulator:$source/examples:$PATH"
    export DEVID_PKCS11_MODULE="$build/pkcs11/.libs/devid-pkcs11.so" OPENSSL_MODULES="$build/provider/.libs"
    export DEVID_CONF=/dev/null DEVID_TOKENS="$work/tokens"
    export no_proxy=localhost NO_PROXY=localhost
}

bold() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }

# say TEXT...: the heading of the next step
say() {
    demo_step=$((demo_step + 1))
    bold "$demo_step. $*"
}

show() { # COMMAND...: as one would type it
    local word
    printf '  $'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=@%+,-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
}

show_file() { # FILE: what is in it
    show cat "$1"
    sed 's/^/    /' "$1"
}

# run COMMAND...: shows it and its output, shortened where it is long; a failure is the end
run() {
    local status lines shown='s/^/    /; s/("systemProperties":)\{[^}]*\}/\1{...}/'
    show "$@"
    "$@" >"$work/output" 2>&1 </dev/null
    status=$?
    lines=$(wc -l <"$work/output")
    if [ "$status" -ne 0 ]; then
        sed 's/^/    /' "$work/output"
        die "this step failed (exit status $status)"
    elif [ "$lines" -le "$demo_lines" ]; then
        sed -E "$shown" "$work/output"
    else
        head -n 2 "$work/output" | sed -E "$shown"
        echo "    ... ($((lines - 3)) lines more)"
        tail -n 1 "$work/output" | sed -E "$shown"
    fi
}

# run_refused STATUS COMMAND...: the same for one that must be refused, with that exit status
run_refused() {
    local wanted=$1 status
    shift
    show "$@"
    "$@" >"$work/output" 2>&1 </dev/null
    status=$?
    sed 's/^/    /' "$work/output"
    [ "$status" -eq "$wanted" ] || die "this step ended with exit status $status instead of $wanted"
    echo "    (exit status $status)"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# start_tpm: a software TPM that keeps its state in tpm/; $tpm reaches it, $DEVID_TCTI too. On a free pair of ports; a port
# that somebody takes meanwhile makes it try another.
start_tpm() {
    local attempt i port pid
    mkdir -p tpm
    for attempt in 1 2 3 4 5; do
        port=$((20000 + (RANDOM * 32768 + RANDOM + attempt) % 6000 * 2))
        listening $port || listening $((port + 1)) && continue
        swtpm socket --tpm2 --tpmstate dir="$work/tpm" --server type=tcp,port=$port,bindaddr=127.0.0.1 \
            --ctrl type=tcp,port=$((port + 1)),bindaddr=127.0.0.1 --flags not-need-init,startup-clear \
            --log file="$work/tpm.log" >/dev/null 2>&1 </dev/null &
        pid=$!
        for i in $(seq 200); do
            kill -0 $pid 2>/dev/null || break
            if listening $port; then
                            tpm=swtpm:host=127.0.0.1,port=$port
                export DEVID_TCTI=$tpm
                return
            fi
            sleep 0.05
        done
        kill $pid 2>/dev/null
        wait $pid 2>/dev/null
    done
    cat "$work/tpm.log" >&2
    die 'the software TPM does not start'
}

# start_cloud OPTION...: devid-emulator with its state in cloud/, on a free port, or again on the one that it had; $endpoint
# and $id_scope reach it
start_cloud() {
    local i pid port=0
    [ ! -f "$work/cloud/port" ] || port=$(cat "$work/cloud/port")
    : >"$work/cloud.log"
    devid-emulator --port "$port" --state "$work/cloud" "$@" >"$work/cloud.log" 2>&1 </dev/null &
    pid=$!
    cloud_pid=$pid
    for i in $(seq 200); do
        if grep -q 'service connection string' "$work/cloud.log"; then
            endpoint=https://localhost:$(cat "$work/cloud/port")
            id_scope=$(cat "$work/cloud/id-scope")
            return
        fi
        kill -0 $pid 2>/dev/null || break
        sleep 0.05
    done
    cat "$work/cloud.log" >&2
    die 'the emulator does not start'
}

stop_cloud() {
    kill "$cloud_pid"
    wait "$cloud_pid" 2>/dev/null
}

# registrations: how many requests to register the cloud has had
registrations() {
    curl -sS --cacert "$work/cloud/ca.pem" "$endpoint/emulator/faults" | sed -n 's/.*"register":\([0-9]*\).*/\1/p' | grep . || echo 0
}

# arrived DEVICE: how many messages of that device its hub has
arrived() { devid-emulator --state "$work/cloud" --messages "$1" | grep -c .; }

done_with() { bold "Done. $* Everything that was started is stopped."; }
