#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSH has keys of tokens through the PKCS#11 module: a login with each, by ssh itself and by its agent, a host key, an authority.
. "${DEVID_TEST_SOURCE:?run me with make check}/tests/story/apps.sh"

make_tokens tpm disk hsm
# All tokens of a module are asked at once, by several processes.
keys_stay
export DEVID_TCTI=$tcti
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd # where sshd of root keeps nothing

printf '#!/bin/sh\necho 1234\n' >askpass
chmod 755 askpass
export SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force
unset SSH_AUTH_SOCK

public() { # NAME: the line that ssh has for its key, from its certificate
    plain x509 -in "$1.crt" -pubkey -noout >"$1.pub" && ssh-keygen -i -m PKCS8 -f "$1.pub" >"$1.ssh.pub"
}
lists() { # NAME
    foreign ssh-keygen -D "$(library "${1%-*}")" | grep -F "$(cut -d' ' -f1,2 "$1.ssh.pub")"
}

start_sshd() {
    ssh_port=$(free_port)
    ssh-keygen -q -t ed25519 -N '' -f host && printf '%s\n' "ListenAddress 127.0.0.1:$ssh_port" "HostKey $work/host" 'PidFile none' \
        'UsePAM no' 'StrictModes no' "AuthorizedKeysFile $work/authorized" 'AuthenticationMethods publickey' 'MaxAuthTries 20' \
        "TrustedUserCAKeys $work/authority" >sshd_config || return 1
    : >authorized
    : >authority
    env -u DEVID_TOKENS /usr/sbin/sshd -D -e -f "$work/sshd_config" >sshd.log 2>&1 </dev/null &
    story_pids="$story_pids $!"
    wait_for_port "$ssh_port"
    echo "host $(cut -d' ' -f1,2 host.pub)" >known_hosts
}
# login OPTION...: as who we are, at that server, whose key is known
login() {
    timeout 300 ssh -F none -p "$ssh_port" -o HostKeyAlias=host -o UserKnownHostsFile="$work/known_hosts" -o StrictHostKeyChecking=yes \
        -o PreferredAuthentications=publickey "$@" "$(id -un)@127.0.0.1" echo welcome >welcome && cat welcome && grep -qx welcome welcome
}
login_by_module() { # NAME
    cp "$1.ssh.pub" authorized && foreign login -o IdentityAgent=none -o IdentityFile=none -I "$(library "${1%-*}")"
}

check 'a server' start_sshd
check_fails 'which lets nobody in' 255 'denied' login -o IdentityAgent=none -o IdentityFile=none
for name in {tpm,disk,hsm}-{ec,rsa}; do
    check "$name: its public key for ssh" public $name
    [ ${name%-*} = hsm ] || check "$name: ssh-keygen -D lists it" lists $name
    check_without_asan "$name: a login" login_by_module $name
done
[ "${DEVID_TEST_ASAN:-}" != yes ] || { done_testing; exit; } # ssh-agent is setgid: nothing can be put in front of it

start_agent() {
    ssh-agent -D -a "$work/agent" -P "$(realpath "$module"),$(realpath "$softhsm")" >agent.log 2>&1 </dev/null &
    story_pids="$story_pids $!"
    export SSH_AUTH_SOCK=$work/agent
    wait_until test -S agent
}
login_by_agent() { # NAME: with that key only
    cp "$1.ssh.pub" authorized && login -i "$work/$1.ssh.pub" -o IdentitiesOnly=yes
}
check 'an agent' start_agent
for library in "$module" "$softhsm"; do check "ssh-add -s ${library##*/}" ssh-add -s "$library"; done
for name in {tpm,disk,hsm}-{ec,rsa}; do
    check "$name: the agent signs with it" ssh-add -T $name.ssh.pub
    check "$name: a login by the agent" login_by_agent $name
done

signs_users() { # NAME: a certificate of a user by an authority whose key is in the token
    rm -f user user.pub user-cert.pub && ssh-keygen -q -t ed25519 -N '' -f user && cp "$1.ssh.pub" authority && : >authorized &&
        ssh-keygen -q -s "$1.ssh.pub" -D "$(library "${1%-*}")" -I somebody -n "$(id -un)" user.pub &&
        login -o IdentityAgent=none -i "$work/user" -o CertificateFile="$work/user-cert.pub"
}
signs_files() { # NAME: a file's signature, by the agent
    rm -f digest.sig && echo data >digest && ssh-keygen -q -Y sign -n file -f "$1.ssh.pub" digest &&
        echo "me $(cut -d' ' -f1,2 "$1.ssh.pub")" >signers && ssh-keygen -q -Y verify -n file -I me -f signers -s digest.sig <digest
}
host_key() { # NAME: the server's own key is the agent's
    local port pid status
    port=$(free_port)
    printf '%s\n' "ListenAddress 127.0.0.1:$port" "HostKey $work/$1.ssh.pub" "HostKeyAgent $work/agent" 'PidFile none' 'UsePAM no' \
        >host_config && echo "host $(cut -d' ' -f1,2 "$1.ssh.pub")" >known_token
    /usr/sbin/sshd -D -e -f "$work/host_config" >host.log 2>&1 </dev/null &
    pid=$!
    story_pids="$story_pids $pid"
    wait_for_port "$port"
    # It is who it says, and lets nobody in.
    timeout 300 ssh -v -F none -p "$port" -o HostKeyAlias=host -o UserKnownHostsFile="$work/known_token" -o StrictHostKeyChecking=yes \
        -o BatchMode=yes -o IdentityAgent=none -o IdentityFile=none "$(id -un)@127.0.0.1" true 2>&1 | tee host.out |
        grep "Host 'host' is known and matches"
    status=$?
    end "$pid" && [ $status -eq 0 ] || { cat host.out host.log; return 1; }
}
for name in {tpm,disk}-{ec,rsa}; do
    check "$name: as an authority of users" signs_users $name
    check "$name: signs a file" signs_files $name
    check "$name: as the key of a host" host_key $name
done
check 'ssh-add -e forgets them' eval 'ssh-add -e "$module" && ! ssh-add -T tpm-ec.ssh.pub'
check 'nothing stays in the TPM but the keys' test -z "$(tpm2_getcap -T "$tcti" handles-transient)"
done_testing
