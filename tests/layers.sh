#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The include rules of docs/architecture.md: each row is the files of a layer and what else they may include.
set -u
cd "${DEVID_TEST_SOURCE:-$(dirname "$0")/..}" || exit 99
number=0

# allowed FILES... -- PATTERN: every #include that is neither the C library, POSIX, common/ nor the pattern is an offence
libc='<(arpa/|errno|fcntl|ftw|inttypes|limits|math|netdb|netinet/|poll|pthread|pwd|getopt|sched|signal|spawn|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|sys/|termios|threads|time|unistd|dlfcn|dirent|ctype|assert|locale|grp|wordexp)[^>]*>'

rule() {
    local name=$1 allowed=$2 offences
    shift 2
    number=$((number + 1))
    offences=$(grep -HnE '^#[[:space:]]*include' "$@" 2>/dev/null |
        grep -vE "include[[:space:]]+($libc|\"common/|$allowed)")
    if [ -z "$offences" ]; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        echo "$offences" | sed 's/^/# /'
    fi
}

files() { # all C files of a folder but those named
    local folder=$1 file
    shift
    for file in "$folder"/*.[ch]; do
        case " $* " in *" ${file##*/} "*) ;; *) [ -f "$file" ] && printf '%s\n' "$file" ;; esac
    done
}

p11='<p11-kit/(pkcs11|pkcs11x)\.h>'
vendor='"devid/pkcs11\.h"'
echo 1..20
rule 'common includes nothing but itself' 'x^' $(files common rvname.c)
rule 'common/rvname.c includes the PKCS#11 header, for its numbers' "$p11" common/rvname.c
rule 'pkcs11 includes no foreign library but the PKCS#11 header' \
    "\"pkcs11/([a-z0-9_]+|pkcs11-3\.0|soft/[a-z0-9_]+|tpm/backend|file/backend)\.h\"|$p11|$vendor" $(files pkcs11)
rule 'pkcs11/soft includes openssl' "\"pkcs11/(soft/)?[a-z0-9_]+\.h\"|$p11|$vendor|<openssl/" $(files pkcs11/soft)
rule 'the headers of pkcs11/soft expose no openssl type' "\"pkcs11/(soft/)?[a-z0-9_]+\.h\"|$p11|$vendor" \
    $(files pkcs11/soft | grep '\.h$' | grep -v /internal.h) /dev/null
rule 'pkcs11/file reaches openssl through soft' "\"pkcs11/((soft|file)/)?[a-z0-9_]+\.h\"|$p11|$vendor" $(files pkcs11/file) /dev/null
rule 'pkcs11/tpm includes the TSS system API, no ESYS' \
    "\"pkcs11/((soft|tpm)/)?[a-z0-9_]+\.h\"|$p11|$vendor|<tss2/tss2_(sys|mu|rc|tcti|tctildr|tpm2_types|common)\.h>" $(files pkcs11/tpm)
rule 'provider includes openssl core headers and p11-kit' "\"provider/|\"devid/pkcs11\.h\"|<openssl/|<p11-kit/" $(files provider)
rule 'dps includes only itself where no foreign library is named' '"dps/|"devid/dps\.h"' \
    $(files dps http.c tls.c tlsload.c tlsload.h crypto.c key.c token.c token.h message.c batch.c record.c)
rule 'dps/http.c includes curl' '"dps/|"devid/dps\.h"|<curl/' dps/http.c
rule 'dps/tls.c, tlsload.c and crypto.c include openssl' '"dps/|"devid/dps\.h"|<openssl/' dps/tls.c dps/tlsload.c dps/tlsload.h dps/crypto.c
rule 'dps/token.c and key.c include PKCS#11' "\"dps/|\"devid/(dps|pkcs11)\.h\"|<p11-kit/" dps/token.c dps/token.h dps/key.c
rule 'token.h and tlsload.h stay with theirs' '"(dps/([a-su-z][a-z0-9_]*|tls)|devid/dps)\.h"' $(files dps http.c tls.c tlsload.c tlsload.h crypto.c key.c token.c token.h message.c batch.c record.c)
rule 'dps reads and writes JSON in message.c, batch.c and record.c' '"dps/|"devid/dps\.h"|<jansson' dps/message.c dps/batch.c dps/record.c
rule 'emulator includes libmicrohttpd in http.c' '"emulator/|<openssl/|<jansson|<microhttpd|<gnutls/' emulator/http.c
rule 'emulator includes sqlite in store.c' '"emulator/|<openssl/|<jansson|<sqlite3' emulator/store.c
rule 'the rest of the emulator includes openssl and jansson' '"emulator/|<openssl/|<jansson' $(files emulator http.c store.c)
rule 'cli includes no TPM code and no internals' '"cli/|"devid/|<openssl/|<p11-kit/|<jansson|<curl/' $(files cli yaml.c)
rule 'cli includes libyaml in yaml.c' '"cli/|<jansson|<yaml\.h>' cli/yaml.c
rule 'the public headers include no foreign header but pkcs11.h' "\"devid/|$p11" include/devid/*.h
