# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the shell tests:
#   requires CMD...   skip (77) unless every command is there
#   skip MSG, fail MSG, pass MSG
#   tmpdir            creates $tmp and goes there; gone at exit
#   cleanup_fn CMD    runs CMD at exit, the last added first
#   unmount DIR       waits for processes that look at it
#   destinations      for the configuration of a host of this test: pushes may go
#                     anywhere below $tmp, and to loop devices

set -u
LC_ALL=C.UTF-8; export LC_ALL
# xl-dedup refuses directories that a group may write to.
umask 022
name=$(basename "$0" .sh)
cleanups=:

fail() { echo "$name: FAIL: $*" >&2; exit 1; }
skip() { echo "$name: skipped: $*"; exit 77; }
pass() { echo "$name: ok: $*"; }

requires() {
    for c; do
        command -v "$c" >/dev/null || skip "no $c"
    done
}

cleanup_fn() { cleanups="$*; $cleanups"; }
trap 'eval "$cleanups"' EXIT
trap 'exit 1' HUP INT TERM

tmpdir() {
    tmp=$(mktemp -d "${TMPDIR:-/tmp}/xl-dedup-test.XXXXXX") || exit 1
    cleanup_fn "cd /; rm -rf '$tmp'"
    cd "$tmp" || exit 1
}

# detach DEVICE: of a file below $tmp; if it is gone already, its number may be
# another test's.
detach() {
    case $(losetup -n -O BACK-FILE "${1:-none}" 2>/dev/null) in
    "$tmp"/*) losetup -d "$1" ;;
    esac
}

# unmount DIR: a process that looks through /proc which files are open, as other
# tests do all the time, keeps a file system busy for a moment.
unmount() {
    for _ in $(seq 50); do
        umount "$1" 2>/dev/null && return 0
        sleep 0.1
    done
    umount "$1"
}

destinations() { printf 'destination = %s\n' "$tmp" '/dev/loop*'; }

# seed N: the test's random numbers; SEED of the environment wins.
seed() {
    seed=${SEED:-$1}
    echo "$name: SEED=$seed"
}

# noise KEY BYTES: reproducible bytes that nothing compresses.
noise() {
    openssl enc -aes-128-ctr -nosalt -pass "pass:${seed:-0}/$1" -pbkdf2 \
        -iter 1 -in /dev/zero 2>/dev/null | head -c "$2"
}
