"""What lint finds: each finding is so, by what rating really does; and what is wrong by brute search is found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_api.cli import main
from loyalty_api.demo.programs import known_programs, load_program
from loyalty_api.publishing.rules_lint import SEVERITIES, lint
from loyalty_api.publishing.rules_lint_types import Finding
from loyalty_api.publishing.rules_lint_words import sentence
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_program import Program, compile_program
from loyalty_api.rulekit.facts import Facts, Member
from tests.docs import markdown
from tests.earning.builders import BASE, basket, goods, program

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RATE = {"rate": {"points": 100, "amount": 1000}}
EXPIRES = {"available": "at_once", "expire": {"months": 12}}
MORNING = {"from": "09:00", "until": "10:00"}
DAIRY, TINE = {"department": ["DAIRY"]}, {"brand": ["Tine"]}


def bonus(rule_id: str, **said: Any) -> dict[str, Any]:
    return {"id": rule_id, "kind": "bonus", **said}


def five(rule_id: str, **when: Any) -> dict[str, Any]:
    """Five points from 10.00 on."""
    return bonus(rule_id, points=5, minimum_basket=1000, **({"when": when} if when else {}))


def found(
    *rules: dict[str, Any], against: Program | None = None, **sections: Any
) -> dict[str, list[Finding]]:
    """What lint finds by code; every finding's witness is tried again."""
    compiled = program(*rules, **sections)
    by_code: dict[str, list[Finding]] = {}
    for finding in lint(compiled, now=NOW, against=against):
        assert finding.severity in SEVERITIES[finding.code]
        assert finding.witness
        holds(finding, compiled)
        by_code.setdefault(finding.code, []).append(finding)
    return by_code


def holds(finding: Finding, by: Program) -> None:
    """The witness shows what is said of it."""
    decisions = [evaluate(sale.basket, sale.facts, by, sale.at) for sale in finding.witness]
    points = [decision.points() for decision in decisions]
    given = [{e.rule: e.granted for e in decision.effects if e.granted} for decision in decisions]
    assert list(finding.points) == points
    first, paid = finding.rules[:1], finding.witness[0].paid
    match finding.code:
        case "never_fires" | "not_seen_to_fire":
            assert not set(first) & given[0].keys()
        case "worth_more_than_margin" | "worth_more_once" | "overlap_over_limit":
            numbers, rate = finding.numbers, by.settings.sections["redeem"]["rate"]
            assert points[0] * rate["amount"] * 100 > numbers["percent"] * paid * rate["points"]
            assert set(finding.rules) == given[0].keys()
        case "unlimited_points":
            assert given[0][first[0]] > 0
            assert paid <= by.settings.sections["lint"]["smallest_basket"]
        case "points_on_free_goods":
            assert (paid, given[0][first[0]] > 0) == (0, True)
        case "hidden_in_group":
            reasons = {(reason.rule, reason.code, reason.by) for reason in decisions[0].reasons}
            assert (finding.rules[0], "better_in_group", finding.rules[1]) in reasons
        case "split_farmed":
            assert sum(points[1:]) > points[0]
            assert sum([sale.paid for sale in finding.witness[1:]]) == paid
        case "gap_between_windows":
            assert [bool(set(finding.rules) & one.keys()) for one in given] == [True, False, True]
        case "windows_overlap":
            assert set(finding.rules) <= given[0].keys()
        case "hours_missing" | "window_ended":
            assert [first[0] in one for one in given] == [True, False]
        case "hours_doubled":
            assert [first[0] in one for one in given] == [True, True]
            clocks = [sale.at.strftime("%H:%M") for sale in finding.witness]
            assert clocks[0] == clocks[1]
        case "never_expire":
            assert any(effect.expires_at is None for effect in decisions[0].effects)
        case "never_in_full":
            (effect,) = [effect for effect in decisions[0].effects if effect.rule == first[0]]
            assert effect.granted < effect.desired


