"""Reading our own Markdown: fenced blocks, tables, links and headings. No more of it than we write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")])

_FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what stands behind the fence (``sh``, ``json answer``) and what is inside."""

    kind: str
    text: str


def read(name: str) -> str:
    """A page of ours, by its path from the root."""
    return (ROOT / name).read_text()


def section(text: str, heading: str) -> str:
    """The part of a page under a heading, as far as the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"There is no heading {heading!r}."
    end = re.search(rf"^#{{1,{len(found[1])}}} ", text[found.end() :], re.MULTILINE)
    return text[found.end() :][: end.start() if end else None]


def blocks(text: str, *kinds: str) -> list[Block]:
    """The fenced blocks of these kinds, in their order; all when none is named."""
    found = [Block(match["kind"].strip(), match["text"]) for match in _FENCE.finditer(text)]
    return [block for block in found if not kinds or block.kind in kinds]


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def table(text: str, *columns: str) -> list[list[str]]:
    """The rows of the one table that has these columns."""
    head = "| " + " | ".join(columns) + " |\n"
    assert text.count(head) == 1, f"There is no one table {head!r}."
    lines = text.partition(head)[2].splitlines()[1:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return rows


def code(cell: str) -> list[str]:
    """What stands in a text as code."""
    return _CODE.findall(cell)


def links(text: str) -> list[str]:
    """Where the links and pictures of a page lead."""
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    plain = (re.sub(r"[`*]", "", heading).strip().lower() for heading in _HEADING.findall(prose(text)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def documents(text: str) -> Iterator[Any]:
    """The JSON documents that stand one behind the other."""
    place = 0
    while (text := text[place:].lstrip()) != "":
        document, place = json.JSONDecoder().raw_decode(text)
        yield document


def differs(said: Any, found: Any, at: str = "") -> str:
    """Where an answer is not what a page says of it; a page may leave members out, and the ends of texts as ``…``."""
    if isinstance(said, dict) and isinstance(found, dict):
        missing = [f"{at}/{name} is missing" for name in said if name not in found]
        inside = (differs(said[name], found[name], f"{at}/{name}") for name in said if name in found)
        return next(filter(None, [*missing, *inside]), "")
    if isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        inside = (
            differs(one, other, f"{at}/{n}") for n, (one, other) in enumerate(zip(said, found, strict=True))
        )
        return next(filter(None, inside), "")
    if isinstance(said, str) and said.endswith("…") and isinstance(found, str):
        return "" if found.startswith(said[:-1]) else f"{at} is {found!r}"
    return "" if said == found and type(said) is type(found) else f"{at} is {found!r} and not {said!r}"
