"""Which lines a selector takes, and what exclusions keep a line out of."""

from __future__ import annotations

import itertools

import pytest

from loyalty_api.rulekit.basket import Line, category_path
from loyalty_api.rulekit.exclusions import EFFECTS, exclusions
from loyalty_api.rulekit.selectors import FIELDS, Scopes, selector

MILK = Line(
    "1",
    2590,
    sku="7038",
    category=("food", "dairy", "milk"),
    department="GROCERY",
    brand="Tine",
    unit="ml",
    tags=("fresh", "organic"),
)


@pytest.mark.parametrize(
    ("where", "taken"),
    [
        ({"sku": ["7038", "7039"]}, True),
        ({"sku": ["7039"]}, False),
        ({"department": ["GROCERY"]}, True),
        ({"department": ["grocery"]}, False),
        ({"brand": ["Tine"]}, True),
        ({"category": ["food"]}, True),
        ({"category": [["food", "dairy"]]}, True),
        ({"category": ["food > dairy"]}, True),
        ({"category": ["dairy"]}, False),
        ({"category": ["food > dairy > milk > skimmed"]}, False),
        ({"department": ["GROCERY"], "brand": ["Other"]}, False),
        ({"department": ["GROCERY"], "brand": ["Tine"]}, True),
        ({"tag": ["vegan", "organic"]}, True),
        ({"tag": ["vegan"]}, False),
        ({"line_type": ["deposit"]}, False),
        ({"legal_class": ["tobacco"]}, False),
    ],
)
def test_a_selector_wants_any_value_of_every_field(where, taken):
    assert selector(where)(MILK) is taken


def test_a_name_with_a_slash_is_one_name():
    assert category_path("COUPON/MISC ITEMS") == ("COUPON/MISC ITEMS",)
    assert category_path(["Food", " Dairy "]) == ("Food", "Dairy")
    assert category_path("Food > Dairy") == ("Food", "Dairy")
    assert category_path(None) == category_path("") == ()


def test_a_measured_line_is_one_piece_and_so_is_none():
    assert Line("1", 100, quantity=3).pieces == 3
    assert Line("1", 100, quantity=0).pieces == 1
    assert Line("1", 100, quantity=734, unit="g").pieces == 1


def test_a_line_is_kept_out_of_what_any_entry_says():
    excluded = exclusions(
        [
            {"line_type": ("deposit",), "from": frozenset(EFFECTS)},
            {"legal_class": ("alcohol",), "from": ("discount", "gift")},
            {"category": ("food > dairy",), "from": ("earn",)},
            {"sku": ("7038",), "from": ("redeem",)},
        ]
    )
    assert excluded(Line("1", 200, type="deposit")) == set(EFFECTS)
    assert excluded(Line("1", 200, legal_class="alcohol")) == {"discount", "gift"}
    assert excluded(MILK) == {"earn", "redeem"}
    assert excluded(Line("1", 200)) == set()


def test_scopes_find_the_lines_that_each_rule_would_have_taken_one_by_one():
    words, paths = ("a", "b"), ("a", "a > b", "b > a > b", [["a"], ["a", "b"]][0])
    values = {"category": paths, "line_type": ("goods", "deposit"), "unit": ("each", "g")}
    wheres = {
        f"{first}-{second}-{n}": {name: list(values.get(name, words))[n:] for name in (first, second)}
        for first in FIELDS
        for second in FIELDS
        for n in range(2)
    }
    lines = [
        Line(
            str(n),
            100,
            sku=word,
            category=path,
            department=word,
            brand=other,
            legal_class=other,
            unit=unit,
            tags=tuple(filter(None, (word, other))),
        )
        for n, (word, other, path, unit) in enumerate(
            itertools.product(
                ("a", "b", None), ("b", None), ((), ("a",), ("a", "b"), ("b", "a", "b", "c")), ("each", "g")
            )
        )
    ]
    found = Scopes(wheres).places(lines)
    for rule_id, where in wheres.items():
        takes = selector(where)
        assert found.get(rule_id, []) == [n for n, line in enumerate(lines) if takes(line)], where
