"""A process that belongs to another one ends with it."""

from __future__ import annotations

import os
import signal
import threading
import time


def end_with(parent: int) -> None:
    """From now on, end this process when its parent is gone, so that a killed server leaves nothing behind."""
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
