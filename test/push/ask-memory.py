# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a peer that has the other end take up memory.

  ask-memory.py XL-DEDUP DIRECTORY CASE   the source, against "receive"
  ask-memory.py --target N                the target, run by "push"

Prints what the receiver said at last, its exit status and the most memory that
it had, in MB."""
import os
import re
import select
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import wire                                                     # noqa: E402
from fdio import write_all                                      # noqa: E402
from wire import frame, manifest, text, u64                     # noqa: E402

TIB = 1 << 40
MIB = 1 << 20
PATIENCE = 60


class Refused(Exception):
    pass


def packed(name, disk, payload):
    """A compressed frame, whose zstd frame begins anew each time."""
    data = wire.compressed(payload)
    return struct.pack("<HHII", wire.TYPES[name], disk, len(data),
                       len(payload)) + data


class Source:
    def __init__(self, command, directory):
        self.directory = directory
        self.process = subprocess.Popen([command, "receive"], bufsize=0,
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.reader = wire.Reader(self.read)

    def read(self, n):
        out = self.process.stdout.fileno()
        assert select.select([out], [], [], PATIENCE)[0], "silence"
        return os.read(out, n)

    def waiting(self):
        return select.select([self.process.stdout.fileno()], [], [], 0)[0]

    def next(self):
        f = self.any()
        while f.name == "ALIVE":
            f = self.any()
        return f

    def any(self):
        f = self.reader.frame()
        if f is None:
            raise Refused("without a word")
        if f.name == "FAIL":
            raise Refused(wire.read_message(f.payload))
        return f

    def send(self, *frames):
        try:
            write_all(self.process.stdin.fileno(), *frames)
        except BrokenPipeError:
            while True:
                self.next()

    def expect(self, name):
        f = self.next()
        assert f.name == name, f.name
        return f.payload

    def hello(self, **more):
        self.send(wire.greeting())
        self.reader.greeting()
        self.expect("CHALLENGE")
        self.send(frame("HELLO", payload=text(mode="push", uuid="x", name="x",
                                              **more)))
        self.expect("HELLO")

    def offer(self, n, size, **more):
        for i in range(n):
            self.send(frame("DISK", i, text(
                vdev="d%d" % i, size=size, used=0, base="none", kind="file",
                dest="%s/disk%d" % (self.directory, i), **more)))

    def accepted(self, n):
        self.send(frame("DISKS_END"))
        while n:
            f = self.next()
            if f.name == "PROBE":
                self.send(frame("PROBED", f.disk, b"\0"))
            n -= f.name == "DISK_OK"

    def peak(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read())[1]) // 1024

    # What a peer may ask for

    def disks(self):
        self.hello()
        self.offer(200, 8 * TIB)
        self.accepted(200)

    def descriptions(self):
        self.hello()
        for i in range(250):
            self.send(frame("DISK", i, text(
                vdev="d%d" % i, size=MIB, used=0, base="b" * MIB, kind="file",
                dest=self.directory + "/disk%d" % i)))
        self.send(frame("DISKS_END"))
        self.next()

    def objects(self):
        """The same file again and again, which packs very well."""
        self.hello()
        self.offer(1, TIB)
        self.accepted(1)
        # each begins where the one before has ended
        one = manifest(0, [(bytes(16), 4096, [(0, 0, 4096)])])[12:]
        count = 30000
        for i in range(500):
            self.send(packed("MANIFEST", 0, struct.pack(
                "<QI", i * count, count) + one * count))
            while self.waiting():
                self.any()

    def dry(self):
        """A dry run takes the same tables."""
        self.hello(dry=1)
        self.offer(2, 15 * TIB)
        self.accepted(2)

    def beyond(self):
        """More than a file can have here, also in a dry run."""
        self.hello(dry=1)
        self.offer(1, 1 << 56)
        self.accepted(1)

    def honest(self):
        """8 TiB with a MiB at the beginning and one at the end."""
        size = 8 * TIB
        last = size // MIB - 1
        content = [bytes([i]) * MIB for i in (1, 2)]
        self.hello()
        self.offer(1, size)
        self.accepted(1)
        self.send(frame("MANIFEST", 0, manifest(0, [
            (wire.digest(content[0]), MIB, [(0, 0, MIB)]),
            (wire.digest(content[1]), MIB, [(0, last * MIB, MIB)])])),
            frame("MANIFEST_END", 0, u64(2)))
        while self.next().name != "WANT_END":
            pass
        for i in (0, 1):
            self.send(frame("DATA", 0, wire.record(i, content[i])))
        self.send(frame("DATA_END", 0))
        self.expect("BULK_DONE")
        self.send(frame("SEGMENTS", 0, wire.run(0, [wire.digest(content[0])])
                        + wire.run(1, zeros=last - 1)
                        + wire.run(last, [wire.digest(content[1])])),
                  frame("PASS_END", 0))
        assert self.expect("PASS_DONE") == u64(0)
        self.send(frame("PLACE", 0))
        self.expect("PLACED")
        peak = self.peak()
        self.send(frame("BYE"))
        return peak


def play(command, directory, case):
    source = Source(command, directory)
    said, peak = "served", 0
    try:
        peak = getattr(source, case)() or source.peak()
    except Refused as refusal:
        said = str(refusal)
    source.process.stdin.close()
    _, status, usage = os.wait4(source.process.pid, 0)
    print("%s\nstatus %d\npeak %d" % (
        said, os.waitstatus_to_exitcode(status),
        peak or usage.ru_maxrss // 1024))


def target(n):
    """Describes files of 2^17 blocks, in as many signatures."""
    reader = wire.Reader(lambda length: os.read(0, length))
    write_all(1, wire.greeting())
    reader.greeting()
    write_all(1, frame("CHALLENGE", payload=bytes(32)) +
              frame("HELLO", payload=text(host="x")))
    while True:
        f = reader.frame()
        if f is None:
            return
        if f.name == "DISKS_END":
            write_all(1, frame("DISK_OK", 0, text(base=0)))
        if f.name == "MANIFEST_END":
            break
    known = struct.unpack("<Q", f.payload)[0]
    one = wire.varint(4096 << 17) + wire.varint(4096) + b"\x08" + \
        bytes(8 << 17)
    for i in range(min(n, known)):
        try:
            write_all(1, packed("SIGNATURE", 0, wire.zigzag(i) + bytes(8) +
                                one))
        except BrokenPipeError:
            return
    while reader.frame():
        pass


if sys.argv[1] == "--target":
    target(int(sys.argv[2]))
else:
    play(*sys.argv[1:])
