#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""random-image.py SEED KIND: makes ./disk, which may be damaged, and tells in
./parts what must be alike in a copy of it, one a line:

  ext START LENGTH    a file system, as e2fsck and debugfs see it
  ntfs START LENGTH   the same as ntfsprogs see it
  all START LENGTH    every byte

KIND: ext, ntfs (a damaged copy of one of ./ntfs.*) or table.  The noise is
./noise, so that what is free is not zero; files come from ./tree.
"""
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import zlib

MB = 1 << 20
LOG = open("made", "w")


def run(*argv, text=""):
    print("$", *argv, "<<", text.strip().replace("\n", "; "), file=LOG,
          flush=True)
    return subprocess.run(argv, input=text, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False).stdout


def fresh(size):
    with open("noise", "rb") as noise, open("disk", "wb") as disk:
        disk.write(noise.read(size))


def overwrite(where, data, path="disk"):
    print("overwrite", path, where, len(data), file=LOG, flush=True)
    with open(path, "r+b") as f:
        f.seek(where)
        f.write(data)


def damage(path, where, size):
    """Changes what lies there: to zeros, to noise, or in one bit."""
    with open(path, "rb") as f:
        f.seek(where)
        data = bytearray(f.read(size))
    if not data:
        return
    how = random.randrange(4)
    if how == 0:
        data = bytes(len(data))
    elif how == 1:
        data = random.randbytes(len(data))
    else:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    overwrite(where, data, path)


EXT_WAYS = [
    ["-t", "ext2"],
    ["-t", "ext2", "-O", "dir_index,^resize_inode"],
    ["-t", "ext3"],
    ["-t", "ext3", "-O", "uninit_bg"],
    ["-t", "ext4"],
    ["-t", "ext4", "-O", "^metadata_csum,^uninit_bg"],
    ["-t", "ext4", "-O", "^metadata_csum,uninit_bg"],
    ["-t", "ext4", "-O", "^metadata_csum,^flex_bg,^has_journal"],
    ["-t", "ext4", "-O", "meta_bg,^resize_inode"],
    ["-t", "ext4", "-O", "sparse_super2,^metadata_csum"],
    ["-t", "ext4", "-O", "bigalloc", "-C", "16384"],
    ["-t", "ext4", "-O", "inline_data,ea_inode", "-I", "256"],
    ["-t", "ext4", "-O", "mmp,quota"],
    ["-t", "ext4", "-O", "orphan_file"],
    ["-t", "ext4", "-O", "^64bit,^extent", "-E", "lazy_itable_init=1"],
]


def mke2fs(path, megabytes):
    block = random.choice(["1024", "1024", "2048", "4096"])
    run("mke2fs", "-q", "-F", *random.choice(EXT_WAYS), "-b", block,
        "-E", "nodiscard", "-g", random.choice(["2048", "4096", "8192"]),
        "-N", str(random.choice([128, 512, 2048])), "-d", "tree", path,
        f"{megabytes}M")


class Ext:
    """The file system in the file at path, which debugfs changes."""

    def __init__(self, path):
        self.path = path
        stats = run("debugfs", "-R", "stats -h", path)
        self.block = self.number(stats, "Block size", 1024)
        self.blocks = self.number(stats, "Block count", 1)
        self.inodes = self.number(stats, "Inode count", 16)
        self.groups = max(1, -(-self.blocks // max(1, self.number(
            stats, "Blocks per group", 8192))))

    @staticmethod
    def number(stats, name, default):
        found = re.search(name + r":\s+(\d+)", stats)
        return int(found.group(1)) or default if found else default

    def change(self, *commands):
        run("debugfs", "-w", "-f", "-", self.path, text="\n".join(commands))

    def paths(self):
        return ["/", "/d", "/many", "/kept", "/packed", "/d/deep", "/attr"] + [
            f"/many/{i}" for i in range(0, 100, 7)] + [
            "<7>", "<8>", "<2>", "<3>"]

    def some_path(self):
        return random.choice(self.paths())

    def some_blocks(self):
        """Of a path, of an attribute, or of a group's own."""
        if random.random() < 0.2:
            text = run("debugfs", "-R", "stats", self.path)
            found = re.findall(r"(?:bitmap|table) at (\d+)", text)
            return [int(random.choice(found))] if found else [1]
        path = self.some_path()
        if random.random() < 0.2:
            text = run("debugfs", "-R", f"stat {path}", self.path)
            found = re.search(r"File ACL: (\d+)", text)
            if found and int(found.group(1)):
                return [int(found.group(1))]
        text = run("debugfs", "-R", f"blocks {path}", self.path)
        return [int(b) for b in text.split() if b.isdigit()] or [1]

    def free_some(self):
        blocks = self.some_blocks()
        if random.random() < 0.5:
            blocks = blocks[:1]
        self.change(*[f"freeb {b}" for b in blocks[:200]])

    def keep_some(self):
        self.change(f"setb {random.randrange(self.blocks)}"
                    f" {random.randrange(1, 100)}")

    def damage_some(self):
        block = random.choice(self.some_blocks())
        damage(self.path, block * self.block, self.block)

    def damage_front(self):
        block = random.randrange(0, 12)
        damage(self.path, block * self.block, self.block)

    def damage_superblock(self):
        damage(self.path, 1024 + random.randrange(0, 256), 4)

    def damage_inode(self):
        ino = f"<{random.randrange(1, 80)}>"
        field = random.choice([
            "block[0]", "block[1]", "block[2]", "block[5]", "block[12]",
            "block[13]", "block[IND]", "file_acl", "links_count", "dtime",
            "size", "flags", "mode", "extra_isize"])
        value = random.choice([0, 0, 1, 2, random.randrange(self.blocks),
                               random.randrange(1 << 31)])
        self.change(f"sif {ino} {field} {value}")

    def damage_inode_map(self):
        self.change(random.choice(["clri", "freei", "freei", "seti"]) +
                    f" <{random.randrange(1, self.inodes)}>")

    def damage_group(self):
        group = random.randrange(self.groups)
        field, value = random.choice([
            ("free_blocks_count", random.randrange(1 << 12)),
            ("free_inodes_count", random.randrange(1 << 12)),
            ("block_bitmap", random.randrange(self.blocks)),
            ("inode_bitmap", random.randrange(self.blocks)),
            ("inode_table", random.randrange(self.blocks)),
            ("flags", random.randrange(8)),
            ("itable_unused", random.randrange(1 << 9)),
            ("checksum", random.randrange(1 << 16))])
        change = [f"set_bg {group} {field} {value}"]
        if random.random() < 0.6:
            change.append(f"set_bg {group} checksum calc")
        self.change(*change)

    def damage_state(self):
        self.change("ssv " + random.choice([
            "state 0", "state 2", "state 3", "free_blocks_count 77",
            "free_inodes_count 5", "last_orphan 12", "error_count 1",
            f"blocks_count {random.randrange(64, 64 + self.blocks)}",
            "reserved_gdt_blocks 3", "journal_inum 12", "first_ino 14",
            "mmp_block 900", "first_meta_bg 1", "desc_size 32"]))

    def change_feature(self):
        self.change("feature " + random.choice([
            "needs_recovery", "^has_journal", "-has_journal", "orphan_present",
            "shared_blocks", "-resize_inode", "-sparse_super", "-flex_bg",
            "-metadata_csum", "-extent", "read-only", "-dir_index"]))

    def damage_journal(self):
        """Something is to be replayed, although nothing else says so."""
        text = run("debugfs", "-R", "bmap <8> 0", self.path)
        if text.strip().isdigit() and int(text):
            overwrite(int(text) * self.block + 28, struct.pack(">I", 1),
                      self.path)

    def delete(self):
        self.change(f"rm {self.some_path()}")

    def hurt(self):
        ways = [self.free_some, self.free_some, self.free_some,
                self.keep_some, self.damage_some, self.damage_some,
                self.damage_front, self.damage_superblock, self.damage_inode,
                self.damage_inode, self.damage_inode_map, self.damage_group,
                self.damage_group, self.damage_state, self.change_feature,
                self.damage_journal, self.delete]
        for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
            random.choice(ways)()


