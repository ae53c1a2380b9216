#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the seeds of the fuzz targets, from what is valid:
#
#   seeds.py CORPUS [TARGET]...     writes CORPUS/TARGET/NAME
#
# What these names are not (what fuzzing found) stays as it is.
import os
import struct
import sys
import tempfile

seeds = {}


def seeds_of(target):
    """Decorates a function that yields (name, bytes)."""
    def add(function):
        seeds[target] = function
        return function
    return add


@seeds_of('configuration')
def configuration():
    yield 'all', (b'# all keys\nreference = /srv/images/*.img\n'
                  b'  reference=/dev/vg/lv0\nstate = /var/lib/xl-dedup\n'
                  b'trace-buffer = 1048576\nremind = 14\nindex-wait = 60 # s\n')
    yield 'bare', b'\n\n# nothing\n   \nstate = /s'
    yield 'numbers', (b'remind = 36501\n')
    yield 'relative', b'reference = images/*\n'
    yield 'nul', b'state = /a\0b\nreference\n'


def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def zigzag(n):
    return varint(n << 1 if n >= 0 else (-n << 1) - 1)


@seeds_of('index-record')
def index_record():
    ids = struct.pack('<II', 7, 3)
    image = (bytes([2, 3]) + struct.pack('<6Q', 1 << 30, 42, 10 ** 18,
                                         10 ** 18 + 1, 0, 5) + bytes(16) +
             struct.pack('<4Q', 1700000000, 9, 8, 123456) +
             b'/srv/images/a.img\0')
    yield 'image', b'\0' + ids + image
    extents = (varint(0) + zigzag(4096) + varint(100) +
               varint(50) + zigzag(-2048) + varint(850))
    yield 'object', (b'\1' + ids + bytes(range(16)) + varint(1000) +
                     varint(2) + extents + b'/boot/initrd.img-6.1.0-17\0\0')
    yield 'inline', (b'\1' + ids + bytes(16) + varint(5) + varint(0) +
                     b'hello' + b'/etc/x\0stream\0')
    yield 'bad-check', b'\3' + ids + bytes(40)


def record(kind, *parts):
    return bytes([kind]) + b''.join(parts)


def text(s):
    return bytes([len(s)]) + s


@seeds_of('regions')
def regions():
    def places(*n):
        return struct.pack('<%dH' % len(n), *n)
    head = b'\0' + struct.pack('<H', 64) + b'\2\0\1'
    partition = record(1, b'\1', places(8, 100), text(b'gpt'), text(b'x'),
                       text(b'ext4'), text(b''))
    file = record(2, b'\0\0\5\0', places(20), text(b''))
    extents = record(3, b'\2', places(0, 10, 4), places(8, 30, 12))
    over = record(3, b'\1', places(0, 12, 12))
    free = record(10, b'\0', places(60, 8)) + record(10, b'\0', places(80, 4))
    end = b'\6\0'
    yield 'file', (head + partition + record(7, b'\0') + file + extents +
                   file + over + record(4, b'\10') + free + end)
    packed = record(2, b'\0\2\5\0', places(20), text(b's'))
    plain = (record(0x48, b'\0', struct.pack('<H', 64)) +
             record(0x49, b'\40', bytes(32)) + record(0x49, b'\40', bytes(32)) +
             b'\x46\0')
    yield 'plain', head + partition + packed + extents + end + plain
    yield 'inline', (head + partition +
                     record(2, b'\0\1\5\3', text(b''), b'abc') +
                     record(5, b'\0', text(b'a note')) +
                     record(11, b'\0', text(b'a doubt')) + end)
    two = record(1, b'\2', places(50, 60), text(b'dos'), text(b''),
                 text(b'ntfs'), text(b'l'))
    yield 'two', head + partition + two + free + end
    yield 'refused', b'\1' + struct.pack('<HB', 64, 0) + struct.pack(
        '<IIH', 12, 5, 3) + b'why'


def main():
    corpus = os.path.abspath(sys.argv[1])
    for target in sys.argv[2:] or sorted(seeds):
        folder = os.path.join(corpus, target)
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            for name, content in seeds[target]():
                with open(os.path.join(folder, name), 'wb') as f:
                    f.write(content)
            os.chdir('/')


if __name__ == '__main__':
    main()
