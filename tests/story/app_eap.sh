#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# EAP-TLS by keys of tokens on both sides: wpa_supplicant, as eapol_test, asks hostapd to let it into a network.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
keys_stay # two processes, no resource manager
echo '"somebody" TLS' >users
echo '127.0.0.1 secret' >clients

# authenticates SERVER CLIENT VERSION: hostapd as a RADIUS server, which listens on all addresses and cannot be told one
authenticates() {
    local port status=0 enabled=0 disabled=1
    [ "$3" != 1.3 ] || { enabled=1 disabled=0; }
    port=$(free_port)
    printf '%s\n' 'interface=none' 'driver=none' 'logger_stdout=-1' 'logger_stdout_level=1' 'eap_server=1' "eap_user_file=$work/users" \
        "ca_cert=$work/ca.crt" "server_cert=$work/$1.crt" "private_key=$work/$1.key" "radius_server_clients=$work/clients" \
        "radius_server_auth_port=$port" >hostapd.conf
    [ $enabled = 0 ] || echo 'tls_flags=[ENABLE-TLSv1.3]' >>hostapd.conf
    printf '%s\n' 'network={' 'key_mgmt=IEEE8021X' 'eap=TLS' 'identity="somebody"' "ca_cert=\"$work/ca.crt\"" \
        "client_cert=\"$work/$2.crt\"" "private_key=\"$work/$2.key\"" "phase1=\"tls_disable_tlsv1_3=$disabled\"" '}' >network.conf
    begin hostapd hostapd hostapd.conf
    wait_until grep -q 'AP-ENABLED' hostapd.log || { cat hostapd.log; end; return 1; }
    "${app[@]}" eapol_test -c network.conf -a 127.0.0.1 -p "$port" -s secret -t 100 >eap.log 2>&1 </dev/null || status=1
    grep -q "SSL: Using TLS version TLSv$3" eap.log && tail -n 1 eap.log | grep -qx SUCCESS || status=1
    end || status=1
    [ $status -eq 0 ] || { tail -n 20 hostapd.log eap.log; return 1; }
}

while read -r order token; do
    use $token $order
    for types_of in 'ec rsa' 'rsa ec'; do
        for version in $versions; do
            server=$token-${types_of% *} client=$token-${types_of#* }
            check "$order: EAP-TLS $version between hostapd with $server and wpa_supplicant with $client" \
                authenticates $server $client $version
        done
    done
done <<<"$runs"
check 'nothing stays in the TPM but the keys' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
