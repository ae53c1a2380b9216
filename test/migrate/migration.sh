# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What the tests of the helpers share; to be sourced after functions.sh.
#
# "a" and "b" are two directories of one machine; fake-xl.py plays both xl's,
# and "ssh" is a script that runs its command here.

migration_setup()
{
    tmpdir
    mkdir "$tmp/a" "$tmp/b" "$tmp/bin" "$tmp/state-a" "$tmp/state-b"
    ln -s "$abs_top_builddir/xl-dedup" "$tmp/bin/xl-dedup"
    # python3 may be a wrapper that takes long to find what it runs.
    ln -s "$(python3 -c 'import os, sys
print(os.path.realpath(sys.executable))')" "$tmp/bin/python3"
    cat >"$tmp/bin/ssh" <<END
#!/bin/sh
# the other host: everything but HOST is the command
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
shift
exec "\$@"
END
    chmod +x "$tmp/bin/ssh"
    printf 'state = %s\n' "$tmp/state-a" >"$tmp/a.conf"
    # the wait must not depend on how busy the machine is
    printf 'state = %s\nreference = %s/b/reference*.img\nindex-wait = 900\n' \
        "$tmp/state-b" "$tmp" >"$tmp/b.conf"
    destinations | tee -a "$tmp/a.conf" >>"$tmp/b.conf"
    PATH=$tmp/bin:$PATH
    XL_DEDUP=$tmp/bin/xl-dedup
    XL_DEDUP_CONFIG=$tmp/a.conf
    XL_DEDUP_XL=$abs_top_srcdir/test/lib/fake-xl.py
    XL_DEDUP_HOOKS=$abs_top_builddir/.libs/libxlhooks.so
    export PATH XL_DEDUP XL_DEDUP_CONFIG XL_DEDUP_XL XL_DEDUP_HOOKS
    unset LD_PRELOAD
    # For a build with sanitizers: a helper ends with its threads, and what
    # they hold is no leak; the hooks are preloaded before the runtime.
    ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0:verify_asan_link_order=0
    export ASAN_OPTIONS
}

# preload LIBRARY: into the helper at the source, and what it starts
preload()
{
    cat >"$tmp/bin/helper" <<END
#!/bin/sh
LD_PRELOAD=$abs_top_builddir/.libs/$1 exec $abs_top_builddir/xl-dedup "\$@"
END
    chmod +x "$tmp/bin/helper"
    XL_DEDUP=$tmp/bin/helper
}

# forgotten: as if nothing had been migrated yet
forgotten()
{
    helpers_gone
    rm -rf "$tmp/b" "$tmp/state-a" "$tmp/state-b"
    mkdir "$tmp/b" "$tmp/state-a" "$tmp/state-b"
}

# migrate [OPTION...]: what the admin types; sets $status, fills out and err
migrate()
{
    status=0
    MIGRATION_MARK=$tmp timeout 120 "$abs_top_builddir/xl" migrate --dedup \
        "$@" g1 hostb >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
}

# processes_gone SECONDS: waits so long at most until no process of this test's
# migrations is left; fails, and shows those that are.
processes_gone()
{
    for _ in $(seq $(($1 * 10))); do
        # not by its status: processes end while it reads
        grep -lsa "MIGRATION_MARK=$tmp" /proc/[0-9]*/environ >"$tmp/left"
        [ -s "$tmp/left" ] || return 0
        sleep 0.1
    done
    while read -r environ; do
        tr '\0' ' ' <"${environ%/*}/cmdline" >&2
        echo >&2
    done <"$tmp/left"
    return 1
}

# After a migration xl does not wait for the helpers, which still enter the
# disks into the index.
helpers_gone()
{
    processes_gone 30 || fail "${row:-}: processes are left"
}

# said TEXT: the admin was told so
said()
{
    grep -q -e "$1" "$tmp/err" "$tmp/out" ||
        { cat "$tmp/out" "$tmp/err" >&2; fail "${row:+$row: }was not said: $1"; }
}

# refused TEXT: failed with this message, guest not touched
refused()
{
    [ "$status" != 0 ] || fail "did not fail"
    said "$1"
    said 'guest untouched'
}
