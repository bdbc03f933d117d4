"""Starting, recognising and stopping engine processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from loyalty_api.engines import child
from loyalty_api.engines.home import Home

_POLL_SECONDS = 0.01

# Signals to try in turn, each with the seconds to wait for its effect.
StopSignals = tuple[tuple[signal.Signals, float], ...]


def spawn(
    command: Sequence[str], *, home: Home, log: Path, death_signal: signal.Signals
) -> subprocess.Popen[bytes]:
    """Start ``command`` as the home's user; it gets ``death_signal`` when the calling *thread* ends.

    It has a session of its own, so that Ctrl-C in a terminal reaches us and not the engine under us, and an
    environment of its own, so that no PGDATA or PGOPTIONS of the user changes what it does.
    """
    account = home.account
    drop = [account.uid, account.gid] if account.switch else [child.KEEP, child.KEEP]
    words = [*drop, int(death_signal), os.getpid(), *command]
    with home.open_log(log) as output:
        return subprocess.Popen(  # noqa: S603 - the command is ours
            [sys.executable, "-I", "-S", str(Path(child.__file__)), *map(str, words)],
            cwd=home.root,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def exists(pid: int) -> bool:
    """Whether any process, of whatever user, has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_ours(pid: int, marker: str) -> bool:
    """Whether the process runs with ``marker`` (a path of this data folder) among its arguments.

    A pid file that outlived a crash may name a process that has nothing to do with us.
    """
    return exists(pid) and marker in _command_line(pid)


def _command_line(pid: int) -> str:
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(  # noqa: S603 - a constant command
        ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout


def stop(process: subprocess.Popen[bytes], signals: StopSignals) -> None:
    """Send each signal in turn until the child is gone, waiting that many seconds after each."""
    for name, seconds in signals:
        if process.poll() is not None:
            return
        process.send_signal(name)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def stop_orphan(pid: int, marker: str, signals: StopSignals) -> None:
    """The same for a process that an earlier owner left behind, which cannot be waited for, only watched."""
    for name, seconds in signals:
        if not is_ours(pid, marker):
            return
        os.kill(pid, name)
        deadline = time.monotonic() + seconds
        while is_ours(pid, marker) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
