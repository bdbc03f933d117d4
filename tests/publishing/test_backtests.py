"""What a draft would have decided of what members really bought: asked for, carried out, taken up again, kept."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from loyalty_api import clock, ids
from loyalty_api.cli import main
from loyalty_api.program import rules_document
from loyalty_api.publishing import backtests, replaying, running
from loyalty_api.publishing.queries_replay import Span
from loyalty_api.publishing.rules_report import Prices, result
from loyalty_api.publishing.rules_tally import Tally
from tests.cli.conftest import RING
from tests.purchases.racing import breaches
from tests.rating.test_folding import EVERYTHING, rule
from tests.returns.selling import bring, goods, paper
from tests.support.calendar import Calendar
from tests.support.shop import Reply, Shop, line, receipt

BEGAN = datetime(2019, 1, 1, tzinfo=UTC)
MONDAY = datetime(2030, 3, 4, 12, tzinfo=UTC)
TODAY = MONDAY + timedelta(days=60)
PLAIN: dict[str, Any] = {
    "currency": "USD",
    "time_zone": "UTC",
    "purchases": {"late_days": None},
    "earn": {"rules": [{"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100}}]},
    "redeem": {"rate": {"points": 10, "amount": 5, "step": 10, "minimum": 20}},
}


def with_rules(document: dict[str, Any], *rules: dict[str, Any]) -> dict[str, Any]:
    made = deepcopy(document)
    made["earn"]["rules"] += rules
    return made


@dataclass
class Office:
    """A shop with a past, and whoever holds drafts against it."""

    shop: Shop
    calendar: Calendar

    def sells(self, card: str, amount: int, *, at: datetime, **more: Any) -> dict[str, Any]:
        self.calendar.on(at)
        body = receipt(line(amount, quantity=2, **more), card=card, at=at)
        answer = self.shop.till.post("/v1/purchases", body, key=None)
        assert answer.status == 201, answer.body
        return body

    def takes_back(self, sale: dict[str, Any], *, at: datetime, pieces: int | None = None) -> None:
        self.calendar.on(at)
        lines = [{"line_id": "1", "quantity": pieces}] if pieces else []
        answer = bring(self.shop, goods(paper(sale), *lines, at=at))
        assert answer.status == 201, answer.body

    def drafts(self, document: dict[str, Any]) -> str:
        answer = self.shop.office.post("/v1/program/versions", {"document": document})
        assert answer.status == 201, answer.body
        return str(answer["program_version_id"])

    def asks(self, draft: str, *, days: int = 60, since: datetime = MONDAY, **more: Any) -> Reply:
        self.calendar.on(TODAY)
        window = {"from": since.isoformat(), "to": (since + timedelta(days=days)).isoformat()}
        return self.shop.office.post(f"/v1/program/versions/{draft}/backtests", {**window, **more})

    def runs(self, processes: int | None = 1) -> int:
        return backtests.run_waiting(
            self.shop.database, clock=lambda: TODAY, told=lambda: False, processes=processes
        )

    def looks(self, asked: Reply) -> Reply:
        return self.shop.office.get(
            f"/v1/program/versions/{asked['program_version_id']}/backtests/{asked['backtest_id']}"
        )

    def result(self, document: dict[str, Any], processes: int | None = 1, **more: Any) -> dict[str, Any]:
        asked = self.asks(self.drafts(document), **more)
        assert asked.status == 201, asked.body
        assert self.runs(processes) == 1
        found = self.looks(asked)
        assert found["state"] == "done", found.body
        assert found["done"] == found["total"]
        return dict(found["result"])


@pytest.fixture
def office(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(fresh_shop, Calendar(monkeypatch, MONDAY - timedelta(days=3)))


@pytest.fixture
def busy(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Three members with a past of a few weeks under everything a program may say; replayed one member at a time."""
    monkeypatch.setattr(replaying, "MEMBERS_AT_ONCE", 1)
    monkeypatch.setattr("loyalty_api.publishing.running.MEMBERS_AT_ONCE", 1)
    office.shop.publish(with_rules(EVERYTHING), effective_from=BEGAN)
    for card in ("ANNA", "BENT", "CLOE"):
        office.shop.enrol(card)
    for n in range(14):
        card, sku = ("ANNA", "BENT", "CLOE")[n * n % 3], ("apple", "bread", "cigar")[n % 3]
        at = MONDAY + timedelta(days=2 * n, minutes=n)
        sale = office.sells(card, 900 + 700 * (n % 5), at=at, sku=sku)
        if n % 4 == 1:
            office.takes_back(sale, at=at + timedelta(hours=30), pieces=1 if n % 8 == 1 else None)
    return office


