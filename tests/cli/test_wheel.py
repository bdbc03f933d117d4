"""The wheel holds all that an installation needs, and no more: it must run far from this checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = {".json", ".toml", ".yaml", ".html", ".css", ".js", ".png", ".svg", ".md", ".txt", ".mako"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_migrations_travel_inside_the_package(wheel: zipfile.ZipFile) -> None:
    here = {path.relative_to(ROOT / "migrations").as_posix() for path in (ROOT / "migrations").rglob("*.py")}
    there = {
        name.removeprefix("loyalty_api/_migrations/") for name in wheel.namelist() if "_migrations/" in name
    }
    assert here <= there
    assert "versions/0001_events_and_idempotency.py" in there


def test_every_module_and_every_data_file_is_there(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "loyalty_api"
    needed = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert needed <= set(wheel.namelist()), needed - set(wheel.namelist())
    suffixes = {Path(name).suffix for name in needed if not name.endswith(("LICENSE", "NOTICE"))}
    assert suffixes <= DATA | {".py"}, "a new kind of file: does it belong here?"


def test_nothing_else_is_there(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"loyalty_api"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name]


def test_the_command_is_installed_with_it(wheel: zipfile.ZipFile) -> None:
    entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "loyalty = loyalty_api.cli:main" in wheel.read(entry).decode()
