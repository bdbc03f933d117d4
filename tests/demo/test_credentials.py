"""The secrets of the demo are for its user alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty_api.demo.client import Credential
from loyalty_api.demo.credentials import credentials_file, load_credentials, save_credentials

HELD = {"office": Credential("cli_1", "one"), "str_330": Credential("cli_2", "two")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return credentials_file(data_dir=tmp_path, program="basic")


def test_what_is_saved_is_found_again_and_only_by_its_user(path: Path) -> None:
    save_credentials(path, HELD)
    save_credentials(path, HELD)
    assert load_credentials(path) == HELD
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"office": 1}', b'{"office": {"client_id": "x"}}'])
def test_a_file_that_is_not_ours_holds_nothing(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert load_credentials(path) == {}


def test_without_a_file_there_is_nothing(path: Path) -> None:
    assert load_credentials(path) == {}


def test_programs_do_not_share_secrets(tmp_path: Path) -> None:
    basic, other = (credentials_file(data_dir=tmp_path, program=name) for name in ("basic", "other"))
    save_credentials(basic, HELD)
    assert load_credentials(other) == {}
