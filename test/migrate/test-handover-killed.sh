#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Whenever the helper at the source, or what takes the configuration at the
# target, is killed: the configuration is whole at the source under one of its
# two names, it is whole at the target or not there, and what was begun can be
# undone.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/migrate/handover.sh"
requires python3 cmp
export XL_DEDUP

handover_setup
aside=xen-a/g1.cfg.moved-to-hostb
KILL_LOG=$tmp/steps
export KILL_LOG

# Only the helper of the source is killed.
cat >"$tmp/bin/helper" <<END
#!/bin/sh
[ "\$1" != send-xl ] || {
    KILL_AT=\$STEP
    KILL_PATH=$tmp/a/:$tmp/xen-a:/state-a/moved/
    LD_PRELOAD=$abs_top_builddir/.libs/libkillat.so
    export KILL_AT KILL_PATH LD_PRELOAD
}
exec $abs_top_builddir/xl-dedup "\$@"
END
chmod +x "$tmp/bin/helper"
XL_DEDUP=$tmp/bin/helper

# steps CALL...: those that were made
steps()
{
    [ "$(cut -d' ' -f1 steps | tr '\n' ' ')" = "$*${*:+ }" ] ||
        fail "$row: $(cat steps)"
}

for STEP in 1 2 3 4 5 6; do
    row="source: killed before step $STEP"
    export STEP
    again
    : >steps
    migrate
    helpers_gone
    case $STEP in
    1) steps rename ;;
    2) steps rename fsetxattr ;;
    3) steps rename fsetxattr rename ;;
    4) steps rename fsetxattr rename unlink ;;
    *) steps rename fsetxattr rename unlink renameat2 ;;
    esac
    cmp orig b/disk.img || fail "$row: the guest's disk is not there"
    if [ "$STEP" = 1 ]; then
        # That it may start there is not permitted before it is noted.
        [ "$(cat guest/a)" = running ] || fail "$row: the guest is not here"
        as_before
        continue
    fi
    [ "$(cat guest/b)" = running ] || fail "$row: nor is the guest"
    if [ "$STEP" = 6 ]; then
        [ "$status" = 0 ] || fail "$row: was killed"
        file "$aside" here.cfg
    else
        file xen-a/g1.cfg here.cfg
        none "$aside"
    fi
    refusal=
    [ "$STEP" -gt 3 ] || refusal=$unsure
    is_refused a create "$(find xen-a -name 'g1.cfg*' -type f)"
    # as its message says
    xl-dedup reclaim "$tmp/a/disk.img" 2>err || fail "$row: $(cat err)"
    as_before
done

# And what takes it there.
XL_DEDUP=$tmp/bin/xl-dedup
ADOPT="export KILL_AT=\$STEP KILL_PATH=$tmp/xen-b
export LD_PRELOAD=$abs_top_builddir/.libs/libkillat.so"
export ADOPT
for STEP in 1 2 3; do
    row="target: killed before step $STEP"
    again
    : >steps
    moved
    case $STEP in
    1) steps renameat2 ;;
    *) steps renameat2 symlinkat ;;
    esac
    file "$aside" here.cfg
    if [ "$STEP" = 1 ]; then
        none xen-b/g1.cfg
    else
        file xen-b/g1.cfg here.cfg
    fi
    [ "$STEP" = 3 ] || said 'its configuration was not brought there'
    [ "$STEP" != 3 ] || [ -L xen-b/auto/g1.cfg ] || fail "$row: no link"
    # The next one is not hindered by what was left.
    xl-dedup reclaim g1 2>err || fail "$row: $(cat err)"
    ADOPT='' moved
    file xen-b/g1.cfg here.cfg
    [ "$(ls -A xen-b)" = "$(printf 'auto\ng1.cfg')" ] ||
        fail "$row: $(ls -A xen-b)"
done
pass "killed"
