#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Who knows a guest's UUID and where its disk lies learns nothing of an earlier
# copy or of an unfinished one, and destroys neither: that takes the secret that
# the session before has left with both hosts.  The host that has it uses the
# copy as ever; one that has lost it is told so, and nothing is overwritten.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/faults/faults.sh"
. "$abs_top_srcdir/test/lib/proving.sh"
requires python3 b3sum mke2fs cmp

faults_setup
there=$tmp/b/disk.img
size=$(stat -c %s "$disk")

# push [OPTION...]: sets $status
push()
{
    status=0
    timeout 120 xl-dedup push --free=send "$@" "$disk" "hostb:$there" \
        >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
}

pushed()
{
    push
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$row: status $status"; }
    cmp "$disk" "$there" || fail "$row: they differ"
}

cheaply()
{
    pushed
    [ "$(sent)" -lt 200 ] || fail "$row: $(sent) kB sent"
}

refused_push()
{
    before=$(b2sum <"$there")
    for option in '' --dry-run; do
        push $option
        [ "$status" = 2 ] || fail "$row: not refused"
        said "disk $disk: $there exists, and the sending host has not shown \
that it has sent the copy that lies there.*'xl-dedup allow $there'"
    done
    [ "$before" = "$(b2sum <"$there")" ] || fail "$row: overwritten"
}

allow() { XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup allow "$there" || fail allow; }

# of KEY: what a record at b says of the pushed disk
of()
{
    python3 - "$tmp/state-b/records" "$1" <<'END'
import glob, json, sys
for name in glob.glob(sys.argv[1] + "/*.json"):
    o = json.load(open(name))
    if o["role"] in ("received", "unfinished", "receiving"):
        print(o[sys.argv[2]])
END
}

# state: all that the target has and knows, but what it indexed
state()
{
    (cd "$tmp" && find b state-b/records state-b/secrets -type f -print0 \
        2>/dev/null | sort -z | xargs -0 -r b2sum
     stat -c '%n %y %i %h' b/disk.img 2>/dev/null)
}
learns_nothing()
{
    state >state.before
    asks "$there" "$@"
    told '^fail disk .*: .*has not shown that it has sent the copy'
    told '^hashes 0'
    not_told '^base='
    state | diff state.before - >&2 || fail "$row: something was changed"
}

secret_here() { sed -n 's/.*"secret": *"\([0-9a-f]*\)".*/\1/p' "$@"; }
keyring() { echo "$tmp/state-a/secrets/"*.json; }

row="the first copy"
reset
pushed
uuid=$(of uuid)
[ "$(stat -c %a "$(keyring)" "$tmp"/state-b/records/* | sort -u)" = 600 ] ||
    fail "$row: others can read the secret"
secret=$(secret_here "$(keyring)")
[ "$(of secret)" = "$secret" ] || fail "$row: two secrets"

row="no proof"
learns_nothing
learns_nothing dry=1
row="another proof"
learns_nothing "wrong=$secret"
row="another secret"
learns_nothing "secret=$(printf '%064d' 7)"
row="the proof of another disk"
learns_nothing "secret=$secret" about=/else
row="the proof of a session before"
asks "$there" "secret=$secret" goes=accepted
told '^base=1'
told '^replaces='
proof=$(sed -n 's/^proof //p' told)
learns_nothing "proof=$proof"

# What is refused above is told here, so the questions are right ones.
row="the right proof"
noise other "$size" >other
asks "$there" "secret=$secret" image="$tmp/other" lies=1
told '^base=1'
not_told '^hashes 0'
rm "$tmp"/b/.disk.img.xl-dedup*

row="the copy is used"
noise news 3000 | dd of="$disk" bs=1 seek=5000000 conv=notrunc status=none
push --dry-run
[ "$status" = 0 ] || fail "$row: dry run"
cheaply
[ "$(secret_here "$(keyring)")" != "$secret" ] || fail "$row: the old secret"
[ "$(secret_here "$(keyring)")" = "$(of secret)" ] || fail "$row: two"
row="the old secret"
learns_nothing "secret=$secret"

# listing HOST: the digest of what it keeps
listing()
{
    python3 -c 'import sys
data = open(sys.argv[1], "rb").read()
sys.stdout.buffer.write(data[data.index(b"\0") + 1:])' \
        "$tmp/state-$1/listings/"* | b3sum --no-names
}
row="the listing, shown"
list=$(listing b)
[ "$(listing a)" = "$list" ] || fail "$row: another one here"
asks "$there" "secret=$(of secret)" "list=$list" goes=accepted
told '^list=1'
row="allowed, not shown"
allow
asks "$there" "list=$list" goes=accepted
told '^base=0'
not_told '^list='

