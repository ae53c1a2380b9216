# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks a recorded session against docs/protocol.md and prints its frames.

  wire-decode.py FROM-SOURCE FROM-TARGET [LISTING]

LISTING is the file in which the source kept the listing of its only disk
before this session.  Each other file holds the bytes of one direction.  How the two interleaved is not
recorded: an order between them is checked by counting, for instance that
there were as many answers as questions.  Exit status 1 and a line on stderr
if a rule is broken.
"""
import re
import struct
import sys

sys.dont_write_bytecode = True
import wire                                                     # noqa: E402
from wire import Broken, Cursor                                 # noqa: E402

SESSION = "HELLO FAIL XL MEMORY MEMORY_END MEMORY_KEY CODED TAKEN MISSED " \
    "PAGES DISKS_END BALLAST CHALLENGE RESTORE RESTORING BYE ALIVE".split()
FROM_SOURCE = "HELLO FAIL XL MEMORY MEMORY_END MEMORY_KEY CODED PAGES DISK " \
    "DISKS_END PROBED MANIFEST MANIFEST_END NAMES RECIPE BLOCKLIST DATA " \
    "DATA_END " \
    "SEGMENTS PASS_END SEGMENT PATCH COMPARED DELTA LISTING PLACE RESTORE " \
    "WITNESS APART " \
    "BYE " \
    "BALLAST ALIVE".split()
FROM_TARGET = "CHALLENGE HELLO FAIL XL TAKEN MISSED PROBE DISK_OK UNKNOWN SIGNATURE " \
    "WANT " \
    "WANT_END BULK_DONE DIFFER BLOCKS PASS_DONE PLACED RESTORING BYE " \
    "LEFT LIST HELD BALLAST WITNESSED UNLIKE ALIVE".split()
IN_DRY_RUNS = "HELLO FAIL DISK DISKS_END MANIFEST MANIFEST_END NAMES " \
    "RECIPE BLOCKLIST DATA_END SEGMENTS COMPARED PASS_END LISTING BALLAST " \
    "WITNESS APART BYE ALIVE".split()
EMPTY = "DISKS_END WANT_END DATA_END BULK_DONE PASS_END COMPARED " \
    "PLACED RESTORE RESTORING APART BYE".split()
CONTENT = "DATA RECIPE SEGMENT PATCH DELTA".split()


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
        self.compared = 0           # comparisons
        self.asked = []             # segments in each WITNESS
        self.apart = None           # PASS_ENDs before APART
        self.wrote = False          # content came before APART
        self.answers = []           # (frame, segment, PASS_ENDs before it)
        self.content = {}           # bytes of DATA, by object
        self.round = [0, 0]         # bytes, records of DELTAs
        self.changed = set()        # segments that DELTAs have touched
        self.named = set()
        self.unparsed = set()
        self.blocklists = []        # their payloads
        self.sizes = []
        self.names = []             # of each NAMES frame, how many
        self.recipes = {}           # (copied, own bytes), by object
        self.recipe = None          # [object, bytes so far, copied to,
                                    # copied, operands or None]
        self.copies = []            # (object, offset, its end) of recipes
        self.skeletons = set()      # objects that are made as such
        self.list = self.unpack = None      # what was known before
        self.unlisted = b""

    def length(self, number):
        check(number < self.segments, "no such segment")
        return min(wire.SEGMENT_BYTES,
                   self.size - number * wire.SEGMENT_BYTES)


def numbers(c):
    """What WANT names."""
    value, out = 0, []
    for _ in range(c.number("I")):
        value += c.zigzag()
        out.append(value)
    c.end()
    return out


class Direction:
    """What both directions have in common."""

    def __init__(self, path, allowed):
        self.stream = wire.Memory()
        self.on_disk = []           # blocks by DISK, of each CODED
        self.pages_sent = self.pages_missed = self.taken_frames = 0
        self.counts = {}
        self.ended = None
        self.disks = {}
        self.proofs = {}            # of each disk
        self.allowed = allowed
        self.path = path

    def frames(self):
        with open(self.path, "rb") as f:
            reader = wire.Reader(f.read)
            check(reader.greeting() == (wire.VERSION, 0, 0), "another greeting")
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
        check(self.ended is None, "after %s" % self.ended)
        if f.name in CONTENT and f.disk in self.disks:
            self.content_for(self.disks[f.disk])
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
        if f.name not in ("HELLO", "FAIL", "XL", "ALIVE", "CHALLENGE"):
            check("HELLO" in self.counts, "before HELLO")
        method = getattr(self, f.name.lower(), None)
        return method(Cursor(f.payload), f.disk) if method else None

    def content_for(self, disk):
        pass

    def fail(self, c, _):
        return wire.read_message(c.data)

    def xl(self, c, _):
        return repr(c.data[:40])

    def alive(self, c, _):
        return "worked %d" % c.number("Q") if c.left() == 8 else None


class Source(Direction):
    def content_for(self, disk):
        disk.wrote = disk.wrote or disk.apart is None

    def witness(self, c, number):
        d = self.at(number, "offered", "listed", "copied")
        check(d.apart is None, "after APART")
        named = []
        while c.left():
            named.append(c.number("Q"))
            d.length(named[-1])
            c.bytes(32)
        check(0 < len(named) <= 16, "how many")
        check(len(set(named)) == len(named), "a segment twice")
        d.asked.append(len(named))
        return named

    def apart(self, _, number):
        d = self.at(number, "offered", "listed", "copied")
        check(d.apart is None, "came before")
        check(d.asked, "without a question")
        d.apart = d.passes

    def hello(self, c, _):
        values = dict(wire.read_text(c.data))
        check(self.counts["HELLO"] == 1, "came before")
        check(values["mode"] in ("migrate", "push"), "mode")
        check(int(values["timeout"]) > 0, "timeout")
        check("name" in values and "uuid" in values, "name or uuid")
        self.mode = values["mode"]
        self.dry = values.get("dry") == "1"
        if self.dry:
            self.allowed = IN_DRY_RUNS
        return values

    def ballast(self, _, __):
        check(self.dry, "not in a dry run")

    def disk(self, c, number):
        values = dict(wire.read_text(c.data))
        check(number == len(self.disks) < 256, "out of order")
        check("DISKS_END" not in self.counts, "after DISKS_END")
        for key in ("vdev", "used", "path", "base", "kind", "sector"):
            check(key in values, "no %s" % key)
        check(values["kind"] in ("file", "block"), "kind")
        check(int(values["sector"]) in (512, 1024, 2048, 4096), "sector")
        check(self.mode == "migrate" and not self.dry or "dest" in values,
              "no dest")
        check(self.dry or "stamp" not in values, "stamp")
        proofs = [v for k, v in wire.read_text(c.data) if k == "proof"]
        check(len(proofs) <= 32 and
              all(len(bytes.fromhex(p)) == 40 for p in proofs), "proofs")
        self.proofs[number] = proofs
        check(values["base"] == values["path"].split("/")[-1], "base")
        self.disks[number] = Disk(values)
        self.disks[number].lists = "list" in values
        if "list" in values and self.old_listing is not None:
            check(values["list"] == wire.digest(self.old_listing).hex(),
                  "not the digest of the listing")
            self.disks[number].list = self.old_listing
            self.disks[number].unpack = wire.Decompressor(self.old_listing)
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

    def listing(self, c, number):
        """Frames that are packed with what both know."""
        d = self.at(number, "offered", "copied")
        check(d.list is not None, "no listing was agreed on")
        check(not d.passes, "after the first pass")
        at, full, out = 0, False, []
        while at < len(c.data) or full:
            more, at = d.unpack.some(c.data, at)
            d.unlisted += more
            full = len(more) == 1 << 16
        while len(d.unlisted) >= 6:
            kind, length = struct.unpack_from("<HI", d.unlisted)
            check(wire.NAMES[kind] in ("MANIFEST", "SEGMENTS"), "frame inside")
            if len(d.unlisted) < 6 + length:
                break
            payload, d.unlisted = (d.unlisted[6:6 + length],
                                   d.unlisted[6 + length:])
            getattr(self, wire.NAMES[kind].lower())(Cursor(payload), number)
            out.append("%s %d" % (wire.NAMES[kind], length))
        return ", ".join(out)

    def manifest(self, c, number):
        d = self.at(number, "offered")
        check(d.compared or not d.announced, "before COMPARED")
        check(c.number("Q") == len(d.objects), "first object")
        physical = 0
        for _ in range(c.number("I")):
            c.bytes(16)
            size, mapped, end = c.varint(), 0, 0
            check(size <= d.size + (16 << 30), "size of an object")
            n = c.varint()
            kind, n = n & 3, n >> 2
            check(kind < 3, "kind")
            if kind == 1:
                d.named.add(len(d.objects))
            if kind == 2:
                check(n == 1 and size <= 1 << 20, "unparsed, but no piece")
                d.unparsed.add(len(d.objects))
            d.sizes.append(size)
            for _ in range(n):
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
            check(kind != 2 or mapped == size, "unparsed, with gaps")
            d.objects.append(mapped)
        c.end()
        check(len(d.objects) <= 1 << 24, "too many objects")
        return "%d objects" % len(d.objects)

    def manifest_end(self, c, number):
        d = self.at(number, "offered")
        check(d.compared or not d.announced, "before COMPARED")
        check(c.number("Q") == len(d.objects), "number of objects")
        c.end()
        d.stage = "listed"

    def data(self, c, number):
        d = self.at(number, "offered", "listed")
        while c.left():
            n, length = c.number("Q") & ~wire.CODE, c.number("I")
            check(n < len(d.objects), "no such object")
            d.content[n] = d.content.get(n, 0) + length
            c.bytes(length)

    def names(self, c, number):
        d = self.at(number, "offered", "listed")
        count, name, out = c.number("I"), b"", []
        check(0 < count <= 256, "how many")
        for _ in range(count):
            shared, rest = c.varint(), c.varint()
            check(shared <= len(name), "shares what is not there")
            name = name[:shared] + c.bytes(rest)
            check(len(name) <= 4000 and b"\0" not in name, "no name")
            if self.proves and name:
                c.bytes(32)
            out.append(name.decode(errors="replace"))
        c.end()
        d.names.append(count)
        return " ".join(out)[:60]

    def blocklist(self, c, number):
        d = self.at(number, "offered", "listed")
        d.blocklists.append(c.data)
        return "%d objects" % c.number("I")

    def recipe(self, c, number):
        d = self.at(number, "offered", "listed")
        n = c.number("Q")
        code, n = bool(n & wire.CODE), n & ~wire.CODE
        if code:
            d.skeletons.add(n)
        if self.dry:
            check(n < len(d.objects) and n not in d.recipes, "object")
            d.recipes[n] = (0, d.sizes[n])
            return c.end()
        if d.recipe is None:
            check(n < len(d.objects) and n not in d.recipes, "object")
            d.recipe = [n, 0, 0, 0, 0 if code else None]
        r = d.recipe
        check(r[0] == n, "in another recipe")
        check((r[4] is not None) == code, "a skeleton in part")
        if code:
            operands = c.varint()
            c.bytes(4 * operands)
            r[4] += operands
            check(5 * r[4] <= d.sizes[n], "too many operands")
        while c.left():
            check(d.recipe, "after its end")
            kind = c.varint()
            length = kind >> 1
            if kind & 1:
                r[2] += c.zigzag()
                check(length and r[2] >= 0, "copies nothing")
                d.copies.append((n, r[2], r[2] + length))
                r[2] += length
                r[3] += length
            elif kind:
                c.bytes(length)
            else:
                c.bytes(16)
                check(r[1] == d.sizes[n], "not the object's size")
                d.recipes[n] = (r[3], r[1] - r[3])
                d.recipe = None
            r[1] += length
        return "object %d, %d bytes copied, %d own%s" % (
            n, r[3], r[1] - r[3],
            ", %d operands" % r[4] if code else "")

    def data_end(self, _, number):
        d = self.at(number, "listed")
        check(d.recipe is None, "in a recipe")
        for n, length in d.content.items():
            check(length % d.objects[n] == 0, "object %d is not whole" % n)
        d.stage = "copied"

    def segments(self, c, number):
        d = self.at(number, "offered", *["copied"][self.dry:])
        check(d.stage == "copied" or not d.objects and
              not (d.compared and d.apart is not None),
              "after the comparison")
        named = 0
        while c.left():
            first, count, zero = (c.number(form) for form in "QIB")
            check(count and first + count <= d.segments, "no such segment")
            check(zero in (0, 1), "kind")
            digests = c.bytes(0 if zero else 32 * count)
            check(wire.ZERO_DIGEST not in [
                digests[i:i + 32] for i in range(0, len(digests), 32)],
                "zeros that are not said to be")
            new = set(range(first, first + count))
            check(d.passes or d.compared or
                  not new & d.announced, "named twice")
            d.announced |= new
            named += count
        return "%d segments" % named

    def compared(self, _, number):
        d = self.at(number, "offered")
        check(not (d.compared and d.apart is not None) and not d.objects,
              "came before, or MANIFEST")
        check(len(d.announced) == d.segments,
              "left %d out" % (d.segments - len(d.announced)))
        d.compared += 1

    def pass_end(self, _, number):
        d = self.at(number, "copied")
        check(not self.dry or not d.passes and d.compared, "in a dry run")
        check(len(d.announced) == d.segments,
              "the first pass left %d out" % (d.segments - len(d.announced)))
        check(not d.unlisted, "half of a frame is missing")
        d.passes += 1
        d.round = [0, 0]

    def delta(self, c, number):
        d = self.at(number, "copied")
        check(d.passes, "before the first pass")
        digest, hashed = c.bytes(32), b""
        while c.left():
            header = c.bytes(12)
            at, length = struct.unpack("<QI", header)
            zero, length = length >> 31, length & ~wire.PATCH_ZERO
            check(length and at + length <= d.size, "outside the disk")
            hashed += header
            hashed += bytes(length) if zero else c.bytes(length)
            d.round[0] += length
            d.round[1] += 1
            d.changed |= set(range(at // wire.SEGMENT_BYTES,
                                   (at + length - 1) // wire.SEGMENT_BYTES
                                   + 1))
        check(hashed, "is empty")
        check(digest == wire.digest(hashed), "digest")
        check(d.round[0] <= wire.ROUND_BYTES and
              d.round[1] <= wire.ROUND_RECORDS, "too much in a round")
        return "%d bytes" % d.round[0]

    def segment(self, c, number):
        d = self.at(number, "copied")
        n, digest = c.number("Q"), c.bytes(32)
        content = c.bytes(c.left())
        check(not content or len(content) == d.length(n), "length")
        check(not content or digest == wire.digest(content), "digest")
        check((digest == wire.ZERO_DIGEST) == (not content), "zeros")
        check(not content or any(content), "zeros that are sent")
        d.announced.add(n)
        d.answers.append(("DIFFER", n, d.passes))
        return "number %d" % n

    def patch(self, c, number):
        d = self.at(number, "copied")
        n, digest = c.number("Q"), c.bytes(32)
        content, known = bytearray(d.length(n)), bytearray(d.length(n))
        while c.left():
            at, length = c.number("I"), c.number("I")
            zero, length = length >> 31, length & ~wire.PATCH_ZERO
            check(at + length <= len(content), "after the segment's end")
            content[at:at + length] = bytes(length) if zero else \
                c.bytes(length)
            known[at:at + length] = b"\1" * length
        if all(known):
            check(digest == (wire.digest(content) if any(content) else
                             wire.ZERO_DIGEST), "digest")
        d.announced.add(n)
        d.answers.append(("BLOCKS", n, d.passes))
        return "number %d, %d bytes" % (n, sum(known))

    def memory(self, c, _):
        check("RESTORE" not in self.counts or "MEMORY_END" not in self.counts,
              "after MEMORY_END")
        check(self.mode == "migrate", "in a push")
        check("CODED" not in self.counts, "after CODED")
        self.stream.bring(c.data)

    def memory_key(self, c, _):
        check(self.counts["MEMORY_KEY"] == 1, "came before")
        check(self.mode == "migrate", "in a push")
        c.bytes(16)
        c.end()

    def coded(self, c, _):
        check("RESTORE" in self.counts, "before RESTORE")
        check("MEMORY_END" not in self.counts, "after MEMORY_END")
        check("MEMORY_KEY" in self.counts, "before MEMORY_KEY")
        check("MEMORY" not in self.counts, "after MEMORY")
        before = self.stream.length
        self.on_disk.append(self.stream.frame(c.data))
        return "%d bytes, %d blocks" % (self.stream.length - before,
                                        self.on_disk[-1])

    def pages(self, c, _):
        check(len(c.data) % wire.BLOCK_BYTES == 0 and c.data, "length")
        self.pages_sent += len(c.data) // wire.BLOCK_BYTES

    def memory_end(self, c, _):
        check("RESTORE" in self.counts, "before RESTORE")
        check(c.number("Q") == self.stream.length, "counts other bytes")
        digest = c.bytes(32)
        check(not self.stream.known or digest == self.stream.digest(),
              "digest")
        check(self.counts["MEMORY_END"] == 1, "came before")
        c.end()
        return self.stream.counts

    def restore(self, _, __):
        for d in self.disks.values():
            check(d.stage == "copied", "a disk is %s" % d.stage)

    def place(self, c, number):
        for key, value in wire.read_text(c.data):
            check(key == "secret" and len(bytes.fromhex(value)) == 32 and
                  self.mode == "migrate", "secret")
        d = self.at(number, "copied")
        check(d.passes and d.passes not in [a[2] for a in d.answers],
              "after a difference")
        check(self.mode == "push" or "MEMORY_END" in self.counts,
              "before MEMORY_END")
        d.stage = "placed"


class Target(Direction):
    def __init__(self, path, allowed, source):
        super().__init__(path, allowed)
        self.source = source
        self.disks = {n: dict(wants={}, left=[], named=[], stage=0,
                              unknown=[], signatures={},
                              skeletons=set(), lefts=set(),
                              lists={}, held={}, doubtful=False,
                              unlike=0, witnessed=0, blocks={})
                      for n in source.disks}
        self.probed = set()

    def step(self, number, least, new):
        check(number in self.disks, "no such disk")
        d = self.disks[number]
        check(d["stage"] == least, "out of order")
        d["stage"] = new
        return d

    def ballast(self, c, _):
        c.end()

    def left(self, c, number):
        d = self.step(number, 1, 1)
        check(self.source.dry and self.source.disks[number].compared,
              "in this session")
        out = numbers(c)
        for n in out:
            check(0 <= n < len(self.source.disks[number].objects), "object")
            check(n not in d["wants"] and n not in d["signatures"] and
                  n not in d["lefts"], "object %d again" % n)
            d["lefts"].add(n)
        return "%d objects" % len(out)

    def hello(self, c, _):
        check(self.counts["HELLO"] == 1, "came before")
        said = dict(wire.read_text(c.data))
        check(re.fullmatch("([0-9a-f]{16})?", said.get("proof", "")), "proof")
        return said

    def challenge(self, c, _):
        check(self.counts == {"CHALLENGE": 1}, "is not the first")
        c.bytes(32)
        c.end()

    def probe(self, c, number):
        check("CHALLENGE" in self.counts, "no CHALLENGE")
        self.step(number, 0, 0)
        check(re.fullmatch(rb"\.xl-dedup-probe-[0-9a-f]{16}", c.data),
              "no name of a probe")
        check(number not in self.probed, "probed before")
        self.probed.add(number)
        return wire.read_message(c.data)

    def disk_ok(self, c, number):
        self.step(number, 0, 1)
        values = dict(wire.read_text(c.data))
        check(values["base"] in ("0", "1"), "base")
        source = self.source.disks[number]
        said = [k for k in ("secret", "known") if k in values]
        check(len(said) == (0 if self.source.dry else 1), "secret")
        check(len(bytes.fromhex(values.get("secret", "00" * 32))) == 32,
              "no secret")
        for key in ("known", "replaces"):
            check(key not in values or any(
                p[:16] == values[key] for p in self.source.proofs[number]),
                  "%s: that was not shown" % key)
        check("list" not in values or source.lists, "no listing was offered")
        self.disks[number]["doubtful"] = "witness" in values
        check("witness" in values or source.compared < 2 and
              not source.asked and source.apart is None, "nothing to doubt")
        check("witness" not in values or self.source.dry or not source.wrote,
              "was written to before APART")
        check(bool(source.compared) == (values["base"] == "1") or
              "witness" in values or
              self.source.ended == "FAIL" and not source.compared,
              "the source did not do so")
        return values

    def unlike(self, c, number):
        d = self.step(number, 1, 1)
        check(d["doubtful"], "of a disk that is not in doubt")
        d["unlike"] += 1
        named = []
        while c.left():
            named.append(c.number("Q"))
            self.source.disks[number].length(named[-1])
        check(sorted(set(named)) == named and len(named) <= 16, "numbers")
        return named

    def witnessed(self, c, number):
        d = self.disks[number]
        check(d["doubtful"], "of a disk that is not in doubt")
        asked = self.source.disks[number].asked
        check(d["witnessed"] < len(asked), "not asked for")
        for _ in range(asked[d["witnessed"]]):
            check(c.number("B") in (0, 1), "neither yes nor no")
            c.bytes(16)
        c.end()
        d["witnessed"] += 1

    def want(self, c, number):
        d = self.step(number, 1, 1)
        for n in numbers(c):
            check(0 <= n < len(self.source.disks[number].objects), "object")
            d["wants"][n] = d["wants"].get(n, 0) + 1
            check(d["wants"][n] + (n in d["signatures"]) +
                  (n in d["held"]) <= 2, "object %d a third time" % n)
        return "%d objects so far" % len(d["wants"])

    def unknown(self, c, number):
        d = self.step(number, 1, 1)
        out = numbers(c)
        check(0 < len(out) <= 256, "how many")
        check(self.source.disks[number].named.issuperset(out), "no file")
        d["unknown"].append(len(out))
        return "%d objects" % len(out)

    def signature(self, c, number):
        d = self.step(number, 1, 1)
        n = count = 0
        while c.left():
            n += c.zigzag()
            c.bytes(8)
            size, block, width = c.varint(), c.varint(), c.number("B")
            if width & 0x80:
                d["skeletons"].add(n)
                width &= 0x7f
            check(0 <= n < len(self.source.disks[number].objects), "object")
            check(n not in d["signatures"], "object %d again" % n)
            check(size and 64 <= block <= 1 << 26 and 1 <= width <= 8,
                  "shape")
            blocks = -(-size // block)
            check(blocks <= 1 << 17, "too many blocks")
            c.bytes(blocks * width)
            d["signatures"][n] = size
            d["blocks"][n] = block
            count += 1
        return "%d files" % count

    def list(self, c, number):
        """Reads the answer as well, which is there already."""
        d, source = self.step(number, 1, 1), self.source.disks[number]
        c.bytes(16)
        out = numbers(c)
        check(0 < len(out) <= 64, "how many")
        check(source.unparsed.issuperset(out), "what a parser understood")
        check(source.blocklists or self.source.ended == "FAIL",
              "was not answered")
        if not source.blocklists:
            return None
        answer = Cursor(source.blocklists.pop(0))
        check(answer.number("I") == len(out), "BLOCKLIST has another number")
        for n in out:
            check(n not in d["lists"], "object %d again" % n)
            head = answer.varint()
            check(head < wire.BLOCK_BYTES, "head")
            d["lists"][n] = max(source.sizes[n] - head,
                                0) // wire.BLOCK_BYTES
            answer.bytes(6 * d["lists"][n])
        answer.end()
        return "%d objects" % len(out)

    def held(self, c, number):
        d = self.step(number, 1, 1)
        n = count = 0
        while c.left():
            n += c.zigzag()
            check(n in d["lists"], "object %d was not listed" % n)
            check(n not in d["held"], "object %d again" % n)
            left, runs = d["lists"][n], []
            while left:
                runs.append(c.varint())
                check(runs[-1] <= left and (runs[-1] or not runs[1:]), "run")
                left -= runs[-1]
            d["held"][n] = sum(runs[::2]) * wire.BLOCK_BYTES
            count += 1
        return "%d objects" % count

    def want_end(self, _, number):
        d = self.step(number, 1, 2)
        source = self.source.disks[number]
        sent = {n: length // source.objects[n]
                for n, length in source.content.items()}
        check(not d["lefts"] & set(d["wants"]), "left and wanted")
        check(self.source.dry or sent == d["wants"] or self.source.ended == "FAIL",
              "what was sent is not what was wanted")
        check(set(source.recipes) == {*d["signatures"], *d["held"]} or
              self.source.ended == "FAIL",
              "the recipes are not those that were asked for")
        check(source.skeletons <= d["skeletons"] and
              (source.skeletons == d["skeletons"] or
               self.source.ended == "FAIL"), "skeletons of other objects")
        for n, held in d["held"].items():
            check(self.source.dry or self.source.ended == "FAIL" or
                  source.recipes[n][0] == held, "other blocks of %d" % n)
        for n, *bounds in source.copies:
            if n in d["blocks"]:
                check(all(at % d["blocks"][n] == 0 or at == d["signatures"][n]
                          for at in bounds), "copies half a block of %d" % n)
        check(not source.blocklists, "a BLOCKLIST that was not asked for")
        check(source.names == d["unknown"] or self.source.ended == "FAIL",
              "the names are not those that were asked for")

    def bulk_done(self, _, number):
        self.step(number, 2, 3)

    def name(self, kind, c, number):
        d = self.step(number, 3, 3)
        n = c.number("Q")
        length = self.source.disks[number].length(n)
        name = (kind, n, len(d["left"]))
        check(name not in d["named"], "a segment twice")
        d["named"].append(name)
        return n, length

    def differ(self, c, number):
        n, _ = self.name("DIFFER", c, number)
        c.end()
        check(n in self.source.disks[number].changed or
              ("BLOCKS", n) in [a[:2] for a in self.disks[number]["named"]],
              "before BLOCKS")
        return n

    def blocks(self, c, number):
        n, length = self.name("BLOCKS", c, number)
        if c.left():
            c.bytes(16 + 8 * -(-length // wire.BLOCK_BYTES))
            c.end()
        return n

    def pass_done(self, c, number):
        d = self.step(number, 3, 3)
        left = c.number("Q")
        c.end()
        check(left <= len({n for _, n, i in d["named"]
                           if i == len(d["left"])}), "more than named")
        d["left"].append(left)
        return left

    def placed(self, _, number):
        d = self.step(number, 3, 4)
        check(self.source.disks[number].stage == "placed", "not asked for")
        check(d["left"][-1] == 0, "after a difference")

    def taken(self, c, _):
        n = c.number("Q")
        c.end()
        check(self.taken_frames < n <= len(self.source.on_disk), "number")
        self.taken_frames = n
        return n

    def missed(self, c, _):
        n = c.number("Q")
        check(n == self.taken_frames, "of another frame")
        while c.left():
            check(c.number("I") < self.source.on_disk[n], "no such page")
            self.pages_missed += 1
        return "frame %d" % n

    def restoring(self, _, __):
        check("RESTORE" in self.source.counts, "not asked for")

    def compare(self):
        """What both directions together must tell."""
        for ask, answer in (("PROBED", "PROBE"), ("DISK", "DISK_OK"),
                            ("DATA_END", "BULK_DONE"), ("PLACE", "PLACED"),
                            ("PASS_END", "PASS_DONE"),
                            ("BALLAST", "BALLAST"),
                            ("RESTORE", "RESTORING")):
            check(self.source.counts.get(ask, 0) ==
                  self.counts.get(answer, 0),
                  "as many %s as %s" % (ask, answer))
        check(self.source.pages_sent == self.pages_missed,
              "as many PAGES as MISSED")
        check(self.taken_frames == len(self.source.on_disk),
              "all CODED are TAKEN")
        for n, d in self.disks.items():
            source = self.source.disks[n]
            check(d["witnessed"] == len(source.asked),
                  "disk %d: as many WITNESSED as WITNESS" % n)
            check(not d["doubtful"] or d["unlike"] == source.compared,
                  "disk %d: as many UNLIKE as COMPARED" % n)
            if self.source.dry:
                check(sum(d["left"]) == len(d["named"]), "disk %d: left" % n)
                continue
            self.compare_passes(n, d["named"], d["left"])

    def compare_passes(self, disk, named, left):
        """Names are answered in their order; PATCHes may come unasked.  Of
        what was named in a pass, that is left which was answered after its
        PASS_END."""
        late = [0] * len(left)
        # while it is in doubt, nothing is answered
        doubted = self.source.disks[disk].apart or 0
        named = [name for name in named if name[2] >= doubted]
        for kind, n, before in self.source.disks[disk].answers:
            if named and named[0][:2] == (kind, n):
                i = named.pop(0)[2]
                check(i <= before <= i + 1, "disk %d: segment %d is answered "
                      "in another pass" % (disk, n))
                late[i] += before > i
            else:
                check(kind == "BLOCKS", "a SEGMENT that was not asked for")
        check(not named, "disk %d: not answered: %s" % (disk, named[:9]))
        check(late[doubted:] == left[doubted:], "disk %d: left %s, sent %s" % (disk, left, late))


def main():
    source = Source(sys.argv[1], FROM_SOURCE)
    source.old_listing = None
    if len(sys.argv) > 3:
        with open(sys.argv[3], "rb") as f:
            source.old_listing = f.read().split(b"\0", 1)[1]
    with open(sys.argv[2], "rb") as f:
        reader = wire.Reader(f.read)
        reader.greeting()
        hello = next((f for f in iter(reader.frame, None)
                      if f.name == "HELLO"), None)
    source.proves = hello and "proof" in dict(wire.read_text(hello.payload))
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
