#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What another host sends as a guest's configuration makes one new file and one
# link, or nothing at all.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3

tmpdir
mkdir guests state
XL_DEDUP_CONFIG=$tmp/conf XL_DEDUP_XL=$abs_top_srcdir/test/lib/fake-xl.py
export XL_DEDUP_CONFIG XL_DEDUP_XL
printf 'guests = %s\nstate = %s\n' "$tmp/guests" "$tmp/state" >conf

# adopt STATUS KEY=VALUE...: what is sent, with these in place of what is right;
# "text" is the file, "raw" is sent instead of all.  Sets status, fills err.
adopt()
{
    python3 - "$@" >sent <<'END'
import struct, sys
v = {"name": "g1", "uuid": "11111111-2222-3333-4444-555555555555",
     "file": "g1.cfg", "mode": "420", "starts": "1", "from": "hosta",
     "text": "name = 'g1'\n"}
v.update(a.split("=", 1) for a in sys.argv[2:])
text = v.pop("text").encode() * int(v.pop("times", "1"))
v.setdefault("length", str(len(text)))
head = b"".join(("%s=%s" % i).encode() + b"\0" for i in v.items()
                if i[1] != "-")
sys.stdout.buffer.write(
    v["raw"].encode() if "raw" in v else
    b"xl-dedup adopt 1\n" + struct.pack("<I", len(head)) + head + text)
END
    status=0
    timeout 60 "$abs_top_builddir/xl-dedup" adopt <sent >out 2>err || status=$?
    [ "$status" = "$1" ] || fail "$*: status $status: $(cat err)"
    [ ! -s out ] || fail "$*: $(cat out)"
}

refused()
{
    adopt 2 "$@"
    [ -s err ] || fail "$*: nothing is said"
    [ -z "$(ls -A guests)" ] || fail "$*: made $(ls -A guests)"
}

for file in ../g1.cfg /g1.cfg .g1 '' . .. 'a/b' xl.conf 'a b' "a
b" -x "$(printf %0201d 1)"; do
    refused "file=$file"
done
refused uuid=../../../../../../../../../../etc/xy
refused uuid=
refused name=
refused from=../x
refused length=11
refused length=13
refused raw=
refused "raw=xl-dedup adopt 1"
refused "raw=xl-dedup adopt 2
"
for key in name uuid file mode starts from length; do
    refused "$key=-"
done
refused times=100000
# xl has the last word
refused "text=name = 'g2'
"
refused "text=name = 'g1'
uuid = '11111111-2222-3333-4444-555555555556'
"
refused "text=name = (
"

# a directory that is not root's alone, or no directory
chmod g+w guests
refused
chmod g-w guests
sed -i 's|/guests$|/none|' conf
refused
sed -i 's|/none$|/guests|' conf

# what is there stays, whatever it is
echo theirs >elsewhere
ln -s "$tmp/elsewhere" guests/g1.cfg
adopt 0
[ "$(cat elsewhere)" = theirs ] && [ -L guests/g1.cfg ] || fail "followed"
[ "$(ls -A guests)" = "$(printf 'g1.cfg\ng1.cfg.came-from-hosta')" ] ||
    fail "$(ls -A guests)"
adopt 0 "text=name = \"g1\"
"
[ -e guests/g1.cfg.came-from-hosta.2 ] || fail "no second name: $(ls guests)"
rm guests/*
mkdir guests/g1.cfg
adopt 0
[ -e guests/g1.cfg.came-from-hosta ] || fail "over a directory: $(ls guests)"
rm -r guests/*
mkdir guests/auto
echo theirs >guests/auto/g1.cfg
adopt 0
[ "$(cat guests/auto/g1.cfg)" = theirs ] || fail "a link over a file"
grep -q 'was started at boot where it came from, and is not here' err ||
    fail "$(cat err)"
rm -r guests/*
# nobody but root can change it
adopt 0 mode=511
[ "$(stat -c %a guests/g1.cfg)" = 644 ] || fail "$(stat -c %a guests/g1.cfg)"
[ "$(readlink guests/auto/g1.cfg)" = ../g1.cfg ] || fail "no link"
adopt 0
[ "$(find guests | wc -l)" = 4 ] || fail "$(ls -AR guests)"
rm -r guests/*
adopt 0 starts=0
[ "$(ls -A guests)" = g1.cfg ] || fail "$(ls -A guests)"
"$abs_top_builddir/xl-dedup" adopt x </dev/null 2>err
[ $? = 64 ] || fail "takes an argument"
pass "adopt"
