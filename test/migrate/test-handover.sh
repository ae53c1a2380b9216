#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that has moved has one owner: its configuration is at the target, and
# at the source it cannot be started by mistake, until that is asked for.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/migrate/handover.sh"
requires python3 cmp
export FAKE_DISKS

handover_setup
uuid=11111111-2222-3333-4444-555555555555
aside=xen-a/g1.cfg.moved-to-hostb

row="with the paths that it has there"
again
chmod 640 xen-a/g1.cfg
moved -C "$tmp/there.cfg"
file xen-b/g1.cfg there.cfg
[ "$(stat -c %a xen-b/g1.cfg)" = 640 ] || fail "$row: $(stat -c %a xen-b/g1.cfg)"
[ "$(readlink xen-b/auto/g1.cfg)" = ../g1.cfg ] || fail "$row: not at boot"
[ "$(ls -A xen-b)" = "$(printf 'auto\ng1.cfg')" ] || fail "$row: $(ls -A xen-b)"
file "$aside" here.cfg
none xen-a/g1.cfg xen-a/auto/g1.cfg
said "g1 runs at hostb now: its configuration here is $tmp/$aside, and it is not"
said "the configuration of g1 is $tmp/xen-b/g1.cfg, and it is started at boot"
starts b create "$tmp/xen-b/g1.cfg"
xl-dedup reclaim >out || fail "$row: reclaim lists nothing"
grep -q "^g1 .*$uuid  hostb .*$aside\$" out || fail "$row: $(cat out)"

row="xl create of what stayed"
for words in "create $aside" "create -q -f $aside" "cr $aside -p" \
    "-v create --defconfig=$aside" "create $aside memory=256"; do
    # shellcheck disable=SC2086
    is_refused a $words
done
# it starts nothing
xl_at a create -n "$aside"
[ "$status" = 0 ] || fail "$row: a dry run is refused"
# who only reads an old disk does not run twice
sed 's/g1/g2/; s/access=rw/access=ro/' here.cfg >reader.cfg
starts a create reader.cfg
cp orig a/other.img
config "$tmp/a/other.img" >other.cfg
starts a create other.cfg
# one name of the file is as good as another
ln a/disk.img a/linked.img
config "$tmp/a/linked.img" >linked.cfg
is_refused a create linked.cfg
# what can be read once only is left to xl
xl_at a create /dev/stdin
[ "$status" = 0 ] || fail "$row: $(cat err)"

row="xl restore of a guest saved before"
save()
{
    python3 - "$1" <<'END'
import json, struct, sys
config = json.dumps({"c_info": {"name": "g1"}, "disks": [
    {"pdev_path": sys.argv[1], "vdev": "xvda", "readwrite": 1}]}).encode()
config += b"\0"
with open("saved", "wb") as f:
    f.write(b"Xen saved domain, xl format\n \0 \r" + struct.pack(
        "=IIIII", 0x01020304, 3, 0, len(config) + 4, len(config)) + config)
END
}
save "$tmp/a/disk.img"
is_refused a restore saved
is_refused a restore -p "$aside" saved
is_refused a rest -e saved
starts a restore other.cfg saved
save "$tmp/a/other.img"
starts a restore saved

row="each of the two marks"
mv state-a/moved moved
if xl_at a create "$aside" && [ "$status" = 0 ]; then
    echo "$name: this file system has no attributes"
else
    is_refused a create "$aside"
    xl-dedup reclaim "$tmp/a/disk.img" 2>err || fail "$row: $(cat err)"
    starts a create "$aside"
fi
mv moved state-a/moved
is_refused a create "$aside"
# another file that has its name is not what the guest left
mv a/disk.img a/kept.img
cp orig a/disk.img
starts a create "$aside"
mv a/kept.img a/disk.img

row="reclaimed"
again
moved
file xen-b/g1.cfg here.cfg
is_refused a create "$aside"
xl-dedup reclaim g1 2>err || fail "$row: $(cat err)"
grep -q "g1 is this host's again; it must not run at hostb" err || fail "$row"
as_before
xl-dedup reclaim >out && [ ! -s out ] || fail "$row: $(cat out)"
xl-dedup reclaim g1 2>err && fail "$row: twice"
grep -q 'no such guest or image is noted as moved away' err || fail "$row"
moved
xl-dedup reclaim $uuid 2>err || fail "$row: by UUID: $(cat err)"
as_before

row="reclaimed, and another file has the name"
again
moved
echo new >xen-a/g1.cfg
xl-dedup reclaim g1 2>err || fail "$row: $(cat err)"
grep -q "g1.cfg is there already; the configuration .* stays as" err ||
    fail "$row: $(cat err)"
