#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/getting-started.md: each block of commands is shell and says on which
# host it is run; the commands and options are known to the programs, installing
# is what README.md says, and what needs no Xen does what the page tells.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires awk

page=$abs_top_srcdir/docs/getting-started.md
tmpdir

# Each block is a file, named by its number and that of its section.
awk '
    /^## / { section = $2 + 0 }
    /^```sh$/ { file = sprintf("block-%02d-%d", ++n, section); next }
    /^```$/ && file { close(file); file = ""; next }
    /^```/ { print "line " FNR ": commands are in blocks of sh" >"wrong" }
    file { print >file }
    END { if (file) print "the last block has no end" >"wrong" }' "$page"
[ ! -e wrong ] || { cat wrong >&2; fail "see above"; }
[ -e block-01-1 ] || fail "no blocks"

for block in block-*; do
    where=$(head -n 1 "$block")
    case ${where%%, only *} in
    '# on xen-a' | '# on xen-b' | '# on xen-a and xen-b') ;;
    *) fail "'$where' does not say on which host" ;;
    esac
    sh -n "$block" || fail "$(cat "$block")"
done

# The way there, and back.
cat block-* >all
grep '^xl migrate --dedup .*web1' all >way
printf '%s\n' 'xl migrate --dedup --dry-run web1 xen-b' \
    'xl migrate --dedup web1 xen-b' 'xl migrate --dedup web1 xen-a' >want
diff want way >lines || { cat lines >&2; fail "another way"; }

sed -n -e 's/^ssh xen-[ab] //' -e '/^xl-dedup /p; /^xl migrate /p' all >ours
[ "$(wc -l <ours)" -ge 8 ] || fail "no commands of ours"
while read -r program command options; do
    case $program in
    xl) set -- "$abs_top_builddir/xl" migrate --dedup --help ;;
    *) set -- xl-dedup "$command" --help ;;
    esac
    [ "$command" != --version ] || set -- xl-dedup --version
    "$@" >help 2>&1 </dev/null || fail "no '$program $command': $(cat help)"
    for option in $options; do
        case $option in
        --help | [!-]*) ;;
        *) grep -q -e " $option\\>" help ||
            fail "'$program $command' does not know $option" ;;
        esac
    done
done <ours

# What the table quotes of messages is in one: strings of the sources as the
# compiler joins them.
find "$abs_top_srcdir/plugin" "$abs_top_srcdir/libxlhooks" -name '*.c' \
    -exec cat {} + | tr '\n' ' ' | sed 's/" *"//g' >sources
sed -n '/^## If it fails/,/^## /s/^| \(`[^|]*\) |.*/\1/p' "$page" |
    grep -o '`[^`]*`' | tr -d '`' | sed 's/ \.\.\. /\n/g' >quoted
[ "$(wc -l <quoted)" -ge 8 ] || fail "no messages"
while IFS= read -r text; do
    grep -qF -e "$text" sources || fail "no message says '$text'"
done <quoted

# Section 2 begins with it.
set -- block-*-2
sed 1d "$1" | while IFS= read -r line; do
    grep -qF -e "    $line" "$abs_top_srcdir/README.md" ||
        fail "README.md does not say: $line"
done || exit 1

# Section 3, with files of ours.
mkdir etc srv
{ cat "$abs_top_srcdir/docs/xl-dedup.conf"; echo "state = $tmp/state"; } \
    >etc/xl-dedup.conf
noise golden 300000 >srv/golden.img
XL_DEDUP_CONFIG=$tmp/etc/xl-dedup.conf; export XL_DEDUP_CONFIG
sed "s,/etc/xl-dedup/,$tmp/etc/,; s,/srv/xen/,$tmp/srv/," block-*-3 >script
sh -e script >out 2>&1 || fail "$(cat out)"
xl-dedup index --list >out || fail "no list"
grep -q "$tmp/srv/golden.img" out || fail "not indexed: $(cat out)"
pass "$(find . -name 'block-*' | wc -l) blocks"
