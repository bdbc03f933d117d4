"""Caps and budgets at the till: counted with the purchase, given back with the goods, the same for every lane."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from loyalty_api import ids, jobs
from loyalty_api.db import driver
from loyalty_api.purchases import queries
from loyalty_api.purchases.booking import basket_document
from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rating.rules_program import compile_program
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.rulekit.stored import decision_from_json, facts_from_json
from loyalty_api.rulekit.stored_baskets import basket_from_json
from tests.purchases.racing import AGAIN, another, at_once, breaches, settled
from tests.returns.selling import bring, goods, paper
from tests.support.shop import BASIC, Shop, line, receipt

BEGAN = datetime(2019, 1, 1, tzinfo=UTC)
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
DAILY = {"id": "daily", "kind": "bonus", "points_per": {"points": 1, "amount": 100}}
DAILY |= {"caps": [{"per": "day", "points": 30}]}


def document(*rules: dict[str, Any], **sections: Any) -> dict[str, Any]:
    made = deepcopy(BASIC) | sections
    made["earn"] = {"rules": list(rules)}
    return made


@pytest.fixture
def capped(fresh_shop: Shop) -> Iterator[Shop]:
    """A shop that gives at most 30 points a day."""
    fresh_shop.publish(document(DAILY), effective_from=BEGAN)
    yield fresh_shop
    assert breaches(settled(fresh_shop)) == []


def buy(shop: Shop, amount: int, card: str, at: datetime = NOON, **more: Any) -> tuple[dict[str, Any], Any]:
    body = receipt(line(amount, quantity=2), card=card, at=at, **more)
    answer = shop.till.post("/v1/purchases", body, key=None)
    assert answer.status == 201, answer.body
    return body, answer


def earned(shop: Shop, amount: int, card: str, at: datetime = NOON, **more: Any) -> int:
    return int(buy(shop, amount, card, at, **more)[1]["points"]["earned"])


def counters(shop: Shop) -> dict[str, int]:
    with shop.database.unit_of_work() as session:
        rows = driver(session).execute("SELECT key, value FROM member_counters ORDER BY key").fetchall()
    return {row[0]: row[1] for row in rows}


def taken(shop: Shop) -> int:
    row = shop.database.fetch_one("SELECT sum(taken) FROM rule_limits", ())
    return int(row[0] or 0) if row else 0


# --- caps ------------------------------------------------------------------------------------------------


def test_a_day_s_cap_holds_over_purchases_and_begins_anew_the_next_day(capped: Shop) -> None:
    capped.enrol("CAP1")
    assert [earned(capped, 2000, "CAP1") for _ in range(3)] == [20, 10, 0]
    assert earned(capped, 2000, "CAP1", NOON + timedelta(days=1)) == 20


def test_a_cap_is_each_member_s_own(capped: Shop) -> None:
    for card in ("CAP2", "CAP3"):
        capped.enrol(card)
        assert earned(capped, 4000, card) == 30


def test_a_late_receipt_counts_in_the_day_it_was_made(capped: Shop) -> None:
    capped.enrol("CAP4")
    assert earned(capped, 2500, "CAP4", NOON + timedelta(days=1)) == 25
    assert earned(capped, 2500, "CAP4", NOON) == 25
    assert earned(capped, 2500, "CAP4", NOON + timedelta(days=1)) == 5


def test_a_return_gives_back_its_own_day_s_cap_and_never_what_the_cap_cut(capped: Shop) -> None:
    member = capped.enrol("CAP5")
    first, _ = buy(capped, 2000, "CAP5")
    buy(capped, 2000, "CAP5")
    assert bring(capped, goods(paper(first), {"line_id": "1", "quantity": 1})).status == 201
    assert capped.balance(member)["available"] == 20
    assert earned(capped, 2000, "CAP5") == 10
    assert earned(capped, 9000, "CAP5", NOON + timedelta(days=1)) == 30


def test_undoing_a_return_counts_again(capped: Shop) -> None:
    capped.enrol("CAP6")
    sale, _ = buy(capped, 3000, "CAP6")
    back = bring(capped, goods(paper(sale)))
    assert sum(counters(capped).values()) == 0
    undone = capped.caller("terminal", store="str_2").post(
        f"/v1/returns/{back['return_id']}/void", {"reason": "mistake"}
    )
    assert undone.status in (200, 201), undone.body
    assert list(counters(capped).values()) == [30]
    assert earned(capped, 2000, "CAP6") == 0


def test_a_void_gives_the_cap_back(capped: Shop) -> None:
    capped.enrol("CAP7")
    _, sold = buy(capped, 3000, "CAP7")
    assert capped.till.post(f"/v1/purchases/{sold['purchase_id']}/void", {"reason": "wrong"}).status in (
        200,
        201,
    )
    assert earned(capped, 3000, "CAP7") == 30


def test_points_that_the_program_lets_a_member_keep_stay_counted(fresh_shop: Shop) -> None:
    keep = {"take_back": "pending_only"}
    fresh_shop.publish(document(DAILY, returns=keep), effective_from=BEGAN)
    fresh_shop.enrol("CAP8")
    sale, _ = buy(fresh_shop, 3000, "CAP8")
    assert bring(fresh_shop, goods(paper(sale))).status == 201
    assert earned(fresh_shop, 3000, "CAP8") == 0
    assert breaches(settled(fresh_shop)) == []


def test_a_batch_of_one_member_s_receipts_counts_within_itself(capped: Shop) -> None:
    member = capped.enrol("CAP9")
    file = [
        {"type": "purchase", "body": receipt(line(100), card="CAP9", at=NOON, terminal="b")}
        for _ in range(500)
    ]
    results = capped.till.upload("POST", "/v1/batch", file).lines
    assert [result["points"] for result in results] == [1] * 30 + [0] * 470
    assert capped.balance(member)["available"] == 30


def test_a_quote_reads_what_was_counted_and_takes_nothing(capped: Shop) -> None:
    capped.enrol("CAPQ")
    basket = {
        name: value
        for name, value in receipt(line(4000), card="CAPQ", at=datetime.now(UTC), include=["reasons"]).items()
        if name not in ("business_date", "reference", "total", "payments")
    }
    for _ in range(2):
        quote = capped.till.post("/v1/quotes", basket)
        assert quote.status in (200, 201), quote.body
        assert quote["points"]["total"] == 30
    (reason,) = quote["reasons"]
    assert (reason["code"], reason["text"]) == (
        "capped_day", "The most it gives in a day was reached: 30 points.",
    )  # fmt: skip
    assert counters(capped) == {}


def test_a_purchase_that_is_claimed_later_counts_in_its_own_day(capped: Shop) -> None:
    capped.enrol("CAPC")
    earned(capped, 2500, "CAPC")
    _, sold = buy(capped, 2500, "CAPNEW")
    assert sold["points"]["earned"] == 0
    member = capped.enrol("CAPNEW")
    settled(capped)
    assert capped.balance(member)["available"] == 25
    assert earned(capped, 2500, "CAPNEW") == 5


def test_why_the_cap_cut_is_said_a_year_later(capped: Shop) -> None:
    capped.enrol("CAPW")
    _, sold = buy(capped, 4000, "CAPW")
    said = capped.office.get(f"/v1/purchases/{sold['purchase_id']}/explanation", Accept_Language="nb")
    values = [step["value"] for step in said["steps"]]
    assert "Det meste den gir på én dag er nådd: 30 poeng." in values
    assert "Begrenset til 30 poeng av 40 poeng" in values


def test_counters_of_days_long_over_are_forgotten_and_returns_do_not_mind(fresh_shop: Shop) -> None:
    once = {"id": "once", "kind": "bonus", "points": 5, "caps": [{"per": "program", "times": 1}]}
    fresh_shop.publish(document(DAILY, once, purchases={"late_days": 31}), effective_from=BEGAN)
    fresh_shop.enrol("OLD1")
    sale, _ = buy(fresh_shop, 2000, "OLD1")
    late = NOON + timedelta(days=31 + 3)
    assert jobs.purge_counters(fresh_shop.database, now=late - timedelta(days=1)) == 0
    assert jobs.purge_counters(fresh_shop.database, now=late) == 1
    assert list(counters(fresh_shop).values()) == [1]
    assert bring(fresh_shop, goods(paper(sale))).status == 201
    assert list(counters(fresh_shop).values()) == [0]
    assert [found for found in breaches(settled(fresh_shop)) if "counter" in found[1]] == []


# --- budgets ---------------------------------------------------------------------------------------------

BUDGET = {"id": "launch", "kind": "bonus", "points": 10, "budget": 100}


@pytest.fixture
def launch(fresh_shop: Shop) -> Iterator[Shop]:
    """A shop with a rule that gives 100 points in all."""
    fresh_shop.publish(document(BUDGET), effective_from=BEGAN)
    yield fresh_shop
    assert breaches(settled(fresh_shop)) == []


def test_a_budget_ends_and_the_till_hears_of_it(launch: Shop) -> None:
    launch.enrol("BUD1")
    answers = [buy(launch, 500, "BUD1")[1] for _ in range(11)]
    assert [answer["points"]["earned"] for answer in answers] == [10] * 10 + [0]
    assert answers[-1]["discrepancies"] == [{"code": "budget_exhausted", "rules": ["launch"]}]
    assert taken(launch) == 100


def test_goods_that_come_back_bring_their_part_of_the_budget(launch: Shop) -> None:
    launch.enrol("BUD2")
    sales = [buy(launch, 500, "BUD2")[0] for _ in range(10)]
    assert bring(launch, goods(paper(sales[0]))).status == 201
    assert bring(launch, goods(paper(sales[1]), {"line_id": "1", "quantity": 1})).status == 201
    assert taken(launch) == 85
    assert [earned(launch, 500, "BUD2") for _ in range(2)] == [10, 5]


def test_a_new_version_goes_on_counting_with_its_own_budget(launch: Shop) -> None:
    launch.enrol("BUD3")
    assert sum(earned(launch, 500, "BUD3") for _ in range(11)) == 100
    launch.publish(document({**BUDGET, "budget": 115}), effective_from=NOON - timedelta(days=1))
    assert [earned(launch, 500, "BUD3") for _ in range(3)] == [10, 5, 0]
    launch.publish(document({**BUDGET, "budget": 50}), effective_from=NOON - timedelta(hours=1))
    assert earned(launch, 500, "BUD3") == 0


def test_64_lanes_share_one_budget(launch: Shop) -> None:
    cards = [f"RACEB{n}" for n in range(16)]
    members = [launch.enrol(card) for card in cards]
    bodies = [receipt(line(500), card=cards[n % 16], at=NOON) for n in range(64)]
    tills = [another(launch.till) for _ in bodies]

    def send(till: Any, body: dict[str, Any]) -> int:
        for _ in range(100):
            answer = till.post("/v1/purchases", body, key=None)
            if answer.status not in AGAIN:
                assert answer.status == 201, answer.body
                return int(answer["points"]["earned"])
        raise AssertionError("never answered")

    given = at_once(*(partial(send, till, body) for till, body in zip(tills, bodies, strict=True)))
    assert sorted(given) == [0] * 54 + [10] * 10
    assert taken(launch) == 100
    assert sum(launch.balance(member)["available"] for member in members) == 100


def test_a_batch_and_many_lanes_share_several_budgets(fresh_shop: Shop) -> None:
    rules = [{**BUDGET, "id": f"b{n}", "budget": 35 + n} for n in range(4)]
    fresh_shop.publish(document(*rules), effective_from=BEGAN)
    cards = [f"RACEC{n}" for n in range(6)]
    members = [fresh_shop.enrol(card) for card in cards]

    def file() -> list[dict[str, Any]]:
        return [
            {"type": "purchase", "body": receipt(line(500), card=cards[(k * 5) % 6], at=NOON, terminal="b")}
            for k in range(60)
        ]  # fmt: skip

    def send_file(till: Any, items: list[dict[str, Any]]) -> None:
        for _ in range(100):
            answer = till.upload("POST", "/v1/batch", items)
            if answer.status == 200 and {r["status"] for r in answer.lines} <= {"created", "duplicate"}:
                return
        raise AssertionError(answer.body)

    def send_one(till: Any, body: dict[str, Any]) -> None:
        for _ in range(100):
            if till.post("/v1/purchases", body, key=None).status == 201:
                return
        raise AssertionError("never answered")

    work: list[Any] = [partial(send_file, another(fresh_shop.till), file())]
    work += [
        partial(send_one, another(fresh_shop.till), receipt(line(500), card=cards[n % 6], at=NOON))
        for n in range(24)
    ]
    at_once(*work)
    assert taken(fresh_shop) == 35 + 36 + 37 + 38
    assert sum(fresh_shop.balance(member)["available"] for member in members) == taken(fresh_shop)
    assert breaches(settled(fresh_shop)) == []


# --- facts that are loaded are facts that were folded ----------------------------------------------------


def test_facts_from_the_database_equal_facts_folded_by_advance(fresh_shop: Shop) -> None:
    rules = [
        {**DAILY, "caps": [{"per": "day", "points": 25}, {"per": "week", "points": 60}], "budget": 90},
        {"id": "thrice", "kind": "bonus", "points": 7, "caps": [{"per": "month", "times": 3}]},
    ]
    made = document(*rules)
    fresh_shop.publish(made, effective_from=BEGAN)
    program, member = compile_program(made, version=2), ids.read("mbr", fresh_shop.enrol("FOLD"))
    sold = [
        buy(fresh_shop, 700 + 450 * (n % 4), "FOLD", NOON - timedelta(days=n % 3, minutes=n))[1]
        for n in range(12)
    ]
    folded = Facts(Member(), {}, dict(program.budgets(NOON)))
    for answer in sold:
        with fresh_shop.database.unit_of_work() as session:
            connection = driver(session)
            row = queries.find(connection, ids.read("pur", answer["purchase_id"]))
            lines = queries.lines_of(connection, member, row["purchase_id"])
        basket, facts = basket_from_json(basket_document(row, lines)), facts_from_json(row["facts"])
        needs = program.needs(row["occurred_at"])
        known = {key: value for key, value in folded.counters.items() if key in needs.counters}
        assert facts == Facts(Member(), known, folded.limits)
        decision = evaluate(basket, facts, program, row["occurred_at"])
        assert decision == decision_from_json(row["decision"])
        folded = advance(folded, basket, decision)
    assert counters(fresh_shop) == folded.counters
    assert breaches(fresh_shop) == []


# --- the store's own clock is kept with the purchase -----------------------------------------------------


def test_a_sale_claimed_later_is_rated_by_the_clock_of_its_store(fresh_shop: Shop) -> None:
    happy = {**DAILY, "when": {"hours": [{"from": "11:30", "until": "12:30"}]}}
    fresh_shop.publish(document(happy, time_zone="Asia/Tokyo"), effective_from=BEGAN)
    buy(fresh_shop, 2000, "CLOCK")
    member = fresh_shop.enrol("CLOCK")
    settled(fresh_shop)
    assert fresh_shop.balance(member)["available"] == 20
