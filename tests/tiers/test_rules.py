"""Levels through time, as the rules say it: no database, only days and amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.tiers.rules import NOTHING, Amounts, Level, Policy
from loyalty_api.tiers.rules_outlook import Outlook, outlook
from loyalty_api.tiers.rules_periods import Period, period_of
from loyalty_api.tiers.rules_standing import (
    Assigned,
    Change,
    Known,
    State,
    assign,
    begin,
    elapse,
    note,
    note_return,
)

OSLO = ZoneInfo("Europe/Oslo")
START = datetime(2020, 1, 1, tzinfo=UTC)


def policy(*thresholds: int, **more: Any) -> Policy:
    """Levels one, two … by spend, a calendar year, unless told otherwise."""
    names = ("one", "two", "three", "four")
    levels = tuple(
        Level(name, least, {"*": name}, {}) for name, least in zip(names, thresholds, strict=False)
    )
    plain = Policy(1, OSLO, "spend", "calendar_year", 0, False, "to_earned", 0, "recompute", levels)
    return replace(plain, **more)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=OSLO)


class Story:
    """A member whose level is followed as it is written, purchase by purchase."""

    def __init__(
        self, rules: Policy, *, joined: str = "2024-05-10", later: Sequence[tuple[str, Policy]] = ()
    ) -> None:
        self.days: dict[date, Amounts] = {}
        timeline = [(START, rules), *((at(start), one) for start, one in later)]
        self.known = Known(self.days, at(joined), timeline)
        self.state: State = begin(self.known, at(joined))
        self.changes: list[Change] = []

    def until(self, moment: datetime) -> State:
        self.state, made = elapse(self.state, self.known, moment)
        self.changes += made
        return self.state

    def buys(self, when: str, spend: int, *, recorded: str | None = None) -> None:
        now = at(recorded or when)
        self.until(now)
        day = at(when).date()
        self.days[day] = self.days.get(day, NOTHING) + Amounts(spend=spend)
        self.state, made = note(self.state, self.known, now)
        self.changes += made

    def returns(self, bought: str, spend: int, *, recorded: str) -> None:
        now = at(recorded)
        self.until(now)
        before, day = dict(self.days), at(bought).date()
        self.days[day] -= Amounts(spend=spend)
        self.state = note_return(self.state, self.known, before, now)

    def level(self, moment: str) -> str | None:
        return elapse(self.state, self.known, at(moment))[0].shown

    def looks(self, moment: str) -> Outlook:
        found = outlook(elapse(self.state, self.known, at(moment))[0], self.known, at(moment))
        assert found is not None
        return found


def test_a_level_is_reached_at_once_and_a_jump_skips_levels() -> None:
    story = Story(policy(100, 500, 1000))
    story.buys("2025-03-01T12:00", 99)
    assert story.level("2025-03-01T12:00") is None
    story.buys("2025-03-02T12:00", 1)
    story.buys("2025-03-03T12:00", 900)
    assert [(change.previous, change.level, change.at) for change in story.changes] == [
        (None, "one", at("2025-03-02T12:00")),
        ("one", "three", at("2025-03-03T12:00")),
    ]


def test_a_level_of_the_year_holds_through_the_next_one() -> None:
    story = Story(policy(100))
    story.buys("2025-03-01T12:00", 100)
    seen = story.looks("2025-04-01T00:00")
    assert seen.until == at("2027-01-01T00:00")
    assert seen.keep is not None
    assert (seen.keep.missing, seen.keep.since, seen.keep.by) == (100, at("2026-01-01T00:00"), seen.until)
    assert story.level("2026-12-31T23:59") == "one"
    assert story.level("2027-01-01T00:00") is None


def test_who_reaches_the_threshold_again_keeps_the_level() -> None:
    story = Story(policy(100))
    story.buys("2025-03-01T12:00", 100)
    story.buys("2026-12-31T23:59", 100)
    assert story.level("2027-06-01T00:00") == "one"
    assert story.changes == [Change(at("2025-03-01T12:00"), "one", None, "reached")]
    story.until(at("2028-01-01T00:00"))
    assert story.changes[-1] == Change(at("2028-01-01T00:00"), None, "one", "period_ended")


@pytest.mark.parametrize(
    ("downgrade", "after"),
    [("to_earned", [None, None]), ("one_step", ["two", "one"]), ("never", ["three", "three"])],
)
def test_what_the_end_of_a_period_leaves(downgrade: str, after: list[str | None]) -> None:
    story = Story(policy(100, 500, 1000, downgrade=downgrade))
    story.buys("2025-03-01T12:00", 1000)
    assert story.level("2026-12-31T12:00") == "three"
    assert [story.level("2027-01-01T00:00"), story.level("2028-01-01T00:00")] == after


def test_grace_holds_the_level_and_what_is_bought_in_it_saves_it() -> None:
    story = Story(policy(100, grace_days=30))
    story.buys("2025-03-01T12:00", 100)
    assert story.level("2027-01-30T23:59") == "one"
    assert story.level("2027-01-31T00:00") is None
    seen = story.looks("2027-01-10T00:00")
    assert seen.keep is not None
    assert (seen.keep.missing, seen.keep.by) == (100, at("2027-01-31T00:00"))
    story.buys("2027-01-20T12:00", 100)
    assert story.level("2027-01-31T00:00") == "one"


def test_a_year_of_membership_begins_on_its_own_day() -> None:
    story = Story(policy(100, period="anniversary"), joined="2024-02-29")
    assert period_of("anniversary", date(2025, 2, 28), joined=date(2024, 2, 29)) == Period(
        date(2025, 2, 28), date(2026, 2, 28)
    )
    assert period_of("anniversary", date(2028, 2, 28), joined=date(2024, 2, 29)).end == date(2028, 2, 29)
    story.buys("2025-02-27T12:00", 60)
    story.buys("2025-02-28T12:00", 60)
    assert story.level("2025-03-01T00:00") is None
    story.buys("2026-02-27T23:00", 40)
    assert story.looks("2026-02-27T23:00").until == at("2027-02-28T00:00")


def test_a_rolling_period_loses_day_by_day() -> None:
    story = Story(policy(100, period="rolling", months=12))
    story.buys("2025-01-31T12:00", 60)
    story.buys("2025-03-15T12:00", 60)
    assert story.looks("2025-04-01T00:00").until == at("2026-01-31T00:00")
    assert story.level("2026-01-30T23:59") == "one"
    assert story.level("2026-01-31T00:00") is None
    story.buys("2026-01-30T12:00", 40)
    assert story.looks("2026-01-30T13:00").until == at("2026-03-15T00:00")


def test_a_rolling_level_goes_down_one_step_a_period() -> None:
    story = Story(policy(100, 500, 1000, period="rolling", months=6, downgrade="one_step"))
    story.buys("2025-01-10T12:00", 1000)
    story.until(at("2027-06-01T00:00"))
    assert [(change.at, change.level) for change in story.changes[1:]] == [
        (at("2025-07-10T00:00"), "two"),
        (at("2026-01-10T00:00"), "one"),
        (at("2026-07-10T00:00"), None),
    ]


def test_without_a_period_nothing_is_lost() -> None:
    story = Story(policy(100, period="none"))
    story.buys("2021-03-01T12:00", 60)
    story.buys("2025-03-01T12:00", 40)
    seen = story.looks("2099-01-01T00:00")
    assert (seen.level and seen.level.level_id, seen.until, seen.changes_at, seen.keep) == (
        "one",
        None,
        None,
        None,
    )


def test_a_late_receipt_counts_where_it_belongs_and_raises_from_now() -> None:
    story = Story(policy(100))
    story.buys("2025-03-01T12:00", 60)
    story.buys("2025-12-31T12:00", 40, recorded="2026-02-01T12:00")
    assert story.changes == [Change(at("2026-02-01T12:00"), "one", None, "reached")]
    assert story.looks("2026-02-02T00:00").until == at("2027-01-01T00:00")
    assert story.looks("2026-02-02T00:00").value == 0


def test_a_return_lowers_the_period_of_the_purchase_from_the_next_midnight() -> None:
    story = Story(policy(100))
    story.buys("2025-03-01T12:00", 100)
    story.returns("2025-03-01T12:00", 1, recorded="2025-03-02T12:00")
    assert story.level("2025-03-02T23:59") == "one"
    assert story.looks("2025-03-02T13:00").until == at("2025-03-03T00:00")
    assert story.level("2025-03-03T00:00") is None
    story.buys("2025-03-02T18:00", 1)
    assert story.level("2025-03-03T00:00") == "one"


def test_a_return_may_wait_for_the_periods_end() -> None:
    story = Story(policy(100, on_return="at_period_end"))
    story.buys("2025-03-01T12:00", 100)
    story.returns("2025-03-01T12:00", 100, recorded="2025-03-02T12:00")
    assert story.level("2025-12-31T23:59") == "one"
    assert story.level("2026-01-01T00:00") is None


def test_an_assigned_level_is_a_floor_while_it_lasts() -> None:
    story = Story(policy(100, 500))
    story.state, made = assign(
        story.state, story.known, Assigned("two", at("2025-06-01T00:00")), at("2025-01-02T00:00")
    )
    assert [(change.level, change.reason) for change in made] == [("two", "assigned")]
    assert story.looks("2025-02-01T00:00").until == at("2025-06-01T00:00")
    story.buys("2025-03-01T12:00", 100)
    assert story.level("2025-05-31T23:59") == "two"
    assert story.level("2025-06-01T00:00") == "one"
    story.buys("2025-04-01T12:00", 400)
    assert story.level("2025-06-01T00:00") == "two"
    story.until(at("2025-07-01T00:00"))
    assert story.changes == []


def test_new_rules_raise_at_once_and_lower_when_a_period_ends() -> None:
    story = Story(policy(100), later=[("2025-06-01T00:00", policy(50)), ("2025-09-01T00:00", policy(200))])
    story.buys("2025-03-01T12:00", 60)
    story.until(at("2027-02-01T00:00"))
    assert story.changes == [
        Change(at("2025-06-01T00:00"), "one", None, "rules_changed"),
        Change(at("2026-01-01T00:00"), None, "one", "period_ended"),
    ]


def test_a_level_that_asks_for_nothing_is_everybodys_for_ever() -> None:
    story = Story(policy(0, 100))
    assert story.level("2025-01-01T00:00") == "one"
    story.buys("2025-03-01T12:00", 100)
    assert story.level("2030-01-01T00:00") == "one"
    assert story.looks("2030-01-01T00:00").until is None


BOUGHT = st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 400), st.integers(0, 400)), max_size=12)
POLICIES = st.builds(
    policy,
    *[st.just(least) for least in (100, 300, 700)],
    period=st.sampled_from(("calendar_year", "anniversary", "rolling", "none")),
    months=st.integers(1, 18),
    downgrade=st.sampled_from(("to_earned", "never", "one_step")),
    grace_days=st.sampled_from((0, 1, 30, 366)),
)
EPOCH = datetime(2024, 6, 1, 10, tzinfo=UTC)


def written(rules: Policy, bought: list[tuple[int, int, int]], looks: list[int]) -> Story:
    """Purchases (day, amount, days late) written in the order in which they are recorded, and jobs in between."""
    story = Story(rules, joined="2024-05-10")
    todo = [(EPOCH + timedelta(days=day + late), day, amount) for day, amount, late in bought]
    todo += [(EPOCH + timedelta(days=day, hours=1), None, 0) for day in looks]
    for now, day, amount in sorted(todo, key=lambda one: one[0]):
        story.until(now)
        if day is not None:
            bought_on = (EPOCH + timedelta(days=day)).astimezone(OSLO).date()
            story.days[bought_on] = story.days.get(bought_on, NOTHING) + Amounts(spend=amount)
            story.state, made = note(story.state, story.known, now)
            story.changes += made
    return story


@given(POLICIES, BOUGHT, st.lists(st.integers(0, 2500), max_size=6))
def test_no_answer_depends_on_when_a_job_ran(
    rules: Policy, bought: list[tuple[int, int, int]], looks: list[int]
) -> None:
    end = EPOCH + timedelta(days=2600)
    seldom, often = written(rules, bought, []), written(rules, bought, looks)
    assert (seldom.until(end), seldom.changes) == (often.until(end), often.changes)


@given(POLICIES, BOUGHT, st.integers(0, 2500))
def test_what_was_followed_is_what_is_worked_out_anew(
    rules: Policy, bought: list[tuple[int, int, int]], day: int
) -> None:
    """Rolling steps down are the exception: they last by the day of the one before."""
    moment = max([EPOCH + timedelta(days=day), *(EPOCH + timedelta(days=d + late) for d, _, late in bought)])
    story = written(rules, bought, [])
    held = rules.rank(story.until(moment).level)
    anew = story.known.supported(rules, moment)
    assert held >= anew if (rules.period, rules.downgrade) == ("rolling", "one_step") else held == anew


@given(POLICIES, BOUGHT, st.integers(0, 1500))
def test_what_is_foretold_comes_true(rules: Policy, bought: list[tuple[int, int, int]], ahead: int) -> None:
    story = written(rules, bought, [])
    now = EPOCH + timedelta(days=2000)
    story.until(now)
    seen, before = outlook(story.state, story.known, now), story.state.shown
    assert seen is not None
    if seen.until is not None:
        assert elapse(story.state, story.known, seen.until - timedelta(microseconds=1))[0].shown == before
        assert elapse(story.state, story.known, seen.until)[0].shown != before
    else:
        assert elapse(story.state, story.known, now + timedelta(days=ahead))[0].shown == before
    if seen.changes_at is not None:
        assert outlook(story.state, story.known, seen.changes_at - timedelta(microseconds=1)) == seen
