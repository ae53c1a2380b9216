#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A source that names where its disk is to go, plays one session of a few bytes
and prints a line of what became of it.

  name-destination.py [--mode=MODE] [--dry] [--until=FRAME] [--size=BYTES]
      [--at FRAME COMMAND] [--watch=DIR]... PATH TARGET...

TARGET... is the target's command.  COMMAND is run by the shell when the target
has sent FRAME, before it is answered; --until ends the session there.  The line
is "placed", "estimated" (of a dry run), "ended" or "refused: " and what the
target said.  For every name that came into
a DIR meanwhile, however briefly, a line "made DIR/NAME" follows.
"""
import argparse
import ctypes
import os
import select
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import wire                                                     # noqa: E402
from wire import frame, text                                    # noqa: E402

CONTENT = b"what is sent"
IN_CREATE, IN_MOVED_TO = 0x100, 0x80


class Refused(Exception):
    pass


class Ended(Exception):
    pass


class Watch:
    """inotify(7)"""
    def __init__(self, directories):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.names = {}
        for d in directories:
            n = libc.inotify_add_watch(self.fd, os.fsencode(d),
                                       IN_CREATE | IN_MOVED_TO)
            assert n >= 0, d
            self.names[n] = d

    def made(self):
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return
        while data:
            n, _, _, length = struct.unpack_from("iIII", data)
            name = data[16:16 + length].rstrip(b"\0")
            yield os.path.join(self.names[n], os.fsdecode(name))
            data = data[16 + length:]


class Session:
    def __init__(self, args):
        self.args = args
        self.target = subprocess.Popen(args.target, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, bufsize=0)
        self.reader = wire.Reader(self.read)

    def read(self, n):
        fd = self.target.stdout.fileno()
        assert select.select([fd], [], [], 60)[0], "silence"
        return os.read(fd, n)

    def send(self, *frames):
        try:
            self.target.stdin.write(b"".join(frames))
        except BrokenPipeError:
            pass                # what it said last is still to be read

    def expect(self, *names):
        f = self.reader.frame()
        while f and f.name in ("ALIVE", "XL"):
            f = self.reader.frame()
        if f and f.name == "FAIL":
            raise Refused(f.payload.decode())
        assert f and f.name in names, f and f.name
        if self.args.at and self.args.at[0] == f.name:
            subprocess.run(self.args.at[1], shell=True, check=True)
        if self.args.until == f.name:
            raise Ended
        return f

    def play(self):
        self.send(wire.greeting())
        self.reader.greeting()
        self.expect("CHALLENGE")
        hello = dict(mode=self.args.mode, name="x", uuid="named")
        if self.args.dry:
            hello["dry"] = 1
        self.send(frame("HELLO", payload=text(**hello)))
        self.expect("HELLO")
        content = CONTENT.ljust(self.args.size, b"x")
        n = len(content)
        self.send(frame("DISK", 0, text(vdev="a", size=n, used=n, base="-",
                                        kind="file", dest=self.args.path)),
                  frame("DISKS_END"))
        f = self.expect("PROBE", "DISK_OK")
        if f.name == "PROBE":
            self.send(frame("PROBED", 0, b"\0"))
            f = self.expect("DISK_OK")
        if self.args.dry:
            self.send(frame("BYE"))
            return "estimated"
        if b"witness=" in f.payload:
            self.send(frame("SEGMENTS", 0, wire.run(0, [wire.digest(content)])),
                      frame("COMPARED", 0))
            self.expect("UNLIKE")
            self.send(frame("APART", 0))
        elif b"base=1\0" in f.payload:
            self.send(frame("COMPARED", 0))
        self.send(frame("MANIFEST_END", 0, struct.pack("<Q", 0)))
        self.expect("WANT_END")
        self.send(frame("DATA_END", 0))
        self.expect("BULK_DONE")
        self.send(frame("SEGMENT", 0, wire.segment(0, content)),
                  frame("PASS_END", 0))
        self.expect("PASS_DONE")
        self.send(frame("PLACE", 0))
        self.expect("PLACED")
        self.send(frame("BYE"))
        return "placed"

    def end(self):
        self.target.stdin.close()
        self.target.wait(60)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="push")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--until")
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--at", nargs=2)
    parser.add_argument("--watch", action="append", default=[])
    parser.add_argument("path")
    parser.add_argument("target", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    watch = Watch(args.watch)
    session = Session(args)
    try:
        print(session.play())
    except Ended:
        print("ended")
    except Refused as reason:
        print("refused:", reason)
    session.end()
    for name in watch.made():
        print("made", name)


main()
