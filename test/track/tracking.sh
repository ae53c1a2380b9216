# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2254
# Sourced by the tests of the tracker, after functions.sh: real devices and
# the kernel's own tracing.
#   loop_on FILE [OPTION...]   attaches a loop device; its name in $loop
#   has_dm                  whether there is device-mapper
#   dm_on DEVICE            dm-linear over all of it, stands for LVM; $dm
#   zram_on SIZE            a disk in memory, without requests; $zram
#   tool ARGUMENT...        starts tracker-tool; skips if tracing is denied
#   ask COMMAND             sends it a command; the answer in $answer
#   expect COMMAND ANSWER   and the answer must match the pattern
#   until_quiet             waits for 10 s at most
#   settles DEVICE          although somebody writes to it all the while; the
#                           tool runs then, and nothing is dirty
#   race ...                passes while somebody writes; see there
#   spared                  after a race with pauses of 30 ms: some pass copied
#                           less than half.  66 writes a second make at most
#                           132 of the 384 regions of 24 MiB dirty: a host on
#                           which a pass takes two seconds still shows it.

started_in=$PWD
requires losetup truncate dd cmp mkfifo
[ "$(id -u)" = 0 ] || skip "not root"
tmpdir

loop_on() {
    loop=$(losetup -f --show "$@" 2>/dev/null) ||
        skip "no loop devices"
    cleanup_fn "detach $loop"
}

has_dm() {
    command -v dmsetup >/dev/null && dmsetup version >/dev/null 2>&1
}

dm_on() {
    has_dm || skip "no device-mapper"
    dm_name=xl-dedup-test-$$
    dmsetup --noudevsync create "$dm_name" --table \
        "0 $(blockdev --getsz "$1") linear $1 0" 2>/dev/null ||
        fail "dmsetup"
    cleanup_fn "dmsetup --noudevsync remove --retry $dm_name"
    dm=/dev/dm-$(dmsetup info -c --noheadings -o minor "$dm_name")
}

. "${abs_top_srcdir:-..}/test/track/zram.sh"

tool() {
    rm -f to from
    mkfifo to from
    tracker-tool "$@" <to >from 2>tool.log &
    tool=$!
    exec 3>to 4<from
    cleanup_fn "kill $tool 2>/dev/null"
    IFS= read -r answer <&4 || fail "no tool: $(cat tool.log)"
    case $answer in
    "start 0 "*) echo "$name: $* $answer" ;;
    *perf\ cannot*|*tracefs*) skip "$answer" ;;
    *) fail "$answer" ;;
    esac
}

ask() {
    echo "$1" >&3
    IFS= read -r answer <&4 || fail "$1: the tool has ended"
}

# A loaded Linux 6.18 loses an event now and then, and says so.  That is as it
# must be, but no time for exact questions.
again() {
    echo "$name: $answer"
    [ "${TRACK_TRY:-1}" -lt 4 ] || skip "the kernel loses events"
    TRACK_TRY=$((${TRACK_TRY:-1} + 1))
    export TRACK_TRY
    trap - EXIT
    exec 3>&- 4<&-
    eval "$cleanups"
    cd "$started_in" && exec sh "$0"
}

expect() {
    ask "$1"
    # shellcheck disable=SC2254
    case $answer in
    $2) ;;
    *EOVERFLOW*"events of processor"*lost*) again ;;
    *EOVERFLOW*"lost events"* | *EOVERFLOW*"sectors were written, but "*)
        again ;;
    "canary EIO "*"leaves no trace"*) again ;;
    *) fail "$1: '$answer' instead of '$2'" ;;
    esac
}

until_quiet() {
    tries=0
    ask quiet
    while [ "$answer" != "quiet 1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "$answer for 10 s"
        sleep 0.1
        ask quiet
    done
}

stop_tool() {
    echo stop >&3
    exec 3>&- 4<&-
    wait "$tool" || fail "the tool ended with $?"
}

begin_writer() {
    tracker-writer "$2" "$seed" $((32 << 10)) 2 "$3" "${discards:-0}" >writes &
    writer=$!
    cleanup_fn "kill $writer 2>/dev/null"
}

# A doubt is as good as an answer: the pass then copies everything.
one_pass() {
    ask "pass copy"
    case $answer in
    "pass 0 "*) ;;
    "pass EOVERFLOW "*) doubts=$((doubts + 1)); echo "$name: $answer" ;;
    *) fail "$answer" ;;
    esac
    # shellcheck disable=SC2086
    set -- $answer
    passes="$passes $3"
}

# settles DEVICE: a load of a hundred blocks a second at most, that never pauses
# for long; after some tries few blocks must be dirty.
settles() {
    tracker-writer "$1" "$seed" 4096 1 10000 >writes &
    writer=$!
    cleanup_fn "kill $writer 2>/dev/null"
    tool -g 4096 "$1"
    [ "$answer" = "start 0 [by submission]" ] || fail "$answer"
    expect canary "canary 0"
    tries=0
    while
        expect collect "collect 0 *"
        # shellcheck disable=SC2086
        set -- $answer
        [ "$3" -gt $((500 * 4096)) ]
    do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "a light load keeps everything dirty: $*"
        sleep 0.1
    done
    kill $writer
    wait $writer || fail "the writer ended with $?"
    until_quiet
    ask collect
    expect collect "collect 0 0"
}

# race IMAGE DEVICE PAUSE [PASSES]: copies the image in passes while a writer
# never stops, then once more; the copy must be equal.  The writer goes past the
# cache, as blkback does, and starts first or, busy=no, when the device has
# been seen quiet.  One in $discards of what it does is a discard.  The least
# that a pass copied is in $least.
race() {
    rm -f copy
    [ "${busy:-yes}" = no ] || begin_writer "$@"
    tool "$1"
    expect canary "canary 0"
    [ "${busy:-yes}" = yes ] || { until_quiet; begin_writer "$@"; }
    passes=; doubts=0
    for i in $(seq "${4:-6}"); do
        one_pass
        sleep 0.2
    done
    sleep 0.5
    kill "$writer"
    wait "$writer" || fail "the writer ended with $?"
    until_quiet
    expect canary "canary 0"
    ! cmp -s "$1" copy || fail "vacuous: equal before the last pass"
    spared=$passes
    one_pass
    echo "$name: pause $3: $(cat writes); $doubts doubts;" \
        "bytes per pass:$passes"
    cmp "$1" copy || fail "not equal after the last pass"
    expect collect "collect 0 0"
    expect canary "canary 0"
    stop_tool
    # Nothing could be spared.
    [ "$doubts" -lt "${4:-6}" ] || again
    least=$(stat -c %s copy)
    for n in $spared; do [ "$n" -ge "$least" ] || least=$n; done
}

spared() {
    [ "$least" -lt $(($(stat -c %s copy) / 2)) ] ||
        fail "every pass read nearly everything"
}
