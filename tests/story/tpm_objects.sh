#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The TPM's own keys and certificates, and a key that stays in the TPM, from the command line.
. "${DEVID_TEST_SOURCE:-$(dirname "$0")/../..}/tests/story/lib.sh"
start_tpm
p11() { foreign pkcs11-tool --module "$module" --token-label device "$@"; }
tool() { TPM2TOOLS_TCTI=$tcti "$@"; }
says() { local text=$1; shift; "$@" | grep -qF -- "$text"; }
persistent() { tool tpm2_getcap handles-persistent | grep -qi "$1"; }
absent() { ! persistent "$1"; }

check 'a token is made' "$devid" token init --label device
check 'it shows the endorsement keys' says 'TPM endorsement key (RSA)' p11 -O --type pubkey
check 'and the storage root key' says 'TPM storage root key' p11 -O --type pubkey
check 'its endorsement keys are made persistent' "$devid" tpm setup --token device --persist
check 'the RSA one is where the TCG has it' persistent 0x81010001
check 'the EC one too' persistent 0x81010002
check_fails 'a token that is not there is refused' 0 nowhere "$devid" tpm setup --token nowhere
check_fails 'the storage root key cannot be deleted' 0 0x1b p11 --delete-object --type pubkey --label 'TPM storage root key'

check 'a key is made' "$devid" key generate --token device --label hot
key='pkcs11:token=device;object=hot;type=private'
check 'it is kept in the TPM' says 0x81000200 "$devid" key persist --key "$key"
check 'at the first handle' persistent 0x81000200
printf 'something to sign' >"$work/data"
sign() { p11 --sign --mechanism ECDSA-SHA256 --label hot --signature-format openssl -i "$work/data" -o "$work/signature"; }
one_command() { tpm_commands_reset; sign && [ "$(tpm_commands)" = 1 ]; }
check 'a process that signs with it needs one TPM command' one_command
check 'its public key is written' public_key device hot "$work/hot.pem"
check 'and verifies' foreign openssl dgst -sha256 -verify "$work/hot.pem" -signature "$work/signature" "$work/data"
check_fails 'a handle that is none is refused' 0 0x81000000 "$devid" key persist --key "$key" --handle 0x40000001
check_fails 'one that is taken is refused' 0 another "$devid" key persist --key "$key" --handle 0x81000001
check_fails 'a key that is not there is refused' 0 'no key' "$devid" key persist --key 'pkcs11:token=device;object=none;type=private'
check 'a handle may be chosen' says 0x81000222 "$devid" key persist --key "$key" --handle 0x81000222
check 'the first one is free again' absent 0x81000200
check 'it is removed from the TPM' "$devid" key unpersist --key "$key"
check 'where nothing is left' absent 0x81000222
check 'it signs all the same' sign
check 'a key is bound to a PCR' "$devid" key generate --token device --label bound --pcr sha256:0,23
sign_bound() { "$devid" csr --key 'pkcs11:token=device;object=bound;type=private' --subject /CN=bound --out "$work/bound.csr"; }
check 'it signs' sign_bound
check 'the PCR changes' tool tpm2_pcrextend 23:sha256=0000000000000000000000000000000000000000000000000000000000000001
check_fails 'then it does not sign' 0 'PCRs have changed' sign_bound
check_fails 'PCRs that are none are refused' 0 sha256:0,7 "$devid" key generate --token device --label none --pcr sha256:99
check 'a second key takes the same handle' "$devid" key generate --token device --label second
check 'which is free' says 0x81000200 "$devid" key persist --key 'pkcs11:token=device;object=second;type=private'
check 'it is deleted' p11 --delete-object --type privkey --label second
check 'and gone from the TPM' absent 0x81000200
done_testing
