"""Members over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty_api.codes import luhn_holds
from loyalty_api.http import Operation
from loyalty_api.members import api
from tests.members.world import STORE, World

KARI = {"given_name": "Kari", "family_name": "Nordmann", "email": "Kari@Example.no"}
CARD = {"kind": "card", "value": "2609 0012 34567"}


@pytest.mark.parametrize("operation", api.blueprint.operations, ids=lambda operation: operation.operation_id)
def test_every_operation_shows_examples_that_hold(operation: Operation) -> None:
    if operation.body is not None:
        assert operation.body.validate(operation.example) == {}
    if operation.answer is not None:
        assert operation.answer.validate(operation.answer_example) == {}
    assert operation.answer is not None or operation.status == 204


def test_a_member_can_join_without_saying_anything(world: World) -> None:
    answer = world.till.post("/members", {})
    assert answer.status_code == 201
    member = answer.get_json()
    assert (member["status"], member["name"], member["home_store"]) == ("active", None, STORE)
    assert member["identifiers"] == member["people"] == []
    assert member["card"] is None


def test_a_card_number_made_by_us_is_given_once_in_full(world: World) -> None:
    member = world.enrol(issue_card=True)
    assert luhn_holds(member["card"])
    assert member["identifiers"][0]["value"] == "…" + member["card"][-4:]
    assert world.look_up("card", member["card"]).get_json()["member_id"] == member["member_id"]


def test_enrolling_again_with_the_same_key_gives_the_same_member_and_card(world: World) -> None:
    first, again = (
        world.till.post("/members", {"issue_card": True}, Idempotency_Key="once") for _ in range(2)
    )
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.get_json() == again.get_json()


def test_staff_see_a_profile_and_a_till_sees_initials(world: World) -> None:
    member = world.enrol(profile=KARI, identifiers=[CARD], tags=["garden-club"])
    assert member["name"] == "Kari Nordmann"
    assert member["profile"]["email"] == "kari@example.no"
    found = world.look_up("card", "2609001234567").get_json()
    assert found["name"] == "K. N***"
    at_the_till = world.till.get(f"/members/{member['member_id']}").get_json()
    assert (at_the_till["name"], at_the_till["profile"], at_the_till["tags"]) == ("K. N***", None, None)


def test_even_a_terminal_that_may_read_members_sees_no_names(world: World) -> None:
    world.till.principal = world.caller("terminal").principal.__class__(
        **{
            **{name: getattr(world.till.principal, name) for name in world.till.principal.__slots__},
            "scopes": frozenset({"members:read", "members:write"}),
        }
    )
    member = world.till.post("/members", {"profile": KARI}).get_json()
    assert (member["name"], member["profile"]) == ("K. N***", None)


def test_a_till_hears_balance_and_who_of_the_account_it_is(world: World) -> None:
    world.enrol(people=[{"name": "Ola", "identifiers": [CARD]}])
    with world.balance(available=1243, pending=67, held=0, debt=0, version=318, more=1):
        found = world.look_up("card", "2609001234567").get_json()
    assert found["balance"] == {"available": 1243, "pending": 67, "held": 0, "debt": 0, "version": 318}
    assert found["person"]["name"] == "O***"
    assert (found["tier"], found["messages"]) == (None, [])


def test_without_a_ledger_there_is_no_balance(world: World) -> None:
    world.enrol(identifiers=[CARD])
    assert world.look_up("card", "2609001234567").get_json()["balance"] is None


@pytest.mark.parametrize(
    ("kind", "value"), [("card", "7777777"), ("phone", "+4722123456"), ("phone", "nonsense"), ("email", "x")]
)
def test_a_till_hears_plainly_that_nobody_is_known_by_this(world: World, kind: str, value: str) -> None:
    answer = world.look_up(kind, value)
    assert answer.status_code == 404
    problem = answer.get_json()
    assert (problem["code"], problem["action"]) == ("identifier_unknown", "proceed_without")
    assert value not in answer.text


def test_a_till_is_told_of_a_slip_in_a_card_number_of_ours(world: World) -> None:
    card = world.enrol(issue_card=True)["card"]
    slip = card[:-1] + str((int(card[-1]) + 1) % 10)
    assert "check digit" in world.look_up("card", slip).get_json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("block", {"reason": "misuse"}, "blocked"),
        ("block", {"reason": "misuse", "still_earns": True}, "earn_only"),
        ("close", {"reason": "member_request"}, "closed"),
    ],
)
def test_a_till_is_told_what_a_member_may_not_do(
    world: World, path: str, body: dict[str, Any], status: str
) -> None:
    member = world.enrol(identifiers=[CARD])
    changed = world.staff.post(f"/members/{member['member_id']}/{path}", body)
    assert changed.get_json()["status"] == status
    found = world.look_up("card", "2609001234567").get_json()
    assert found["status"] == status
    assert [(m["audience"], m["code"]) for m in found["messages"]] == [("cashier", f"member_{status}")]


def test_a_block_can_be_lifted_and_a_closed_membership_not_reopened(world: World) -> None:
    path = f"/members/{world.enrol()['member_id']}"
    world.staff.post(f"{path}/block", {"reason": "other"})
    assert world.staff.post(f"{path}/unblock", {"reason": "mistake"}).get_json()["status"] == "active"
    world.staff.post(f"{path}/close", {"reason": "duplicate"})
    assert world.staff.post(f"{path}/close", {"reason": "duplicate"}).status_code == 200
    refused = world.staff.post(f"{path}/unblock", {"reason": "mistake"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "member_closed")


def test_a_taken_identifier_is_refused_where_it_stands_and_not_said_whose(world: World) -> None:
    holder = world.enrol(identifiers=[CARD])
    answer = world.till.post(
        "/members", {"identifiers": [{"kind": "email", "value": "a@example.no"}, CARD], "issue_card": True}
    )
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (409, "identifier_in_use")
    assert [fault["pointer"] for fault in problem["errors"]] == ["/identifiers/1/value"]
    assert holder["member_id"] not in answer.text
    assert world.look_up("email", "a@example.no").status_code == 404


def same_shape(one: Any, other: Any) -> bool:
    """Whether two answers differ in nothing but ids and times."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            name.endswith(("_id", "_at")) or same_shape(one[name], other[name]) for name in one
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_shape, one, other))
    return bool(one == other)


