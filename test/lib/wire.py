# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/protocol.md in Python, for tests: written from that page, not from
plugin/.  What it sends is never compressed; for what it reads it needs
libzstd, which xl-dedup needs anyway."""
import ctypes
import os
import struct
import subprocess
import tempfile

MAGIC = b"XL-DEDUP"
VERSION = 3
NO_DISK = 0xffff
OPTIONAL = 0x8000
WIRE_MAX = 2 << 20
RAW_MAX = (1 << 20) + (64 << 10)
SEGMENT_BYTES = 1 << 20
BLOCK_BYTES = 4096
ZERO_DIGEST = bytes(32)         # of a segment that is all zero
PATCH_ZERO = 1 << 31
ROUND_BYTES = 128 << 20         # of DELTAs between two PASS_ENDs
ROUND_RECORDS = 65536
WINDOW_LOG_MAX = 27

TYPES = dict(
    HELLO=1, FAIL=2, XL=3, MEMORY=4, MEMORY_END=5, MEMORY_KEY=6,
    CODED=7, TAKEN=8, MISSED=9, PAGES=10, DISK=16, DISKS_END=17,
    PROBE=18, PROBED=19, DISK_OK=20, BALLAST=21, CHALLENGE=22,
    MANIFEST=32, MANIFEST_END=33, WANT=34,
    WANT_END=35, DATA=36, DATA_END=37, BULK_DONE=38, LEFT=39,
    FREIGHT=40, UNKNOWN=41, NAMES=42, SIGNATURE=43, RECIPE=44, LIST=45,
    BLOCKLIST=46, HELD=47, SEGMENTS=48, PASS_END=49, DIFFER=50,
    PASS_DONE=51, SEGMENT=52, BLOCKS=53, PATCH=54, COMPARED=55, DELTA=56,
    LISTING=57, WITNESS=58, WITNESSED=59, UNLIKE=60, APART=61, PLACE=64, PLACED=65, RESTORE=66, RESTORING=67, BYE=68,
    ALIVE=0x8001)
NAMES = {number: name for name, number in TYPES.items()}


class Broken(Exception):
    """The peer, or a recording, does not follow docs/protocol.md."""


def digest(data):
    """BLAKE3 as b3sum has it, which is another implementation than ours."""
    return subprocess.run(["b3sum", "--raw", "--no-names"], input=data,
                          stdout=subprocess.PIPE, check=True).stdout


def keyed(key, data):
    """The same with a key."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        return subprocess.run(["b3sum", "--keyed", "--raw", f.name], input=key,
                              stdout=subprocess.PIPE, check=True).stdout


def secret_name(secret):
    return keyed(secret, b"name\0")[:8]


def proof(secret, nonce, *strings):
    """strings: the disk's uuid, vdev and path"""
    said = b"".join(s.encode() + b"\0" for s in strings)
    return keyed(secret, b"proof\0" + nonce + said)


