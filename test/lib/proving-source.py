# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a source that says which guest it has and where its disk lies, which
anybody can know, and asks what is told of a copy at the target.  Prints what
that was, one thing a line:

  fail MESSAGE         the session ended
  KEY=VALUE            of DISK_OK
  hashes N             blocks whose hashes came, in all answers
  names N              segments that were named without any
  unlike N             segments that were said to differ
  proof HEX            what it showed
  placed               the disk was put in place

  proving-source.py XL-DEDUP DEST [KEY=VALUE...]

uuid, vdev, path   as an honest source says them
size               bytes of the disk
secret=HEX         shows it, as it should be
wrong=HEX          shows the name of this secret, and a proof of another one
proof=HEX          shows this
about=PATH         the proof is about a disk that lies there
list=HEX           offers a listing of this digest
dry=1              a dry run
image=FILE         the disk's content, instead of zeros, as DATA of a MiB each
lies=1             sends no DATA
apart=0            does not say that a device is another storage
goes=STAGE         breaks the line after DISK_OK (accepted), or the first pass
                   (passed), instead of going on to the end (placed)
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
import wire                                                     # noqa: E402
from fdio import write_all                                      # noqa: E402
from hostile import Ended                                       # noqa: E402
from wire import frame, manifest, run, text, u64       # noqa: E402


class Source:
    def __init__(self, command, dest, values):
        self.values = values
        self.dest = dest
        self.hashes = self.names = 0
        self.process = subprocess.Popen([command, "receive"], bufsize=0,
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.reader = wire.Reader(
            lambda n: os.read(self.process.stdout.fileno(), n))
        self.size = int(values["size"])
        self.disk = bytes(self.size)
        if "image" in values:
            with open(values["image"], "rb") as f:
                self.disk = f.read(self.size)
        self.pieces = [self.disk[at:at + wire.SEGMENT_BYTES]
                       for at in range(0, self.size, wire.SEGMENT_BYTES)]

    def send(self, *frames):
        try:
            write_all(self.process.stdin.fileno(), *frames)
        except ConnectionError:
            pass

    def next(self):
        while True:
            try:
                f = self.reader.frame()
            except ConnectionError:
                f = None
            if f is None:
                raise Ended
            if f.name == "FAIL":
                print("fail", f.payload.decode())
                raise Ended
            if f.name != "ALIVE":
                return f

    def until(self, name):
        """Takes frames up to one of this name, and counts what they tell."""
        while True:
            f = self.next()
            if f.name == "BLOCKS" and len(f.payload) > 8:
                self.hashes += (len(f.payload) - 24) // 8
            elif f.name in ("BLOCKS", "DIFFER"):
                self.names += 1
            if f.name == name:
                return f.payload

    def proofs(self, nonce):
        about = nonce, self.values["uuid"], self.values["vdev"], \
            self.values.get("about", self.values["path"])
        for key, value in self.values.items():
            if key in ("secret", "wrong"):
                secret = bytes.fromhex(value)
                proof = wire.proof(secret if key == "secret" else bytes(32),
                                   *about)
                yield (wire.secret_name(secret) + proof).hex()
            elif key == "proof":
                yield value

    def offer(self):
        v = self.values
        self.send(wire.greeting())
        assert self.reader.greeting()[0] == wire.VERSION
        nonce = self.until("CHALLENGE")
        self.send(frame("HELLO", payload=text(
            mode="push", name="x", uuid=v["uuid"], timeout=60,
            dry=v.get("dry", "0"))))
        pairs = [("proof", p) for p in self.proofs(nonce)]
        for _, proof in pairs:
            print("proof", proof)
        if "list" in v:
            pairs.append(("list", v["list"]))
        self.send(frame("DISK", 0, text(
            *pairs, vdev=v["vdev"], size=self.size, used=0, path=v["path"],
            base=os.path.basename(v["path"]), kind="file", sector=512,
            dest=self.dest)), frame("DISKS_END"))
        f = self.next()
        assert f.name == "HELLO"
        f = self.next()
        if f.name == "PROBE":
            self.send(frame("PROBED", 0, b"\0"))
            f = self.next()
        assert f.name == "DISK_OK", f.name
        said = dict(wire.read_text(f.payload))
        for pair in said.items():
            print("%s=%s" % pair)
        return said

    def digests(self):
        at = [wire.digest(p) if any(p) else None for p in self.pieces]
        return b"".join(run(n, [d]) if d else run(n, zeros=1)
                        for n, d in enumerate(at))

    def copy(self, said):
        if said["base"] == "1":
            self.send(frame("SEGMENTS", 0, self.digests()),
                      frame("COMPARED", 0))
            if "witness" in said:
                print("unlike", len(self.until("UNLIKE")) // 8)
        if "witness" in said and self.values.get("apart") != "0":
            self.send(frame("APART", 0))
        objects = [(wire.digest(p), len(p), [(0, n * wire.SEGMENT_BYTES,
                                              len(p))])
                   for n, p in enumerate(self.pieces) if any(p)]
        self.send(frame("MANIFEST", 0, manifest(0, objects)) if objects
                  else b"", frame("MANIFEST_END", 0, u64(len(objects))))
        self.until("WANT_END")
        content = [p for p in self.pieces if any(p)]
        if self.values.get("lies") != "1":
            for n, p in enumerate(content):
                self.send(frame("DATA", 0, u64(n) + len(p).to_bytes(
                    4, "little") + p))
        self.send(frame("DATA_END", 0))
        self.until("BULK_DONE")
        self.send(frame("SEGMENTS", 0, self.digests()), frame("PASS_END", 0))
        self.until("PASS_DONE")

    def run(self):
        try:
            said = self.offer()
            goes = self.values.get("goes", "passed")
            if goes != "accepted":
                self.copy(said)
            if goes == "placed":
                self.send(frame("PLACE", 0))
                self.until("PLACED")
                print("placed")
                self.send(frame("BYE"))
                self.until("BYE")
        except Ended:
            pass
        self.process.stdin.close()
        self.process.wait(60)
        print("hashes", self.hashes)
        print("names", self.names)


if __name__ == "__main__":
    Source(sys.argv[1], sys.argv[2],
           dict(a.split("=", 1) for a in sys.argv[3:])).run()
