"""The secrets that the demo made, in a file that only its user can read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import orjson

from loyalty_api.demo.client import Credential


def credentials_file(*, data_dir: Path, program: str) -> Path:
    """Where the credentials of a program's demo lie."""
    return data_dir / "demo" / f"{program}.json"


def load_credentials(path: Path) -> dict[str, Credential]:
    """The credentials by name; none when the file is missing or is not one of ours."""
    try:
        found = orjson.loads(path.read_bytes())
        return {name: Credential(held["client_id"], held["client_secret"]) for name, held in found.items()}
    except (FileNotFoundError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return {}


def save_credentials(path: Path, credentials: Mapping[str, Credential]) -> None:
    """Replace the file in one step; it is never readable by anyone else, not even while it is written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    body = {
        name: {"client_id": held.client_id, "client_secret": held.client_secret}
        for name, held in credentials.items()
    }
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(body, option=orjson.OPT_INDENT_2))
    draft.replace(path)
