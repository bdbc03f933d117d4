"""Counters and budgets of periods that nothing can reach any more go; all others stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_api import jobs
from loyalty_api.db import driver
from loyalty_api.facts.queries_purging import forgotten
from loyalty_api.rating.rules_forgetting import Forgotten
from loyalty_api.rating.rules_forgetting import forgotten as over_for_good
from loyalty_api.rating.rules_program import Program, compile_program
from loyalty_api.rulekit.periods import period_of
from tests.promotions.till import back, buy, of, quote
from tests.purchases.racing import breaches, settled
from tests.support.documents import with_lots
from tests.support.shop import Shop

NOW = datetime(2031, 5, 20, 12, tzinfo=UTC)
DAYS = st.dates(date(2029, 12, 25), date(2031, 1, 7))
_PERSON = "a" * 32
_RULES = ("r:off:{}", "r:use:{}:101", "r:use:{}:2030", "r:points:{}", "r:budget:{}", f"r:by:{_PERSON}:{{}}")
_FOR_EVER = (
    "r:use:always:2001",
    "r:off:always",
    "r:budget",
    "r:stock",
    "r:visits:always",
    "r:cooling:400:1850",
)


def compiled(**sections: Any) -> Program:
    return compile_program(with_lots(**sections), version=1)


def resting(days: int) -> list[dict[str, Any]]:
    return [{"id": "rests", "cooldown_days": days, "benefit": {"amount": {"off": 1, "on": "basket"}}}]


def test_it_is_kept_as_long_as_any_version_lets_a_receipt_reach_it() -> None:
    short = compiled(purchases={"late_days": 3}, claims={"window_days": 1})
    long = compiled(purchases={"late_days": 3}, claims={"window_days": 9}, promotions=resting(6))
    ever = compiled(purchases={"late_days": None})
    days = [NOW - timedelta(days=back) for back in (300, 200, 100)]

    def under(*programs: Program) -> Forgotten | None:
        return over_for_good(list(zip(days, programs, strict=False)), NOW)

    assert under(short) == Forgotten(date.min, date(2031, 5, 15), date(2031, 5, 15))
    assert under(short, long) == Forgotten(date.min, counters=date(2031, 5, 3), limits=date(2031, 5, 9))
    assert under(short, ever) is None
    kept = under(ever, short, long)
    assert kept is not None
    assert kept.since == days[1].date() + timedelta(days=2)


@settings(max_examples=40)
@given(day=DAYS, since=DAYS, before=DAYS, per=st.sampled_from(["day", "week", "month", "year"]))
def test_a_period_is_forgotten_when_all_of_it_lies_between(
    shop: Shop, day: date, since: date, before: date, per: str
) -> None:
    period, around = period_of(day, per), [day + timedelta(n) for n in range(-366, 367)]
    inside = [each for each in around if period_of(each, per) == period]
    gone = since < inside[0] and inside[-1] < before
    keys = [*[key.format(period) for key in _RULES], *_FOR_EVER]
    with shop.database.unit_of_work() as session:
        connection = driver(session)
        connection.execute("DELETE FROM purged_periods")
        connection.execute("INSERT INTO purged_periods VALUES ('limits', %s, %s)", (since, before))
        asked = f"SELECT key FROM unnest(%s::text[]) AS given(key) WHERE {forgotten('limits', 'key')}"
        found = [row[0] for row in connection.execute(asked, (keys,)).fetchall()]
        connection.execute("DELETE FROM purged_periods")
    assert found == (keys[: len(_RULES)] if gone else [])


def kept(shop: Shop) -> tuple[list[str], list[str]]:
    """What counters and limits count, in which kinds of periods."""
    with shop.database.unit_of_work() as session:
        return tuple(
            sorted(row[0].partition(":")[0] for row in driver(session).execute(f"SELECT key FROM {table}"))
            for table in ("member_counters", "rule_limits")
        )  # type: ignore[return-value]


def test_what_is_over_for_good_goes_and_the_books_still_hold(fresh_shop: Shop) -> None:
    off = {"benefit": {"amount": {"off": 100, "on": "basket"}}}
    document = with_lots(
        purchases={"late_days": 10},
        claims={"window_days": 40},
        promotions=[
            {"id": "daily", "budget": {"times": 9, "per": "day", "by_store": True}, **off},
            {"id": "ever", "budget": {"amount": 900}, "limits": [{"per": "program", "times": 9}], **off},
            {"id": "rests", "cooldown_days": 20, **off},
        ],
    )
    fresh_shop.publish(document, effective_from=datetime.now(UTC) - timedelta(days=9))
    fresh_shop.enrol("PROMO")
    bought = buy(fresh_shop, quote(fresh_shop, of(5000, "bread")), of(5000, "bread"))
    assert bought["discrepancies"] == []
    now = datetime.now(UTC)

    def after(days: int) -> int:
        return jobs.purge_counters(fresh_shop.database, now=now + timedelta(days=days))

    assert (after(41), kept(fresh_shop)) == (0, (["ever", "rests"], ["daily", "ever"]))
    assert (after(44), kept(fresh_shop)) == (1, (["ever", "rests"], ["ever"]))
    assert (after(61), after(64), after(64)) == (0, 1, 0)
    assert kept(fresh_shop) == (["ever"], ["ever"])
    assert breaches(settled(fresh_shop)) == []
    assert back(fresh_shop, bought)["status"] == "applied"
    assert breaches(settled(fresh_shop)) == []
