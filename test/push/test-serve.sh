#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A key that may only push or migrate, with a real sshd: what it is for works,
# and nothing else does, each with a line that says so.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/push/serve.sh"
requires cmp python3 ssh ssh-keygen scp sftp mke2fs

serve_setup
seed 19
noise disk 300000 >a/disk.img
cp b.conf site.conf
serve_key push --config="$tmp/site.conf" push
serve_key migrate --config="$tmp/site.conf" migrate
serve_key both -c "$tmp/site.conf" push migrate
serve_key none --config="$tmp/no.conf" push
serve_key wrong push everything
serve_key nothing
export KEY
ssh hostb 2>err
grep -q 'Permission denied' err &&
    skip "sshd does not let $(id -un) in: $(tail -2 sshd.log)"

# refused STATUS TEXT COMMAND...: nothing comes of it but the line
refused()
{
    expected=$1 text=$2
    shift 2
    status=0
    timeout 30 "$@" >out 2>err </dev/null || status=$?
    [ "$status" = "$expected" ] || {
        tail -5 sshd.log
        fail "$KEY: $*: status $status: $(cat err)"
    }
    grep -q "$text" err || fail "$KEY: $*: $(cat err)"
    [ ! -s out ] || fail "$KEY: $*: wrote $(cat out)"
    [ ! -e pwned ] || fail "$KEY: $*: was run"
}

# what the keys are for; the other host's word on the configuration is not
# taken, though this sshd accepts all variables
for KEY in push both; do
    for option in --dry-run --level=3; do
        XL_DEDUP_CONFIG=$tmp/a.conf xl-dedup push $option a/disk.img \
            "hostb:$tmp/b/$KEY.img" >out 2>err || fail "$KEY: $(cat err)"
    done
    cmp a/disk.img "b/$KEY.img" || fail "$KEY: differs"
    XL_DEDUP_CONFIG=$tmp/site.conf xl-dedup status >out
    grep -q "^received .*$tmp/b/$KEY.img\$" out || fail "$KEY: no record"
done
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/moved.img" FAKE_MEMORY=100000
export FAKE_DISKS FAKE_MEMORY
serve_env "FAKE_DISKS=$FAKE_DISKS" "FAKE_MEMORY=$FAKE_MEMORY"
KEY=migrate
for option in "--dry-run -C g1.cfg" "-p --debug" -e; do
    # shellcheck disable=SC2086
    migrate $option
    [ "$status" = 0 ] || fail "migrate $option: $(cat out err)"
    helpers_gone
done
cmp a/disk.img b/moved.img || fail "migrate: differs"
rm b/moved.img

# what stands in the way: of guests only a key that may migrate is told
for KEY in push both migrate; do
    xl-dedup doctor --json -d g1 hostb >out 2>err
    python3 - "$KEY" <<END || fail "doctor, $KEY: $(cat out err)"
import json, sys
f = [x for x in json.load(open("out"))["findings"] if x["where"] == "hostb"]
checks = set(x["check"] for x in f)
assert {"ssh", "clock", "state", "sandbox"} <= checks, checks
if sys.argv[1] == "push":
    assert "key" in checks, checks
    assert not checks & {"xl", "hooks", "xen", "name", "needs", "place"}, checks
else:
    assert "key" not in checks and {"xl", "name", "place"} <= checks, checks
END
done

# every other command
line='^xl-dedup: error: this key may only be used by '
KEY=push
refused 64 "$line'xl-dedup push', not to log in$" ssh hostb
refused 64 "$line'xl-dedup push', not for 'xl-dedup receive-xl" ssh hostb \
    'xl-dedup receive-xl -- migrate-receive'
refused 64 "$line'xl-dedup push', not for 'xl-dedup adopt'$" ssh hostb \
    xl-dedup adopt
KEY=migrate
refused 2 "what came is no guest's configuration" ssh hostb xl-dedup adopt
refused 64 "$line'xl migrate --dedup', not for 'id'$" ssh hostb id
KEY=both
may="'xl-dedup push' and by 'xl migrate --dedup'"
refused 64 "$line$may, not to log in$" ssh hostb
while read -r command; do
    refused 64 "$line$may, not for '" ssh hostb "$command"
