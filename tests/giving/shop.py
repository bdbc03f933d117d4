"""A shop that gives without a purchase: one program for all stories of these tests."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

from loyalty_api import ids, jobs
from loyalty_api.giving.service import Ran
from tests.support.shop import BASIC, Reply, Shop, line, receipt

NOW = datetime.now(UTC)
TODAY = NOW.date()
PRODUCT = {"product": {"text": {"en": "A flower"}}}
_cards = itertools.count(1)


def rule(name: str, trigger: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "name": {"en": name.title()},
        "trigger": trigger,
        "give": PRODUCT,
        "cost": 200,
        **more,
    }


RULES: list[dict[str, Any]] = [
    rule("cake", {"birthday": {}}, when={"not": {"member": {"segment": ["sour"]}}}),
    rule("early", {"birthday": {"days_before": 3}}, give={"points": 20}),
    rule("year", {"anniversary": {}}, budget={"money": 400}),
    rule("back", {"silence": {"days": 30}}),
    rule("ended", {"birthday": {}}, until="2020-01-01"),
    rule("sorry", {"event": "complaint_settled"}, claim_days=7),
    rule("club", {"event": "complaint_settled"}, when={"member": {"segment": ["club"]}}, give={"points": 30}),
    rule(
        "gesture", {"staff": {"per_day": 3, "cost_per_day": 500, "per_member": 2, "reasons": ["queue", "kind"]}},
        stores=["str_1"],
    ),
    rule("race", {"staff": {"per_day": 5}}),
    rule("open", {"staff": {"per_day": 100}}),
    rule("spring", {"list": {}}, when={"not": {"member": {"attribute": {"language": ["nb"]}}}}),
    rule("every", {"purchase": {}}, when={"lines": {"amount": {"at_least": 70_000}}}),
    rule("profiled", {"purchase": {}}, when={"member": {"segment": ["club"]}}),
]  # fmt: skip


def document(*rules: dict[str, Any]) -> dict[str, Any]:
    """The basic program with gifts."""
    return {**BASIC, "gifts": {"rules": list(rules or RULES)}}


def card() -> str:
    return f"GIVE{next(_cards)}"


def run(shop: Shop, now: datetime = NOW) -> Ran:
    """What the worker does at this moment."""
    return jobs.grant_gifts(shop.database, shop.app.extensions["vault"], now=now)


def gifts_of(shop: Shop, member: str) -> list[tuple[Any, ...]]:
    """The rules and causes of a member's gifts, in the order of the rules."""
    with shop.database.snapshot() as connection:
        return connection.execute(
            "SELECT rule, cause_type, once_key FROM gifts WHERE member_id = %s ORDER BY rule, once_key",
            (ids.read("mbr", member),),
        ).fetchall()


def occasions(shop: Shop, member: str) -> list[tuple[Any, ...]]:
    """What was due to a member and what became of it."""
    with shop.database.snapshot() as connection:
        return connection.execute(
            "SELECT rule, occasion, state, reason FROM gift_occasions WHERE member_id = %s ORDER BY rule, occasion",
            (ids.read("mbr", member),),
        ).fetchall()


def born(shop: Shop, day: date, **more: Any) -> str:
    """A new member whose birthday is on this day of the year."""
    written = day.replace(year=1984).isoformat()
    return shop.enrol(card(), profile={"birth_date": written}, **more)


def joined(shop: Shop, at: datetime, **more: Any) -> str:
    """A member who joined at another time."""
    member = shop.enrol(card(), **more)
    execute(shop, "UPDATE members SET enrolled_at = %s WHERE member_id = %s", at, ids.read("mbr", member))
    return member


def execute(shop: Shop, statement: str, *given: Any) -> None:
    """A statement that only a test may send."""
    with shop.database.unit_of_work() as session:
        session.connection().exec_driver_sql(statement, given)


def bought(shop: Shop, number: str, at: datetime, amount: int = 1000) -> Reply:
    """A purchase of a card at a moment."""
    reply = shop.till.post("/v1/purchases", receipt(line(amount), card=number, at=at), key=None)
    assert reply.status == 201, reply.body
    return reply


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)
