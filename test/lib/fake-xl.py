#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Both xl's of a migration, without Xen and without the preloaded hook: this
plays xl *and* its hook (plugin/xl/control.h), so that the helpers are tested as
they are used.

  fake-xl.py [OPTIONS] migrate -s '' [OPTIONS] DOMAIN RUNE
  fake-xl.py [OPTIONS] migrate-receive [OPTIONS]
  fake-xl.py list -l -- [DOMAIN]    in the form of 4.17
  fake-xl.py restore [CONFIG] FILE   says "restored"
  fake-xl.py create [-q] [-n] [-f] CONFIG    CONFIG is taken for Python, which
                    most of xl.cfg(5) is; one without a name, or that is not
                    there, has the disks at the target.  Without -n it says
                    "created NAME"

Environment:
  FAKE_DISKS        "vdev=path[=target path] ..." (no blanks in paths)
  FAKE_FORMAT       format of the disks (raw)
  FAKE_READONLY     "vdev ..."
  FAKE_BUSY         "path=domain ..." at the target
  FAKE_SHARED       "path=domain[=mode[=device]] ..." at the source, mode "w"
                    unless given; "unknown" if libxl cannot tell; with "file:"
                    before it, a file that holds this, read each time
  FAKE_ATTACHED     file with the guest's disks as xenstore has them, a line of
                    "key=value|..." each (plugin/xl/control.h, "attached").  It
                    is made if it is not there, and read each time the disks
                    are listed.  Normally: a block device, or the loop device
                    of a file, is served by the kernel; a file without one by
                    QEMU, which is played by this process
  FAKE_ADMIN        command that is run before the disks are listed again
  FAKE_SLOW         seconds the target's xl takes to name its disks (0)
  FAKE_NO_DOMAIN    "list" does not find the domain
  FAKE_MEMORY       bytes of the memory stream (3000000), which is noise
  FAKE_STREAM       or a stream of this kind (make-stream.py), of a guest
                    whose page cache is of the file FAKE_CACHE; or the one in
                    the file that this names after "file:"
  FAKE_WRITE        command of the "guest", run while the memory is copied,
                    just before it is "suspended"
  FAKE_SUSPEND_RC   what libxl_domain_suspend would return (0)
  FAKE_KILLED       xl is killed when that has returned
  FAKE_RESTORE_RC   what libxl_domain_create_restore would return (0)
  FAKE_STATUS       byte in the report of the receiving xl (0)
  FAKE_REPORTS      if it is empty, the target's helper is killed in place of a
                    report
  FAKE_AT_END       command run at the target when the memory stream ended:
                    the moment at which the disks must be final
  FAKE_DESTROY      command run at the source to destroy the guest's copy
  FAKE_STATE        directory for what becomes of the guest: in "a" and "b"
                    its state at the source ("running", "suspended", "gone")
                    and at the target ("building", "paused", "running",
                    "gone"), as "xl list" would show it
Messages of the sending side go to stdout: "guest resumed", "guest untouched",
"guest moved", and "guest undefined" where the real xl says so.

A signal does here what it does to an xl with the hook
(libxlhooks/interrupt.c).  What happens after libxl has returned is that of
tools/xl/xl_migrate.c of Xen 4.17: a failure after GO leaves the guest
suspended, and a receiving xl that cannot report does not destroy its copy.
"""
import functools
import glob
import importlib
import json
import os
import random
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
import uuid

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = here, os.path.join(here, "../migrate")
from fdio import read_exactly, write_all  # noqa: E402
make_stream = importlib.import_module("make-stream")

BANNER = b"xl migration receiver ready, send binary domain data.\n"
READY = b"domain received, ready to unpause\0"
GO = b"domain is yours, you are cleared to unpause\0"
REPORT = b"my copy unpause results are as follows\0"
CONFIG = b"fake configuration".ljust(4000, b".")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
interrupted = False
UUID = "11111111-2222-3333-4444-555555555555"


def env(name, default=""):
    return os.environ.get(name, default)


def read_same(fd, data, length):
    """Whether the next length bytes are these; without keeping them, as they
    may be a whole guest's memory."""
    data, at, same = memoryview(data), 0, length == len(data)
    while at < length:
        part = os.read(fd, min(length - at, 1 << 16))
        if not part:
            raise EOFError
        same = same and part == data[at:at + len(part)]
        at += len(part)
    return same


