"""Whom time brings a gift, under which occasion, and how a person's allowance is counted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from uuid import UUID

from loyalty_api.gifts.rules import GiftRule, Gifts
from loyalty_api.rulekit.birthdays import celebrated
from loyalty_api.rulekit.periods import period_of

BY_TIME = ("birthday", "anniversary", "silence")
CATCH_UP_DAYS = 31
"""How many days are looked at afterwards when nothing ran for so long; what was due before is past."""
_LEAP_YEAR = 2000
_LEAP_DAY, _DAY_BEFORE = "02-29", "02-28"


@dataclass(frozen=True, slots=True)
class Anniversary:
    """Who joined on the local day ``joined`` has been a member for ``years`` years."""

    joined: date
    years: int


def of_time(gifts: Gifts | None) -> list[GiftRule]:
    """The rules that the calendar pulls."""
    return [rule for rule in gifts.rules if rule.trigger.kind in BY_TIME] if gifts else []


def settled_by_job(gifts: Gifts | None) -> list[GiftRule]:
    """The rules whose gifts a job grants."""
    return [rule for rule in gifts.rules if rule.trigger.kind in (*BY_TIME, "list")] if gifts else []


def days_to_walk(*, through: date | None, today: date) -> list[date]:
    """The local days whose occasions are to look for: those behind ``through`` up to today; today if it is None."""
    first = today if through is None else max(through + timedelta(1), today - timedelta(CATCH_UP_DAYS))
    return [first + timedelta(n) for n in range((today - first).days + 1)]


def birthday_of(rule: GiftRule, due_on: date) -> date:
    """The birthday for which a rule gives on a day."""
    return due_on + timedelta(rule.trigger.number)


def birthdays_on(day: date) -> list[str]:
    """The birthdays, as MM-DD, that are celebrated on a day: on 28 February those of the 29th too, if there is none."""
    found = [day.strftime("%m-%d")]
    if found == [_DAY_BEFORE] and celebrated(date(_LEAP_YEAR, 2, 29), day.year) == day:
        found.append(_LEAP_DAY)
    return found


def anniversaries_on(day: date, *, every: int, since: date) -> list[Anniversary]:
    """The days of joining, from ``since`` on, of which a day is an anniversary by every so many years."""
    found = []
    for years in range(every, day.year - since.year + 1, every):
        year = day.year - years
        joined = [] if (day.month, day.day) == (2, 29) and not _leaps(year) else [day.replace(year=year)]
        if (day.month, day.day) == (2, 28) and _leaps(year) and not _leaps(day.year):
            joined.append(date(year, 2, 29))
        found += [Anniversary(each, years) for each in joined if each >= since]
    return found


def _leaps(year: int) -> bool:
    return celebrated(date(_LEAP_YEAR, 2, 29), year).day == 29


def birthday_occasion(birthday: date) -> str:
    """A member has one birthday a year, whatever day the profile says it is."""
    return f"birthday:{birthday.year}"


def list_occasion(list_id: UUID) -> str:
    """A list gives to each of its members once."""
    return f"list:{list_id.hex}"


def given_key(rule: GiftRule, staff_ref: str, day: date) -> str:
    """Under what it is counted how many gifts of a rule somebody of the staff gave on a day."""
    return f"{rule.rule_id}:by:{_mark(staff_ref)}:{day.isoformat()}"


def cost_key(rule: GiftRule, staff_ref: str, day: date) -> str:
    """Under what it is counted what they cost."""
    return f"{rule.rule_id}:costby:{_mark(staff_ref)}:{day.isoformat()}"


def received_key(rule: GiftRule, day: date) -> str:
    """Under what it is counted how many of them a member got in the month of a day."""
    return f"{rule.rule_id}:byhand:{period_of(day, 'month')}"


def _mark(staff_ref: str) -> str:
    """A reference in signs that fit into a key."""
    return sha256(staff_ref.encode()).hexdigest()[:32]
