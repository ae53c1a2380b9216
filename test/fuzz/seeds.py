#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the seeds of the fuzz targets, from what is valid:
#
#   seeds.py CORPUS [TARGET]...     writes CORPUS/TARGET/NAME
#
# What these names are not (what fuzzing found) stays as it is.
import os
import struct
import subprocess
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


@seeds_of('json-text')
def json_text():
    yield 'record', (b'{\n  "uuid":"6d5f2d0a-18c1-4e38-9a3c-a0a2f7e0c001",\n'
                     b'  "size":5242880,\n  "foreign":true,\n  "next":{\n'
                     b'    "ino":-1\n  },\n  "secrets":[\n    null,\n'
                     b'    {}\n  ]\n}\n')
    yield 'doctor', (b'{"xl-dedup doctor":1,"terminal":false,'
                     b'"time":1764550000123456}\n')
    yield 'escapes', (b'["\\"\\\\\\/\\b\\f\\n\\r\\t","\\u00e4\\u20AC\\ud83d'
                      b'\\uDE00","\xff\x7f"]')
    yield 'half', b'{"\\ud800\\u0041":"\\udc00"}'
    yield 'nul', b'"a\\u0000b"'
    yield 'control', b'{"a":"b\nc\x1f"}'
    yield 'numbers', (b'[0,-0,1e1,-2.5E-3,0.1,9223372036854775807,'
                      b'-9223372036854775808,18446744073709551615]')
    yield 'big', b'[18446744073709551616,1e999,-1e-999]'
    for name, number in (('zeros', b'-01'), ('zero', b'00'), ('point', b'1.'),
                         ('exponent', b'1.e5'), ('no-whole', b'-.5'),
                         ('word', b'NaN'), ('infinite', b'-Infinity')):
        yield name, b'{"n":' + number + b'}'
    yield 'deepest', b'[' * 32 + b'1' + b']' * 32
    yield 'deeper', b'[{"a":' * 16 + b'[]' + b'}]' * 16
    yield 'twice', b'{"a":1,"a":{"b":2},"":[]}'
    yield 'more', b'{} {}'
    yield 'comma', b'[1,]'


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


# Images, as disk.h has them.

def put_sector(out, n, sector):
    words = (len(sector[:510].rstrip(b'\0')) + 3) // 4
    if words < 120:
        out.extend(struct.pack('<BHBB', 3, n, 0, words) +
                   sector[:4 * words] + sector[510:])
    else:
        out.extend(struct.pack('<BHB', 0, n, 1) + sector)


