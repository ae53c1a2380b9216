# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a source, and looks at the processes of "xl-dedup receive" once it has
accepted the disk.

  confined.py XL-DEDUP DEST STAGE IMAGE

whole    the session goes on to its end
packed   HELLO is sent compressed
killed   the engine is killed when it has all content
alone    the monitor is killed then
"""
import importlib
import os
import signal
import sys
import time

import wire                                                     # noqa: E402
from hostile import Ended                                       # noqa: E402
from wire import frame                                          # noqa: E402

proving = importlib.import_module("proving-source")
NOBODY = 65534
UNUSED = range(1879048192, 2147483648)


def status(path):
    with open(path + "/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f)


def is_confined(path):
    s = status(path)
    uids = set(map(int, s["Uid"].split() + s["Gid"].split()))
    caps = [int(s[c], 16) for c in ("CapInh", "CapPrm", "CapEff", "CapAmb")]
    return len(uids) == 1 and s["Groups"].strip() == "" and \
        all(u == NOBODY or u in UNUSED for u in uids) and not any(caps) and \
        s["NoNewPrivs"] == "1" and s["Seccomp"] == "2"


def await_confined(pid):
    for _ in range(200):
        if is_confined("/proc/%d" % pid):
            return
        time.sleep(0.05)
    raise AssertionError(status("/proc/%d" % pid))


def links(pid):
    d = "/proc/%d/fd/" % pid
    return {int(n): os.readlink(d + n) for n in os.listdir(d)}


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return list(map(int, f.read().split()))


def look(pid):
    """Returns the monitor."""
    await_confined(pid)
    tasks = os.listdir("/proc/%d/task" % pid)
    print("threads", len(tasks))
    assert len(tasks) > 2
    for task in tasks:
        assert is_confined("/proc/%d/task/%s" % (pid, task)), task
    assert os.listdir("/proc/%d/root" % pid) == [], "its root is not empty"
    for fd, where in links(pid).items():
        assert not os.path.isdir("/proc/%d/fd/%d" % (pid, fd)), where
    monitor, = children(pid)
    assert status("/proc/%d" % monitor)["Uid"].split() == ["0"] * 4
    line = {links(pid)[fd] for fd in (0, 1)}
    assert not line & set(links(monitor).values()), "it keeps the line open"
    return monitor


def gone(pid):
    for _ in range(200):
        if not os.path.exists("/proc/%d" % pid):
            return True
        time.sleep(0.05)
    return False


class Source(proving.Source):
    def finish(self, said):
        monitor = look(self.process.pid)
        self.copy(said)
        if STAGE == "killed":
            self.process.kill()
            self.process.wait(20)
            assert gone(monitor), "the monitor stays"
            return
        if STAGE == "alone":
            os.kill(monitor, signal.SIGKILL)
        self.send(frame("PLACE", 0))
        self.until("PLACED")
        print("placed")
        self.send(frame("BYE"))
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        assert gone(monitor), "the monitor stays"

    def pack(self):
        self.send(wire.greeting())
        self.reader.greeting()
        self.until("CHALLENGE")
        hello = bytearray(frame("HELLO", payload=bytes(200)))
        hello[8:12] = (4096).to_bytes(4, "little")
        self.send(bytes(hello))
        self.until("HELLO")


COMMAND, DEST, STAGE, IMAGE = sys.argv[1:]
source = Source(COMMAND, DEST, dict(
    uuid="31a4a1a6-0000-4000-8000-000000000019", vdev="xvda", path="/x/disk.img",
    size=os.path.getsize(IMAGE), image=IMAGE))
try:
    if STAGE == "packed":
        source.pack()
    else:
        source.finish(source.offer())
except Ended:
    assert STAGE in ("packed", "alone"), "it has ended"
    source.process.stdin.close()
    assert source.process.wait(20) == 2
else:
    assert STAGE in ("whole", "killed"), "it has not ended"