# --- what it says ----------------------------------------------------------------------------------------


def test_what_a_draft_would_have_changed(office: Office) -> None:
    office.shop.publish(PLAIN, effective_from=BEGAN)
    for card in ("ANNA", "BENT", "CLOE"):
        office.shop.enrol(card)
    office.sells("ANNA", 2000, at=MONDAY, sku="apple")
    office.takes_back(
        office.sells("ANNA", 5000, at=MONDAY + timedelta(days=1)), at=MONDAY + timedelta(days=8)
    )
    office.sells("BENT", 1000, at=MONDAY + timedelta(days=7))
    fruit = {"id": "fruit", "kind": "bonus", "points_per": {"points": 3, "amount": 100}}
    fruit |= {"where": {"department": ["PRODUCE"]}, "lots": {"expire": {"days": 2}}}
    found = office.result(with_rules(PLAIN, fruit))
    both = {"points_before": 30, "points_after": 90, "points_difference": 60}
    assert found["totals"] == {**both, "cost_before": 15, "cost_after": 45, "cost_difference": 30}
    assert (found["purchases"], found["returns"], found["members"]) == (3, 1, 2)
    rows = {row["rule"]: row["points_difference"] for row in found["by_rule"]}
    assert rows == {"base": 0, "fruit": 60}
    weeks = [(row["week"], row["points_before"], row["points_after"]) for row in found["by_week"]]
    assert weeks == [("2030-03-04", 20, 80), ("2030-03-11", 10, 10)]
    assert [row["store"] for row in found["by_store"]] == ["str_1"]
    assert found["affected"] == {
        "gaining": 1, "losing": 0, "unchanged": 1,
        "distribution": [
            {"from": 1, "until": 9, "gaining": 0, "losing": 0}, {"from": 10, "until": 99, "gaining": 1, "losing": 0},
        ],
        "most": [{"pseudonym": "member-01", "points_before": 20, "points_after": 80, "points_difference": 60}],
    }  # fmt: skip
    # The bonus has expired when the window ends, so that it is not owed any more.
    assert found["liability"]["points_difference"] == 0
    assert found["notes"] == ["behaviour_does_not_react"]


def test_the_version_in_force_as_a_draft_changes_nothing(busy: Office) -> None:
    found = busy.result(EVERYTHING)
    assert found["in_time_order"] is True
    assert found["totals"]["points_difference"] == 0
    assert found["totals"]["points_before"] > 0
    assert all(row["points_difference"] == 0 for row in found["by_rule"])
    assert found["tier_moves"] == []
    later = busy.result(EVERYTHING, since=MONDAY + timedelta(days=9, hours=5), days=50)
    assert (later["totals"]["points_difference"], later["tier_moves"]) == (0, [])
    assert breaches(busy.shop) == []


def test_members_apart_and_the_order_of_time_come_to_the_same(busy: Office) -> None:
    """A budget that never ends changes the way, not the result."""
    easier = with_rules(EVERYTHING)
    easier["earn"]["rules"] = [each for each in easier["earn"]["rules"] if each["id"] != "budgeted"]
    busy.shop.publish(easier, effective_from=MONDAY - timedelta(days=1))
    drafted = with_rules(easier)
    drafted["tiers"]["levels"][1]["threshold"] = 10_000
    apart = busy.result(with_rules(drafted, rule("more", points=4)), days=28)
    together = busy.result(with_rules(drafted, rule("more", points=4, budget=10**9)), days=28)
    assert (apart.pop("in_time_order"), together.pop("in_time_order")) == (False, True)
    assert apart == together
    assert apart["tier_moves"] != []


def test_several_processes_come_to_the_same(busy: Office) -> None:
    plain = with_rules(PLAIN, rule("more"))
    busy.shop.publish(PLAIN, effective_from=MONDAY - timedelta(days=1))
    assert busy.result(plain, processes=2) == busy.result(plain)


def test_few_members_are_replayed_without_processes_of_their_own(
    busy: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = with_rules(PLAIN, rule("more"))
    busy.shop.publish(PLAIN, effective_from=MONDAY - timedelta(days=1))
    begun: list[int] = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, processes: int, **more: Any) -> None:
            begun.append(processes)
            super().__init__(processes, **more)

    monkeypatch.setattr(running, "ProcessPoolExecutor", Pool)
    few = busy.result(plain, processes=None)
    assert begun == []
    monkeypatch.setattr(running, "_FEW_MEMBERS", 0)
    monkeypatch.setattr(running.os, "sched_getaffinity", lambda _process: {0, 1})
    assert busy.result(plain, processes=None) == few
    assert begun == [2]


