# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that knows what was acknowledged:

  acknowledged.py DEVICE FIRST COUNT [PAUSE]

writes past the cache, one block of 4 KiB after the other: COUNT blocks from
FIRST on, each once more when 40 others have been written, and goes on with the
first.  On SIGTERM it reads all of them again: exit status 1 and a line for
what is not as it was last written.  Says "begun" before it begins.
"""
import collections
import mmap
import os
import signal
import sys
import time

BLOCK = 4096
stopped = False


def stop(*_):
    global stopped
    stopped = True


def content(block, version):
    return (b"%016d%016d" % (block, version)).ljust(BLOCK, b"x")


def main():
    device, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    pause = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0005
    fd = os.open(device, os.O_RDWR | os.O_DIRECT)
    page = mmap.mmap(-1, BLOCK)
    model, again, version = {}, collections.deque(), 0

    def write(block):
        nonlocal version
        version += 1
        page[:] = content(block, version)
        assert os.pwrite(fd, page, block * BLOCK) == BLOCK
        model[block] = version

    signal.signal(signal.SIGTERM, stop)
    block = first
    print("begun", flush=True)
    while not stopped:
        write(block)
        again.append(block)
        block = first + (block - first + 1) % count
        if len(again) > min(40, count - 1):
            write(again.popleft())
        time.sleep(pause)
    lost = 0
    for block, version in model.items():
        os.preadv(fd, [page], block * BLOCK)
        lost += page[:] != content(block, version)
    print("%d writes to %d blocks, lost %d" % (version, len(model), lost))
    return lost > 0


sys.exit(main())
