# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends every type of frame in every state of a session, as it should be, a
byte too short and a byte too long, to the target (xl-dedup receive) or to the
source (xl-dedup push).  Then the connection ends.  Each session must end by
itself, without a signal, with exit status 2 (or 0 after BYE) and a line that
says why.

  every-frame.py target|source XL-DEDUP DIRECTORY [STATE TYPE VARIANT]

As many sessions as SESSIONS of the environment says are drawn from SEED; all:
there are some thousand.  DIRECTORY must not exist.
"""
import importlib.util
import os
import random
import subprocess
import sys
import zlib

sys.dont_write_bytecode = True
import wire                                                     # noqa: E402
from hostile import Ended, play_all                             # noqa: E402
from wire import frame, u64                                     # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def load(name):
    spec = importlib.util.spec_from_file_location(
        name.replace("-", "_"), os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


KEY = bytes(range(16))


def payloads():
    """What makes sense somewhere."""
    return dict(
        HELLO=wire.text(mode="push", name="x", uuid="y", host="h"), FAIL=b"why",
        XL=b"xl", MEMORY=b"memory", MEMORY_END=u64(0) + bytes(32),
        MEMORY_KEY=KEY, CODED=bytes(9), TAKEN=u64(0),
        MISSED=u64(0) + bytes(4), PAGES=bytes(4096),
        DISK=wire.text(vdev="other", size=1 << 20, used=0, base="x",
                       kind="file", dest="/nowhere/x"),
        DISKS_END=b"", PROBE=b"x", PROBED=b"\0", DISK_OK=wire.text(base=0),
        BALLAST=b"", CHALLENGE=bytes(32), MANIFEST=SOURCE.NAMED, MANIFEST_END=u64(1),
        WANT=wire.numbers([0]), WANT_END=b"",
        DATA=wire.record(0, SOURCE.PIECES), DATA_END=b"", BULK_DONE=b"",
        LEFT=wire.numbers([0]), FREIGHT=wire.compressed(
            frame("DATA", 0, wire.record(0, SOURCE.PIECES))),
        UNKNOWN=wire.numbers([0]), NAMES=wire.names(b"/dir/file-17.x"),
        SIGNATURE=wire.signature(0, bytes(3000)),
        RECIPE=wire.recipe(0, SOURCE.WHOLE, end=SOURCE.WHOLE),
        LIST=KEY + wire.numbers([0]), BLOCKLIST=wire.blocklist((0, [])),
        HELD=wire.held(0, 0, 1), SEGMENTS=SOURCE.ALL, PASS_END=b"",
        DIFFER=u64(0), PASS_DONE=u64(0),
        SEGMENT=wire.segment(0, SOURCE.segments()[0]), BLOCKS=u64(0),
        PATCH=wire.patch(0, SOURCE.DIGESTS[0], (0, b"x")), COMPARED=b"",
        DELTA=wire.delta((0, b"x")),
        LISTING=wire.compressed(wire.in_listing("MANIFEST", SOURCE.NAMED)),
        WITNESS=u64(0) + bytes(32), WITNESSED=bytes(17), UNLIKE=b"", APART=b"",
        PLACE=b"", PLACED=b"", RESTORE=b"", RESTORING=b"", BYE=b"",
        ALIVE=u64(7))


OF_NO_DISK = ("HELLO", "FAIL", "XL", "MEMORY", "MEMORY_END", "MEMORY_KEY",
              "CODED", "TAKEN", "MISSED", "PAGES", "DISKS_END", "BALLAST",
              "CHALLENGE", "FREIGHT", "RESTORE", "RESTORING", "BYE", "ALIVE")

# What is done before.  Of the source's, and of the target's.
STATES = dict(
    target=["greet", "hello", "offered", "probed", "accepted", "knowing",
            "based", "compared", "listed", "unknown", "signature", "asked",
            "held", "wanted", "copied", "checked", "placed", "dry",
            "dry_accepted", "dry_wanted", "dry_copied", "dry_held"],
    source=["greet", "hello", "offered", "accepted", "compared", "doubtful",
            "doubtful_compared", "listed", "wanted", "copied", "checked"])

# As it is; one byte missing; one more; of another disk; twice; and after a
# frame that has others wait for it.
VARIANTS = ("whole", "short", "long", "disk", "twice", "pair")
PAIRS = dict(unknown="NAMES", asked="BLOCKLIST", listed="MANIFEST_END",
             wanted="DATA_END", compared="MANIFEST")


def build(state, kind, variant):
    payload = PAYLOADS[kind]
    if variant == "short":
        payload = payload[:-1]
    if variant == "long":
        payload += b"\0"
    disk = wire.NO_DISK if kind in OF_NO_DISK else 0
    if variant == "disk":
        disk = 3 if disk else 0
    data = frame(kind, disk, payload)
    if variant == "twice":
        data += data
    if variant == "pair" and state in PAIRS:
        first = PAIRS[state]
        data = frame(first, 0, PAYLOADS[first]) + data
    return data


def empty(directory):
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))


def to_target(command, directory, state, kind, variant):
    r = SOURCE.Receiver(command, directory)
    try:
        getattr(r, state)()
    except Ended:
        raise AssertionError("refused a good session: %s" % r.failed)
    r.send(build(state, kind, variant))
    r.process.stdin.close()
    try:
        while True:
            r.next()
    except (Ended, wire.Broken):
        pass
    r.stderr.seek(0)
    said = r.stderr.read().decode()
    SOURCE.finish(r, kind == "BYE")
    empty(directory)
    assert kind == "BYE" or r.failed or "xl-dedup: error" in said, \
        "nothing was said"
    return r.failed or said.strip()[-100:]


def to_source(command, directory, image, *words):
    rsh = os.path.join(directory, "rsh")
    with open(rsh + ".data", "wb") as f:
        f.write(build(*words))
    with open(rsh, "w") as f:
        f.write('#!/bin/sh\nexec "%s" "%s" --play %s "%s.data"\n' % (
            sys.executable, os.path.abspath(__file__), words[0], rsh))
    os.chmod(rsh, 0o755)
    done = subprocess.run([command, "push", "-e", rsh, image, "hostb:/x/y"],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=TARGET.PATIENCE)
    said = done.stderr.decode()
    assert "Traceback" not in said and "Sanitizer:" not in said, said
    assert done.returncode == 2, "exit status %d: %s" % (done.returncode, said)
    # a FAIL without a reason is for a user who knows it
    assert "xl-dedup: error" in said or words[1] == "FAIL", "nothing was said"
    return said.strip()[-100:]


def play(state, path):
    """What push runs."""
    t = load("hostile-target").Target()
    with open(path, "rb") as f:
        data = f.read()
    try:
        getattr(t, state)()
        t.send(data)
        os.close(1)
        while True:
            t.next()
    except (Ended, wire.Broken, BrokenPipeError):
        pass


if sys.argv[1] == "--play":
    sys.exit(play(*sys.argv[2:]))

SOURCE = load("hostile-source")
TARGET = load("hostile-target")
PAYLOADS = payloads()
assert PAYLOADS.keys() == wire.TYPES.keys(), "a type is missing"


def main():
    role, command, directory, *only = sys.argv[1:]
    os.makedirs(directory)
    above = os.path.dirname(directory)
    all_of = [(s, k, v) for s in STATES[role] for k in PAYLOADS
              for v in VARIANTS if v != "pair" or s in PAIRS]
    n = os.environ.get("SESSIONS", "40")
    if only:
        all_of = [tuple(only)]
    elif n != "all":
        seed = os.environ.get("SEED", "4")
        print("SEED=%s, %s of %d sessions" % (seed, n, len(all_of)))
        all_of = random.Random(zlib.crc32(seed.encode())).sample(all_of,
                                                                 int(n))
    if role == "target":
        with open(os.path.join(above, "precious"), "w") as f:
            f.write("precious")
        SOURCE.make_reference(above)
        SOURCE.make_blocks(above)

        def one(name):
            return to_target(command, directory, *name.split())
    else:
        image, _ = TARGET.make_image(directory)

        def one(name):
            return to_source(command, directory, image, *name.split())
    bad = play_all([" ".join(words) for words in all_of], one,
                   lambda: role == "target" and empty(directory))
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