# --- the three that save a shop ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (five("r", **{"from": "2026-12-01", "until": "2026-11-01"}), "dates"),
        (five("r", days=["sat"], all=[{"days": ["sun"]}]), "dates"),
        (five("r", hours=[MORNING], **{"not": {"hours": [{"from": "08:00", "until": "11:00"}]}}), "hours"),
        (five("r", store=["a"], **{"not": {"store": ["a"]}}), "store"),
        (five("r", member={"tier": ["platinum"]}), "no_such_level"),
        (five("r", member={"staff": True}), "staff_do_not_earn"),
        (five("r", member={"new_visit": False}), "no_visit_gap"),
        (five("r", member={"days_since_visit": {"at_least": 30}, "week_streak": {"at_least": 3}}), "history"),
        (five("r", lines={"amount": {"at_most": 500}}), "amounts"),
        (five("r", any=[{"days": ["sat"], "not": {"days": ["sat"]}}, {"member": {"tier": ["x"]}}]), "dates"),
        (bonus("r", points_per={"points": 1, "amount": 100}, where={"legal_class": ["alcohol"]}), "excluded"),
        (bonus("r", points=500, minimum_basket=1000, cap_per_purchase=100, cap_effect="refuse"), "limit"),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_fire(rule: dict[str, Any], why: str) -> None:
    (finding,) = found(BASE, rule)["never_fires"]
    assert (finding.severity, finding.rules, finding.words["why"]) == ("error", ("r",), why)


