#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An image without the blocks of 4 KiB that are all zero, and back.

    pack.py pack IMAGE PACKED
    pack.py unpack PACKED IMAGE

For programs that take no file as large as an image of mostly nothing.  What is
packed says all of the image: its size in 8 bytes, little endian, a bit for
each block, lowest first, that is set if the block is there, and these blocks.
"""
import os
import struct
import sys

BLOCK = 4096
AT_ONCE = 1024 * BLOCK
ZERO = bytes(BLOCK)


def spans(image, size):
    """(offset, bytes) of all of the image that is no hole"""
    at = 0
    while at < size:
        try:
            at = os.lseek(image, at, os.SEEK_DATA)
        except OSError:         # no more of it
            return
        at -= at % BLOCK
        data = os.pread(image, AT_ONCE, at)
        yield at, data
        at += len(data)


def pack(source, target):
    """The image SOURCE becomes TARGET."""
    image = os.open(source, os.O_RDONLY)
    size = os.fstat(image).st_size
    there = bytearray((size + BLOCK * 8 - 1) // (BLOCK * 8))
    with open(target, 'wb') as packed:
        packed.write(struct.pack('<Q', size))
        packed.write(there)
        for at, data in spans(image, size):
            for i in range(0, len(data), BLOCK):
                block = data[i:i + BLOCK]
                if block != ZERO[:len(block)]:
                    number = (at + i) // BLOCK
                    there[number // 8] |= 1 << number % 8
                    packed.write(block)
        packed.seek(8)
        packed.write(there)


def unpack(source, target):
    """What pack() made is an image again."""
    with open(source, 'rb') as packed, open(target, 'wb') as image:
        size, = struct.unpack('<Q', packed.read(8))
        there = packed.read((size + BLOCK * 8 - 1) // (BLOCK * 8))
        image.truncate(size)
        for number in range((size + BLOCK - 1) // BLOCK):
            if there[number // 8] >> number % 8 & 1:
                image.seek(number * BLOCK)
                image.write(packed.read(min(BLOCK, size - number * BLOCK)))


if __name__ == '__main__':
    if len(sys.argv) != 4 or sys.argv[1] not in ('pack', 'unpack'):
        sys.exit(__doc__)
    {'pack': pack, 'unpack': unpack}[sys.argv[1]](*sys.argv[2:])
