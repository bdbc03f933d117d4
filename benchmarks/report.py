"""What ``make bench`` shows and keeps: a table for people, ``latest.json`` for programs."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figures import Figure

LATEST = Path(__file__).parent / "latest.json"


def line(figure: Figure) -> str:
    """One figure as a row of the table."""
    target = "" if figure.target is None else f"{'≥' if figure.unit == 'ratio' else '≤'} {figure.target:g}"
    met = {True: "met", False: "MISSED", None: ""}[figure.met]
    unit = "" if figure.unit == "ratio" else f" {figure.unit}"
    shown = f"{figure.value:.3f}" if figure.unit == "ratio" else f"{figure.value:.1f}{unit}"
    return (
        f"{figure.title:<82} {shown:>10}  {target:<7} {met:<7} {_spread(figure.rounds):<16} {_sides(figure)}"
    )


def heading() -> str:
    """The table's first row."""
    return f"{'figure':<82} {'median':>10}  {'target':<7} {'':<7} {'rounds':<16} answers a second"


def keep(figures: Sequence[Figure], *, postgresql: str) -> None:
    """Write what was measured into ``latest.json``, beside what an earlier run measured and this one did not.

    ``postgresql`` is the server's version, empty when none was asked.
    """
    before = orjson.loads(LATEST.read_bytes()) if LATEST.exists() else {}
    held, commit = before.get("figures", {}), _commit()
    held.update({figure.name: {**_kept(figure), "commit": commit} for figure in figures})
    document = {
        "commit": commit,
        "measured_at": datetime.now(UTC).replace(microsecond=0),
        "machine": {"cores": os.cpu_count()},
        "python": platform.python_version(),
        "postgresql": postgresql or before.get("postgresql", ""),
        "figures": held,
    }
    LATEST.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _kept(figure: Figure) -> Mapping[str, Any]:
    name = "ratio" if figure.unit == "ratio" else "value"
    kept: dict[str, Any] = {"title": figure.title, name: round(figure.value, 4)}
    if figure.unit != "ratio":
        kept["unit"] = figure.unit
    if figure.target is not None:
        kept |= {"target": figure.target, "met": figure.met}
    if figure.rounds:
        kept["rounds"] = [round(found, 4) for found in figure.rounds]
    return kept | figure.more


def _spread(rounds: Sequence[float]) -> str:
    """The middle half of the rounds."""
    if len(rounds) < 2:
        return ""
    ordered = sorted(rounds)
    low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
    return f"{low:.3g} – {high:.3g}"


def _sides(figure: Figure) -> str:
    return " / ".join(_rates(figure))


def _rates(figure: Figure) -> Iterator[str]:
    for side in ("measured", "ceiling"):
        for name, found in figure.more.get(side, {}).items():
            if name.endswith("per_second"):
                yield f"{found:,.0f}{' ' + name.split('_')[0] if '_per' in name.removeprefix('per') else ''}"


def _commit() -> str:
    """The commit that was measured; with a ``+`` when other files than ``latest.json`` were changed since."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", f":(exclude){LATEST}")
    return _git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "") or "unknown"


def _git(*words: str) -> str:
    found = subprocess.run(["git", *words], cwd=LATEST.parent, capture_output=True, text=True, check=False)
    return found.stdout.strip()