@pytest.mark.parametrize(
    "when",
    [
        {"from": "2027-01-01", "days": ["sat"], "hours": [{"from": "23:00", "until": "01:00"}]},
        {"repeats": {"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "from": "2026-01-01"}},
        {"coupon": ["FRESH"], "payment": ["app"], "not": {"channel": ["store"]}, "store": ["str_7"]},
        {"member": {"purchase_number": {"every": 5}, "week_streak": {"at_least": 4}}},
        {"member": {"enrolled": {"from": "2027-01-01"}, "member_for_days": {"at_least": 30}}},
        {
            "member": {"first_in_category": ["Food > Dairy"]},
            "lines": {"where": TINE, "amount": {"at_least": 5000}},
        },
        {"lines": {"pieces": {"at_least": 3}}, "not": {"lines": {"where": {"department": ["TOBACCO"]}}}},
        {
            "any": [
                {"member": {"tier": "none"}},
                {"member": {"segment": ["vip"], "attribute": {"language": "nb"}}},
            ]
        },
    ],
)
def test_a_rule_that_can_fire_is_not_told_on(when: dict[str, Any]) -> None:
    codes = found(BASE, five("r", **when), earn={"visit_gap_minutes": 30})
    assert not {"never_fires", "not_seen_to_fire"} & codes.keys()


def test_points_without_end_for_next_to_nothing() -> None:
    (finding,) = found(BASE, bonus("hello", points=25))["unlimited_points"]
    assert (finding.severity, finding.witness[0].paid) == ("error", 100)
    (milder,) = found(BASE, bonus("hello", points=25), lots=EXPIRES)["unlimited_points"]
    assert milder.severity == "warning"
    limits = ({"caps": [{"per": "day", "points": 25}]}, {"budget": 1000}, {"minimum_basket": 5000})
    once = {"when": {"member": {"purchase_number": {"is": [1]}}}}
    for limit in (*limits, once):
        assert "unlimited_points" not in found(BASE, bonus("hello", points=25, **limit))


def test_points_worth_more_than_the_margin() -> None:
    times = bonus("times", multiply={"by": "15"})
    (finding,) = found(BASE, times, redeem=RATE)["worth_more_than_margin"]
    assert (finding.severity, finding.rules, finding.numbers["worth_money"]) == (
        "error",
        ("base", "times"),
        150,
    )
    double = bonus("double", multiply={"by": "2"})
    assert "worth_more_than_margin" not in found(BASE, double, redeem=RATE)
    assert "worth_more_than_margin" in found(BASE, double, redeem=RATE, lint={"margin_percent": 15})


def test_a_welcome_that_is_worth_more_than_the_basket_is_only_noted() -> None:
    welcome = bonus("welcome", points=5000, caps=[{"per": "program", "times": 1}])
    codes = found(BASE, welcome, redeem=RATE)
    assert "worth_more_than_margin" not in codes
    assert codes["worth_more_once"][0].rules == ("base", "welcome")


# --- the rest ------------------------------------------------------------------------------------------------


def test_rules_that_give_too_much_back_together() -> None:
    rules = [bonus("dairy", points_per={"points": 2, "amount": 100}, where=DAIRY)]
    rules += [bonus("tine", points_per={"points": 2, "amount": 100}, where=TINE)]
    (finding,) = found(BASE, *rules, redeem=RATE, lint={"most_share": 40})["overlap_over_limit"]
    assert finding.rules == ("base", "dairy", "tine")


def test_a_rule_that_another_one_always_outdoes() -> None:
    less, more = (
        bonus(name, points=n, group="g", minimum_basket=1000) for name, n in (("less", 50), ("more", 60))
    )
    assert found(less, more)["hidden_in_group"][0].rules == ("less", "more")
    assert "hidden_in_group" not in found(less, {**more, "when": {"days": ["sat"]}})


def test_more_kinds_of_trouble() -> None:
    assert "never_in_full" in found(bonus("r", points=500, minimum_basket=1000, cap_per_purchase=100))
    assert "split_farmed" in found({**BASE, "points_per": {"points": 1, "amount": 2000}, "round": "up"})
    assert "split_farmed" in found(
        bonus("s", steps=[{"from": 10000, "points": 50}, {"from": 20000, "points": 80}])
    )
    assert "points_on_free_goods" in found(BASE, earn={"reduced_by": ["program"]})
    assert "window_ended" in found(BASE, five("r", until="2025-12-31"))
    assert "never_expire" in found(BASE)
    assert found(BASE, lots=EXPIRES) == {}


def test_windows_that_look_continuous() -> None:
    def spell(n: int, first: str, last: str) -> dict[str, Any]:
        return five(f"r{n}", **{"from": first, "until": last})

    codes = found(
        spell(1, "2027-01-01", "2027-01-30"),
        spell(2, "2027-02-01", "2027-02-28"),
        spell(3, "2027-02-20", "2027-03-31"),
    )
    assert [finding.rules for finding in codes["gap_between_windows"]] == [("r1", "r2")]
    assert [finding.rules for finding in codes["windows_overlap"]] == [("r2", "r3")]


def test_hours_that_clocks_skip_or_repeat() -> None:
    codes = found(five("night", hours=[{"from": "02:00", "until": "03:00"}]))
    assert codes["hours_missing"][0].words["day"] == "2027-03-28"
    assert codes["hours_doubled"][0].words["day"] == "2027-10-31"
    for when in ({"hours": [{"from": "09:00", "until": "10:00"}]}, {"days": ["sat"]}):
        assert not {"hours_missing", "hours_doubled"} & found(five("day", **when)).keys()
    alternate = {"repeats": {"rule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", "from": "2027-03-21"}}
    assert "hours_missing" not in found(five("r", hours=[{"from": "02:00", "until": "03:00"}], **alternate))


def test_terms_that_are_worse_than_those_of_points_that_are_there() -> None:
    before = program(BASE, redeem=RATE)
    half = {"rate": {"points": 100, "amount": 500}}
    later = {"available": {"after_days": 14}, "expire": {"months": 12}}
    codes = found(BASE, redeem=half, lots=later, against=before)
    assert {"points_worth_less", "expires_sooner", "available_later"} <= codes.keys()
    assert not {"points_worth_less", "expires_sooner"} & found(BASE, redeem=RATE, against=before).keys()


# --- no false alarm, nothing overlooked -------------------------------------------------------------------------


@pytest.mark.parametrize("name", known_programs())
def test_the_demos_programs_have_no_errors(name: str) -> None:
    compiled = compile_program(load_program(name).document, version=1)
    assert not [finding for finding in lint(compiled, now=NOW) if finding.severity == "error"]


def test_the_programs_of_the_documentation_have_no_errors() -> None:
    pages = [path for path in sorted(Path("docs").glob("*.md")) if path.name != "publishing.md"]
    for path in pages:  # That page is about a mistake.
        for block in markdown.blocks(path.read_text(), "json"):
            document = json.loads(block.text)
            if isinstance(document, dict) and "earn" in document and "currency" in document:
                errors = [
                    one
                    for one in lint(compile_program(document, version=1), now=NOW)
                    if one.severity == "error"
                ]
                assert not errors, (path, errors)


whens = st.fixed_dictionaries(
    {},
    optional={
        "days": st.lists(st.sampled_from(["mon", "sat", "sun"]), min_size=1, unique=True),
        "hours": st.sampled_from(
            [[{"from": "09:00", "until": "10:00"}], [{"from": "23:00", "until": "01:00"}]]
        ),
        "store": st.sampled_from(["a", "b"]),
        "lines": st.sampled_from(
            [{"amount": {"at_least": 5000}}, {"amount": {"at_most": 900}}, {"where": DAIRY}]
        ),
        "member": st.sampled_from(
            [{"staff": True}, {"tier": ["gold"]}, {"segment": ["vip"]}, {"staff": False}]
        ),
        "not": st.sampled_from([{"store": "a"}, {"days": ["sat"]}, {"lines": {"where": DAIRY}}]),
        "from": st.sampled_from(["2026-01-01", "2027-01-01"]),
        "until": st.sampled_from(["2026-06-30", "2027-06-30"]),
    },
)
awards = st.one_of(
    st.builds(
        lambda n, per: {"points_per": {"points": n, "amount": per}},
        st.integers(1, 40),
        st.sampled_from([70, 1000]),
    ),
    st.builds(lambda n: {"points": n}, st.integers(1, 2000)),
    st.builds(lambda by: {"multiply": {"by": by}}, st.sampled_from(["1.5", "20"])),
    st.just({"steps": [{"from": 1000, "points": 30}, {"from": 3000, "points": 40}]}),
)
limits = st.sampled_from(
    [{}, {}, {"group": "g"}, {"cap_per_purchase": 10}, {"cap_per_purchase": 10, "cap_effect": "refuse"},
     {"caps": [{"per": "day", "times": 1}]}, {"round": "up"}, {"minimum_basket": 2000}, {"budget": 500}]
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    rules = [BASE]
    for name in "abc"[: draw(st.integers(1, 3))]:
        rule = {**bonus(name), **draw(awards), **draw(limits), "when": draw(whens)}
        if draw(st.booleans()):
            rule["where"] = draw(st.sampled_from([DAIRY, TINE, {"legal_class": ["alcohol", "tea"]}]))
        if "multiply" in rule and rule.get("group"):
            rule["group"] = "m"
        rules.append(rule)
    sections: dict[str, Any] = {"earn": {"rules": rules}}
    if draw(st.booleans()):
        sections |= {
            "redeem": RATE,
            "lint": {"margin_percent": draw(st.sampled_from([15, 50, 100])), "most_share": 30},
        }
    return {"currency": "NOK", "time_zone": "Europe/Oslo", **sections}


lines = st.lists(
    st.tuples(
        st.sampled_from([100, 999, 1000, 2000, 3000, 50000]),
        st.sampled_from([None, "DAIRY"]),
        st.sampled_from([None, "Tine"]),
        st.sampled_from([None, "tea", "alcohol"]),
    ),
    min_size=1,
    max_size=2,
)
moments = st.builds(
    lambda days, hour: datetime(2026, 11, 21, hour, 30, tzinfo=UTC) + timedelta(days=days),
    st.integers(-400, 400),
    st.sampled_from([0, 8, 12, 22]),
)
stores = st.sampled_from(["a", "b", "c"])
people = st.builds(
    lambda staff, segments: Facts(Member(staff=staff, segments=segments)),
    st.booleans(),
    st.sampled_from([(), ("vip",)]),
)


@settings(deadline=None, max_examples=20)
@given(
    documents(),
    st.lists(st.tuples(lines, moments, people, st.sampled_from(["a", "b", "c"])), min_size=5, max_size=15),
)
def test_what_is_found_is_so_and_what_random_sales_show_is_found(
    document: dict[str, Any], tried: list[Any]
) -> None:
    compiled = compile_program(document, version=1)
    findings = lint(compiled, now=NOW)
    for finding in findings:
        holds(finding, compiled)
        text = sentence(finding, currency="NOK", names=compiled.names, language="nb")
        assert "{" not in text
    silent = {finding.rules[0] for finding in findings if finding.code in ("never_fires", "not_seen_to_fire")}
    for sold, at, facts, store in tried:
        bought = basket(
            *[goods(n, paid, department=d, brand=b, legal_class=c) for n, (paid, d, b, c) in enumerate(sold)]
        )
        decision = evaluate(replace(bought, store=store), facts, compiled, at)
        assert not silent & {effect.rule for effect in decision.effects if effect.granted}


@settings(deadline=None, max_examples=20)
@given(
    st.integers(1, 30),
    st.sampled_from([70, 100, 1000]),
    st.sampled_from(["down", "up"]),
    st.sampled_from([10, 50, 100]),
)  # fmt: skip
def test_a_rate_that_costs_more_than_the_margin_on_any_sum_is_found(
    points: int, per: int, rounding: str, margin: int
) -> None:
    rule = {**BASE, "points_per": {"points": points, "amount": per}, "round": rounding}
    by = program(rule, redeem=RATE, lint={"margin_percent": margin})
    costly = [
        paid
        for paid in range(100, 2500, 30)
        if evaluate(basket(goods(1, paid)), Facts(Member()), by, NOW).points() * 1000 > paid * margin
    ]
    told = [finding for finding in lint(by, now=NOW) if finding.code == "worth_more_than_margin"]
    assert bool(told) == bool(costly)


# --- the command -----------------------------------------------------------------------------------------------


def test_the_command_tells_people_and_machines(tmp_path: Path) -> None:
    file = tmp_path / "program.json"
    rules = [BASE, five("gold", member={"tier": ["gold"]})]
    file.write_text(json.dumps({"currency": "NOK", "time_zone": "Europe/Oslo", "earn": {"rules": rules}}))
    told = CliRunner().invoke(main, ["program", "lint", str(file)])
    assert told.exit_code == 1
    assert "gold can never give anything: the program has no such level." in told.output
    machine = CliRunner().invoke(main, ["program", "lint", str(file), "--json"])
    assert json.loads(machine.output)[0]["code"] == "never_fires"
    file.write_text(json.dumps(load_program("basic").document))
    assert CliRunner().invoke(main, ["program", "lint", str(file)]).exit_code == 0
    file.write_text('{"currency": "NOK"}')
    assert CliRunner().invoke(main, ["program", "lint", str(file)]).exit_code == 1


def test_a_hundred_rules_are_looked_at() -> None:
    one_for_ten = {"points": 1, "amount": 1000}
    many = [bonus(f"r{n}", points_per=one_for_ten, where={"sku": [f"s{n}", f"s{n + 1}"]}) for n in range(99)]
    assert found(BASE, *many, redeem=RATE, lots=EXPIRES) == {}
