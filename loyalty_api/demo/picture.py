"""The pacing of the surprise as a picture: what was won by each day against an even share of the budget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from loyalty_api.demo.luck import planned
from loyalty_api.demo.surprise import FIRST

_WIDE, _HIGH = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 28, 40
_STEPS = 4


def picture(spent: Sequence[tuple[date, int]]) -> str:
    """An SVG of the course of what was won in cents, a day each; it stands for itself, without fonts or scripts."""
    last = spent[-1][0]
    most = max(spent[-1][1], planned(last), 1)

    def x(day: date) -> int:
        return _LEFT + ((day - FIRST).days + 1) * (_WIDE - _LEFT - _RIGHT) // ((last - FIRST).days + 1)

    def y(amount: int) -> int:
        return _HIGH - _BOTTOM - amount * (_HIGH - _TOP - _BOTTOM) // most

    start = f"{_LEFT},{_HIGH - _BOTTOM}"
    line = " ".join([start, *(f"{x(day)},{y(amount)}" for day, amount in spent)])
    plan = " ".join([start, *(f"{x(day)},{y(planned(day))}" for day, _ in spent)])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" font-size="12"',
        ' font-family="sans-serif">',
        "<title>Surprise gifts won, by what they cost, day by day, against an even share of the budget</title>",
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#fff"/>',
        *(_rule(y(most * n // _STEPS), most * n // _STEPS) for n in range(_STEPS + 1)),
        *(_month(x(day), day) for day in _months(last)),
        f'<polyline points="{plan}" fill="none" stroke="#999" stroke-dasharray="5 4"/>',
        f'<polyline points="{line}" fill="none" stroke="#0a6" stroke-width="2"/>',
        f'<text x="{_LEFT}" y="16" fill="#0a6">won: {_money(spent[-1][1])} USD by {last}</text>',
        f'<text x="{_WIDE - _RIGHT}" y="16" fill="#777" text-anchor="end">dashed: an even share for each day</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _rule(height: int, amount: int) -> str:
    """A line across at an amount, with its number."""
    return (
        f'<path d="M{_LEFT} {height}H{_WIDE - _RIGHT}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 6}" y="{height + 4}" text-anchor="end" fill="#555">{amount // 100:,}</text>'
    )


def _month(place: int, day: date) -> str:
    return f'<text x="{place}" y="{_HIGH - _BOTTOM + 18}" fill="#555">{day:%b}</text>'


def _months(last: date) -> list[date]:
    """The first day of the gift, and of each month after it."""
    days = [FIRST + timedelta(days=n) for n in range((last - FIRST).days + 1)]
    return [day for day in days if day in (FIRST, day.replace(day=1))]


def _money(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02d}"
