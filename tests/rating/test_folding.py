"""Facts that the database brings are the facts that a fold comes to, whatever a member bought and brought back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.purchases import queries
from loyalty_api.purchases.booking import basket_document
from loyalty_api.rating.rules_counted import sold
from loyalty_api.rating.rules_folding import Bought, Earlier, Folding, Kept, Returned, Start, fold
from loyalty_api.rating.rules_program import check_document, compile_program
from loyalty_api.rating.rules_returns import ALL, Progress, Wanted, come_back
from loyalty_api.rating.rules_versions import Versions
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.facts import Member
from loyalty_api.rulekit.stored import decision_from_json, facts_from_json
from loyalty_api.rulekit.stored_baskets import basket_from_json
from loyalty_api.tiers.rules_walking import Stood
from tests.returns.selling import bring, goods, paper
from tests.support.calendar import Calendar
from tests.support.shop import PRODUCTS, Shop, line, receipt

ENROLLED = datetime(2029, 6, 1, 8, tzinfo=UTC)
BEGAN = datetime(2019, 1, 1, tzinfo=UTC)


def rule(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "bonus", "points": 7, **more}


EVERYTHING: dict[str, Any] = {
    "currency": "USD",
    "time_zone": "Europe/Oslo",
    "purchases": {"late_days": None},
    "earn": {
        "visit_gap_minutes": 90,
        "rules": [
            {"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100},
             "caps": [{"per": "day", "points": 25}, {"per": "week", "points": 60}]},
            rule("twice_a_month", caps=[{"per": "month", "times": 2}]),
            rule("budgeted", points=3, budget=200),
            rule("every_third", when={"member": {"purchase_number": {"every": 3}}}),
            rule("first_fruit", when={"member": {"first_in_category": [["Food", "Fruit"]]}}),
            rule("streak", when={"member": {"week_streak": {"at_least": 2}}}),
            rule("away", when={"member": {"days_since_visit": {"at_least": 5}}}),
            rule("visit", when={"member": {"new_visit": True}}),
            rule("silver", when={"member": {"tier": ["silver", "gold"]}}),
        ],
    },
    "tiers": {
        "metric": "points", "period": {"rolling": 1}, "benefits_from": "this_purchase",
        "downgrade": {"to": "one_step", "grace_days": 2},
        "levels": [
            {"id": "silver", "threshold": 60},
            {"id": "gold", "threshold": 120, "benefits": {"multiplier": {"points": 2, "per": 1}}},
        ],
    },
}  # fmt: skip


@pytest.fixture
def street(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[Shop, Calendar]:
    """A shop whose rules ask for everything that is counted or remembered, on its days."""
    assert check_document(EVERYTHING) == ()
    fresh_shop.publish(EVERYTHING, effective_from=BEGAN)
    return fresh_shop, Calendar(monkeypatch, ENROLLED)


Step = tuple[str, int, int, int]
"""``buy``, hours later, amount and product; or ``back``, hours later, which purchase, how many pieces (0: all)."""
buys = st.tuples(
    st.just("buy"), st.sampled_from([0, 1, 20, 170, 400]), st.integers(1, 4000), st.integers(0, 2)
)
backs = st.tuples(st.just("back"), st.sampled_from([0, 30]), st.integers(0, 9), st.integers(0, 2))
histories = st.lists(buys | buys | backs, min_size=2, max_size=9)
_cards = itertools.count(1)


@dataclass
class History:
    """What a member bought and brought back over HTTP, and the same as events of a fold."""

    shop: Shop
    calendar: Calendar
    card: str
    member_id: UUID
    sales: list[tuple[dict[str, Any], UUID]] = field(default_factory=list)
    progress: dict[UUID, dict[str, Progress]] = field(default_factory=dict)
    events: list[Bought | Returned] = field(default_factory=list)

    def buy(self, amount: int, product: int) -> None:
        now = self.calendar.now
        lines = [line(amount, quantity=2, sku=PRODUCTS[product]["sku"]), line(99, line_id="2")]
        body = receipt(*lines, card=self.card, at=now)
        answer = self.shop.till.post("/v1/purchases", body, key=None)
        assert answer.status == 201, answer.body
        purchase_id = ids.read("pur", answer["purchase_id"])
        assert purchase_id is not None
        self.sales.append((body, purchase_id))
        row, basket = self.stored(purchase_id)
        assert row["occurred_at"] == now
        self.events.append(Bought(purchase_id, now, basket, Member()))

    def back(self, which: int, pieces: int) -> None:
        if not self.sales:
            return
        body, purchase_id = self.sales[which % len(self.sales)]
        lines = [{"line_id": "1", "quantity": pieces}] if pieces else []
        answer = bring(self.shop, goods(paper(body), *lines, at=self.calendar.now))
        if answer.status == 409:
            return
        assert answer.status == 201, answer.body
        basket, before = self.stored(purchase_id)[1], self.progress.get(purchase_id, {})
        after = come_back(sold(basket), before, [Wanted("1", pieces)] if pieces else None)
        self.progress[purchase_id] = {**before, **after}
        whole = all(self.progress[purchase_id].get(n, Progress()).part == ALL for n in "12")
        self.events.append(Returned(ids.new(), purchase_id, self.calendar.now, after, whole))

    def stored(self, purchase_id: UUID) -> tuple[dict[str, Any], Basket]:
        with self.shop.database.unit_of_work() as session:
            connection = driver(session)
            row = queries.find(connection, purchase_id)
            assert row is not None
            lines = queries.lines_of(connection, self.member_id, purchase_id)
        return row, basket_from_json(basket_document(row, lines))

    def counters(self) -> dict[str, int]:
        with self.shop.database.unit_of_work() as session:
            rows = driver(session).execute(
                "SELECT key, value FROM member_counters WHERE member_id = %s AND value <> 0",
                (self.member_id,),
            )
            return dict(rows.fetchall())

    def taken(self) -> dict[str, int]:
        with self.shop.database.unit_of_work() as session:
            return dict(driver(session).execute("SELECT key, taken FROM rule_limits").fetchall())


def lived(street: tuple[Shop, Calendar], steps: list[Step]) -> tuple[History, Versions]:
    """The history of a new member, and the versions as they stood before it."""
    shop, calendar = street
    calendar.on(ENROLLED)
    card = f"FOLD{next(_cards)}"
    member_id = ids.read("mbr", shop.enrol(card))
    assert member_id is not None
    history = History(shop, calendar, card, member_id)
    versions = Versions.always(compile_program(EVERYTHING, version=2), taken=history.taken())
    calendar.pass_by(days=3)
    for kind, hours, *more in steps:
        calendar.pass_by(hours=hours, minutes=1)
        getattr(history, kind)(*more)
    return history, versions


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=histories)
def test_facts_from_the_database_equal_facts_folded(street: tuple[Shop, Calendar], steps: list[Step]) -> None:
    history, versions = lived(street, steps)
    folding = Folding(Start(stood=Stood(ENROLLED)), versions, at=ENROLLED)
    for event in history.events:
        if isinstance(event, Returned):
            folding.bring_back(event)
            continue
        row, _ = history.stored(event.purchase_id)
        folding.elapse(event.at)
        assert folding.facts(event, versions.first) == facts_from_json(row["facts"])
        assert folding.buy(event) == decision_from_json(row["decision"])
    counted = {key: value for key, value in folding.counters.items() if value}
    assert {k: v for k, v in counted.items() if not k.startswith("history:")} == history.counters()
    assert versions.taken == history.taken()
    assert folding.walk is not None
    assert folding.walk.level == level(history)


def level(history: History) -> str | None:
    found = history.shop.office.get(f"/v1/members/{ids.show('mbr', history.member_id)}/tier")
    assert found.status == 200
    return found["level"] and found["level"]["code"]


# --- without a database ----------------------------------------------------------------------------------

NOON = datetime(2030, 3, 4, 12, tzinfo=UTC)


def sales(count: int) -> Iterator[Bought]:
    for n in range(count):
        basket = Basket("str_1", "USD", (Line("1", 1000, quantity=2),))
        yield Bought(UUID(int=n + 1), NOON + timedelta(days=n), basket, Member())


def program(*rules: dict[str, Any], version: int = 1) -> Any:
    made = {"currency": "USD", "time_zone": "UTC", "earn": {"rules": list(rules)}}
    return compile_program(made, version=version)


def points(events: list[Bought | Returned], start: Start, versions: Versions) -> list[int]:
    found = fold(events, start, versions, at=NOON)
    return [decision.points() if decision else -1 for _, decision in found]


def test_each_purchase_is_rated_by_the_version_of_its_moment() -> None:
    dear, cheap = program(rule("a", points=5)), program(rule("a", points=2), version=2)
    versions = Versions([(NOON + timedelta(hours=1), dear), (NOON + timedelta(days=2), cheap)])
    assert points(list(sales(4)), Start(), versions) == [-1, 5, 2, 2]


def test_what_was_decided_may_stand_in_the_place_of_rating() -> None:
    capped = rule("a", points=5, caps=[{"per": "month", "points": 12}])
    versions = Versions.always(program(capped))
    first, second, third = sales(3)
    decided = next(fold([first], Start(), Versions.always(program({**capped, "points": 9})), at=NOON))[1]
    stands = Bought(first.purchase_id, first.at, first.basket, first.member, decided)
    assert points([stands, second, third], Start(), versions) == [9, 3, 0]


def test_counters_and_histories_go_on_from_the_beginning() -> None:
    third = rule("third", when={"member": {"purchase_number": {"is": [3]}}})
    capped = rule("capped", points=5, caps=[{"per": "month", "points": 8}])
    before = [Earlier(b.at - timedelta(days=30), UUID(int=99 - n), b.basket) for n, b in enumerate(sales(2))]
    start = Start({"capped:points:2030-03": 4}, before)
    assert points(list(sales(2)), start, Versions.always(program(third, capped))) == [7 + 4, 0]


def test_goods_from_before_the_beginning_come_back_as_they_were_decided() -> None:
    capped = rule("capped", points=8, caps=[{"per": "month", "points": 8}])
    versions = Versions.always(program(capped))
    (earlier,) = sales(1)
    decided = next(fold([earlier], Start(), versions, at=NOON))[1]
    of = Kept(decided, earlier.basket, earlier.at)
    half = Returned(UUID(int=70), UUID(int=7), NOON, come_back(sold(of.basket), {}, [Wanted("1", 1)]), of=of)
    start = Start({"capped:points:2030-03": 8})
    folding = Folding(start, versions, at=NOON)
    assert folding.bring_back(half) == {"1": {"capped": 4}}
    assert points([half, *sales(2)][:2], start, versions) == [4]
