"""A shop with a gift that hangs on a draw, whose days were committed in time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from loyalty_api.gifts import draw_days
from loyalty_api.vault import Vault
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, line, receipt

NOW = datetime.now(UTC)
TODAY = NOW.date()
TERMS = {"version": "1", "text": {"en": "One draw a day. No purchase decides it."}}
ALWAYS = {"chance": {"one_in": 1}}


def lucky(rule: str = "lucky", **more: Any) -> dict[str, Any]:
    """A gift rule; without more of it half of all draws win a mug."""
    mug = {"product": {"text": {"en": "A mug"}}}
    return {"id": rule, "trigger": {"chance": {"one_in": 2}}, "give": mug, "cost": 500, **more}


def open_draws(
    shop: Shop, *rules: dict[str, Any], days: int = 6, terms: dict[str, Any] = TERMS, **more: Any
) -> None:
    """Publish gifts, and commit the days from some days ago to the day after tomorrow as a worker would have done."""
    document = with_lots(gifts={"terms": terms, "rules": list(rules)}, **more)
    shop.publish(document, effective_from=NOW - timedelta(days=days + 5))
    for back in range(days, -1, -1):
        keep(shop, NOW - timedelta(days=back))


def keep(shop: Shop, now: datetime) -> None:
    """The job, at a moment."""
    draw_days.keep(shop.database.unit_of_work, vault=vault(shop), now=now)


def vault(shop: Shop) -> Vault:
    """The keys of the installation."""
    found: Vault = shop.app.extensions["vault"]
    return found


def enrol(shop: Shop, card: str, *, days_ago: int = 30, **more: Any) -> str:
    """A member who joined so many days ago."""
    member = shop.enrol(card, **more)
    with shop.database.unit_of_work() as session:
        session.connection().exec_driver_sql(
            "UPDATE members SET enrolled_at = now() - make_interval(days => %s) WHERE member_id = (SELECT member_id"
            " FROM members ORDER BY enrolled_at DESC LIMIT 1)",
            (days_ago,),
        )
    return member


def buy(
    shop: Shop, card: str | None, *, at: datetime | None = None, amount: int = 1000, **more: Any
) -> Reply:
    """A sale to the member."""
    return shop.till.post("/v1/purchases", receipt(line(amount), card=card, at=at or NOW, **more), key=None)


def drawn(shop: Shop, gift: str = "lucky") -> list[dict[str, Any]]:
    """All draws of a gift, the earliest first."""
    with shop.database.unit_of_work() as session:
        rows = session.connection().exec_driver_sql(
            "SELECT member_id, day, row_no, ticket, won, purchase_id FROM draws WHERE gift_id = %s"
            " ORDER BY recorded_at, day, member_id",
            (gift,),
        )
        return [dict(row._mapping) for row in rows]


def decided(shop: Shop, sold: Reply) -> dict[str, Any]:
    """The decision that is kept with a purchase."""
    with shop.database.unit_of_work() as session:
        row = (
            session.connection()
            .exec_driver_sql("SELECT decision, facts FROM purchases ORDER BY purchase_id DESC LIMIT 1")
            .one()
        )
    assert sold.status == 201
    return {"decision": row[0], "facts": row[1]}


def day(days: int) -> date:
    """A local day, from today."""
    return TODAY + timedelta(days=days)