@pytest.mark.parametrize("kind", ["mobile", "partner"])
def test_who_may_not_enumerate_gets_the_same_answer_for_a_taken_identifier(world: World, kind: str) -> None:
    caller = world.mobile if kind == "mobile" else world.partner
    body = {"profile": KARI, "identifiers": [{"kind": "phone", "value": "+4722123456"}]}
    free, taken = (caller.post("/members", body) for _ in range(2))
    assert free.status_code == taken.status_code == 201
    assert same_shape(free.get_json(), taken.get_json())
    assert set(free.headers.keys()) == set(taken.headers.keys())
    found = world.look_up("phone", "+4722123456").get_json()
    assert found["member_id"] == free.get_json()["member_id"]


def test_a_contested_identifier_is_seen_by_the_office_and_by_nobody_else(world: World) -> None:
    world.enrol(identifiers=[CARD])
    guest = world.mobile.post("/members", {"identifiers": [CARD]}).get_json()
    path = f"/members/{guest['member_id']}/identifiers"
    assert [i["status"] for i in world.staff.get(path).get_json()["data"]] == ["contested"]
    own = world.member(guest["member_id"])
    assert [i["status"] for i in own.get("/me").get_json()["identifiers"]] == ["active"]
    assert own.get("/me/card").get_json()["value"] == "2609001234567"


