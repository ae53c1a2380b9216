#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl-dedup doctor: nothing is found between two hosts that are as they are to
# be, and each fault is found that is made; the other host's word is bounded and
# harmless.  A script plays both xl's.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3
[ "$(id -u)" = 0 ] || skip "xl is root's"

migration_setup
seed 7
mkdir here there
noise disk 300000 >a/disk.img
ln -s "$abs_top_builddir/xl" bin/xl

# A library that the played xl has loaded beside the hooks, as the real one has
# libxl.
cp "$abs_top_builddir/test/lib/fake/libxenlight.so.4.17" .
cat >played-xl <<END
#!/bin/sh
case \$XL_DEDUP_CONFIG in */b.conf) host=there ;; *) host=here ;; esac
cd "$tmp/\$host" || exit 1
[ -e broken ] && { echo "xl: no xenstored" >&2; exit 1; }
case "\$1 \$2 \$3" in
info*) LD_PRELOAD=\$LD_PRELOAD:$tmp/libxenlight.so.4.17 exec cat info ;;
'list -l --') [ "\$4" = g1 ] && exec cat guest
    echo "\$4 is an invalid domain identifier" >&2; exit 1 ;;
'list -l '*) exec cat domains ;;
create*) exec cat sent ;;
esac
exit 2
END
chmod +x played-xl
XL_DEDUP_XL=$tmp/played-xl

# The other host: what stands in "change" is what it is like, SED what becomes
# of its words.
cat >bin/ssh <<END
#!/bin/sh
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
. $tmp/change
shift
[ "\$SED" ] || exec "\$@"
"\$@" | sed -u "\$SED"
END

