"""What is committed for a day, and what a ticket is."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_api.draws import rules
from loyalty_api.draws.rules import (
    NOTHING_BEFORE,
    SPACE,
    Record,
    below,
    mark,
    odds_table,
    read_record,
    ticket,
)
from tests.draws.luck import DAY, SEED, tally

OSLO = ZoneInfo("Europe/Oslo")
RECORD = Record(
    DAY,
    NOTHING_BEFORE,
    datetime(2026, 11, 21, 23, tzinfo=UTC),
    SEED,
    {"lucky_basket": (below(Fraction(1, 50)),)},
)


def test_a_ticket_is_what_the_page_says_it_is() -> None:
    token = bytes(16)
    expected_mark = hmac.new(token, b"2026-11-18 lucky_basket", hashlib.sha256).hexdigest()
    assert mark(token=token, gift="lucky_basket", day=DAY) == expected_mark
    digest = hmac.new(SEED, expected_mark.encode(), hashlib.sha256).hexdigest()
    assert ticket(seed=SEED, mark=expected_mark) == int(digest[:13], 16) < SPACE


def test_a_draw_hangs_on_member_gift_and_day_and_on_nothing_else() -> None:
    marks = {
        mark(token=token, gift=gift, day=day)
        for token in (bytes(16), b"\x01" * 16)
        for gift in ("a", "b")
        for day in (DAY, DAY + timedelta(days=1))
    }
    assert len(marks) == 8
    assert ticket(seed=SEED, mark=min(marks)) != ticket(seed=bytes(32), mark=min(marks))


def test_the_record_is_written_in_one_way_and_read_back() -> None:
    assert RECORD.text == (
        '{"day":"2026-11-18","odds":{"lucky_basket":[90071992547409]},"previous":"' + "0" * 64 + '",'
        '"reveals_at":"2026-11-21T23:00:00Z","scheme":"loyalty-draws-1","seed":"' + SEED.hex() + '"}'
    )
    assert RECORD.commitment == hashlib.sha256(RECORD.text.encode()).hexdigest()
    assert read_record(RECORD.text) == RECORD


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": bytes(32)},
        {"tables": {"lucky_basket": (below(Fraction(1, 49)),)}},
        {"day": DAY + timedelta(days=1)},
        {"previous": "1" * 64},
        {"reveals_at": RECORD.reveals_at + timedelta(hours=1)},
    ],
)
def test_nothing_of_a_day_can_change_under_its_commitment(changed: dict[str, object]) -> None:
    assert replace(RECORD, **changed).commitment != RECORD.commitment  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"scheme": "another"})])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_record(text)


odds = st.fractions(min_value=Fraction(1, 10**6), max_value=1, max_denominator=10**6)


@settings(max_examples=60)
@given(st.tuples(odds, odds, odds), st.booleans())
def test_an_odds_table_goes_from_bound_to_bound_and_holds_the_base(
    said: tuple[Fraction, Fraction, Fraction], guaranteed: bool
) -> None:
    least, base, most = sorted(said)
    rows = odds_table(least, base, most, guaranteed=guaranteed)
    chance = [row for row in rows if row < SPACE] or [SPACE]
    assert list(rows) == sorted(set(rows))
    assert chance[0] == below(least)
    assert below(base) in rows
    assert below(most) in rows
    assert (rows[-1] == SPACE) == (guaranteed or most == 1)
    assert all(0 <= odds - Fraction(below(odds), SPACE) < Fraction(1, SPACE) for odds in said)


def test_a_day_is_fixed_before_it_begins_and_never_twice() -> None:
    evening = datetime(2026, 11, 16, 22, 59, tzinfo=UTC)  # 23:59 in Oslo
    assert rules.to_commit(evening, OSLO, None) == [date(2026, 11, 17), date(2026, 11, 18)]
    assert rules.to_commit(evening, OSLO, date(2026, 11, 17)) == [date(2026, 11, 18)]
    assert rules.to_commit(evening, OSLO, date(2026, 11, 18)) == []
    assert all(rules.begins(day, OSLO) > evening for day in rules.to_commit(evening, OSLO, None))


def test_a_day_of_summer_time_is_as_long_as_it_is() -> None:
    spring = date(2027, 3, 28)
    assert rules.ends(spring, OSLO) - rules.begins(spring, OSLO) == timedelta(hours=23)


def test_who_joins_once_a_seed_is_made_does_not_draw_by_it() -> None:
    assert rules.may_draw(
        enrolled_at=RECORD.reveals_at - timedelta(seconds=1), committed_at=RECORD.reveals_at
    )
    assert not rules.may_draw(enrolled_at=RECORD.reveals_at, committed_at=RECORD.reveals_at)


def test_tickets_win_as_often_as_the_odds_say() -> None:
    rows = odds_table(Fraction(1, 200), Fraction(1, 50), Fraction(1, 10))
    found = tally(rows, number=51_000)
    assert found.freedom == len(rows)
    assert found.p is not None
    assert 0.001 < found.p < 0.999