def make_ext():
    megabytes = random.randrange(8, 20)
    fresh(megabytes * MB + random.choice([0, 0, 512, 5000]))
    mke2fs("disk", megabytes)
    if random.random() < 0.7:
        Ext("disk").change("rm /gone", "rm /many/50")
    Ext("disk").hurt()
    return [("ext", 0, os.path.getsize("disk"))]


def runs_of(record):
    """The clusters of one of the volume's files: from, count."""
    text = run("ntfsinfo", "-f", "-v", "-i", str(record), "disk")
    return [(int(a, 0), int(n, 0)) for a, n in re.findall(
        r"VCN: 0x\w+\s+LCN: (0x\w+)\s+Length: (0x\w+)", text)] or [
        (int(a, 0), 1) for a in re.findall(
            r"0x\w+\s+(0x[0-9a-f]+)\s+0x\w+", text)]


def clear_bits(cluster):
    """Clusters in use, which are not any more as the bitmap says."""
    lcn = random.choice(runs_of(random.choice([0, 1, 2, 5, 9, 10, 64, 70])) or
                        [(4, 1)])[0]
    bitmap = runs_of(6)
    if not bitmap:
        return
    where = bitmap[0][0] * cluster + lcn // 8
    with open("disk", "rb") as f:
        f.seek(where)
        old = f.read(1)[0]
    overwrite(where, bytes([old & ~(1 << lcn % 8)]))


