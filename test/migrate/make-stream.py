#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a stream as libxl saves a guest by, made up after the two
specifications (docs/specs of the Xen tree), not after plugin/.

  make-stream.py [--seed N] [--pages N] [--rounds N] [--disk IMAGE] KIND

KIND  pv, hvm, pvh: every record that such a guest may have
      checkpointed: as pvh, in two checkpoints
      strange: pvh, with records, lengths and page types that nobody defined
      libxc-4, libxl-3, big-endian, noise: what nobody can follow
Also the module by which fake-xl.py writes its memory."""
import argparse
import random
import struct
import sys

PAGE = 4096
(END, PAGE_DATA, PV_INFO, PV_P2M, VCPU_BASIC, VCPU_EXTENDED, VCPU_XSAVE,
 SHARED_INFO, TSC_INFO, HVM_CONTEXT, HVM_PARAMS, TOOLSTACK, VCPU_MSRS, VERIFY,
 CHECKPOINT, DIRTY_LIST, STATIC_END, CPUID, MSR) = range(19)
(XL_END, XL_LIBXC, XL_STORE, XL_EMULATOR, XL_CHECKPOINT_END,
 XL_CHECKPOINT_STATE) = range(6)
BROKEN, XALLOC, XTAB = 0xd, 0xe, 0xf


def record(kind, body=b""):
    return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)


class Guest:
    def __init__(self, seed=1, pages=2000, disk=None):
        self.random = random.Random(seed)
        self.disk = disk or b""
        self.memory = [self.content() for _ in range(pages)]
        self.types = [self.kind() for _ in range(pages)]
        self.hot = set(self.random.sample(range(pages), pages // 20))

    def kind(self):
        dice = self.random.random()
        return (XTAB if dice < 0.02 else XALLOC if dice < 0.03 else
                BROKEN if dice < 0.031 else
                self.random.choice((1, 2, 3, 4, 9, 10, 11, 12))
                if dice < 0.06 else 0)

    def content(self):
        r = self.random
        dice = r.random()
        if dice < 0.35:
            return bytes(PAGE)
        if dice < 0.40:
            return r.randbytes(8) * (PAGE // 8)
        if dice < 0.45 and getattr(self, "memory", None):
            return r.choice(self.memory)
        if dice < 0.75 and len(self.disk) >= PAGE:
            at = r.randrange(len(self.disk) // PAGE) * PAGE
            return self.disk[at:at + PAGE]
        if dice < 0.85:
            words = [b"%d %s" % (r.randrange(99), w) for w in
                     (b"page", b"guest", b"stream", b"record")]
            return b" ".join(r.choice(words) for _ in range(900))[:PAGE] \
                .ljust(PAGE, b".")
        return r.randbytes(PAGE)

    def dirty(self):
        """The guest runs on; the pages it wrote."""
        r = self.random
        wrote = {p for p in self.hot if r.random() < 0.7}
        wrote |= {r.randrange(len(self.memory)) for _ in range(20)}
        for p in wrote:
            page = bytearray(self.memory[p])
            for _ in range(r.randrange(1, 12)):
                at = r.randrange(PAGE - 16)
                page[at:at + 16] = r.randbytes(r.randrange(1, 17)).ljust(16)
            self.memory[p] = bytes(page) if r.random() < 0.8 else \
                self.content()
        return sorted(wrote)

    def page_data(self, numbers, batch=1024):
        out = []
        for i in range(0, len(numbers), batch):
            some = numbers[i:i + batch]
            body = struct.pack("<II", len(some), 0)
            body += b"".join(struct.pack("<Q", self.types[p] << 60 | p)
                             for p in some)
            body += b"".join(self.memory[p] for p in some
                             if self.types[p] < BROKEN)
            out.append(record(PAGE_DATA, body))
        return b"".join(out)


def vcpus(r, kind, least=0):
    return b"".join(record(kind, struct.pack("<II", n, 0) +
                           r.randbytes(8 * r.randrange(least, 200)))
                    for n in range(2))


def tail(r, kind):
    """What follows the memory inside the libxc stream."""
    tsc = record(TSC_INFO, struct.pack("<IIQII", 1, 2400000, 99, 0, 0))
    if kind == "pv":
        return tsc + record(SHARED_INFO, r.randbytes(PAGE)) + \
            b"".join(vcpus(r, k, 1) for k in (VCPU_BASIC, VCPU_EXTENDED,
                                              VCPU_XSAVE, VCPU_MSRS))
    params = struct.pack("<II", 3, 0) + r.randbytes(48)
    return tsc + record(HVM_PARAMS, params) + \
        record(HVM_CONTEXT, r.randbytes(r.randrange(1, 9000)))


def static(r, kind, version):
    out = record(PV_INFO, struct.pack("<BBHI", 8, 4, 0, 0)) \
        if kind == "pv" else b""
    if version < 3:
        return out
    return out + record(CPUID, r.randbytes(24 * 20)) + \
        record(MSR, r.randbytes(16 * 3)) + record(STATIC_END)


def rounds(guest, kind, n):
    everything = list(range(len(guest.memory)))
    yield guest.page_data(everything)
    for _ in range(n):
        yield guest.page_data(guest.dirty())
    if kind == "strange":
        r = guest.random
        yield record(0x80000000 + r.randrange(99), r.randbytes(77))
        yield record(VERIFY) + guest.page_data(everything[:50])
        yield record(DIRTY_LIST, r.randbytes(80))
        yield record(TOOLSTACK, r.randbytes(13))
        yield record(PAGE_DATA, b"")
        yield record(PAGE_DATA, r.randbytes(5))
        yield record(PAGE_DATA, struct.pack("<II", 0, 0))
        yield record(PAGE_DATA, struct.pack("<II", 1 << 31, 0) +
                     r.randbytes(99))
        # as many bytes as no list of types explains, and reserved bits
        yield record(PAGE_DATA, struct.pack("<IIQ", 1, 7, 5) +
                     r.randbytes(4000))
        yield record(PAGE_DATA, struct.pack("<IIQQ", 2, 0, 6 << 60 | 5,
                                            1 << 55 | 6) + bytes(8192))
        yield record(PAGE_DATA, struct.pack("<IIQ", 1, 0, XTAB << 60 | 9))
        yield guest.page_data(everything[:70], 1)


def stream(kind, seed=1, pages=2000, n=3, disk=None):
    guest = Guest(seed, pages, disk)
    r = guest.random
    if kind == "noise":
        yield r.randbytes(pages * PAGE)
        return
    version = 4 if kind == "libxc-4" else r.choice((2, 3))
    big = kind == "big-endian"
    yield b"LibxlFmt" + struct.pack(">II", 3 if kind == "libxl-3" else 2,
                                    int(big))
    yield record(XL_LIBXC)
    yield b"\xff" * 8 + struct.pack(">IIHHI", 0x58454e46, version, int(big),
                                    0, 0)
    yield struct.pack("<IHHII", 1 if kind == "pv" else 2, 12, 0, 4, 17)
    yield static(r, kind, version)
    if kind == "pv":
        yield record(PV_P2M, struct.pack("<II", 0, pages - 1) +
                     r.randbytes(8 * (pages // 512 + 1)))
    yield from rounds(guest, kind, n)
    yield tail(r, kind)
    if kind == "checkpointed":
        yield record(CHECKPOINT)
        yield record(XL_STORE, struct.pack("<II", 2, 0) + b"a\0b\0")
        yield record(XL_CHECKPOINT_STATE, struct.pack("<II", 0, 0))
        yield record(XL_CHECKPOINT_END)
        yield guest.page_data(guest.dirty()) + tail(r, kind)
    yield record(END)
    if kind == "strange":
        yield record(0x80000007, r.randbytes(3))
    if kind == "hvm":
        yield record(XL_STORE, struct.pack("<II", 2, 0) +
                     b"key\0value\0" * 9)
        yield record(XL_EMULATOR, struct.pack("<II", 2, 0) +
                     r.randbytes(3001))
    yield record(XL_END)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--disk")
    parser.add_argument("kind")
    a = parser.parse_args()
    disk = None
    if a.disk:
        with open(a.disk, "rb") as f:
            disk = f.read()
    for piece in stream(a.kind, a.seed, a.pages, a.rounds, disk):
        sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    main()
