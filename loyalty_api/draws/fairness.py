"""How luck fell: wins expected by the odds against wins there were, by gift, store, level and hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.draws import queries, queries_reports
from loyalty_api.draws.rules import SPACE
from loyalty_api.draws.rules_fairness import Group, Verdict, verdict
from loyalty_api.draws.service import open_record
from loyalty_api.vault import Vault

Tables = Mapping[date, Mapping[str, tuple[int, ...]]]


def report(session: Session, *, vault: Vault, first: date, last: date, zone: ZoneInfo) -> dict[str, Any]:
    """The report on the draws of local days, the last one included; hours are those of ``zone``.

    Expected wins and probabilities are texts of decimals. ``p`` is how likely luck alone is to stray at least so far
    from the odds; None where there are too few draws to say.

    :raises Unreadable: a day's record does not open with the keys of this installation.
    """
    connection = driver(session)
    tables = _tables(connection, vault, first, last)
    found: dict[str, Any] = {"from": first, "to": last}
    for name in queries_reports.DIMENSIONS:
        rows = queries_reports.fallen(connection, name, first=first, last=last, zone=zone.key)
        found[name] = _shown(_groups(rows, tables))
    given = queries_reports.given_by_staff(connection, first=first, last=last, zone=zone.key)
    found["staff_gifts"] = [{"store": row[0], "gift": row[1], "gifts": row[2]} for row in given]
    return found


def _tables(connection: Connection[TupleRow], vault: Vault, first: date, last: date) -> Tables:
    """The odds of the days, also of those that are not revealed yet; of a record nothing else leaves here."""
    return {
        row.day: open_record(vault, row).tables for row in queries.sealed(connection, first=first, last=last)
    }


def _groups(rows: Iterable[TupleRow], tables: Tables) -> list[Group]:
    """Draws by what they have in common, each by the odds of its own row."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0, 0])
    for name, gift, day, row, drawn, won in rows:
        odds = tables[day][gift][row] / SPACE
        total = sums[name]
        total[0] += drawn
        total[1] += drawn * odds
        total[2] += drawn * odds * (1 - odds)
        total[3] += won
    return [Group(name, int(n), p, v, int(won)) for name, (n, p, v, won) in sorted(sums.items())]


def _shown(groups: list[Group]) -> dict[str, Any]:
    tested: Verdict = verdict(groups)
    return {
        "groups": [
            {"name": one.name, "draws": one.draws, "expected": f"{one.expected:.2f}", "wins": one.wins}
            for one in groups
        ],
        "chi_square": f"{tested.statistic:.3f}",
        "freedom": tested.freedom,
        "p": None if tested.p is None else f"{tested.p:.4f}",
    }
