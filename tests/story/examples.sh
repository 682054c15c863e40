#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The examples in C: built as their first lines say, and run against the emulator.
. "$DEVID_TEST_SOURCE/tests/story/lib.sh"
. "$DEVID_TEST_SOURCE/tests/story/cloud.sh"
cd "$work" || exit 99
start_tpm
start_emulator
export PROVISIONING_HOST=$endpoint TRUST=$cloud/ca.pem LD_LIBRARY_PATH=$DEVID_TEST_BUILD/dps/.libs

# pkg-config's answer for a library that is not installed yet
mkdir pc
sed "s,^libdir=.*,libdir=$DEVID_TEST_BUILD/dps/.libs,; s,^includedir=.*,includedir=$DEVID_TEST_SOURCE/include," \
    "$DEVID_TEST_BUILD/dps/devid-dps.pc" >pc/devid-dps.pc
# With the sanitizers the library wants a program that has them too.
sanitizers=
[ "${DEVID_TEST_ASAN:-}" != yes ] || sanitizers=-fsanitize=address,undefined
build() {
    # shellcheck disable=SC2046,SC2086
    ${CC:-cc} $sanitizers -Wall -Wextra -Werror "$DEVID_TEST_SOURCE/examples/$1.c" -o "$1" \
        $(PKG_CONFIG_PATH=$work/pc pkg-config --cflags --libs devid-dps)
}
for name in register_x509 register_symmetric register_tpm; do check "$name.c is built" build $name; done
check 'nothing but the library is needed' sh -c "! readelf -d register_x509 | grep NEEDED | grep -vE 'libdevid-dps|libc\.so|libasan|libubsan'"

# --- a certificate whose key is in the TPM
uri='pkcs11:token=device;object=id'
"$devid" token init --label device >/dev/null
"$devid" key generate --token device --label id >/dev/null
"$devid" csr --key "$uri" --subject /CN=example-1 --out id.csr >/dev/null
make_authority factory
issue factory id.csr id.pem
enroll example-1 id.pem >/dev/null
check 'a device registers by its certificate' says "example-1 at localhost:" ./register_x509 "$id_scope" id.pem "$uri"
check 'its message arrived' says 'hello' arrived example-1
check_fails 'one that is not enrolled says so' 1 'rejected by the service' sh -c "openssl req -x509 -newkey ec -pkeyopt \
    ec_paramgen_curve:P-256 -noenc -subj /CN=nobody -keyout n.key -out n.pem 2>/dev/null && ./register_x509 $id_scope n.pem n.key"
check_fails 'without arguments it says how' 2 'usage' ./register_x509

# --- the four variables and ten messages
key=$(openssl rand -base64 32)
enroll_key example-2 "$key" >/dev/null
quickstart() {
    PROVISIONING_IDSCOPE=$id_scope PROVISIONING_REGISTRATION_ID=example-2 PROVISIONING_SYMMETRIC_KEY=$key \
        ./register_symmetric "$@"
}
check 'the quickstart sends ten messages' says 'sent message 9' quickstart
check 'all of them arrived' test "$(arrived example-2 | grep -c 'test wind speed')" -eq 10
check 'with a state file' says 'example-2 at' quickstart state.json
check 'the next start needs no service' says ', as before' quickstart state.json

# --- what the enrollment of a TPM needs
check 'a TPM tells its enrollment' says 'AToAAQALAAMAsgAg' ./register_tpm
./register_tpm >identity
check 'the id is the hash of the key' sh -c "tail -1 identity | openssl base64 -d -A | openssl dgst -sha256 -r |
    grep -q \"^\$(sed -n 's/(in hexadecimal: \(.*\))/\1/p' identity) \""
done_testing
