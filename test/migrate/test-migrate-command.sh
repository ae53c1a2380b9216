#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl-dedup migrate is xl migrate --dedup where xl is somebody else's: the same
# command line reaches the real xl, a guest moves, and nothing named xl is run.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp

migration_setup
XL_DEDUP_FRONT=$abs_top_builddir/xl
export XL_DEDUP_FRONT
printf '#!/bin/sh\ntouch %s/other-xl\nexit 1\n' "$tmp" >bin/xl
chmod +x bin/xl

# What the real xl gets, but for the number of the control channel.
cat >shown <<'END'
#!/bin/sh
for arg; do printf '[%s]' "$arg"; done | sed 's/--control-fd=[0-9]*//'
END
chmod +x shown
for words in 'g1 hostb' '-C conf g1 hostb --dedup=disk' \
    '--dedup-level=9 -p --live g1 hostb' '--dry-run g1 hostb'; do
    # shellcheck disable=SC2086  # words
    XL_DEDUP_XL=$tmp/shown XL_DEDUP=$tmp/shown "$abs_top_builddir/xl" \
        migrate --dedup $words >expected
    [ -s expected ] || fail "nothing was run: $words"
    # shellcheck disable=SC2086
    XL_DEDUP_XL=$tmp/shown XL_DEDUP=$tmp/shown xl-dedup migrate $words >out
    cmp expected out || fail "another command line: $words"
done

head -c 3000000 /dev/urandom >a/disk.img
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img"
export FAKE_DISKS
MIGRATION_MARK=$tmp timeout 120 xl-dedup migrate g1 hostb >out 2>err \
    </dev/null || { cat err >&2; fail "exit status $?"; }
said 'guest moved'
cmp a/disk.img b/disk.img || fail "the disk is another one"
helpers_gone
[ ! -e other-xl ] || fail "the xl in PATH was run"

# Wrong use and help are the front's.
xl-dedup migrate >out 2>err
[ $? = 2 ] || fail "no domain: status"
said 'a domain and a host are required'
xl-dedup migrate g1 -- -oProxyCommand=x >out 2>err
[ $? = 64 ] || fail "no host: status"
xl-dedup migrate --dedup --help >out 2>err || fail "help: status $?"
"$abs_top_builddir/xl" migrate --dedup --help | cmp - out ||
    fail "another help"
xl-dedup migrate --help | grep -q 'xl-migrate-dedup(8)' || fail "own help"

# A front that is missing is named, and nothing has happened.
XL_DEDUP_FRONT=$tmp/none xl-dedup migrate g1 hostb >out 2>err
[ $? = 2 ] || fail "no front: status"
said "cannot run $tmp/none"
pass "xl-dedup migrate"