uuid=11111111-2222-3333-4444-555555555555
fresh()
{
    rm -f here/* there/*
    : >change
    printf 'state = %s\n' "$tmp/state-a" >a.conf
    printf 'state = %s\nreference = %s/reference*.img\n' "$tmp/state-b" \
        "$tmp" >b.conf
    for i in here there; do
        cat >$i/info <<END
xen_version            : 4.17.5
xen_caps               : xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_64
hw_caps                : ffffffff:ffffffff:ffffffff:ffffffff:ffffffff:ffffffff:ffffffff:ffffffff
free_memory            : 4096
xen_commandline        : placeholder dom0_mem=512M
END
        echo '[{"domid":0,"config":{"c_info":{"name":"Domain-0"}}}]' \
            >$i/domains
    done
    touch kernel ramdisk script
    guest ''
}

# guest PYTHON: g1, changed by a statement on its configuration c
guest()
{
    python3 - "$1" >here/guest <<END
import json, sys
c = {"c_info": {"type": "pvh", "name": "g1", "uuid": "$uuid"},
     "b_info": {"max_memkb": 262144, "target_memkb": 196608,
                "kernel": "$tmp/kernel", "ramdisk": "$tmp/ramdisk",
                "type.pvh": {}},
     "nics": [{"bridge": "lo", "script": "$tmp/script"}],
     "disks": [{"pdev_path": "$tmp/a/disk.img", "vdev": "xvda",
                "format": "raw", "readwrite": 1}]}
exec(sys.argv[1])
print(json.dumps([{"domid": 7, "config": c}]))
END
}

# send TEXT OTHER: the configuration for -C, g1's with something else in it
send()
{
    sed "s/^.*\"config\": //; s/}]\$//; s|$1|$2|" here/guest >here/sent
}

# doctor OPTION...: sets status, fills out
doctor()
{
    status=0
    timeout 60 xl-dedup doctor --json "$@" >out 2>err || status=$?
}

# found LEVEL CHECK TEXT: that is among the findings of out, and the exit status
# says whether there are errors
found()
{
    python3 - "$status" "$@" <<END || { cat out err >&2; fail "$2, not found: $*"; }
import json, sys
j = json.load(open("out"))
status, level, check, text = sys.argv[1:]
f = j["findings"]
assert int(status) == (j["errors"] > 0) == any(
    x["level"] == "error" for x in f)
assert all(x["level"] == "ok" or x["why"] and x["do"] for x in f)
assert any(x["level"] == level and x["check"] == check and text in x["what"]
           for x in f)
END
}

# finds LEVEL CHECK TEXT [OPTION...]: a doctor that looks at g1 finds it, and
# without it nothing of that level was found
finds()
{
    level=$1 check=$2 text=$3
    shift 3
    doctor --domain=g1 "$@" hostb
    found "$level" "$check" "$text"
    fresh
}

# word SED LEVEL CHECK TEXT: the same of a host that says something else
word()
{
    printf "SED='%s'\n" "$1" >change
    shift
    finds "$@"
}

# all is well: no error, and no warning but what this machine is to blame for
noise reference 300000 >reference1.img
fresh
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup index -q || fail "index"
doctor --domain=g1 hostb
[ "$status" = 0 ] || { cat out err >&2; fail "found errors"; }
python3 - <<END || { cat out >&2; fail "not all was looked at"; }
import json
j = json.load(open("out"))
seen = set((x["check"], x["where"]) for x in j["findings"])
for where in "this host", "hostb":
    for check in "version", "xl", "hooks", "tracer", "sandbox", "state":
        assert (check, where) in seen, (check, where)
for check in ("ssh", "clock", "index", "xen", "cpu", "name", "type", "memory",
              "bridge", "needs", "place"):
    assert (check, "hostb") in seen, check
for x in j["findings"]:
    assert x["level"] == "ok" or \\
        x["check"] in ("tracer", "tracing", "sandbox"), x
END
cmp -s a/disk.img b/disk.img && fail "copied something"
[ -z "$(ls -A b)" ] || fail "wrote into b: $(ls -A b)"
xl-dedup doctor -d g1 hostb >out 2>err || fail "text: $(cat out err)"
grep -q '^ok       hostb: xl-dedup ' out || fail "text: $(cat out)"
grep -q '^0 errors, ' out || fail "text: $(cat out)"
xl-dedup doctor >out 2>err || fail "alone: $(cat out err)"
grep -q hostb out && fail "alone: $(cat out)"

# That was the sandbox, which takes the most of the time.
XL_DEDUP_PARSER=/bin/false
export XL_DEDUP_PARSER

# versions
word 's/"protocol":[0-9]*/"protocol":99/' error protocol 'speaks version 99'
word 's/"version":"[^"]*"/"version":"9.9"/g' warning version 'is 9.9 there'
word 's/4\.17\.5/4.16.0/' warning xen 'older than 4.17.5'
word 's/4\.17\.5/4.2.0/' warning xen 'older than 4.17.5'
# xl and its hooks
touch there/broken; finds error xl 'no xenstored'
touch here/broken; finds error domain 'no xenstored'
echo 'XL_DEDUP_XL=/nowhere/xl' >change; finds error xl '/nowhere/xl info'
echo 'XL_DEDUP_HOOKS=/nowhere/libxlhooks.so' >change
finds error hooks 'No such file'
echo "XL_DEDUP_HOOKS=$tmp/libxlhooks.so" >change
cp kernel libxlhooks.so
finds error hooks 'cannot be preloaded'
(
    rm bin/xl
    PATH=$tmp/bin:/usr/sbin:/usr/bin:/sbin:/bin
    finds warning front 'does not know --dedup'
) || exit 1
ln -s "$abs_top_builddir/xl" bin/xl
# what makes it good
word 's/"tracer":{"works":[a-z]*,"message":"[^"]*"/"tracer":{"works":false,"message":"no perf"/' \
    warning tracer 'no perf'
finds warning sandbox 'not sound'
echo 'nonsense' >>b.conf; finds error configuration 'cannot be used'
printf 'state = %s/kernel\n' "$tmp" >b.conf; finds error state 'kernel'
word 's/"free":[0-9]*/"free":999/g' warning state 'only 0 MB'
sed -i '/^reference/d' b.conf; finds warning references 'no references'
sed -i 's/reference\*/nothing*/' b.conf; finds warning references 'no image'
noise more 200000 >reference2.img
finds warning index 'of 2 reference images 1 are not in the index and 0'
rm reference2.img; noise other 300000 >reference1.img
finds warning index 'of 1 reference images 0 are not in the index and 1'
# the line
word 's/"time":[0-9]*/"time":1000000/' warning clock 'seconds late'
cat >change <<END
echo '{"xl-dedup doctor": 1}'
read -r x
sleep 1
echo "{\"time\": \$((\$(date +%s) * 1000000))}"
exec echo '{"guests": true}'
END
finds warning ssh 'take 1'
word 's/"terminal":false/"terminal":true/' error terminal 'a terminal'
word 's/"xl-dedup doctor":1/"xl-dedup doctor":2/' error xl-dedup 'another form'
word 's/"guests":true/"guests":false/' warning key 'may only push'
echo 'echo "Welcome to hostb"' >change; finds error ssh "'Welcome to hostb'"
echo 'exit 255' >change; finds error ssh 'no connection'
echo 'exit 127' >change; finds error xl-dedup 'not installed'
echo 'exit 64' >change; finds error xl-dedup 'has no doctor'
echo 'exit 3' >change; finds error xl-dedup 'closed before'
echo 'exec sleep 50' >change
finds error ssh 'not answered for 1 seconds' --timeout=1
# processors
sed -i 's/^\(hw_caps.*\)ffffffff:ffffffff:ffffffff$/\1ffffffdf:ffffffff:ffffffff/' \
    there/info
finds warning cpu 'lack what those here have: avx2'
# the guest
doctor --domain=g2 hostb; found error domain 'g2 is an invalid domain'
guest 'c["pcidevs"] = [{"dev": 1}]'; finds error passthrough 'PCI devices'
guest 'c["usbdevs"] = [{"devid": 1}]'; finds error passthrough 'USB devices'
guest 'c["b_info"]["type.hvm"] = {"usbdevice_list": ["tablet", "host:1.2"]}'
finds error passthrough 'a USB device'
guest 'c["disks"][0]["format"] = "qcow2"'; finds error disk 'its format is qcow2'
guest 'c["disks"][0]["script"] = "block-iscsi"'; finds error disk 'block-iscsi'
guest 'c["disks"][0]["backend_domid"] = 4'; finds error disk 'another domain'
guest 'c["disks"][0]["pdev_path"] = "/nowhere/disk"'
finds error disk '/nowhere/disk: No such file'
guest 'c["disks"][0]["pdev_path"] = "/nowhere/disk"'
finds error place 'the directory of /nowhere/disk'
send "$tmp/a/disk.img" /dev/nowhere/disk
finds error place '/dev/nowhere/disk does not exist' -C x.cfg
send "$tmp/a/disk.img" "$tmp/b/disk.img"
echo "SED='s/\"free\":[0-9]*/\"free\":9999/g'" >change
finds error space 'takes 0 MB, and 0 MB are free' -C x.cfg
for i in kernel ramdisk; do
    rm $i; finds error needs "/$i, the $i, is not there"
done
rm script; finds error needs 'script, the network script, is not there'
guest 'c["b_info"]["bootloader"] = "no-such-grub"'
finds error needs 'no-such-grub, the boot loader'
guest 'c["b_info"]["type.hvm"] = {"firmware": "/nowhere/hvmloader"}'
finds error needs '/nowhere/hvmloader, the firmware'
guest 'c["b_info"]["type.hvm"] = {"system_firmware": "/nowhere/ovmf"}'
finds error needs '/nowhere/ovmf, the firmware'
guest 'c["b_info"]["device_model"] = "/nowhere/qemu"'
finds error needs '/nowhere/qemu, the device model'
guest 'c["p9s"] = [{"path": "/nowhere/share"}]'
finds error needs '/nowhere/share, the shared directory'
guest 'c["disks"].append({"pdev_path": "/nowhere/cd", "vdev": "hdc",
                          "format": "raw", "is_cdrom": 1})'