# --- stopped and taken up again --------------------------------------------------------------------------


def test_a_worker_that_was_killed_is_gone_on_from(busy: Office) -> None:
    busy.shop.publish(PLAIN, effective_from=MONDAY - timedelta(days=1))
    document = with_rules(PLAIN, rule("more"))
    whole = busy.result(document)
    asked, turns = busy.asks(busy.drafts(document)), iter([False, False, True])
    stopped = backtests.run_waiting(
        busy.shop.database, clock=lambda: TODAY, told=lambda: next(turns, True), processes=1
    )
    assert stopped == 0
    half = busy.looks(asked)
    assert (half["state"], half["result"]) == ("running", None)
    assert 0 < half["done"] < half["total"]
    assert busy.runs() == 1
    assert busy.looks(asked)["result"] == whole


def test_one_that_never_gets_any_further_is_given_up(office: Office) -> None:
    office.shop.publish(PLAIN, effective_from=BEGAN)
    asked = office.asks(office.drafts(PLAIN))
    with office.shop.database.unit_of_work() as session:
        session.connection().exec_driver_sql("UPDATE backtests SET state = 'running', tries = 3")
    assert office.runs() == 0
    assert (office.looks(asked)["state"], office.looks(asked)["failure"]) == ("failed", "gave_up")


def test_a_cancelled_one_stops_and_stays_cancelled(busy: Office) -> None:
    busy.shop.publish(PLAIN, effective_from=MONDAY - timedelta(days=1))
    asked = busy.asks(busy.drafts(with_rules(PLAIN, rule("more"))))
    path = f"/v1/program/versions/{asked['program_version_id']}/backtests/{asked['backtest_id']}"
    seen = []

    def told() -> bool:
        if not seen:
            seen.append(busy.shop.office.post(f"{path}/cancel"))
        return False

    # The first look is before anything has begun; the run is cancelled under the worker's hands.
    turns = iter([lambda: False, told])
    backtests.run_waiting(
        busy.shop.database, clock=lambda: TODAY, told=lambda: next(turns, lambda: False)(), processes=1
    )
    assert (seen[0].status, seen[0]["state"]) == (200, "cancelled")
    assert (busy.looks(asked)["state"], busy.looks(asked)["result"]) == ("cancelled", None)
    assert busy.shop.office.post(f"{path}/cancel").code == "backtest_ended"
    assert busy.runs() == 0


