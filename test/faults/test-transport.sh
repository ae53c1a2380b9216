#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What leads to the other host is not what it should be: it has a terminal, a
# login shell that prints, or it does not run, does not answer or does not end.
# Each time one true line says so, the guest is untouched, and no process is
# left that would keep whoever reads our standard error waiting.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 stty

# transport SCRIPT: ssh is this, with the command as its arguments
transport()
{
    printf '#!/bin/sh\nXL_DEDUP_CONFIG=%s\nexport XL_DEDUP_CONFIG\nshift\n%s\n' \
        "$tmp/b.conf" "$1" >"$tmp/bin/ssh"
}

# As ssh -tt: on-terminal MODE COMMAND... gives it a terminal, set up by stty so,
# which stays when our input has ended.
make_terminal()
{
    cat >"$tmp/bin/on-terminal" <<END
#!$tmp/bin/python3
import os
import pty
import select
import subprocess
import sys
pid, terminal = pty.fork()
if pid == 0:
    os.read(0, 1)
    os.execvp(sys.argv[2], sys.argv[2:])
subprocess.run(["stty", *sys.argv[1].split()], stdin=terminal, check=True)
os.write(terminal, b"\\n")
sources = {0: terminal, terminal: 1}
while terminal in sources:
    for fd in select.select(list(sources), [], [])[0]:
        try:
            data = os.read(fd, 4096)
            os.write(sources[fd], data)
        except OSError:
            data = b""
        if not data:
            del sources[fd]
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
    chmod +x "$tmp/bin/on-terminal"
}

# finished COMMAND...: sets $status, fills out and err; it must have closed its
# standard error, and left no process
finished()
{
    { MIGRATION_MARK=$tmp "$@" 2>&1 >"$tmp/out" </dev/null
      echo $? >"$tmp/status"; } | timeout 60 cat >"$tmp/err" ||
        fail "$row: standard error stays open"
    status=$(cat "$tmp/status")
    processes_gone 1 || fail "$row: processes are left"
}

never_said()
{
    ! grep -q -e "$1" "$tmp/err" || { cat "$tmp/err" >&2
        fail "$row: was said: $1"; }
}

pushes()
{
    row="$1, push${3:+ $3}"
    # shellcheck disable=SC2086  # one option, or none
    finished xl-dedup push $3 "$tmp/a/disk.img" "hostb:$tmp/b/disk.img"
    [ "$status" = 2 ] || fail "$row: exit status $status"
    said "$2"
    never_said 'another version'
}

migrates()
{
    row="$1, migrate${3:+ $3}"
    # shellcheck disable=SC2086
    finished "$abs_top_builddir/xl" migrate --dedup $3 g1 hostb
    [ "$status" != 0 ] || fail "$row: did not fail"
    [ -n "$3" ] || refused "$2"
    said "$2"
    never_said 'another version'
}

# every ROW WHAT: all that connects is refused so, whatever ssh is by now
every()
{
    pushes "$1" "$2" ''
    pushes "$1" "$2" --dry-run
    migrates "$1" "$2" ''
    migrates "$1" "$2" --dry-run
    [ -z "$(ls -A "$tmp/b")" ] || fail "$row: left: $(ls -A "$tmp/b")"
}

migration_setup
make_terminal
head -c 3000000 /dev/urandom >a/disk.img
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img"
export FAKE_DISKS

# ssh -tt, RequestTTY force: what is sent is echoed, and 3 is Ctrl-C; one of the
# two ends notices first
# shellcheck disable=SC2016  # for the script, as in all that follow
transport 'exec on-terminal sane "$@"'
every terminal 'hostb: .* terminal .*ssh without -t'
# ... whose remote side does not end by itself
# shellcheck disable=SC2016
transport 'exec on-terminal sane sh -c '\''trap "" INT; "$@"; sleep 1000'\'' sh "$@"'
every 'a terminal that stays' 'hostb: .* terminal .*ssh without -t'
# ... which does not echo: the other end has noticed
# shellcheck disable=SC2016
transport 'exec on-terminal "raw -echo" "$@"'
every 'a raw terminal' 'terminal here.*ssh without -t'
# ... which is on the way only, and the other end has pipes
# shellcheck disable=SC2016
transport 'exec on-terminal "sane -echo -isig" sh -c '\''cat | "$@" 2>/dev/null | cat'\'' sh "$@"'
pushes 'a terminal between' 'hostb: there is a terminal on the way' ''
migrates 'a terminal between' 'hostb: there is a terminal on the way' --dry-run

# a login shell prints, and then all is well
# shellcheck disable=SC2016
transport 'printf "\r\n  You have new mail.\r\n"; exec "$@"'
every 'login shell' "hostb: answered 'You have new mail.' instead.*login script"
# shellcheck disable=SC2016
transport 'printf "This account is cur"; sleep 0.3
echo "rently not available."; exit 1'
every 'no login' "hostb: answered 'This account is currently not available.'"
transport 'echo "welcome"; sleep 1000'
pushes 'a shell that stays' "hostb: answered 'welcome'" --dry-run
migrates 'a shell that stays' "hostb: answered 'welcome'" ''

# ssh could not ask whether the key is the host's
transport 'echo "Host key verification failed." >&2; exit 255'
every 'unknown key' 'hostb: no connection; see the message of ssh'
said 'Host key verification failed'
transport 'echo "sh: xl-dedup: not found" >&2; exit 127'
every 'not installed' 'hostb: xl-dedup is not installed there'
transport 'exit 0'
every 'nothing there' 'hostb: the connection was closed before xl-dedup answ'

# it cannot be made to end by being left, nor by being asked to
transport 'trap "" TERM; exec >&-
while :; do sleep 1000; done'
row=stubborn
finished xl-dedup push a/disk.img "hostb:$tmp/b/disk.img"
said 'hostb: the connection was closed before xl-dedup answered'

# it is not there: that is no fault of the other host's
row="no ssh"
finished xl-dedup push -e 'no-such-ssh -x' a/disk.img "hostb:$tmp/b/disk.img"
[ "$status" = 2 ] || fail "$row: exit status $status"
said 'no-such-ssh cannot be run: No such file'
never_said 'not installed'
row="no such rune"
finished "$abs_top_builddir/xl" migrate --dedup -s '' g1 'exec no-such-thing'
refused 'a command was not found, see above'

# xl has gone while ssh waits for a password
transport 'echo asked >>"$ASKED"; exec sleep 1000'
chmod +x bin/ssh
row=password
ASKED=$tmp/asked
export ASKED
MIGRATION_MARK=$tmp "$abs_top_builddir/xl" migrate --dedup g1 hostb \
    >out 2>err </dev/null &
for _ in $(seq 300); do
    [ -s asked ] && break
    sleep 0.1
done
[ -s asked ] || fail "ssh was not run"
kill $!
processes_gone 20 || fail "$row: processes are left"
said 'xl ended the migration before hostb had answered'
pass "transports"
