"""Identifiers and the people of an account over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty_api.codes import luhn_holds
from tests.members.world import World

CARD = {"kind": "card", "value": "2609001234567"}


def test_a_lost_card_is_replaced_by_one_of_ours_and_stops_working(world: World) -> None:
    member = world.enrol(identifiers=[CARD])
    old = member["identifiers"][0]["identifier_id"]
    path = f"/members/{member['member_id']}/identifiers"
    made = world.staff.post(f"{path}/{old}/replace", {"issue_card": True, "reason": "lost"}).get_json()
    assert luhn_holds(made["issued"])
    assert world.look_up("card", CARD["value"]).status_code == 404
    assert world.look_up("card", made["issued"]).get_json()["member_id"] == member["member_id"]
    ended, fresh = world.staff.get(path).get_json()["data"]
    assert (ended["status"], ended["replaced_by"]) == ("replaced", fresh["identifier_id"])
    assert (fresh["status"], fresh["ended_at"]) == ("active", None)
    assert (
        world.staff.post(f"{path}/{old}/replace", {"issue_card": True, "reason": "lost"})
    ).status_code == 404


def test_a_replacement_belongs_to_the_same_person(world: World) -> None:
    member = world.enrol(people=[{"name": "Ola", "identifiers": [CARD]}])
    path = f"/members/{member['member_id']}/identifiers"
    old = member["identifiers"][0]
    made = world.staff.post(
        f"{path}/{old['identifier_id']}/replace", {"value": "7777777", "reason": "damaged"}
    ).get_json()
    assert made["person_id"] == old["person_id"] is not None


def test_an_identifier_is_added_found_and_removed(world: World) -> None:
    member = world.enrol()
    path = f"/members/{member['member_id']}/identifiers"
    made = world.staff.post(path, {"kind": "email", "value": "Kari@Example.no"})
    assert made.status_code == 201
    assert (made.get_json()["value"], made.get_json()["issued"]) == ("k***@example.no", None)
    assert world.look_up("email", "kari@example.no").status_code == 200
    one = f"{path}/{made.get_json()['identifier_id']}"
    assert world.staff.delete(one).status_code == 204
    assert world.look_up("email", "kari@example.no").status_code == 404
    assert world.staff.delete(one).status_code == 404


def test_an_identifier_of_another_member_is_out_of_reach(world: World) -> None:
    holder, other = world.enrol(identifiers=[CARD]), world.enrol()
    theirs = holder["identifiers"][0]["identifier_id"]
    assert world.staff.delete(f"/members/{other['member_id']}/identifiers/{theirs}").status_code == 404
    taken = world.staff.post(f"/members/{other['member_id']}/identifiers", CARD)
    assert (taken.status_code, taken.get_json()["code"]) == (409, "identifier_in_use")


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "card"},
        {"kind": "card", "value": "7777777", "issue_card": True},
        {"kind": "email", "issue_card": True},
    ],
)
def test_either_a_value_is_sent_or_a_card_number_made(world: World, body: dict[str, Any]) -> None:
    path = f"/members/{world.enrol()['member_id']}/identifiers"
    assert world.staff.post(path, body).status_code == 422


def test_an_email_is_not_replaced_by_a_card_number(world: World) -> None:
    member = world.enrol(identifiers=[{"kind": "email", "value": "kari@example.no"}])
    one = f"/members/{member['member_id']}/identifiers/{member['identifiers'][0]['identifier_id']}"
    assert world.staff.post(f"{one}/replace", {"issue_card": True, "reason": "lost"}).status_code == 422
    assert world.look_up("email", "kari@example.no").status_code == 200


@pytest.mark.parametrize(
    ("step", "reason", "code"), [("block", "misuse", "member_blocked"), ("close", "misuse", "member_closed")]
)
def test_who_is_blocked_or_gone_gets_no_new_card(world: World, step: str, reason: str, code: str) -> None:
    path = f"/members/{world.enrol()['member_id']}"
    world.staff.post(f"{path}/{step}", {"reason": reason})
    refused = world.staff.post(f"{path}/identifiers", {"issue_card": True})
    assert (refused.status_code, refused.get_json()["code"]) == (409, code)


def test_several_people_share_an_account(world: World) -> None:
    member = world.enrol(people=[{"name": "Kari"}])
    path = f"/members/{member['member_id']}"
    ola = world.staff.post(f"{path}/people", {"name": "Ola"}).get_json()
    world.staff.post(f"{path}/identifiers", {**CARD, "person_id": ola["person_id"]})
    assert world.look_up("card", CARD["value"]).get_json()["person"]["person_id"] == ola["person_id"]
    renamed = world.staff.patch(f"{path}/people/{ola['person_id']}", {"name": "Ole"})
    assert renamed.get_json()["name"] == "Ole"
    assert world.staff.delete(f"{path}/people/{ola['person_id']}").status_code == 204
    assert world.look_up("card", CARD["value"]).status_code == 404
    people = world.staff.get(f"{path}/people").get_json()["data"]
    assert [(p["name"], p["ended_at"] is None) for p in people] == [("Kari", True), ("Ole", False)]
    assert world.staff.patch(f"{path}/people/{ola['person_id']}", {"name": "X"}).status_code == 404


@pytest.mark.parametrize("person", ["per_01k9tz3v5qf4r8m2c7d6x1w0ab", "ola"])
def test_an_identifier_for_nobody_of_the_account_is_a_404(world: World, person: str) -> None:
    path = f"/members/{world.enrol()['member_id']}/identifiers"
    assert world.staff.post(path, {**CARD, "person_id": person}).status_code == 404
