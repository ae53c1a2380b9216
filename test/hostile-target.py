# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the target against "xl-dedup push" and breaks docs/protocol.md, one
rule at a time.  Each time push must end with exit status 2, without a
crash, and say why: printable UTF-8, whatever the peer sent.

  hostile-target.py XL-DEDUP DIRECTORY [CASE...]

DIRECTORY must not exist.  "--play CASE" is what push runs instead of ssh.
"""
import os
import random
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import wire                                                     # noqa: E402
from wire import frame, numbers, u64                            # noqa: E402

PATIENCE = 60
SIZE = 2 * wire.SEGMENT_BYTES + 100000
HUGE = 1 << 60


class Ended(Exception):
    pass


class Target:
    def __init__(self):
        self.reader = wire.Reader(lambda n: os.read(0, n))
        self.disk = bytearray(SIZE)

    def send(self, *frames):
        for data in frames:
            while data:
                data = data[os.write(1, data):]

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
        self.send(wire.greeting())
        assert self.reader.greeting()[0] == 1

    def hello(self):
        self.greet()
        self.until("HELLO")
        self.send(frame("HELLO", payload=wire.text(host="h")))

    def offered(self):
        self.hello()
        self.until("DISKS_END")

    def accepted(self):
        self.offered()
        self.send(frame("DISK_OK", 0))

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

    def copied(self):
        self.wanted()
        self.send(frame("BULK_DONE", 0))
        self.until("PASS_END")

    def checked(self):
        self.copied()
        self.send(frame("PASS_DONE", 0, u64(0)))
        self.until("PLACE")


CASES = {}


def frames(stage, **cases):
    for name, data in cases.items():
        CASES[name] = (stage, lambda t, data=data: t.send(data))


def case(stage):
    def register(function):
        CASES[function.__name__] = (stage, function)
        return function
    return register


# Below the frames
frames("nothing", garbage=b"You have new mail in /var/mail/root\n",
       silent=b"", version=wire.MAGIC + b"\2\0\0\0\0\0\0\0",
       greeting_cut=wire.MAGIC)
frames("greet", closes=b"", header_cut=b"\1\0\xff\xff\0",
       wire_oversize=struct.pack("<HHII", 1, 65535, (2 << 20) + 1, 9),
       raw_oversize=struct.pack("<HHII", 1, 65535, 9, 1 << 31),
       no_zstd=struct.pack("<HHII", 1, 65535, 9, 9) + b"no zstd..")

# Frames at the wrong time, of the wrong kind, or from the wrong side
frames("greet", ok_before_hello=frame("DISK_OK", 0), unknown_first=frame(77))
frames("offered", closes_offered=b"", unknown=frame(77), for_all=frame(78, 0),
       ok_of_no_disk=frame("DISK_OK", 1), ok_of_none=frame("DISK_OK"),
       probe_of_no_disk=frame("PROBE", 9, b"x"),
       want_early=frame("WANT", 0, numbers([0])),
       xl=frame("XL", payload=b"xl"), memory=frame("MEMORY", payload=b"m"))
for wrong in ("DISK", "DISKS_END", "PROBED", "MANIFEST", "DATA", "DATA_END",
              "SEGMENTS", "SEGMENT", "PASS_END", "PLACE", "RESTORE"):
    frames("listed", **{"sources_" + wrong: frame(wrong, 0, b"\0" * 16)})
frames("listed", closes_listed=b"", placed_never_asked=frame("PLACED", 0),
       differ_early=frame("DIFFER", 0, numbers([0])),
       pass_done_early=frame("PASS_DONE", 0, u64(0)),
       ok_again=frame("DISK_OK", 0), restoring=frame("RESTORING"),
       bulk_done_of_no_disk=frame("BULK_DONE", 5))

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
frames("copied", closes_copied=b"",
       differ_of_no_disk=frame("DIFFER", 1, numbers([0])),
       differ_out_of_range=frame("DIFFER", 0, numbers([3])),
       differ_negative=frame("DIFFER", 0, numbers([-1])),
       differ_huge=frame("DIFFER", 0, numbers([HUGE])),
       differ_count_lies=frame("DIFFER", 0, numbers([0], 2)),
       differ_count_huge=frame("DIFFER", 0, numbers([0], 2 ** 32 - 1)),
       differ_empty=frame("DIFFER", 0), differ_too_many=frame(
           "DIFFER", 0, numbers([0, 1, 2, 0])),
       placed_early=frame("PLACED", 0), want_late=frame(
           "WANT", 0, numbers([0])))
frames("checked", closes_checked=b"", not_placed=frame("PASS_DONE", 0,
                                                       u64(0)))


@case("copied")
def differs_forever(t):
    while True:
        t.send(frame("DIFFER", 0, numbers([1])),
               frame("PASS_DONE", 0, u64(1)))
        t.until("PASS_END")


# What the user is told
frames("offered", fail=frame("FAIL", payload=b"disk x: no such luck"),
       fail_empty=frame("FAIL"),
       fail_control=frame("FAIL", payload=b"\x1b[2J\rall is well\n"),
       fail_binary=frame("FAIL", payload=bytes(range(1, 256)) * 4),
       fail_endless=frame("FAIL", payload=b"x" * (1 << 20)),
       fail_of_disk=frame("FAIL", 0, b"disk x: no such luck"))
SAYS = dict(fail="no such luck", fail_of_disk="no such luck",
            garbage="You have new mai'", version="another version",
            fail_control="all is well")


# Probes: only a name beside the image is looked for.
def probes(t):
    t.offered()
    for name, seen in ((b"beside", 1), (b"missing", 0), (b"", 0),
                       (b"../image", 0), (b"/etc/passwd", 0),
                       (b"x" * 256, 0), (b"x" * 100000, 0),
                       (b"beside/", 0)):
        t.send(frame("PROBE", 0, name))
        assert t.until("PROBED") == bytes([seen]), name


def good(t):
    """A session as it should be, with optional frames in it."""
    t.greet()
    hello = dict(wire.read_text(t.until("HELLO")))
    assert hello["mode"] == "push" and hello["uuid"] and "name" in hello
    t.send(frame("ALIVE"), frame(0x8123, payload=b"?" * 1000),
           frame(0xffff, 9), frame("HELLO", payload=wire.text(
               host="h", later="unknown")))
    disk = dict(wire.read_text(t.until("DISK")))
    assert int(disk["size"]) == SIZE and disk["base"] == "image"
    t.until("DISKS_END")
    t.send(frame("DISK_OK", 0, wire.text(later="unknown")))
    number = struct.unpack("<Q", t.until("MANIFEST_END"))[0]
    t.send(frame("WANT", 0, numbers(range(number))),
           frame("WANT", 0, numbers(range(number)[::-1])),
           frame("WANT_END", 0))
    t.until("DATA_END")
    t.send(frame("ALIVE"), frame("BULK_DONE", 0))
    t.until("PASS_END")
    t.send(frame("DIFFER", 0, numbers([2, 0])), frame("PASS_DONE", 0, u64(2)))
    for number in (2, 0):
        c = wire.Cursor(t.until("SEGMENT"))
        assert c.number("Q") == number
        digest = c.bytes(32)
        assert digest == wire.digest(c.bytes(c.left()))
    t.until("PASS_END")
    t.send(frame("PASS_DONE", 0, u64(0)))
    t.until("PLACE")
    t.send(frame("PLACED", 0))
    t.until("BYE")


SESSIONS = dict(good=good, probes=probes)


def play(name):
    t = Target()
    if name in SESSIONS:
        SESSIONS[name](t)
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
    except (Ended, wire.Broken):
        pass
    return 0


def make_image(directory):
    noise = random.Random(5)
    data = bytearray(SIZE)
    for at in (0, 300000, wire.SEGMENT_BYTES + 4096,
               2 * wire.SEGMENT_BYTES):
        data[at:at + 50000] = noise.randbytes(50000)
    path = os.path.join(directory, "image")
    with open(path, "wb") as f:
        f.write(data)
    with open(os.path.join(directory, "beside"), "w"):
        pass
    return path, bytes(data)


def push(command, directory, image, name):
    rsh = os.path.join(directory, "rsh")
    with open(rsh, "w") as f:
        f.write('#!/bin/sh\nexec "%s" "%s" --play %s\n' %
                (sys.executable, os.path.abspath(__file__), name))
    os.chmod(rsh, 0o755)
    done = subprocess.run([command, "push", "-e", rsh, image, "hostb:/x/y"],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE)
    said = done.stderr.decode()     # UTF-8, whatever the peer sent
    assert "Sanitizer" not in said and "runtime error" not in said, said
    assert "Traceback" not in said, said
    assert not [c for c in said if ord(c) < 32 and c not in "\n"], repr(said)
    wanted = 0 if name == "good" else 2
    assert done.returncode == wanted, "exit status %d: %s" % (
        done.returncode, said)
    assert name == "fail_empty" or "xl-dedup: error:" in said or not wanted, \
        "nothing was said"
    assert SAYS.get(name, "") in said, said
    return said


def main():
    command, directory, *only = sys.argv[1:]
    os.makedirs(directory)
    image, data = make_image(directory)
    bad = 0
    names = only or [*SESSIONS, *CASES]
    for name in names:
        started = time.time()
        try:
            said = push(command, directory, image, name)
            with open(image, "rb") as f:
                assert f.read() == data, "the image has changed"
            last = (said.strip().splitlines() or [""])[-1]
            print("%-22s ok %.2f s: %s" % (name, time.time() - started,
                                           last[:150]))
        except (AssertionError, UnicodeDecodeError,
                subprocess.TimeoutExpired) as e:
            bad += 1
            print("%-22s FAILED: %s" % (name, e or repr(e)))
    print("%d sessions, %d failed" % (len(names), bad))
    return bad > 0


if __name__ == "__main__":
    sys.exit(play(sys.argv[2]) if sys.argv[1] == "--play" else main())
