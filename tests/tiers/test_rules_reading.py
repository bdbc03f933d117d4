"""Levels as a program document says them, and what they add to what the rules give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.program.rules_document import UnfitDocument
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_counted import counted, sold
from loyalty_api.rating.rules_program import check_document, compile_program
from loyalty_api.rating.rules_returns import ALL, Progress
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.tiers.rules import Amounts
from tests.tiers.test_rules import START
from tests.tiers.till import LEVELS, document

_MULTIPLIER = "/tiers/levels/0/benefits/multiplier"


def faults(*levels: Any) -> list[tuple[str, str]]:
    found = check_document(document(levels))
    return [(fault.pointer, fault.code) for fault in found]


def test_levels_are_read() -> None:
    program = compile_program(document(period={"rolling": 6}), version=3)
    assert program.tiers is not None
    assert [level.level_id for level in program.tiers.levels] == ["silver", "gold"]
    assert (program.tiers.version, program.tiers.period, program.tiers.months) == (3, "rolling", 6)
    assert program.tiers.levels[1].multiplier == (3, 2)
    assert compile_program(document([]), version=1).tiers is None


@pytest.mark.parametrize(
    ("level", "fault"),
    [
        ({"id": "Gold"}, ("/tiers/levels/0/id", "not_allowed")),
        ({"threshold": -1}, ("/tiers/levels/0/threshold", "out_of_range")),
        ({"threshold": None}, ("/tiers/levels/0/threshold", "wrong_type")),
        ({"colour": "red"}, ("/tiers/levels/0/colour", "unknown_setting")),
        ({"name": {"english": "Gold"}}, ("/tiers/levels/0/name/english", "not_allowed")),
        ({"benefits": {"multiplier": {"points": 0, "per": 1}}}, (f"{_MULTIPLIER}/points", "out_of_range")),
        ({"benefits": {"multiplier": {"points": 1, "per": 2}}}, (_MULTIPLIER, "not_allowed")),
        ({"benefits": {"multiplier": "3/2"}}, (_MULTIPLIER, "wrong_type")),
    ],
)  # fmt: skip
def test_every_fault_of_a_level_is_named(level: dict[str, Any], fault: tuple[str, str]) -> None:
    assert faults({"id": "gold", "threshold": 5, **level}) == [fault]


def test_levels_stand_in_their_order_and_have_names_of_their_own() -> None:
    assert faults({"id": "a", "threshold": 5}, {"id": "b", "threshold": 5}) == [
        ("/tiers/levels/1/threshold", "not_allowed")
    ]
    assert faults({"id": "a", "threshold": 5}, {"id": "a", "threshold": 6}) == [
        ("/tiers/levels/1/id", "duplicate")
    ]
    with pytest.raises(UnfitDocument):
        compile_program(document([{"id": "a"}]), version=1)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=6), st.data())
def test_a_levels_points_are_those_of_the_whole_basket_and_come_back_whole(
    amounts: list[int], data: st.DataObject
) -> None:
    program = compile_program(document(LEVELS), version=1)
    basket = Basket("str_1", "USD", tuple([Line(str(n), amount) for n, amount in enumerate(amounts)]))
    decided = evaluate(basket, Facts(Member(tier="gold")), program, START)
    base = sum(amounts) // 100
    assert decided.points() == base * 3 // 2
    for effect in decided.effects:
        assert sum(points for _, points in effect.shares) == effect.granted
    assert decided.points(award="base") == evaluate(basket, Facts(Member()), program, START).points() == base
    lines = sold(basket)
    assert counted(decided, lines) == Amounts(decided.points(), sum(amounts), int(sum(amounts) > 0))
    everything = {line.line_id: Progress(1, ALL) for line in lines}
    assert counted(decided, lines, everything) == Amounts()
    some = data.draw(st.sets(st.sampled_from([line.line_id for line in lines])))
    part = counted(decided, lines, {line_id: everything[line_id] for line_id in some})
    assert 0 <= part.points <= decided.points()
    assert part.spend == sum(line.paid for line in lines if line.line_id not in some)