finds error needs '/nowhere/cd, the CD-ROM'
guest 'c["c_info"]["type"] = "hvm"'
word 's/"is":"file"/"is":"none"/g' warning needs 'QEMU'
guest 'c["nics"][0]["bridge"] = "xenbr9"'
finds warning bridge 'xenbr9 is not there'
guest 'c["nics"] = [{"bridge": "xenbr9"}]'
finds error bridge 'xenbr9 is not there'
guest 'c["nics"] = [{"bridge": "xenbr9", "script": "/etc/xen/scripts/vif-route"}]'
doctor --domain=g1 hostb
grep -q xenbr9 out && fail "vif-route wants no bridge: $(cat out)"
guest 'c["nics"] = [{"bridge": "lo.5", "script": "/nowhere/vif-openvswitch"}]'
finds ok bridge 'the bridge lo is there'
sed -i 's/Domain-0/g1/' there/domains; finds error name 'a domain g1 already'
cat >there/domains <<END
[{"domid": 3, "config": {"c_info": {"name": "twin", "uuid": "$uuid"}}}]
END
finds error uuid 'the UUID of g1, twin'
sed -i 's/^free_memory.*/free_memory : 100/' there/info
finds error memory '100 MiB are free, and g1 has 192'
sed -i 's/^free_memory.*/free_memory : 100/; s/dom0_mem.*//' there/info
finds warning memory '100 MiB are free, and g1 has 192'
guest 'c["b_info"]["shadow_memkb"] = c["b_info"]["video_memkb"] = 2**64 - 1'
finds ok memory 'g1 has 192'
sed -i 's/hvm-[^ ]*//g' there/info; finds error type 'runs no pvh guests'

# what the other host says reaches no terminal, and is bounded
printf '[{"config": {"c_info": {"name": "\\u001b[2Jx", "uuid": "%s"}}}]' "$uuid" \
    >there/domains
xl-dedup doctor -d g1 hostb >out 2>err
grep -q 'the UUID of g1, .x1b\[2Jx$' out || fail "not escaped: $(cat out)"
fresh
echo 'exec head -c 9000000 /dev/zero' >change
finds error ssh 'cannot be read'
echo "exec python3 -c 'print(\"[\" * 100000)'" >change
finds error ssh 'it answered'
cat >change <<END
echo '{"xl-dedup doctor": 1}'
read -r x
echo '{"time": "now"}'
exec echo '{"xl": 1, "xen": [], "domains": {}, "answers": "no", "version": 7, "interfaces": [1], "guests": true, "references": {"images": -1, "configured": 9223372036854775807}}'
END
finds error protocol 'version 0'
cat >change <<END
echo '{"xl-dedup doctor": 1}'
exec sleep 50
END
finds error ssh 'not answered' --timeout=1

# by hand, and wrongly used
xl-dedup doctor --report </dev/null >out || fail "report"
python3 -c 'import json
lines = [json.loads(x) for x in open("out")]
assert len(lines) == 3 and "time" in lines[1] and lines[2]["guests"], lines' ||
    fail "report: $(cat out)"
for i in '-e' '--timeout=0' 'a b' '-C x' 'a:b' '-- -x' '--report what' '-d'; do
    status=0
    # shellcheck disable=SC2086
    xl-dedup doctor $i >out 2>err </dev/null || status=$?
    [ "$status" = 64 ] || fail "doctor $i: $status $(cat out err)"
done
pass "doctor"
