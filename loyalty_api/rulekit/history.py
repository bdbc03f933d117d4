"""What a member bought before, as numbers that rules can ask for and that one purchase carries on.

The keys stand among the counters of the facts: how many ``purchases``, the ``day`` of the last one and the ``week`` it
lies in, how many weeks in a row there was one (``streak``), the minute of the last one in a store (``store:…``), and
whether something of a category was bought (``bought:…``). Days are ordinals of the program's calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from loyalty_api.rulekit.basket import Basket, Line, category_path
from loyalty_api.rulekit.windows import Moment

PREFIX = "history:"
PURCHASES, DAY, WEEK, STREAK = (PREFIX + name for name in ("purchases", "day", "week", "streak"))
BOUGHT, STORE = PREFIX + "bought:", PREFIX + "store:"
_FIRST_MONDAY = date(1970, 1, 5).toordinal()


def week_of(day: date) -> int:
    """The number of the week a day lies in, weeks beginning on Monday and the first one with 1970-01-05."""
    return (day.toordinal() - _FIRST_MONDAY) // 7


def bought_key(category: str | Sequence[str]) -> str:
    """Under what it is noted that something of a category, or below it, was bought."""
    return BOUGHT + " > ".join(category_path(category))


def path_in(key: str) -> tuple[str, ...]:
    """The category that a key speaks of."""
    return category_path(key.removeprefix(BOUGHT))


def has(lines: Iterable[Line], path: tuple[str, ...]) -> bool:
    """Whether one of the lines belongs to a category."""
    return any(line.category[: len(path)] == path for line in lines)


def streak_now(counters: Mapping[str, int], moment: Moment) -> int:
    """For how many weeks in a row the member has bought, with a purchase at this moment."""
    before, week = counters.get(STREAK, 0), week_of(moment.day)
    last = counters.get(WEEK)
    if last is None or last < week - 1:
        return 1
    return before + 1 if last == week - 1 else max(before, 1)


def after(
    counters: Mapping[str, int], basket: Basket, moment: Moment, asks: frozenset[str]
) -> dict[str, int]:
    """The numbers of a history once this purchase belongs to it; only those that the program asks for."""
    week = week_of(moment.day)
    found = {
        PURCHASES: counters.get(PURCHASES, 0) + 1,
        DAY: max(counters.get(DAY, 0), moment.day.toordinal()),
        STREAK: streak_now(counters, moment),
        WEEK: max(counters.get(WEEK, 0), week),
        STORE + basket.store: max(counters.get(STORE + basket.store, 0), moment.stamp),
    }
    found = {
        key: value for key, value in found.items() if key in asks or (key.startswith(STORE) and STORE in asks)
    }
    return found | {key: 1 for key in asks if key.startswith(BOUGHT) and has(basket.lines, path_in(key))}