# A failed try, and somebody who would go on with it, or be in its way
row="an unfinished try"
reset
FAULT=target:FREIGHT:14:cut push
[ "$status" != 0 ] || fail "$row: was not cut"
staging=$tmp/b/.disk.img.xl-dedup
kept=$(b2sum <"$staging")
[ "$(of path)" = "$staging" ] || fail "$row: $(of path)"
uuid=$(of uuid)
for proof in list=$list "secret=$secret" "wrong=$(of secret)"; do
    asks "$there" "$proof"
    told '^base=0'
    told '^hashes 0'
done
asks "$there" "image=$tmp/other"
told '^base=0'
told '^hashes 0'
[ "$(b2sum <"$staging")" = "$kept" ] || fail "$row: changed"
other=$(echo "$staging"-*)
[ -s "$other" ] || fail "$row: the other source's is not kept"
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup status >status || fail "$row: status"
grep -q "^unfinished .*$other\$" status || { cat status; fail "$row: status"; }
# the digests of what is there, without the secret: nothing is found equal
asks "$there" "image=$disk" lies=1
told '^hashes 0'
row="goes on all the same"
all=$(du -k "$disk" | cut -f1)
pushed
[ "$(sent)" -lt $((all * 3 / 4)) ] || fail "$row: $(sent) of $all kB"
[ -s "$other" ] && [ ! -e "$staging" ] || fail "$row: $(ls -A "$tmp/b")"
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup clean "$there" >out || fail "$row: clean"
[ "$(ls -A "$tmp/b")" = disk.img ] || fail "$row: $(ls -A "$tmp/b")"

row="the other one's own try"
rm "$there"
reset
FAULT=target:FREIGHT:14:cut push
asks "$there" "image=$tmp/other" goes=passed
other=$(echo "$staging"-*)
mine=$(sed -n 's/^secret=//p' told)
asks "$there" "image=$tmp/other" "secret=$mine"
told '^base=1'
told '^known='
[ "$(echo "$staging"-*)" = "$other" ] || fail "$row: another file"
rm "$other"

row="the answer with the secret is lost"
reset
pushed
FAULT=source:DISK_OK:1:cut push
[ "$status" != 0 ] || fail "$row: was not cut"
[ "$(of secret | sort -u | wc -l)" = 2 ] || fail "$row: no new secret"
cheaply
[ "$(ls -A "$tmp/b")" = disk.img ] || fail "$row: $(ls -A "$tmp/b")"

# What is lost costs what it would have saved, and a word of the admin's.
lose()
{
    row=$1
    refused_push
    allow
    pushed
    cheaply
}
rm "$(keyring)"
lose "no secrets here"
printf '{ "secrets": [ 5' >"$(keyring)"
lose "damaged secrets here"
sed -i 's/"secret": *"[0-9a-f]*"/"secret": "xyz"/' "$(keyring)"
lose "no secret in the keyring"
sed -i 's/"secret": *"[0-9a-f]*"/"secret": 5/' "$tmp"/state-b/records/*.json
lose "a damaged record there"
row="a record of a version before"
python3 - "$tmp/state-b/records" <<'END' || fail "$row: no record"
import glob, json, sys
for name in glob.glob(sys.argv[1] + "/*.json"):
    o = json.load(open(name))
    o.pop("secret", None)
    json.dump(o, open(name, "w"))
END
push
said 'recorded by an older version, which agreed on no secret'
lose "a record of a version before"

# Two places: each has a secret of its own, and is shown no other.
row="two places"
reset
pushed
mkdir "$tmp/c" "$tmp/state-c"
{ printf 'state = %s\n' "$tmp/state-c"; destinations; } >"$tmp/c.conf"
cat >"$tmp/bin/ssh" <<END
#!/bin/sh
XL_DEDUP_CONFIG=$tmp/\${1#host}.conf
export XL_DEDUP_CONFIG
shift
tee "$tmp/offered" | "\$@"
END
proofs()
{
    PYTHONPATH=$abs_top_srcdir/test/lib python3 -B - "$tmp/offered" <<'END'
import sys, wire
reader = wire.Reader(open(sys.argv[1], "rb").read)
reader.greeting()
while True:
    f = reader.frame()
    if f.name == "DISK":
        break
print([key for key, _ in wire.read_text(f.payload)].count("proof"))
END
}
xl-dedup push --free=send "$disk" "hostc:$tmp/c/disk.img" 2>err ||
    fail "$row: c"
[ "$(proofs)" = 0 ] || fail "$row: c was shown what b knows"
cheaply
[ "$(proofs)" = 1 ] || fail "$row: b was shown $(proofs) secrets"
xl-dedup push --free=send "$disk" "hostc:$tmp/c/disk.img" 2>err ||
    fail "$row: c again"
[ "$(proofs)" = 1 ] && [ "$(sent)" -lt 200 ] || fail "$row: c again: $(sent)"
pass "secrets"
