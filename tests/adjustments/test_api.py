"""Corrections by the staff: with a reason, a limit, and a name beside them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loyalty_api.adjustments.rules import REASONS
from tests.purchases.racing import at_once, breaches, insisting
from tests.redemptions.till import opened
from tests.support.shop import Caller, Reply, Shop


@pytest.fixture
def corrected(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    opened(fresh_shop, monkeypatch, expire={"days": 30}, adjustments={"client_per_day": 5})
    yield fresh_shop
    assert breaches(fresh_shop) == []


def adjust(caller: Caller, member: str, points: int, **more: object) -> Reply:
    body = {"points": points, "reason": "goodwill", **more}
    return caller.post(f"/v1/members/{member}/adjustments", body)


def test_points_are_given_by_the_programs_terms_and_shown_with_their_giver(corrected: Shop) -> None:
    member, staff = corrected.enrol(), corrected.caller("staff")
    given = adjust(staff, member, 50, note="The coffee was cold.", cashier="c-118")
    assert (given.status, given["points"], given["balance"]["available"]) == (201, 50, 50)
    balance = corrected.balance(member)
    assert balance["expiring"][0]["expires_at"] == "2031-06-05T00:00:00Z"
    assert balance["lifetime"] == {"earned": 0, "spent": 0, "expired": 0, "adjusted": 50}
    kept = corrected.database.fetch_one("SELECT note, client_id FROM adjustments", ())
    assert kept is not None
    assert b"coffee" not in kept[0]
    [entry] = corrected.office.get(f"/v1/members/{member}/entries")["data"]
    assert (entry["kind"], entry["title"], entry["actor"]["client"]) == (
        "adjust",
        "Correction",
        given["client"],
    )


def test_no_more_is_taken_than_there_is_unless_it_may_be_owed(corrected: Shop) -> None:
    member, staff = corrected.enrol(), corrected.caller("staff")
    adjust(staff, member, 50)
    refused = adjust(staff, member, -80, reason="fraud")
    assert (refused.code, refused["missing"]) == ("insufficient_points", {"points": 30})
    owed = adjust(staff, member, -80, reason="fraud", may_owe=True)
    assert (owed["balance"]["available"], owed["balance"]["debt"]) == (0, 30)
    assert adjust(staff, member, 40)["balance"]["available"] == 10
    assert adjust(staff, member, 0).status == 422
    assert adjust(staff, member, 5, reason="because").status == 422


def test_every_reason_that_is_offered_can_be_kept(corrected: Shop) -> None:
    member = corrected.enrol()
    given = [
        adjust(corrected.caller("staff", scopes=("points:adjust",)), member, 5, reason=r) for r in REASONS[:4]
    ]
    given += [adjust(corrected.office, member, 5, reason=r) for r in REASONS[4:]]
    assert [(answer.status, answer["reason"]) for answer in given] == [(201, reason) for reason in REASONS]


def test_a_client_makes_so_many_a_day_even_at_once(corrected: Shop) -> None:
    members, staff = [corrected.enrol() for _ in range(8)], corrected.caller("staff")
    paths = [f"/v1/members/{member}/adjustments" for member in members]
    answers = at_once(*(insisting(staff, path, {"points": 10, "reason": "goodwill"}) for path in paths))
    assert sorted(answer.status for answer in answers) == [201] * 5 + [409] * 3
    assert {answer.code for answer in answers if answer.status == 409} == {"adjustments_used_up"}
    assert adjust(corrected.office, members[0], 10).status == 201


def test_a_till_and_a_member_correct_nothing(corrected: Shop) -> None:
    member = corrected.enrol()
    for caller in (corrected.till, corrected.member(member), corrected.caller("mobile")):
        assert adjust(caller, member, 10).status == 403
