"""PostgreSQL's own programs, of the version that is under test, as the user that an embedded server runs as."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loyalty_api.engines.binaries import find_postgres
from loyalty_api.engines.home import Home, open_home
from tests.support.engines import POSTGRES_BIN

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "postgresql"


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs, and the data folder of the server that they speak to over its socket."""

    home: Home
    folder: Path

    @staticmethod
    def of(data_dir: Path) -> Tools:
        """Those for the server in ``data_dir``."""
        home = open_home(data_dir)
        version = Path(POSTGRES_BIN) if POSTGRES_BIN else None
        programs = find_postgres(wanted_major=None, folder=version)
        return Tools(home, programs.usable(home, "psql").parent)

    def start(self, *command: str | Path, user: str = "loyalty") -> subprocess.Popen[str]:
        """A program that goes on beside us."""
        return subprocess.Popen(
            self._readable(command),
            env=self._environment(user),
            stderr=subprocess.PIPE,
            text=True,
            **self._as(),
        )

    def run(self, *command: str | Path, user: str = "loyalty") -> str:
        """What a program prints; one that fails fails the test."""
        done = subprocess.run(
            self._readable(command),
            env=self._environment(user),
            capture_output=True,
            text=True,
            check=False,
            **self._as(),
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def psql(self, *words: str | Path) -> str:
        """As the superuser."""
        return self.run("psql", "-X", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-At", *words)

    def make_folder(self, path: Path) -> Path:
        """A folder of the server's user."""
        path.mkdir()
        self.home.give(path)
        return path

    def _readable(self, command: Sequence[str | Path]) -> list[str]:
        """The command with files of ours lent to the server's user, who may not be let into this folder."""
        return [
            str(self._lent(word) if isinstance(word, Path) and word.is_relative_to(ROOT) else word)
            for word in command
        ]

    def _lent(self, file: Path) -> Path:
        copy = self.home.runtime / file.name
        shutil.copy(file, copy)
        self.home.give(copy)
        return copy

    def _environment(self, user: str) -> Mapping[str, str]:
        return {
            "PATH": f"{self.folder}:{os.environ.get('PATH', os.defpath)}",
            "PGHOST": str(self.home.runtime),
            "PGUSER": user,
            "LC_ALL": "C",
        }

    def _as(self) -> dict[str, Any]:
        account = self.home.account
        groups: Sequence[int] = []
        owner = {"user": account.uid, "group": account.gid, "extra_groups": groups} if account.switch else {}
        return {"cwd": "/", **owner}
