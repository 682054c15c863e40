#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# NSS has keys of tokens through the PKCS#11 module: requests, signatures, mail, and both sides of TLS.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
keys_stay # several processes, no resource manager
start_judge
export DEVID_TCTI=$tcti
database=sql:$work/nss
printf '%s\n' 'tpm:' 'disk:1234' 'hsm:1234' 'NSS Certificate DB:' >passwords

set_up() { # a database with our module, SoftHSM's, and the CA
    mkdir nss && foreign certutil -N -d "$database" --empty-password &&
        foreign modutil -force -dbdir "$database" -add devid -libfile "$module" &&
        foreign modutil -force -dbdir "$database" -add softhsm -libfile "$softhsm" &&
        foreign certutil -A -d "$database" -n ca -t CT,C, -i ca.crt
}
id_of() { if [ "${1#*-}" = ec ]; then echo 01; else echo 02; fi; } # NAME
certificate_in_token() { # NAME: the same id as the key's; the nickname is token and label
    plain x509 -in "$1.crt" -outform DER -out made.der &&
        p11 "${1%-*}" -w made.der --type cert --label "${1#*-}" --id "$(id_of "$1")"
}
lists() { # TOKEN
    foreign certutil -K -d "$database" -h "$1" -f passwords >listed && grep -q "ec .* ec$" listed && grep -q "rsa .* rsa$" listed || {
        cat listed
        return 1
    }
}
request() { # NAME: by the key that is there
    foreign certutil -R -d "$database" -h "${1%-*}" -k "$(id_of "$1")" -f passwords -s CN=asked -a -o made.csr &&
        plain req -in made.csr -verify -noout && plain req -in made.csr -pubkey -noout >made.pub &&
        plain x509 -in "$1.crt" -pubkey -noout | cmp - made.pub
}
mail() { # NAME
    echo 'what is signed' >data && foreign cmsutil -S -d "$database" -N "${1%-*}:${1#*-}" -f passwords -T -i data -o mail &&
        plain cms -verify -inform DER -in mail -content data -binary -certfile "$1.crt" -CAfile ca.crt -purpose any -out opened
}
opens() { # NAME: mail to an RSA key
    plain cms -encrypt -binary -aes-256-cbc -outform DER -in data -out mail "$1.crt" &&
        foreign cmsutil -D -d "$database" -f passwords -i mail -o opened && cmp data opened
}
serves() { # NAME VERSION; selfserv cannot be told an address
    local port status which=(-n "${1%-*}:${1#*-}")
    [ "${1#*-}" = rsa ] || which=(-e "${1%-*}:${1#*-}")
    port=$(free_port)
    use "${1%-*}"
    begin selfserv selfserv -d "$database" "${which[@]}" -p "$port" -f passwords -V "tls$2:tls$2"
    wait_until listening "$port" && connects "$port" "$2" "$1"
    status=$?
    kill "$server" && wait "$server"
    [ $status -eq 0 ] || { cat selfserv.log; return 1; }
}
calls() { # NAME VERSION
    printf 'GET / HTTP/1.0\r\n\r\n' >get
    foreign timeout 300 tstclnt -A get -h 127.0.0.1 -p "$judge_port" -a localhost -d "$database" \
        -n "${1%-*}:${1#*-}" -w 1234 -V "tls$2:tls$2" >page 2>&1
    grep -q "Subject: CN *= *$1" page || { cat page; return 1; }
}

check 'a database with the modules' set_up
for name in {tpm,disk,hsm}-{ec,rsa}; do check "$name: its certificate is on the token" certificate_in_token $name; done
for token in tpm disk hsm; do
    check "certutil lists the keys of $token" lists $token
    for type in $types; do
        name=$token-$type
        check "certutil makes a request by $name" request $name
        check "cmsutil signs by $name" mail $name
        [ $type = ec ] || check "cmsutil opens what is for $name" opens $name
        for version in $versions; do
            # (SSL_ConfigServerCert finds no memory with SoftHSM's RSA keys.)
            [ $name = hsm-rsa ] || check "selfserv with $name, TLS $version" serves $name $version
            check "tstclnt with $name, TLS $version" calls $name $version
        done
    done
done
check 'nothing stays in the TPM but the keys' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
