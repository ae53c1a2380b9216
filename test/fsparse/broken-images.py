#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""broken-images.py SEED: makes ./disk, a broken copy of one of ./ext.*,
./ntfs.* and ./table.*, and prints what has been changed in it.

What is changed are fields of what a parser follows, one to three of them, to
values that such a parser might not expect: an ext file system's superblock,
group descriptors, inodes, extents, directories and journal; an NTFS volume's
boot sector, records, attributes, lists of runs and index records; the entries
of partition tables.  The same seed makes the same image of the same files.
"""
import os
import random
import struct
import sys
import zlib


class Image:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.good = f.read()
        self.data = bytearray(self.good)

    def get(self, at, size):
        """What was there before anything was changed."""
        return int.from_bytes(self.good[at:at + size], "little")

    def put(self, what, at, size, value=None):
        """A field gets a value that somebody may have forgotten."""
        if at < 0 or at + size > len(self.data):
            return
        top = 1 << 8 * size
        old = self.get(at, size)
        if value is None:
            value = random.choice([
                0, 1, 2, top - 1, top - 2, top >> 1, (top >> 1) - 1, old + 1,
                old - 1, old * 2, old ^ 1 << random.randrange(8 * size),
                1 << random.randrange(8 * size), random.randrange(top),
                random.randrange(256)]) % top
        print(f"{what} at {at:#x}: {old:#x} becomes {value:#x}, {size} bytes")
        self.data[at:at + size] = value.to_bytes(size, "little")

    def scribble(self, what, at, size):
        """A few bytes of an area."""
        for _ in range(random.choice([1, 1, 2, 5])):
            self.put(what, at + random.randrange(max(1, size)), 1)


# Of the superblock: place, size.
SUPER = [(0, 4), (4, 4), (0x14, 4), (0x18, 4), (0x1c, 4), (0x20, 4),
         (0x24, 4), (0x28, 4), (0x38, 2), (0x3a, 2), (0x4c, 4), (0x54, 4),
         (0x58, 2), (0x5c, 4), (0x60, 4), (0x64, 4), (0xce, 2), (0xe0, 4),
         (0xe4, 4), (0xe8, 4), (0xfe, 2), (0x104, 4), (0x150, 4), (0x15c, 2),
         (0x15e, 2), (0x168, 8), (0x174, 1), (0x175, 1), (0x270, 4),
         (0x240, 4), (0x27c, 1)]
INODE = [(0, 2), (4, 4), (0x14, 4), (0x1a, 2), (0x1c, 4), (0x20, 4),
         (0x68, 4), (0x6c, 4), (0x74, 2), (0x76, 2), (0x80, 2)]


class Ext(Image):
    def __init__(self, path):
        super().__init__(path)
        sb = 1024
        self.block = 1024 << self.get(sb + 0x18, 4)
        self.inodes = self.get(sb, 4)
        self.per_group = self.get(sb + 0x28, 4)
        self.inode = self.get(sb + 0x58, 2)
        wide = self.get(sb + 0x60, 4) & 0x80
        self.descriptor = self.get(sb + 0xfe, 2) if wide else 32
        self.groups = self.inodes // self.per_group

    def descriptor_at(self, group):
        return (1024 // self.block + 1) * self.block + group * self.descriptor

    def inode_at(self, ino):
        table = self.get(self.descriptor_at((ino - 1) // self.per_group) + 8,
                         4)
        return table * self.block + (ino - 1) % self.per_group * self.inode

    def used(self, kind=None):
        """Inodes with a mode, of a kind."""
        return [i for i in range(1, min(self.inodes, 120))
                if self.get(self.inode_at(i), 2) and
                (kind is None or self.get(self.inode_at(i), 2) >> 12 == kind)]

    def block_of(self, ino):
        """Where its first block lies, in bytes."""
        at = self.inode_at(ino)
        if self.get(at + 0x20, 4) & 0x80000:
            while self.get(at + 0x28, 2) == 0xf30a:
                depth = self.get(at + 0x28 + 6, 2)
                if not depth:
                    return self.get(at + 0x28 + 12 + 8, 4) * self.block
                at = self.get(at + 0x28 + 12 + 4, 4) * self.block - 0x28
        return self.get(at + 0x28, 4) * self.block

    def superblock(self):
        self.put("superblock", *self.field(1024, SUPER))

    @staticmethod
    def field(base, fields):
        at, size = random.choice(fields)
        return base + at, size

    def group(self):
        at = self.descriptor_at(random.randrange(self.groups))
        self.put("descriptor", at + random.choice([0, 4, 8]), 4)
        self.put("descriptor", at + random.choice(
            [0xc, 0xe, 0x10, 0x12, 0x1c, 0x1e, 0x20, 0x24, 0x28]), 2)

    def an_inode(self):
        ino = random.choice(self.used())
        self.put(f"inode {ino}", *self.field(self.inode_at(ino), INODE))

    def extent(self):
        """In the inode or in the block that it leads to."""
        ino = random.choice(self.used(8) + self.used(4) + [8])
        at = self.inode_at(ino) + 0x28
        if self.get(at, 2) == 0xf30a and self.get(at + 6, 2) and \
                random.random() < 0.5:
            at = self.get(at + 12 + 4, 4) * self.block
        self.put(f"extents of {ino}", at + random.choice(
            [0, 2, 4, 6, 12, 12, 16, 18, 20, 24, 28, 30, 32]),
                 random.choice([2, 4]))

    def directory(self):
        ino = random.choice(self.used(4))
        at = start = self.block_of(ino)
        for _ in range(random.randrange(6)):
            step = self.get(at + 4, 2)
            if step < 8 or at + step >= start + self.block:
                break
            at += step
        self.put(f"directory {ino}", at + random.choice([0, 4, 6, 7, 8]),
                 random.choice([1, 2, 4]))

    def journal(self):
        at = self.block_of(8)
        self.put("journal", at + random.choice(
            [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44]), 4)

    def attributes(self):
        ino = random.choice(self.used())
        self.scribble(f"attributes of {ino}", self.inode_at(ino) + 0x80,
                      self.inode - 0x80)

    def inside(self):
        """What is kept in the inode itself."""
        ino = random.choice(self.used())
        self.scribble(f"content of {ino}", self.inode_at(ino) + 0x28, 60)

    ways = [superblock, superblock, superblock, group, group, an_inode,
            an_inode, extent, extent, directory, journal, attributes, inside]


BOOT = [(3, 8), (0xb, 2), (0xd, 1), (0xe, 2), (0x10, 1), (0x15, 1), (0x28, 8),
        (0x30, 8), (0x38, 8), (0x40, 1), (0x44, 1)]
RECORD = [(0, 4), (4, 2), (6, 2), (0x10, 2), (0x12, 2), (0x14, 2), (0x16, 2),
          (0x18, 4), (0x1c, 4), (0x20, 8), (0x28, 2)]
COMMON = [(0, 4), (4, 4), (8, 1), (9, 1), (0xa, 2), (0xc, 2), (0xe, 2)]
RESIDENT = COMMON + [(0x10, 4), (0x14, 2), (0x16, 1)]
SPREAD = COMMON + [(0x10, 8), (0x18, 8), (0x20, 2), (0x22, 2), (0x28, 8),
                   (0x30, 8), (0x38, 8)]


class Ntfs(Image):
    def __init__(self, path):
        super().__init__(path)
        self.cluster = self.get(0xb, 2) * self.get(0xd, 1)
        self.mft = self.get(0x30, 8) * self.cluster
        self.record = 1024
        self.records = [
            at for at in range(self.mft, self.mft + 100 * self.record,
                               self.record)
            if self.data[at:at + 4] == b"FILE" and self.get(at + 0x16, 2) & 1]

    def boot(self):
        self.put("boot sector", *Ext.field(0, BOOT))

    def some_record(self):
        return random.choice([random.choice(self.records[:12]),
                              random.choice(self.records)])

    def a_record(self):
        at = self.some_record()
        self.put(f"record {(at - self.mft) // self.record}",
                 *Ext.field(at, RECORD))

    def attributes_of(self, record):
        at, found = record + self.get(record + 0x14, 2), []
        end = record + min(self.get(record + 0x18, 4), self.record) - 8
        while at < end and self.get(at, 4) != 0xffffffff:
            found.append(at)
            if not self.get(at + 4, 4):
                break
            at += self.get(at + 4, 4)
        return found or [record + 0x38]

    def attribute(self):
        record = self.some_record()
        at = random.choice(self.attributes_of(record))
        self.put(f"attribute of record {(record - self.mft) // self.record}",
                 *Ext.field(at, SPREAD if self.data[at + 8] else RESIDENT))

    def value(self):
        record = self.some_record()
        at = random.choice(self.attributes_of(record))
        self.put("value", at + 0x18 + random.randrange(0, 0x50, 2),
                 random.choice([1, 2, 4]))

    def runs(self):
        spread = [(r, a) for r in random.sample(
            self.records, min(12, len(self.records)))
                  for a in self.attributes_of(r) if self.data[a + 8]]
        if not spread:
            return
        record, at = random.choice(spread)
        self.scribble(f"runs of record {(record - self.mft) // self.record}",
                      at + self.get(at + 0x20, 2), 8)

    def index(self):
        found, at = [], self.data.find(b"INDX")
        while at >= 0 and len(found) < 50:
            found.append(at)
            at = self.data.find(b"INDX", at + 512)
        if found:
            self.put("index", random.choice(found) + random.choice(
                [0, 4, 6, 0x18, 0x1c, 0x20, 0x24, 0x48, 0x4a, 0x50]),
                     random.choice([2, 4]))

    def mirror(self):
        at = self.get(0x38, 8) * self.cluster
        self.scribble("mirror", at, 4 * self.record)

    ways = [boot, boot, a_record, a_record, attribute, attribute, attribute,
            value, runs, runs, index, mirror]


class Table(Image):
    def is_gpt(self):
        return self.data[512:520] == b"EFI PART"

    def entry(self):
        at = 446 + 16 * random.randrange(4)
        self.put("entry", at + random.choice([0, 4, 8, 12]),
                 random.choice([1, 4]))

    def header(self):
        if not self.is_gpt():
            self.entry()
            return
        self.put("GPT header", 512 + random.choice(
            [0, 8, 12, 24, 32, 40, 48, 72, 80, 84]), 4)

    def gpt_entry(self):
        if not self.is_gpt():
            self.entry()
            return
        self.put("GPT entry", 1024 + 128 * random.randrange(3) +
                 random.choice([0, 32, 32, 40, 40, 48]), 8)

    def signature(self):
        self.put("signature", 510, 2)

    def sum_up(self):
        """Checksums that are right again, else nobody looks any further."""
        count, size = struct.unpack_from("<II", self.data, 512 + 80)
        entries = min(count, 128) * min(size, 128)
        self.put("sum", 512 + 88, 4, zlib.crc32(
            self.data[1024:1024 + entries]))
        head = self.data[512:512 + 92]
        head[16:20] = bytes(4)
        self.put("sum", 512 + 16, 4, zlib.crc32(head))

    ways = [entry, entry, header, header, gpt_entry, gpt_entry, signature]


def main():
    random.seed(sys.argv[1])
    kinds = {"ext": Ext, "ntfs": Ntfs, "table": Table}
    kind = random.choice(["ext", "ext", "ext", "ntfs", "ntfs", "table"])
    name = random.choice(sorted(
        n for n in os.listdir(".") if n.startswith(kind + ".")))
    print(f"a copy of {name}")
    image = kinds[kind](name)
    for _ in range(random.choice([1, 1, 2, 3])):
        random.choice(image.ways)(image)
    if kind == "table" and image.is_gpt() and random.random() < 0.8:
        image.sum_up()
    if random.random() < 0.05:
        del image.data[random.randrange(len(image.data)):]
        print(f"cut off at {len(image.data)}")
    with open("disk", "wb") as f:
        f.write(image.data)


main()
