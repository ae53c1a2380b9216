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
  deaf    nothing more is taken from that side; what the other one says still
          arrives for a while, then it is as with "cut"
  run     FAULT_COMMAND is run, then the frame arrives
  storage FAULT_CRASH is run, which takes the target's storage away: every
          request fails from then on; then the frame arrives
  host-a  the source host is reset: SIGKILL for xl, the helper and all its
          children, then for us; no domain is left in FAKE_STATE
  host-b  the same for the target: FAULT_CRASH is run to take its storage away,
          then SIGKILL for all processes of the session that ssh began there,
          the keeper included; the link breaks as soon as the source notices
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

sys.dont_write_bytecode = True
sys.path.append(os.path.join(sys.path[0], "../lib"))
from fdio import read_exactly, write_all  # noqa: E402
from wire import NAMES  # noqa: E402


def parent_of(pid):
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def processes():
    """(pid, parent, session) of all there are."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as f:
                words = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if words[0] != "Z":
            yield int(pid), int(words[1]), int(words[3])


def kill_all(doomed, last=None):
    """Stopped first, so that none sees another one's end; those that were
    born meanwhile, too.  The kernel sends SIGHUP to a group whose ties to its
    session are gone while some of it is stopped: to us, if xl's went first."""
    stopped = set()
    while True:
        news = {pid for pid in doomed() if pid not in stopped}
        if not news:
            break
        for pid in news:
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                pass
        stopped |= news
    for pid in sorted(stopped, key=lambda pid: pid == last):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def no_domain(side):
    if os.environ.get("FAKE_STATE"):
        with open(os.path.join(os.environ["FAKE_STATE"], side), "w") as f:
            f.write("gone\n")


class Proxy:
    def __init__(self, command):
        # The other host has no part in this one's terminal.
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE,
                                      start_new_session=True)
        self.sender = os.getppid()
        self.xl = parent_of(self.sender)
        # Held while a host is reset: the end of its first process must not end
        # us before its last one is gone.
        self.resetting = threading.Lock()
        self.faults = {}
        for fault in filter(None, os.environ.get("FAULT", "").split(",")):
            direction, name, n, action = fault.split(":")
            self.faults[direction, name, int(n)] = (action, fault)

    def reset_a(self):
        kill_all(lambda: {pid for pid, parent, _ in processes()
                          if pid in (self.xl, self.sender) or
                          parent == self.sender and pid != os.getpid()},
                 self.xl)
        no_domain("a")
        os.kill(os.getpid(), signal.SIGKILL)

    def crash_storage(self):
        if os.environ.get("FAULT_CRASH"):
            subprocess.run(os.environ["FAULT_CRASH"], shell=True, check=True,
                           stdout=sys.stderr)

    def reset_b(self):
        self.crash_storage()
        kill_all(lambda: {pid for pid, _, session in processes()
                          if session == self.child.pid})
        no_domain("b")
        os._exit(255)

    def do(self, action, source, fd, frame):
        if action == "cut":
            write_all(fd, frame[:len(frame) // 2])
            os._exit(255)
        if action == "host-a":
            self.reset_a()
        elif action == "host-b":
            with self.resetting:
                self.reset_b()
        elif action == "sender":
            os.kill(self.sender, signal.SIGKILL)
        elif action == "target":
            self.child.kill()
        elif action == "group":
            os.killpg(0, signal.SIGINT)
        elif action == "xl":
            os.kill(self.xl, signal.SIGINT)
            # Late enough for the signal to have been seen.
            time.sleep(0.2)
        elif action == "deaf":
            os.close(source)
            time.sleep(2)
            os._exit(255)
        elif action == "storage":
            self.crash_storage()
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
                self.do(action, source, fd, frame)
            write_all(fd, frame)
            header = read_exactly(source, 12)
            kind, length = struct.unpack("<HxxI4x", header)
            frame = header + read_exactly(source, length)
            name = NAMES.get(kind, str(kind))

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
with proxy.resetting:
    os._exit(proxy.child.wait() & 255)
