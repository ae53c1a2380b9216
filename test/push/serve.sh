# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# A real sshd on loopback with keys that may do only what "xl-dedup serve" lets
# them; to be sourced after migration.sh.
#
#   serve_setup              starts sshd; "ssh" is the real one with $KEY
#   serve_key NAME WORD...   makes a key for "xl-dedup serve WORD..."
#   serve_env NAME=VALUE...  what the served commands have in their environment

serve_setup()
{
    real_ssh=$(command -v ssh)
    sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || skip "no sshd"
    migration_setup
    if [ "$(id -u)" = 0 ] && mkdir /run/sshd 2>/dev/null; then
        cleanup_fn "rmdir /run/sshd 2>/dev/null"
    fi
    ssh-keygen -q -t ed25519 -N '' -f "$tmp/host" || fail "ssh-keygen"
    port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
    cat >"$tmp/sshd_config" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $tmp/host
PidFile none
AuthorizedKeysFile $tmp/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin forced-commands-only
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding yes
PermitTTY yes
AcceptEnv *
Subsystem sftp internal-sftp
MaxStartups 100
END
    printf '[127.0.0.1]:%s %s\n' "$port" "$(cat "$tmp/host.pub")" \
        >"$tmp/known_hosts"
    cat >"$tmp/ssh_config" <<END
Host *
    HostName 127.0.0.1
    Port $port
    User $(id -un)
    UserKnownHostsFile $tmp/known_hosts
    GlobalKnownHostsFile /dev/null
    IdentitiesOnly yes
    IdentityAgent none
    BatchMode yes
    LogLevel ERROR
    SendEnv XL_DEDUP_CONFIG
END
    cat >"$tmp/bin/ssh" <<END
#!/bin/sh
exec "$real_ssh" -F "$tmp/ssh_config" -i "$tmp/key-\$KEY" "\$@"
END
    # What the administrator would write into authorized_keys, and what makes
    # it a test: its own xl, its own parser.
    cat >"$tmp/bin/serve" <<END
#!/bin/sh
set -a
PATH=$PATH
XL_DEDUP_XL=$XL_DEDUP_XL
XL_DEDUP_HOOKS=$XL_DEDUP_HOOKS
XL_DEDUP_PARSER=${XL_DEDUP_PARSER:-}
ASAN_OPTIONS=$ASAN_OPTIONS
MIGRATION_MARK=$tmp
. "$tmp/served"
exec xl-dedup serve --keep-env=PATH --keep-env=XL_DEDUP_XL \\
    --keep-env=XL_DEDUP_HOOKS --keep-env=XL_DEDUP_PARSER \\
    --keep-env=ASAN_OPTIONS --keep-env=MIGRATION_MARK \\
    --keep-env=FAKE_DISKS --keep-env=FAKE_MEMORY --keep-env=FAKE_CONFIG "\$@"
END
    chmod +x "$tmp/bin/serve"
    : >"$tmp/authorized_keys"
    serve_env
    : >"$tmp/sshd.log"
    "$sshd" -D -e -f "$tmp/sshd_config" 2>"$tmp/sshd.log" &
    sshd_pid=$!
    cleanup_fn "kill $sshd_pid 2>/dev/null; wait $sshd_pid 2>/dev/null"
    for _ in $(seq 100); do
        grep -q 'Server listening' "$tmp/sshd.log" && return
        kill -0 $sshd_pid 2>/dev/null || break
        sleep 0.1
    done
    skip "sshd does not start here: $(cat "$tmp/sshd.log")"
}

serve_key()
{
    KEY=$1
    shift
    ssh-keygen -q -t ed25519 -N '' -f "$tmp/key-$KEY" || fail "ssh-keygen"
    printf 'restrict,command="%s" %s\n' "$tmp/bin/serve $*" \
        "$(cat "$tmp/key-$KEY.pub")" >>"$tmp/authorized_keys"
}

serve_env()
{
    for value; do
        printf "%s='%s'\n" "${value%%=*}" "${value#*=}"
    done >"$tmp/served"
}