def hurt_ntfs(cluster, size):
    for _ in range(random.choice([0, 1, 1, 2])):
        how = random.randrange(6)
        runs = runs_of(random.choice([0, 0, 1, 2, 5, 6, 6, 9]))
        if how <= 1:
            clear_bits(cluster)
        elif how <= 3 and runs:
            lcn, count = random.choice(runs)
            damage("disk", (lcn + random.randrange(max(1, count))) * cluster,
                   min(cluster, 1024))
        elif how == 4:
            overwrite(0x1e00, bytes.fromhex(
                "6b87083876c1484eb7ae04046e6cc752") + bytes(32) +
                struct.pack("<Q", random.choice([0, 0x4000])))
        else:
            damage("disk", random.randrange(size), 512)


def make_ntfs():
    name = random.choice(sorted(
        n for n in os.listdir(".") if n.startswith("ntfs.")))
    shutil.copyfile(name, "disk")
    size = os.path.getsize("disk")
    hurt_ntfs(int(name[5:]), size)
    return [("ntfs", 0, size)]


def mbr_entry(kind, start, length):
    return struct.pack("<8BII", 0, 0, 0, 0, kind, 0, 0, 0, start, length)


def mbr_sector(entries):
    table = b"".join(entries)
    return table + bytes(64 - len(table)) + b"\x55\xaa"


