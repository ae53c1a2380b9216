#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What guests, peers and records say reaches no terminal as it is: names in an
# image, its label, a record's disk and path, a path in a message.  Which
# characters are escaped is compared with Python's list of Unicode.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 mke2fs

migration_setup

"$abs_top_builddir/test/unit/test-escape" list >list || fail "list"
python3 - list <<'END' || fail "the list of characters"
import sys
import unicodedata
escaped = set()
for line in open(sys.argv[1]):
    first, last = (int(n, 16) for n in line.split())
    escaped.update(range(first, last + 1))
# drawn as nothing, whatever their category is
nothing = {0x34f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180c, 0x180d,
           0x180f, 0x3164, 0xffa0, *range(0xe0100, 0xe01f0)}
wrong = []
for c in range(1, 0x110000):
    category = unicodedata.category(chr(c))
    if category == "Cn" and not 0xfdd0 <= c <= 0xfdef and c & 0xfffe != 0xfffe:
        continue                # Python may know an older Unicode, or a newer
    hidden = category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or \
        category == "Zs" and c not in (0x20, 0x3000) or c in nothing
    if hidden != (c in escaped):
        wrong.append("U+%04X %s" % (c, category))
print("Unicode", unicodedata.unidata_version, len(escaped), "escaped")
assert not wrong, wrong
END

# clean FILE: printable lines only, by Python's rules
clean()
{
    python3 - "$1" <<'END' || fail "$1 is not clean: $(cat -v "$1")"
import sys
import unicodedata
text = open(sys.argv[1], "rb").read().decode("utf-8", "strict")
for c in text.replace("\n", ""):
    assert unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp",
                                           "Cn"), hex(ord(c))
END
}

esc=$(printf '\033]0;owned\007\033[2J')
turned=$(printf '\342\200\256gpj.x')
line=$(printf 'a\nxl-dedup: info: all disks verified\r')
bad=$(printf '\300\212\377')

# an image
mkdir tree
for text in "$esc" "$turned" "$line" "$bad" "$(printf 'gr\303\274n')"; do
    echo content >"tree/$text" || fail "cannot make a name"
done
mke2fs -q -t ext4 -d tree -L "$(printf '\033[2J\302\233')" a/disk.img 8M ||
    fail mke2fs
for format in "" --json; do
    # shellcheck disable=SC2086
    xl-dedup scan $format a/disk.img >out 2>err || fail "scan: $(cat err)"
    clean out
    clean err
    grep -q 'owned' out && grep -q 'gpj.x' out || fail "names: $(cat out)"
    grep -q "$(printf 'gr\303\274n')" out || fail "an umlaut: $(cat out)"
    [ "$(grep -c 'all disks verified' out)" = 1 ] || fail "$(cat out)"
    grep -q '^xl-dedup: info' out && fail "a forged line"
done
python3 -c 'import json; json.load(open("out"))' || fail "JSON"

# two that differ in all of the files, in a directory of such a name
mkdir "a/$esc$turned$line"
cp a/disk.img "a/$esc$turned$line/$esc"
python3 - a/disk.img <<'END'
import sys
data = open(sys.argv[1], "rb").read().replace(b"content\n", b"another\n")
open(sys.argv[1], "wb").write(data)
END
for command in "verify" "verify --json" "compare" "compare --json"; do
    # shellcheck disable=SC2086
    xl-dedup $command a/disk.img "a/$esc$turned$line/$esc" >out 2>err
    [ $? -lt 2 ] || fail "$command: $(cat -v err)"
    clean out
    clean err
    grep -q owned out || fail "$command: $(cat -v out)"
done
for command in scan index allow clean; do
    xl-dedup $command "/$esc$turned$line$bad" >out 2>err
    [ $? = 2 ] || fail "$command: of nothing: $(cat -v err)"
    clean out
    clean err
    [ "$(wc -l <err)" = 1 ] || fail "$command: $(cat -v err)"
    grep -q owned err || fail "$command: $(cat -v err)"
done

# what stands in records, as an earlier version may have written them
mkdir -p state-b/records
truncate -s 1M "b/.$turned.xl-dedup"
chmod 600 "b/.$turned.xl-dedup"
python3 - "$tmp" "$esc $line" "$turned" <<'END'
import json
import sys
tmp, vdev, name = sys.argv[1:]
path = "%s/b/.%s.xl-dedup" % (tmp, name)
record = dict(uuid=vdev, vdev=vdev, path=path, role="unfinished", time=1,
              size=1 << 20)
json.dump(record, open(tmp + "/state-b/records/1.json", "w"))
record.update(role="a\x1b[2J", path=path + "\x1b[2J\n")
json.dump(record, open(tmp + "/state-b/records/2.json", "w"))
END
at_b() { XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup "$@"; }
at_b status >out 2>err || fail "status: $(cat -v err)"
clean out
clean err
[ "$(wc -l <out)" = 3 ] || fail "status: $(cat -v out)"
# the columns are those that it made
awk 'NR > 1 && $4 !~ /^[0-9][0-9]:/ { exit 1 }' out || fail "$(cat -v out)"
at_b status --json >out 2>err || fail "status --json: $(cat -v err)"
clean out
python3 -c 'import json; json.load(open("out"))' || fail "JSON"
at_b clean -a -n >out 2>err || fail "clean: $(cat -v err)"
clean out
clean err
grep -q 'would remove .*gpj' out || fail "clean: $(cat -v out)"

# an image that is pushed is named at both ends, by its path
at=$tmp/a/$esc$turned$line/$esc
for _ in 1 2; do
    xl-dedup push "$at" "b:$tmp/b/copy.img" >out 2>err ||
        fail "push: $(cat -v err)"
    clean out
    clean err
    cmp "$at" b/copy.img || fail "push: differs"
    printf x | dd of="$at" bs=1 seek=4000 conv=notrunc 2>/dev/null
done
at_b status >out || fail "status after push"
clean out
grep -q 'received .*owned.*copy.img' out || fail "$(cat -v out)"

# and what its peer says
cat >"$tmp/bin/speaks" <<END
#!/bin/sh
exec python3 "$tmp/bin/speaks.py"
END
cat >"$tmp/bin/speaks.py" <<END
import os
import sys
sys.path.insert(0, "$abs_top_srcdir/test/lib")
sys.dont_write_bytecode = True
import wire
os.write(1, wire.greeting() + wire.frame("CHALLENGE", payload=bytes(32)) +
    wire.frame("HELLO", payload=wire.text(host="\x1b[2J", abandoned=3,
                                          abandoned_bytes=4,
                                          abandoned_days=5)) +
    wire.frame("FAIL", payload="\x1b[2J\u202eno\nxl-dedup: all is well"
               .encode()))
os.read(0, 1)
END
chmod +x "$tmp/bin/speaks"
xl-dedup push -e speaks a/disk.img "b:$tmp/b/no.img" >out 2>err &&
    fail "was pushed"
clean err
grep -q '2J.*no.*all is well' err || fail "the peer's words: $(cat -v err)"
pass "escapes"
