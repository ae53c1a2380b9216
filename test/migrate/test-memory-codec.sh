#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Streams of a saved guest go through the memory codec and come out as they
# were: made up ones with every record of the specifications, recorded ones,
# cut and damaged ones; fed in pieces of any length; with disks that hold
# something else than the source believes; and damaged frames do no harm.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3 openssl

tool=$abs_top_builddir/memory-tool
make_stream()
{
    python3 "$abs_top_srcdir/test/migrate/make-stream.py" --disk disk.img "$@"
}

# through NAME OPTION... FILE
through()
{
    label=$1
    shift
    "$tool" "$@" >out 2>err || { cat out err >&2; fail "$label: $*"; }
}

# verify FILE: Xen's own verifier, if it is here
verify()
{
    [ -n "$verifier" ] || return 0
    python3 "$verifier" -f libxl -i "$1" >out 2>&1 ||
        { tail -3 out >&2; fail "$verifier refuses $1"; }
}

tmpdir
seed 11
verifier=${VERIFY_STREAM:-}
for v in /usr/lib/xen-*/bin/verify-stream-v2; do
    [ -n "$verifier" ] || [ ! -e "$v" ] || verifier=$v
done
[ -n "$verifier" ] || echo "no verify-stream-v2 (xen-utils): not asked"
noise disk 1500000 >disk.img
noise other 900000 >other.img

for kind in pv hvm pvh checkpointed strange libxc-4 libxl-3 big-endian noise
do
    make_stream --seed "$seed" --pages 500 $kind >stream || fail "$kind"
    through $kind -f 3 -s "$seed" -d other.img -d disk.img stream
    case $kind in
    pv | pvh)
        verify stream
        grep -q 'on-disk 0 \|difference 0 \|zero 0 ' out && fail "$(cat out)"
        ;;
    libxc-4 | libxl-3 | big-endian | noise)
        grep -q '^pages 0 ' out || fail "$kind is not passed as it is"
        ;;
    esac
done

# every third page is not on disk as the index says; all are asked for
make_stream --seed "$seed" --pages 500 pvh >stream
through stale -x 3 -s 4 -d disk.img stream
grep -q 'asked 0' out && fail "nothing was asked for"
# a cache of a MiB, which is soon full; none; cheap
through "small cache" -c 1 -s 5 -d disk.img stream
through "no cache" -c 0 -s 6 -d disk.img stream
through cheap -C stream

# cut anywhere, and damaged anywhere
for i in 1 2 3 4 5 6; do
    python3 - "$seed$i" <<'END' || fail "cannot damage"
import random
import sys
r = random.Random(sys.argv[1])
data = bytearray(open("stream", "rb").read())
for _ in range(r.randrange(1, 6)):
    # records and lists of pages lie between pages
    data[r.randrange(r.choice((40, 9000, len(data))))] = r.randrange(256)
open("bad", "wb").write(data[:r.randrange(len(data))] if r.random() < .5
                        else data)
END
    through "damaged $i" -s "$i" -d disk.img bad
done

for recorded in "$abs_top_srcdir"/test/streams/*.xz; do
    python3 -c "import lzma, shutil, sys
shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)" \
        "$recorded" >stream || fail "$recorded"
    through "$recorded" -s "$seed" -f 2 stream
    awk '$1 == "bytes" { exit !($8 < $2 / 20) }' out ||
        fail "$(basename "$recorded"): $(cat out)"
    pass "$(basename "$recorded"): $(grep '^bytes' out)"
    case $recorded in
    *cut*) ;;
    *) verify stream ;;
    esac
done
