"""How long points live: the terms a lot is born with, and the two moments that follow from them.

Days are calendar days in the program's time zone (R48, R49): "N days" ends with local day D+N and is kept as
the instant at which the next day begins; points are available from the start of local day D+N.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from loyalty_api.errors import Fault
from loyalty_api.rulekit.days import ONE_DAY, begins, months_on
from loyalty_api.rulekit.shapes import Member, Reader, below, integer, items, nullable, record, text, variant
from loyalty_api.values import dataclass

MOST_DAYS = 36_500
MOST_MONTHS = 1_200

ANY_EVENT = "*"
"""What points wait for that any event of their purchase releases."""
EVENT_NAME = r"[a-z][a-z0-9_]{0,39}"
"""How the events are named that clients tell of a purchase."""

_EVENT = record(
    {
        "name": Member(nullable(text(EVENT_NAME, "small letters, digits and _"))),
        "after_days": Member(nullable(integer(1, 3650))),
    }
)
read_available: Reader = variant("at_once", "on_event", after_days=integer(0, 3650), on_event=_EVENT)
"""``at_once``, ``{"after_days": N}``, ``on_event`` (an event of the purchase releases them), or
``{"on_event": {"name": …, "after_days": N}}``: only that event, and N days at the latest; either may be left out.
"""

_LIVES = variant(
    "never",
    days=integer(1, MOST_DAYS),
    months=integer(1, MOST_MONTHS),
    end_of_month=integer(0, MOST_MONTHS),
    end_of_year=integer(0, 100),
    dates=items(text(r"(\d{4}-)?\d{2}-\d{2}", "a date, or a month and day (03-31)"), fewest=1, most=100),
    inactivity=integer(1, MOST_MONTHS),
)


@dataclass(frozen=True, slots=True)
class LotTerms:
    """When points become available and when they expire, as read from ``lots`` or from a rule's own.

    ``available`` and ``expire`` are pairs of a word and its number (or dates); ``exact`` lets days end to the
    second instead of with the day. ``inactivity`` counts months from the member's last movement.
    """

    available: tuple[str, Any] = ("at_once", None)
    expire: tuple[str, Any] = ("never", None)
    exact: bool = False


@dataclass(frozen=True, slots=True)
class LotTimes:
    """The moments terms come to for points earned at one moment, in UTC.

    ``available_at`` is None until an event releases them. ``expires_at`` is None when they never expire.
    ``sliding_months`` is set when activity moves ``expires_at`` that many months ahead. ``awaits`` is the event that
    releases them before ``available_at``, ``ANY_EVENT`` for whichever comes, None when none does.
    """

    available_at: datetime | None
    expires_at: datetime | None
    sliding_months: int | None = None
    awaits: str | None = None


def read_expire(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """``never``, or one of days, months, end_of_month, end_of_year, inactivity (N), dates ([…])."""
    already = len(faults)
    found = _LIVES(value, pointer, faults)
    if len(faults) == already and found[0] == "dates":
        for i, written in enumerate(found[1]):
            if _date_of(written, 2001) is None:
                faults.append(
                    Fault(below(below(pointer, "dates"), i), "not_allowed", "No such day every year.")
                )
    return found


def lasting_faults(terms: LotTerms, pointer: str) -> list[Fault]:
    """A fault when points could expire before they are available, whatever the day they are earned."""
    days = _waiting_days(terms.available)
    if not days or days < _shortest_days(terms.expire):
        return []
    return [Fault(pointer, "expires_before_available", "Points could expire before they are available.")]


def terms_for(*, terms: LotTerms, at: datetime, zone: tzinfo) -> LotTimes:
    """The moments for points earned at ``at`` (aware) in a program whose days are those of ``zone``."""
    kind, number = terms.expire
    sliding = number if kind == "inactivity" else None
    return LotTimes(_available(terms, at, zone), _expiry(terms, at, zone), sliding, _awaits(terms.available))


def _awaits(available: tuple[str, Any]) -> str | None:
    kind, event = available
    if kind != "on_event":
        return None
    return (event or {}).get("name") or ANY_EVENT


def _waiting_days(available: tuple[str, Any]) -> int | None:
    """After how many days points are available at the latest; None when only an event releases them."""
    kind, said = available
    if kind == "at_once":
        return 0
    if kind == "after_days":
        return int(said)
    days = said and said["after_days"]
    return int(days) if days is not None else None


def _available(terms: LotTerms, at: datetime, zone: tzinfo) -> datetime | None:
    days = _waiting_days(terms.available)
    if days is None:
        return None
    if days == 0:
        return at.astimezone(UTC)
    local = at.astimezone(zone)
    day = local.date() + days * ONE_DAY
    return _same_time(local, day) if terms.exact else begins(day, zone)


def _expiry(terms: LotTerms, at: datetime, zone: tzinfo) -> datetime | None:
    kind, number = terms.expire
    if kind == "never":
        return None
    local = at.astimezone(zone)
    today = local.date()
    if kind == "dates":
        return _next_date(number, today, zone)
    if kind == "end_of_month":
        return begins(months_on(today.replace(day=1), number + 1), zone)
    if kind == "end_of_year":
        return begins(date(today.year + number + 1, 1, 1), zone)
    day = today + number * ONE_DAY if kind == "days" else months_on(today, number)
    return _same_time(local, day) if terms.exact else begins(day + ONE_DAY, zone)


def _same_time(local: datetime, day: date) -> datetime:
    return datetime.combine(day, local.time(), local.tzinfo).astimezone(UTC)


def _next_date(dates: tuple[str, ...], today: date, zone: tzinfo) -> datetime | None:
    """The end of the first of the dates after the day of earning; None when all of them are past."""
    candidates = [_date_of(written, year) for written in dates for year in (today.year, today.year + 1)]
    later = [day for day in candidates if day is not None and day > today]
    return begins(min(later) + ONE_DAY, zone) if later else None


def _date_of(written: str, year: int) -> date | None:
    """A full date as it stands, a month and day in the year given; None when there is no such day."""
    try:
        return date.fromisoformat(written if len(written) == 10 else f"{year}-{written}")
    except ValueError:
        return None


def _shortest_days(expire: tuple[str, Any]) -> int:
    kind, number = expire
    match kind:
        case "never":
            return MOST_DAYS
        case "days":
            return int(number)
        case "months" | "inactivity" | "end_of_month":
            return 28 * int(number)
        case "end_of_year":
            return 365 * int(number)
        case _:
            return 1


def never_waiting(terms: LotTerms) -> LotTerms:
    """The terms for points that come from no purchase, so that nothing could release those that wait for an event."""
    if terms.available[0] != "on_event":
        return terms
    return LotTerms(("at_once", None), terms.expire, terms.exact)


def lot_terms(*, section: Mapping[str, Any], exact: bool) -> LotTerms:
    """Terms from the ``available`` and ``expire`` of a section that has been read."""
    return LotTerms(section["available"], section["expire"], exact)
