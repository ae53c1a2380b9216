#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A plain TCP connection in place of ssh, for links that are shaped.
  link.py serve ADDRESS PORT FILE   runs the command in FILE for a connection
  link.py ADDRESS PORT              carries standard input and output
"""
import os
import socket
import subprocess
import sys
import threading


def carry(read, write, end):
    while data := read(1 << 16):
        while data:
            data = data[write(data):]
    end()


if sys.argv[1] == "serve":
    with socket.create_server((sys.argv[2], int(sys.argv[3]))) as server:
        while True:
            s, _ = server.accept()
            with s, open(sys.argv[4]) as f:
                subprocess.run(f.read(), shell=True, stdin=s, stdout=s)
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
threading.Thread(target=carry, daemon=True, args=(
    lambda n: os.read(0, n), s.send,
    lambda: s.shutdown(socket.SHUT_WR))).start()
carry(s.recv, lambda d: os.write(1, d), lambda: None)
