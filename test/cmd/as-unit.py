#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command under what a unit of systemd takes away, where systemd is not
there to do it: capabilities, system calls, namespaces, and what can be written
to.  Networks, IPC and a mount namespace are the caller's (unshare).

  as-unit.py UNIT COMMAND...
"""
import ctypes
import os
import subprocess
import sys

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CAP_LAST = 40
CAPS = {"CAP_DAC_READ_SEARCH": 2, "CAP_SETGID": 6, "CAP_SETUID": 7,
        "CAP_SETPCAP": 8, "CAP_SYS_ADMIN": 21}
NAMESPACES = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000,
              "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000,
              "net": 0x40000000}
ALLOW = 0x7fff0000                      # SCMP_ACT_ALLOW
EPERM, ENOSYS = 0x00050001, 0x00050026  # SCMP_ACT_ERRNO()
MASKED_EQ = 7

libc = ctypes.CDLL(None, use_errno=True)
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int),
                ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def members(name):
    """The system calls of a set of systemd's."""
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter",
                           name], check=True, capture_output=True, text=True)
    result = set()
    for line in text.stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            result |= members(word)
    return result


class Filter:
    def __init__(self, default):
        self.context = ctypes.c_void_p(seccomp.seccomp_init(default))

    def rule(self, action, name, *compare):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return
        array = (Compare * len(compare))(*compare)
        rc = seccomp.seccomp_rule_add_array(
            self.context, ctypes.c_uint32(action), number, len(compare), array)
        if rc:
            sys.exit("as-unit.py: %s: %s" % (name, os.strerror(-rc)))

    def load(self):
        if seccomp.seccomp_load(self.context):
            sys.exit("as-unit.py: seccomp_load")


def main():
    unit = {}
    for line in open(sys.argv[1]):
        key, _, value = line.strip().partition("=")
        unit.setdefault(key, []).append(value)

    calls = set()
    for value in unit["SystemCallFilter"]:
        take = value.startswith("~")
        for name in value.lstrip("~").split():
            calls = calls - members(name) if take else calls | members(name)
    calls |= members("@default")        # as every service has them

    writable = [path.lstrip("-") for path in unit["ReadWritePaths"]]
    for path in writable:
        subprocess.run(["mount", "--bind", path, path], check=True)
    for line in reversed(list(open("/proc/self/mountinfo"))):
        point = line.split()[4]
        if point not in writable and os.path.isdir(point):
            subprocess.run(["mount", "-o", "remount,bind,ro", point],
                           stderr=subprocess.DEVNULL)

    kept = {CAPS[name] for name in unit["CapabilityBoundingSet"][0].split()}
    for cap in range(CAP_LAST + 1):
        if cap not in kept and libc.prctl(PR_CAPBSET_DROP, cap, 0, 0, 0):
            sys.exit("as-unit.py: capability %d" % cap)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        sys.exit("as-unit.py: no new privileges")
    os.umask(int(unit["UMask"][0], 8))

    spaces = Filter(ALLOW)
    for name, flag in NAMESPACES.items():
        if name not in unit["RestrictNamespaces"][0].split():
            for call, arg in ("unshare", 0), ("clone", 0), ("setns", 1):
                spaces.rule(EPERM, call, Compare(arg, MASKED_EQ, flag, flag))
    spaces.rule(ENOSYS, "clone3")       # whose flags no filter sees
    spaces.load()
    allowed = Filter(EPERM)
    for name in calls:
        allowed.rule(ALLOW, name)
    allowed.load()
    os.execvp(sys.argv[2], sys.argv[2:])


main()
