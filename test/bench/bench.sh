#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# xl-dedup beside rsync, casync, borg and zstd --patch-from: what it costs to
# bring an image to a host that holds another one.
#
#   bench.sh IMAGE REFERENCE [IMAGE REFERENCE]...
#
# Prints a table in Markdown: megabytes (10^6) in both directions, seconds of
# wall clock and of CPU at either side, and peak memory.  What arrives is
# compared with the image every time; where free space is left out, with what
# dumpe2fs or ntfsclone say of it.  Programs that are not installed are left
# out.  Images, of one partition, are made by mkimages.sh.  Environment:
#   BUILD   directory of the build (.)
#   WORK    directory with room for three images (a new one in /tmp)
#   ONLY    some of: xl-dedup rsync casync borg patch, and links and
#           peer-links for xl-dedup and rsync over links (all)
#   LEVELS  levels of xl-dedup besides the one that follows the link (3 19)
#   INDEXED not empty: the target's index is made before, as its timer does;
#           otherwise within what is measured
#   CACHED  not empty: image and reference are in the page cache, as what is
#           compared after every run may have driven them out
#   PAUSE   seconds of rest before what is measured (0)
#   RATES   Mbit/s of links between two network namespaces (none; root)
# Words are to be split in some places.
# shellcheck disable=SC2046,SC2086
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${BUILD:-.}" && pwd)
work=${WORK:-$(mktemp -d /tmp/xl-dedup-bench.XXXXXX)}
XL_DEDUP_PARSER=$build/xl-dedup-parse
PATH=$build:$PATH
export XL_DEDUP_PARSER PATH
mkdir -p "$work"
link_command=$work/target.sh
. "$here/link.sh"
cleanup()
{
    link_down
    rm -rf "$work"/{new,used,target.sh,rsh,near,far,near.conf,far.conf,times,err} \
        "$work"/{state-near,state-far,store,repo,repo-base,patch} \
        "$work"/{ref,new}.caibx
}
trap cleanup EXIT

mb() { awk -v n="$1" 'BEGIN { printf "%.2f", n / 1e6 }'; }
wanted() { [ -z "${ONLY:-}" ] || [[ " $ONLY " = *" $1 "* ]]; }
row() { printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$pair" "$@"; }

# timed FILE COMMAND...: wall, CPU, and peak memory in kB go to FILE.  Before
# that, free memory is used once: where it was not for a while, the host of a
# virtual machine has to find some, which takes as long as what is measured.
timed()
{
    local to=$1
    shift
    # shellcheck disable=SC2016
    perl -e '$x = "x" x (2 << 30)'
    [ -z "${CACHED:-}" ] || cat "$image" "$reference" >/dev/null
    sleep "${PAUSE:-0}"
    /usr/bin/time -q -f '%e %U %S %M' -o "$to" "$@"
}
field() { awk -v n="$2" 'END { print $n }' "$1"; }
cpu() { awk 'END { printf "%.1f", $2 + $3 }' "$1"; }
peak() { awk '$4 > m { m = $4 } END { printf "%d", m / 1024 }' "$@"; }

# The image, with zeros in all blocks that its file system does not use: in
# $work/used.  Independent of what is measured.
make_used()
{
    local start sectors offset type loop end size
    size=$(stat -c %s "$image")
    read -r start sectors < <(sfdisk -d "$image" | tr -d , |
        awk '/start=/ { sub(/.*start= */, ""); n = $1; sub(/.*size= */, "")
            print n, $1; exit }')
    offset=$((start * 512)) end=$(((start + sectors) * 512))
    rm -f "$work/used"
    truncate -s "$size" "$work/used"
    loop=$(losetup -f --show -r -o "$offset" --sizelimit $((sectors * 512)) \
        "$image")
    type=$(blkid -p -o value -s TYPE "$loop")
    case $type in
    ext4)
        cp --sparse=always "$image" "$work/used"
        dumpe2fs "$loop" 2>/dev/null | awk -v at="$offset" '
            /^Block size:/ { size = $3 }
            /^  Free blocks: ./ {
                sub(/^  Free blocks: /, "")
                n = split($0, range, ", ")
                for (i = 1; i <= n; i++) {
                    if (split(range[i], end, "-") < 2) end[2] = end[1]
                    printf "-o %d -l %d\n", at + end[1] * size,
                        (end[2] - end[1] + 1) * size
                } }' | xargs -L 1 fallocate -p "$work/used" ;;
    ntfs)
        ntfsclone -q -f -O "$work/volume" "$loop" >/dev/null
        dd if="$work/volume" of="$work/used" bs=512 seek="$start" \
            conv=notrunc,sparse status=none
        rm -f "$work/volume" ;;
    *) losetup -d "$loop"; return 1 ;;
    esac
    losetup -d "$loop"
    # what is around the partition
    dd if="$image" of="$work/used" bs=512 count="$start" conv=notrunc \
        status=none
    dd if="$image" of="$work/used" bs=512 skip=$((end / 512)) \
        seek=$((end / 512)) conv=notrunc status=none
    # not beside what is measured
    sync
}