def pack(image, flags=1, table=None):
    """Only what is not zero.  table: what stands there once for all."""
    out = bytearray(struct.pack('<BH', flags, len(image) // 1024))
    at = image.find(table) if table else -1
    if at >= 0:
        out += struct.pack('<BHB', 2, at // 512, 0)
        image = image[:at] + bytes(len(table)) + image[at + len(table):]
    filled = None               # byte, first sector, how many

    def end_filled():
        nonlocal filled
        if filled:
            byte, first, n = filled
            for i in range(0, n, 255):
                out.extend(struct.pack('<BHBB', 1, first + i,
                                       min(255, n - i), byte))
        filled = None

    for n in range(len(image) // 512):
        sector = image[n * 512:(n + 1) * 512]
        same = sector.count(sector[:1]) == 512
        if filled and (not same or sector[0] != filled[0]):
            end_filled()
        if same and sector[0]:
            filled = (sector[0], filled[1] if filled else n,
                      (filled[2] if filled else 0) + 1)
        elif not same:
            put_sector(out, n, sector)
    end_filled()
    return bytes(out)


def run(*command, data=None):
    subprocess.run(command, check=True, input=data,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def write(path, content):
    with open(path, 'wb') as f:
        f.write(content)


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def blank(path, kib):
    write(path, b'')
    os.truncate(path, kib * 1024)


def make_tree():
    """Files of bytes that fill sectors, so that seeds stay small."""
    os.makedirs('tree/d/e', exist_ok=True)
    write('tree/a', b'a' * 5000)
    write('tree/d/b', b'b' * 1024)
    write('tree/d/e/small', b'small')
    with open('tree/sparse', 'wb') as f:
        for i in range(6):
            f.seek(i * 4096)
            f.write(b's' * 1024)
    os.symlink('a', 'tree/link')
    os.symlink('long/' * 14, 'tree/long')
    os.link('tree/a', 'tree/linked')


def mke2fs(kib, *options):
    blank('image', kib)
    run('mke2fs', '-q', '-F', '-d', 'tree', '-N', '32',
        '-U', '01234567-89ab-cdef-0123-456789abcdef',
        '-E', 'hash_seed=01234567-89ab-cdef-0123-456789abcdef', *options,
        'image')
    return read('image')


@seeds_of('ext')
def ext():
    make_tree()
    plain = '^has_journal,^resize_inode,^metadata_csum,^uninit_bg'
    yield '2', pack(mke2fs(128, '-t', 'ext2', '-b', '1024', '-I', '128',
                           '-O', '^resize_inode'))
    yield '4', pack(mke2fs(192, '-t', 'ext4', '-b', '1024', '-O', plain))
    yield 'sums', pack(mke2fs(192, '-t', 'ext4', '-b', '1024', '-O',
                              '^has_journal,^resize_inode,metadata_csum'))
    yield 'inline', pack(mke2fs(128, '-t', 'ext4', '-b', '1024', '-I', '256',
                                '-O', plain + ',inline_data'))
    yield 'clusters', pack(mke2fs(512, '-t', 'ext4', '-b', '1024', '-C',
                                  '4096', '-O', plain + ',bigalloc'))
    yield 'meta', pack(mke2fs(600, '-t', 'ext4', '-b', '1024', '-g', '256',
                              '-O', plain + ',meta_bg'))
    yield 'journal', pack(mke2fs(2048, '-t', 'ext3', '-b', '1024', '-O',
                                 '^resize_inode'))
    yield 'large', pack(mke2fs(256, '-t', 'ext4', '-b', '4096', '-O', plain))
    # Extents in a tree, and a directory of several blocks.
    os.makedirs('tree/many', exist_ok=True)
    for i in range(40):
        write('tree/many/' + 'x' * 60 + str(i), b'')
    with open('tree/holes', 'wb') as f:
        for i in range(12):
            f.seek(i * 2048)
            f.write(b'h' * 1024)
    yield 'tree', pack(mke2fs(256, '-t', 'ext4', '-b', '1024', '-I', '128',
                              '-N', '80', '-O', plain))
    mke2fs(256, '-t', 'ext4', '-b', '1024', '-I', '128', '-N', '80',
           '-O', plain + ',dir_index')
    subprocess.run(['e2fsck', '-fyD', 'image'], stdout=subprocess.DEVNULL)
    yield 'index', pack(read('image'))


def upper_case():
    """The table of upper case letters that mkntfs writes."""
    blank('image', 2048)
    run('mkntfs', '-F', '-Q', '-q', '-c', '512', 'image')
    image = read('image')
    # It begins with the letters themselves.
    at = image.find(struct.pack('<64H', *range(64)))
    return image[at:at + 131072]


def mkntfs(kib, cluster, files):
    blank('image', kib)
    run('mkntfs', '-F', '-Q', '-q', '-T', '-c', str(cluster), 'image')
    for name, content, *stream in files:
        write('content', content)
        run('ntfscp', '-q', '-f', *['-N' + s for s in stream], 'image',
            'content', name)
    return read('image')


def mkntfs_packed(kib, cluster):
    """A volume with compressed files, which only ntfs-3g makes, mounted: needs
    root and FUSE."""
    blank('image', kib)
    run('mkntfs', '-F', '-Q', '-q', '-T', '-c', str(cluster), 'image')
    os.mkdir('m')
    run('ntfs-3g', '-o', 'compression', 'image', 'm')
    os.mkdir('m/d')
    os.setxattr('m/d', 'system.ntfs_attrib_be', bytes([0, 0, 8, 16]))
    write('m/d/text', b'some text ' * 2500)
    write('m/d/holes', b'x' * 9000 + bytes(9000) + bytes(range(256)) * 12)
    run('fusermount', '-u', 'm')
    while os.path.ismount('m'):
        pass
    return read('image')


@seeds_of('ntfs')
def ntfs():
    table = upper_case()
    files = [('a', b'a' * 5000), ('small', b'small'), ('b', b'b' * 1024),
             ('a', b's' * 2048, 'stream')]
    yield '512', pack(mkntfs(1200, 512, files), table=table)
    yield '4096', pack(mkntfs(2048, 4096, files), table=table)
    many = [('file of a long name %d' % i, b'') for i in range(12)]
    yield 'many', pack(mkntfs(1200, 1024, files + many), table=table)
    yield 'packed', pack(mkntfs_packed(1200, 512), table=table)


def sfdisk(kib, script, *options):
    blank('image', kib)
    run('sfdisk', '-q', *options, 'image', data=script.encode())
    return bytearray(read('image'))


@seeds_of('partitions')
def partitions():
    make_tree()
    small = mke2fs(64, '-t', 'ext2', '-b', '1024', '-I', '128', '-O',
                   '^resize_inode')
    yield 'bare', pack(small, 3)
    uuid = '01234567-89AB-CDEF-0123-456789ABCDEF'
    dos = sfdisk(2048, 'label: dos\nlabel-id: 0x12345678\nstart=64, size=200\n'
                 'start=300, size=3000, type=5\nstart=364, size=200\n'
                 'start=700, size=100\n')
    yield 'dos', pack(dos, 3)
    dos[64 * 512:64 * 512 + len(small)] = small
    yield 'dos-ext', pack(dos, 3)
    gpt = ('label: gpt\nlabel-id: %s\nfirst-lba: 64\nstart=64, size=200, '
           'uuid=%s\nstart=300, size=3000, uuid=%s, name=two\n' %
           (uuid, uuid, uuid.replace('0', 'A')))
    yield 'gpt', pack(sfdisk(2048, gpt), 3)
    yield 'sun', pack(sfdisk(4096, 'label: sun\n'), 3)
    yield 'sgi', pack(sfdisk(4096, 'label: sgi\n'), 3)
    swap = bytearray(65536)
    swap[4086:4096] = b'SWAPSPACE2'
    swap[1024:1036] = struct.pack('<III', 1, 15, 0)
    yield 'swap', pack(bytes(swap), 3)
    lvm = bytearray(65536)
    lvm[512:544] = b'LABELONE' + struct.pack('<QII', 1, 0, 32) + b'LVM2 001'
    yield 'lvm', pack(bytes(lvm), 3)


@seeds_of('listing')
def listing():
    def frame(kind, payload):
        return struct.pack('<HI', kind, len(payload)) + payload
    old = bytes(range(200))
    new = frame(32, old) + frame(48, bytes(50)) + frame(32, b'')
    head = struct.pack('<HB', len(old), 3)
    yield 'packed', b'\0' + head + old + new
    yield 'cut', b'\0' + head + old + new + frame(32, old)[:90]
    yield 'long', b'\0' + head + old + struct.pack('<HI', 32, 1 << 21)
    yield 'stranger', b'\0' + head + old + frame(16, b'x')
    yield 'raw', b'\1' + head + old + b'\x28\xb5\x2f\xfd\x00\x58' + bytes(20)


@seeds_of('manifest')
def manifest():
    def thing(word, size, *extents):
        return struct.pack('<BHB', word, size, len(extents)) + b''.join(
            struct.pack('<BHH', *e) for e in extents)
    file = thing(1, 9000, (0, 4096, 4096), (100, 20000, 4800))
    piece = thing(2, 5000, (0, 30000, 5000))
    other = thing(0x80, 100, (0, 40000, 100))
    head = b'\0' + struct.pack('<H', 64)
    yield 'frames', head + file + piece + other + piece + file + other
    yield 'beyond', head + thing(0, 9000, (0, 65535, 9000))
    yield 'raw', (b'\1' + struct.pack('<HQI', 64, 0, 1) + bytes(16) +
                  varint(500) + varint(4) + varint(0) + zigzag(8192) +
                  varint(500))


@seeds_of('recipe')
def recipe():
    def seed(how, block, width, piece, file, content):
        return bytes([how, block, width, piece]) + struct.pack(
            '<H', len(file)) + file + content
    words = b' '.join(b'word%d' % i for i in range(150))
    code = b''.join(b'\xe8' + struct.pack('<i', 70000 - 9 * i) + b'\x48\x8b'
                    b'\x05' + struct.pack('<i', 5000 + i) for i in range(12))
    yield 'words', seed(0, 0, 7, 20, words, words[300:700] + b'new' + words)
    yield 'narrow', seed(0, 9, 1, 3, words, words[::-1] + words)
    yield 'foreign', seed(1, 0, 2, 99, words, words)
    yield 'code', seed(0, 0, 7, 4, code, b'x' + code)
    yield 'operands', seed(2, 0, 7, 4, words, code)


@seeds_of('memory')
def memory():
    yield 'commands', b'\1' + bytes([
        7,
        0x27, 0, 1, 0, 0, 2, 9, 9,              # LITERAL: two pages
        0x24, 0, 0,                             # REPEAT
        0x21, 5, 2,                             # ENTRIES
        0x32,                                   # ZERO
        0x13, 1, 2, 3, 4, 5, 6, 7, 8,           # FILL
        0x06, 4, 0, 2, 2, 5, 5,                 # DIFFERENCE
        0x00, 3, 1, 2, 3,                       # RAW
        1, 0x25, 0, 4, 0, 1])                   # another frame: DISK
    yield 'content', (b'\0' + struct.pack('<I', 4) + b'\x20\x0a\x08\0' +
                      b'abcd')
    pages = bytes([1, 0, 6, 1, 2, 3, 0, 0xd0, 1] +
                  [n for i in range(6) for n in (i + 1, i)])
    again = bytes([1, 0, 3, 3, 2, 1, 7, 0, 7, 1, 7, 2])
    record = bytes([2 | 9 << 2, 5]) + b'hello'
    yield 'stream', b'\2\50\0' + pages + record + again + bytes([2, 0])
    yield 'cheap', b'\2\1\1' + pages + again + pages
    yield 'bytes', b'\3\7\0' + b'LibxlFmt' + struct.pack('>II', 2, 0)


@seeds_of('coded')
def coded():
    memory, key, stored, packed, fast, bare, other, missing = range(8)

    def frame(kind, data=b'', number=0):
        return bytes([kind | number << 4, len(data)]) + data
    zero = struct.pack('<I', 1) + b'\x12'
    yield 'plain', frame(memory, b'some') + frame(memory, b'more')
    yield 'coded', (frame(key) + frame(stored, zero) + frame(packed, zero) +
                    frame(fast, zero) + frame(packed, zero))
    yield 'missing', (frame(key) + frame(missing) + b'\0' +
                      frame(missing, b'', 3) + b'\0' + frame(missing) + b'\1')
    yield 'keyless', frame(stored, zero)
    yield 'bytes', frame(key) + frame(bare, b'\1\0\0\0\0' + bytes(9))
    yield 'pages', frame(key) + frame(other, bytes(40), 4)


@seeds_of('wire')
def wire():
    def frame(how, kind, filling, length, data):
        return bytes([how, kind, 0, filling]) + struct.pack(
            '<HB', length, len(data)) + data
    plain = (frame(0, 36, 0, 3, b'abc') + frame(0, 33, 0, 0, b'') +
             frame(0, 36, 7, 300, b'x'))
    packed = frame(1, 32, 5, 60000, b'y') + frame(1, 33, 0, 8, b'z' * 8)
    freight = (frame(2, 36, 9, 40000, b'f') + frame(2, 37, 0, 0, b'') +
               frame(2 | 4 << 2, 44, 1, 99, b''))
    yield 'plain', b'\0' + plain
    yield 'packed', b'\0' + packed + plain
    yield 'freight', b'\0' + freight + packed + freight
    yield 'noise', b'\0' + plain + b'\3\5noise'
    yield 'greeting', b'\1XL-DEDUP' + struct.pack('<HHH', 3, 0, 0) + b'\r\n'
    yield 'echo', b'\1XL-DEDUP^C^@^@^@^@^@\r\n'
    yield 'shell', b'\1Welcome to this host!\r\n\r\n'
    yield 'header', b'\3' + struct.pack('<HHII', 36, 0, 5, 0) + b'hello'
    yield 'long', b'\3' + struct.pack('<HHII', 36, 0, 1 << 22, 0)


def steps(names, how, *words):
    """Each word is a name, or a name and a number; nothing is spoiled."""
    out = bytes([how])
    for word in words:
        name, number = word if isinstance(word, tuple) else (word, 0)
        out += bytes([names.index(name) | number << 5])
        if name not in ('ANSWER_ALL', 'DISK', 'RIGHT', 'LISTED'):
            out += b'\0'
    return out


@seeds_of('receive')
def receive():
    names = ('ANSWER BYTES HELLO DISK DISKS_END PROBED MANIFEST MANIFEST_END '
             'DATA DATA_END NAMES RECIPE BLOCKLIST SEGMENTS COMPARED SEGMENT '
             'PATCH DELTA PASS_END WITNESS APART PLACE RESTORE MEMORY_END '
             'BALLAST BYE ANSWER_ALL UNPARSED').split()
    dry, migrate, listed, earlier, offer, bulk, done, two = (
        1 << i for i in range(8))

    def seed(how, *words):
        return bytes([how, 1]) + steps(names, how, *words)[1:]
    yield 'course', seed(
        0, 'HELLO', 'DISK', 'DISKS_END', 'ANSWER_ALL', ('MANIFEST', 2),
        'MANIFEST_END', 'ANSWER_ALL', 'DATA_END', 'SEGMENTS', 'PASS_END',
        'ANSWER_ALL', 'PASS_END', 'ANSWER', 'PLACE', 'BYE')
    yield 'place', seed(done, 'PLACE', 'BYE')
    yield 'two', seed(done | two, ('MANIFEST', 1), ('MANIFEST_END', 1),
                      'ANSWER_ALL', ('DATA_END', 1), 'PLACE')
    yield 'passes', seed(done, ('SEGMENT', 1), 'PATCH', ('PATCH', 1),
                         'SEGMENTS', 'PASS_END', ('DELTA', 3), 'DELTA',
                         'PASS_END', 'SEGMENT', 'PASS_END', 'PLACE', 'BYE')
    yield 'delta', seed(done, ('DELTA', 2), ('DELTA', 4), 'PASS_END', 'PLACE')
    yield 'migrate', seed(migrate | done, 'RESTORE', 'MEMORY_END', 'PLACE',
                          'BYE')
    yield 'dry', seed(dry | bulk, 'BALLAST', 'PASS_END', 'BYE')
    yield 'dry-base', seed(dry | earlier | bulk, 'PASS_END', 'BYE')
    yield 'resumed', seed(earlier | done, 'PLACE', 'BYE')
    yield 'witness', seed(offer, 'WITNESS', 'APART', 'SEGMENTS', 'COMPARED')
    yield 'data', seed(offer, ('MANIFEST', 7), ('DATA', 0), ('DATA', 1),
                       ('RECIPE', 1), ('NAMES', 1), ('BLOCKLIST', 2),
                       'MANIFEST_END', 'ANSWER', 'ANSWER', 'ANSWER',
                       'DATA_END')
    yield 'blocks', seed(offer, ('UNPARSED', 4), 'MANIFEST_END', 'ANSWER_ALL',
                         'ANSWER', 'ANSWER', 'ANSWER', 'ANSWER', 'DATA_END')
    yield 'names', seed(offer, *[('MANIFEST', n) for n in (2, 5, 2, 5)],
                        'MANIFEST_END', 'ANSWER_ALL', 'DATA_END')
    yield 'list', seed(listed | offer) + b'\1\x39\0\4\0abcd\0'


@seeds_of('send')
def send():
    names = ('RIGHT BYTES WANT UNKNOWN SIGNATURE LIST HELD LEFT WANT_END '
             'BULK_DONE DIFFER BLOCKS PASS_DONE UNLIKE WITNESSED PLACED PROBE '
             'DISK_OK HELLO LISTED').split()
    dry, base, witness = 1, 2, 4

    def seed(*arguments):
        return steps(names, *arguments)
    right = [('RIGHT', 7)]
    yield 'course', seed(0, *right * 3)
    yield 'base', seed(base, *right * 3)
    yield 'witness', seed(base | witness, *right * 4)
    yield 'blank', seed(witness, *right * 4)
    yield 'dry', seed(dry, *right * 3)
    yield 'dry-base', seed(dry | base, *right * 3)
    offered = [('RIGHT', 1), 'LISTED']
    end = ['WANT_END', *right * 3]
    yield 'want', seed(0, *offered, 'WANT', ('WANT', 4), *end)
    yield 'names', seed(0, *offered, 'UNKNOWN', ('SIGNATURE', 1), 'SIGNATURE',
                        *end)
    yield 'code', seed(0, *offered, ('SIGNATURE', 4), ('SIGNATURE', 7), *end)
    yield 'list', seed(0, *offered, ('LIST', 2), ('HELD', 2), *end)
    yield 'left', seed(dry | base, *offered, 'LEFT', ('WANT', 5),
                       ('SIGNATURE', 1), *end)
    yield 'passes', seed(0, *offered, 'WANT_END', 'BULK_DONE', 'DIFFER',
                         ('BLOCKS', 1), ('BLOCKS', 2), ('BLOCKS', 4),
                         ('PASS_DONE', 1), ('BLOCKS', 3), *right * 3)
    yield 'probe', seed(0, 'HELLO', 'PROBE', 'DISK_OK', *right * 3)


def main():
    corpus = os.path.abspath(sys.argv[1])
    for target in sys.argv[2:] or sorted(seeds):
        folder = os.path.join(corpus, target)
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            for name, content in seeds[target]():
                write(os.path.join(folder, name), content)
            os.chdir('/')


if __name__ == '__main__':
    main()