class Control:
    def __init__(self, fd):
        self.socket = socket.socket(fileno=fd)

    def say(self, verb, **values):
        strings = [verb] + ["%s=%s" % item for item in values.items()]
        self.socket.send("\0".join(strings).encode() + b"\0")

    def hear(self):
        try:
            verb = self.socket.recv(65536).split(b"\0")[0].decode()
        except ConnectionError:
            verb = ""
        if not verb:
            print("xl-dedup: interrupted" if interrupted else
                  "xl-dedup: the helper has ended before its work was done",
                  file=sys.stderr)
        return verb

    def list(self, disks):
        """The guest's disks as they are now."""
        for disk in disks.read():
            self.say("attached", **disk)

    def describe(self, target, disks=None):
        self.say("begin", uuid=UUID, name="g1", domid="7")
        for disk in env("FAKE_DISKS").split():
            vdev, *paths = disk.split("=")
            self.say("disk", vdev=vdev, path=paths[-1 if target else 0],
                     format=env("FAKE_FORMAT", "raw"), backend="phy",
                     mode="r" if vdev in env("FAKE_READONLY").split() else "w",
                     cdrom="0", script="", backend_domid="0")
        if not target:
            self.list(disks)
            self.go()
            return
        time.sleep(float(env("FAKE_SLOW", "0")))
        for busy in env("FAKE_BUSY").split():
            path, name = busy.split("=")
            self.say("busy", path=path, domid="3", name=name)
        self.say("go")

    def go(self):
        for disk in env("FAKE_DISKS").split():
            self.say("busy", path=disk.split("=")[1], domid="7", name="g1",
                     mode="w")
        if env("FAKE_SHARED") == "unknown":
            self.say("go", busy="some")
            return
        for path, name, mode, device in shared():
            self.say("busy", path=path, domid="3", name=name, mode=mode,
                     device=device)
        self.say("go", busy="all")


def shared():
    disks = env("FAKE_SHARED")
    if disks.startswith("file:"):
        with open(disks[5:]) as f:
            disks = f.read()
    for disk in disks.split():
        fields = disk.split("=")
        yield fields + ["w", ""][len(fields) - 2:]


def device_of(path):
    """What the kernel serves of it, in xenstore's form; "" if nothing."""
    try:
        st = os.stat(path)
        if stat.S_ISBLK(st.st_mode):
            return "%x:%x" % (os.major(st.st_rdev), os.minor(st.st_rdev))
    except OSError:
        pass
    path = os.path.realpath(path)
    for loop in glob.glob("/sys/block/loop*/loop"):
        try:
            with open(loop + "/backing_file") as f, open(loop + "/../dev") as g:
                # also if somebody has removed it, or put another one there
                if f.read().rstrip("\n") in (path, path + " (deleted)"):
                    return "%x:%x" % tuple(map(int, g.read().split(":")))
        except OSError:
            pass
    return ""


class Disks:
    """The guest's, as xenstore has them."""
    def __init__(self):
        self.opened, self.disks = [], []
        for disk in env("FAKE_DISKS").split():
            vdev, path = disk.split("=")[:2]
            device = device_of(path)
            self.disks.append({
                "vdev": vdev, "path": path, "device": device,
                "params": path if device else "aio:" + path,
                "backend": "phy" if device else "qdisk",
                "backend_domid": "0", "cdrom": "0",
                "mode": "r" if vdev in env("FAKE_READONLY").split() else "w",
                "pid": str(os.getpid())})
            if not device and os.path.exists(path):
                self.opened.append(os.open(path, os.O_RDONLY))
        # As a device model that goes on for a moment when xl has been killed.
        if env("FAKE_KILLED"):
            model = subprocess.Popen(["sleep", "3"], pass_fds=self.opened,
                                     stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            for disk in self.disks:
                disk["pid"] = str(model.pid)
        if env("FAKE_ATTACHED") and not os.path.exists(env("FAKE_ATTACHED")):
            with open(env("FAKE_ATTACHED"), "w") as f:
                for disk in self.disks:
                    f.write("|".join("%s=%s" % i for i in disk.items()) + "\n")

    def read(self):
        if not env("FAKE_ATTACHED"):
            return self.disks
        with open(env("FAKE_ATTACHED")) as f:
            return [dict(field.split("=", 1) for field in
                         line.rstrip("\n").split("|")) for line in f]

    def close(self):
        while self.opened:
            os.close(self.opened.pop())


@functools.lru_cache()
def memory():
    if env("FAKE_STREAM").startswith("file:"):
        with open(env("FAKE_STREAM")[5:], "rb") as f:
            return f.read()
    if env("FAKE_STREAM"):
        with open(env("FAKE_CACHE", "/dev/null"), "rb") as f:
            return b"".join(make_stream.stream(env("FAKE_STREAM"), 1, 900,
                                               3, f.read()))
    seed = random.Random(int(env("FAKE_SEED", "1")))
    return seed.randbytes(int(env("FAKE_MEMORY", "3000000")))


def state(side, what):
    if env("FAKE_STATE"):
        with open(os.path.join(env("FAKE_STATE"), side), "w") as f:
            f.write(what + "\n")


def interrupt_begin(control):
    def on_signal(*_):
        global interrupted
        interrupted = True
        try:
            control.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    for number in SIGNALS:
        signal.signal(number, on_signal)


def interrupt_end():
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)


