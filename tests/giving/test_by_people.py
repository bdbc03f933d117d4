"""Gifts from the hand of the staff, for an event and to a list, and members who want none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from loyalty_api import ids
from loyalty_api.rulekit.stored import decision_from_json
from tests.giving.shop import NOW, TODAY, ago, born, bought, card, document, execute, gifts_of, run
from tests.purchases.racing import at_once, breaches, insisting, settled
from tests.support.shop import Caller, Reply, Shop


@pytest.fixture(scope="module")
def giving(shop: Shop) -> Iterator[Shop]:
    shop.publish(document(), effective_from=ago(400))
    yield shop
    assert breaches(settled(shop)) == []


def give(caller: Caller, member: str, rule: str = "gesture", by: str = "c-1", **more: Any) -> Reply:
    body = {"rule": rule, "reason": "queue", "staff_ref": by, "store": "str_1", **more}
    return caller.post(f"/v1/members/{member}/gifts", body)


def against(reply: Reply) -> tuple[int, str | None, list[str]]:
    return reply.status, reply.code, [fault["code"] for fault in reply.body.get("errors", ())]


def reasons(shop: Shop, purchase: Reply) -> list[tuple[str | None, str]]:
    """Why rules gave nothing for a purchase."""
    row = shop.database.fetch_one(
        "SELECT decision FROM purchases WHERE purchase_id = %s", (ids.read("pur", purchase["purchase_id"]),)
    )
    assert row is not None
    return [(reason.rule, reason.code) for reason in decision_from_json(row[0]).reasons]


def test_staff_give_with_a_reason_and_a_name_beside_it(giving: Shop) -> None:
    member, desk = giving.enrol(card()), giving.caller("staff")
    given = give(desk, member, by="c-10", note="Waited long.")
    assert (given.status, given["staff_ref"], given["cost"], given["note"]) == (
        201,
        "C-10",
        200,
        "Waited long.",
    )
    assert gifts_of(giving, member) == [("gesture", "staff", None)]
    assert give(desk, member, by="c-10", reason="friend").code == "validation_failed"
    assert give(desk, member, by="c-10", store=None, rule="nothing").code == "gift_rule_unknown"
    assert against(give(desk, member, by="c-10", store="str_2"))[1] in ("gift_refused", "store_not_allowed")
    (shown,) = giving.office.get("/v1/gifts/by-staff?staff_ref=C-10")["data"]
    assert shown == given.body
    assert giving.office.get("/v1/gifts/by-staff?staff_ref=c-10&store=str_2")["data"] == []


def test_an_allowance_is_so_many_a_day_so_much_money_and_so_many_for_a_member(giving: Shop) -> None:
    desk, members = giving.caller("staff"), [giving.enrol(card()) for _ in range(3)]
    assert [give(desk, member, by="c-20").status for member in members] == [201, 201, 409]
    assert give(desk, members[2], by="c-20").code == "gift_allowance_used_up"
    assert [give(desk, members[0], by=by).status for by in ("c-21", "c-22")] == [201, 409]
    assert give(desk, members[2], by="C-20 ".strip()).code == "gift_allowance_used_up"
    assert give(desk, members[2], by="c-23").status == 201


def test_of_many_at_once_exactly_so_many_pass(giving: Shop) -> None:
    desk = giving.caller("staff")
    members = [giving.enrol(card()) for _ in range(8)]
    calls = [
        insisting(
            desk,
            f"/v1/members/{members[n % 8]}/gifts",
            {"rule": "race", "reason": "kind", "staff_ref": "c-30"},
        )
        for n in range(64)
    ]
    answers = at_once(*calls)
    assert sorted({answer.status for answer in answers}) == [201, 409]
    assert sum(answer.status == 201 for answer in answers) == 5
    assert {answer.code for answer in answers if answer.status == 409} == {"gift_allowance_used_up"}
    assert sum(len(gifts_of(giving, member)) for member in members) == 5


def test_nobody_gives_to_themselves_or_their_household_or_to_staff(giving: Shop) -> None:
    desk = giving.caller("staff")
    mine = giving.enrol(card(), people=[{"name": "Kari"}, {"name": "Ola"}])
    of = f"/v1/members/{mine}"
    assert giving.office.post(f"{of}/identifiers", {"kind": "staff", "value": "c-40"}).status == 201
    assert give(desk, mine, by="C-40").code == "gift_to_oneself"
    assert against(give(desk, mine, by="c-41")) == (409, "gift_refused", ["staff"])
    assert giving.office.get(of)["is_staff"] is True
    etag = giving.office.get(of).headers["ETag"]
    assert giving.office.patch(of, {"is_staff": False}, If_Match=etag).code == "member_works_here"
    assert giving.caller("mobile").post(f"{of}/identifiers", {"kind": "staff", "value": "x"}).status == 403
    assert give(giving.caller("mobile"), giving.enrol(card())).status == 403


def test_a_purchase_of_whoever_works_here_brings_no_gift(giving: Shop) -> None:
    number = card()
    member = giving.enrol(number)
    assert [gift["rule"] for gift in bought(giving, number, NOW, 80_000)["gifts"]] == ["every"]
    giving.office.post(f"/v1/members/{member}/identifiers", {"kind": "staff", "value": "c-50"})
    assert bought(giving, number, NOW, 80_000)["gifts"] == []


def test_an_event_brings_its_gifts_once_and_says_so(giving: Shop) -> None:
    member, backend = giving.enrol(card()), giving.caller("mobile")
    told = {
        "event": "complaint_settled",
        "member_id": member,
        "occurred_at": NOW.isoformat(),
        "reference": "c-1",
    }
    first = backend.post("/v1/events", told, Accept_Language="en")
    assert (first.status, first["points"], [gift["rule"] for gift in first["gifts"]]) == (201, 0, ["sorry"])
    assert [(reason["rule"], reason["code"]) for reason in first["reasons"]] == [("club", "other_segment")]
    again = backend.post("/v1/events", told)
    assert again["gifts"] == first["gifts"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert gifts_of(giving, member) == [("sorry", "event", ids.read("evn", first["event_id"]).hex)]
    assert giving.caller("partner").post("/v1/events", {**told, "reference": "c-2"}).code == "event_not_yours"


def test_a_list_gives_to_each_of_its_members_once_and_says_what_became_of_them(giving: Shop) -> None:
    office = giving.caller("staff")
    made = office.post("/v1/gift-lists", {"rule": "spring", "name": "Spring"})
    assert made.status == 201
    path = f"/v1/gift-lists/{made['list_id']}"
    wanted, norse = [giving.enrol(card()) for _ in range(3)], giving.enrol(card(), language="nb")
    unwilling, nobody = giving.enrol(card()), ids.show("mbr", ids.new())
    giving.office.put(f"/v1/members/{unwilling}/gift-choices", {"gifts": False, "profiling": False})
    lines: list[Any] = [{"member_id": each} for each in (*wanted, norse, unwilling, nobody, wanted[0])]
    said = office.upload("POST", f"{path}/members", [*lines, b"what", {"member_id": 7}]).lines
    assert [line["status"] for line in said] == ["added"] * 5 + ["unknown", "known", "malformed", "malformed"]
    assert [line["index"] for line in said] == list(range(9))
    assert office.get(path)["waiting"] == 5
    assert run(giving).given == 3
    assert {name: office.get(path)[name] for name in ("waiting", "given", "refused")} == {
        "waiting": 0, "given": 3, "refused": 2,
    }  # fmt: skip
    refused = office.get(f"{path}/members?state=refused")["data"]
    assert sorted(each["reason"] for each in refused) == ["conditions_not_met", "opted_out"]
    office.upload("POST", f"{path}/members", lines)
    run(giving)
    assert [len(gifts_of(giving, member)) for member in wanted] == [1, 1, 1]
    assert made["list_id"] in [each["list_id"] for each in office.get("/v1/gift-lists?limit=5")["data"]]
    assert office.post("/v1/gift-lists", {"rule": "sorry", "name": "No"}).code == "gift_rule_unknown"


def test_a_member_who_wants_no_gifts_gets_none_and_keeps_what_was_granted(giving: Shop) -> None:
    number = card()
    member = giving.enrol(number)
    app = giving.member(member)
    bought(giving, number, NOW, 80_000)
    assert app.get("/v1/me/gift-choices").body == {"gifts": True, "profiling": True}
    version = giving.balance(member)["version"]
    assert app.put("/v1/me/gift-choices", {"gifts": False, "profiling": True}).status == 200
    assert giving.balance(member)["version"] == version + 1
    later = bought(giving, number, NOW, 80_000)
    assert later["gifts"] == []
    assert (None, "opted_out") in reasons(giving, later)
    assert against(give(giving.caller("staff"), member, rule="open")) == (409, "gift_refused", ["opted_out"])
    assert [rule for rule, *_ in gifts_of(giving, member)] == ["every"]
    app.put("/v1/me/gift-choices", {"gifts": True, "profiling": True})
    assert give(giving.caller("staff"), member, rule="open").status == 201


def test_a_member_without_profiling_gets_what_anybody_gets(giving: Shop) -> None:
    number = card()
    member = giving.enrol(number, tags=["club"])
    assert {gift["rule"] for gift in bought(giving, number, NOW, 80_000)["gifts"]} == {"every", "profiled"}
    giving.caller("staff").put(f"/v1/members/{member}/gift-choices", {"gifts": True, "profiling": False})
    later = bought(giving, number, NOW, 80_000)
    assert {gift["rule"] for gift in later["gifts"]} == {"every"}
    assert ("profiled", "not_profiled") in reasons(giving, later)


def test_gifts_that_no_purchase_brought_are_shown_and_explained(giving: Shop) -> None:
    member = born(giving, TODAY)
    assert give(giving.caller("staff"), member, rule="open").status == 201
    told = {"event": "complaint_settled", "member_id": member, "occurred_at": NOW.isoformat()}
    assert giving.caller("mobile").post("/v1/events", told).status == 201
    made = giving.office.post("/v1/gift-lists", {"rule": "spring", "name": "Spring"})["list_id"]
    giving.office.upload("POST", f"/v1/gift-lists/{made}/members", [{"member_id": member}])
    execute(giving, "DELETE FROM gift_walks")
    run(giving)
    shown = giving.office.get(f"/v1/members/{member}/gifts", Accept_Language="nb")["data"]
    assert sorted(gift["rule"] for gift in shown) == ["cake", "open", "sorry", "spring"]
    for gift in shown:
        assert giving.office.get(f"/v1/members/{member}/gifts/{gift['gift_id']}").status == 200
