"""The page about draws: its record is ours to the byte, and its snippets repeat real draws in both languages."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from py_mini_racer import MiniRacer

from loyalty_api.draws.rules import SCHEME, SPACE, read_record
from tests.docs import markdown
from tests.draws.days import NOW, buy, day, enrol, keep, lucky, open_draws
from tests.support.shop import Shop

PAGE = markdown.read("docs/draws.md")
CARD = "8600001"
SHIM = (Path(__file__).parent / "webcrypto.js").read_text()


@pytest.fixture(scope="module")
def mine(shop: Shop) -> str:
    """What a member reads of a revealed day, on which it drew twice."""
    open_draws(shop, lucky(), lucky("other"))
    member = enrol(shop, CARD)
    assert buy(shop, CARD, at=NOW - timedelta(days=1)).status == 201
    keep(shop, NOW + timedelta(days=5))
    return shop.member(member).get(f"/v1/me/draws/{day(-1)}").raw.decode()


def in_python(mine: str) -> str:
    """What the Python of the page prints."""
    (block,) = markdown.blocks(PAGE, "python")
    printed = io.StringIO()
    names = {"open": lambda _name: io.StringIO(mine)}
    with contextlib.redirect_stdout(printed):
        exec(block.text, names)
    return printed.getvalue()


def in_javascript(mine: str) -> str:
    """What the JavaScript of the page prints, in a browser's engine."""
    (block,) = markdown.blocks(PAGE, "js")
    engine = MiniRacer()
    engine.eval(SHIM)
    done = engine.eval(f"(async () => {{ const mine = {mine};\n{block.text}; return said.join('\\n') }})()")
    return f"{done.get(timeout=60)}\n"


@pytest.mark.parametrize("printed_by", [in_python, in_javascript])
def test_a_member_repeats_its_draws_in_ten_lines(mine: str, printed_by: Callable[[str], str]) -> None:
    said = printed_by(mine).lower().splitlines()
    assert sorted(said) == ["committed true", "lucky true", "other true"]
    document = json.loads(mine)
    document["draws"][0]["won"] = not document["draws"][0]["won"]
    document["day"]["record"] += " "
    told = printed_by(json.dumps(document)).lower().splitlines()
    assert told == [
        "committed false",
        f"{document['draws'][0]['gift']} false",
        f"{document['draws'][1]['gift']} true",
    ]


def test_the_snippets_are_short() -> None:
    for kind in ("python", "js"):
        (block,) = markdown.blocks(PAGE, kind)
        assert len(block.text.splitlines()) <= 13


def test_the_records_text_is_what_we_commit() -> None:
    (block,) = markdown.blocks(PAGE, "json record")
    text = block.text.strip()
    record = read_record(text)
    assert record.text == text
    assert record.commitment == hashlib.sha256(text.encode()).hexdigest()
    assert str(SPACE) in PAGE
    assert SCHEME in text
