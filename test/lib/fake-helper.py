#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the helper's end of the control channel, as told.

  fake-helper.py send-xl --control-fd=N [anything]      (HELPER_STEPS)
  fake-helper.py --spawn LOG STEPS COMMAND...

The first form is what a rune runs: it writes xl's banner, then acts.  The
second makes a channel, runs COMMAND with its other end in the environment, as
xl-dedup receive-xl does, and exits with COMMAND's status.

Steps, separated by spaces: a message to send ("suspend", "rc=1" style values
after commas), "<verb" to receive until verb, "close" to close the channel,
"sleep" for 0.3 s, "int" to send SIGINT to the parent (xl), "closein" to close
the memory stream.  Every message received goes to HELPER_LOG as
verb|key=value|...  This decodes the channel on its own, not by control.c.
"""
import os
import signal
import socket
import subprocess
import sys
import time

BANNER = b"xl migration receiver ready, send binary domain data.\n"


def note(text):
    with open(os.environ["HELPER_LOG"], "a") as log:
        log.write(text + "\n")


def receive_until(channel, verb):
    while True:
        try:
            data = channel.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            note("EOF")
            return
        assert data.endswith(b"\0"), data
        fields = data[:-1].decode().split("\0")
        note("|".join(fields))
        if fields[0] == verb:
            return


def play(channel, steps):
    for step in steps.split():
        if step[0] == "<":
            receive_until(channel, step[1:])
        elif step == "close":
            channel.close()
        elif step == "closein":
            os.close(0)
        elif step == "sleep":
            time.sleep(0.3)
        elif step == "int":
            os.kill(os.getppid(), signal.SIGINT)
        else:
            fields = step.split(",")
            channel.send("".join(f + "\0" for f in fields).encode())


def as_child():
    fd = next(a for a in sys.argv if a.startswith("--control-fd="))
    channel = socket.socket(fileno=int(fd.split("=")[1]))
    for name in ("LD_PRELOAD", "XL_DEDUP_CONTROL_FD", "XL_DEDUP_PEER_FD"):
        if name in os.environ:
            note("inherited " + name)
    note("args " + " ".join(sys.argv[1:]).replace(fd, "--control-fd=N"))
    os.write(1, BANNER)
    play(channel, os.environ["HELPER_STEPS"])


def as_parent():
    os.environ["HELPER_LOG"] = sys.argv[2]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = dict(os.environ, XL_DEDUP_CONTROL_FD=str(theirs.fileno()),
               LD_PRELOAD=os.environ["HOOKS"])
    os.set_inheritable(theirs.fileno(), True)
    command = subprocess.Popen(sys.argv[4:], env=env, close_fds=False)
    theirs.close()
    play(ours, sys.argv[3])
    sys.exit(command.wait())


if sys.argv[1] == "--spawn":
    as_parent()
else:
    as_child()
