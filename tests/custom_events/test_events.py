"""Events earn beside buying: once or limited, by the rules of their own time, reported once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_api.rating.rules_program import check_document
from tests.docs import markdown
from tests.purchases.racing import at_once, breaches, insisting, settled
from tests.support.shop import Caller, Reply, Shop, line, receipt

NOW = datetime.now(UTC)
ONCE = {"caps": [{"per": "program", "times": 1}]}
SURVEY = {"id": "survey", "event": "survey_answered", "name": {"en": "Our survey"}, "points": 50, **ONCE}
EVENTS: list[dict[str, Any]] = [
    SURVEY,
    {"id": "daily", "event": "steps_reached", "points": 30, "caps": [{"per": "day", "points": 50}]},
    {"id": "late", "event": "profile_completed", "points": 10, "lots": {"available": {"after_days": 1}}},
    {"id": "early", "event": "profile_completed", "points": 5, "when": {"member": {"segment": ["club"]}}},
    {"id": "friends", "event": "friend_came", "points": 7, "reported_by": ["partner"]},
    {"id": "few", "event": "app_installed", "points": 10, "budget": 105},
]
LEVELS = [{"id": "some", "threshold": 40}]


def document(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A point for each whole 1.00, and these events."""
    base = {"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100}}
    return {
        "currency": "USD", "time_zone": "UTC", "earn": {"rules": [base], "events": list(events)}, **more
    }  # fmt: skip


@pytest.fixture(scope="module")
def active(shop: Shop) -> Iterator[Shop]:
    """A shop whose members do things; its first month was without any rule about them."""
    shop.publish(document(), effective_from=NOW - timedelta(days=60))
    tiers = {"metric": "points", "levels": LEVELS}
    shop.publish(document(*EVENTS, tiers=tiers), effective_from=NOW - timedelta(days=20))
    yield shop
    assert breaches(settled(shop)) == []


def tell(caller: Caller, member: str, event: str = "survey_answered", key: str = "", **more: Any) -> Reply:
    body = {"event": event, "member_id": member, "occurred_at": NOW.isoformat(), **more}
    return caller.post("/v1/events", body, key=key, Accept_Language="en")


def test_an_event_earns_once_and_says_so(active: Shop) -> None:
    member, backend = active.enrol("EVEN1"), active.caller("mobile")
    first = tell(backend, member, reference="r1")
    assert (first.status, first["points"], first["reasons"]) == (201, 50, [])
    assert first["tier"]["code"] == "some"
    (reached,) = active.office.get(f"/v1/members/{member}/tier")["history"]
    assert (reached["reason"], reached["source"]) == ("reached", first["event_id"])
    second = tell(backend, member, reference="r2")
    assert (second.status, second["points"], second["journal_id"]) == (201, 0, None)
    assert [(reason["rule"], reason["code"]) for reason in second["reasons"]] == [("survey", "capped_times")]
    assert active.balance(member)["available"] == 50


def test_a_reference_happens_once_whatever_the_key(active: Shop) -> None:
    member, backend = active.enrol(), active.caller("mobile")
    first = tell(backend, member, "profile_completed", reference="again")
    again = tell(backend, member, "profile_completed", reference="again")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body == first.body
    other = tell(backend, member, "steps_reached", reference="again")
    assert (other.status, other.code) == (409, "event_reference_used")
    assert (
        tell(active.office, member, "profile_completed", reference="again")["event_id"] != first["event_id"]
    )
    assert active.balance(member)["pending"] == 20


def test_a_cap_of_a_day_counts_in_the_day_of_the_event(active: Shop) -> None:
    member = active.enrol()
    points = [tell(active.office, member, "steps_reached")["points"] for _ in range(3)]
    yesterday = (NOW - timedelta(days=1)).isoformat()
    points.append(tell(active.office, member, "steps_reached", occurred_at=yesterday)["points"])
    assert points == [30, 20, 0, 30]


def test_each_rule_of_an_event_gives_by_itself(active: Shop) -> None:
    member = active.enrol(tags=["club"])
    done = tell(active.office, member, "profile_completed")
    assert [(effect["rule"], effect["points"]) for effect in done["effects"]] == [("late", 10), ("early", 5)]
    assert (done["balance"]["available"], done["balance"]["pending"]) == (5, 10)
    assert tell(active.office, active.enrol(), "profile_completed")["reasons"][0]["code"] == "other_segment"


def test_the_statement_and_the_activities_show_it_and_explain_it(active: Shop) -> None:
    member = active.enrol()
    done = tell(active.office, member)
    [entry] = active.office.get(f"/v1/members/{member}/entries", Accept_Language="en")["data"]
    assert (entry["title"], entry["text"]) == ("Points for something you did", "50 points each time")
    assert entry["source"] == {"type": "event", "id": done["event_id"], "store": None, "reference": None}
    assert entry["journal_id"] == done["journal_id"]
    why = active.office.get(entry["explanation"], Accept_Language="en")
    assert why["text"] == "50 points from the rule Our survey."
    [item] = active.member(member).get("/v1/me/activity?kind=event")["data"]
    assert (item["activity_id"], item["points"], item["state"]) == (done["event_id"], 50, "available")


def test_the_rules_of_its_own_time_decide(active: Shop) -> None:
    member = active.enrol()
    early = tell(active.office, member, occurred_at=(NOW - timedelta(days=25)).isoformat())
    assert (early.status, early.code) == (422, "event_unknown")
    assert tell(active.office, member, "unheard_of").code == "event_unknown"
    assert tell(active.office, member, occurred_at=(NOW - timedelta(days=19)).isoformat())["points"] == 50


def test_who_may_not_earn_is_answered_with_nothing(active: Shop) -> None:
    member = active.enrol()
    assert active.office.post(f"/v1/members/{member}/block", {"reason": "misuse"}).status == 200
    done = tell(active.office, member)
    assert (done.status, done["points"], done["reasons"][0]["code"]) == (201, 0, "member_blocked")


def test_what_is_too_old_is_kept_and_earns_nothing(fresh_shop: Shop) -> None:
    strict = document(SURVEY, purchases={"late_days": 3})
    fresh_shop.publish(strict, effective_from=NOW - timedelta(days=30))
    done = tell(fresh_shop.office, fresh_shop.enrol(), occurred_at=(NOW - timedelta(days=4)).isoformat())
    assert (done["points"], done["reasons"][0]["code"]) == (0, "too_late")
    assert breaches(fresh_shop) == []


def test_it_is_known_who_it_was(active: Shop) -> None:
    member, card = (
        active.enrol("EVEN2"),
        {"identifier": {"kind": "card", "value": "EVEN2"}, "member_id": None},
    )
    body = {"event": "steps_reached", "occurred_at": NOW.isoformat(), **card}
    body.pop("member_id")
    assert active.office.post("/v1/events", body)["member_id"] == member
    assert (
        active.office.post("/v1/events", {**body, "member_id": active.enrol()}).code == "identifier_mismatch"
    )
    unknown = {**body, "identifier": {"kind": "card", "value": "NOBODY"}}
    assert active.office.post("/v1/events", unknown).code == "identifier_unknown"
    assert tell(active.office, "mbr_01m80xfza0e4trdbsjq23m1646").status == 404
    del body["identifier"]
    assert active.office.post("/v1/events", body).status == 422


def test_tills_report_nothing_and_partners_what_is_opened_to_them(active: Shop) -> None:
    member, partner = active.enrol(), active.caller("partner")
    assert tell(active.till, member).code == "insufficient_scope"
    assert tell(active.member(member), member).code == "insufficient_scope"
    assert tell(partner, member).code == "event_not_yours"
    assert tell(partner, member, "friend_came")["points"] == 7
    assert tell(active.office, member, "friend_came").code == "event_not_yours"


def test_once_stays_once_in_a_race_and_a_budget_holds(active: Shop) -> None:
    member = active.enrol("RACE")
    body = {"event": "survey_answered", "member_id": member, "occurred_at": NOW.isoformat()}
    racing = [insisting(active.office, "/v1/events", body) for _ in range(40)]
    same = {**body, "event": "profile_completed", "reference": "the-same"}
    racing += [insisting(active.office, "/v1/events", same) for _ in range(12)]
    others = [{**body, "event": "app_installed", "member_id": active.enrol()} for _ in range(12)]
    racing += [insisting(active.office, "/v1/events", other) for other in others]
    answers = at_once(*racing)
    assert {answer.status for answer in answers} == {201}
    assert sorted(answer["points"] for answer in answers[:40]) == [0] * 39 + [50]
    assert len({answer["event_id"] for answer in answers[40:52]}) == 1
    assert sorted(answer["points"] for answer in answers[52:]) == [0, 5] + [10] * 10
    assert active.balance(member)["available"] == 50


def test_what_a_rule_about_an_event_may_say() -> None:
    def fault(**more: Any) -> str:
        [found] = check_document(document({**SURVEY, **more}))
        return found.pointer

    assert fault(when={"store": ["str_1"]}) == "/earn/events/0/when/store"
    inner = {"any": [{"not": {"member": {"purchase_number": {"is": [1]}}}}]}
    assert fault(when=inner) == "/earn/events/0/when/any/0/not/member/purchase_number"
    assert fault(id="base") == "/earn/events/0/id"
    assert fault(event="Survey") == "/earn/events/0/event"
    assert fault(caps=[{"per": "day"}]) == "/earn/events/0/caps/0"
    assert fault(caps=[{"per": "purchase", "points": 3}]) == "/earn/events/0/caps/0/per"
    assert fault(reported_by=["terminal"]) == "/earn/events/0/reported_by/0"
    assert fault(lots={"available": "on_event"}) == "/earn/events/0/lots/available"


def test_points_of_events_wait_for_no_purchase(fresh_shop: Shop) -> None:
    waiting = document(SURVEY, lots={"available": "on_event"})
    fresh_shop.publish(waiting, effective_from=NOW - timedelta(days=1))
    member = fresh_shop.enrol("WAIT1")
    sold = fresh_shop.till.post("/v1/purchases", receipt(line(1000), card="WAIT1", at=NOW), key=None)
    assert sold["points"]["pending"] == 10
    assert tell(fresh_shop.office, member)["balance"]["available"] == 50


def test_the_page_is_answered_as_it_says(fresh_shop: Shop) -> None:
    page = markdown.read("docs/program.md")
    [rules] = [json.loads(b.text) for b in markdown.blocks(page, "json") if '"survey_answered"' in b.text]
    assert check_document(rules) == ()
    fresh_shop.publish(rules, effective_from=NOW - timedelta(days=1))
    fresh_shop.enrol("9800000000001")
    asked, answered = markdown.blocks(page, "json report", "json answer")[-2:]
    reply = fresh_shop.office.post("/v1/events", json.loads(asked.text.replace("$NOW", NOW.isoformat())))
    assert markdown.differs(json.loads(answered.text), reply.body) == ""
