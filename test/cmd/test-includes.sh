#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The folders of the sources stand on floors (includes.awk): nothing is included
# from a floor above, nor from another folder of the same floor, and inside a
# folder no files go round in a circle, by their headers or by their calls.
#
#   test-includes.sh [TREE]    TREE instead of our own
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
tree=${1:-$abs_top_srcdir}

# judge TREE: what is wrong there
judge()
{
    # The names have no blanks.
    # shellcheck disable=SC2046
    (cd "$1" && awk -f "$abs_top_srcdir/test/cmd/includes.awk" \
        $(find plugin libxlhooks fsparse -name '*.[ch]' | LC_ALL=C sort))
}

# file PATH HEADER...: a file of the made-up tree
file()
{
    mkdir -p "$(dirname "$1")"
    printf '/* made up */\n' >"$1"
    path=$1
    shift
    [ $# = 0 ] || printf '#include "%s"\n' "$@" >>"$path"
}

# made_up: a tree in which nothing is wrong
made_up()
{
    rm -rf plugin libxlhooks fsparse
    file fsparse/fsparse.h
    file fsparse/map.c config.h fsparse/fsparse.h
    file plugin/proto.h
    file plugin/base/buf.h
    file plugin/base/buf.c config.h plugin/base/buf.h
    file plugin/image/blockdev.h plugin/base/buf.h
    file plugin/image/image.h plugin/image/blockdev.h fsparse/fsparse.h
    file plugin/wire/wire.h plugin/proto.h
    file plugin/source/disk.h plugin/wire/wire.h
    file plugin/source/pass.h plugin/source/disk.h
    file plugin/source/pass.c plugin/source/pass.h plugin/image/image.h
    file plugin/source/sender.c plugin/source/pass.h plugin/source/disk.h
    file plugin/target/disk.h
    file plugin/xl/control.h
    file plugin/cmd/push.c plugin/source/pass.h plugin/target/disk.h
    file libxlhooks/hooks.c plugin/xl/control.h plugin/base/buf.h \
        plugin/image/blockdev.h
}

# finds COUNT TEXT...: the made-up tree has COUNT faults, each TEXT among what
# is said; then it is as before
finds()
{
    count=$1
    shift
    status=0
    judge . >found || status=$?
    [ "$(grep -vc '^ ' found)" = "$count" ] || {
        cat found >&2
        fail "not $count faults: $*"
    }
    [ "$status" = $((count > 0)) ] || fail "exit status $status"
    for text; do
        grep -qF -e "$text" found || {
            cat found >&2
            fail "not found: $text"
        }
    done
    made_up
}

tmpdir
made_up
finds 0

file plugin/base/buf.c config.h plugin/base/buf.h plugin/wire/wire.h
finds 1 'plugin/base/buf.c:4: includes plugin/wire/wire.h: up, from base on floor 1 to wire on floor 2'
file plugin/source/pass.h plugin/cmd/push.h
file plugin/cmd/push.h
finds 1 'plugin/source/pass.h:2: includes plugin/cmd/push.h: up, from source on floor 5 to cmd on floor 7'
file plugin/xl/control.h libxlhooks/hooks.h
file libxlhooks/hooks.h
finds 1 'control.h:2: includes libxlhooks/hooks.h: up, from xl on floor 6'

file plugin/source/pass.h plugin/target/disk.h
finds 1 'plugin/source/pass.h:2: includes plugin/target/disk.h: across, source and target are both on floor 5'
file plugin/base/buf.h plugin/proto.h
finds 1 'across, base and proto are both on floor 1'
printf '  #  include  "plugin/match/rolling.h"\n' >>plugin/image/image.h
file plugin/match/rolling.h
finds 1 'plugin/image/image.h:4: includes plugin/match/rolling.h: across'

file libxlhooks/hooks.c plugin/image/image.h
finds 1 'libxlhooks/hooks.c:2: includes plugin/image/image.h: of the plugin, libxlhooks may'

# Of two, through a .c; of three, one of which is a header alone; and what only
# hangs on a circle is not of it.
file plugin/source/pass.c plugin/source/pass.h plugin/source/delta.h
file plugin/source/delta.h plugin/source/disk.h
file plugin/source/delta.c plugin/source/delta.h plugin/source/pass.h
finds 1 'others: plugin/source/delta plugin/source/pass' \
    '    plugin/source/delta.c:3: includes plugin/source/pass.h' \
    '    plugin/source/pass.c:3: includes plugin/source/delta.h'
file plugin/source/disk.h plugin/source/delta.h
file plugin/source/delta.h
file plugin/source/delta.c plugin/source/pass.h
finds 1 '    plugin/source/disk.h:2: includes plugin/source/delta.h' \
    '    plugin/source/pass.h:2: includes plugin/source/disk.h'
file fsparse/fsparse.h fsparse/map.h
file fsparse/map.h fsparse/fsparse.h
file plugin/target/disk.h plugin/target/pass.h
file plugin/target/pass.h plugin/target/disk.h
finds 2 'others: fsparse/fsparse fsparse/map' \
    'others: plugin/target/disk plugin/target/pass'

# By calls, of functions that a third header declares; but not by what stands in
# comments or strings, is a member, or is static.
printf 'int pass_run(void)\n{\n    return delta_send();\n}\n' \
    >>plugin/source/pass.c
printf '%s\n' 'int delta_send(void)' '{' '    /* see' '     * pass_run() */' \
    '    call(".pass_run()", disk->pass_run, disk.pass_run);' '}' \
    >plugin/source/delta.c
cp plugin/source/delta.c keep
finds 0
printf 'static int pass_run(void)\n{\n    return delta_send();\n}\n' \
    >>plugin/source/pass.c
sed 's/call(.*/call(pass_run);/' keep >plugin/source/delta.c
finds 0
printf 'int pass_run(int first,\n    int last)\n{\n    delta_send();\n}\n' \
    >>plugin/source/pass.c
sed 's/call(.*/call(pass_run);/' keep >plugin/source/delta.c
finds 1 'others: plugin/source/delta plugin/source/pass' \
    '    plugin/source/delta.c:5: calls pass_run' \
    '    plugin/source/pass.c:7: calls delta_send'

file plugin/wire/wire.h plugin/wire/gone.h
finds 1 'plugin/wire/wire.h:2: there is no plugin/wire/gone.h'
file plugin/attic/old.c plugin/base/buf.h
finds 1 'plugin/attic/old.c:2: attic is on no floor'

judge "$tree" || fail "see above"
pass "includes"
