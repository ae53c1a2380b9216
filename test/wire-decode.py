# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks a recorded session against docs/protocol.md and prints its frames.

  wire-decode.py FROM-SOURCE FROM-TARGET

Each file holds the bytes of one direction.  How the two interleaved is not
recorded: an order between them is checked by counting, for instance that
there were as many answers as questions.  Exit status 1 and a line on stderr
if a rule is broken.
"""
import struct
import sys

sys.dont_write_bytecode = True
import wire                                                     # noqa: E402
from wire import Broken, Cursor                                 # noqa: E402

SESSION = "HELLO FAIL XL MEMORY MEMORY_END DISKS_END RESTORE RESTORING BYE " \
    "ALIVE".split()
FROM_SOURCE = "HELLO FAIL XL MEMORY MEMORY_END DISK DISKS_END PROBED " \
    "MANIFEST MANIFEST_END DATA DATA_END SEGMENTS PASS_END SEGMENT PLACE " \
    "RESTORE BYE ALIVE".split()
FROM_TARGET = "HELLO FAIL XL PROBE DISK_OK WANT WANT_END BULK_DONE DIFFER " \
    "PASS_DONE PLACED RESTORING BYE ALIVE".split()
EMPTY = "DISKS_END WANT_END DATA_END BULK_DONE PASS_END PLACE PLACED " \
    "RESTORE RESTORING BYE ALIVE".split()


def check(truth, message):
    if not truth:
        raise Broken(message)


class Disk:
    def __init__(self, offer):
        self.size = int(offer["size"])
        self.segments = -(-self.size // wire.SEGMENT_BYTES)
        self.objects = []           # mapped bytes of each
        self.stage = "offered"
        self.passes = 0             # PASS_ENDs
        self.announced = set()      # segments whose digest was sent
        self.sent_whole = []        # number of SEGMENTs behind each PASS_END
        self.content = {}           # bytes of DATA, by object

    def length(self, number):
        check(number < self.segments, "no such segment")
        return min(wire.SEGMENT_BYTES,
                   self.size - number * wire.SEGMENT_BYTES)


def numbers(c):
    """What WANT and DIFFER name."""
    value, out = 0, []
    for _ in range(c.number("I")):
        value += c.zigzag()
        out.append(value)
    c.end()
    return out


class Direction:
    """What both directions have in common."""

    def __init__(self, path, allowed):
        self.memory_bytes = 0
        self.counts = {}
        self.ended = None
        self.disks = {}
        self.allowed = allowed
        self.path = path

    def frames(self):
        with open(self.path, "rb") as f:
            reader = wire.Reader(f.read)
            check(reader.greeting() == (1, 0, 0), "another greeting")
            while True:
                frame = reader.frame()
                if frame is None:
                    return
                yield frame

    def decode(self):
        for number, f in enumerate(self.frames()):
            try:
                said = self.frame(f)
            except (Broken, UnicodeDecodeError, ValueError, KeyError) as e:
                raise Broken("%s, frame %d, %s: %s" % (
                    self.path, number, f.name, e)) from e
            disk = "-" if f.disk == wire.NO_DISK else f.disk
            print("%6d %-12s disk %-3s %8d on wire %8d  %s" % (
                number, f.name, disk, f.on_wire, len(f.payload), said or ""))
        check(self.ended, "%s: ends without BYE or FAIL" % self.path)

    def frame(self, f):
        check(self.ended is None, "behind %s" % self.ended)
        self.counts[f.name] = self.counts.get(f.name, 0) + 1
        if f.number & wire.OPTIONAL and f.number not in wire.NAMES:
            return "ignored"
        check(f.name in self.allowed, "must not come from here")
        if f.name != "FAIL":
            check((f.disk == wire.NO_DISK) == (f.name in SESSION),
                  "disk %d" % f.disk)
        if f.name in EMPTY:
            check(not f.payload, "has a payload")
        if f.name in ("BYE", "FAIL"):
            self.ended = f.name
        if f.name not in ("HELLO", "FAIL", "XL", "ALIVE"):
            check("HELLO" in self.counts, "before HELLO")
        method = getattr(self, f.name.lower(), None)
        return method(Cursor(f.payload), f.disk) if method else None

    def fail(self, c, _):
        return wire.read_message(c.data)

    def xl(self, c, _):
        return repr(c.data[:40])


class Source(Direction):
    def hello(self, c, _):
        values = dict(wire.read_text(c.data))
        check(self.counts["HELLO"] == 1, "came before")
        check(values["mode"] in ("migrate", "push"), "mode")
        check("name" in values and "uuid" in values, "name or uuid")
        self.mode = values["mode"]
        return values

    def disk(self, c, number):
        values = dict(wire.read_text(c.data))
        check(number == len(self.disks) < 256, "out of order")
        check("DISKS_END" not in self.counts, "behind DISKS_END")
        for key in ("vdev", "used", "path", "base", "kind"):
            check(key in values, "no %s" % key)
        check(values["kind"] in ("file", "block"), "kind")
        check(self.mode == "migrate" or "dest" in values, "no dest")
        check(values["base"] == values["path"].split("/")[-1], "base")
        self.disks[number] = Disk(values)
        check(0 < self.disks[number].size <= 1 << 56, "size")
        return values

    def at(self, number, *stages):
        check("DISKS_END" in self.counts and number in self.disks, "disk")
        d = self.disks[number]
        check(d.stage in stages, "when the disk is %s" % d.stage)
        return d

    def probed(self, c, number):
        self.at(number, "offered")
        check(c.data in (b"\0", b"\1"), "payload")

    def manifest(self, c, number):
        d = self.at(number, "offered")
        check(c.number("Q") == len(d.objects), "first object")
        physical = 0
        for _ in range(c.number("I")):
            c.bytes(16)
            size, mapped, end = c.varint(), 0, 0
            check(size <= d.size + (16 << 30), "size of an object")
            for _ in range(c.varint()):
                logical = end + c.varint()
                physical += c.zigzag()
                length = c.varint()
                end = logical + length
                check(length and end <= size, "extent outside its object")
                check(physical >= 0 and physical + length <= d.size,
                      "extent outside the disk")
                physical += length
                mapped += length
            check(mapped, "object without extents")
            d.objects.append(mapped)
        c.end()
        check(len(d.objects) <= 1 << 24, "too many objects")
        return "%d objects" % len(d.objects)

    def manifest_end(self, c, number):
        d = self.at(number, "offered")
        check(c.number("Q") == len(d.objects), "number of objects")
        c.end()
        d.stage = "listed"

    def data(self, c, number):
        d = self.at(number, "listed")
        while c.left():
            n, length = c.number("Q"), c.number("I")
            check(n < len(d.objects), "no such object")
            d.content[n] = d.content.get(n, 0) + length
            c.bytes(length)

    def data_end(self, _, number):
        d = self.at(number, "listed")
        for n, length in d.content.items():
            check(length % d.objects[n] == 0, "object %d is not whole" % n)
        d.stage = "copied"

    def segments(self, c, number):
        d = self.at(number, "copied")
        named = 0
        while c.left():
            first, count, zero = (c.number(form) for form in "QIB")
            check(count and first + count <= d.segments, "no such segment")
            check(zero in (0, 1), "kind")
            c.bytes(0 if zero else 32 * count)
            new = set(range(first, first + count))
            check(d.passes or not new & d.announced, "named twice")
            d.announced |= new
            named += count
        return "%d segments" % named

    def pass_end(self, _, number):
        d = self.at(number, "copied")
        check(len(d.announced) == d.segments,
              "the first pass left %d out" % (d.segments - len(d.announced)))
        d.passes += 1
        d.sent_whole.append(0)

    def segment(self, c, number):
        d = self.at(number, "copied")
        check(d.passes, "before a pass")
        n, digest = c.number("Q"), c.bytes(32)
        content = c.bytes(c.left())
        check(not content or len(content) == d.length(n), "length")
        check(not content or digest == wire.digest(content), "digest")
        check(not content or any(content), "zeros that are sent")
        d.sent_whole[-1] += 1
        return "number %d" % n

    def memory(self, c, _):
        check("RESTORE" not in self.counts or "MEMORY_END" not in self.counts,
              "behind MEMORY_END")
        check(self.mode == "migrate", "in a push")
        self.memory_bytes += len(c.data)

    def memory_end(self, c, _):
        check("RESTORE" in self.counts, "before RESTORE")
        check(c.number("Q") == self.memory_bytes, "counts other bytes")
        check(self.counts["MEMORY_END"] == 1, "came before")
        c.end()

    def restore(self, _, __):
        for d in self.disks.values():
            check(d.stage == "copied", "a disk is %s" % d.stage)

    def place(self, _, number):
        d = self.at(number, "copied")
        check(d.passes and d.sent_whole[-1] == 0, "behind a difference")
        check(self.mode == "push" or "MEMORY_END" in self.counts,
              "before MEMORY_END")
        d.stage = "placed"


class Target(Direction):
    def __init__(self, path, allowed, source):
        super().__init__(path, allowed)
        self.source = source
        self.disks = {n: dict(wants={}, passes=[], differ=0, stage=0)
                      for n in source.disks}

    def step(self, number, least, new):
        check(number in self.disks, "no such disk")
        d = self.disks[number]
        check(d["stage"] == least, "out of order")
        d["stage"] = new
        return d

    def hello(self, c, _):
        check(self.counts["HELLO"] == 1, "came before")
        return dict(wire.read_text(c.data))

    def probe(self, c, number):
        self.step(number, 0, 0)
        return wire.read_message(c.data)

    def disk_ok(self, c, number):
        self.step(number, 0, 1)
        wire.read_text(c.data)

    def want(self, c, number):
        d = self.step(number, 1, 1)
        for n in numbers(c):
            check(0 <= n < len(self.source.disks[number].objects), "object")
            d["wants"][n] = d["wants"].get(n, 0) + 1
            check(d["wants"][n] <= 2, "object %d a third time" % n)
        return "%d objects so far" % len(d["wants"])

    def want_end(self, _, number):
        d = self.step(number, 1, 2)
        source = self.source.disks[number]
        sent = {n: length // source.objects[n]
                for n, length in source.content.items()}
        check(sent == d["wants"] or self.source.ended == "FAIL",
              "what was sent is not what was wanted")

    def bulk_done(self, _, number):
        self.step(number, 2, 3)

    def differ(self, c, number):
        d = self.step(number, 3, 3)
        named = numbers(c)
        for n in named:
            self.source.disks[number].length(n)
        check(len(set(named)) == len(named), "a segment twice")
        d["differ"] += len(named)
        return named[:20]

    def pass_done(self, c, number):
        d = self.step(number, 3, 3)
        check(c.number("Q") == d["differ"], "counts other segments")
        c.end()
        d["passes"].append(d["differ"])
        d["differ"] = 0
        return d["passes"][-1]

    def placed(self, _, number):
        d = self.step(number, 3, 4)
        check(self.source.disks[number].stage == "placed", "not asked for")
        check(d["passes"][-1] == 0, "behind a difference")

    def restoring(self, _, __):
        check("RESTORE" in self.source.counts, "not asked for")

    def compare(self):
        """What both directions together must tell."""
        for ask, answer in (("PROBED", "PROBE"), ("DISK", "DISK_OK"),
                            ("DATA_END", "BULK_DONE"), ("PLACE", "PLACED"),
                            ("PASS_END", "PASS_DONE"),
                            ("RESTORE", "RESTORING")):
            check(self.source.counts.get(ask, 0) ==
                  self.counts.get(answer, 0),
                  "as many %s as %s" % (ask, answer))
        for n, d in self.disks.items():
            check(d["passes"] == self.source.disks[n].sent_whole,
                  "disk %d: differed %s, sent %s" % (
                      n, d["passes"], self.source.disks[n].sent_whole))


def main():
    source = Source(sys.argv[1], FROM_SOURCE)
    source.decode()
    target = Target(sys.argv[2], FROM_TARGET, source)
    try:
        target.decode()
    except Broken:
        # who was told BYE may leave without a word of his own
        if target.ended or source.ended != "BYE":
            raise
    if source.ended == "BYE":
        target.compare()
    return 0


try:
    sys.exit(main())
except (Broken, struct.error) as error:
    sys.exit("wire-decode.py: %s" % error)
