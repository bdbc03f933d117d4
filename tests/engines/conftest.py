from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loyalty_api.engines import Engines
from tests.support.engines import data_folder, run_engines, start


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    """A folder in which engines have run before and do not run now. Every test leaves it so."""
    with data_folder() as folder:
        with start(folder):
            pass
        yield folder


@pytest.fixture
def own_folder(folder: Path, empty_folder: Path) -> Path:
    """A copy of it, for a test that spoils it."""
    subprocess.run(["cp", "-a", f"{folder}/.", str(empty_folder)], check=True)
    return empty_folder


@pytest.fixture(scope="package")
def running() -> Iterator[Engines]:
    """Engines that tests share which do not harm them."""
    yield from run_engines()