def test_the_command_says_the_same_in_the_foreground(
    busy: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy.shop.publish(PLAIN, effective_from=MONDAY - timedelta(days=1))
    document = with_rules(PLAIN, rule("more"))
    file = tmp_path / "draft.json"
    file.write_text(json.dumps(document))
    whole, draft = busy.result(document), busy.drafts(document)

    monkeypatch.setattr(clock, "machine_now", lambda: TODAY)

    def said(*words: str) -> Result:
        more = {"DATABASE_URL": busy.shop.database.url, "DATABASE_OWNER_URL": "", "LOYALTY_KEYS": RING}
        window = ("--from", MONDAY.isoformat(), "--to", TODAY.isoformat())
        return CliRunner(env=more).invoke(main, ["program", "backtest", *words, *window])

    for named in (str(file), draft):
        found = said(named, "--json")
        assert found.exit_code == 0, found.output
        assert json.loads(found.stdout) == whole
    short = said(draft).output
    assert f"{whole['totals']['points_difference']:+}" in short
    assert "Behaviour does not react" in short
    assert said(str(tmp_path / "none.json")).exit_code == 2
    assert said("prv_nothing").output == "Error: There is no such program version\n"


# --- asked for -------------------------------------------------------------------------------------------


def test_the_gate_finds_the_newest_of_exactly_this_document(office: Office) -> None:
    office.shop.publish(PLAIN, effective_from=BEGAN)
    office.shop.enrol("ANNA")
    office.sells("ANNA", 2000, at=MONDAY)
    document = with_rules(PLAIN, rule("more"))
    draft = office.drafts(document)
    asked = office.asks(draft)

    def newest(of: dict[str, Any]) -> backtests.Summary | None:
        draft_id = ids.read("prv", draft)
        assert draft_id is not None
        with office.shop.database.unit_of_work() as session:
            return backtests.newest_backtest(
                session, draft_id=draft_id, fingerprint=rules_document.fingerprint(of)
            )

    assert newest(document) is None
    office.runs()
    found = newest(document)
    assert found is not None
    assert (found.difference.points, found.difference.gifts, found.finished_at) == ((20, 27), (0, 0), TODAY)
    assert found.fingerprint == asked["fingerprint"]
    assert newest(PLAIN) is None


def test_they_are_listed_in_pages(office: Office) -> None:
    office.shop.publish(PLAIN, effective_from=BEGAN)
    draft = office.drafts(PLAIN)
    made = [office.asks(draft)["backtest_id"] for _ in range(3)]
    path = f"/v1/program/versions/{draft}/backtests?limit=2"
    first = office.shop.office.get(path)
    second = office.shop.office.get(f"{path}&cursor={first['next_cursor']}")
    assert [row["backtest_id"] for row in first["data"] + second["data"]] == made[::-1]
    assert second["next_cursor"] is None


def test_what_cannot_be_replayed_is_said(office: Office) -> None:
    draft = office.drafts(PLAIN)
    assert office.asks(draft, since=datetime(2016, 1, 1, tzinfo=UTC)).code == "nothing_in_force"
    office.shop.publish(PLAIN, effective_from=BEGAN)
    assert (office.asks(draft, days=0).status, office.asks(draft, days=61).status) == (422, 422)
    assert office.asks(draft, sample=0).status == 422
    empty = office.asks(draft)
    office.runs()
    assert (office.looks(empty)["state"], office.looks(empty)["failure"]) == ("failed", "nothing_to_replay")
    nobody = ids.show("bkt", UUID(int=7))
    assert (
        office.shop.office.get(f"/v1/program/versions/{draft}/backtests/{nobody}").code == "backtest_unknown"
    )
    other = office.drafts(PLAIN)
    path = f"/v1/program/versions/{other}/backtests/{empty['backtest_id']}"
    assert office.shop.office.get(path).code == "backtest_unknown"


# --- samples ---------------------------------------------------------------------------------------------


def replay(sample: int | None, *, days: int = 7) -> replaying.Replay:
    text = rules_document.canonical(PLAIN).decode()
    span = Span(MONDAY, MONDAY + timedelta(days=days), TODAY)
    return replaying.Replay(replaying.Plan(text, "f" * 64, ((BEGAN, 1, text),), span, sample))


def test_a_sample_holds_the_same_members_every_time() -> None:
    members = [UUID(int=n) for n in range(1000)]
    looked_at = [member for member in members if replay(30).looks_at(member)]
    assert looked_at == [member for member in members if replay(30).looks_at(member)]
    assert 250 < len(looked_at) < 350
    assert looked_at != [member for member in members if replay(30, days=8).looks_at(member)]
    assert all(replay(sample).looks_at(member) for sample in (None, 100) for member in members)


def test_a_sample_comes_with_its_bounds(busy: Office) -> None:
    """Nearly everybody, so that somebody who bought is among them."""
    busy.shop.publish(PLAIN, effective_from=MONDAY - timedelta(days=1))
    found = busy.result(with_rules(PLAIN, rule("more")), sample=99)
    sure = found["confidence"]
    assert (sure["level"], sure["of"]) == (95, 3)
    assert 0 < found["members"] <= sure["members"] <= 3


def test_a_sample_says_how_sure_it_is() -> None:
    """Two of four members, who gain 10 and 20: 60 for all, give or take 1.96 × 4 × √(50 ÷ 2 × ½)."""
    tally = Tally(walked=4, looked=2, points=[0, 30])
    tally.member(0, 10)
    tally.member(0, 20)
    found = result(tally, Prices(None, None), in_time_order=False, sample=50)
    assert found["confidence"] == {
        "level": 95, "members": 2, "of": 4, "points_difference": 60, "low": 33, "high": 87,
    }  # fmt: skip
    assert found["totals"]["cost_difference"] is None


def test_tallies_add_up_in_any_number_of_parts() -> None:
    whole, parts = Tally(), [Tally(), Tally()]
    for n in range(40):
        before, after = 100 + n, 100 + n + (n * 37 % 25 - 12)
        whole.member(before, after)
        parts[n >= 17].member(before, after)
    together = Tally.read(parts[0].written())
    together.add(parts[1])
    assert together == whole
