"""Becomes an engine: drops root, asks to die with the parent, then executes the engine in its own place.

Run as a script with ``uid gid signal parent program arguments…``. A process of its own does this because code
between fork and exec is unsafe in a program with threads. It imports nothing but the standard library and
must stay fast: an engine's start waits for it.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
KEEP = -1


def _drop_privileges(uid: int, gid: int) -> None:
    if uid != KEEP:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _die_with(parent: int, signal: int) -> None:
    """Linux alone has this; elsewhere the next start finds the orphan and stops it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:
            # The parent went before the kernel was asked to tell us.
            sys.exit(1)


def main(arguments: list[str]) -> None:
    """Never returns: the process becomes the program."""
    uid, gid, signal, parent = (int(text) for text in arguments[:4])
    # Changing the user clears the request for a death signal, so the user comes first.
    _drop_privileges(uid, gid)
    _die_with(parent, signal)
    os.execv(arguments[4], arguments[4:])  # noqa: S606 - becoming the program is what this script is for


if __name__ == "__main__":
    main(sys.argv[1:])