[ "$(cat xen-a/g1.cfg)" = new ] || fail "$row: it is gone"
file "$aside" here.cfg

row="--dedup-keep-config"
again
find xen-a xen-b -printf '%p %i %l %C@\n' | sort >before
moved --dedup-keep-config
find xen-a xen-b -printf '%p %i %l %C@\n' | sort | cmp - before || fail "$row"
none state-a/moved
as_before

row="the target has a file of that name"
again
echo "# another one" >xen-b/g1.cfg
cp xen-b/g1.cfg theirs
moved -C "$tmp/there.cfg"
file xen-b/g1.cfg theirs
here=$(hostname | sed 's/[^A-Za-z0-9.-]/_/g')
file "xen-b/g1.cfg.came-from-$here" there.cfg
none xen-b/auto/g1.cfg
said "xen-b/g1.cfg is there and is another one, and stays"
said 'was started at boot where it came from, and is not here'

row="the target has it already"
again
cp there.cfg xen-b/g1.cfg
moved -C "$tmp/there.cfg"
[ "$(ls -A xen-b)" = "$(printf 'auto\ng1.cfg')" ] || fail "$row: $(ls -A xen-b)"

row="there and back"
again
moved -C "$tmp/there.cfg"
swap
FAKE_DISKS="xvda=$tmp/b/disk.img=$tmp/a/disk.img"
moved -C "$tmp/here.cfg"
swap
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img"
as_before
none state-a/moved/$uuid.json
file xen-b/g1.cfg.moved-to-hostb there.cfg
none xen-b/g1.cfg xen-b/auto/g1.cfg
is_refused b create xen-b/g1.cfg.moved-to-hostb
moved
is_refused a create "$aside"

row="there and back without its configuration"
again
moved
swap
FAKE_DISKS="xvda=$tmp/b/disk.img=$tmp/a/disk.img"
moved --dedup-keep-config
swap
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img"
starts a create "$aside"

row="away again, and its file has been aside since"
mv b/disk.img gone.img
moved
said "no configuration of g1 was found below $tmp/xen-a"
is_refused a create "$aside"
xl-dedup reclaim g1 2>err || fail "$row: $(cat err)"
as_before

row="a file with a blank in its name, elsewhere"
again
mkdir -p "$tmp/else where"
mv xen-a/g1.cfg "$tmp/else where/my guest.cfg"
ln -s "$tmp/else where/my guest.cfg" xen-a/g1.cfg
moved
file "else where/my guest.cfg.moved-to-hostb" here.cfg
file xen-b/g1.cfg here.cfg
[ "$(readlink xen-b/auto/g1.cfg)" = ../g1.cfg ] || fail "$row: not at boot"
none xen-a/auto/g1.cfg
is_refused a create "else where/my guest.cfg.moved-to-hostb"
xl-dedup reclaim g1 2>err || fail "$row: $(cat err)"
as_before

row="a file that has another path of the disk"
again
ln -s a "$tmp/other"
config "$tmp/other/disk.img" >xen-a/g1.cfg
cp xen-a/g1.cfg other.cfg
moved
rm "$tmp/other"
file "$aside" other.cfg

row="what is there is not what it was when the migration began"
again
sed 's/g1/g2/' here.cfg >second.cfg
FAKE_ADMIN="cp $tmp/second.cfg $tmp/xen-a/g1.cfg" moved
said 'xen-a/g1.cfg is not the configuration of g1 any more, and is left alone'
file xen-a/g1.cfg second.cfg
[ -L xen-a/auto/g1.cfg ] || fail "$row: another guest's link is gone"
none "$aside" xen-b/g1.cfg
is_refused a create here.cfg
again
FAKE_ADMIN="ln -sfn ../g2.cfg $tmp/xen-a/auto/g1.cfg" moved
file "$aside" here.cfg
[ "$(readlink xen-a/auto/g1.cfg)" = ../g2.cfg ] ||
    fail "$row: another guest's link is gone"

row="a file that lies in auto itself"
again
rm xen-a/auto/g1.cfg
mv xen-a/g1.cfg xen-a/auto/g1.cfg
moved
[ -z "$(ls -A xen-a/auto)" ] || fail "$row: $(ls -A xen-a/auto)"
file "$aside" here.cfg
file xen-b/g1.cfg here.cfg
[ "$(readlink xen-b/auto/g1.cfg)" = ../g1.cfg ] || fail "$row: not at boot"

