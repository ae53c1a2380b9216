# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the target against "xl-dedup push" and breaks docs/protocol.md, one
rule at a time.  Each time push must end with exit status 2, without a
crash, and say why: printable UTF-8, whatever the peer sent.

  hostile-target.py XL-DEDUP DIRECTORY [CASE...]

DIRECTORY must not exist.  "--play CASE" is what push runs instead of ssh.
Cases whose name says two_disks are of a guest with two disks, of which
"xl-dedup send-xl" is told as the library in xl would.
"""
import os
import random
import socket
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
import wire                                                     # noqa: E402
from fdio import write_all                                      # noqa: E402
from hostile import CASES, Ended, case, frames, play_all        # noqa: E402
from wire import blocks, frame, numbers, u64                    # noqa: E402

PATIENCE = 60
SIZE = 2 * wire.SEGMENT_BYTES + 100000
SHORT = bytes(range(1, 251)) * 400      # of the last segment's length
WHOLE = bytes(range(1, 9)) * (wire.SEGMENT_BYTES // 8)
HUGE = 1 << 60


class Target:
    def __init__(self):
        self.reader = wire.Reader(lambda n: os.read(0, n))
        self.disk = bytearray(SIZE)

    def send(self, *frames):
        write_all(1, *frames)

    def next(self):
        f = self.reader.frame()
        if f is None:
            raise Ended
        return f

    def until(self, name):
        """Takes frames up to one of this name."""
        while True:
            f = self.next()
            if f.name == name:
                return f.payload

    # A session as it should be, in steps

    def nothing(self):
        pass

    def greet(self):
        self.send(wire.greeting(),
                  frame("CHALLENGE", payload=bytes(range(32))))
        assert self.reader.greeting()[0] == wire.VERSION

    def hello(self):
        self.greet()
        self.until("HELLO")
        self.send(frame("HELLO", payload=wire.text(host="h")))

    def offered(self):
        self.hello()
        self.until("DISKS_END")

    def accepted(self):
        self.offered()
        self.send(frame("DISK_OK", 0, wire.text(base=0)))

    def compared(self):
        self.offered()
        self.send(frame("DISK_OK", 0, wire.text(base=1)))
        self.until("COMPARED")

    def doubtful(self):
        """A device that is in doubt; the image is not all zero."""
        self.offered()
        self.send(frame("DISK_OK", 0, wire.text(base=0, witness="/dev/x")))
        self.asked = len(self.until("WITNESS")) // 40

    def doubtful_checked(self):
        """It was equal, and has a pass to name segments in."""
        self.doubtful_compared()
        self.send(frame("UNLIKE", 0))
        self.nothing_wanted()

    def doubtful_compared(self):
        self.offered()
        self.send(frame("DISK_OK", 0, wire.text(base=1, witness="/dev/x")))
        self.until("COMPARED")

    def listed(self):
        self.accepted()
        payload = self.until("MANIFEST_END")
        self.objects = struct.unpack("<Q", payload)[0]
        assert self.objects > 1

    def wanted(self):
        self.listed()
        self.send(frame("WANT", 0, numbers(range(self.objects))),
                  frame("WANT_END", 0))
        self.until("DATA_END")

    def nothing_wanted(self):
        self.until("MANIFEST_END")
        self.send(frame("WANT_END", 0))
        self.until("DATA_END")
        self.send(frame("BULK_DONE", 0))
        self.until("PASS_END")

    def copied(self):
        self.wanted()
        self.send(frame("BULK_DONE", 0))
        self.until("PASS_END")

    def checked(self):
        self.copied()
        self.send(frame("PASS_DONE", 0, u64(0)))
        self.until("PLACE")


# Below the frames
frames("nothing", garbage=b"You have new mail in /var/mail/root\n",
       silent=b"", version=wire.greeting(version=wire.VERSION - 1),
       greeting_cut=wire.MAGIC,
       challenge_short=wire.greeting() + frame("CHALLENGE", payload=b"c" * 31),
       challenge_of_a_disk=wire.greeting() + frame("CHALLENGE", 0, bytes(32)),
       challenge_later=wire.greeting() + frame("HELLO", payload=wire.text(
           host="h")) + frame("CHALLENGE", payload=bytes(32)))
frames("greet", challenge_twice=frame("CHALLENGE", payload=bytes(32)), closes=b"", header_cut=b"\1\0\xff\xff\0",
       wire_oversize=struct.pack("<HHII", 1, 65535, (2 << 20) + 1, 9),
       raw_oversize=struct.pack("<HHII", 1, 65535, 9, 1 << 31),
       no_zstd=struct.pack("<HHII", 1, 65535, 9, 9) + b"no zstd..")

# Frames at the wrong time, of the wrong kind, or from the wrong side
frames("greet", ok_before_hello=frame("DISK_OK", 0), unknown_first=frame(77))
frames("greet", **{"proof_%d" % number: frame("HELLO", payload=wire.text(
    host="h", proof=proof)) for number, proof in enumerate((
        "", "00", "no hexadecimal..", "0" * 15, "0" * 18, "0" * 1000))})
frames("offered", closes_offered=b"", unknown=frame(77), for_all=frame(78, 0),
       ok_of_no_disk=frame("DISK_OK", 1), ok_of_none=frame("DISK_OK"),
       probe_of_no_disk=frame("PROBE", 9, b"x"),
       want_early=frame("WANT", 0, numbers([0])),
       xl=frame("XL", payload=b"xl"), memory=frame("MEMORY", payload=b"m"),
       taken=frame("TAKEN", payload=u64(0)),
       missed=frame("MISSED", payload=u64(0) + bytes(4)))
for wrong in ("DISK", "DISKS_END", "PROBED", "MANIFEST", "DATA", "DATA_END",
              "SEGMENTS", "SEGMENT", "PATCH", "COMPARED", "PASS_END", "PLACE",
              "WITNESS", "APART", "RESTORE"):
    frames("listed", **{"sources_" + wrong: frame(wrong, 0, b"\0" * 16)})
frames("listed", closes_listed=b"", placed_never_asked=frame("PLACED", 0),
       differ_early=frame("DIFFER", 0, u64(0)),
       blocks_early=frame("BLOCKS", 0, u64(0)),
       pass_done_early=frame("PASS_DONE", 0, u64(0)),
       ok_again=frame("DISK_OK", 0), restoring=frame("RESTORING"),
       bulk_done_of_no_disk=frame("BULK_DONE", 5))

# Of two disks each is accepted once, in any order
frames("offered",
       two_disks_ok_twice=frame("DISK_OK", 0, wire.text(base=0)) * 2,
       two_disks_ok_twice_late=frame("DISK_OK", 1, wire.text(base=0)) * 2 +
       frame("DISK_OK", 0, wire.text(base=0)))


@case("offered")
def closes_two_disks(t):
    t.send(*[frame("DISK_OK", n, wire.text(base=0)) for n in (1, 0)])
    listed = set()
    while listed != {0, 1}:
        f = t.next()
        if f.name == "MANIFEST_END":
            listed.add(f.disk)
    sys.exit(0)


# One storage under two names: before APART the source sends no content
def says(shown, mark):
    return bytes([shown]) + bytes([mark]) * 16


frames("doubtful", closes_doubtful=b"",
       witnessed_empty=frame("WITNESSED", 0),
       witnessed_cut=frame("WITNESSED", 0, says(0, 1)[:-1]),
       witnessed_too_many=frame("WITNESSED", 0, says(0, 1) * 17),
       unlike_for_witnessed=frame("UNLIKE", 0),
       witnessed_of_no_disk=frame("WITNESSED", 3, says(0, 1)))
frames("doubtful_compared", unlike_cut=frame("UNLIKE", 0, bytes(7)),
       unlike_out_of_range=frame("UNLIKE", 0, u64(3)),
       unlike_huge=frame("UNLIKE", 0, u64(HUGE)),
       unlike_negative=frame("UNLIKE", 0, u64((1 << 64) - 1)),
       witnessed_unasked=frame("WITNESSED", 0, says(0, 1)))
frames("listed", witnessed_late=frame("WITNESSED", 0, says(0, 1)),
       unlike_late=frame("UNLIKE", 0))


def no_content(t):
    while True:
        f = t.next()
        assert f.name not in ("APART", "MANIFEST", "DATA", "PATCH", "SEGMENT",
                              "RECIPE"), "was sent"
        if f.name in ("WITNESS", "COMPARED"):
            return f.name


@case("doubtful_checked")
def doubtful_forever(t):
    """Nothing is sent for what is named, and it has an end."""
    for _ in range(99):
        t.send(frame("BLOCKS", 0, u64(0)))


frames("doubtful_checked", doubtful_out_of_range=frame("BLOCKS", 0, u64(3)),
       doubtful_cut=frame("DIFFER", 0, bytes(7)),
       doubtful_want=frame("WANT", 0, numbers([0])))


@case("doubtful")
def shown_at_once(t):
    """The device has what was read here, and was zero before."""
    while True:
        t.send(frame("WITNESSED", 0, says(1, 1) * t.asked))
        no_content(t)


@case("doubtful")
def changes_by_itself(t):
    mark = 0
    while True:
        mark += 1
        t.send(frame("WITNESSED", 0, says(0, mark) * t.asked))
        no_content(t)


@case("doubtful_compared")
def unlike_and_alike(t):
    """Says that it differs, and shows that it does not."""
    while True:
        t.send(frame("UNLIKE", 0, u64(0) + u64(1)))
        while no_content(t) == "WITNESS":
            t.send(frame("WITNESSED", 0, says(1, 1) * 2))


# Dry runs: these push with --dry-run
frames("listed", left_in_earnest=frame("LEFT", 0, numbers([0])),
       dry_left_huge=frame("LEFT", 0, numbers([HUGE])),
       dry_left_cut=frame("LEFT", 0, b"\1\0"),
       dry_left_count_huge=frame("LEFT", 0, numbers([0], 2 ** 32 - 1)),
       dry_left_twice=frame("LEFT", 0, numbers([0, 0])),
       dry_left_and_wanted=frame("LEFT", 0, numbers([0])) +
       frame("WANT", 0, numbers([0])),
       dry_wanted_and_left=frame("WANT", 0, numbers([0])) +
       frame("LEFT", 0, numbers([0])),
       dry_ballast_early=frame("BALLAST"))


@case("compared")
def dry_differ(t):
    t.nothing_wanted()
    t.send(frame("DIFFER", 0, u64(0)))


@case("compared")
def dry_blocks_forever(t):
    t.nothing_wanted()
    for _ in range(9):
        t.send(frame("BLOCKS", 0, u64(0)))


@case("wanted")
def dry_restoring_for_ballast(t):
    t.send(frame("BULK_DONE", 0))
    t.until("BALLAST")
    t.send(frame("RESTORING"))


# Asking
frames("listed", want_of_no_disk=frame("WANT", 1, numbers([0])),
       want_huge=frame("WANT", 0, numbers([HUGE])),
       want_negative=frame("WANT", 0, numbers([-1])),
       want_empty=frame("WANT", 0), want_cut=frame("WANT", 0, b"\1\0"),
       want_count_lies=frame("WANT", 0, numbers([0, 1], 3)),
       want_count_huge=frame("WANT", 0, numbers([0], 2 ** 32 - 1)),
       want_varint_cut=frame("WANT", 0, numbers([0], 1)[:-1] + b"\x80"),
       want_varint_overlong=frame("WANT", 0, b"\1\0\0\0" + b"\x80" * 10),
       want_three_times=frame("WANT", 0, numbers([0, 0])) +
       frame("WANT", 0, numbers([0])))


@case("listed")
def want_out_of_range(t):
    t.send(frame("WANT", 0, numbers([t.objects])))


@case("listed")
def want_same_in_a_frame(t):
    t.send(frame("WANT", 0, numbers([1, 1, 1])))


# Passes
frames("offered", ok_no_text=frame("DISK_OK", 0, b"base=1"),
       ok_no_equals=frame("DISK_OK", 0, b"base\0"))
frames("compared", closes_compared=b"",
       compared_differ=frame("DIFFER", 0, u64(0)),
       compared_blocks=frame("BLOCKS", 0, u64(0)),
       compared_pass_done=frame("PASS_DONE", 0, u64(0)),
       compared_bulk_done_of_none=frame("BULK_DONE", 7),
       targets_compared=frame("COMPARED", 0))
frames("copied", closes_copied=b"",
       differ_of_no_disk=frame("DIFFER", 1, u64(0)),
       differ_out_of_range=frame("DIFFER", 0, u64(3)),
       differ_negative=frame("DIFFER", 0, u64((1 << 64) - 1)),
       differ_huge=frame("DIFFER", 0, u64(HUGE)),
       differ_empty=frame("DIFFER", 0),
       differ_cut=frame("DIFFER", 0, bytes(7)),
       differ_too_many=frame("DIFFER", 0, u64(1)) * 10,
       blocks_of_no_disk=frame("BLOCKS", 1, u64(0)),
       blocks_out_of_range=frame("BLOCKS", 0, u64(3)),
       blocks_list_out_of_range=frame("BLOCKS", 0, blocks(3, WHOLE)),
       blocks_negative=frame("BLOCKS", 0, u64((1 << 64) - 1)),
       blocks_huge=frame("BLOCKS", 0, u64(HUGE)),
       blocks_empty=frame("BLOCKS", 0),
       blocks_cut=frame("BLOCKS", 0, bytes(7)),
       blocks_key_cut=frame("BLOCKS", 0, u64(0) + bytes(15)),
       blocks_key_alone=frame("BLOCKS", 0, u64(0) + bytes(16)),
       blocks_list_cut=frame("BLOCKS", 0, blocks(0, WHOLE)[:-1]),
       blocks_one_missing=frame("BLOCKS", 0, blocks(0, WHOLE)[:-8]),
       blocks_trailing=frame("BLOCKS", 0, blocks(0, WHOLE) + b"x"),
       blocks_one_too_many=frame("BLOCKS", 0, blocks(0, WHOLE) + bytes(8)),
       blocks_of_last_whole=frame("BLOCKS", 0, blocks(2, WHOLE)),
       blocks_of_first_short=frame("BLOCKS", 0, blocks(0, SHORT)),
       blocks_too_many=frame("BLOCKS", 0, u64(1)) * 10,
       named_too_often=(frame("BLOCKS", 0, blocks(1, WHOLE)) +
                        frame("DIFFER", 0, u64(1))) * 5,
       pass_done_cut=frame("PASS_DONE", 0, bytes(7)),
       placed_early=frame("PLACED", 0), want_late=frame(
           "WANT", 0, numbers([0])))
frames("checked", closes_checked=b"", not_placed=frame("PASS_DONE", 0,
                                                       u64(0)))


@case("offered")
def named_while_comparing(t):
    """There is nothing to say to a comparison."""
    t.send(frame("DISK_OK", 0, wire.text(base=1)) +
           frame("BLOCKS", 0, u64(0)) + frame("DIFFER", 0, u64(1)))
    while True:
        f = t.next()
        assert f.name not in ("PATCH", "SEGMENT"), "was answered"


def forever(t, *named):
    while True:
        t.send(*named, frame("PASS_DONE", 0, u64(1)))
        t.until("PASS_END")


@case("copied")
def differs_forever(t):
    forever(t, frame("DIFFER", 0, u64(1)))


@case("copied")
def blocks_forever(t):
    forever(t, frame("BLOCKS", 0, blocks(1, WHOLE)))


@case("copied")
def unverified_forever(t):
    """Nothing is named, but something is said to be left."""
    forever(t)


@case("copied")
def never_done(t):
    """The same segment over and over in one pass."""
    try:
        while True:
            t.send(frame("BLOCKS", 0, u64(1)))
            t.until("PATCH")
    except ConnectionError:
        pass


# What the user is told
frames("offered", fail=frame("FAIL", payload=b"disk x: no such luck"),
       fail_empty=frame("FAIL"),
       fail_control=frame("FAIL", payload=b"\x1b[2J\rall is well\n"),
       fail_binary=frame("FAIL", payload=bytes(range(1, 256)) * 4),
       fail_endless=frame("FAIL", payload=b"x" * (1 << 20)),
       fail_of_disk=frame("FAIL", 0, b"disk x: no such luck"))
SAYS = dict(fail="no such luck", fail_of_disk="no such luck",
            two_disks_ok_twice="DISK_OK where it does not belong",
            two_disks_ok_twice_late="DISK_OK where it does not belong",
            garbage="You have new mail in /var/mail/root'",
            version="another version", fail_control="all is well",
            good="physical sectors have 512 bytes here and 4096 at hostb")


# Names and signatures
KEY = bytes(range(16))
frames("listed", unknown_none=frame("UNKNOWN", 0, numbers([])),
       unknown_many=frame("UNKNOWN", 0, numbers([0] * 257)),
       unknown_huge=frame("UNKNOWN", 0, numbers([HUGE])),
       unknown_cut=frame("UNKNOWN", 0, numbers([0, 0], 3)),
       unknown_long=frame("UNKNOWN", 0, numbers([0]) + b"x"),
       unknown_empty=frame("UNKNOWN", 0),
       sources_NAMES=frame("NAMES", 0, wire.names(b"/x")),
       sources_RECIPE=frame("RECIPE", 0, wire.recipe(0, b"x", end=b"x")),
       signature_no_key=frame("SIGNATURE", 0, b"\0" + KEY[:7]),
       signature_number=frame("SIGNATURE", 0,
                              wire.signature(HUGE, SHORT)),
       signature_negative=frame("SIGNATURE", 0,
                                wire.signature(-1, SHORT)),
       signature_cut=frame("SIGNATURE", 0, wire.signature(0, SHORT)[:-1]),
       signature_long=frame("SIGNATURE", 0,
                            wire.signature(0, SHORT) + b"\0"),
       signature_twice=frame("SIGNATURE", 0, wire.signature(0, WHOLE[:99]) +
                             wire.signature(0, SHORT[:99])),
       signature_and_want=frame("WANT", 0, numbers([0, 0])))


def shapes(**cases):
    for name, (size, block, width) in cases.items():
        frames("listed", **{"signature_" + name: frame(
            "SIGNATURE", 0, b"\0" + KEY[:8] + wire.varint(size) +
            wire.varint(block) + bytes([width]) + bytes(1000))})


shapes(no_file=(0, 512, 4), block_0=(9, 0, 4), block_small=(9, 63, 4),
       block_large=(9, (1 << 26) + 1, 4), block_2_32=(9, (1 << 32) + 512, 4),
       block_huge=(9, HUGE, 4), width_0=(9, 512, 0), width_9=(9, 512, 9),
       many=((1 << 17) * 512 + 1, 512, 4), size_huge=((1 << 64) - 1, 512, 4),
       missing=(1 << 20, 512, 4), code_width_0=(9, 512, 0x80),
       code_width_9=(9, 512, 0x89))


# Lists of blocks
frames("listed", list_of_no_disk=frame("LIST", 1, KEY + numbers([0])),
       list_none=frame("LIST", 0, KEY + numbers([])),
       list_many=frame("LIST", 0, KEY + numbers(range(65))),
       list_twice=frame("LIST", 0, KEY + numbers([0, 0])),
       list_again=2 * frame("LIST", 0, KEY + numbers([0])),
       list_huge=frame("LIST", 0, KEY + numbers([HUGE])),
       list_negative=frame("LIST", 0, KEY + numbers([-1])),
       list_cut=frame("LIST", 0, KEY + numbers([0, 1], 3)),
       list_count_huge=frame("LIST", 0, KEY + numbers([0], 2 ** 32 - 1)),
       list_long=frame("LIST", 0, KEY + numbers([0]) + b"x"),
       list_no_key=frame("LIST", 0, KEY[1:]), list_empty=frame("LIST", 0),
       sources_BLOCKLIST=frame("BLOCKLIST", 0, wire.blocklist((0, []))),
       held_unlisted=frame("HELD", 0, wire.held(0, 0, 12)),
       held_other=frame("LIST", 0, KEY + numbers([0])) +
       frame("HELD", 0, wire.held(1, 0, 12)))


def held(**cases):
    for name, data in cases.items():
        frames("listed", **{"held_" + name: frame(
            "LIST", 0, KEY + numbers([0])) + frame("HELD", 0, data)})


# object 0 has 13 blocks
held(huge=wire.held(HUGE, 13), negative=wire.held(-1, 13),
     cut=wire.held(0, 5, 7), number_cut=b"\x80", many=wire.held(0, 5, 9),
     run_huge=wire.held(0, HUGE), run_0=wire.held(0, 5, 0, 8),
     runs_0=wire.held(0, 0, 0, 13), long=wire.held(0, 13, 0),
     twice=wire.held(0, 13) + wire.held(0, 13))
frames("listed", held_and_want=frame("LIST", 0, KEY + numbers([0])) +
       frame("HELD", 0, wire.held(0, 13)) + frame("WANT", 0, numbers([0, 0])))


# Probes: a name beside the image is looked for once, and only if no file of
# anybody's is called so.
PROBE = b".xl-dedup-probe-0123456789abcdef"


def probes(t):
    t.offered()
    t.send(frame("PROBE", 0, PROBE))
    assert t.until("PROBED") == b"\1"


def probes_nothing(t):
    t.offered()
    t.send(frame("PROBE", 0, PROBE[:-1] + b"0"))
    assert t.until("PROBED") == b"\0"


frames("offered", **{"probe_%d" % number: frame("PROBE", 0, name)
                     for number, name in enumerate((
                         b"beside", b"missing", b"", b"./image",
                         b"/etc/passwd", b"x" * 256, b"x" * 100000, b"beside/",
                         b"../" + PROBE, PROBE + b"/", PROBE + b"\0",
                         PROBE[:-1], PROBE + b"0", PROBE[:-1] + b"F",
                         PROBE[:-1] + b"/", b"x" + PROBE[1:]))})
frames("offered", probe_twice=frame("PROBE", 0, PROBE) +
       frame("PROBE", 0, PROBE[:-1] + b"0"))
frames("accepted", probe_late=frame("PROBE", 0, PROBE))


def good(t):
    """A session as it should be, with optional frames in it."""
    t.greet()
    hello = dict(wire.read_text(t.until("HELLO")))
    assert hello["mode"] == "push" and hello["uuid"] and "name" in hello
    assert int(hello["timeout"]) > 0
    t.send(frame("ALIVE"), frame(0x8123, payload=b"?" * 1000),
           frame(0xffff, 9), frame("HELLO", payload=wire.text(
               host="h", later="unknown")))
    disk = dict(wire.read_text(t.until("DISK")))
    assert int(disk["size"]) == SIZE and disk["base"] == "image"
    assert disk["sector"] == "512"
    t.until("DISKS_END")
    t.send(frame("DISK_OK", 0, wire.text(later="unknown", base=0,
                                         physical=4096)))
    number = struct.unpack("<Q", t.until("MANIFEST_END"))[0]
    t.send(frame("UNKNOWN", 0, numbers([number - 1, 0])))
    assert t.until("NAMES") == wire.names(b"", b"")
    t.send(frame("WANT", 0, numbers(range(2, number))))
    recipes(t)
    skeletons(t)
    blocks_of_objects(t, number)
    t.send(frame("WANT_END", 0))
    t.until("DATA_END")
    t.send(frame("ALIVE"), frame("BULK_DONE", 0))
    t.until("PASS_END")
    answers(t)
    t.until("PLACE")
    t.send(frame("PLACED", 0))
    t.until("BYE")


def read_recipe(t, held, number=0, code=False):
    """Returns the object, and how much of it was sent.  code: as a
    skeleton."""
    held = wire.skeleton(held)[0] if code else held
    c, made, own, last, operands = wire.Cursor(b""), b"", 0, 0, b""
    while True:
        while not c.left():
            c = wire.Cursor(t.until("RECIPE"))
            assert c.number("Q") == number | wire.CODE * code
            operands += c.bytes(4 * c.varint()) if code else b""
        kind = c.varint()
        length = kind >> 1
        if not kind:
            break
        if kind & 1:
            last += c.zigzag() + length
            assert last <= len(held)
            made += held[last - length:last]
        else:
            made += c.bytes(length)
            own += length
    if code:
        assert wire.MARK in made, "no operand in it"
        made = wire.joined(made, operands)
    assert c.bytes(16) == wire.digest(made)[:16], "another digest"
    c.end()
    return made, own


def recipes(t):
    """What is held is found wherever it went; when an object has come it may
    be asked for again."""
    image = image_content()
    held = b"in front" + image[4096:40000] + b"!" + image[:900]
    t.send(frame("SIGNATURE", 0, wire.signature(0, held, 256, 5)))
    made, own = read_recipe(t, held)
    assert made and made == image[:len(made)], "not what the disk holds"
    assert own <= len(made) - 36000, "%d bytes sent" % own
    t.send(frame("WANT", 0, numbers([0])))
    sent = b""
    while len(sent) < len(made):
        c = wire.Cursor(t.until("DATA"))
        while c.left():
            n, length = c.number("Q"), c.number("I")
            content = c.bytes(length)
            if n & ~wire.CODE == 0:
                assert n == wire.CODE, "not as code"
                assert content != made[len(sent):][:length], "has distances"
                sent += wire.distances(content, len(sent))
    assert sent == made, "another content"


SECOND = 73 * wire.BLOCK_BYTES      # where the second object begins


def skeletons(t):
    """Code is found that leads to the same from another place."""
    image = image_content()
    bones, operands = wire.skeleton(image[SECOND:][:50000])
    held = wire.joined(b"in front" + bones, operands)
    t.send(frame("SIGNATURE", 0,
                 wire.signature(1, held, 256, 5, code=True)))
    made, own = read_recipe(t, held, 1, code=True)
    assert made == image[SECOND:][:len(made)], "not what the disk holds"
    assert own <= len(made) - 48000, "%d bytes sent" % own


def blocks_of_objects(t, number):
    """All objects are listed; of the second one some blocks come."""
    image = image_content()
    t.send(frame("LIST", 0, KEY + numbers(range(number))))
    c = wire.Cursor(t.until("BLOCKLIST"))
    assert c.number("I") == number
    starts, at = [], 0
    for _ in range(number):
        head = c.varint()
        while not any(image[at:at + wire.BLOCK_BYTES]):
            at += wire.BLOCK_BYTES
        starts.append(at)
        assert head == 0, "the disk has no partitions"
        while any(image[at:at + wire.BLOCK_BYTES]):
            block = image[at:at + wire.BLOCK_BYTES]
            if len(block) == wire.BLOCK_BYTES:
                assert c.bytes(6) == wire.siphash(KEY, block)[:6], "hash"
            at += len(block)
    c.end()
    held = image[starts[1]:starts[1] + 13 * wire.BLOCK_BYTES]
    t.send(frame("HELD", 0, wire.held(1, 0, 3, 6, 4)))
    made, own = read_recipe(t, held, 1)
    assert made == held and own == 7 * wire.BLOCK_BYTES, "another recipe"


def answers(t):
    """Two passes in which segments are named in every way."""
    disk = image_content()
    n = wire.SEGMENT_BYTES
    whole = [disk[i:i + n] for i in range(0, SIZE, n)]
    # one block differs, one is zero there; blocks that the source has not
    changed = bytearray(whole[0])
    changed[4096:8192] = bytes(4096)
    changed[900000:900010] = b"0123456789"
    held = [(0, bytes(changed)), (1, bytes(n)), (2, whole[2]), (2, SHORT)]
    t.send(*[frame("BLOCKS", 0, blocks(i, b) if any(b) else u64(i))
             for i, b in held],
           frame("DIFFER", 0, u64(0)), frame("PASS_DONE", 0, u64(3)))
    for number, content in held:
        c = wire.Cursor(t.until("PATCH"))
        assert c.number("Q") == number
        assert c.bytes(32) == wire.digest(whole[number])
        content, sent = bytearray(content), 0
        while c.left():
            at, length = c.number("I"), c.number("I")
            zero, length = length >> 31, length & ~wire.PATCH_ZERO
            assert length and at + length <= len(content)
            content[at:at + length] = bytes(length) if zero else \
                c.bytes(length)
            sent += length
        assert content == whole[number], "not what the disk holds"
        assert number or sent <= 3 * 4096, "more than what differs"
    c = wire.Cursor(t.until("SEGMENT"))
    assert c.number("Q") == 0
    assert c.bytes(32) == wire.digest(whole[0])
    assert c.bytes(c.left()) == whole[0]
    t.until("PASS_END")
    t.send(frame("PASS_DONE", 0, u64(0)))


def good_base(t):
    """A destination that holds something: it is compared first."""
    t.offered()
    t.send(frame("DISK_OK", 0, wire.text(base=1)))
    named = 0
    while True:
        f = t.next()
        if f.name == "COMPARED":
            break
        assert f.name in ("SEGMENTS", "ALIVE"), f.name
        c = wire.Cursor(f.payload)
        while c.left():
            first, count, zero = (c.number(form) for form in "QIB")
            assert first == named and zero in (0, 1)
            named += count
            c.bytes(0 if zero else 32 * count)
    assert named == 3, "not all segments"
    t.nothing_wanted()
    answers(t)
    t.until("PLACE")
    t.send(frame("PLACED", 0))
    t.until("BYE")


def good_doubt(t):
    """What differs and stays as it is, is another storage."""
    t.doubtful()
    for i in range(4):
        t.send(frame("WITNESSED", 0, says(0, 7) * t.asked))
        f = t.next()
        assert f.name == ("WITNESS" if i < 3 else "APART"), f.name
    t.nothing_wanted()
    answers(t)
    t.until("PLACE")
    t.send(frame("PLACED", 0))
    t.until("BYE")


SESSIONS = dict(good=good, good_base=good_base, good_doubt=good_doubt,
                probes=probes, probes_nothing=probes_nothing)

# While the source has not listed all yet (test-push-early.sh).
HELD = dict(closes_early=b"", want_end_early=frame("WANT_END", 0))


def held(t, data):
    t.accepted()
    t.until("MANIFEST")
    t.send(data)
    os.close(1)
    while data and t.reader.frame():
        pass


def play(name):
    t = Target()
    if name in SESSIONS:
        SESSIONS[name](t)
        return 0
    if name in HELD:
        held(t, HELD[name])
        return 0
    stage, function = CASES[name]
    getattr(t, stage)()
    try:
        function(t)
        os.close(1)
        while True:
            if stage == "nothing":
                if not os.read(0, 4096):
                    break
            else:
                t.next()
    except (Ended, wire.Broken, BrokenPipeError):
        pass                    # the source has had enough
    return 0


def image_content():
    noise = random.Random(5)
    data = bytearray(SIZE)
    for at in (0, 300000, wire.SEGMENT_BYTES + 4096,
               2 * wire.SEGMENT_BYTES):
        data[at:at + 50000] = noise.randbytes(50000)
    # a program that calls what lies at 2000, and loads what lies at 1500
    data[:20] = b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\3\0\x3e\0"
    for at in range(100, 40000, 50):
        data[at:at + 5] = struct.pack("<Bi", 0xe8, 2000 - at - 5)
        data[at + 20:at + 27] = b"\x4c\x8b\x05" + struct.pack(
            "<i", 1500 - at - 27)
    for at in range(301000, 340000, 50):
        data[at:at + 5] = struct.pack("<Bi", 0xe8, 2000 - (at - SECOND) - 5)
    return bytes(data)


def make_image(directory):
    data = image_content()
    path = os.path.join(directory, "image")
    with open(path, "wb") as f:
        f.write(data)
    for name in (b"beside", PROBE):
        with open(os.path.join(directory, name.decode()), "w"):
            pass
    return path, data


def message(verb, **fields):
    """Of the channel between xl and its helper (control.h)."""
    return b"".join(text.encode() + b"\0" for text in (
        verb, *("%s=%s" % item for item in fields.items())))


def run_push(command, rsh, image, name):
    dry = ["--dry-run"] * name.startswith("dry_")
    return subprocess.run([command, "push", *dry, "-e", rsh, image,
                           "hostb:/x/y"],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE)


def run_migration(command, rsh, image):
    """Of a guest whose two disks are one image; xl says nothing."""
    xl, helper = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    disks = [dict(vdev="xvd" + c, path=image, mode="r", backend="qdisk",
                  backend_domid="0", cdrom="0") for c in "ab"]
    stream, end = os.pipe()
    with xl, helper, open(end, "wb"), open(stream, "rb") as stream:
        xl.send(message("begin", uuid="11111111-2222-3333-4444-555555555555",
                        name="guest", domid="1"))
        for disk in disks:
            xl.send(message("disk", format="raw", script="", **disk))
            xl.send(message("attached", params="aio:" + image, device="",
                            pid="0", **disk))
        xl.send(message("go", busy="all"))
        return subprocess.run([command, "send-xl", "--host=hostb",
                               "--control-fd=%d" % helper.fileno(), "--", rsh],
                              pass_fds=[helper.fileno()], timeout=PATIENCE,
                              stdin=stream, capture_output=True)


def push(command, directory, image, name):
    rsh = os.path.join(directory, "rsh")
    with open(rsh, "w") as f:
        f.write('#!/bin/sh\nexec "%s" "%s" --play %s\n' %
                (sys.executable, os.path.abspath(__file__), name))
    os.chmod(rsh, 0o755)
    done = run_migration(command, rsh, image) if "two_disks" in name else \
        run_push(command, rsh, image, name)
    said = done.stderr.decode()     # UTF-8, whatever the peer sent
    assert "Sanitizer:" not in said and "runtime error" not in said, said
    assert "Traceback" not in said, said
    assert not [c for c in said if ord(c) < 32 and c not in "\n"], repr(said)
    wanted = 0 if name.startswith("good") else 2
    assert done.returncode == wanted, "exit status %d: %s" % (
        done.returncode, said)
    assert name == "fail_empty" or "xl-dedup: error:" in said or not wanted, \
        "nothing was said"
    # the rule must have been what ended it, not that we left
    left = name.startswith("closes") or name in ("silent", "greeting_cut",
                                                 "header_cut", "probes",
                                                 "probes_nothing")
    assert left == ("the connection was closed" in said), said
    assert SAYS.get(name, "") in said, said
    return said


def main():
    command, directory, *only = sys.argv[1:]
    os.makedirs(directory)
    image, data = make_image(directory)

    def play_one(name):
        said = push(command, directory, image, name)
        with open(image, "rb") as f:
            assert f.read() == data, "the image has changed"
        return (said.strip().splitlines() or [""])[-1][:150]

    return play_all(only or [*SESSIONS, *CASES], play_one) > 0


if __name__ == "__main__":
    sys.exit(play(sys.argv[2]) if sys.argv[1] == "--play" else main())
