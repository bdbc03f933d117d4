"""Every line of a member's history of levels leads to the sums that made it."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.explanations import of_levels
from loyalty_api.explanations.asked import Asked
from loyalty_api.language import catalogue, languages
from loyalty_api.tiers.rules_grounds import Grounds, grounds
from tests.explanations.till import Till, Told, line, told
from tests.purchases.racing import breaches
from tests.rulekit.strategies import unhurried
from tests.tiers.test_rules import Story, at, policy


def changes(till: Till, member: str, *, language: str = "en") -> list[Told]:
    """What is told of each change, the earliest first."""
    history = till.shop.office.get(f"/v1/members/{member}/tier")["history"]
    return [told(till.shop.office, one["explanation"], language=language) for one in history[::-1]]


def test_a_level_that_was_reached_and_lost_tells_what_counted_and_what_was_asked(till: Till) -> None:
    member = till.shop.enrol("LEV-1")
    till.sells(line(6000), card="LEV-1")
    sale = till.sells(line(4500), card="LEV-1")
    till.calendar.on("2027-12-31T10:00+01:00")
    till.sells(line(3100), card="LEV-1")
    till.calendar.on("2028-01-02T10:00+01:00")
    reached, ended = changes(till, member)
    assert reached == (
        "Gold was reached.",
        [
            ("Counted", "105.00 USD"), ("Asked for", "100.00 USD"), ("Counted from", "2026-01-01"),
            ("Counted until", "2026-12-31"), ("Version of the program", "2"), ("Level before", "None"),
            ("Level after", "Gold"), ("On", "2026-03-02"), ("Purchase", f"{sale['reference']}, 2026-03-02"),
        ],
    )  # fmt: skip
    assert ended == (
        "The period is over, and too little was counted to keep Gold.",
        [
            ("Counted", "31.00 USD"), ("Asked for", "100.00 USD"), ("Missing", "69.00 USD"),
            ("Counted from", "2027-01-01"), ("Counted until", "2027-12-31"), ("Version of the program", "2"),
            ("Level before", "Gold"), ("Level after", "None"), ("On", "2028-01-01"),
        ],
    )  # fmt: skip


def test_a_level_that_goods_took_away_tells_the_sum_that_was_left(till: Till) -> None:
    member = till.shop.enrol("LEV-2")
    sale = till.sells(line(10_000), card="LEV-2")
    till.brings_back(sale)
    till.calendar.pass_by(days=2)
    lost = changes(till, member, language="nb")[-1]
    assert lost[0] == "Varer kom tilbake, og det er ikke lenger nok til Gull."
    assert lost[1][:3] == [("Talte", "0,00 USD"), ("Kreves", "100,00 USD"), ("Mangler", "100,00 USD")]


def test_a_level_that_was_given_tells_why_and_in_which_role(till: Till) -> None:
    member = till.shop.enrol("LEV-3")
    given = {"level": "gold", "until": "2026-05-31T22:00:00Z", "reason": "complaint"}
    assert till.shop.office.post(f"/v1/members/{member}/tier/assignments", given).status == 201
    till.calendar.on("2026-06-02T10:00+02:00")
    start, end = changes(till, member)
    assert start[0] == "Gold was given by the staff for a time."
    assert start[1][-3:] == [("Reason", "A complaint"), ("Last day", "2026-05-31"), ("By", "The office")]
    assert end[0] == "Gold: what the staff had given for a time has ended."


def test_later_rules_returns_and_writes_change_nothing_of_it(till: Till) -> None:
    member = till.shop.enrol("LEV-4")
    sale = till.sells(line(11_000), card="LEV-4")
    before = {language: changes(till, member, language=language) for language in languages()}
    till.brings_back(sale)
    till.calendar.pass_by(days=400)
    till.publishes_other_rules()
    till.sells(line(100), card="LEV-4")
    after = {language: changes(till, member, language=language) for language in languages()}
    assert all(after[language][0] == before[language][0] for language in languages())
    assert len(after["en"]) > 1
    assert breaches(till.shop) == []


def test_the_members_own_page_leads_to_its_own_explanation(till: Till) -> None:
    member = till.shop.enrol("LEV-5")
    till.sells(line(11_000), card="LEV-5")
    app, stranger = till.shop.member(member), till.shop.member(till.shop.enrol())
    [change] = app.get("/v1/me/tier")["history"]
    assert change["explanation"] == "/v1/me/tier/changes/1/explanation"
    assert told(app, change["explanation"], language="fi")[0] == "Taso saavutettiin: Gold."
    assert stranger.get(change["explanation"]).status == 404
    assert app.get("/v1/me/tier/changes/2/explanation").status == 404


def test_a_change_from_before_grounds_were_kept_tells_what_its_line_says(till: Till) -> None:
    line_of_history = {
        "grounds": None, "level": "gold", "previous": None, "reason": "reached", "cause_id": None,
        "occurred_at": till.calendar.now,
    }  # fmt: skip
    with till.shop.database.unit_of_work() as session:
        asked = Asked(session, till.shop.app.extensions["programs"], catalogue("en"))
        said = of_levels.change(asked, line_of_history)
    assert said["text"] == "Gold was reached."
    assert [step["value"] for step in said["steps"]] == ["None", "Gold", "2026-03-02"]


@unhurried
@given(
    st.sampled_from(["calendar_year", "anniversary", "rolling", "none"]),
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(1, 200), st.integers(1, 90)), max_size=12),
)
def test_what_is_kept_of_a_change_bears_it_out(
    period: str, grace: int, bought: list[tuple[int, int]]
) -> None:
    rules = policy(100, 180, period=period, months=12, grace_days=0 if period == "none" else grace)
    story, day = Story(rules, joined="2025-02-20"), at("2025-03-01T12:00")
    for days, amount in bought:
        day += timedelta(days=days)
        story.until(day)
        borne_out(story)
        story.buys(day.strftime("%Y-%m-%dT%H:%M"), amount)
        borne_out(story)


def borne_out(story: Story) -> None:
    """What has changed just now rests on sums that say so; then it is forgotten."""
    for change in story.changes:
        rests = grounds(change, story.known)
        assert rests is not None
        assert Grounds.read(rests.stored()) == rests
        assert (rests.value >= rests.needed) == (change.reason == "reached"), (change, rests)
    story.changes.clear()