# report METHOD OUT IN: of a run with two sides
report()
{
    cmp "$expected" "$work/new" || { echo "$1: not identical" >&2; exit 1; }
    row "$1" "$2" "$3" "$(field "$work/near" 1)" "$(cpu "$work/near")" \
        "$(cpu "$work/far")" "$(peak "$work/near" "$work/far")"
    rm -f "$work/new"
}

# What runs at the other side, $work/rsh HOST COMMAND..., and what measures it
connect()
{
    cat >"$work/rsh" <<END
#!/bin/bash
shift
[ "\$1" != -l ] || shift 2
set -- /usr/bin/time -q -f '%e %U %S %M' -o $work/far "\$@"
if [ -z "$rate" ]; then exec env XL_DEDUP_CONFIG=$work/far.conf "\$@"; fi
printf '%q ' env XL_DEDUP_CONFIG=$work/far.conf "\$@" >$work/target.sh
exec $link_client
END
    chmod +x "$work/rsh"
}

xl_dedup()      # NAME OPTION...
{
    local name=$1
    shift
    rm -rf "$work"/state-{near,far}
    mkdir "$work"/state-{near,far}
    echo "state = $work/state-near" >"$work/near.conf"
    printf 'state = %s\nreference = %s\ndestination = %s\n' \
        "$work/state-far" "$reference" "$work" \
        >"$work/far.conf"
    [ -z "${INDEXED:-}" ] ||
        XL_DEDUP_CONFIG=$work/far.conf "$build/xl-dedup" index 2>"$work/err" \
            >/dev/null || { cat "$work/err" >&2; exit 1; }
    XL_DEDUP_CONFIG=$work/near.conf timed "$work/near" "$build/xl-dedup" \
        push -e "$work/rsh" "$@" "$image" "far:$work/new" \
        2>"$work/err" || { cat "$work/err" >&2; exit 1; }
    report "$name" $(awk '$1 == "total" { print $5, $6 }' "$work/err")
}

run_rsync()     # NAME OPTION...
{
    local name=$1
    shift
    cp --sparse=always "$reference" "$work/new"
    sync
    timed "$work/near" rsync --no-whole-file --stats -S "$@" \
        -e "$work/rsh" "$image" "far:$work/new" >"$work/err"
    report "$name" $(awk -F': ' '/Total bytes/ { gsub(",", "", $2)
        printf "%.2f ", $2 / 1e6 }' "$work/err")
}

run_casync()
{
    rm -rf "$work/store"
    mkdir "$work/store"         # it makes the directories in there, not this
    local make="casync make --chunk-size=16384"
    $make --store="$work/store/ref.castr" "$work/ref.caibx" "$reference" \
        >/dev/null || { echo "casync does not run here" >&2; return 0; }
    timed "$work/near" $make --store="$work/store/new.castr" \
        "$work/new.caibx" "$image" >/dev/null
    # chunks of the image that the reference does not have, and the index
    local bytes
    bytes=$(cd "$work/store/new.castr" && find . -name '*.cacnk' \
        -printf '%P %s\n' | while read -r chunk size; do
        [ -e "$work/store/ref.castr/$chunk" ] || echo "$size"
    done | awk '{ n += $1 } END { print n + 0 }')
    bytes=$((bytes + $(stat -c %s "$work/new.caibx")))
    timed "$work/far" casync extract --store="$work/store/new.castr" \
        "$work/new.caibx" "$work/new" ||
        { echo "casync: its own image cannot be extracted" >&2; return 0; }
    report "casync 16K" "$(mb "$bytes")" 0.00
    rm -rf "$work/store" "$work"/{ref,new}.caibx
}