def place(parts, start, length):
    """A file system or somebody's data there; both in sectors."""
    if random.random() < 0.6:
        mke2fs("piece", max(6, length * 512 // MB))
        if os.path.exists("piece") and \
                os.path.getsize("piece") <= length * 512:
            with open("piece", "rb") as f:
                overwrite(start * 512, f.read())
            parts.append(("ext", start * 512, length * 512))
        if os.path.exists("piece"):
            os.unlink("piece")
    else:
        overwrite(start * 512, random.randbytes(65536))
        parts.append(("all", start * 512, length * 512))


def make_mbr(sectors):
    """Primary partitions and a chain of logical ones, anywhere."""
    parts, entries, tables = [], [], []
    tidy = random.random() < 0.4
    at = 2048
    for number in range(random.randrange(1, 4)):
        length = random.randrange(8, 12) * 2048
        start = at if tidy else random.randrange(64, sectors - length)
        if start + length > sectors:
            break
        at = start + length + 2048
        place(parts, start, length)
        entries.append(mbr_entry(random.choice([0x83, 0x83, 0x83, 0x8e, 7]),
                                 start, length))
    if random.random() < 0.5:
        start = at if tidy else random.randrange(64, sectors - 18000)
        if start + 18000 <= sectors:
            place(parts, start + 63, 9 * 2048 - 63)
            overwrite(start * 512 + 446, mbr_sector(
                [mbr_entry(0x83, 63, 9 * 2048 - 63)]))
            entries.append(mbr_entry(5, start, 9 * 2048))
            tables.append(("all", start * 512 + 446, 66))
    if random.random() < 0.1:
        overwrite((sectors - 1) * 512, b"PRIVHEAD")
        tables.append(("all", 0, sectors * 512))
    overwrite(446, mbr_sector(entries))
    tables.append(("all", 446, 66))
    return parts + tables


LINUX = bytes.fromhex("af3dc60f838472478e793d69d8477de4")


def gpt_header(mine, other, entries, sectors, crc):
    head = b"EFI PART" + struct.pack("<IIIIQQQQ", 0x10000, 92, 0, 0, mine,
                                     other, 34, sectors - 34)
    head += bytes(16) + struct.pack("<QIII", entries, 128, 128, crc)
    return head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]


def write_gpt(sectors, list_, backup=True, primary=True):
    table = b"".join(
        LINUX + random.randbytes(16) + struct.pack("<QQQ", s, s + n - 1, 0) +
        bytes(72) for s, n in list_)
    table += bytes(128 * 128 - len(table))
    crc = zlib.crc32(table)
    if primary:
        overwrite(512, gpt_header(1, sectors - 1, 2, sectors, crc) +
                  bytes(512 - 92) + table)
    if backup:
        overwrite((sectors - 33) * 512, table +
                  gpt_header(sectors - 1, 1, sectors - 33, sectors, crc) +
                  bytes(512 - 92))


def make_gpt(sectors):
    """A GPT; another partition may be known to its MBR or backup alone."""
    parts, list_ = [], []
    at = 2048
    for number in range(random.randrange(1, 3)):
        length = random.randrange(8, 12) * 2048
        list_.append((at, length))
        place(parts, at, length)
        at += length + 2048
    entries = [mbr_entry(0xee, 1, sectors - 1)]
    tables = []
    other = (random.randrange(2048, sectors - 5000), 4096)
    if random.random() < 0.6:
        overwrite(other[0] * 512, random.randbytes(4096 * 512))
        tables.append(("all", other[0] * 512, 4096 * 512))
        how = random.randrange(3)
        if how == 0:
            entries.append(mbr_entry(0x83, *other))
            write_gpt(sectors, list_)
        elif how == 1:
            write_gpt(sectors, list_, backup=False)
            write_gpt(sectors, [other], primary=False)
        else:
            write_gpt(sectors, list_ + [other])
    else:
        write_gpt(sectors, list_)
    overwrite(446, mbr_sector(entries))
    return parts + tables + [("all", 446, 34 * 512 - 446),
                             ("all", (sectors - 33) * 512, 33 * 512)]


def make_table():
    sectors = random.randrange(40, 48) * 2048
    fresh(sectors * 512)
    overwrite(0, bytes(68 * 512))
    overwrite((sectors - 34) * 512, bytes(34 * 512))
    return random.choice([make_mbr, make_mbr, make_gpt])(sectors)


def main():
    random.seed(sys.argv[1] + sys.argv[2])
    made = {"ext": make_ext, "ntfs": make_ntfs, "table": make_table}
    with open("parts", "w") as f:
        for part in made[sys.argv[2]]():
            print(*part, file=f)


main()
