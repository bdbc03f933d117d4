"""Newline-delimited JSON as tests write and read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

NDJSON = "application/x-ndjson"


def written(documents: Iterable[Any]) -> bytes:
    """One document a line; what is bytes already goes as it is."""
    return b"".join(d if isinstance(d, bytes) else json.dumps(d).encode() + b"\n" for d in documents)


def results(answer: Any) -> list[dict[str, Any]]:
    """The documents of a streamed answer."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.mimetype == NDJSON
    return [json.loads(line) for line in answer.get_data().splitlines()]
