#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for xenstored: fake-xenstored.py SOCKET STORE [REFUSED].

Answers READ, DIRECTORY, WRITE and RM of Xen's io/xs_wire.h.  STORE has a line
"path=value" for each node, and is written again after every change.  Nodes
whose path ends with REFUSED cannot be written.
"""
import os
import socket
import struct
import sys

DIRECTORY, READ, WRITE, RM, ERROR = 1, 2, 11, 13, 16
HEADER = struct.Struct("<IIII")


def load(path):
    with open(path) as f:
        return dict(line.rstrip("\n").split("=", 1) for line in f)


def save(path, nodes):
    with open(path + ".new", "w") as f:
        f.writelines(sorted("%s=%s\n" % node for node in nodes.items()))
    os.rename(path + ".new", path)


def children(nodes, path):
    prefix = path + "/"
    return sorted({p[len(prefix):].split("/")[0]
                   for p in nodes if p.startswith(prefix)})


def answer(kind, payload, store, refused):
    nodes = load(store)
    path, _, value = payload.partition(b"\0")
    path = path.decode()
    if kind == READ and path in nodes:
        return READ, nodes[path].encode()
    if kind == DIRECTORY and children(nodes, path):
        return DIRECTORY, b"".join(c.encode() + b"\0"
                                   for c in children(nodes, path))
    if kind == WRITE and not (refused and path.endswith(refused)):
        nodes[path] = value.decode()
    elif kind == RM and path in nodes:
        del nodes[path]
    else:
        return ERROR, (b"EACCES\0" if kind == WRITE else b"ENOENT\0")
    save(store, nodes)
    return kind, b"OK\0"


def serve(client, store, refused):
    stream = client.makefile("rwb")
    while True:
        header = stream.read(HEADER.size)
        if len(header) < HEADER.size:
            return
        kind, request, transaction, length = HEADER.unpack(header)
        kind, reply = answer(kind, stream.read(length), store, refused)
        stream.write(HEADER.pack(kind, request, transaction, len(reply)))
        stream.write(reply)
        stream.flush()


def main():
    path, store = sys.argv[1:3]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen()
    os.rename(path + ".new", path)
    while True:
        client = listener.accept()[0]
        serve(client, store, sys.argv[3] if len(sys.argv) > 3 else None)
        client.close()


main()