def prepare(control, disks):
    """All before the real libxl_domain_suspend."""
    try:
        control.describe(False, disks)
        if control.hear() != "list":
            return False
        if env("FAKE_ADMIN"):
            subprocess.run(env("FAKE_ADMIN"), shell=True, check=True)
        control.list(disks)
        control.go()
    except ConnectionError:
        return False
    return control.hear() == "suspend"


def suspend(control, fd, disks):
    """The hooked libxl_domain_suspend: a libxl error code."""
    if not prepare(control, disks):
        return -7           # ERROR_GUEST_TIMEDOUT
    interrupt_begin(control)
    data = memoryview(memory())
    try:
        if not env("FAKE_STREAM"):
            write_all(fd, struct.pack("<Q", len(data)))
        write_all(fd, data[:len(data) // 2])
        if env("FAKE_WRITE"):
            # the guest is not of xl's process group
            subprocess.run(env("FAKE_WRITE"), shell=True, check=True,
                           start_new_session=True)
        state("a", "suspended")
        control.say("stopped")
        write_all(fd, data[len(data) // 2:])
        rc = int(env("FAKE_SUSPEND_RC", "0"))
    except ConnectionError:
        rc = -3
    if env("FAKE_KILLED"):
        os.close(fd)
    try:
        if not rc:
            control.list(disks)
        control.say("suspended", rc=str(rc))
    except ConnectionError:
        pass                    # what follows will tell
    if env("FAKE_KILLED"):
        os.kill(os.getpid(), signal.SIGKILL)
    if rc == 0 and control.hear() != "done":
        rc = -3
    interrupt_end()
    return rc


def failed(to, child, message, resumed=None):
    """xl gives its child two seconds before it goes on without it."""
    os.close(to)
    try:
        child.wait(2)
    except subprocess.TimeoutExpired:
        print("fake-xl.py: the helper is slow to end", file=sys.stderr)
    if resumed:
        state("a", resumed)
    print(message)
    return 1


def migrate(rune):
    there, to = os.pipe()
    back, out = os.pipe()
    child = subprocess.Popen(["sh", "-c", rune], stdin=there, stdout=out,
                             pass_fds=[int(env("XL_DEDUP_PEER_FD"))])
    os.close(there)
    os.close(out)
    control = Control(int(env("XL_DEDUP_CONTROL_FD")))
    os.close(int(env("XL_DEDUP_PEER_FD")))
    state("a", "running")
    disks = Disks()
    try:
        if read_exactly(back, len(BANNER)) != BANNER:
            raise EOFError
        write_all(to, CONFIG)
    except (EOFError, ConnectionError):
        return failed(to, child, "guest untouched")
    rc = suspend(control, to, disks)
    if rc == -7:
        return failed(to, child, "guest untouched")
    try:
        if rc or read_exactly(back, len(READY)) != READY:
            raise EOFError
    except EOFError:
        return failed(to, child, "guest resumed", "running")
    try:
        write_all(to, GO)
        assert read_exactly(back, len(REPORT)) == REPORT
        status = read_exactly(back, 1)[0]
        if status:
            assert read_exactly(back, len(GO)) == GO
    except (EOFError, ConnectionError):
        return failed(to, child, "guest undefined")
    if status:
        state("a", "running")
        print("guest resumed")
        return 1
    disks.close()
    if env("FAKE_DESTROY"):
        subprocess.run(env("FAKE_DESTROY"), shell=True, check=True,
                       stdout=sys.stderr)
    state("a", "gone")
    print("guest moved")
    return 0


def restore(control):
    """The hooked libxl_domain_create_restore."""
    control.describe(True)
    if control.hear() != "restore":
        return -3
    state("b", "building")
    rc = int(env("FAKE_RESTORE_RC", "0"))
    try:
        if not rc:
            length = len(memory()) if env("FAKE_STREAM") else \
                struct.unpack("<Q", read_exactly(0, 8))[0]
            if not read_same(0, memory(), length):
                print("fake-xl.py: the memory stream is damaged",
                      file=sys.stderr)
                rc = -3
            elif env("FAKE_AT_END"):
                subprocess.run(env("FAKE_AT_END"), shell=True, check=True,
                               stdout=sys.stderr)
    except EOFError:
        rc = -3
    state("b", "gone" if rc else "paused")
    try:
        control.say("restored", rc=str(rc))
    except ConnectionError:
        pass
    control.socket.close()
    return rc


def receive():
    write_all(1, BANNER)
    assert read_exactly(0, len(CONFIG)) == CONFIG
    if restore(Control(int(env("XL_DEDUP_CONTROL_FD")))):
        return 1
    write_all(1, READY)
    status = int(env("FAKE_STATUS", "0"))
    try:
        if read_exactly(0, len(GO)) != GO:
            raise EOFError
        if not status:
            state("b", "running")
    except EOFError:
        status = 3
    if env("FAKE_REPORTS", "1") == "":
        os.kill(os.getppid(), signal.SIGKILL)
        return status
    write_all(1, REPORT + bytes([status]))
    if status:
        # Not reached if nobody took the report: the copy stays, paused.
        state("b", "gone")
        write_all(1, GO)
    return 0


def configuration(target):
    disks = []
    for disk in env("FAKE_DISKS").split():
        vdev, *paths = disk.split("=")
        disks.append({"pdev_path": paths[-1 if target else 0], "vdev": vdev,
                      "format": env("FAKE_FORMAT", "raw"), "removable": 1})
        if vdev not in env("FAKE_READONLY").split():
            disks[-1]["readwrite"] = 1
    return {"c_info": {"type": "pvh", "name": "g1", "uuid": UUID},
            "b_info": {"max_memkb": 262144, "target_memkb": 196608},
            "disks": disks}


def configuration_of(arguments):
    """As xl reads it: of a disk, keys and values are enough."""
    files, found = [a[12:] if a.startswith("--defconfig=") else a
                    for a in arguments], {}
    path = [a for a in files if a[:1] != "-" and "=" not in a][-1]
    text = ""
    if os.path.exists(path):
        with open(path) as f:
            text = f.read()
    if "name" not in text:
        return configuration(True)
    exec(text, {}, found)
    disks = []
    for disk in found.get("disk", []):
        fields = dict(field.split("=", 1) for field in disk.split(","))
        disks.append({"pdev_path": fields["target"], "vdev": fields["vdev"],
                      "format": "raw", "removable": 1})
        if fields.get("access") != "ro":
            disks[-1]["readwrite"] = 1
    return {"c_info": {"type": "pvh", "name": found["name"],
                       "uuid": found.get("uuid", str(uuid.uuid4()))},
            "b_info": {"max_memkb": 262144}, "disks": disks}


def create(arguments):
    config = configuration_of(arguments)
    if "-n" in arguments:
        print(json.dumps(config, indent=4), end="")
    else:
        print("created", config["c_info"]["name"])
    return 0


def list_domains(domain):
    if domain and env("FAKE_NO_DOMAIN"):
        print("%s is an invalid domain identifier (rc=-6)" % domain,
              file=sys.stderr)
        return 1
    domains = [{"domid": 0, "config": {"c_info": {"name": "Domain-0"}}}]
    if domain:
        domains = [{"domid": 7, "config": configuration(False)}]
    else:
        for busy in env("FAKE_BUSY").split():
            path, name = busy.split("=")
            domains.append({"domid": 3, "config": {
                "c_info": {"name": name, "uuid": UUID},
                "disks": [{"pdev_path": path, "vdev": "xvda"}]}})
        if env("FAKE_SHARED") != "unknown":
            for path, name, mode, _ in shared():
                domains.append({"domid": 3, "config": {
                    "c_info": {"name": name, "uuid": UUID},
                    "disks": [{"pdev_path": path, "vdev": "xvda",
                               "readwrite": int(mode == "w")}]}})
    print(json.dumps(domains, indent=4))
    return 0


def main():
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if sys.argv[1] == "list":
        return list_domains(sys.argv[4] if len(sys.argv) > 4 else None)
    words = sys.argv[1:]
    while words[0][:1] == "-":
        words.pop(0)
    if len(words[0]) > 1 and "create".startswith(words[0]):
        return create(words[1:])
    if words[0] == "restore":
        print("restored")
        return 0
    if "migrate-receive" in sys.argv:
        return receive()
    return migrate(sys.argv[-1])


try:
    sys.exit(main())
except (EOFError, ConnectionError):
    sys.exit(1)
