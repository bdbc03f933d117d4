"""What became of the surprise: read from what is public of its draws, checked from that alone, and drawn as a curve."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

from loyalty_api.demo.client import Connection, Credential, Refused
from loyalty_api.demo.surprise import BUDGET, COST, FIRST, RULE
from loyalty_api.draws.reading import Over, check_all
from loyalty_api.draws.rules_checking import Findings

DIMENSIONS = ("gift", "store", "hour")
_ROWS, _COLUMNS = 10, 60


@dataclass(frozen=True, slots=True)
class Luck:
    """``granted`` gifts that stand and what they cost; the draws of revealed days as they are published, and how many
    of them were repeated; ``faults`` of it; the report on fairness; what was won by day, in cents, for days that are
    over."""

    granted: int
    spent: int
    draws: int
    checked: int
    faults: Sequence[str]
    fairness: Mapping[str, Any]
    spent_by_day: Mapping[date, int]

    @property
    def budget(self) -> int:
        """What the months whose days are among those that are over may have cost, in cents."""
        return BUDGET * len({(day.year, day.month) for day in self.spent_by_day})

    def figures(self) -> dict[str, Any]:
        """For the line of JSON; ``fairness_p`` is null with too few draws to say."""
        p = self.fairness["gift"]["p"]
        return {
            "granted": self.granted,
            "budget_minor": self.budget,
            "spent_minor": self.spent,
            "draws": self.draws,
            "draws_checked": self.checked,
            "fairness_p": None if p is None else float(p),
        }


NONE: Mapping[str, Any] = {
    "granted": 0, "budget_minor": 0, "spent_minor": 0, "draws": 0, "draws_checked": 0, "fairness_p": None,
}  # fmt: skip
"""The figures of a program without a surprise."""


def read_luck(
    connection: Connection, *, base_url: str, by: Credential, given: tuple[int, int], until: date
) -> Luck:
    """Repeat all draws that are revealed, as anybody can, and ask how luck fell up to the day ``until``.

    ``given`` is how many gifts stand and what they cost. Raises NoAnswer, Refused and Unavailable.
    """
    public = Over(base_url)
    days = sorted(public.days(), key=lambda one: str(one["day"]))
    findings = [found for _, found in check_all(public, day=None)]
    return Luck(
        granted=given[0],
        spent=given[1],
        draws=sum(one["draws"] for one in days if one["state"] == "revealed"),
        checked=_repeated(findings),
        faults=[fault for found in findings for fault in found.faults],
        fairness=_fairness(connection, by, until),
        spent_by_day={
            date.fromisoformat(one["day"]): one["wins"] * COST for one in days if one["wins"] is not None
        },
    )


def _repeated(findings: Iterable[Findings]) -> int:
    """The draws in which nothing was wrong; a day with a fault in it counts for nothing."""
    return sum(found.draws for found in findings if not found.wrong)


def _fairness(connection: Connection, by: Credential, until: date) -> dict[str, Any]:
    path = f"/v1/gifts/fairness?from={min(FIRST, until)}&to={until}"
    answer = connection.call(method="GET", path=path, client=by)
    if answer.status != 200:
        raise Refused(f"The report on fairness could not be read: {answer.status}.")
    return answer.document()


def planned(day: date) -> int:
    """What an even share of each month's budget for each of its days would have spent by the end of ``day``; cents."""
    first = max(FIRST, day.replace(day=1))
    days = monthrange(day.year, day.month)[1] - first.day + 1
    return BUDGET * (day.month - FIRST.month) + BUDGET * ((day - first).days + 1) // days


def course(spent_by_day: Mapping[date, int]) -> list[tuple[date, int]]:
    """What was won by the end of each day, from the first one on; what came back with its purchase is not taken off."""
    if not spent_by_day:
        return []
    days = [FIRST + timedelta(days=n) for n in range((max(spent_by_day) - FIRST).days + 1)]
    return list(zip(days, accumulate(spent_by_day.get(day, 0) for day in days), strict=True))


def told(luck: Luck) -> str:
    """All of it for a person: what was given, whether luck was fair and checked, and the curve."""
    groups = luck.fairness
    fair = "\n".join(f"  luck by {name:<16}{_verdict(groups[name]):>16}" for name in DIMENSIONS)
    rows = [f"  {fault}" for fault in luck.faults]
    return "\n".join(
        [
            f"  {'surprises given':<24}{luck.granted:>16,}",
            f"  {'they cost, USD':<24}{_money(luck.spent):>16} of {_money(luck.budget)}",
            f"  {'draws published':<24}{luck.draws:>16,}",
            f"  {'draws repeated':<24}{luck.checked:>16,}",
            fair,
            *rows,
            curve(course(luck.spent_by_day)),
        ]
    )


def _verdict(tested: Mapping[str, Any]) -> str:
    return "too few draws" if tested["p"] is None else f"p = {tested['p']}"


def curve(spent: Sequence[tuple[date, int]]) -> str:
    """What was won (#) against an even share for every day (.), as text; empty before the first day is over."""
    if not spent:
        return ""
    wide = min(_COLUMNS, len(spent))
    shown = [spent[(n + 1) * len(spent) // wide - 1] for n in range(wide)]
    most = max(max(amount, planned(day)) for day, amount in shown)
    rows = [
        "".join(_cell(amount, planned(day), most, row) for day, amount in shown)
        for row in range(_ROWS, 0, -1)
    ]
    legend = f"{RULE}, {shown[0][0]} to {shown[-1][0]}: won #, even share ., top {_money(most)}"
    return "\n".join([f"  {legend}", *(f"  |{row}" for row in rows)])


def _cell(amount: int, plan: int, most: int, row: int) -> str:
    """A column's sign in a row: its bar, with the plan marked in or above it."""
    if -(-plan * _ROWS // most) == row:
        return "."
    return "#" if amount * _ROWS >= most * row else " "


def _money(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02d}"
