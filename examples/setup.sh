# SPDX-License-Identifier: Apache-2.0
# For examples/quickstart.sh and tests/check.sh: what a bare Debian 12 lacks, and a build directory. Source it from
# bash, with $source set to the top of the source tree. Nothing here reads standard input or installs DevID.

# THE list of Debian packages: to build, to run the quick start, to run all tests.
packages_build='gcc libc6-dev make autoconf automake libtool pkg-config libssl-dev libtss2-dev libp11-kit-dev
    libcurl4-openssl-dev libjansson-dev libyaml-dev libmicrohttpd-dev libgnutls28-dev libsqlite3-dev check'
packages_run='swtpm openssl curl ca-certificates'
packages_test='opensc gnutls-bin softhsm2 p11-kit libtpm2-pkcs11-1 tpm2-tools tpm2-openssl tpm2-abrmd libtss2-tcti-tabrmd0 dbus
    python3 valgrind openssh-client libnss3-tools
    procps nginx apache2-bin apache2-utils mosquitto mosquitto-clients git openssh-server
    stunnel4 openvpn eapoltest hostapd nodejs haproxy lighttpd lighttpd-mod-openssl wget python3-requests python3-paho-mqtt'

die() { # TEXT...: the end, with a reason
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

missing_packages() { # PACKAGE...: those that are not installed
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

# install_packages PACKAGE...: those that are missing, with apt; on systems without it configure says what it needs
install_packages() {
    local missing sudo=
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            die "some packages are missing; as root run: apt-get install --no-install-recommends $missing"
        sudo=sudo
    fi
    echo "Installing with apt: $missing"
    run_quietly "$source/.apt.log" $sudo env DEBIAN_FRONTEND=noninteractive sh -c \
        "apt-get -q update && apt-get -qy install --no-install-recommends $missing"
    rm -f "$source/.apt.log"
}

# run_quietly LOG COMMAND...: its output is shown only when it fails, and then that is the end
run_quietly() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null && return 0
    tail -n 60 "$log" >&2
    die "failed: $* (the whole output is in $log)"
}

# prepare_build DIRECTORY CONFIGURE_OPTION...: makes DevID there; a build that is there with these options is reused
prepare_build() {
    local build=$1
    shift
    mkdir -p "$build"
    if [ ! -x "$source/configure" ] || [ "$source/configure.ac" -nt "$source/configure" ]; then
        echo "Making ./configure ..."
        run_quietly "$build/bootstrap.log" "$source/bootstrap"
    fi
    if [ ! -f "$build/Makefile" ] || [ "$(cat "$build/.options" 2>/dev/null)" != "$*" ]; then
        echo "Configuring ${build##*/}/ ..."
        (cd "$build" && run_quietly "$build/configure.log" "$source/configure" "$@") || exit 1
        printf '%s\n' "$*" >"$build/.options"
    fi
    echo "Building in ${build##*/}/ ..."
    run_quietly "$build/build.log" make -C "$build" -j"$(nproc)"
}
