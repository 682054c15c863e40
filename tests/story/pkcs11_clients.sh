# SPDX-License-Identifier: Apache-2.0
# The programs of the distribution that use PKCS#11 modules put ours to their own tests: pkcs11-tool, NSS, ssh; with a token in
# the TPM and one in files.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
unset OPENSSL_MODULES
start_tpm
p11() { foreign pkcs11-tool --module "$module" "$@"; }
says() { # TEXT COMMAND...: it succeeds, and says the text
    local text=$1
    shift
    "$@" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }
    cat "$work/said"
    grep -qF -- "$text" "$work/said"
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -keyout "$work/k" -out "$work/other.pem" 2>/dev/null
openssl x509 -in "$work/other.pem" -outform DER -out "$work/other.der"
make_token() { # LABEL SLOT DESCRIPTION
    p11 --init-token --slot-description "$2" --so-pin '' --label "$1" &&
        p11 --token-label "$1" --keypairgen --key-type EC:prime256v1 --label ec --id 01 &&
        p11 --token-label "$1" --keypairgen --key-type rsa:2048 --usage-sign --usage-decrypt --label rsa --id 02 &&
        p11 --token-label "$1" --write-object "$work/other.der" --type cert --label other --id 01
}
check 'a token in the TPM, with keys' make_token tpm 'DevID TPM slot'
check 'a token in files, with keys' make_token disk 'DevID file slot'

tests_itself() { # TOKEN: all that pkcs11-tool tests, without an error in between
    says 'No errors' p11 --token-label "$1" --test && ! grep -qE 'ERR|failed|error:' "$work/said"
}
for token in tpm disk; do
    check "pkcs11-tool --test has nothing to say against token $token" tests_itself $token
    check "pkcs11-tool --test-fork passes with token $token" p11 --token-label $token --test-fork
done
# Three threads at once: initialise (2 with locks, 1 without arguments), C_GetInfo, C_GetSlotList, the tokens of the first slots.
threads() {
    says 'returning rv = 0' p11 --test-threads ILGISLT0T1 --test-threads ILSLGIT1T0 --test-threads INGISLT0T1 &&
        [ "$(grep -c 'returning rv = 0' "$work/said")" = 3 ] && ! grep -qE 'rv:CKR_[^OC]|Unknown' "$work/said"
}
check 'pkcs11-tool --test-threads' threads

database=sql:$work/nss
nss() { foreign "$@"; }
mkdir "$work/nss"
check 'NSS has a database' nss certutil -N -d "$database" --empty-password
check 'modutil adds the module' nss modutil -force -dbdir "$database" -add devid -libfile "$module"
check 'and lists both tokens' eval 'says "Token Name: tpm" nss modutil -dbdir $database -list devid && says "Token Name: disk" nss modutil -dbdir $database -list devid'
signs_a_certificate() { # TOKEN KEY TYPE OPTION...: NSS makes a key in the token and a certificate that openssl verifies
    local token=$1 type=$2
    shift 2
    nss certutil -S -d "$database" -h "$token" -n "made-$type-$token" -s "CN=made-$type-$token" -x -t ,, -k "$type" "$@" \
        -z "$work/other.der" &&
        nss certutil -L -d "$database" -h "$token" -n "$token:made-$type-$token" -a >"$work/made.pem" &&
        openssl verify -CAfile "$work/made.pem" -check_ss_sig "$work/made.pem"
}
for token in tpm disk; do
    check "certutil lists the certificate of token $token" says "$token:other" nss certutil -L -d "$database" -h $token
    check "certutil lists the keys of token $token" eval \
        'says rsa nss certutil -K -d $database -h '$token' && grep -q " ec " "$work/said"'
    check "NSS makes an EC key in token $token and signs with it" signs_a_certificate $token ec -q secp256r1
    check "NSS makes an RSA key in token $token and signs with it" signs_a_certificate $token rsa -g 2048
    check "NSS deletes a certificate of token $token" eval \
        'nss certutil -D -d $database -h '$token' -n '$token':made-ec-'$token' && ! ls $work/tokens/'$token' | grep -q made-ec'
done

ssh_lists() { # all four key pairs, as ssh wants them
    says 'ecdsa-sha2-nistp256' foreign ssh-keygen -D "$module" && [ "$(grep -c '^ssh-rsa ' "$work/said")" -ge 2 ] &&
        [ "$(grep -c '^ecdsa-sha2-nistp256 ' "$work/said")" -ge 2 ]
}
check 'ssh-keygen -D lists the keys of both' ssh_lists
done_testing
