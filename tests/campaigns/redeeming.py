"""Real redemptions before the service: whether each is accepted, who is refused and why, and used at the till."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from loyalty_api import ids
from loyalty_api.coupons.service import Office, look
from loyalty_api.demo import data
from loyalty_api.demo.data import Purchase
from loyalty_api.errors import LoyaltyError
from tests.campaigns.real import DAY, WORTH, Campaign, Redemption, tag
from tests.support.shop import Shop

_FAR = timedelta(days=730)


@dataclass(frozen=True, slots=True)
class Town:
    """A shop that runs the grocer's campaigns, with the households that are in the story."""

    shop: Shop
    campaigns: Mapping[int, Campaign]
    members: Mapping[int, UUID]

    def targeted(self, redemption: Redemption, at: datetime) -> list[Campaign]:
        """The campaigns by which a household could use this code at a moment."""
        return [each for each in self._with(redemption.upc, redemption.household) if each.is_on(at)]

    def _with(self, upc: int, household: int) -> list[Campaign]:
        return [
            each for each in self.campaigns.values() if upc in each.coupons and household in each.households
        ]

    def stranger_to(self, upc: int) -> int:
        """A household that no campaign with this code targets, if it can be one that others target."""
        meant = [each.households for each in self.campaigns.values() if upc in each.coupons]
        return next(household for household in self.members if not any(household in those for those in meant))


def open_town(
    shop: Shop, campaigns: Mapping[int, Campaign], *, households: Iterable[int], promoted: Iterable[int]
) -> Town:
    """Publish what the coupons of some campaigns unlock, bring the codes of all, and enrol the households."""
    document = {
        "currency": data.CURRENCY,
        "time_zone": "UTC",
        "purchases": {"late_days": None},
        "promotions": [one for number in promoted for one in campaigns[number].promotions()],
    }
    shop.publish(document, effective_from=data.FIRST_DAY)
    for campaign in campaigns.values():
        made = shop.office.post("/v1/coupon-batches", campaign.batch())
        assert made.status == 201, made.body
    members = {}
    for household in dict.fromkeys(households):
        tags = [tag(each.number) for each in campaigns.values() if household in each.households]
        shown = shop.enrol(data.card_number(household_id=household), tags=tags)
        members[household] = ids.read("mbr", shown)
    return Town(shop, campaigns, {household: found for household, found in members.items() if found})


Said = dict[str, Counter[str | None]]
"""By case, what was said how often: None is a yes."""


def answers(town: Town, redemptions: Sequence[Redemption]) -> Said:
    """What was said of each: as it was, long after and long before, and to a household that was not targeted."""
    said: Said = defaultdict(Counter)
    lent = town.shop.app.extensions
    office, now = Office(lent["vault"], lent["programs"]), datetime.now(UTC)
    with town.shop.database.unit_of_work() as session:
        for one in redemptions:
            stranger = town.stranger_to(one.upc)
            cases = {
                "as_it_was": (one.household, one.noon),
                "long_after": (one.household, one.noon + _FAR),
                "long_before": (one.household, one.noon - _FAR),
                "not_targeted": (stranger, one.noon),
            }
            for case, (household, at) in cases.items():
                member_id = town.members[household]
                try:
                    found = look(
                        session,
                        office,
                        typed=str(one.upc),
                        store_id=None,
                        member_id=member_id,
                        at=at,
                        now=now,
                    )
                except LoyaltyError as error:
                    said[case][error.code] += 1
                else:
                    said[case][found.refusal.code if found.refusal else None] += 1
    return said


@dataclass(frozen=True, slots=True)
class Shown:
    """A basket of a day and the redemptions that its household made with it."""

    purchase: Purchase
    redemptions: tuple[Redemption, ...]


def shown_with(
    town: Town, redemptions: Iterable[Redemption], days: Iterable[Sequence[Purchase]]
) -> list[Shown]:
    """The baskets in which a household bought a product of a coupon that it redeemed that day.

    The same coupon redeemed twice on a day is shown with two baskets, if there are two.
    """
    waiting: dict[tuple[int, datetime], list[Redemption]] = defaultdict(list)
    for one in redemptions:
        waiting[one.household, one.day].append(one)
    found = []
    for purchases in days:
        for purchase in purchases:
            key = (purchase.household_id, data.FIRST_DAY + DAY * ((purchase.seconds - _FIRST) // 86_400))
            mine: dict[int, Redemption] = {}
            for one in waiting.get(key, ()):
                if one.upc not in mine and _fits(town, one, purchase):
                    mine[one.upc] = one
            if mine:
                waiting[key] = [one for one in waiting[key] if one not in mine.values()]
                found.append(Shown(purchase, tuple(mine.values())))
    return found


_FIRST = int(data.FIRST_DAY.timestamp())


def _fits(town: Town, one: Redemption, purchase: Purchase) -> bool:
    """Whether the basket has goods of the coupon, by whichever campaign the household may use it."""
    at = datetime.fromtimestamp(purchase.seconds, UTC)
    by = town.targeted(one, at)
    return bool(by) and all(_paid(purchase, each.coupons[one.upc]) >= WORTH for each in by)


def _paid(purchase: Purchase, goods: frozenset[int]) -> int:
    return sum(line.amount - line.coupon for line in purchase.lines if line.product_id in goods)


def use(town: Town, baskets: Sequence[Shown]) -> Counter[str]:
    """Ring each basket up as its till would: quoted with its coupons, charged as quoted; what became of each coupon."""
    stores = {data.store_code(store_id=shown.purchase.store_id) for shown in baskets}
    listed = [{"store": store, "name": store, "time_zone": "UTC"} for store in sorted(stores)]
    assert town.shop.office.upload("PUT", "/v1/stores", listed).status == 200
    became: Counter[str] = Counter()
    for shown in baskets:
        body = shown.purchase.body()
        body["coupons"] = [str(one.upc) for one in shown.redemptions]
        body["lines"] = _with_discounts(town, body)
        body["total"] = sum(_left(line) for line in body["lines"])
        body["payments"] = [{"kind": "card", "amount": body["total"]}]
        sold = town.shop.office.post("/v1/purchases", body, key=None)
        assert sold.status == 201, sold.body
        became.update(f"{one['status']} {one['reason'] or ''}".strip() for one in sold["coupons"])
        became.update(odd["code"] for odd in sold["discrepancies"])
    return became


def _with_discounts(town: Town, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    asked = {
        name: body[name] for name in ("store", "terminal", "occurred_at", "currency", "identifier", "coupons")
    }
    quoted = town.shop.office.post("/v1/quotes", {**asked, "lines": body["lines"]}, key=None)
    assert quoted.status == 200, quoted.body
    off = {line["line_id"]: line["discounts"] for line in quoted["lines"]}
    return [
        {**line, "discounts": [*line.get("discounts", ()), *off[line["line_id"]]]} for line in body["lines"]
    ]


def _left(line: Mapping[str, Any]) -> int:
    left: int = line["amount"] - sum(one["amount"] for one in line["discounts"])
    return left