row="which of several files"
again
cp here.cfg xen-a/g1-old.cfg
sed 's/g1/g2/' here.cfg >xen-a/g2.cfg
sed 's/disk.img/else.img/' here.cfg >xen-a/g1.other
printf 'name = "g1"\nuuid = "%s"\n' 11111111-2222-3333-4444-555555555556 \
    >xen-a/g1.uuid
moved
said 'xen-a/g1-old.cfg is a configuration of g1 as well, and is left alone'
said 'xen-a/g1.other has the name g1, but none of its disks'
[ "$(ls xen-a)" = "$(printf '%s\n' auto g1-old.cfg "${aside#*/}" g1.other \
    g1.uuid g2.cfg)" ] || fail "$row: $(ls xen-a)"
is_refused a create xen-a/g1-old.cfg

row="without a file"
again
rm xen-a/g1.cfg xen-a/auto/g1.cfg
moved
said "no configuration of g1 was found below $tmp/xen-a"
is_refused a create here.cfg
again
rm xen-a/g1.cfg xen-a/auto/g1.cfg
moved -C "$tmp/there.cfg"
file xen-b/g1.cfg there.cfg
none xen-b/auto

row="the memory only"
again
migrate --dedup=memory
helpers_gone
[ "$status" = 0 ] || fail "$row: $(cat err)"
file xen-b/g1.cfg here.cfg
starts a create "$aside"

# What fails is a warning, and the guest has moved.
row="no note can be written"
again
echo >state-a/moved
moved
said 'that g1 has moved to hostb cannot be noted below .*take care not to start'
file "$aside" here.cfg
file xen-b/g1.cfg here.cfg

row="others can write to the directory"
again
chmod g+w xen-a
moved
said 'xen-a/g1.cfg cannot be set aside: .*do not start g1 from it'
file xen-a/g1.cfg here.cfg
file xen-b/g1.cfg here.cfg
none xen-a/auto/g1.cfg
is_refused a create xen-a/g1.cfg

row="others can write to the target's"
again
chmod g+w xen-b
moved
said "g1 runs at hostb, but its configuration was not brought there: see the \
message above; copy $tmp/$aside there as"
[ -z "$(ls -A xen-b)" ] || fail "$row: $(ls -A xen-b)"
file "$aside" here.cfg

row="no second connection"
again
ADOPT='exit 255' moved
said 'its configuration was not brought there'
file "$aside" here.cfg
is_refused a create "$aside"

row="the target's xl reads another guest in it"
again
sed 's/"g1"/"g9"/' there.cfg >wrong.cfg
moved -C "$tmp/wrong.cfg"
said 'what came as the configuration of g1 is not its own'
[ -z "$(ls -A xen-b)" ] || fail "$row: $(ls -A xen-b)"

row="with a command of one's own"
again
status=0
MIGRATION_MARK=$tmp timeout 120 "$abs_top_builddir/xl" migrate --dedup -s '' g1 \
    "ssh hostb xl-dedup receive-xl -- migrate-receive" >out 2>err </dev/null ||
    status=$?
helpers_gone
[ "$status" = 0 ] || fail "$row: $(cat err)"
said 'the command that leads there is your own; copy'
file xen-a/g1.cfg.moved-to-the_other_host here.cfg
none xen-b/g1.cfg

# A failed migration changes nothing.
row="failed"
again
FAKE_STATUS=1 migrate
helpers_gone
[ "$status" != 0 ] || fail "$row: succeeded"
as_before
none xen-b/g1.cfg "state-a/moved/$uuid.json"

# Nothing is heard of it any more: it may run there.
row="no report"
again
FAKE_REPORTS='' migrate
helpers_gone
grep -q '^guest undefined' out || fail "$row: $(cat out)"
[ "$(cat guest/b)" = running ] || fail "$row: the guest is not there"
said "nothing was heard of g1 since it was about to start at hostb"
refusal=$unsure
is_refused a create xen-a/g1.cfg
xl-dedup reclaim >list
grep -q "^g1 .*$uuid  hostb, perhaps" list || fail "$row: $(cat list)"
row="no report, and the next try fails"
FAKE_STATUS=1 migrate
helpers_gone
as_before
none "state-a/moved/$uuid.json"
row="no report, reclaimed"
FAKE_REPORTS='' migrate
helpers_gone
is_refused a create xen-a/g1.cfg
xl-dedup reclaim "$tmp/a/disk.img" 2>err || fail "$row: $(cat err)"
as_before
row="it was away, came back, and does not move"
refusal=
again
moved
cp state-a/moved/$uuid.json before.json
FAKE_STATUS=1 migrate
helpers_gone
cmp before.json state-a/moved/$uuid.json || fail "$row: another note"
pass "handover"
