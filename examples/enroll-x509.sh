#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# examples/enroll-x509.sh [--group] [--ca-file FILE] CONNECTION_STRING ID CERTIFICATE.pem
#
# Enrolls a device with a Device Provisioning Service, Azure's or devid-emulator, through its service API.
#   without --group  the device ID; CERTIFICATE.pem is its own certificate
#   with --group     all devices whose certificates CERTIFICATE.pem issued, as the enrollment group ID
# CONNECTION_STRING is that of a shared access policy that may write enrollments (in Azure's portal: "Shared access
# policies"; of the emulator: the file connection-string in its state directory), or the name of a file holding it.
set -euo pipefail
api_version=2021-10-01
kind=enrollments
ca_file=()

usage() {
    sed -n '3,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

fail() {
    echo "enroll-x509.sh: $*" >&2
    exit 1
}

field() { # NAME: one field of the connection string
    printf '%s' ";$connection" | sed -n "s/.*;$1=\([^;]*\).*/\1/p"
}

url_encode() { # standard input, percent-encoded
    LC_ALL=C awk 'BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = sprintf("%%%02X", i) }
        { for (i = 1; i <= length($0); i++) { c = substr($0, i, 1); printf "%s", c ~ /[A-Za-z0-9._~-]/ ? c : code[c] } }'
}

# A shared access signature of the policy, good for ten minutes.
sas_token() {
    local resource expiry key signature
    resource=$(printf '%s' "$host" | url_encode)
    expiry=$(($(date +%s) + 600))
    key=$(printf '%s' "$(field SharedAccessKey)" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
    signature=$(printf '%s\n%s' "$resource" "$expiry" |
        openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A | url_encode)
    printf 'SharedAccessSignature sr=%s&sig=%s&se=%s&skn=%s' "$resource" "$signature" "$expiry" \
        "$(field SharedAccessKeyName)"
}

while [ $# -gt 0 ]; do
    case $1 in
    --group) kind=enrollmentGroups ;;
    --ca-file) [ $# -ge 2 ] || usage; ca_file=(--cacert "$2"); shift ;;
    --) shift; break ;;
    -*) usage ;;
    *) break ;;
    esac
    shift
done
[ $# -ge 3 ] || usage
connection=$1 id=$2 certificate=$3
if [ "${4:-}" = --ca-file ] && [ $# -eq 5 ]; then
    ca_file=(--cacert "$5")
elif [ $# -ne 3 ]; then
    usage
fi
[ ! -f "$connection" ] || connection=$(cat "$connection")
host=$(field HostName)
[ -n "$host" ] && [ -n "$(field SharedAccessKey)" ] ||
    fail "the connection string is not HostName=...;SharedAccessKeyName=...;SharedAccessKey=..."
der=$(openssl x509 -in "$certificate" -outform DER | openssl base64 -A) || fail "$certificate holds no certificate"

if [ "$kind" = enrollments ]; then
    identity="\"registrationId\": \"$id\"" member=clientCertificates
else
    identity="\"enrollmentGroupId\": \"$id\"" member=signingCertificates
fi
answer=$(curl --silent --show-error "${ca_file[@]}" --write-out '\n%{http_code}' --request PUT \
    --header "Authorization: $(sas_token)" --header 'Content-Type: application/json' --data @- \
    "https://$host/$kind/$id?api-version=$api_version" <<JSON
{ $identity,
  "attestation": { "type": "x509", "x509": { "$member": { "primary": { "certificate": "$der" } } } },
  "provisioningStatus": "enabled" }
JSON
) || fail "https://$host cannot be reached"
case ${answer##*$'\n'} in
2??) echo "enrolled $id at $host" ;;
409) fail "$id is enrolled at $host already; delete that enrollment first" ;;
*) fail "https://$host answered ${answer##*$'\n'}: ${answer%$'\n'*}" ;;
esac
