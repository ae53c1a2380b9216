#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for ssh: runs the remote command and carries the bytes of both
directions frame by frame (docs/protocol.md), so that a fault happens at a
stage of the session and not after some time.

  fault-proxy.py HOST COMMAND...

FAULT is a comma-separated list of DIRECTION:TYPE:N:ACTION: what happens when
the N-th frame of a type is on its way towards "target" or "source":
  cut     half of it arrives, then both directions are closed
  sender  SIGKILL for the source's helper, which is our parent; what it sent
          arrives
  target  SIGKILL for the target's helper, which is our child
  group   SIGINT for our process group, as a terminal's Ctrl-C: for us, too
  xl      SIGINT for the source's xl alone, then the frame arrives
  run     FAULT_COMMAND is run, then the frame arrives
TYPE is a name of the protocol, or GREETING.  When a fault has happened, its
text is appended to FAULT_LOG: a test whose fault never came is no test.
"""
import os
import signal
import struct
import subprocess
import sys
import threading
import time

TYPES = {
    1: "HELLO", 2: "FAIL", 3: "XL", 4: "MEMORY", 5: "MEMORY_END",
    6: "MEMORY_KEY", 7: "CODED", 8: "TAKEN", 9: "MISSED", 10: "PAGES",
    16: "DISK", 17: "DISKS_END", 18: "PROBE", 19: "PROBED", 20: "DISK_OK",
    32: "MANIFEST", 33: "MANIFEST_END", 34: "WANT", 35: "WANT_END",
    36: "DATA", 37: "DATA_END", 38: "BULK_DONE", 40: "FREIGHT",
    48: "SEGMENTS",
    49: "PASS_END", 50: "DIFFER", 51: "PASS_DONE", 52: "SEGMENT",
    53: "BLOCKS", 54: "PATCH", 55: "COMPARED", 64: "PLACE", 65: "PLACED",
    66: "RESTORE", 67: "RESTORING", 68: "BYE", 0x8001: "ALIVE",
}


def read_exactly(fd, n):
    data = b""
    while len(data) < n:
        part = os.read(fd, n - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def parent_of(pid):
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


class Proxy:
    def __init__(self, command):
        # The other host has no part in this one's terminal.
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE,
                                      start_new_session=True)
        self.sender = os.getppid()
        self.xl = parent_of(self.sender)
        self.faults = {}
        for fault in filter(None, os.environ.get("FAULT", "").split(",")):
            direction, name, n, action = fault.split(":")
            self.faults[direction, name, int(n)] = (action, fault)

    def do(self, action, fd, frame):
        if action == "cut":
            write_all(fd, frame[:len(frame) // 2])
            os._exit(255)
        if action == "sender":
            os.kill(self.sender, signal.SIGKILL)
        elif action == "target":
            self.child.kill()
        elif action == "group":
            os.killpg(0, signal.SIGINT)
        elif action == "xl":
            os.kill(self.xl, signal.SIGINT)
            # Late enough for the signal to have been seen.
            time.sleep(0.2)
        elif action == "run":
            subprocess.run(os.environ["FAULT_COMMAND"], shell=True,
                           check=True, stdout=sys.stderr)

    def carry(self, direction, source, fd):
        count = {}
        frame, name = read_exactly(source, 16), "GREETING"
        while True:
            count[name] = count.get(name, 0) + 1
            action, text = self.faults.get((direction, name, count[name]),
                                           (None, None))
            if action:
                with open(os.environ["FAULT_LOG"], "a") as log:
                    log.write(text + "\n")
                self.do(action, fd, frame)
            write_all(fd, frame)
            header = read_exactly(source, 12)
            kind, length = struct.unpack("<HxxI4x", header)
            frame = header + read_exactly(source, length)
            name = TYPES.get(kind, str(kind))

    def run(self, direction, source, fd):
        try:
            self.carry(direction, source, fd)
        except (EOFError, OSError):
            pass
        os.close(fd)
        os.close(source)


signal.signal(signal.SIGINT, signal.SIG_DFL)
proxy = Proxy(sys.argv[2:])


def end(*_):
    proxy.child.kill()
    os._exit(255)


# Its child would wait for a line that is dead, even after a SIGTERM.
signal.signal(signal.SIGTERM, end)
# Of their own, so that nothing else closes them.
ends = [os.dup(fd) for fd in (0, proxy.child.stdin.fileno(),
                              proxy.child.stdout.fileno(), 1)]
for fd in (0, 1, proxy.child.stdin.fileno(), proxy.child.stdout.fileno()):
    os.close(fd)
threading.Thread(target=proxy.run, args=("target", *ends[:2]),
                 daemon=True).start()
proxy.run("source", *ends[2:])
os._exit(proxy.child.wait() & 255)