done <<END
touch $tmp/pwned
xl-dedup receive; touch $tmp/pwned
xl-dedup receive push
xl-dedup receive-xl -- create /etc/xl.cfg
xl-dedup receive-xl -- migrate-receive; touch $tmp/pwned
xl-dedup receive-xl -- migrate-receive -p -e
xl-dedup receive-xl -- -vvvvvvvvv migrate-receive
xl-dedup receive-xl -- -t-T migrate-receive
xl-dedup  receive
xl-dedup doctor
xl-dedup doctor --report migrate
xl-dedup doctor --report; touch $tmp/pwned
xl-dedup adopt /etc/hostname
xl-dedup adopt; touch $tmp/pwned
xl-dedup push /etc/hostname $tmp/pwned
xl migrate-receive
XL_DEDUP_CONFIG=$tmp/a.conf xl-dedup receive
END
refused 64 "$line$may" ssh hostb "$(printf 'xl-dedup receive\nid')"
refused 64 "$line$may" ssh hostb ' xl-dedup receive'
refused 64 "$line$may" ssh hostb 'xl-dedup receive '
refused 64 "not for 'a.x1b.2J.xe2.x80.xaeb'" ssh hostb \
    "$(printf 'a\033[2J\342\200\256b')"
refused 1 "$line$may" scp -O -F ssh_config -i key-both hostb:/etc/hostname pwned
refused 1 "$line$may" scp -O -F ssh_config -i key-both a/disk.img \
    "hostb:$tmp/pwned"
# sshd drops what a subsystem says
refused 255 'Connection closed' scp -F ssh_config -i key-both \
    hostb:/etc/hostname pwned
refused 255 'Connection closed' sftp -F ssh_config -i key-both hostb
# what "restrict" forbids
refused 255 'forwarding.*failed\|prohibited' ssh -W "127.0.0.1:$port" hostb
refused 255 'remote port forwarding failed' ssh -N \
    -o ExitOnForwardFailure=yes -R 0:127.0.0.1:1 hostb
refused 255 'PTY allocation request failed' ssh -o LogLevel=INFO -tt hostb id

# the other mode, in the form that this key may use
KEY=migrate
for option in --dry-run --level=3; do
    refused 2 'the key that ssh used here may not be used to push' \
        xl-dedup push $option a/disk.img "hostb:$tmp/b/no.img"
done
KEY=push
migrate
[ "$status" != 0 ] || fail "migrated with a key that may only push"
grep -q "${line}'xl-dedup push', not for 'xl-dedup receive-xl" err ||
    fail "$(cat err)"
migrate --dry-run -C g1.cfg
[ "$status" != 0 ] || fail "tried with a key that may only push"
said 'may not be used to migrate'
[ ! -e b/moved.img ] && [ ! -e b/no.img ] || fail "$(ls b)"

# a push in the clothes of a migration, and a migration in those of a push
for KEY in migrate both push; do
    python3 - "$tmp/b/dressed.img" >out 2>err <<END || fail "$KEY: $(cat err)"
import subprocess
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, "$abs_top_srcdir/test/lib")
import wire
mode, command = ("push", "xl-dedup receive-xl -- migrate-receive") \\
    if "$KEY" != "push" else ("migrate", "xl-dedup receive")
p = subprocess.Popen(["$tmp/bin/ssh", "hostb", command], bufsize=0,
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
r = wire.Reader(p.stdout.read)
p.stdin.write(wire.greeting() + wire.frame("HELLO", payload=wire.text(
    mode=mode, uuid="x", name="x")) + wire.frame("DISK", 0, wire.text(
    vdev="xvda", size=4096, used=0, base="z", path="/z", kind="file",
    dest=sys.argv[1])) + wire.frame("DISKS_END"))
r.greeting()
while True:
    f = r.frame()
    assert f, "no answer"
    assert f.name in ("CHALLENGE", "HELLO", "ALIVE", "XL", "FAIL"), f.name
    if f.name == "FAIL":
        print(f.payload.decode())
        break
p.stdin.close()
assert p.wait() != 0
END
    [ ! -e b/dressed.img ] || fail "$KEY: pushed by receive-xl"
    [ -s out ] || fail "$KEY: no reason"
done

# lines of authorized_keys that are wrong permit nothing
KEY=none
refused 64 "no.conf, the configuration of this key, cannot be read" ssh hostb \
    xl-dedup receive
KEY=wrong
refused 64 "a key may push and migrate, not everything" ssh hostb \
    xl-dedup receive
KEY=nothing
refused 64 "it is to be said what the key may do" ssh hostb xl-dedup receive
refused 64 "serve is run by sshd" env -u SSH_CONNECTION -u SSH_ORIGINAL_COMMAND \
    xl-dedup serve push

# where the key's disks may go
sed "s|^destination = $tmp\$|destination = $tmp/b|" b.conf >site.conf
mkdir outside
KEY=push
refused 2 "$tmp/outside/x.img" xl-dedup push a/disk.img \
    "hostb:$tmp/outside/x.img"
[ -z "$(ls -A outside)" ] || fail "outside: $(ls -A outside)"
xl-dedup push a/disk.img "hostb:$tmp/b/in.img" 2>err || fail "in: $(cat err)"
pass "restricted keys"
