#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzzes: builds the targets with clang, libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer and runs each of them for some time, one after the
# other.  Beside what lies in corpus/ a target has a folder of what it found
# earlier, so that it goes on where it ended.
#
#   run.sh BUILD SECONDS [TARGET]...    (make fuzz SECONDS=60 FUZZ='ext ntfs')
#
# BUILD is a folder that is made, and holds all of it: objects, what was found
# (found/TARGET), logs (logs/TARGET) and what failed (failed/TARGET-*).  Needs
# clang with libFuzzer.  What libraries.sh has built is linked in place of the
# system's libext2fs and libntfs-3g, if it is there.
#
# Ends with a table; exit status 1: something failed.
set -eu
build=$1 seconds=$2
shift 2
here=$abs_top_srcdir/test/fuzz
cache=${XDG_CACHE_HOME:-$HOME/.cache}/xl-dedup-fuzz
export LC_ALL=C

command -v clang >/dev/null || {
    echo "fuzzing needs clang (apt install clang)" >&2
    exit 77
}

configure()
{
    # NULL + 0 is NULL, as the next C has it and compilers always had.
    set -- CC=clang CFLAGS='-O1 -g -fno-sanitize=pointer-overflow' \
        LIB_FUZZING_ENGINE=-fsanitize=fuzzer \
        --enable-sanitizers=fuzzer-no-link,address,undefined
    if [ -e "$cache/lib/libext2fs.a" ] && [ -e "$cache/lib/libntfs-3g.a" ]; then
        set -- "$@" \
            EXT2FS_CFLAGS="-isystem $cache/include" \
            EXT2FS_LIBS="$cache/lib/libext2fs.a $cache/lib/libcom_err.a" \
            NTFS_CFLAGS="-isystem $cache/include" \
            NTFS_LIBS="$cache/lib/libntfs-3g.a"
    fi
    "$abs_top_srcdir/configure" -q --disable-dependency-tracking "$@"
}

mkdir -p "$build/found" "$build/failed" "$build/logs"
cd "$build"
[ -e Makefile ] || configure
make -s -j "$(nproc)" fuzz-targets

# The stacks of allocations, and memory that is kept for long after it was
# freed, would take longer than the rest.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export ASAN_OPTIONS=$ASAN_OPTIONS:malloc_context_size=2:quarantine_size_mb=8

# fuzz TARGET: runs it; its log ends with its figures.  A slow host is no
# finding, but what takes a minute is.
fuzz()
{
    mkdir -p "found/$1"
    "test/fuzz/fuzz-$1" -max_total_time="$seconds" -timeout=60 \
        -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
        -close_fd_mask=1 -artifact_prefix="failed/$1-" \
        "found/$1" "$here/corpus/$1" >"logs/$1" 2>&1
}

# executions TARGET, coverage WHAT TARGET: of libFuzzer's last lines
executions()
{
    sed -n 's/^stat::number_of_executed_units: *//p' "logs/$1"
}

coverage()
{
    grep -E '^#[0-9]+.* cov: ' "logs/$2" | tail -1 |
        sed -n "s/.* $1: \([0-9]*\).*/\1/p"
}

row='%-14s %10s %8s %9s %8s  %s\n'
# shellcheck disable=SC2059  # it is a format
table() { printf "$row" "$@"; }

# The names have no blanks.
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(ls "$here/corpus")
failed=0
table target executions edges features inputs result
for target; do
    result=good
    fuzz "$target" || { result=FAILED failed=1; }
    table "$target" "$(executions "$target")" "$(coverage cov "$target")" \
        "$(coverage ft "$target")" \
        "$(find "found/$target" -type f | wc -l)" "$result"
done
exit $failed
