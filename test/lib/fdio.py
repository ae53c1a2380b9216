# SPDX-License-Identifier: GPL-2.0-or-later
"""All of what is to be read from or written to a descriptor."""
import os


def read_exactly(fd, n):
    data = bytearray()
    while len(data) < n:
        part = os.read(fd, n - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def write_all(fd, *pieces):
    for data in map(memoryview, pieces):
        while data:
            data = data[os.write(fd, data):]
