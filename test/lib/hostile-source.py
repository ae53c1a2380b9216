# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the source against "xl-dedup receive" and breaks docs/protocol.md,
one rule at a time.  Each time the session must end with FAIL or a closed
connection and the receiver must exit on its own with status 2, without a
crash; no file may stand at the destination, and no byte may have changed of
one that stood there.

  hostile-source.py XL-DEDUP DIRECTORY [CASE...]

HOSTILE_DEVICE of the environment is a block device of 3 MiB that reads all
zero, and must do so to the end: the source never shows that it is not its own.
"""
import hashlib
import os
import resource
import select
import shutil
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
import wire                                                     # noqa: E402
from fdio import write_all                                      # noqa: E402
from hostile import CASES, Ended, case, frames, play_all        # noqa: E402
from wire import delta, frame, manifest, patch, record, run      # noqa
from wire import segment, text, u64                                      # noqa

PATIENCE = 30
PEAK_MB = 300               # no announced number may cost more memory
SIZE = 3 * wire.SEGMENT_BYTES - 1000
HUGE = 1 << 60
DEVICE = os.environ.get("HOSTILE_DEVICE")
DEVICE_SIZE = 3 * wire.SEGMENT_BYTES
EXTENTS = [(0, 4096, 5000), (8192, 2000000, 6000)]


def content():
    """The disk: two extents of one object, the rest zero."""
    disk = bytearray(SIZE)
    for i, (_, physical, length) in enumerate(EXTENTS):
        disk[physical:physical + length] = bytes([i + 1, 7]) * (length // 2)
    return bytes(disk)


DISK = content()
PIECES = b"".join(DISK[p:p + n] for _, p, n in EXTENTS)
OBJECT_SIZE = 20000
OBJECT = wire.digest(DISK[4096:9096] + bytes(3192) +
                     DISK[2000000:2006000] + bytes(OBJECT_SIZE - 14192))
MANIFEST = manifest(0, [(OBJECT, OBJECT_SIZE, EXTENTS)])


NAMED = manifest(0, [(OBJECT, OBJECT_SIZE, EXTENTS)], kind=1)
WHOLE = DISK[4096:9096] + bytes(3192) + DISK[2000000:2006000] + \
    bytes(OBJECT_SIZE - 14192)
# What the target holds under this name, but for the number in it.
HELD = b"older" + WHOLE[100:9000] + b"other" * 500


# A program that it holds: calls of what lies far away.
PROGRAM = b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\3\0\x3e\0" + b"".join(
    b"in%c%c\n\xe8" % (65 + n // 30, 65 + n % 30) +
    struct.pack("<i", 5000 + n) for n in range(900)) + b"end"


# What is too large to be made in memory.
LARGE = b"".join(hashlib.blake2b(b"%d" % n).digest() for n in range(5 << 14))


def make_reference(directory):
    tree = os.path.join(directory, "tree")
    os.makedirs(os.path.join(tree, "dir"))
    with open(os.path.join(tree, "dir", "file-16.x"), "wb") as f:
        f.write(HELD)
    for path, mode, above in (("dir/private-1", 0o640, 0o755),
                              ("hidden/dir/file-1", 0o644, 0o750)):
        path = os.path.join(tree, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(HELD)
        os.chmod(path, mode)
        os.chmod(os.path.join(tree, "hidden", ".") if above == 0o750
                 else os.path.dirname(path), above)
    for path in ("", "dir", "dir/file-16.x"):
        os.chmod(os.path.join(tree, path), 0o755)
    with open(os.path.join(tree, "dir", "program"), "wb") as f:
        f.write(PROGRAM)
    for number, content in enumerate(STALE):
        with open(os.path.join(tree, "dir", "stale%d" % number), "wb") as f:
            f.write(content)
    with open(os.path.join(tree, "dir", "large"), "wb") as f:
        f.write(LARGE)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree,
                    os.path.join(directory, "reference.img"), "8M"],
                   check=True, stderr=subprocess.DEVNULL)


# What no parser understands: objects of 1 MiB.  Of the first one the target
# holds four blocks, in another order, and has no fifth; the rest is zero.
UNPARSED = 5
MIB = 1 << 20
BLOCKS = [bytes([n + 1]) * 2048 + b"block" * 409 + b"..." for n in range(32)]
STRAY = b"".join(BLOCKS[n] for n in (9, 4, 30, 0)) + b"own." * 1024
STRAY += bytes(MIB - len(STRAY))
FILLER = b"what is no block of the target's" * (MIB // 32)
ANYWHERE = STRAY + FILLER * (UNPARSED - 1)
PIECES_OF = [(wire.digest(ANYWHERE[n * MIB:(n + 1) * MIB]), MIB,
              [(0, n * MIB, MIB)]) for n in range(UNPARSED)]


def make_blocks(directory):
    with open(os.path.join(directory, "blocks.img"), "wb") as f:
        f.write(b"".join(BLOCKS))


def lists(key):
    """What the source should say: the filler is the same everywhere."""
    head, first = wire.listed(key, STRAY[:5 * 4096])
    filler = wire.listed(key, FILLER[:4096])[1] * 256
    return [(head, first + [bytes(6)] * 251)] + [(0, filler)] * (UNPARSED - 1)


def segments(disk=DISK):
    n = wire.SEGMENT_BYTES
    return [disk[i:i + n] for i in range(0, len(disk), n)]


DIGESTS = [wire.digest(s) for s in segments()[:2]]
LAST = len(segments()[2])
OTHER = b"other" + segments()[0][5:]    # what segment 0 might become
ALL = run(0, DIGESTS) + run(2, zeros=1)


OLD = wire.in_listing("SEGMENTS", ALL) * 3


class Receiver:
    def __init__(self, command, directory):
        self.command = command
        self.directory = directory
        self.base = 0
        self.earlier = False        # an earlier copy is there, all zero
        self.secret = None          # of what a session before has left
        self.dest = os.path.join(directory, "disk.img")
        self.stderr = open(os.path.join(directory, "..", "stderr"), "w+b")
        self.process = subprocess.Popen(
            [command, "receive"], stdin=subprocess.PIPE, bufsize=0,
            stdout=subprocess.PIPE, stderr=self.stderr)
        self.reader = wire.Reader(self.read)
        self.failed = None

    def read(self, n):
        out = self.process.stdout.fileno()
        if not select.select([out], [], [], PATIENCE)[0]:
            raise AssertionError("the receiver says nothing")
        return os.read(out, n)

    def send(self, *frames):
        try:
            write_all(self.process.stdin.fileno(), *frames)
        except ConnectionError:
            pass                # why will be read

    def next(self):
        f = self.reader.frame()
        while f is not None and f.name == "ALIVE":
            f = self.reader.frame()
        if f is None:
            raise Ended
        if f.name == "FAIL":
            self.failed = wire.read_message(f.payload)
            raise Ended
        return f

    def expect(self, name):
        f = self.next()
        assert f.name == name, "%s instead of %s" % (f.name, name)
        return f.payload

    def expect_blocks(self, number, content):
        """The target names a segment and says that it holds content."""
        c = wire.Cursor(self.expect("BLOCKS"))
        assert c.number("Q") == number, "another segment"
        if any(content):
            assert c.bytes(c.left()) == wire.blocks(
                number, content, c.data[8:24])[8:], "other blocks"
        c.end()

    # A session as it should be, in steps

    def nothing(self):
        pass

    def greet(self):
        self.send(wire.greeting())
        assert self.reader.greeting()[0] == wire.VERSION
        self.nonce = self.expect("CHALLENGE")
        assert len(self.nonce) == 32

    def hello(self):
        self.greet()
        self.send(frame("HELLO", payload=text(mode="push", name="x",
                                              uuid="hostile")))
        self.told = dict(wire.read_text(self.expect("HELLO")))

    def offer(self, **changes):
        values = dict(vdev="disk", size=SIZE, used=16384, path="/s/disk.img",
                      base="disk.img", kind="file", dest=self.dest)
        values.update(changes)
        values = {k: v for k, v in values.items() if v is not None}
        if self.secret:
            values["proof"] = (wire.secret_name(self.secret) + wire.proof(
                self.secret, self.nonce, "hostile", "disk",
                "/s/disk.img")).hex()
        return text(**values)

    def disk_ok(self):
        """What the target says of the disk, but the secret, which is kept."""
        values = dict(wire.read_text(self.expect("DISK_OK")))
        if "secret" in values:
            self.secret = bytes.fromhex(values.pop("secret"))
            assert len(self.secret) == 32
        elif "known" in values:
            assert values.pop("known") == wire.secret_name(self.secret).hex()
        return values

    def offered(self, **changes):
        self.hello()
        self.send(frame("DISK", 0, self.offer(**changes)),
                  frame("DISKS_END"))

    def dry(self):
        """A dry run, up to HELLO."""
        self.greet()
        self.send(frame("HELLO", payload=text(
            mode="push", name="x", uuid="hostile", dry=1)))
        self.expect("HELLO")

    def dry_accepted(self):
        self.dry()
        self.send(frame("DISK", 0, self.offer()), frame("DISKS_END"))
        values = self.disk_ok()
        assert values == {"base": str(self.base)}, values

    def dry_wanted(self):
        self.dry_accepted()
        self.send(frame("MANIFEST", 0, MANIFEST),
                  frame("MANIFEST_END", 0, u64(1)))
        assert self.expect("WANT") == wire.numbers([0])
        self.expect("WANT_END")

    def dry_copied(self):
        self.dry_wanted()
        self.send(frame("DATA_END", 0))
        self.expect("BULK_DONE")

    def dry_signature(self):
        self.dry_accepted()
        self.send(frame("MANIFEST", 0, NAMED),
                  frame("MANIFEST_END", 0, u64(1)))
        self.expect("UNKNOWN")
        self.send(frame("NAMES", 0, wire.names(b"/dir/file-17.x")))
        self.expect("SIGNATURE")

    def probed(self):
        self.offered()
        name = self.expect("PROBE").decode()
        assert "/" not in name
        assert os.path.exists(os.path.join(self.directory, name))

    def accepted(self):
        self.probed()
        self.send(frame("PROBED", 0, b"\0"))
        values = self.disk_ok()
        assert values == {"base": str(self.base)}, values

    def zeros_placed(self):
        self.accepted()
        self.send(frame("MANIFEST_END", 0, u64(0)))
        self.expect("WANT_END")
        self.send(frame("DATA_END", 0))
        self.expect("BULK_DONE")
        self.send(frame("SEGMENTS", 0, run(0, zeros=3)), frame("PASS_END", 0))
        assert self.expect("PASS_DONE") == u64(0)
        self.send(frame("PLACE", 0))
        self.expect("PLACED")
        self.send(frame("BYE"))
        finish(self, True)

    def knowing(self):
        """As accepted(), but the target has a copy that is all zero, and knows
        the listing OLD."""
        before = Receiver(self.command, self.directory)
        before.zeros_placed()
        self.earlier, self.secret = True, before.secret
        shown = wire.secret_name(self.secret).hex()
        path = os.path.realpath(self.dest)
        listings = os.path.join(self.directory, "..", "..", "state",
                                "listings")
        os.makedirs(listings, exist_ok=True)
        name = hashlib.blake2b(path.encode(), digest_size=16).hexdigest()
        with open(os.path.join(listings, name), "wb") as f:
            f.write(b"xl-dedup listing 1\n" + path.encode() + b"\0" + OLD)
        self.offered(list=wire.digest(OLD).hex())
        self.expect("PROBE")
        self.send(frame("PROBED", 0, b"\0"))
        values = self.disk_ok()
        assert values == {"base": "1", "list": "1", "replaces": shown}, values
        self.send(frame("SEGMENTS", 0, ALL), frame("COMPARED", 0))

    def on_device(self):
        """The target takes its device, in doubt."""
        records = os.path.join(self.directory, "..", "..", "state", "records")
        shutil.rmtree(records, ignore_errors=True)
        self.offered(kind="block", dest=DEVICE, size=DEVICE_SIZE)
        values = self.disk_ok()
        assert int(values.pop("physical")) >= 512, values
        assert values == {"base": "0", "witness": DEVICE}, values

    def device_compared(self):
        self.on_device()
        self.send(frame("SEGMENTS", 0, run(0, DIGESTS[:1]) + run(1, zeros=2)),
                  frame("COMPARED", 0))
        assert self.expect("UNLIKE") == u64(0), "something else differs"

    def device_equal(self):
        """Up to the end of the first pass, with nothing to do in it."""
        self.on_device()
        self.send(frame("SEGMENTS", 0, run(0, zeros=3)), frame("COMPARED", 0))
        assert self.expect("UNLIKE") == b"", "something differs"
        self.send(frame("MANIFEST_END", 0, u64(0)))
        self.expect("WANT_END")
        self.send(frame("DATA_END", 0))
        self.expect("BULK_DONE")
        self.send(frame("PASS_END", 0))
        assert self.expect("PASS_DONE") == u64(0)

    def based(self):
        """As accepted(), but an earlier session has left all of the disk."""
        earlier = Receiver(self.command, self.directory)
        earlier.copied()
        earlier.process.stdin.close()
        finish(earlier, False)
        self.base = 1
        self.secret = earlier.secret
        self.accepted()

    def compared(self):
        self.based()
        self.send(frame("SEGMENTS", 0, ALL), frame("COMPARED", 0))

    def relisted(self):
        """The manifest after a comparison that found all in place."""
        self.compared()
        self.send(frame("MANIFEST", 0, MANIFEST))

    def rewanted(self):
        self.relisted()
        self.send(frame("MANIFEST_END", 0, u64(1)))
        self.expect("WANT_END")

    def recopied(self):
        self.rewanted()
        self.send(frame("DATA_END", 0))
        self.expect("BULK_DONE")

    def unknown(self):
        """The object has a name."""
        self.accepted()
        self.send(frame("MANIFEST", 0, NAMED),
                  frame("MANIFEST_END", 0, u64(1)))
        assert self.expect("UNKNOWN") == wire.numbers([0])

    def take_signature(self, name, content, code=False):
        """The target has this under the name: returns its blocks."""
        self.unknown()
        self.send(frame("NAMES", 0, wire.names(name)))
        payload = self.expect("SIGNATURE")
        c = wire.Cursor(payload)
        assert c.zigzag() == 0, "another object"
        key = c.bytes(8)
        assert c.varint() == len(content), "another file"
        block, width = c.varint(), c.number("B") & 0x7f
        assert payload == wire.signature(0, content, block, width, key,
                                         code), "wrong hashes"
        return block

    def signature(self):
        return self.take_signature(b"/dir/file-17.x", HELD)

    def as_code(self):
        return self.take_signature(b"/dir/program", PROGRAM, True)

    def asked(self, hello=None):
        """The target asks for lists of blocks."""
        (hello or self.hello)()
        self.send(frame("DISK", 0, self.offer(size=len(ANYWHERE))),
                  frame("DISKS_END"))
        if not hello:
            self.expect("PROBE")
            self.send(frame("PROBED", 0, b"\0"))
        self.expect("DISK_OK")
        self.send(frame("MANIFEST", 0, manifest(0, PIECES_OF, kind=2)),
                  frame("MANIFEST_END", 0, u64(UNPARSED)))
        payload = self.expect("LIST")
        self.key = payload[:16]
        assert payload[16:] == wire.numbers(range(UNPARSED)), "other objects"

    def held(self, hello=None):
        """It says what it has of the first one, and wants the others."""
        self.asked(hello)
        self.send(frame("BLOCKLIST", 0, wire.blocklist(*lists(self.key))))
        assert self.expect("HELD") == wire.held(0, 4, 1, 251)
        assert self.expect("WANT") == wire.numbers(range(1, UNPARSED))

    def dry_asked(self):
        self.asked(self.dry)

    def dry_held(self):
        self.held(self.dry)

    def listed(self):
        self.accepted()
        self.send(frame("MANIFEST", 0, MANIFEST))

    def wanted(self):
        self.listed()
        self.send(frame("MANIFEST_END", 0, u64(1)))
        assert self.expect("WANT") == wire.numbers([0])
        self.expect("WANT_END")

    def copied(self):
        self.wanted()
        self.send(frame("DATA", 0, record(0, PIECES[:700]) +
                        record(0, PIECES[700:])),
                  frame("DATA_END", 0))
        self.expect("BULK_DONE")

    def checked(self):
        self.copied()
        self.send(frame("SEGMENTS", 0, ALL), frame("PASS_END", 0))
        assert self.expect("PASS_DONE") == u64(0)

    def placed(self):
        self.checked()
        self.send(frame("PLACE", 0))
        self.expect("PLACED")

    def until_end(self):
        while True:
            f = self.next()
            assert f.name != "PLACED", "it was put in place"
            if f.name == "PROBE":
                self.send(frame("PROBED", f.disk, b"\0"))


def disks(**cases):
    for name, changes in cases.items():
        CASES["disk_" + name] = ("hello", lambda r, changes=changes: r.send(
            frame("DISK", 0, r.offer(**changes)), frame("DISKS_END")))


def objects(**cases):
    for name, arguments in cases.items():
        CASES["manifest_" + name] = (
            "accepted", lambda r, arguments=arguments: r.send(
                frame("MANIFEST", 0, manifest(*arguments))))


def one(size, *extents):
    return (0, [(OBJECT, size, list(extents))])


# Below the frames
frames("nothing", garbage=b"SSH-2.0-OpenSSH_9.2p1\r\n",
       no_greeting=wire.greeting(version=wire.VERSION - 1),
       greeting_cut=b"XL-DE")
frames("greet",
       wire_oversize=struct.pack("<HHII", 1, 65535, (2 << 20) + 1, 9),
       raw_oversize=struct.pack("<HHII", 1, 65535, 9, (1 << 30)),
       raw_without_content=struct.pack("<HHII", 1, 65535, 0, 9),
       uncompressed_oversize=struct.pack("<HHII", 1, 65535, 2 << 20, 0),
       no_zstd=struct.pack("<HHII", 1, 65535, 9, 9) + b"no zstd.." * 2)

frames("greet",
       freight_no_zstd=frame("FREIGHT", payload=b"no zstd at all"),
       freight_packed=struct.pack("<HHII", 40, 65535, 9, 9) + b"no zstd..",
       freight_nested=wire.freight(wire.freight(frame("ALIVE"))),
       freight_long=wire.freight(struct.pack("<HHII", 1, 65535, 2 << 20, 0)),
       freight_huge=wire.freight(struct.pack("<HHII", 1, 65535, ~0 & 2**32 - 1,
                                             0)),
       freight_raw=wire.freight(struct.pack("<HHII", 1, 65535, 9, 9) +
                                b"no zstd.."),
       freight_unknown=wire.freight(frame(200)),
       freight_zeros=wire.freight(bytes(64 << 20)),
       freight_window=frame("FREIGHT", payload=bytes.fromhex(
           "28b52ffd00a0") + bytes(100)))

# Frames at the wrong time, of the wrong kind, or from the wrong side
frames("greet", disk_first=frame("DISK", 0, text(vdev="x")),
       hello_no_text=frame("HELLO", payload=b"mode=push\0uuid=x"),
       hello_no_equals=frame("HELLO", payload=b"mode\0uuid=x\0"),
       hello_no_uuid=frame("HELLO", payload=text(mode="push")),
       disks_end_first=frame("DISKS_END"))
frames("hello", hello_twice=frame("HELLO", payload=text(mode="push",
                                                        uuid="y")),
       unknown=frame(200), unknown_with_disk=frame(0x7fff, 0),
       restore_early=frame("RESTORE"), of_no_such_disk=frame("PLACE", 0),
       xl=frame("XL", payload=b"xl"), memory=frame("MEMORY", payload=b"xx"),
       memory_end=frame("MEMORY_END", payload=u64(0) + bytes(32)),
       memory_key=frame("MEMORY_KEY", payload=bytes(16)),
       coded=frame("CODED", payload=bytes(9)),
       pages=frame("PAGES", payload=bytes(4096)))
disks(list_short=dict(list="ab"), list_no_hex=dict(list="x" * 64),
      list_long=dict(list="ab" * 33),
      proof_empty=dict(proof=""), proof_short=dict(proof="00" * 39),
      proof_name_only=dict(proof="00" * 8), proof_no_hex=dict(proof="x" * 80),
      proof_long=dict(proof="00" * 41))


@case("hello")
def disk_proof_too_often(r):
    r.send(frame("DISK", 0, r.offer() + text(("proof", "00" * 40)) * 33),
           frame("DISKS_END"))


frames("checked", place_no_text=frame("PLACE", 0, b"secret"),
       place_secret_short=frame("PLACE", 0, text(secret="00" * 31)),
       place_secret_no_hex=frame("PLACE", 0, text(secret="x" * 64)),
       place_secrets=frame("PLACE", 0, text(("secret", "00" * 32)) * 33))
frames("accepted", listing_unknown=frame("LISTING", 0, wire.compressed(
    wire.in_listing("MANIFEST", MANIFEST))))
frames("knowing", listing_no_zstd=frame("LISTING", 0, b"no zstd"),
       listing_behind_its_end=frame("LISTING", 0, wire.compressed(
           wire.in_listing("MANIFEST", MANIFEST)) + b"more"),
       listing_of_data=frame("LISTING", 0, wire.compressed(
           wire.in_listing("DATA", record(0, PIECES)))),
       listing_of_listing=frame("LISTING", 0, wire.compressed(
           wire.in_listing("LISTING", wire.compressed(b"x")))),
       listing_huge=frame("LISTING", 0, wire.compressed(
           struct.pack("<HI", 32, 2 ** 32 - 1) + bytes(1000))),
       listing_bomb=frame("LISTING", 0, wire.compressed(
           wire.in_listing("MANIFEST", bytes(10 ** 6)) * 40)),
       listing_half=frame("LISTING", 0, wire.compressed(
           wire.in_listing("MANIFEST", MANIFEST)[:-1])) +
       frame("MANIFEST_END", 0, u64(1)),
       listing_bad_manifest=frame("LISTING", 0, wire.compressed(
           wire.in_listing("MANIFEST", MANIFEST + b"x"))))
for wrong in ("PROBE", "DISK_OK", "WANT", "WANT_END", "BULK_DONE", "DIFFER",
              "UNLIKE", "WITNESSED",
              "BLOCKS", "PASS_DONE", "PLACED", "RESTORING"):
    frames("accepted", **{"targets_" + wrong: frame(wrong, 0, b"\1\0\0\0")})
for early in ("MANIFEST", "MANIFEST_END", "DATA", "DATA_END", "SEGMENTS",
              "SEGMENT", "PATCH", "DELTA", "COMPARED", "PASS_END", "PLACE"):
    frames("probed", **{"early_" + early: frame(early, 0, MANIFEST)})
for early in ("SEGMENTS", "SEGMENT", "PATCH", "DELTA", "COMPARED",
              "PASS_END", "PLACE"):
    frames("wanted", **{"before_bulk_" + early: frame(early, 0)})
for late in ("MANIFEST", "MANIFEST_END", "DATA", "DATA_END", "PROBED",
             "COMPARED"):
    frames("copied", **{"after_bulk_" + late: frame(late, 0, MANIFEST)})
frames("listed", manifest_end_twice=frame("MANIFEST_END", 0, u64(1)) * 2 +
       frame("DATA_END", 0), data_end_early=frame("DATA_END", 0),
       restore_before_bulk=frame("RESTORE"))

# Dry runs: nothing may be written, whatever comes
frames("hello", ballast=frame("BALLAST", payload=b"x"))
frames("dry", dry_hello_twice=frame("HELLO", payload=text(
    mode="push", uuid="y")), dry_restore=frame("RESTORE"),
       dry_memory_end=frame("MEMORY_END", payload=u64(0) + bytes(32)),
       dry_no_dest=frame("DISK", 0, text(vdev="x", size=9, used=9, base="x",
                                         kind="file")))
frames("dry_accepted", dry_probed=frame("PROBED", 0, b"\0"),
       dry_segments=frame("SEGMENTS", 0, bytes(13)),
       dry_compared=frame("COMPARED", 0), dry_left=frame(
           "LEFT", 0, wire.numbers([0])))
frames("dry_wanted", dry_data=frame("DATA", 0, record(0, PIECES)),
       dry_recipe=frame("RECIPE", 0, u64(0)))
frames("dry_signature", dry_recipe_content=frame(
    "RECIPE", 0, u64(0) + b"\4ab"), dry_recipe_out_of_range=frame(
        "RECIPE", 0, u64(1)), dry_recipe_short=frame("RECIPE", 0, b"\0"),
    dry_recipe_twice=frame("RECIPE", 0, u64(0)) * 2)
for late in ("SEGMENTS", "SEGMENT", "PATCH", "DELTA", "PLACE", "DATA",
             "MANIFEST", "COMPARED"):
    frames("dry_copied", **{"dry_" + late: frame(late, 0, MANIFEST)})

# Disks
disks(empty=dict(size=0), no_size=dict(size=None), no_vdev=dict(vdev=None),
      escapes_vdev=dict(vdev="\x1b]0;owned\x07\x1b[2J"),
      lines_vdev=dict(vdev="/x\nxl-dedup: info: all disks verified"),
      turned_vdev=dict(vdev="/\u202egmi.x"), empty_vdev=dict(vdev=""),
      long_vdev=dict(vdev="/" * 16385), no_used=dict(used=None), no_dest=dict(dest=None),
      no_kind=dict(kind=None), no_base=dict(base=None),
      negative=dict(size=-1), word=dict(size="large"),
      at_the_limit=dict(size=1 << 56),
      too_large=dict(size=(1 << 56) + 1), overflow=dict(size=1 << 64),
      used_too_large=dict(used=1 << 63), relative=dict(dest="disk.img"),
      nowhere=dict(dest="/nonexistent/disk.img"),
      slash=dict(dest="/nonexistent/"), root=dict(dest="/"),
      null=dict(dest="/dev/null"), no_path=dict(dest=""))


@case("hello")
def disk_out_of_order(r):
    r.send(frame("DISK", 1, r.offer()))


@case("hello")
def disk_no_text(r):
    r.send(frame("DISK", 0, r.offer()[:-1]))


@case("hello")
def disk_twice(r):
    r.send(frame("DISK", 0, r.offer()), frame("DISK", 0, r.offer()))


@case("hello")
def too_many_disks(r):
    for i in range(257):
        r.send(frame("DISK", i, r.offer(vdev="d%d" % i,
                                        dest=r.dest + str(i))))


@case("probed")
def disk_after_disks_end(r):
    r.send(frame("DISK", 1, r.offer(vdev="other")))


@case("probed")
def disks_end_twice(r):
    r.send(frame("DISKS_END"))


@case("hello")
def same_destination_twice(r):
    r.send(frame("DISK", 0, r.offer()),
           frame("DISK", 1, r.offer(vdev="other")), frame("DISKS_END"))
    for i in range(2):
        r.expect("PROBE")
        r.send(frame("PROBED", i, b"\0"))


@case("greet")
def migration_to_receive(r):
    r.send(frame("HELLO", payload=text(mode="migrate", uuid="x")),
           frame("DISK", 0, r.offer(dest=None)), frame("DISKS_END"))


@case("greet")
def probed_before_disks_end(r):
    r.send(frame("HELLO", payload=text(mode="migrate", uuid="x")),
           frame("DISK", 0, r.offer()), frame("PROBED", 0, b"\0"))


frames("probed", probed_of_two=frame("PROBED", 0, b"\0\0"),
       probed_of_none=frame("PROBED", 0), shared=frame("PROBED", 0, b"\1"))
frames("accepted", probed_twice=frame("PROBED", 0, b"\0"))


@case("hello")
def overwrites_a_file(r):
    dest = os.path.join(r.directory, "..", "precious")
    r.send(frame("DISK", 0, r.offer(dest=os.path.abspath(dest))),
           frame("DISKS_END"))
    r.expect("PROBE")
    r.send(frame("PROBED", 0, b"\0"))


# Objects
E = (0, 4096, 100)
objects(first=(1, [(OBJECT, 9, [(0, 0, 9)])]), count_0=(0, []),
        count_1=(0, [], 1), count_2=(0, one(100, E)[1], 2),
        count_huge=(0, one(100, E)[1], (1 << 32) - 1),
        size_huge=one(HUGE, E), size_above_limit=one(SIZE + (16 << 30) + 1,
                                                     E),
        size_max=one((1 << 64) - 1, E), no_extents=one(100),
        outside_disk=one(100, (0, SIZE - 99, 100)),
        behind_disk=one(100, (0, SIZE + 1, 1)), before_disk=one(9, (0, -1, 9)),
        physical_huge=one(100, (0, HUGE, 100)),
        length_huge=one(100, (0, 0, HUGE)),
        length_wraps=one(100, (0, 4096, (1 << 64) - 4096)),
        length_0=one(100, (0, 0, 0)),
        outside_object=one(100, (1, 4096, 100)),
        logical_huge=one(100, (HUGE, 4096, 100)),
        kind=(*one(100, E), None, 3),
        unparsed_gap=(*one(101, E), None, 2),
        unparsed_two=(*one(200, E, (100, 9000, 100)), None, 2),
        unparsed_large=(*one(MIB + 1, (0, 0, MIB + 1)), None, 2))
frames("accepted",
       overlap=frame("MANIFEST", 0, struct.pack("<QI", 0, 1) + OBJECT[:16] +
                     wire.varint(100) + wire.varint(2 << 2) +
                     wire.varint(0) + wire.zigzag(0) + wire.varint(50) +
                     wire.varint((1 << 64) - 10) + wire.zigzag(0) +
                     wire.varint(50)),
       extents_huge=frame("MANIFEST", 0, struct.pack("<QI", 0, 1) +
                          OBJECT[:16] + wire.varint(100) +
                          wire.varint(HUGE) + bytes(60)),
       extents_2_32=frame("MANIFEST", 0, struct.pack("<QI", 0, 1) +
                          OBJECT[:16] + wire.varint(100) +
                          wire.varint((1 << 32) + 1) + bytes(60)),
       trailing=frame("MANIFEST", 0, MANIFEST + b"\0"),
       varint_overlong=frame("MANIFEST", 0, struct.pack("<QI", 0, 1) +
                             OBJECT[:16] + b"\xff" * 9 + b"\x7f" + bytes(9)),
       manifest_end_lies=frame("MANIFEST_END", 0, u64(1)),
       manifest_end_huge=frame("MANIFEST_END", 0, u64(HUGE)),
       manifest_end_empty=frame("MANIFEST_END", 0))
for cut in range(len(MANIFEST)):
    frames("accepted",
           **{"manifest_cut_%d" % cut: frame("MANIFEST", 0, MANIFEST[:cut])})


# Content
frames("accepted", data_of_no_manifest=frame("DATA", 0, record(0, b"x")))
frames("wanted", data_unknown=frame("DATA", 0, record(1, b"x")),
       data_huge=frame("DATA", 0, record(HUGE, b"x")),
       data_too_much=frame("DATA", 0, record(0, PIECES + b"x")),
       data_length_lies=frame("DATA", 0, struct.pack("<QI", 0, 100) + b"x"),
       data_length_huge=frame("DATA", 0, struct.pack("<QI", 0, 2 ** 32 - 1)),
       data_cut=frame("DATA", 0, b"\0" * 11))


# Names and recipes
def recipes(stage, **cases):
    for name, data in cases.items():
        frames(stage, **{"recipe_" + name: frame("RECIPE", 0, data)})


N = len(HELD)
frames("wanted", names_unasked=frame("NAMES", 0, wire.names(b"/x")))
frames("unknown", names_empty=frame("NAMES", 0),
       names_none=frame("NAMES", 0, wire.names()),
       names_two=frame("NAMES", 0, wire.names(b"/a", b"/b")),
       names_count=frame("NAMES", 0, wire.names(b"/a", count=2)),
       names_cut=frame("NAMES", 0, wire.names(b"/dir/file")[:-1]),
       names_long=frame("NAMES", 0, wire.names(b"/a") + b"x"),
       names_nul=frame("NAMES", 0, wire.names(b"/a\0b")),
       names_4001=frame("NAMES", 0, wire.names(b"/" * 4001)),
       names_huge=frame("NAMES", 0, b"\1\0\0\0" + wire.varint(0) +
                        wire.varint(HUGE) + b"/"),
       names_share=frame("NAMES", 0, b"\1\0\0\0" + wire.varint(1) +
                         wire.varint(1) + b"/"),
       names_wrap=frame("NAMES", 0, b"\1\0\0\0" + wire.varint((1 << 64) - 1)
                        + wire.varint(2) + b"/a"))
recipes("wanted", unasked=wire.recipe(0, PIECES, end=PIECES))
recipes("unknown", before_names=wire.recipe(0, WHOLE, end=WHOLE))
recipes("signature", empty=b"", cut=b"\0" * 7, number=wire.recipe(1, b"x"),
        huge=wire.recipe(HUGE, b"x"), short=wire.recipe(0, b"x", end=b"x"),
        no_digest=wire.recipe(0, WHOLE) + b"\0" * 16,
        long=wire.recipe(0, WHOLE + b"x"), ends_at_once=wire.recipe(0, end=b""),
        no_bytes=wire.recipe(0) + wire.varint(200) + b"x",
        copies_nothing=wire.recipe(0, (0, 0), WHOLE, end=WHOLE),
        copies_behind=wire.recipe(0, (N - 1, 2)),
        copies_before=wire.recipe(0, (-1, 2)),
        copies_far=wire.recipe(0, (HUGE, 2)),
        copies_much=wire.recipe(0, (0, HUGE)),
        copies_wrap=wire.recipe(0, (N, 1)),
        # a digest of known bytes and one unknown would be an oracle
        copies_a_byte=wire.recipe(0, (512, 1)),
        copies_from_within=wire.recipe(0, (513, 511)),
        copies_into=wire.recipe(0, (512, 1000)),
        copies_last_byte=wire.recipe(0, (len(HELD) - 1, 1)),
        goes_on=wire.recipe(0, WHOLE, end=WHOLE) + wire.varint(2) + b"x",
        frame_later=wire.recipe(0, WHOLE[:9]) + b"\1")
recipes("signature", as_skeleton=wire.recipe(0, WHOLE, end=WHOLE,
                                            operands=b""))
recipes("as_code", as_content=wire.recipe(0, WHOLE, end=WHOLE),
        operands_missing=u64(wire.CODE),
        operands_cut=u64(wire.CODE) + wire.varint(2) + bytes(7),
        operands_huge=u64(wire.CODE) + wire.varint(HUGE),
        operands_wrap=u64(wire.CODE) + wire.varint(1 << 62) + bytes(9),
        skeleton_half=wire.recipe(0, (100, 512), operands=b""),
        skeleton_behind=wire.recipe(0, (512 * 17, 513), operands=b""),
        skeleton_far=wire.recipe(0, (HUGE, 512), operands=b""),
        skeleton_short=wire.recipe(0, WHOLE[:99], end=WHOLE, operands=b""),
        skeleton_long=wire.recipe(0, WHOLE + b"x", operands=b""))
frames("as_code", recipe_skeleton_then_content=frame(
    "RECIPE", 0, wire.recipe(0, WHOLE[:99], operands=b"")) + frame(
        "RECIPE", 0, wire.recipe(0, WHOLE[99:], end=WHOLE)))
frames("signature", recipe_again=2 * frame(
    "RECIPE", 0, wire.recipe(0, WHOLE, end=WHOLE)))


# Lists of blocks
HASHES = [bytes(6)] * 256
MANY_LISTS = [(0, HASHES)] * UNPARSED


def blocklists(**cases):
    for name, data in cases.items():
        frames("asked", **{"blocklist_" + name: frame("BLOCKLIST", 0, data)})


blocklists(empty=b"", none=wire.blocklist(),
           few=wire.blocklist(*MANY_LISTS[1:]),
           many=wire.blocklist(*MANY_LISTS, (0, HASHES)),
           few_said=wire.blocklist(*MANY_LISTS, count=UNPARSED - 1),
           many_said=wire.blocklist(*MANY_LISTS, count=UNPARSED + 1),
           huge=wire.blocklist(*MANY_LISTS, count=2 ** 32 - 1),
           cut=wire.blocklist(*MANY_LISTS)[:-1],
           long=wire.blocklist(*MANY_LISTS) + b"x",
           hash_less=wire.blocklist(*MANY_LISTS[1:], (0, HASHES[1:])),
           hash_more=wire.blocklist(*MANY_LISTS[1:], (0, HASHES * 2)),
           head_4096=wire.blocklist((4096, HASHES[1:]), *MANY_LISTS[1:]),
           head_huge=wire.blocklist((HUGE, []), *MANY_LISTS[1:]),
           head_alone=wire.blocklist((1, HASHES), *MANY_LISTS[1:]))
frames("wanted", blocklist_unasked=frame("BLOCKLIST", 0, wire.blocklist(
    (0, []))), targets_LIST=frame("LIST", 0, bytes(16) + wire.numbers([0])),
       targets_HELD=frame("HELD", 0, wire.held(0, 1)))
frames("asked", blocklist_again=2 * frame("BLOCKLIST", 0, wire.blocklist(
    *MANY_LISTS)), recipe_before_lists=frame("RECIPE", 0, wire.recipe(
        0, STRAY, end=STRAY)))
frames("dry_asked", dry_blocklist_cut=frame("BLOCKLIST", 0, wire.blocklist(
    *MANY_LISTS)[:-1]))
frames("dry_held", dry_recipe_of_blocks=frame("RECIPE", 0, wire.recipe(
    0, (0, 4096))), dry_recipe_of_wanted=frame("RECIPE", 0, u64(1)))
recipes("held", of_wanted=wire.recipe(1, FILLER, end=FILLER),
        of_held=wire.recipe(0, (0, 5 * 4096)),
        of_half_held=wire.recipe(0, (4 * 4096 - 1, 2)),
        of_a_byte=wire.recipe(0, (0, 1)), of_within=wire.recipe(0, (9, 4087)),
        of_none=wire.recipe(0, (MIB, 1)), of_before=wire.recipe(0, (-1, 2)),
        of_far=wire.recipe(0, (HUGE, 1)), of_much=wire.recipe(0, (0, HUGE)),
        stray_short=wire.recipe(0, (0, 4096), end=STRAY),
        stray_long=wire.recipe(0, STRAY + b"x"),
        stray_goes_on=wire.recipe(0, STRAY, end=STRAY) + wire.varint(2))
frames("held", recipe_stray_again=2 * frame(
    "RECIPE", 0, wire.recipe(0, STRAY, end=STRAY)))


@case("held")
def recipe_stray_missing(r):
    r.send(*(frame("DATA", 0, record(n, FILLER[at:at + 1000000]))
             for n in range(1, UNPARSED) for at in (0, 1000000)),
           frame("DATA_END", 0))


@case("signature")
def recipe_not_ended(r):
    r.send(frame("RECIPE", 0, wire.recipe(0, WHOLE[:99])),
           frame("DATA_END", 0))


@case("signature")
def recipe_answered_with_data(r):
    r.send(frame("DATA", 0, record(0, PIECES)), frame("DATA_END", 0))


# What may be the source's own storage is not written to; a file is not
WITNESS = u64(0) + DIGESTS[0]
frames("accepted", witness_of_file=frame("WITNESS", 0, WITNESS),
       apart_of_file=frame("APART", 0))
frames("probed", witness_early=frame("WITNESS", 0, WITNESS),
       apart_early=frame("APART", 0))
if DEVICE:
    frames("on_device", witness_empty=frame("WITNESS", 0),
           witness_cut=frame("WITNESS", 0, WITNESS[:-1]),
           witness_out_of_range=frame("WITNESS", 0, u64(3) + DIGESTS[0]),
           witness_huge=frame("WITNESS", 0, u64(HUGE) + DIGESTS[0]),
           witness_too_many=frame("WITNESS", 0, WITNESS * 17),
           apart_with_more=frame("APART", 0, b"\1"),
           apart_twice=frame("APART", 0) * 2,
           apart_in_comparison=frame("SEGMENTS", 0, run(0, zeros=1)) +
           frame("APART", 0),
           witness_apart=frame("APART", 0) + frame("WITNESS", 0, WITNESS),
           compared_apart=frame("APART", 0) +
           frame("SEGMENTS", 0, run(0, zeros=3)),
           doubtful_data=frame("MANIFEST", 0, MANIFEST) +
           frame("MANIFEST_END", 0, u64(1)) +
           frame("DATA", 0, record(0, PIECES)) + frame("DATA_END", 0))
    frames("device_compared",
           doubtful_again=frame("SEGMENTS", 0, run(0, DIGESTS[:1])) +
           frame("MANIFEST", 0, MANIFEST),
           doubtful_zeros=frame("MANIFEST_END", 0, u64(0)) +
           frame("DATA_END", 0),
           doubtful_object=frame("MANIFEST", 0, MANIFEST) +
           frame("MANIFEST_END", 0, u64(1)) +
           frame("DATA", 0, record(0, PIECES)) + frame("DATA_END", 0))
    frames("device_equal",
           doubtful_patch=frame("PATCH", 0, patch(0, DIGESTS[0],
                                                  (0, b"other"))),
           doubtful_segment=frame("SEGMENT", 0, segment(0, OTHER)),
           doubtful_zero_segment=frame("SEGMENT", 0,
                                       u64(0) + wire.ZERO_DIGEST),
           doubtful_delta=frame("DELTA", 0, delta((4096, b"x" * 4096))))


# The comparison before the manifest
frames("accepted", compared_unasked=frame("COMPARED", 0),
       segments_unasked=frame("SEGMENTS", 0, ALL))
frames("based",
       manifest_uncompared=frame("MANIFEST", 0, MANIFEST),
       manifest_end_uncompared=frame("MANIFEST_END", 0, u64(0)),
       compared_late=frame("SEGMENTS", 0, ALL) +
       frame("MANIFEST", 0, MANIFEST) + frame("COMPARED", 0),
       compared_late_of_none=frame("MANIFEST_END", 0, u64(0)) +
       frame("COMPARED", 0),
       compare_out_of_range=frame("SEGMENTS", 0, run(2, zeros=2)),
       compare_huge=frame("SEGMENTS", 0, run(HUGE, zeros=1)),
       compare_cut=frame("SEGMENTS", 0, ALL[:-14]),
       compare_kind=frame("SEGMENTS", 0, struct.pack("<QIB", 0, 3, 2)),
       compare_segment=frame("SEGMENT", 0, segment(0, OTHER)),
       compare_patch=frame("PATCH", 0, patch(0, DIGESTS[0])),
       compare_pass_end=frame("SEGMENTS", 0, ALL) + frame("PASS_END", 0),
       compare_place=frame("SEGMENTS", 0, ALL) + frame("PLACE", 0))
frames("compared", compared_twice=frame("COMPARED", 0),
       compared_segments=frame("SEGMENTS", 0, ALL),
       compared_patch=frame("PATCH", 0, patch(0, DIGESTS[0])),
       compared_place=frame("PLACE", 0),
       compared_pass_end=frame("PASS_END", 0))
frames("relisted", compared_after_manifest=frame("COMPARED", 0),
       segments_after_manifest=frame("SEGMENTS", 0, ALL))
frames("rewanted", patch_before_bulk=frame("PATCH", 0, patch(0, DIGESTS[0])),
       segment_before_bulk=frame("SEGMENT", 0, segment(0, OTHER)),
       place_before_bulk=frame("PLACE", 0))
# the comparison alone, without a pass, said what the first pass would have
frames("recopied", compared_after_bulk=frame("COMPARED", 0),
       place_patched=frame("PATCH", 0, patch(0, wire.digest(OTHER),
                                             (0, b"other"))) +
       frame("PLACE", 0))


# Passes
frames("copied",
       segments_first=frame("SEGMENTS", 0, run(4, zeros=1)),
       segments_huge=frame("SEGMENTS", 0, run(HUGE, zeros=1)),
       segments_wrap=frame("SEGMENTS", 0, run((1 << 64) - 1, zeros=2)),
       segments_count=frame("SEGMENTS", 0, run(0, zeros=4)),
       segments_count_huge=frame("SEGMENTS", 0, run(0, zeros=2 ** 32 - 1)),
       segments_kind=frame("SEGMENTS", 0, struct.pack("<QIB", 0, 3, 2)),
       segments_cut=frame("SEGMENTS", 0, ALL[:-14]),
       segments_header_cut=frame("SEGMENTS", 0, ALL[:-1]),
       segment_out_of_range=frame("SEGMENT", 0, segment(3, b"")),
       segment_huge=frame("SEGMENT", 0, segment(HUGE, b"")),
       segment_short=frame("SEGMENT", 0, segment(0, DISK[1:1 << 20])),
       segment_long=frame("SEGMENT", 0, segment(2, DISK[:1 << 20])),
       segment_cut=frame("SEGMENT", 0, u64(0) + bytes(31)),
       patch_out_of_range=frame("PATCH", 0, patch(3, DIGESTS[0])),
       patch_huge=frame("PATCH", 0, patch(HUGE, DIGESTS[0])),
       patch_wraps=frame("PATCH", 0, patch((1 << 64) - 1, DIGESTS[0])),
       patch_empty=frame("PATCH", 0), patch_cut=frame(
           "PATCH", 0, patch(0, DIGESTS[0])[:-1]),
       patch_header_cut=frame("PATCH", 0, patch(0, DIGESTS[0]) + bytes(7)),
       patch_record_cut=frame("PATCH", 0, patch(
           0, DIGESTS[0], (0, b"other"))[:-1]),
       patch_second_cut=frame("PATCH", 0, patch(
           0, DIGESTS[0], (0, b"other"), (9, 9), (20, b"more"))[:-1]),
       patch_trailing=frame("PATCH", 0, patch(0, DIGESTS[0], (0, 5)) + b"x"),
       patch_behind=frame("PATCH", 0, patch(0, DIGESTS[0],
                                            ((1 << 20) - 4, b"other"))),
       patch_zeros_behind=frame("PATCH", 0, patch(0, DIGESTS[0],
                                                  (1, 1 << 20))),
       patch_outside=frame("PATCH", 0, patch(0, DIGESTS[0],
                                             ((1 << 20) + 1, b""))),
       patch_offset_huge=frame("PATCH", 0, patch(0, DIGESTS[0],
                                                 ((1 << 32) - 1, b"x"))),
       patch_offset_wraps=frame("PATCH", 0, patch(0, DIGESTS[0],
                                                  ((1 << 32) - 1, 2))),
       patch_zeros_huge=frame("PATCH", 0, patch(0, DIGESTS[0],
                                                (0, (1 << 31) - 1))),
       patch_length_huge=frame("PATCH", 0, patch(0, DIGESTS[0]) +
                               struct.pack("<II", 0, (1 << 31) - 1)),
       patch_behind_disk=frame("PATCH", 0, patch(2, DIGESTS[0],
                                                 (LAST - 4, b"other"))),
       patch_zeros_behind_disk=frame("PATCH", 0, patch(2, DIGESTS[0],
                                                       (LAST, 1))),
       place_unchecked=frame("PLACE", 0),
       place_without_digests=frame("PASS_END", 0) + frame("PLACE", 0),
       place_one_missing=frame("SEGMENTS", 0, run(0, DIGESTS)) +
       frame("PASS_END", 0) + frame("PLACE", 0),
       place_differing=frame("SEGMENTS", 0, run(0, DIGESTS[:1] * 3)) +
       frame("PASS_END", 0) + frame("PLACE", 0))
frames("checked",
       place_patched_unread=frame("PATCH", 0, patch(0, DIGESTS[0])) +
       frame("PLACE", 0),
       place_patch_lies=frame("PATCH", 0, patch(0, DIGESTS[0],
                                                (0, b"other"))) +
       frame("PASS_END", 0) + frame("PLACE", 0),
       place_patch_not_zero=frame("PATCH", 0, patch(0, wire.ZERO_DIGEST)) +
       frame("PASS_END", 0) + frame("PLACE", 0),
       place_unread=frame("SEGMENT", 0, segment(0, DISK[:1 << 20])) +
       frame("PLACE", 0),
       place_lie=frame("SEGMENT", 0, u64(0) + bytes(32) + DISK[:1 << 20]) +
       frame("PASS_END", 0) + frame("PLACE", 0))

# Blocks that were written
MANY = [(i, 1) for i in range(wire.ROUND_RECORDS // 2 + 1)]
frames("copied", delta_before_pass=frame("DELTA", 0, delta((0, b"x"))))
frames("checked",
       delta_empty=frame("DELTA", 0), delta_digest_cut=frame(
           "DELTA", 0, delta((0, b""))[:31]),
       delta_of_nothing=frame("DELTA", 0, delta()),
       delta_lies=frame("DELTA", 0, delta((0, b"x"), said=DIGESTS[0])),
       # the right bytes, for another place, or in another number
       delta_moved=frame("DELTA", 0, delta(
           (4096, b"x"), said=delta((0, b"x"))[:32])),
       delta_moved_far=frame("DELTA", 0, delta(
           (1 << 20, 4096), said=delta((4096, 4096))[:32])),
       delta_cut_otherwise=frame("DELTA", 0, delta(
           (0, b"xy"), (9, b"z"), said=delta((0, b"x"), (9, b"yz"))[:32])),
       delta_zeros_as_bytes=frame("DELTA", 0, delta(
           (0, bytes(9)), said=delta((0, 9))[:32])),
       delta_without_content=frame("DELTA", 0, delta((0, b""))),
       delta_without_zeros=frame("DELTA", 0, delta((0, 0))),
       delta_header_cut=frame("DELTA", 0, delta((0, b"x")) + bytes(11)),
       delta_cut=frame("DELTA", 0, delta((0, b"xyz"))[:-1]),
       delta_length_lies=frame("DELTA", 0, wire.digest(b"") + struct.pack(
           "<QI", 0, 1 << 20)),
       delta_behind=frame("DELTA", 0, delta((SIZE - 1, b"xy"))),
       delta_zeros_behind=frame("DELTA", 0, delta((SIZE, 1))),
       delta_zeros_huge=frame("DELTA", 0, wire.digest(b"") + struct.pack(
           "<QI", 0, 2 ** 32 - 1)),
       delta_huge=frame("DELTA", 0, delta((HUGE, b"x"))),
       delta_wraps=frame("DELTA", 0, delta(((1 << 64) - 1, b"xy"))),
       delta_too_many=2 * frame("DELTA", 0, delta(*MANY)),
       delta_too_much=44 * frame("DELTA", 0, delta((0, SIZE))),
       delta_of_unverified=frame("SEGMENT", 0, segment(0, OTHER)) +
       frame("DELTA", 0, delta((9, b"x"))),
       delta_over_two=frame("PATCH", 0, patch(1, DIGESTS[1])) +
       frame("DELTA", 0, delta(((1 << 20) - 1, b"xy"))),
       place_delta_unread=frame("DELTA", 0, delta((9, b"x"))) +
       frame("PLACE", 0),
       # the second undoes the first: that shows when it is read back
       place_delta_overlaps=frame("DELTA", 0, delta((9, b"xy"), (10, b"z"))) +
       frame("PASS_END", 0) + frame("PLACE", 0))


def lines_to_stderr(r):
    r.stderr.seek(0)
    return r.stderr.read().decode(errors="replace")


def finish(r, may_succeed):
    """The process must end by itself."""
    try:
        status = r.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        r.process.kill()
        raise AssertionError("the receiver does not end")
    said = lines_to_stderr(r)
    assert "Sanitizer:" not in said and "runtime error" not in said, said
    assert status == 2 or (may_succeed and status == 0), \
        "exit status %d: %s" % (status, said)
    r.process.stdin.close()
    r.process.stdout.close()
    r.stderr.close()
    if DEVICE:
        with open(DEVICE, "rb") as f:
            assert not any(f.read()), "the device was written to"


def clean(directory):
    """Only staging files may be left."""
    for name in os.listdir(directory):
        assert name.startswith(".disk.img") and name.endswith(".xl-dedup"), \
            "left behind: " + name
        os.unlink(os.path.join(directory, name))
    with open(os.path.join(directory, "..", "precious")) as f:
        assert f.read() == "precious"


def break_rule(command, directory, stage, function):
    r = Receiver(command, directory)
    try:
        getattr(r, stage)()
    except Ended:
        raise AssertionError("refused a good session: %s" % r.failed)
    try:
        function(r)
        if stage == "nothing":
            r.process.stdin.close()
            r.reader.greeting()
        r.until_end()
    except Ended:
        pass
    finish(r, False)
    if r.earlier:
        with open(r.dest, "rb") as f:
            assert f.read() == bytes(SIZE), "the copy was changed"
        os.unlink(r.dest)
    clean(directory)
    assert r.failed is None or (r.failed and "(null)" not in r.failed), \
        r.failed
    return r.failed


def goes_away(command, directory):
    """The source may vanish at any point."""
    for stage in ("greet", "hello", "offered", "probed", "accepted", "listed",
                  "wanted", "copied", "checked", "based", "compared",
                  "rewanted", "recopied", "unknown", "signature",
                  "as_code", "asked", "held"):
        r = Receiver(command, directory)
        getattr(r, stage)()
        r.process.stdin.close()
        finish(r, False)
        clean(directory)


def says_bye(command, directory):
    for stage in ("greet", "accepted", "wanted", "checked", "compared"):
        r = Receiver(command, directory)
        getattr(r, stage)()
        r.send(frame("BYE"))
        finish(r, True)
        clean(directory)


def good_dry(command, directory):
    """A dry run leaves nothing, on no disk and over an earlier one."""
    def same():
        return sorted((n, os.stat(os.path.join(directory, n)).st_mtime_ns)
                      for n in os.listdir(directory))

    before = same()
    r = Receiver(command, directory)
    r.dry_copied()
    r.send(frame("BALLAST", payload=b"x" * 70000), frame("BALLAST"))
    assert r.expect("BALLAST") == b"" and r.expect("BALLAST") == b""
    r.send(frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    r.send(frame("BYE"))
    finish(r, True)
    r = Receiver(command, directory)
    r.dry_signature()
    r.send(frame("RECIPE", 0, u64(0)))
    r.expect("WANT_END")
    r.send(frame("BYE"))
    finish(r, True)
    assert same() == before, "something was written"
    # what lies there is older: the object is left to the passes
    r = Receiver(command, directory)
    r.copied()
    r.process.stdin.close()
    finish(r, False)
    before = same()
    secret = r.secret
    r = Receiver(command, directory)
    r.base = 1
    r.secret = secret
    r.dry_accepted()
    r.send(frame("SEGMENTS", 0, run(0, [wire.digest(OTHER)] + DIGESTS[1:])),
           frame("COMPARED", 0), frame("MANIFEST", 0, manifest(
               0, [(wire.digest(b"new"), OBJECT_SIZE, EXTENTS)])),
           frame("MANIFEST_END", 0, u64(1)))
    assert r.expect("LEFT") == wire.numbers([0])
    r.expect("WANT_END")
    r.send(frame("DATA_END", 0))
    r.expect("BULK_DONE")
    r.send(frame("PASS_END", 0))
    r.expect_blocks(0, segments()[0])
    assert r.expect("PASS_DONE") == u64(1)
    r.send(frame("BYE"))
    finish(r, True)
    assert same() == before, "something was written"
    clean(directory)


def good(command, directory):
    """A session as it should be, with optional frames in it; then once more
    with a segment that is not as first said."""
    r = Receiver(command, directory)
    r.greet()
    r.send(frame("ALIVE"), frame(0x8123, payload=b"?" * 1000),
           frame(0xffff, 9), frame("HELLO", payload=text(
               mode="push", name="x", uuid="hostile", later="unknown")))
    r.expect("HELLO")
    r.send(frame("DISK", 0, r.offer(later="unknown")), frame(0x9000, 0),
           frame("DISKS_END"))
    r.expect("PROBE")
    r.send(frame("PROBED", 0, b"\0"))
    r.expect("DISK_OK")
    r.send(frame("MANIFEST_END", 0, u64(0)))
    r.expect("WANT_END")
    r.send(frame("DATA_END", 0))
    r.expect("BULK_DONE")
    r.send(frame("SEGMENTS", 0, ALL), frame("PASS_END", 0))
    zero = bytes(1 << 20)
    r.expect_blocks(0, zero)
    r.expect_blocks(1, zero)
    assert r.expect("PASS_DONE") == u64(2)
    # segment 0 changes between the answer and the next pass: it is named
    # once, however often it was said and sent
    r.send(frame("SEGMENT", 0, segment(0, OTHER)),
           frame("SEGMENT", 0, segment(0, OTHER)),
           frame("PATCH", 0, patch(1, DIGESTS[1], (0, segments()[1]))),
           frame("SEGMENTS", 0, run(0, DIGESTS[:1])), frame("PASS_END", 0))
    r.expect_blocks(0, OTHER)
    assert r.expect("PASS_DONE") == u64(1)
    r.send(frame("PATCH", 0, patch(0, DIGESTS[0], (1, DISK[1:9]), (0, 1))),
           frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    # a pass that ends with nothing left, the answer being in time; the last
    # segment is shorter
    tail = b"tail"
    now = wire.digest(bytes(LAST - 4) + tail)
    r.send(frame("SEGMENTS", 0, run(2, [now])))
    r.expect_blocks(2, bytes(LAST))
    r.send(frame("PATCH", 0, patch(2, now, (LAST - 4, tail))),
           frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    r.send(frame("SEGMENTS", 0, run(2, zeros=1)))
    r.expect_blocks(2, bytes(LAST - 4) + tail)
    r.send(frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(1)
    r.send(frame("PATCH", 0, patch(2, wire.ZERO_DIGEST, (LAST - 4, 4))),
           frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    deltas(r)
    place(r)


def deltas(r):
    """Changes and changes back, over a border; one that does not come out is
    asked for whole, and then another may come."""
    border = wire.SEGMENT_BYTES - 2
    r.send(frame("DELTA", 0, delta((border, b"news"), (5, 9), (0, b"a"))),
           frame("DELTA", 0, delta((border - 4, b"more"))),
           frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    r.send(frame("DELTA", 0, delta((0, 1), (border - 4, 8))),
           frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    r.send(frame("DELTA", 0, delta((9, b"xy"), (10, b"z"))),
           frame("PASS_END", 0))
    assert r.expect("DIFFER") == u64(0)
    assert r.expect("PASS_DONE") == u64(1)
    r.send(frame("SEGMENT", 0, segment(0, OTHER)), frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    r.send(frame("DELTA", 0, delta((0, DISK[:5]))), frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    # digests that are said again are compared again
    r.send(frame("SEGMENTS", 0, run(0, DIGESTS)), frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)


def place(r, disk=DISK):
    """All has been verified."""
    assert r.earlier or not os.path.exists(r.dest)
    r.send(frame("PLACE", 0))
    r.expect("PLACED")
    with open(r.dest, "rb") as f:
        assert f.read() == disk
    r.send(frame("BYE"))
    finish(r, True)
    os.unlink(r.dest)
    clean(r.directory)


def good_base(command, directory):
    """The destination holds the disk already; then all but a segment."""
    r = Receiver(command, directory)
    r.recopied()
    r.send(frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    place(r)
    r = Receiver(command, directory)
    r.based()
    r.send(frame("SEGMENTS", 0, run(0, [wire.digest(OTHER), DIGESTS[1]])),
           frame("SEGMENTS", 0, run(2, zeros=1)), frame("COMPARED", 0),
           frame("MANIFEST", 0, MANIFEST), frame("MANIFEST_END", 0, u64(1)))
    f = r.next()        # the comparison itself is not answered
    if f.name == "WANT":
        r.send(frame("DATA", 0, record(0, PIECES)))
        f = r.next()
    assert f.name == "WANT_END", f.name
    r.send(frame("DATA_END", 0))
    r.expect("BULK_DONE")
    r.send(frame("PASS_END", 0))
    r.expect_blocks(0, segments()[0])
    assert r.expect("PASS_DONE") == u64(1)
    r.send(frame("PATCH", 0, patch(0, DIGESTS[0])), frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    place(r)


def good_witness(command, directory):
    """What the device shows, and that it shows the same again."""
    r = Receiver(command, directory)
    r.device_compared()
    zero = u64(0) + wire.ZERO_DIGEST
    answers = []
    for ask in (WITNESS + u64(2) + wire.ZERO_DIGEST, zero, WITNESS):
        r.send(frame("WITNESS", 0, ask))
        answers.append(r.expect("WITNESSED"))
    assert [len(a) for a in answers] == [34, 17, 17], "how many"
    assert [a[0] for a in answers] == [0, 1, 0] and answers[0][17] == 1
    assert answers[0][1:17] == answers[1][1:] == answers[2][1:], "changes"
    assert answers[0][18:] == answers[0][1:17], "another mark for the same"
    r.send(frame("SEGMENTS", 0, run(0, zeros=1)), frame("COMPARED", 0))
    assert r.expect("UNLIKE") == b""
    r.send(frame("BYE"))
    finish(r, True)
    clean(directory)


def lies(command, directory):
    """Digests that are not those of what was sent: after a PATCH the segment
    is asked for whole, pass after pass, and it is never put in place."""
    first = segments()[0]
    for patches in ([patch(0, wire.digest(OTHER))],
                    [patch(0, DIGESTS[0], (0, b"other"))],
                    [patch(0, wire.ZERO_DIGEST, (0, b"x"))],
                    [patch(0, wire.digest(OTHER), (0, 1 << 20))],
                    [patch(0, DIGESTS[0], (0, 99)),
                     patch(0, wire.digest(OTHER), (0, OTHER[:9]), (0, 9))]):
        r = Receiver(command, directory)
        r.checked()
        r.send(frame("SEGMENTS", 0, run(0, [wire.digest(OTHER)])))
        r.expect_blocks(0, first)
        r.send(frame("PASS_END", 0))
        assert r.expect("PASS_DONE") == u64(1)
        for answer in patches:
            r.send(frame("PATCH", 0, answer))
        for answer in ("PASS_END", "SEGMENT", "PATCH", "SEGMENT"):
            if answer == "SEGMENT":
                r.send(frame(answer, 0, u64(0) + wire.digest(OTHER) + first))
            elif answer == "PATCH":
                r.send(frame(answer, 0, patch(0, wire.digest(OTHER),
                                              (5, b"?"))))
            r.send(frame("PASS_END", 0))
            assert r.expect("DIFFER") == u64(0)
            assert r.expect("PASS_DONE") == u64(1)
        r.send(frame("PLACE", 0))
        try:
            r.until_end()
        except Ended:
            pass
        finish(r, False)
        clean(directory)


def good_listing(command, directory):
    """A manifest that is packed with what is known, in pieces."""
    r = Receiver(command, directory)
    r.knowing()
    packed = wire.compressed(wire.in_listing("MANIFEST", MANIFEST))
    r.send(*[frame("LISTING", 0, packed[i:i + 7])
             for i in range(0, len(packed), 7)],
           frame("MANIFEST_END", 0, u64(1)))
    assert r.expect("WANT") == wire.numbers([0])
    r.expect("WANT_END")
    r.send(frame("DATA", 0, record(0, PIECES)), frame("DATA_END", 0))
    r.expect("BULK_DONE")
    r.send(frame("SEGMENTS", 0, ALL), frame("PASS_END", 0))
    assert r.expect("PASS_DONE") == u64(0)
    place(r)


def good_recipe(command, directory):
    """An object is made of what is held and what comes; then recipes that
    give something else than they say: the object is wanted whole."""
    good = wire.recipe(0, WHOLE[:607], (512, 8192), WHOLE[8799:9500])
    rest = wire.recipe(0, WHOLE[9500:], end=WHOLE)
    for wrong in (None, wire.recipe(0, WHOLE, end=b"other"),
                  wire.recipe(0, WHOLE[:607], (1024, 8192), WHOLE[8799:],
                              end=WHOLE),
                  wire.recipe(0, (0, 9216), WHOLE[:-9216], end=WHOLE)):
        r = Receiver(command, directory)
        r.signature()
        if wrong:
            r.send(frame("RECIPE", 0, wrong))
            assert r.expect("WANT") == wire.numbers([0])
            r.expect("WANT_END")
            r.send(frame("DATA", 0, record(0, PIECES)))
        else:
            # frames of freight end where they like
            packed = wire.compressed(frame("RECIPE", 0, good) +
                                     frame("RECIPE", 0, rest))
            for at in range(0, len(packed), 1000):
                r.send(frame("FREIGHT", payload=packed[at:at + 1000]))
            r.expect("WANT_END")
        r.send(frame("DATA_END", 0))
        r.expect("BULK_DONE")
        r.send(frame("SEGMENTS", 0, ALL), frame("PASS_END", 0))
        assert r.expect("PASS_DONE") == u64(0), "not what it should be"
        place(r)


def look_for(secret, directory):
    """Nothing of it may be in any file there: not in what a next try would go
    on with."""
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as f:
            found = f.read()
        for at in range(0, len(secret) - 63, max(64, len(secret) // 64)):
            assert secret[at:at + 64] not in found, "%s has it" % name


def ask_for_hashes(r, *content):
    """The target says what it has of each segment: this."""
    r.send(frame("DATA_END", 0))
    r.expect("BULK_DONE")
    r.send(frame("SEGMENTS", 0, run(0, [wire.digest(b"another")] *
                                    len(content))), frame("PASS_END", 0))
    for number, data in enumerate(content):
        r.expect_blocks(number, data)


def keeps_back(command, directory):
    """What is copied of a file is neither kept nor told of before the digest
    of the whole is right: whatever comes out wrong, and wherever it ends."""
    wrong = wire.recipe(0, WHOLE[:607], (512, 8192), WHOLE[8799:],
                        end=b"what nobody has")
    r = Receiver(command, directory)
    r.signature()
    r.send(frame("RECIPE", 0, wrong))
    assert r.expect("WANT") == wire.numbers([0])
    r.expect("WANT_END")
    ask_for_hashes(r, *[bytes(len(s)) for s in segments()])
    r.process.stdin.close()
    finish(r, False)
    look_for(HELD[512:8704], directory)
    clean(directory)
    for part in (wrong[:-20], wire.recipe(0, (0, 9216))):
        r = Receiver(command, directory)
        r.signature()
        r.send(frame("RECIPE", 0, part))
        r.process.stdin.close()
        finish(r, False)
        look_for(HELD[:8704], directory)
        clean(directory)
    # the same of code: its skeleton and the operands that were given
    r = Receiver(command, directory)
    r.as_code()
    r.send(frame("RECIPE", 0, wire.recipe(
        0, (0, 4608), WHOLE[4608:], end=WHOLE,
        operands=wire.skeleton(PROGRAM)[1])))
    assert r.expect("WANT") == wire.numbers([0])
    r.expect("WANT_END")
    ask_for_hashes(r, *[bytes(len(s)) for s in segments()])
    r.process.stdin.close()
    finish(r, False)
    look_for(PROGRAM[:4608], directory)
    clean(directory)


def large_recipe(r, before, copies, after, end):
    """An object that begins and ends with what comes along."""
    frames = [wire.recipe(0, before), wire.recipe(0, copies)]
    frames += [wire.recipe(0, after[at:at + MIB])
               for at in range(0, len(after), MIB)]
    if end is not None:
        frames.append(wire.recipe(0, end=end))
    # offsets go on where the last frame ended
    r.send(*[frame("RECIPE", 0, f) for f in frames])


def keeps_back_large(command, directory):
    """The same of what is too large for memory; and it is made if it is
    right."""
    size = len(LARGE)
    own = hashlib.blake2b(b"own").digest() * (size // 64)
    for content in (own[:MIB] + LARGE[MIB:3 * MIB] + own[3 * MIB:], None, own):
        r = Receiver(command, directory)
        r.offered(size=size)
        r.expect("PROBE")
        r.send(frame("PROBED", 0, b"\0"))
        r.expect("DISK_OK")
        r.send(frame("MANIFEST", 0, manifest(
            0, [(wire.digest(own), size, [(0, 0, size)])], kind=1)),
            frame("MANIFEST_END", 0, u64(1)))
        r.expect("UNKNOWN")
        r.send(frame("NAMES", 0, wire.names(b"/dir/large")))
        r.expect("SIGNATURE")
        large_recipe(r, own[:MIB], (MIB, 2 * MIB), own[3 * MIB:], content)
        if content == own:
            assert r.expect("WANT") == wire.numbers([0])
        if content:
            r.expect("WANT_END")
        if content == own:
            ask_for_hashes(r, own[:MIB], bytes(MIB), bytes(MIB),
                           own[3 * MIB:4 * MIB], own[4 * MIB:])
        elif content:
            r.send(frame("DATA_END", 0))
            r.expect("BULK_DONE")
            r.send(frame("SEGMENTS", 0, run(0, [
                wire.digest(s) for s in segments(content)])),
                frame("PASS_END", 0))
            assert r.expect("PASS_DONE") == u64(0), "not what it should be"
            place(r, content)
            continue
        r.process.stdin.close()
        finish(r, False)
        look_for(LARGE[MIB:3 * MIB], directory)
        clean(directory)


def keeps_back_blocks(command, directory):
    """The same of blocks: where they do not give what the source says, its own
    bytes are kept, and the passes bring the rest."""
    r = Receiver(command, directory)
    r.held()
    r.send(frame("RECIPE", 0, wire.recipe(
        0, (0, 4 * 4096), STRAY[4 * 4096:], end=b"what nobody has")))
    r.expect("WANT_END")
    ask_for_hashes(r, bytes(4 * 4096) + STRAY[4 * 4096:],
                   *[bytes(MIB)] * (UNPARSED - 1))
    r.process.stdin.close()
    finish(r, False)
    look_for(STRAY[:4 * 4096], directory)
    clean(directory)


STALE = [b"old content, " * 500, b"older content of a large file" * 9000]


def keeps_back_changed(command, directory):
    """The index has old digests of files that were written to since: what is
    in them now is not kept, though the old content was asked for."""
    reference = os.path.join(directory, "..", "reference.img")
    r = Receiver(command, directory)
    r.wanted()                  # it is indexed by now
    r.process.stdin.close()
    finish(r, False)
    clean(directory)
    with open(reference, "r+b") as f:
        image = f.read()
        for old in STALE:
            at = image.index(old)
            f.seek(at)
            f.write(old.replace(b"content", b"SECRETS"))
    objects, at = [], 0
    for old in STALE:
        objects.append((wire.digest(old), len(old), [(0, at, len(old))]))
        at += MIB
    r = Receiver(command, directory)
    r.accepted()
    r.send(frame("MANIFEST", 0, manifest(0, objects)),
           frame("MANIFEST_END", 0, u64(len(objects))))
    wanted = 0
    while wanted < len(objects):
        f = r.next()
        assert f.name == "WANT"
        wanted += wire.Cursor(f.payload).number("I")
    r.expect("WANT_END")
    ask_for_hashes(r, *[bytes(len(s)) for s in segments()])
    r.process.stdin.close()
    finish(r, False)
    look_for(b"SECRETS".join(STALE[1].split(b"content")), directory)
    clean(directory)
    # the index is made anew for what comes after
    shutil.rmtree(os.path.join(directory, "..", "..", "state", "index"),
                  ignore_errors=True)


def same_signature(command, directory):
    """Whoever asks for a file is told the same, however often, whatever the
    object is like, and in a dry run."""
    said = set()
    other = manifest(0, [(wire.digest(b"1"), 1 << 22,
                          [(0, 4096, 5000)])], kind=1)
    for accepted, objects in (("accepted", NAMED), ("dry_accepted", NAMED),
                              ("accepted", other)):
        r = Receiver(command, directory)
        getattr(r, accepted)()
        r.send(frame("MANIFEST", 0, objects),
               frame("MANIFEST_END", 0, u64(1)))
        r.expect("UNKNOWN")
        r.send(frame("NAMES", 0, wire.names(b"/dir/file-17.x")))
        said.add(r.expect("SIGNATURE"))
        r.process.stdin.close()
        finish(r, False)
        clean(directory)
    assert len(said) == 1, "%d different signatures" % len(said)


def proven(command, directory):
    """With reference-access = proven a file is described only to who shows,
    under a key of this session, that he has another version of it, and only if
    everybody may read it where it lies."""
    conf = os.environ["XL_DEDUP_CONFIG"]
    with open(conf) as f:
        lines = f.read()
    with open(conf + ".proven", "w") as f:
        f.write(lines + "reference-access = proven\n")
    os.environ["XL_DEDUP_CONFIG"] = conf + ".proven"
    earlier = []

    def ask(name, show, described):
        r = Receiver(command, directory)
        r.accepted()
        key = bytes.fromhex(r.told["proof"])
        assert len(key) == 8 and key not in earlier, "no key of this session"
        shown = show(key)
        earlier.append(key)
        r.send(frame("MANIFEST", 0, NAMED),
               frame("MANIFEST_END", 0, u64(1)))
        assert r.expect("UNKNOWN") == wire.numbers([0])
        r.send(frame("NAMES", 0, wire.names(name, shown=shown)))
        if described:
            r.expect("SIGNATURE")
        else:
            assert r.expect("WANT") == wire.numbers([0])
            r.expect("WANT_END")
        r.process.stdin.close()
        finish(r, False)
        clean(directory)

    def right(key):
        return wire.resemblance(key, WHOLE)

    def one(key):
        return [next(n for n in wire.resemblance(key, HELD)
                     if n in right(key))] * 8

    try:
        ask(b"/dir/file-17.x", right, True)
        ask(b"/dir/file-17.x", lambda key: wire.resemblance(key, HELD), True)
        ask(b"/dir/file-17.x", one, False)
        ask(b"/dir/file-17.x", lambda key: [0] * 8, False)
        ask(b"/dir/file-17.x", lambda key: right(earlier[0]), False)
        ask(b"/dir/file-17.x", lambda key: wire.resemblance(
            key, b"what nobody has there" * 900), False)
        # not everybody may read them
        ask(b"/dir/private-2", right, False)
        ask(b"/hidden/dir/file-2", right, False)
    finally:
        os.environ["XL_DEDUP_CONFIG"] = conf


def told_less(command, directory):
    """Recipes that come out wrong may be guesses: after so many no file is
    described any more.  Nor is one whose signature is as long as the object."""
    r = Receiver(command, directory)
    r.accepted()
    many = [(b"nobody has this.", OBJECT_SIZE, EXTENTS)] * 1101 + [
        (b"nor has he that.", 1025, [(0, 4096, 1025)])]
    r.send(frame("MANIFEST", 0, manifest(0, many, kind=1)),
           frame("MANIFEST_END", 0, u64(len(many))))
    asked, described = [], []
    while sum(asked) < len(many):
        asked.append(wire.Cursor(r.expect("UNKNOWN")).number("I"))
    most = min(1024, sum(asked[:-1]))
    r.send(*[frame("NAMES", 0, wire.names(*[b"/dir/file-17.x"] * n))
             for n in asked[:-1]])
    while len(described) < most:
        c, n = wire.Cursor(r.expect("SIGNATURE")), 0
        while c.left():
            n += c.zigzag()
            described.append(n)
            c.bytes(8)
            size, block = c.varint(), c.varint()
            c.bytes((c.number("B") & 0x7f) * -(-size // block))
    r.send(*[frame("RECIPE", 0, wire.recipe(
        n, (0, 512), bytes(OBJECT_SIZE - 512)) + wire.varint(0) +
        b"a digest guessed") for n in described],
        frame("NAMES", 0, wire.names(*[b"/dir/file-17.x"] * asked[-1])))
    while True:
        f = r.next()
        if f.name == "WANT_END":
            break
        assert f.name == "WANT", f.name
    r.process.stdin.close()
    finish(r, False)
    clean(directory)


def good_skeleton(command, directory):
    """The same of a program, whose skeleton is what is copied.  Operands that
    are missing, too many, or far too many do not give what the digest says."""
    held, operands = wire.skeleton(PROGRAM)
    own, none = wire.skeleton(WHOLE)
    assert none == b"" and len(operands) == 3600, "other operands"
    mixed = own[:100] + held[512:2048] + own[1636:]
    count = mixed.count(b"\xe8" + wire.MARK)
    made = wire.joined(mixed, operands[:4 * count])

    def copied(end, given):
        return wire.recipe(0, own[:100], (512, 1536), own[1636:], end=end,
                           operands=given)

    good = wire.recipe(0, own, end=WHOLE, operands=b"")
    halves = [wire.recipe(0, own[:100], operands=b""),
              wire.recipe(0, own[100:], end=WHOLE, operands=b"")]
    for parts, wanted in (
            ([good], False), (halves, False),
            ([copied(WHOLE, operands[:4 * count])], True),
            ([copied(made, operands[:4 * count - 4])], True),
            ([copied(made, bytes(4) + operands[:4 * count])], True),
            ([wire.recipe(0, operands=bytes(1 << 20))] * 40 + [
                wire.recipe(0, own, end=b"other", operands=b"")], True)):
        r = Receiver(command, directory)
        block = r.as_code()
        assert 512 % block == 0, "another block"
        r.send(*[frame("RECIPE", 0, part) for part in parts])
        if wanted:
            assert r.expect("WANT") == wire.numbers([0])
            r.expect("WANT_END")
            r.send(frame("DATA", 0, record(0, PIECES)))
        else:
            r.expect("WANT_END")
        r.send(frame("DATA_END", 0))
        r.expect("BULK_DONE")
        r.send(frame("SEGMENTS", 0, ALL), frame("PASS_END", 0))
        assert r.expect("PASS_DONE") == u64(0), "not what it should be"
        place(r)
    # what comes of copies and operands is what it should be: nothing is wanted
    r = Receiver(command, directory)
    r.as_code()
    r.send(frame("RECIPE", 0, copied(made, operands[:4 * count])))
    r.expect("WANT_END")
    r.process.stdin.close()
    finish(r, False)
    clean(directory)


def good_blocks(command, directory):
    """An object is made of blocks of the target's and of one that comes; then
    content that is not what the list said, by a lie, a collision or a guest
    that writes: the pass asks for what differs.  Lists that help nothing."""
    other = b"!" + STRAY[1:]
    good = wire.recipe(0, (0, 4 * 4096), STRAY[4 * 4096:5 * 4096],
                       (5 * 4096, 251 * 4096), end=STRAY)
    piecemeal = wire.recipe(0, (0, 4096), (4096, 8192),
                            STRAY[12288:MIB - 4096], (MIB - 4096, 4096),
                            end=STRAY)
    wrong = wire.recipe(0, (0, 4 * 4096), STRAY[4 * 4096:], end=other)
    for content, recipe in ((STRAY, good), (STRAY, piecemeal),
                            (other, wrong), (other, None)):
        r = Receiver(command, directory)
        if recipe:
            r.held()
            r.send(frame("RECIPE", 0, recipe))
        else:
            r.asked()
            r.send(frame("BLOCKLIST", 0, wire.blocklist(
                *[(9, [b"nobody"] * 255)] * UNPARSED)))
            assert r.expect("WANT") == wire.numbers(range(UNPARSED))
        r.expect("WANT_END")
        disk = content + ANYWHERE[MIB:]
        for n in range(recipe is not None, UNPARSED):
            for at in range(n * MIB, (n + 1) * MIB, MIB // 2):
                r.send(frame("DATA", 0, record(n, disk[at:at + MIB // 2])))
        r.send(frame("DATA_END", 0))
        r.expect("BULK_DONE")
        r.send(frame("SEGMENTS", 0, run(0, [wire.digest(s) for s in
                                            segments(disk)])),
               frame("PASS_END", 0))
        if recipe == wrong:
            r.expect_blocks(0, bytes(4 * 4096) + STRAY[4 * 4096:])
            assert r.expect("PASS_DONE") == u64(1)
            r.send(frame("PATCH", 0, patch(0, wire.digest(other),
                                           (0, other[:4 * 4096]))),
                   frame("PASS_END", 0))
        assert r.expect("PASS_DONE") == u64(0), "not what it should be"
        place(r, disk)


def no_such_file(command, directory):
    """No file of this name, or nothing to go by: the object is wanted."""
    for name in (b"", b"/dir/other", b"dir/file-16.x", b"/" * 4000, b"\xff"):
        r = Receiver(command, directory)
        r.unknown()
        r.send(frame("NAMES", 0, wire.names(name)))
        assert r.expect("WANT") == wire.numbers([0])
        r.expect("WANT_END")
        r.process.stdin.close()
        finish(r, False)
        clean(directory)


def after_placed(command, directory):
    for late in (frame("PLACE", 0), frame("PASS_END", 0),
                 frame("SEGMENT", 0, segment(0, OTHER)),
                 frame("PATCH", 0, patch(0, wire.digest(OTHER),
                                         (0, b"other"))),
                 frame("SEGMENTS", 0, ALL)):
        r = Receiver(command, directory)
        r.placed()
        r.send(late)
        try:
            r.until_end()
        except Ended:
            pass
        finish(r, False)
        with open(r.dest, "rb") as f:
            assert f.read() == DISK, "was written to"
        os.unlink(r.dest)
        clean(directory)


def main():
    command, directory, *only = sys.argv[1:]
    os.makedirs(directory)
    with open(os.path.join(directory, "..", "precious"), "w") as f:
        f.write("precious")
    make_reference(os.path.dirname(directory))
    make_blocks(os.path.dirname(directory))
    sessions = {f.__name__: f for f in (good, good_dry, good_base,
                                        good_recipe, keeps_back,
                                        keeps_back_large,
                                        keeps_back_blocks,
                                        keeps_back_changed,
                                        same_signature, proven, told_less,
                                        good_skeleton, good_blocks,
                                        good_listing,
                                        no_such_file, lies,
                                        *[good_witness][:bool(DEVICE)], goes_away,
                                        says_bye, after_placed)}

    def play(name):
        if name in sessions:
            answer = sessions[name](command, directory)
        else:
            answer = break_rule(command, directory, *CASES[name])
        return answer or "closed"

    def start_again():
        shutil.rmtree(directory)
        os.makedirs(directory)

    bad = play_all(only or [*sessions, *CASES], play, start_again)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    if peak > PEAK_MB:
        bad += 1
        print("a receiver took %d MB" % peak)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
