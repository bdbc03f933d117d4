"""The program's settings as one table: every path, what it allows, and what it is when left out.

Sections of capabilities that do not act yet are read all
the same, so that a document may carry them and a mistake in them is found now.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loyalty_api.errors import Fault
from loyalty_api.program.rules_lots import read_available, read_expire
from loyalty_api.rulekit.conditions_reading import CATEGORY, NAME, read_conditions, read_where
from loyalty_api.rulekit.exclusions import EFFECTS
from loyalty_api.rulekit.periods import PERIODS
from loyalty_api.rulekit.rounding import ROUNDINGS
from loyalty_api.rulekit.shapes import (
    Member,
    by_key,
    choice,
    integer,
    items,
    nullable,
    one_or_more,
    record,
    subset,
    text,
    variant,
)

MONEY = integer(0, 10**12)
DURATION = variant(minutes=integer(1, 1440), hours=integer(1, 744), days=integer(1, 31))

_ALL = frozenset(EFFECTS)
_EXCLUSION = record(
    {
        "line_type": Member(one_or_more(NAME)),
        "legal_class": Member(one_or_more(NAME)),
        "category": Member(CATEGORY),
        "sku": Member(one_or_more(NAME, most=100_000)),
        "from": Member(subset(*EFFECTS), _ALL),
    }
)


def _zone(value: Any, pointer: str, faults: list[Fault]) -> ZoneInfo | None:
    """An IANA time zone by name."""
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        faults.append(Fault(pointer, "not_allowed", "Expected the name of a time zone, such as Europe/Oslo."))
        return None


def _exclusion(value: Any, pointer: str, faults: list[Fault]) -> dict[str, Any] | None:
    """One kind of line, and the effects it is kept out of (all of them when ``from`` is left out)."""
    entry = _EXCLUSION(value, pointer, faults)
    if entry is None:
        return None
    named = {name: values for name, values in entry.items() if values is not None}
    if len(named) != 2:
        message = "Name exactly one of line_type, legal_class, category, sku."
        faults.append(Fault(pointer, "not_allowed", message))
    return named


def _everything(**named: str) -> dict[str, Any]:
    return {**{name: (value,) for name, value in named.items()}, "from": _ALL}


LAWFUL_CARE = ("lottery", "tobacco", "alcohol", "infant_formula", "prescription")
"""Legal classes that the law protects people from being pressed to buy."""
DEFAULT_EXCLUSIONS = (
    _everything(line_type="deposit"),
    _everything(line_type="deposit_return"),
    _everything(line_type="gift_card"),
    *[_everything(legal_class=name) for name in LAWFUL_CARE],
)
"""What holds when a document is silent: goods that are not goods, and what the law protects (R13–R15)."""


def _section(**members: Member) -> Member:
    """A section whose absence means that every member of it takes its default."""
    return Member(record(members), {name: member.default for name, member in members.items()})


_PERCENTS = choice("sequential", "additive")
_PERCENTS_BY_LANE = record({lane: Member(_PERCENTS, "sequential") for lane in ("line", "basket", "tender")})


def _percents(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """One word for all lanes, or one for each that is named."""
    reader = _PERCENTS_BY_LANE if isinstance(value, Mapping) else _PERCENTS
    return reader(value, pointer, faults)


_PERIOD_STEP = record(
    {"from": Member(MONEY, required=True), "points": Member(integer(0, 10**9), required=True)}
)
_steps = items(_PERIOD_STEP, fewest=1, most=100)


def _rising(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """Steps of a period, each from a higher sum on than the one before."""
    already = len(faults)
    steps = _steps(value, pointer, faults)
    if len(faults) == already and any(a["from"] >= b["from"] for a, b in pairwise(steps)):
        faults.append(Fault(pointer, "not_allowed", "Steps go up."))
    return steps


_CEILING = record(
    {"amount": Member(integer(1, 10**12), required=True), "per": Member(choice(*PERIODS), "year")}
)
_PERIOD = record({"steps": Member(_rising, required=True)})
_RATE = record(
    {
        "points": Member(integer(1, 10**9), required=True),
        "amount": Member(integer(1, 10**12), required=True),
        "step": Member(integer(1, 10**9), 1),
        "minimum": Member(integer(0, 10**9), 0),
    }
)
_TERMS = record(
    {
        "version": Member(text(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", "letters, digits, _ . -"), required=True),
        "text": Member(by_key(text(r".{1,20000}", "1 to 20000 characters"), keys=r"[a-z]{2}"), required=True),
        "url": Member(nullable(text(r"https://.{1,500}", "an https address"))),
        "least_age": Member(nullable(integer(1, 120))),
    }
)

_PIN = record({"with": Member(read_where, required=True), "add": Member(NAME, required=True)})

EARN: dict[str, Member] = {
    "reduced_by": Member(
        subset("till", "program", "coupon", "staff"), frozenset(("till", "program", "coupon", "staff"))
    ),
    "basket_discount_on_scoped": Member(choice("ignores", "reduces"), "ignores"),
    "tax": Member(choice("included", "excluded"), "included"),
    "tenders_excluded": Member(
        lambda value, pointer, faults: frozenset(items(NAME)(value, pointer, faults) or ()),
        frozenset(("points",)),
    ),
    "round": Member(choice(*ROUNDINGS), "down"),
    "round_at": Member(choice("line", "basket"), "basket"),
    "minimum_basket": Member(MONEY, 0),
    "cap_effect": Member(choice("reduce", "refuse"), "reduce"),
    "visit_gap_minutes": Member(integer(0, 1440), 0),
    "period_table": Member(variant("none", month=_PERIOD, quarter=_PERIOD, year=_PERIOD), ("none", None)),
    "rules": Member(items(lambda value, _pointer, _faults: value, most=1000), ()),
    "events": Member(items(lambda value, _pointer, _faults: value, most=1000), ()),
}
"""The members of ``earn``; an earning rule overrides some of them with the same readers."""

SETTINGS = {
    "currency": Member(text(r"[A-Z]{3}", "three capital letters (ISO 4217)"), required=True),
    "time_zone": Member(_zone, required=True),
    "points": _section(show_as=Member(choice("points", "money"), "points")),
    "purchases": _section(
        earning_kinds=Member(subset("sale", "staff", "business"), frozenset(("sale",))),
        late_days=Member(nullable(integer(0, 3650)), 31),
        unknown_identifier=Member(
            choice("keep_anonymous", "attach_on_enrolment", "create_member"), "attach_on_enrolment"
        ),
    ),
    "claims": _section(window_days=Member(integer(0, 365), 30), staff_per_day=Member(integer(0, 10_000), 20)),
    "adjustments": _section(client_per_day=Member(integer(0, 10_000), 20)),
    "exclusions": Member(items(_exclusion), DEFAULT_EXCLUSIONS),
    "earn": _section(**EARN),
    "lots": _section(
        available=Member(read_available, ("at_once", None)),
        expire=Member(read_expire, ("never", None)),
        day_end=Member(choice("local_midnight", "exact"), "local_midnight"),
        restore_grace_days=Member(integer(0, 365), 14),
        announce_days=Member(nullable(integer(1, 365)), 30),
    ),
    "returns": _section(
        take_back=Member(choice("pending_only", "within_balance", "debt"), "debt"),
        tender_order=Member(choice("pro_rata", "points_first", "money_first"), "pro_rata"),
        multi_buy_share=Member(choice("participants", "target"), "participants"),
        indivisible=Member(choice("keep", "if_condition_lost", "if_full"), "if_condition_lost"),
        unlinked=Member(choice("nothing", "latest_match", "base_rate"), "latest_match"),
    ),
    "redeem": _section(
        rate=Member(nullable(_RATE)),
        max_share=Member(integer(0, 100), 100),
        **{"as": Member(choice("tender", "discount"), "tender")},
        same_purchase=Member(choice("yes", "no"), "no"),
        hold=_section(till=Member(DURATION, ("minutes", 15)), app=Member(DURATION, ("hours", 24))),
        late_capture=Member(choice("debt", "refuse_points"), "debt"),
        verify_above=Member(variant("never", amount=MONEY), ("never", None)),
    ),
    "tiers": _section(
        metric=Member(choice("points", "spend", "visits"), "spend"),
        period=Member(
            variant("calendar_year", "anniversary", "none", rolling=integer(1, 120)), ("calendar_year", None)
        ),
        benefits_from=Member(choice("this_purchase", "next_purchase"), "next_purchase"),
        downgrade=_section(
            to=Member(choice("to_earned", "one_step", "never"), "to_earned"),
            grace_days=Member(integer(0, 366), 0),
        ),
        on_return=Member(choice("recompute", "at_period_end"), "recompute"),
        levels=Member(items(lambda value, _pointer, _faults: value, most=1000), ()),
    ),
    "discounts": _section(
        percents=Member(_percents, "sequential"),
        round=_section(
            mode=Member(choice("half_up", "half_even", "down"), "half_up"),
            at=Member(choice("line", "basket"), "line"),
        ),
        spread=Member(choice("largest_remainder", "first_line", "last_line"), "largest_remainder"),
        floor=Member(variant(share=integer(0, 100), amount=MONEY, cost=integer(0, 1000)), ("amount", 0)),
        member_ceiling=Member(nullable(_CEILING)),
        reserve_minutes=Member(integer(1, 15), 5),
    ),
    "promotions": Member(items(lambda value, _pointer, _faults: value, most=5000), ()),
    "coupons": _section(
        give_back=Member(subset("void", "full_return"), frozenset(("void", "full_return"))),
    ),
    "suggestions": _section(
        most=Member(integer(0, 10), 0),
        weeks=Member(integer(1, 104), 26),
        min_baskets=Member(integer(2, 10**6), 5),
        min_lift_percent=Member(integer(100, 10**6), 200),
        refresh_days=Member(integer(1, 366), 7),
        pinned=Member(items(_PIN), ()),
        blocked=Member(items(NAME, most=100_000), ()),
        when=Member(nullable(read_conditions)),
    ),
    "lint": _section(
        margin_percent=Member(integer(0, 100), 100),
        most_share=Member(nullable(integer(1, 100))),
        smallest_basket=Member(integer(1, 10**9), 100),
    ),
    "publishing": _section(second_person_above=Member(nullable(integer(0, 1000)))),
    "gifts": _section(
        reveal_after_hours=Member(integer(24, 336), 72),
        remind_days=Member(nullable(integer(1, 30)), 3),
        terms=Member(nullable(_TERMS)),
        rules=Member(items(lambda value, _pointer, _faults: value, most=1000), ()),
    ),
}
"""Every setting of a program document, by its place in it."""

read_settings = record(SETTINGS)