run_borg()
{
    rm -rf "$work/repo"
    export BORG_BASE_DIR=$work/repo-base BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
    local create="borg create --chunker-params=10,23,16,4095 -C zstd,3"
    local before bytes
    borg init -e none "$work/repo"
    $create "$work/repo::ref" "$reference"
    before=$(du -sb "$work/repo" | cut -f1)
    timed "$work/near" $create "$work/repo::new" "$image"
    bytes=$(($(du -sb "$work/repo" | cut -f1) - before))
    timed "$work/far" borg extract --stdout "$work/repo::new" >"$work/new"
    report "borg 64K" "$(mb "$bytes")" 0.00
    rm -rf "$work/repo" "$work/repo-base"
}

# Both packed, as zstd takes no file over 2 GiB.  The image is cut where it has
# to be: that limit again, and that it forgets the beginning of a reference that
# is, with the piece, longer than 3500 MiB.
pack_both()
{
    local room=$((2 << 30)) size
    rm -rf "$work/patch"
    mkdir "$work/patch"
    "$here/pack.py" pack "$reference" "$work/patch/old"
    "$here/pack.py" pack "$image" "$work/patch/all"
    size=$(stat -c %s "$work/patch/old")
    if [ "$size" -gt "$room" ]; then return; fi
    [ $((size + room)) -le $((3500 << 20)) ] || room=$(((3500 << 20) - size))
    size=$(stat -c %s "$work/patch/all")
    split -n $(((size + room - 1) / room)) "$work/patch/all" "$work/patch/new."
    rm "$work/patch/all"
}

run_patch()     # NAME OPTION...
{
    local name=$1
    shift
    # shellcheck disable=SC2016
    timed "$work/near" bash -ec 'cd "$0"
        for piece in new.*; do
            zstd -q -f -3 --long=31 "$@" --patch-from=old "$piece" \
                -o "patch.$piece"
        done' "$work/patch" "$@" ||
        { echo "zstd --patch-from does not run here" >&2; return 0; }
    # shellcheck disable=SC2016
    timed "$work/far" bash -ec 'cd "$0"
        for patch in patch.*; do
            zstd -q -d -c --long=31 --patch-from=old "$patch"
        done >all' "$work/patch"
    "$here/pack.py" unpack "$work/patch/all" "$work/new"
    report "$name" "$(mb "$(cat "$work/patch"/patch.* | wc -c)")" 0.00
    rm "$work/patch"/{all,patch.*}
}

have() { command -v "$1" >/dev/null && wanted "$1"; }

[ $# -ge 2 ] && [ $(($# % 2)) = 0 ] || { sed -n '3,20p' "$0" >&2; exit 64; }
echo '| pair | method | MB there | MB back | seconds | CPU s source |' \
    'CPU s target | peak MiB |'
echo '|---|---|---|---|---|---|---|---|'
while [ $# -gt 0 ]; do
    image=$(realpath "$1") reference=$(realpath "$2")
    pair="$(basename "$1" .img) → $(basename "$2" .img)" rate=
    shift 2
    connect
    ! wanted xl-dedup && ! wanted links || make_used
    if wanted xl-dedup; then
        expected=$work/used
        xl_dedup xl-dedup
        for level in ${LEVELS-3 19}; do
            xl_dedup "xl-dedup -$level" --level="$level"
        done
        expected=$image
        xl_dedup "xl-dedup --free=send" --free=send
    fi
    expected=$image
    ! have rsync || run_rsync 'rsync -z (zstd)' -z --compress-choice=zstd
    ! have casync || run_casync
    ! have borg || run_borg
    if wanted patch && command -v zstd >/dev/null; then
        pack_both
        run_patch "zstd -3 --patch-from (oracle)"
        run_patch "zstd -3 --patch-from --single-thread (oracle)" \
            --single-thread
        rm -r "$work/patch"
    fi
    for rate in ${RATES:-}; do
        link_up "$rate"
        connect
        expected=$work/used
        ! wanted links || xl_dedup "xl-dedup, $rate Mbit/s"
        expected=$image
        ! wanted peer-links || run_rsync "rsync -z, $rate Mbit/s" -z \
            --compress-choice=zstd
        ! wanted peer-links || run_rsync "rsync, $rate Mbit/s"
    done
done
