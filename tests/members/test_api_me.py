"""A member's own account, opened by the member's own token."""

from __future__ import annotations

from tests.members.world import World

KARI = {"given_name": "Kari", "family_name": "Nordmann"}


def test_a_member_sees_what_is_known(world: World) -> None:
    member = world.enrol(profile=KARI, issue_card=True, people=[{"name": "Ola"}])
    me = world.member(member["member_id"]).get("/me")
    document = me.get_json()
    assert (document["member_id"], document["name"]) == (member["member_id"], "Kari Nordmann")
    assert document["profile"] == KARI
    assert [p["name"] for p in document["people"]] == ["Ola"]
    again = world.member(member["member_id"]).get("/me", If_None_Match=me.headers["ETag"])
    assert again.status_code == 304


def test_a_member_corrects_their_data_and_nothing_else(world: World) -> None:
    own = world.member(world.enrol(profile=KARI)["member_id"])
    etag = own.get("/me").headers["ETag"]
    assert own.patch("/me", {"profile": {"given_name": "Karin"}}).status_code == 428
    edited = own.patch("/me", {"profile": {"given_name": "Karin"}, "language": "nb"}, If_Match=etag)
    assert edited.get_json()["name"] == "Karin Nordmann"
    assert own.patch("/me", {"language": "en"}, If_Match=etag).status_code == 412
    assert own.patch("/me", {"is_staff": True}, If_Match="*").status_code == 422


def test_a_blocked_member_may_still_correct_their_data(world: World) -> None:
    member_id = world.enrol(profile=KARI)["member_id"]
    world.staff.post(f"/members/{member_id}/block", {"reason": "misuse"})
    assert world.member(member_id).patch("/me", {"language": "sv"}, If_Match="*").status_code == 200


def test_preferences_are_read_and_changed(world: World) -> None:
    own = world.member(world.enrol(language="nb")["member_id"])
    read = own.get("/me/preferences")
    assert read.get_json() == {"language": "nb"}
    changed = own.patch("/me/preferences", {"language": "fi"}, If_Match=read.headers["ETag"])
    assert changed.get_json() == {"language": "fi"}
    assert changed.headers["ETag"] != read.headers["ETag"]


def test_the_card_to_show_is_the_newest_that_all_share(world: World) -> None:
    ola = {"name": "Ola", "identifiers": [{"kind": "card", "value": "7777777"}]}
    member = world.enrol(issue_card=True, people=[ola])
    card = world.member(member["member_id"]).get("/me/card").get_json()
    assert card == {"format": "code128", "value": member["card"], "valid_until": None}


def test_a_replaced_card_is_not_shown_from_a_copy(world: World) -> None:
    member = world.enrol(issue_card=True)
    own = world.member(member["member_id"])
    etag = own.get("/me/card").headers["ETag"]
    assert own.get("/me/card", If_None_Match=etag).status_code == 304
    old = member["identifiers"][0]["identifier_id"]
    made = world.staff.post(
        f"/members/{member['member_id']}/identifiers/{old}/replace", {"issue_card": True, "reason": "lost"}
    ).get_json()
    assert own.get("/me/card", If_None_Match=etag).get_json()["value"] == made["issued"]


def test_who_has_no_card_is_told_so(world: World) -> None:
    assert world.member(world.enrol()["member_id"]).get("/me/card").status_code == 404


def test_signing_out_everywhere_needs_a_key_and_happens_once(world: World) -> None:
    own = world.member(world.enrol()["member_id"])
    first = own.post("/me/sign-out-everywhere", Idempotency_Key="out")
    again = own.post("/me/sign-out-everywhere", Idempotency_Key="out")
    assert first.status_code == again.status_code == 200
    assert first.get_json() == again.get_json()


def test_a_clients_own_token_opens_nobodys_account(world: World) -> None:
    for path in ("/me", "/me/card", "/me/preferences", "/me/terms"):
        assert world.mobile.get(path).status_code == 403
    assert world.mobile.delete("/me").status_code == 403
