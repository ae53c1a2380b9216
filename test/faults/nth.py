#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The N-th call of a class fails, in each command (test-nth.sh).

  nth.py DIRECTORY          the cases of a seed, or all of a stride
  nth.py DIRECTORY CASE...  these, as they are printed

The directory is what migration_setup made, with images a/one.img, a/two.img
and b/reference.img.  Environment: SEED; NTH_SECONDS (how long, with the
counting of the calls: 30); STRIDE (every STRIDE-th call instead, without a limit
of time); ONLY (a regular expression of the cases).  A case is
SCENARIO/WORD/CLASS/N/ERROR/HOW; see lib/failnth.c.

Of each, with the fault: an exit status of success and the right result, or
another of the documented ones, a message, and nothing changed but what a later
try may use; never a signal, never longer than TIMEOUT, no process left.  After
that the same command succeeds without the fault.  It may want xl-dedup allow
first, where one end has said that the next session will not know the copy, or
where all calls failed, so that nothing could be noted (docs/faults.md).
"""
import errno
import filecmp
import glob
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

CLASSES = ("memory", "read", "write", "sync", "name", "thread", "open", "map",
           "process")
ERRORS = {
    "memory": (errno.ENOMEM,),
    "read": (errno.EIO, errno.EINTR, 0),
    "write": (errno.ENOSPC, errno.EIO, errno.EINTR, 0),
    "sync": (errno.EIO, errno.ENOSPC),
    "name": (errno.EIO, errno.ENOSPC),
    "thread": (errno.EAGAIN,),
    "open": (errno.EMFILE, errno.EIO),
    "map": (errno.ENOMEM,),
    "process": (errno.EAGAIN,),
}
TIMEOUT = 60
MAPPED = 4096
# A short write means to LMDB that the file system is full.
FULL = (("index", "write", "0"),)
# What a disk is built in at the target.
STAGING = r"\.disk\.img\.xl-dedup(-[0-9a-f]{16})?"
# With which the target looks whether a file can be made.
PROBE = r"\.xl-dedup-probe-[0-9a-f]{16}"

directory = os.path.realpath(sys.argv[1])
build = os.environ["abs_top_builddir"]
a, b = directory + "/a", directory + "/b"
target = b + "/disk.img"
state_file = directory + "/failnth"
# What is here says that the two hosts know each other's copy; see Copy.
markers = [directory + f"/state-{host}/is-copy" for host in "ab"]


class Problem(Exception):
    pass


def same(x, y):
    return filecmp.cmp(x, y, shallow=False)


def remove(*paths):
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


def running():
    """Processes of the command that ran last."""
    mark = ("NTH_MARK=" + directory).encode()
    found = []
    for name in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(name, "rb") as f:
                if mark in f.read():
                    found.append(int(name.split("/")[2]))
        except OSError:
            pass
    return found


class Run:
    """A command, with a fault or without."""

    def __init__(self, argv, fault=None, **more):
        with open(state_file, "wb") as f:
            f.write(bytes(MAPPED))
        for path in glob.glob(directory + "/ended.*"):
            os.unlink(path)
        env = dict(os.environ, NTH_MARK=directory, **more)
        if fault:
            env.update(LD_PRELOAD=build + "/.libs/libfailnth.so",
                       FAILNTH=fault, FAILNTH_STATE=state_file)
        with open(directory + "/out", "wb") as out, \
                open(directory + "/err", "wb") as err:
            p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=err, env=env, cwd=directory,
                                 start_new_session=True)
            try:
                self.status = p.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGABRT)
                p.wait()
                self.status = None
        self.left = self.wait_for_the_end()
        with open(directory + "/out", errors="replace") as f:
            self.out = f.read()
        with open(directory + "/err", errors="replace") as f:
            self.err = f.read()
        with open(state_file, "rb") as f:
            words = struct.unpack("<%dQ" % (MAPPED // 8), f.read(MAPPED))
        self.calls = dict(zip(CLASSES, words))
        self.failed = words[len(CLASSES)]
        n = words[len(CLASSES) + 1]
        self.place = words[len(CLASSES) + 2:][:n]

    @staticmethod
    def wait_for_the_end():
        for _ in range(200 * 5):
            left = running()
            if not left:
                return []
            time.sleep(0.02)
        names = []
        for pid in left:
            try:
                with open(f"/proc/{pid}/cmdline") as f:
                    names.append(f.read().replace("\0", " "))
                os.kill(pid, signal.SIGABRT)
            except OSError:
                pass
        return names

    def check(self, good=(0,), bad=(2,)):
        """What holds for every command; whether it succeeded."""
        if self.status is None:
            raise Problem("it hangs")
        if self.left:
            raise Problem(f"processes are left: {self.left}")
        died = [f"{os.path.basename(name)}: {open(name).read().strip()}"
                for name in glob.glob(directory + "/ended.*")
                if int(open(name).read()) > 128]
        if self.status < 0 or self.status > 128:
            died.append(f"signal {self.status}")
        if died or re.search(r"signal \d+|dumped core|stack smashing|"
                             r"[Aa]ssertion|free\(\)|corrupt", self.err):
            raise Problem(f"a process died: {died}")
        if self.status in good:
            return True
        if self.status == 64 and "no memory" in self.err:
            return False
        if self.status not in bad:
            raise Problem(f"exit status {self.status}")
        if not re.search(r"\w{3}", self.err):
            raise Problem("it failed without a message")
        return False


def staging_files():
    return [name for name in os.listdir(b) if re.fullmatch(STAGING, name)]


def tidy(fault):
    """What may be beside the target: where a name cannot be taken away, that of
    the probe stays, too."""
    left = set(os.listdir(b)) - {"reference.img", "disk.img"} - \
        set(staging_files())
    if fault and ":name:" in fault:
        for name in [name for name in left if re.fullmatch(PROBE, name)]:
            os.unlink(f"{b}/{name}")
            left.remove(name)
    if left:
        remove(*(f"{b}/{name}" for name in left))
        raise Problem(f"left at the target: {left}")


def forget():
    """As if nothing had come from one host to the other."""
    remove(target, directory + "/state-a", directory + "/state-b",
           *(f"{b}/{name}" for name in staging_files()))


class Push:
    """A disk that the target does not have."""
    words = ("push", "receive", "xl-dedup-parse")
    image = a + "/one.img"

    def prepare(self):
        forget()

    def command(self):
        return ["xl-dedup", "push", "--timeout=20", self.image,
                "hostb:" + target]

    def run(self, fault=None):
        before = directory + "/before"
        remove(before)
        if os.path.exists(target):
            shutil.copyfile(target, before)
        r = Run(self.command(), fault)
        if r.check():
            if not os.path.exists(target) or not same(target, self.image):
                raise Problem("called good, but the disk is not identical")
        elif os.path.exists(target):
            if not (os.path.exists(before) and same(target, before)) and \
                    not same(target, self.image):
                raise Problem("failed, and what is in place is neither the "
                              "old nor the new disk")
        elif os.path.exists(before):
            raise Problem("the old disk is gone")
        tidy(fault)
        return r


class Copy(Push):
    """A disk of which the target has an earlier copy: one content after the
    other goes to the same place."""
    image = a + "/changing.img"

    def prepare(self):
        remove(*(f"{b}/{name}" for name in staging_files()))
        if not all(map(os.path.exists, [target, *markers])) or \
                not same(target, self.image):
            forget()
            shutil.copyfile(a + "/two.img", self.image)
            if not Run(self.command()).check():
                raise Problem("the earlier copy cannot be made")
            for marker in markers:
                with open(marker, "wb"):
                    pass
        shutil.copyfile(a + ("/two.img" if same(target, a + "/one.img")
                             else "/one.img"), self.image)


class Resume(Push):
    """A disk of which the target has a part, from a try that failed."""

    # Which of the writes are those of the disk differs from try to try, since
    # neighbours are written together as they arrive: so each number is tried.
    def prepare(self):
        for n in range(46, 10, -1):
            super().prepare()
            Run(self.command(), f"receive:write:{n}:{errno.ENOSPC}:on")
            if staging_files() and not os.path.exists(target):
                return
        raise Problem("no try can be made to fail in the middle")


class Migrate(Push):
    """A guest with its disk; xl is played by fake-xl.py."""
    words = ("send-xl", "receive-xl", "guard")
    image = a + "/guest.img"

    def prepare(self):
        super().prepare()
        remove(directory + "/guest")
        os.mkdir(directory + "/guest")
        shutil.copyfile(a + "/one.img", self.image)
        os.environ.update(
            FAKE_DISKS=f"xvda={self.image}={target}", FAKE_MEMORY="200000",
            FAKE_STATE=directory + "/guest",
            FAKE_WRITE=f"head -c 9000 /dev/urandom | dd of={self.image} bs=1 "
                       "seek=2000001 conv=notrunc status=none",
            FAKE_AT_END=f"cmp {self.image} {target} && touch "
                        f"{directory}/was-final")

    def command(self):
        return [build + "/xl", "migrate", "--dedup", "--dedup-timeout=20", "g1",
                "hostb"]

    def run(self, fault=None):
        remove(directory + "/was-final")
        r = Run(self.command(), fault)
        if r.status not in (0, 1, 2, 255):
            r.check()
        moved = "guest moved" in r.out
        if r.check(bad=(1, 2, 255)) != moved:
            raise Problem(f"exit status {r.status}, and: {r.out}")
        if moved:
            if not os.path.exists(directory + "/was-final") or \
                    not same(target, self.image):
                raise Problem("moved, but its disk is not identical")
        elif not re.search("^guest (untouched|resumed%s)$" % (
                "|undefined" if fault and fault.endswith(":on") else ""),
                r.out, re.M):
            raise Problem(f"the guest: {r.out}")
        elif os.path.exists(target) and os.path.getsize(target) and \
                not same(target, self.image):
            raise Problem("failed, and what is in place is not the disk")
        tidy(fault)
        return r


class Local:
    """A command that reads."""
    good = (0,)

    def __init__(self, *argv, words, bad=(2,), good=(0,), conf="a.conf"):
        self.argv = ["xl-dedup", *argv]
        self.words, self.bad, self.good = words, bad, good
        self.environment = {"XL_DEDUP_CONFIG": directory + "/" + conf}
        self.wanted = None

    def prepare(self):
        pass

    def text(self, r):
        return re.sub(r"\d+(\.\d+)? (s|seconds|MB/s|ago).*|\d+[dhm]\b", "",
                      r.out)

    def run(self, fault=None):
        r = Run(self.argv, fault, **self.environment)
        if r.check(self.good, self.bad):
            if fault is None or self.wanted is None:
                self.wanted = self.text(r)
            elif self.text(r) != self.wanted and not r.err.strip():
                raise Problem("another result, without a word")
        return r


class Index(Local):
    """What it leaves can be read, and is true."""

    def __init__(self):
        super().__init__("index", "-q", a + "/one.img", b + "/reference.img",
                         words=("index", "xl-dedup-parse"),
                         conf="index.conf")
        self.listed = None

    def prepare(self):
        remove(directory + "/state-index")

    def more(self, *argv):
        return Run(["xl-dedup", "index", *argv], **self.environment)

    def run(self, fault=None):
        r = super().run(fault)
        check = self.more("--check", "--sample=100000")
        if r.status == 0 and not r.err.strip() or check.status not in (0, 2):
            if check.status != 0 or " 0 differ" not in check.out:
                raise Problem(f"then --check: {check.out} {check.err}")
            listed = sorted(
                line.split(":", 1)[1].split(" ", 1)[1] for line in
                self.more("--list").out.splitlines()[1:])
            if self.listed is None:
                self.listed = listed
            elif listed != self.listed:
                raise Problem(f"it has: {listed}\nnot: {self.listed}")
        return r


SCENARIOS = {
    "push": Push(),
    "copy": Copy(),
    "resume": Resume(),
    "migrate": Migrate(),
    "verify": Local("verify", a + "/one.img", a + "/twin.img",
                    words=("verify", "xl-dedup-parse")),
    "differ": Local("verify", a + "/one.img", a + "/two.img", good=(1,),
                    words=("verify", "xl-dedup-parse")),
    "scan": Local("scan", a + "/one.img", words=("scan", "xl-dedup-parse")),
    "compare": Local("compare", a + "/one.img", b + "/reference.img",
                     words=("compare", "xl-dedup-parse")),
    "index": Index(),
    "status": Local("status", words=("status",), conf="status.conf"),
}


def count_all():
    """How many calls of each class there are."""
    counts = {}
    for name, scenario in SCENARIOS.items():
        if not re.search(only, name + "/") and "/" not in only:
            continue
        for word in scenario.words:
            scenario.prepare()
            r = scenario.run(f"{word}:memory:0:0:once")
            if r.status not in getattr(scenario, "good", (0,)):
                raise Problem(f"{name} without a fault: {r.out} {r.err}")
            counts[name, word] = r.calls
            if word == scenario.words[0]:
                print(f"{name}: calls of {word}:",
                      " ".join(f"{k} {v}" for k, v in r.calls.items() if v))
    return counts


def cases_of(counts, stride):
    """With a stride, all; without, in the order of the seed a few of each
    class first, so that none is left out."""
    chosen = []
    for (name, word), calls in counts.items():
        for kind, n in calls.items():
            which = list(range(1 + random.randrange(stride), n + 1, stride))
            random.shuffle(which)
            for rank, i in enumerate(which):
                error = random.choice(ERRORS[kind])
                how = random.choice(("once", "on"))
                if error in (0, errno.EINTR):
                    how = "once"
                chosen.append((rank, random.random(),
                               f"{name}/{word}/{kind}/{i}/{error}/{how}"))
    return [case for _, _, case in sorted(chosen)]


def where(r):
    """The functions in which the first call failed."""
    p = subprocess.run(["addr2line", "-f", "-p", "-s", "-e",
                        build + "/xl-dedup",
                        *[hex(i - 1) for i in r.place if i < 1 << 32]],
                       capture_output=True, text=True, check=False)
    return p.stdout


def allow():
    subprocess.run(["xl-dedup", "allow", target], check=True,
                   env=dict(os.environ,
                            XL_DEDUP_CONFIG=directory + "/b.conf"))


def try_again(scenario, r, how):
    """r: how the try with the fault went.  What it said that it could not
    remove the administrator does."""
    if "the older copy cannot be removed" in r.err:
        remove(*(f"{b}/{name}" for name in staging_files()))
    again = scenario.run()
    said = re.search("will not (know|be used)", r.err)
    if "run 'xl-dedup allow" in again.err and (how == "on" or said):
        allow()
        again = scenario.run()
    if again.status not in getattr(scenario, "good", (0,)):
        raise Problem(f"the next try failed, too: {again.err}")
    if isinstance(scenario, Push) and how == "once" and not said and \
            staging_files():
        raise Problem(f"what the try left was not used: {staging_files()}")


def one(case):
    name, word, kind, n, error, how = case.split("/")
    scenario = SCENARIOS[name]
    scenario.prepare()
    r = None
    try:
        r = scenario.run(f"{word}:{kind}:{n}:{error}:{how}")
        if r.status not in getattr(scenario, "good", (0,)) and \
                error in ("0", str(errno.EINTR)) and how == "once" and \
                (name, kind, error) not in FULL:
            raise Problem("failed, although nothing had")
        try_again(scenario, r, how)
        return r.failed > 0, r.status
    except Problem as problem:
        print(f"FAILED {case}: {problem}")
        with open(directory + "/err", errors="replace") as f:
            print("  " + f.read().replace("\n", "\n  "))
        with open(state_file, "rb") as f:
            words = struct.unpack("<%dQ" % (MAPPED // 8), f.read(MAPPED))
        if r is None:
            n = words[len(CLASSES) + 1]
            r = type("R", (), {"place": words[len(CLASSES) + 2:][:n]})
        print(where(r), flush=True)
        remove(*markers)
        return None, None


def main():
    global only
    seed = int(os.environ.get("SEED", "1"))
    stride = int(os.environ.get("STRIDE", "0"))
    only = os.environ.get("ONLY", "")
    limit = float(os.environ.get("NTH_SECONDS", "30"))
    begun, results, bad = time.monotonic(), [], 0
    random.seed(seed)
    if len(sys.argv) > 2:
        cases = sys.argv[2:]
        stride = 1
    else:
        cases = [case for case in cases_of(count_all(), stride or 1)
                 if re.search(only, case)]
    for case in cases:
        if not stride and time.monotonic() - begun > limit:
            break
        failed, status = one(case)
        if failed is None:
            bad += 1
        results.append((failed, status))
    print(f"SEED={seed}: {len(results)} of {len(cases)} cases, of which in "
          f"{sum(1 for f, _ in results if f)} a call failed, in "
          f"{sum(1 for f, s in results if f and s == 0)} without an effect on "
          f"the result; {bad} wrong")
    sys.exit(bad > 0)


only = ""
main()
