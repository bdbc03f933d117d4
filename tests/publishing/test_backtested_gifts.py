"""What a draft would have given by chance: simulated, the same on both sides, and far from the draws that were made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from loyalty_api.cli import main
from loyalty_api.publishing import backtests
from tests.cli.conftest import RING
from tests.draws.days import NOW, TERMS, buy, drawn, enrol, lucky, open_draws
from tests.purchases.racing import breaches
from tests.support.documents import with_lots
from tests.support.shop import Shop

MEMBERS = 12
THEN = NOW - timedelta(hours=30)
BEGAN = THEN - timedelta(days=3)


@pytest.fixture(scope="module")
def sold(shop: Shop) -> Shop:
    """Twelve members who bought twice on one day and once on another, half of whose draws won; one wants no gifts."""
    open_draws(shop, lucky())
    for n in range(MEMBERS):
        enrol(shop, f"LUCK{n}")
    quiet = enrol(shop, "QUIET")
    wanted = {"gifts": False, "profiling": True}
    assert shop.member(quiet).put("/v1/me/gift-choices", wanted).status == 200
    for n in range(MEMBERS):
        for back in (0, 0, 24):
            assert buy(shop, f"LUCK{n}", at=THEN - timedelta(hours=back)).status == 201
    assert buy(shop, "QUIET", at=THEN).status == 201
    return shop


def drafted(shop: Shop, *rules: dict[str, Any], **terms: Any) -> str:
    """A draft with these gifts."""
    document = with_lots(gifts={"terms": {**TERMS, **terms}, "rules": list(rules)})
    return str(shop.office.post("/v1/program/versions", {"document": document})["program_version_id"])


def result(
    shop: Shop, *rules: dict[str, Any], processes: int = 1, ends: datetime = NOW, **terms: Any
) -> dict[str, Any]:
    """What a back-test of these gifts says."""
    path = f"/v1/program/versions/{drafted(shop, *rules, **terms)}/backtests"
    asked = shop.office.post(path, {"from": BEGAN.isoformat(), "to": ends.isoformat()})
    assert asked.status == 201, asked.body
    ended = backtests.run_waiting(
        shop.database, clock=lambda: datetime.now(UTC), told=lambda: False, processes=processes
    )
    found = shop.office.get(f"{path}/{asked['backtest_id']}")
    assert (ended, found["state"]) == (1, "done"), found.body
    return dict(found["result"])


def figures(found: dict[str, Any], name: str) -> tuple[int, int]:
    return found["gifts"][f"{name}_before"], found["gifts"][f"{name}_after"]


def test_only_the_rules_differ_and_real_draws_stay_as_they_are(sold: Shop) -> None:
    made = drawn(sold)
    same = result(sold, lucky())
    before, after = figures(same, "granted")
    assert before == after
    assert figures(same, "draws") == (2 * MEMBERS, 2 * MEMBERS) == (len(made), len(made))
    sure = result(sold, lucky(trigger={"chance": {"one_in": 1}}, cost=700))
    assert figures(sure, "granted")[1] == figures(sure, "pieces")[1] == 2 * MEMBERS
    assert 0 < figures(sure, "granted")[0] < 2 * MEMBERS
    assert figures(sure, "cost") == (500 * figures(sure, "granted")[0], 700 * 2 * MEMBERS)
    assert [row["gift"] for row in sure["by_gift"]] == ["lucky"]
    assert sure["totals"]["points_difference"] == 0
    assert sure["notes"] == ["behaviour_does_not_react", "chances_are_simulated", "gifts_stay"]
    assert drawn(sold) == made
    assert breaches(sold) == []


def test_a_run_gives_the_same_whatever_the_number_of_processes(sold: Shop) -> None:
    rules = lucky(), lucky("points", give={"points": 30}, trigger={"chance": {"one_in": 3}})
    one, two = (result(sold, *rules, processes=processes) for processes in (1, 2))
    assert one == two
    assert one["in_time_order"] is False
    (points,) = [row for row in one["by_gift"] if row["gift"] == "points"]
    assert (points["granted_before"], points["draws_before"]) == (0, 0)
    assert points["points_after"] == 30 * points["granted_after"]


def test_limits_run_out_for_all_and_what_is_left_out_is_said(sold: Shop) -> None:
    few = lucky("few", trigger={"chance": {"one_in": 1}}, stock=5)
    paced = lucky("paced", trigger={"chance": {"one_in": 2, "at_least": 4}}, until="2099-01-01")
    paced["budget"] = {"money": 500, "period": "program"}
    found = result(sold, few, paced, least_age=18)
    rows = {row["gift"]: row["granted_after"] for row in found["by_gift"]}
    assert (rows["few"], rows["paced"]) == (5, 1)
    assert found["in_time_order"] is True
    assert found["notes"][1:] == [
        "chances_are_simulated", "odds_stay_at_base", "ages_count_as_reached", "gifts_stay",
    ]  # fmt: skip
    told = in_the_foreground(sold, drafted(sold, few))
    assert f"Gift        {'few':30} 0 → 5, +2500 in money" in told
    assert "Chances are simulated" in told


def test_a_second_person_agrees_where_gifts_would_cost_more(sold: Shop) -> None:
    strict = with_lots(gifts={"terms": TERMS, "rules": [lucky()]}, publishing={"second_person_above": 10})
    sold.publish(strict, effective_from=NOW - timedelta(hours=1))
    draft = drafted(sold, lucky(cost=600))
    path = f"/v1/program/versions/{draft}"
    assert (
        sold.office.post(path + "/backtests", {"from": BEGAN.isoformat(), "to": NOW.isoformat()}).status
        == 201
    )
    backtests.run_waiting(sold.database, clock=lambda: datetime.now(UTC), told=lambda: False, processes=1)
    refused = sold.office.post(path + "/publish")
    assert [(fault["code"], fault["message"][:17]) for fault in refused["errors"]] == [
        ("second_person_missing", "The cost of gifts")
    ]
    assert sold.caller("staff", scopes=("program:approve",)).post(path + "/approve").status == 201
    assert sold.office.post(path + "/publish").status == 201


def in_the_foreground(shop: Shop, draft: str) -> str:
    """What the command says."""
    more = {"DATABASE_URL": shop.database.url, "DATABASE_OWNER_URL": "", "LOYALTY_KEYS": RING}
    window = ("--from", BEGAN.isoformat(), "--to", NOW.isoformat())
    return CliRunner(env=more).invoke(main, ["program", "backtest", draft, *window]).output
