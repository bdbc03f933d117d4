"""The data folder of the embedded engines: whose it is, who can reach it, where its sockets lie."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from loyalty_api.engines.errors import EngineUnavailable

# The kernel allows 104 bytes on macOS and 108 on Linux, the ending zero included.
SOCKET_PATH_LIMIT = 100
_LONGEST_SOCKET = ".s.PGSQL.5432.lock"
# libpq and PostgreSQL read lists of folders, so a comma or a quote in the path would change its meaning.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
_LOG_LIMIT_BYTES = 10 * 1024 * 1024
# PostgreSQL refuses to run as root. A user of our own is better than one that other services may share.
_UNPRIVILEGED_USERS = ("loyalty-api", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """The operating-system user that engines run as; ``switch`` when we are root and must become it."""

    uid: int
    gid: int
    switch: bool


@dataclass(frozen=True, slots=True)
class Home:
    """A data folder that is ready for use. ``runtime`` holds the sockets and may lie outside ``root``."""

    root: Path
    runtime: Path
    account: Account

    @property
    def logs(self) -> Path:
        """What the engines say; never statements or values, which may hold personal data."""
        return self.root / "logs"

    def make_folder(self, path: Path) -> None:
        """Make ``path`` if it is not there, open to the engines' user alone."""
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            # Another process of root's may have made it this instant and not given it away yet.
            if path.lstat().st_uid != 0:
                return
        self.give(path)

    def give(self, path: Path) -> None:
        """Let the engines' user own ``path``."""
        if self.account.switch:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def open_log(self, path: Path) -> BinaryIO:
        """Open a log for appending; one that has grown large makes room first."""
        if path.exists() and path.stat().st_size > _LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".1.log"))
        log = path.open("ab")
        os.fchmod(log.fileno(), 0o600)
        self.give(path)
        return log

    def make_runtime(self) -> None:
        """Make the folder of the sockets, or check that the one that is there is nobody else's.

        Raises EngineUnavailable when another user has put something in its place.
        """
        self.make_folder(self.runtime)
        found = self.runtime.lstat()
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
        if not private or found.st_uid != self.account.uid:
            raise EngineUnavailable(
                f"{self.runtime} is not a private folder of ours: remove it and start again"
            )

    def close(self) -> None:
        """Remove the folder of the sockets when it lies outside our own and nobody uses it any more."""
        if self.runtime.parent != self.root:
            with contextlib.suppress(OSError):
                self.runtime.rmdir()


def open_home(data_dir: Path) -> Home:
    """Make the folder if needed and find out who runs the engines in it.

    Raises EngineUnavailable when that user could not reach it.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    root = data_dir.resolve()
    account = _account(root)
    if account.switch:
        _open_to(root, account)
    home = Home(root=root, runtime=_runtime(root, account), account=account)
    home.make_folder(home.logs)
    home.make_runtime()
    return home


def _account(root: Path) -> Account:
    if os.geteuid() != 0:
        return Account(os.getuid(), os.getgid(), switch=False)
    # Who owns the database already must go on owning it, whichever users have come to exist since.
    database = root / "postgres"
    if database.exists() and database.stat().st_uid != 0:
        owner = database.stat()
        return Account(owner.st_uid, owner.st_gid, switch=True)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in _UNPRIVILEGED_USERS:
        if name in known:
            return Account(known[name].pw_uid, known[name].pw_gid, switch=True)
    raise EngineUnavailable("PostgreSQL does not run as root: create a user named loyalty-api")


def _open_to(root: Path, account: Account) -> None:
    """Let the user walk through our own folder; the folders above are not ours to change."""
    if root != Path.home():
        root.chmod(stat.S_IMODE(root.stat().st_mode) | 0o011)
    if not can_traverse(root, account):
        raise EngineUnavailable(
            f"{root} cannot be reached by user id {account.uid}, which PostgreSQL runs as when root "
            "starts it: choose another LOYALTY_DATA_DIR, or open the folders above it with chmod o+x"
        )


def can_traverse(folder: Path, account: Account) -> bool:
    """Whether the user may enter ``folder`` and every folder above it (access lists are not looked at)."""
    return all(_may_enter(step.stat(), account) for step in (folder, *folder.parents))


def _may_enter(found: os.stat_result, account: Account) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _runtime(root: Path, account: Account) -> Path:
    """Sockets lie in the data folder when their paths are short and plain enough, else in a short one.

    It is always the same folder for the same data folder, so that every process knows the URLs.
    """
    inside = root / "run"
    socket = os.fsencode(inside / _LONGEST_SOCKET)
    if len(socket) < SOCKET_PATH_LIMIT and _PLAIN_PATH.fullmatch(str(inside)):
        return inside
    name = hashlib.sha256(f"{account.uid}:{root}".encode(errors="surrogateescape")).hexdigest()[:16]
    # Not TMPDIR: it differs between processes, and is itself long on macOS.
    temporary = "/private/tmp" if sys.platform == "darwin" else "/tmp"  # noqa: S108 - ownership is checked
    return Path(temporary) / f"loyalty-{name}"
