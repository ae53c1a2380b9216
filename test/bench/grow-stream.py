#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the recorded stream of a small guest into that of a larger one.

  grow-stream.py STREAM COPIES

Writes to standard output STREAM, as `xl save` leaves it (with or without xl's
own header), in which every PAGE_DATA record is followed by COPIES - 1 like it,
for other page numbers, with every page changed by a pattern of its copy.  So
the copies pack as the first one does, but repeat nothing of it and lie on no
disk.  Pages of zeros stay so."""
import struct
import sys

PAGE = 4096
PAGE_DATA = 1
XL_MAGIC = b"Xen saved domain, xl format\n \0 \r"
DATA_TYPES = (0xd, 0xe, 0xf)        # of pages that have no content


def shifted(body, copy):
    count = struct.unpack_from("<I", body)[0]
    entries = struct.unpack_from("<%dQ" % count, body, 8)
    out = [body[:8], struct.pack("<%dQ" % count, *(
        e + (copy << 24) for e in entries))]
    at = 8 + 8 * count
    pattern = int.from_bytes(bytes([copy] * PAGE), "little")
    for e in entries:
        if e >> 60 in DATA_TYPES:
            continue
        page = body[at:at + PAGE]
        at += PAGE
        if page.count(0) != PAGE:
            page = (int.from_bytes(page, "little") ^ pattern).to_bytes(
                PAGE, "little")
        out.append(page)
    return b"".join(out)


def main():
    data = memoryview(open(sys.argv[1], "rb").read())
    copies = int(sys.argv[2])
    out = sys.stdout.buffer
    at = 0
    if data[:len(XL_MAGIC)] == XL_MAGIC:
        at = 48 + struct.unpack_from("<I", data, 44)[0]
    # libxl's header, its first record's header, libxc's two headers
    start = at + 16 + 8 + 24 + 16
    out.write(data[at:start])
    at = start
    while True:
        kind, length = struct.unpack_from("<II", data, at)
        end = at + 8 + (length + 7 & ~7)
        out.write(data[at:end])
        if kind == PAGE_DATA:
            for copy in range(1, copies):
                body = shifted(bytes(data[at + 8:at + 8 + length]), copy)
                out.write(struct.pack("<II", kind, length) + body +
                          bytes(-length % 8))
        at = end
        if kind == 0:
            break
    out.write(data[at:])


main()