def siphash(key, data):
    """SipHash-2-4, 8 bytes."""
    mask = (1 << 64) - 1
    k0, k1 = struct.unpack("<QQ", key)
    a, b = k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d
    c, d = k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573

    def rounds(n):
        nonlocal a, b, c, d
        for _ in range(n):
            a = a + b & mask
            b = (b << 13 | b >> 51) & mask ^ a
            a = (a << 32 | a >> 32) & mask
            c = c + d & mask
            d = (d << 16 | d >> 48) & mask ^ c
            a = a + d & mask
            d = (d << 21 | d >> 43) & mask ^ a
            c = c + b & mask
            b = (b << 17 | b >> 47) & mask ^ c
            c = (c << 32 | c >> 32) & mask

    tail = len(data) % 8
    padded = data[:len(data) - tail] + data[len(data) - tail:].ljust(
        7, b"\0") + bytes([len(data) & 255])
    for word in struct.unpack("<%dQ" % (len(padded) // 8), padded):
        d ^= word
        rounds(2)
        a ^= word
    c ^= 255
    rounds(4)
    return struct.pack("<Q", a ^ b ^ c ^ d)


assert siphash(bytes(range(16)), bytes(range(15))) == \
    struct.pack("<Q", 0xa129ca6149be45e5)   # from the paper


PRIME = (1 << 61) - 1


def whitened(key, h, width):
    mask = (1 << 64) - 1
    h = h + struct.unpack("<Q", key)[0] & mask
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9 & mask
    h = (h ^ h >> 27) * 0x94d049bb133111eb & mask
    return (h ^ h >> 31) >> 64 - 8 * width


def polynomial(key, data, width):
    """The hash of a signature."""
    last = struct.unpack("<Q", key)[0]
    base = (last & PRIME | 1 << 60) % PRIME
    h = 0
    for byte in data:
        h = (h * base + byte + 1) % PRIME
    return whitened(key, h, width)


# Building

def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def zigzag(n):
    return varint((n << 1 ^ n >> 63) & (1 << 64) - 1)


def greeting(version=VERSION, revision=0, features=0):
    return MAGIC + struct.pack("<HHH", version, revision, features) + b"\r\n"


def frame(name, disk=NO_DISK, payload=b""):
    number = name if isinstance(name, int) else TYPES[name]
    return struct.pack("<HHII", number, disk, len(payload), 0) + payload


def text(*pairs, **values):
    pairs = pairs + tuple(values.items())
    return b"".join(b"%s=%s\0" % (str(key).encode(), str(value).encode())
                    for key, value in pairs)


def manifest(first, objects, count=None, kind=0):
    """objects: (digest, size, [(logical, physical, length) ...])"""
    out = struct.pack("<QI", first, len(objects) if count is None else count)
    physical = 0
    for short, size, extents in objects:
        out += short[:16] + varint(size) + varint(4 * len(extents) + kind)
        end = 0
        for extent in extents:
            out += varint(extent[0] - end) + zigzag(extent[1] - physical)
            out += varint(extent[2])
            end = extent[0] + extent[2]
            physical = extent[1] + extent[2]
    return out


def numbers(values, count=None):
    """The payload of WANT."""
    out = struct.pack("<I", len(values) if count is None else count)
    previous = 0
    for value in values:
        out += zigzag(value - previous)
        previous = value
    return out


def resemblance(key, content, window=32, values=8):
    """What NAMES shows of an object under the target's key."""
    base = (struct.unpack("<Q", key)[0] & PRIME | 1 << 60) % PRIME
    power, h, hashes = pow(base, window, PRIME), 0, set()
    for at, byte in enumerate(content):
        h = h * base + byte + 1
        if at >= window:
            h -= (content[at - window] + 1) * power
        h %= PRIME
        if at >= window - 1:
            hashes.add(h)
    least = [whitened(key, h, 4) for h in sorted(hashes)[:values]]
    return least + [0] * (values - len(least))


def names(*values, count=None, shown=None):
    """shown: eight numbers that prove what is held, of each that has a name"""
    out = struct.pack("<I", len(values) if count is None else count)
    previous = b""
    for value in values:
        shared = len(os.path.commonprefix([previous, value]))
        out += varint(shared) + varint(len(value) - shared) + value[shared:]
        previous = value
        if shown and value:
            out += struct.pack("<8I", *shown)
    return out


def signature(number, content, block=512, width=6, key=bytes(range(8)),
              code=False):
    """One file.  code: shows its skeleton."""
    content = skeleton(content)[0] if code else content
    hashes = [polynomial(key, content[at:at + block], width)
              for at in range(0, len(content), block)]
    return zigzag(number) + key + varint(len(content)) + varint(block) + \
        bytes([width | 0x80 * code]) + b"".join(h.to_bytes(width, "little")
                                  for h in hashes)


def recipe(number, *records, end=None, operands=None):
    """records: bytes, or (offset, length); end: the content, or its digest;
    operands: of what they belong to, records are of the skeleton"""
    out, last = struct.pack("<Q", number), 0
    if operands is not None:
        out = struct.pack("<Q", number | CODE) + \
            varint(len(operands) // 4) + operands
    for r in records:
        if isinstance(r, bytes):
            out += varint(len(r) << 1) + r
        else:
            out += varint(r[1] << 1 | 1) + zigzag(r[0] - last)
            last = r[0] + r[1]
    if end is not None:
        out += varint(0) + digest(end)[:16]
    return out


CODE = 1 << 63                  # in the number of an object
LOADS = b"\x89\x8b\x8d\x3b"


def distances(data, offset):
    """The bytes of a program of which these, in it from offset on, are code
    that has places."""
    data, i = bytearray(data), 0
    while i + 7 <= len(data):
        if data[i] == 0xe8:
            at = i + 1
        elif data[i] in b"\x48\x4c" and data[i + 1] in LOADS and \
                data[i + 2] & 0xc7 == 5:
            at = i + 3
        else:
            i += 1
            continue
        i = at + 4
        f = (offset + i) % (1 << 28)
        v = struct.unpack_from("<i", data, at)[0]
        if -f <= v < 1 << 28:
            struct.pack_into("<i", data, at, v - f if v >= 0 else
                             v + (1 << 28))
    return bytes(data)


MARK = b"\x7f" * 4


def operand_at(data, i):
    """Where an operand would begin whose opcode is at i."""
    if data[i] in (0xe8, 0xe9) or data[i] & 0xc7 == 5:
        return i + 1
    if data[i] == 0x0f and data[i + 1] & 0xf0 == 0x80:
        return i + 2
    return None


def skeleton(content):
    """Takes content apart."""
    data, operands, i = bytearray(content), b"", 0
    while i + 6 <= len(data):
        at = operand_at(data, i)
        if at:
            v = struct.unpack_from("<i", data, at)[0]
            to = at + 4 + v
            if data[at:at + 4] == MARK or abs(v) >= 4096 and \
                    0 <= to < len(data) + (1 << 20):
                operands += struct.pack("<I", to & (1 << 32) - 1)
                data[at:at + 4] = MARK
                i = at + 3
        i += 1
    return bytes(data), operands


def joined(data, operands):
    """The way back."""
    data, operands, i = bytearray(data), Cursor(operands), 0
    while i + 6 <= len(data):
        at = operand_at(data, i)
        if at and data[at:at + 4] == MARK:
            v = operands.number("I") - at - 4
            data[at:at + 4] = struct.pack("<I", v & (1 << 32) - 1)
            i = at + 3
        i += 1
    operands.end()
    return bytes(data)


def blocklist(*lists, count=None):
    """lists: (head, [hash ...])"""
    return struct.pack("<I", len(lists) if count is None else count) + \
        b"".join(varint(head) + b"".join(hashes) for head, hashes in lists)


def listed(key, content, head=0):
    """The list of one object."""
    content = content[head:]
    out = []
    for at in range(0, len(content) - BLOCK_BYTES + 1, BLOCK_BYTES):
        block = content[at:at + BLOCK_BYTES]
        out.append(siphash(key, block)[:6] if any(block) else bytes(6))
    return head, out


def held(number, *runs):
    """One object; runs: of blocks that are held, and that are not, by
    turns."""
    return zigzag(number) + b"".join(varint(n) for n in runs)


def u64(n):
    return struct.pack("<Q", n)


def record(number, content):
    return struct.pack("<QI", number, len(content)) + content


def in_listing(name, payload):
    """A frame as it stands in a listing."""
    return struct.pack("<HI", TYPES[name], len(payload)) + payload


def run(first, digests=None, zeros=0):
    """One run of a SEGMENTS payload."""
    if digests is None:
        return struct.pack("<QIB", first, zeros, 1)
    return struct.pack("<QIB", first, len(digests), 0) + b"".join(digests)


def segment(number, content):
    return u64(number) + digest(content) + content


def block_hashes(key, content):
    known = {}
    blocks = [content[at:at + BLOCK_BYTES]
              for at in range(0, len(content), BLOCK_BYTES)]
    for block in blocks:
        if block not in known:
            known[block] = siphash(key, block)
    return b"".join(known[block] for block in blocks)


def blocks(number, content, key=bytes(range(16))):
    """What a target says of a segment that is not all zero there."""
    return u64(number) + key + block_hashes(key, content)


def patch(number, now, *records):
    """records: (offset, bytes), or (offset, number of zeros)."""
    out = u64(number) + now
    for offset, content in records:
        if isinstance(content, int):
            out += struct.pack("<II", offset, content | PATCH_ZERO)
        else:
            out += struct.pack("<II", offset, len(content)) + content
    return out


def delta(*records, said=None):
    """records: (offset in the disk, bytes or number of zeros)."""
    out, hashed = b"", b""
    for offset, data in records:
        if isinstance(data, int):
            header = struct.pack("<QI", offset, data | PATCH_ZERO)
            out += header
            hashed += header + bytes(data)
        else:
            header = struct.pack("<QI", offset, len(data))
            out += header + data
            hashed += header + data
    return (said or digest(hashed)) + out


# Reading

class Cursor:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def bytes(self, n):
        if n > self.left():
            raise Broken("the payload ends too early")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack("<" + form,
                             self.bytes(struct.calcsize("<" + form)))[0]

    def varint(self):
        value = 0
        for i in range(10):
            byte = self.bytes(1)[0]
            value |= (byte & 0x7f) << 7 * i
            if byte < 0x80:
                if value >> 64:
                    break
                return value
        raise Broken("a varint of more than 64 bits")

    def zigzag(self):
        n = self.varint()
        return n >> 1 ^ -(n & 1)

    def end(self):
        if self.left():
            raise Broken("%d bytes too many in the payload" % self.left())


def read_text(payload):
    if payload and payload[-1]:
        raise Broken("a text that is not ended by NUL")
    pairs = []
    for string in payload.split(b"\0")[:-1]:
        key, equals, value = string.partition(b"=")
        if not equals:
            raise Broken("a text without '='")
        pairs.append((key.decode(), value.decode()))
    return pairs


def read_message(payload):
    message = payload.decode()
    if "\n" in message or "\0" in message:
        raise Broken("a message of more than a line")
    return message


class Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer"""
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_size_t),
                ("pos", ctypes.c_size_t)]


class Decompressor:
    """The one zstd stream of a direction."""

    def __init__(self, prefix=None):
        self.zstd = ctypes.CDLL("libzstd.so.1")
        self.zstd.ZSTD_createDStream.restype = ctypes.c_void_p
        self.zstd.ZSTD_decompressStream.restype = ctypes.c_size_t
        self.zstd.ZSTD_decompressStream.argtypes = [
            ctypes.c_void_p, ctypes.POINTER(Buffer), ctypes.POINTER(Buffer)]
        self.zstd.ZSTD_DCtx_setParameter.argtypes = [
            ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
        self.stream = self.zstd.ZSTD_createDStream()
        self.zstd.ZSTD_DCtx_setParameter(self.stream, 100, WINDOW_LOG_MAX)
        self.prefix = prefix        # has to stay
        if prefix:
            self.zstd.ZSTD_DCtx_refPrefix.argtypes = [
                ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
            self.zstd.ZSTD_DCtx_refPrefix(self.stream, prefix, len(prefix))

    def piece(self, data, length):
        # room for a byte too many, or what is too long would not show
        room = ctypes.create_string_buffer(length + 1)
        out = Buffer(ctypes.cast(room, ctypes.c_char_p), length + 1, 0)
        source = Buffer(data, len(data), 0)
        while source.pos < source.size and out.pos < out.size:
            rc = self.zstd.ZSTD_decompressStream(
                self.stream, ctypes.byref(out), ctypes.byref(source))
            if self.zstd.ZSTD_isError(ctypes.c_size_t(rc)):
                raise Broken("damaged compression")
        if source.pos < source.size or out.pos != length:
            raise Broken("a piece that is not as long as announced")
        if rc == 0:
            raise Broken("the compressed stream ended")
        return room.raw[:length]

    def some(self, data, at):
        """At most 64 KiB of what comes of data from a place on, and where
        that ends.  Nothing: there is no more."""
        room = ctypes.create_string_buffer(1 << 16)
        out = Buffer(ctypes.cast(room, ctypes.c_char_p), 1 << 16, 0)
        source = Buffer(data, len(data), at)
        rc = self.zstd.ZSTD_decompressStream(
            self.stream, ctypes.byref(out), ctypes.byref(source))
        if self.zstd.ZSTD_isError(ctypes.c_size_t(rc)):
            raise Broken("damaged freight")
        return room.raw[:out.pos], source.pos


class Memory:
    """What CODED frames bring.  Pages on disk are not known here."""

    def __init__(self):
        self.unpack = {1: Decompressor(), 2: Decompressor()}
        self.slots = {}
        self.length = 0
        self.content = tempfile.TemporaryFile()
        self.known = True           # no page on disk so far
        self.counts = dict.fromkeys(range(8), 0)

    def bring(self, data):
        self.length += len(data)
        self.content.write(data)

    def digest(self):
        self.content.seek(0)
        return digest(self.content.read())

    def frame(self, payload):
        """Returns how many pages it brings by DISK."""
        c = Cursor(payload)
        packing, length = c.number("B"), c.number("I")
        content = c.bytes(c.left())
        if packing:
            if packing not in self.unpack or length > RAW_MAX:
                raise Broken("packing")
            content = self.unpack[packing].piece(content, length)
        elif len(content) != length:
            raise Broken("length of the content")
        c = Cursor(content)
        commands = Cursor(c.bytes(c.number("I")))
        start, self.slot, self.block, self.entry, blocks = \
            self.length, 0, 0, 0, 0
        while commands.left():
            word = commands.varint()
            count, op = word >> 3, word & 7
            if count > 16 << 20:
                raise Broken("count")
            self.counts[op] += 1 if op == 6 else count
            blocks += count if op == 5 else 0
            self.command(op, count, commands, c)
        c.end()
        if self.length - start > 16 << 20 or blocks > 1024:
            raise Broken("brings too much")
        return blocks

    def command(self, op, count, commands, data):
        if op == 0:
            self.bring(data.bytes(count))
        elif op == 1:
            self.entries(count, commands)
        elif op in (2, 3):
            word = commands.bytes(8) if op == 3 else bytes(8)
            self.bring(word * (512 * count))
        elif op == 5:
            commands.varint()
            self.block += commands.zigzag() + count
            if self.block < count:
                raise Broken("block")
            commands.bytes(8 * count)
            self.known = False
            self.length += 4096 * count
        else:
            slot = self.slot + commands.zigzag()
            n = 1 if op == 6 else count
            self.slot = slot + n
            if slot < 0 or self.slot > 1 << 18:
                raise Broken("slot")
            for i in range(slot, self.slot):
                if op == 7:
                    self.slots[i] = data.bytes(4096)
                elif op == 6:
                    self.change(i, Cursor(data.bytes(count)))
                if i not in self.slots:
                    raise Broken("empty slot")
                self.bring(self.slots[i])

    def entries(self, count, commands):
        while count > 0:
            first, n = self.entry + commands.zigzag(), commands.varint()
            if not 0 < n <= count:
                raise Broken("run of entries")
            count -= n
            self.entry = first + n
            self.bring(b"".join(u64(i & (1 << 64) - 1)
                                for i in range(first, first + n)))

    def change(self, slot, c):
        if slot not in self.slots:
            raise Broken("empty slot")
        page, at = bytearray(self.slots[slot]), 0
        while c.left():
            at += c.varint()
            n = c.varint()
            if at + n > 4096:
                raise Broken("difference outside the page")
            page[at:at + n] = c.bytes(n)
            at += n
        self.slots[slot] = bytes(page)


def compressed(data):
    """A zstd frame of its own, which is a stream as good as any."""
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_compressBound.restype = ctypes.c_size_t
    zstd.ZSTD_compress.restype = ctypes.c_size_t
    size = zstd.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    room = ctypes.create_string_buffer(size)
    n = zstd.ZSTD_compress(room, ctypes.c_size_t(size), data,
                           ctypes.c_size_t(len(data)), 3)
    return room.raw[:n]


def freight(*frames):
    return frame("FREIGHT", payload=compressed(b"".join(frames)))


class Frame:
    def __init__(self, number, disk, payload, on_wire):
        self.number = number
        self.name = NAMES.get(number, "type %d" % number)
        self.disk = disk
        self.payload = payload
        self.on_wire = on_wire


class Reader:
    """One direction.  read(n) gives at most n bytes, none at the end."""

    def __init__(self, read):
        self.read_some = read
        self.decompressor = Decompressor()
        self.freight = Decompressor()
        self.unpacked = b""

    def read(self, n, may_end=False):
        data = b""
        while len(data) < n:
            part = self.read_some(n - len(data))
            if not part:
                if may_end and not data:
                    return None
                raise Broken("ends in the middle of a frame")
            data += part
        return data

    def greeting(self):
        data = self.read(16)
        if data[:8] != MAGIC or data[9] or data[14:] != b"\r\n":
            raise Broken("no greeting")
        return struct.unpack("<HHH", data[8:14])

    def unpack(self, piece):
        at = 0
        while True:
            some, at = self.freight.some(piece, at)
            if not some and at == len(piece):
                return
            self.unpacked += some

    def unpacked_frame(self):
        if len(self.unpacked) < 12:
            return None
        number, disk, length, raw = struct.unpack("<HHII", self.unpacked[:12])
        if raw or length > RAW_MAX or number == TYPES["FREIGHT"]:
            raise Broken("freight that is no frame")
        if len(self.unpacked) < 12 + length:
            return None
        payload = self.unpacked[12:12 + length]
        self.unpacked = self.unpacked[12 + length:]
        return Frame(number, disk, payload, 0)

    def frame(self):
        """The next frame, or None at the end."""
        unpacked = self.unpacked_frame()
        if unpacked:
            return unpacked
        header = self.read(12, may_end=True)
        if header is None:
            return None
        number, disk, on_wire, raw = struct.unpack("<HHII", header)
        if on_wire > WIRE_MAX or max(raw, 0 if raw else on_wire) > RAW_MAX:
            raise Broken("a frame that is too long")
        payload = self.read(on_wire)
        if number == TYPES["FREIGHT"]:
            if raw or disk != NO_DISK:
                raise Broken("freight that is compressed, or of a disk")
            self.unpack(payload)
            return self.frame()
        if raw:
            payload = self.decompressor.piece(payload, raw)
        return Frame(number, disk, payload, 12 + on_wire)
