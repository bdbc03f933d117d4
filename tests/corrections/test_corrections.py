"""Purchases rated once more under corrected rules: what is booked, what members read, and what holds afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty_api import ids
from loyalty_api.corrections import service
from loyalty_api.corrections.running import Done, run
from loyalty_api.errors import Invalid
from loyalty_api.program.service import VersionUnknown
from loyalty_api.rating.rules_program import compile_program
from tests.purchases.racing import breaches
from tests.returns.selling import bring, goods, paper
from tests.support.calendar import Calendar
from tests.support.documents import earning, with_lots
from tests.support.shop import Shop, line, receipt

BEGIN = datetime(2031, 3, 3, 9, tzinfo=UTC)
WINDOW = (BEGIN, BEGIN + timedelta(days=7))
POINTS = ("available", "pending", "held", "debt")


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch, BEGIN)


def with_rules(shop: Shop, wrong: dict[str, Any], right: dict[str, Any]) -> int:
    """The wrong rules are in force until the window is over, then the right ones; the number of these."""
    shop.publish(wrong, effective_from=BEGIN - timedelta(days=400))
    return shop.publish(right, effective_from=WINDOW[1])


def correct(shop: Shop, today: Calendar, version: int, *, dry_run: bool = False, **more: Any) -> Done:
    *_, done = run(
        shop.database, version=version, window=more.pop("window", WINDOW), reason=more.pop("reason", "Too few"),
        dry_run=dry_run, clock=lambda: today.now,
    )  # fmt: skip
    return done


def sell(shop: Shop, card: str, at: datetime, *lines: dict[str, Any]) -> tuple[dict[str, Any], str]:
    body = receipt(*lines or [line(1000)], card=card, at=at)
    sold = shop.till.post("/v1/purchases", body, key=None)
    assert sold.status == 201, sold.body
    return body, sold["purchase_id"]


def points(shop: Shop, member: str) -> list[int]:
    found = shop.balance(member)
    return [found[name] for name in POINTS]


def purchase(shop: Shop, purchase_id: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.office.get(f"/v1/purchases/{purchase_id}").body
    return found


def test_what_was_given_too_little_is_given_and_the_statement_says_why(
    fresh_shop: Shop, today: Calendar
) -> None:
    version = with_rules(fresh_shop, earning(1), earning(3))
    member = fresh_shop.enrol("MORE")
    _, bought = sell(fresh_shop, "MORE", today.now)
    today.on(WINDOW[1] + timedelta(days=1))
    _, after = sell(fresh_shop, "MORE", today.now)
    assert correct(fresh_shop, today, version, dry_run=True) == Done(1, 1, 1, given=20)
    assert points(fresh_shop, member) == [40, 0, 0, 0]
    assert correct(fresh_shop, today, version) == Done(1, 1, 1, given=20)
    assert points(fresh_shop, member) == [60, 0, 0, 0]
    shown = purchase(fresh_shop, bought)
    assert shown["points"]["earned"] == 30
    assert shown["corrected"] == {
        "from_version": version - 1, "version": version, "points_before": 10, "points_after": 30,
        "at": today.now.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    assert purchase(fresh_shop, after)["corrected"] is None
    entry = fresh_shop.member(member).get("/v1/me/entries")["data"][0]
    assert (entry["kind"], entry["points"], entry["title"]) == ("correct", 20, "Purchase corrected, Store 1")
    assert entry["source"]["id"] == bought
    assert entry["rule"] == {"id": "base", "program_version": version}
    assert (entry["occurred_at"], entry["recorded_at"]) == (shown["occurred_at"], shown["corrected"]["at"])
    why = fresh_shop.member(member).get(f"/v1/me/entries/{entry['entry_id']}/explanation")
    assert why["text"] == "20 points because the rules of this purchase were corrected."
    assert [(step["label"], step["value"]) for step in why["steps"][1:]] == [
        (f"By version {version - 1}", "10 points"), (f"By version {version}", "30 points"), ("Correction", "Too few"),
    ]  # fmt: skip
    told = fresh_shop.office.get(f"/v1/purchases/{bought}/explanation", Accept_Language="nb")
    assert "rettede regler" in told["text"]
    assert correct(fresh_shop, today, version) == Done()
    assert breaches(fresh_shop) == []


def test_what_was_given_too_much_is_taken_back_and_what_is_spent_is_owed(
    fresh_shop: Shop, today: Calendar
) -> None:
    wrong = {**earning(10), "redeem": {"rate": {"points": 1, "amount": 1}}}
    version = with_rules(fresh_shop, wrong, {**wrong, **earning(1)})
    spender, saver = fresh_shop.enrol("SPENT"), fresh_shop.enrol("SAVED")
    for card in ("SPENT", "SAVED"):
        sell(fresh_shop, card, today.now)
    today.on(WINDOW[1] + timedelta(days=1))
    used = {"member_id": spender, "for": "basket", "max_amount": 95, "store": "str_1", "terminal": "1",
            "occurred_at": today.now.isoformat()}  # fmt: skip
    held = fresh_shop.till.post("/v1/redemptions", used)
    taken = {"occurred_at": today.now.isoformat()}
    assert fresh_shop.till.post(f"/v1/redemptions/{held['redemption_id']}/capture", taken).status == 200
    assert correct(fresh_shop, today, version) == Done(2, 2, 2, taken=180)
    assert points(fresh_shop, saver) == [10, 0, 0, 0]
    assert points(fresh_shop, spender) == [0, 0, 0, 85]
    assert breaches(fresh_shop) == []


def test_a_program_that_takes_what_is_there_leaves_members_the_rest(
    fresh_shop: Shop, today: Calendar
) -> None:
    gentle = {"returns": {"take_back": "pending_only"}}
    version = with_rules(fresh_shop, earning(10), {**earning(1), **gentle})
    member = fresh_shop.enrol("KEEPS")
    sell(fresh_shop, "KEEPS", today.now)
    today.on(WINDOW[1] + timedelta(days=1))
    assert correct(fresh_shop, today, version) == Done(1, 1, 1, kept=90)
    assert points(fresh_shop, member) == [100, 0, 0, 0]
    assert breaches(fresh_shop) == []


def test_returns_are_counted_in_and_the_next_one_goes_by_the_corrected_decision(
    fresh_shop: Shop, today: Calendar
) -> None:
    version = with_rules(fresh_shop, earning(1), earning(3))
    member = fresh_shop.enrol("BACK")
    body, bought = sell(fresh_shop, "BACK", today.now, line(3000, quantity=3))
    one = bring(fresh_shop, goods(paper(body), {"line_id": "1", "quantity": 1}, at=today.pass_by(hours=1)))
    assert points(fresh_shop, member) == [20, 0, 0, 0]
    today.on(WINDOW[1] + timedelta(days=1))
    assert correct(fresh_shop, today, version) == Done(1, 1, 1, given=40)
    assert points(fresh_shop, member) == [60, 0, 0, 0]
    void = fresh_shop.office.post(f"/v1/returns/{one['return_id']}/void", {"reason": "mistake"})
    assert void.code == "return_built_upon"
    rest = bring(fresh_shop, goods(paper(body), at=today.pass_by(hours=1)))
    assert rest["points"]["taken_back"] == 60
    assert points(fresh_shop, member) == [0, 0, 0, 0]
    assert purchase(fresh_shop, bought)["status"] == "returned"
    assert correct(fresh_shop, today, version) == Done()
    assert breaches(fresh_shop) == []


def test_points_that_would_have_expired_by_now_live_for_the_grace(fresh_shop: Shop, today: Calendar) -> None:
    rule = {"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100}}
    wrong = with_lots(expire={"days": 20}, earn={"rules": [rule]})
    right = {**wrong, "earn": {"rules": [{**rule, "points_per": {"points": 2, "amount": 100}}]}}
    version = with_rules(fresh_shop, wrong, right)
    member = fresh_shop.enrol("OLDEN")
    sell(fresh_shop, "OLDEN", today.now)
    today.on(BEGIN + timedelta(days=30))
    assert correct(fresh_shop, today, version) == Done(1, 1, 1, given=10)
    found = fresh_shop.balance(member)
    assert (found["available"], found["lifetime"]["expired"]) == (10, 10)
    assert found["expiring"][0]["last_day"] == (today.now + timedelta(days=14)).date().isoformat()
    # The other way round nothing is left to take: what was too much has expired by itself.
    assert correct(fresh_shop, today, version - 1) == Done(1, 1, 1, taken=10)
    assert points(fresh_shop, member) == [0, 0, 0, 0]
    assert breaches(fresh_shop) == []


def test_too_many_points_that_expired_by_themselves_are_taken_from_nobody_twice(
    fresh_shop: Shop, today: Calendar
) -> None:
    rule = {"id": "base", "kind": "base", "points_per": {"points": 3, "amount": 100}}
    wrong = with_lots(expire={"days": 20}, earn={"rules": [rule]})
    right = {**wrong, "earn": {"rules": [{**rule, "points_per": {"points": 1, "amount": 100}}]}}
    version = with_rules(fresh_shop, wrong, right)
    member = fresh_shop.enrol("GONE")
    body, _ = sell(fresh_shop, "GONE", today.now)
    today.on(BEGIN + timedelta(days=30))
    assert correct(fresh_shop, today, version) == Done(1, 1, 1, lapsed=20)
    back = bring(fresh_shop, goods(paper(body), at=today.pass_by(hours=1)))
    assert (back["points"]["taken_back"], back["points"]["to_debt"]) == (10, 0)
    assert points(fresh_shop, member) == [0, 0, 0, 0]
    assert breaches(fresh_shop) == []


def test_killed_anywhere_it_goes_on_and_takes_up_what_has_come_since(
    fresh_shop: Shop, today: Calendar
) -> None:
    version = with_rules(fresh_shop, earning(1), earning(2))
    members = {f"KILLED{n}": fresh_shop.enrol(f"KILLED{n}") for n in range(3)}
    for card in members:
        sell(fresh_shop, card, today.now)
    today.on(WINDOW[1] + timedelta(days=1))
    first = ids.read("mbr", min(members.values()))
    assert first is not None
    _only(fresh_shop, today, version, first)
    assert sorted(points(fresh_shop, member)[0] for member in members.values()) == [10, 10, 20]
    # A receipt of that week is rated by the rules of its time, late as it is; the same correction takes it up.
    sell(fresh_shop, "KILLED0", BEGIN + timedelta(hours=2))
    assert correct(fresh_shop, today, version).corrected == 3
    assert [points(fresh_shop, member)[0] for member in members.values()] == [40, 20, 20]
    assert correct(fresh_shop, today, version) == Done()
    assert breaches(fresh_shop) == []


def _only(shop: Shop, today: Calendar, version: int, member_id: UUID) -> None:
    """The correction begins and ends with one member, as if it had been killed then."""
    from loyalty_api.program.service import Programs

    programs: Any = Programs(lambda document, number: compile_program(document, version=number))
    with shop.database.unit_of_work() as session:
        begun = service.begin(
            session, programs, version=version, starts_at=WINDOW[0], ends_at=WINDOW[1], reason=None, by="test",
            correction_id=ids.new(), now=today.now,
        )  # fmt: skip
    with shop.database.unit_of_work() as session:
        service.correct_member(
            session, programs, begun, member_id=member_id, first_id=ids.new(), now=today.now
        )


def test_a_level_that_the_corrected_points_reach_is_held_from_the_correction_on(
    fresh_shop: Shop, today: Calendar
) -> None:
    levels = {"tiers": {"metric": "points", "levels": [{"id": "silver", "threshold": 25}]}}
    version = with_rules(fresh_shop, {**earning(1), **levels}, {**earning(3), **levels})
    member = fresh_shop.enrol("LEVEL")
    sell(fresh_shop, "LEVEL", today.now)
    assert fresh_shop.office.get(f"/v1/members/{member}/tier")["level"] is None
    today.on(WINDOW[1] + timedelta(days=1))
    correct(fresh_shop, today, version)
    tier = fresh_shop.office.get(f"/v1/members/{member}/tier").body
    assert (tier["level"]["code"], tier["progress"]["value"]) == ("silver", 30)
    assert datetime.fromisoformat(tier["since"]) == today.now
    correct(fresh_shop, today, version - 1)
    assert fresh_shop.office.get(f"/v1/members/{member}/tier")["progress"]["value"] == 10
    assert breaches(fresh_shop) == []


def test_what_is_no_window_of_the_past_is_refused(fresh_shop: Shop, today: Calendar) -> None:
    version = with_rules(fresh_shop, earning(1), earning(2))
    for window in (WINDOW[::-1], (BEGIN, BEGIN), (BEGIN, BEGIN + timedelta(days=1))):
        with pytest.raises(Invalid) as refused:
            correct(fresh_shop, today, version, window=window)
        assert refused.value.code == "correction_window_unfit"
    today.on(WINDOW[1])
    with pytest.raises(VersionUnknown):
        correct(fresh_shop, today, 99)


def counting(points_: int) -> dict[str, Any]:
    """Rules with caps and a memory, which give so many points for each whole amount."""
    rules = [
        {"id": "base", "kind": "base", "points_per": {"points": points_, "amount": 100},
         "caps": [{"per": "day", "points": 45}, {"per": "week", "points": 80}]},
        {"id": "third", "kind": "bonus", "points": points_ * 2,
         "when": {"member": {"purchase_number": {"every": 3}}}},
    ]  # fmt: skip
    return {**with_lots(), "earn": {"rules": rules}}


def test_a_window_begins_with_what_was_counted_before_it(fresh_shop: Shop, today: Calendar) -> None:
    version = with_rules(fresh_shop, counting(1), counting(2))
    member = fresh_shop.enrol("WEEK")
    bought = [sell(fresh_shop, "WEEK", today.now, line(3000))[1]]
    bought += [sell(fresh_shop, "WEEK", today.pass_by(days=1), line(3000))[1] for _ in range(2)]
    today.on(WINDOW[1] + timedelta(days=1))
    later = (BEGIN + timedelta(hours=1), WINDOW[1])
    # 30 of the week's 80 and one purchase lie before it: then 45 a day, what is left of the week, and every third.
    assert correct(fresh_shop, today, version, window=later) == Done(1, 2, 2, given=15, taken=13)
    assert [purchase(fresh_shop, one)["points"]["earned"] for one in bought] == [30, 45, 9]
    assert points(fresh_shop, member) == [84, 0, 0, 0]
    assert correct(fresh_shop, today, version, window=later) == Done()
    assert breaches(fresh_shop) == []


steps = st.lists(
    st.tuples(st.sampled_from(["buy", "buy", "back"]), st.sampled_from([1, 9, 30]), st.integers(1, 30)),
    min_size=1,
    max_size=7,
)
_cards = iter(range(1, 10_000))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=steps)
def test_corrected_a_history_earns_what_it_earns_under_the_right_rules(
    fresh_shop: Shop, today: Calendar, history: list[tuple[str, int, int]]
) -> None:
    """The same life is led in a week of wrong rules, and twenty weeks later under the right ones."""
    version = 3
    if not fresh_shop.database.fetch_one("SELECT 1 FROM program_versions WHERE version = 3", ()):
        assert with_rules(fresh_shop, counting(1), counting(2)) == version
    cards = [f"TWIN{next(_cards)}", f"TWIN{next(_cards)}"]
    members = [fresh_shop.enrol(card) for card in cards]
    later = timedelta(weeks=20)
    bought = [
        _live(fresh_shop, today, card, history, at)
        for card, at in zip(cards, (BEGIN, BEGIN + later), strict=True)
    ]
    today.on(BEGIN + later + timedelta(weeks=2))
    correct(fresh_shop, today, version, window=(BEGIN - timedelta(days=1), BEGIN + timedelta(weeks=4)))
    earned = [[purchase(fresh_shop, one)["points"]["earned"] for one in each] for each in bought]
    assert earned[0] == earned[1]
    balances = [points(fresh_shop, member) for member in members]
    assert balances[0][0] - balances[0][3] == balances[1][0] - balances[1][3]
    assert breaches(fresh_shop) == []


def _live(
    shop: Shop, today: Calendar, card: str, history: list[tuple[str, int, int]], start: datetime
) -> list[str]:
    today.on(start)
    bodies, bought = [], []
    for what, hours, number in history:
        today.pass_by(hours=hours)
        if what == "buy":
            body, purchase_id = sell(shop, card, today.now, line(number * 100, quantity=2))
            bodies.append(body)
            bought.append(purchase_id)
        elif bodies:
            body = bodies[number % len(bodies)]
            bring(shop, goods(paper(body), {"line_id": "1", "quantity": 1}, at=today.now))
    return bought
