# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after migration.sh by tests in which another source asks host b, one
# that knows what anybody can know, and shows what it is told to:
#   asks DEST [KEY=VALUE...]  proving-source.py, of the disk $disk of the guest
#                             $uuid, $size bytes; what it was told is told
#   told REGEX, not_told REGEX

asks()
{
    dest=$1
    shift
    XL_DEDUP_CONFIG=$tmp/b.conf timeout 120 python3 \
        "$abs_top_srcdir/test/lib/proving-source.py" \
        "$abs_top_builddir/xl-dedup" "$dest" "uuid=$uuid" "vdev=$disk" \
        "path=$disk" "size=$size" "$@" >"$tmp/told" 2>"$tmp/told.err" ||
        { cat "$tmp/told" "$tmp/told.err" >&2; fail "$row: played source"; }
}
told()
{
    grep -q "$1" "$tmp/told" || { cat "$tmp/told" >&2; fail "$row: no $1"; }
}
not_told()
{
    ! grep -q "$1" "$tmp/told" || { cat "$tmp/told" >&2; fail "$row: told $1"; }
}