def test_a_till_or_a_partner_may_not_say_as_whom_a_member_signs_in(world: World) -> None:
    subject = {"kind": "subject", "value": "https://idp.example|42"}
    for caller in (world.till, world.partner):
        assert caller.post("/members", {"identifiers": [subject]}).status_code == 403
    assert world.mobile.post("/members", {"identifiers": [subject]}).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"unknown": 1}, "/unknown"),
        ({"identifiers": [{"kind": "card"}]}, "/identifiers/0/value"),
        ({"identifiers": [{"kind": "stamp", "value": "1"}]}, "/identifiers/0/kind"),
        ({"profile": {"birth_date": "1971-02-30"}}, "/profile/birth_date"),
        ({"profile": {"email": "nobody"}}, "/profile/email"),
        ({"profile": {"phone": "22123456"}}, "/profile/phone"),
        ({"home_store": "str_nowhere"}, "/home_store"),
        ({"tags": ["Not A Tag"]}, "/tags/0"),
        ({"language": "norsk"}, "/language"),
    ],
)
def test_what_is_wrong_is_pointed_at(world: World, body: dict[str, Any], pointer: str) -> None:
    answer = world.staff.post("/members", body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == [pointer]


def test_an_edit_names_the_state_it_was_made_on(world: World) -> None:
    member = world.enrol(profile=KARI)
    path = f"/members/{member['member_id']}"
    etag = world.staff.get(path).headers["ETag"]
    change = {"profile": {"family_name": "Hansen", "email": None}, "is_staff": True}
    assert world.staff.patch(path, change).status_code == 428
    edited = world.staff.patch(path, change, If_Match=etag)
    assert edited.status_code == 200
    assert edited.get_json()["name"] == "Kari Hansen"
    assert edited.get_json()["is_staff"]
    assert "email" not in edited.get_json()["profile"]
    assert world.staff.patch(path, change, If_Match=etag).status_code == 412
    assert world.staff.get(path, If_None_Match=edited.headers["ETag"]).status_code == 304
    assert world.staff.get(path, If_None_Match=etag).get_json() == edited.get_json()


@pytest.mark.parametrize(
    "member_id", ["mbr_01k9tz3v5qf4r8m2c7d6x1w0ab", "mbr_x", "per_01k9tz3v5qf4r8m2c7d6x1w0ab"]
)
def test_an_unknown_member_is_a_404(world: World, member_id: str) -> None:
    assert world.staff.get(f"/members/{member_id}").status_code == 404
    assert world.staff.post(f"/members/{member_id}/block", {"reason": "other"}).status_code == 404
    assert world.staff.get(f"/members/{member_id}/identifiers").status_code == 404


def pages(world: World, **query: Any) -> list[str]:
    """Every member of a list, two a page."""
    found, cursor = list[str](), None
    while True:
        asked = {**query, "limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = world.staff.get("/members?" + "&".join(f"{k}={v}" for k, v in asked.items()))
        assert answer.status_code == 200, answer.text
        found += [member["member_id"] for member in answer.get_json()["data"]]
        cursor = answer.get_json()["next_cursor"]
        if cursor is None:
            return found


def test_a_list_shows_everyone_once_and_can_be_narrowed(world: World) -> None:
    made = [world.enrol(tags=["club"] if n == 3 else [])["member_id"] for n in range(5)]
    assert pages(world) == made
    assert pages(world, tag="club") == [made[3]]
    world.staff.post(f"/members/{made[1]}/block", {"reason": "other"})
    assert pages(world, status="blocked") == [made[1]]
    assert pages(world, enrolled_from="2200-01-01T00:00:00Z") == []


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIiwiYiJd", "WzEsMl0"])
def test_a_cursor_that_is_not_ours_is_refused(world: World, cursor: str) -> None:
    answer = world.staff.get(f"/members?cursor={cursor}")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "bad_cursor")


def test_a_search_by_name_or_identifier_never_stands_in_an_address(world: World) -> None:
    kari = world.enrol(profile=KARI, identifiers=[CARD])
    world.enrol(profile={"given_name": "Ola", "family_name": "Nordmann"})

    def found(**body: Any) -> list[str]:
        return [m["name"] for m in world.staff.post("/members/search", body).get_json()["data"]]

    assert found(name="nordmann") == ["Kari Nordmann", "Ola Nordmann"]
    assert found(identifier=CARD) == [kari["name"]]
    assert found(identifier=CARD, name="ola") == found(identifier={"kind": "card", "value": "4444"}) == []
    assert world.staff.post("/members/search", {}).status_code == 422
    assert world.staff.get("/members/search?name=kari").status_code in (404, 405)
