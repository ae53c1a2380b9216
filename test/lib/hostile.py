# SPDX-License-Identifier: GPL-2.0-or-later
"""What hostile-source.py and hostile-target.py have in common: the rules that
are broken, by name, and how they are broken one by one."""
import subprocess
import time

import wire


class Ended(Exception):
    """FAIL, or the end of the connection."""


CASES = {}      # name: the stage that comes before, and what is done then


def case(stage):
    """Registers frames that must not come after a stage."""
    def register(function):
        CASES[function.__name__] = (stage, function)
        return function
    return register


def frames(stage, **cases):
    for name, data in cases.items():
        CASES[name] = (stage, lambda peer, data=data: peer.send(data))


def play_all(names, play, clean=lambda: None):
    """play(NAME) returns what is worth printing; clean() is called if it has
    failed.  Returns how many have."""
    bad = 0
    for name in names:
        started = time.time()
        try:
            said = play(name)
            print("%-24s ok %.2f s: %s" % (name, time.time() - started, said))
        except (AssertionError, Ended, wire.Broken, UnicodeDecodeError,
                subprocess.TimeoutExpired) as e:
            bad += 1
            print("%-24s FAILED: %s" % (name, e or repr(e)))
            clean()
    print("%d sessions, %d failed" % (len(names), bad))
    return bad
