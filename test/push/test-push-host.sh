#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# How HOST and what leads to it are written: IPv6 addresses as with scp, -e as
# with rsync; and what ssh would take for an option runs nothing.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires cmp python3

migration_setup
head -c 300000 /dev/urandom >a/disk.img
mkdir "$tmp/bin/a b"
# ssh that notes its arguments; what comes before HOST is its own
cat >"$tmp/bin/ssh" <<END
#!/bin/sh
printf '[%s]' "\$@" >>"$tmp/args"
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
while [ "\$1" != xl-dedup ]; do shift; done
exec "\$@"
END
cp "$tmp/bin/ssh" "$tmp/bin/a b/my ssh"

# goes ARGUMENTS HOST: [OPTION...] leads there, with these for ssh
goes()
{
    expected=$1 host=$2
    shift 2
    rm -f args
    for dry in --dry-run ""; do
        xl-dedup push $dry "$@" a/disk.img "$host:$tmp/b/x:y.img" >out 2>err ||
            { cat err >&2; fail "$host"; }
        [ "$(cat args)" = "${expected}[xl-dedup][receive]" ] ||
            fail "$host: $(cat args)"
        rm args
    done
    cmp a/disk.img b/x:y.img || fail "$host: differs"
    rm b/x:y.img
}

goes '[hostb]' hostb
goes '[root@hostb]' root@hostb
goes '[::1]' '[::1]'
goes '[root@fe80::1%eth0]' 'root@[fe80::1%eth0]'
goes '[-p][9][-i][/a b/id][hostb]' hostb -e "ssh -p 9  -i '/a b/id'"
goes "[-o][it's \"q\"][::1]" '[::1]' --rsh="ssh -o 'it''s \"q\"'"
goes '[-C][hostb]' hostb -e "\"$tmp/bin/a b/my ssh\" -C"
# no shell has a look at it
# shellcheck disable=SC2016  # that is the point
goes '[$(exit)][`exit`;][hostb]' hostb -e 'ssh $(exit) `exit`;'

# a path of this host may look alike
xl-dedup push a/disk.img './[::1]:x' 2>err || fail "a path with colons"
cmp a/disk.img '[::1]:x' || fail "a path with colons: differs"

# Whoever starts us may have closed the standard files: no disk gets their
# numbers, or messages would be written into it.
cat >"$tmp/bin/look" <<END
#!/bin/sh
for fd in 0 1 2; do readlink /proc/\$PPID/fd/\$fd; done >>"$tmp/files"
exec ssh "\$@"
END
chmod +x "$tmp/bin/look"
xl-dedup push -e look a/disk.img "hostb:$tmp/b/closed.img" <&- >&- 2>&- ||
    fail "closed: exit status $?"
cmp a/disk.img b/closed.img || fail "closed: differs"
[ "$(sort -u files)" = /dev/null ] || fail "closed: $(cat files)"
rm args

# wrong DESTINATION: status 64, and nothing was run
wrong()
{
    destination=$1
    shift
    for dry in --dry-run ""; do
        status=0
        xl-dedup push $dry "$@" -- a/disk.img "$destination" >out 2>err ||
            status=$?
        [ "$status" = 64 ] || fail "$destination $*: exit status $status"
        [ ! -e args ] || fail "$destination $*: was run"
        [ -s err ] || fail "$destination $*: nothing was said"
    done
}
for host in -oProxyCommand=x -x '[-x]' root@-x 'root@[-x]' -l@b root@ @b; do
    wrong "$host:$tmp/b/x"
    grep -q 'this is no host' err || fail "$host: $(cat err)"
done
wrong "::1:$tmp/b/x"
grep -q '\[ADDRESS\]:PATH' err || fail "no brackets: $(cat err)"
wrong "2001:db8::1:$tmp/b/x"
wrong "hostb:"
wrong ":$tmp/b/x"
wrong ""
wrong "hostb:$tmp/b/x" -e "ssh -i '/a b/id"
grep -q "lacks its second '" err || fail "quote: $(cat err)"
wrong "hostb:$tmp/b/x" -e ""
pass "hosts"
