"""Whether a coupon can be used: by whom, where and when, and nothing is learned by guessing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from loyalty_api.coupons.rules import Asking, Coupon, Terms, refusal
from loyalty_api.ids import new
from loyalty_api.rulekit.facts import Facts, Member
from tests.coupons.printing import make, one, printed, validate
from tests.support.shop import Shop

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
OWNER = new()
HOUR = timedelta(hours=1)


def coupon(
    *, uses: int = 0, member: bool = False, activated: bool = False, blocked: bool = False, **terms: object
) -> Coupon:
    said = Terms("FRESH", "single", **terms)  # type: ignore[arg-type]
    mine = OWNER if member else None
    return Coupon(new(), new(), b"", "TAIL", mine, uses, 1, 0, NOW if activated else None, blocked, said)


GOLD = {"tier": ["gold"]}


@pytest.mark.parametrize(
    ("shown", "asking", "code"),
    [
        (coupon(), Asking(NOW), None),
        (coupon(blocked=True, uses=1), Asking(NOW), "coupon_unknown"),
        (coupon(blocked=True, member=True), Asking(NOW), "coupon_unknown"),
        (coupon(uses=1, valid_until=NOW), Asking(NOW), "coupon_used"),
        (coupon(valid_until=NOW), Asking(NOW), "coupon_expired"),
        (coupon(valid_until=NOW + HOUR), Asking(NOW), None),
        (coupon(valid_from=NOW + HOUR), Asking(NOW), "coupon_not_yet_valid"),
        (coupon(valid_from=NOW), Asking(NOW), None),
        (coupon(member=True), Asking(NOW), "coupon_not_yours"),
        (coupon(member=True), Asking(NOW, member_id=new()), "coupon_not_yours"),
        (coupon(member=True), Asking(NOW, member_id=OWNER), None),
        (coupon(member=True, needs_activation=True), Asking(NOW, member_id=OWNER), "coupon_not_activated"),
        (coupon(member=True, needs_activation=True, activated=True), Asking(NOW, member_id=OWNER), None),
        (coupon(stores=("str_1",)), Asking(NOW, "str_2"), "coupon_not_here"),
        (coupon(stores=("str_1",)), Asking(NOW, "str_1"), None),
        (coupon(stores=("str_1",)), Asking(NOW), None),
        (coupon(audience=GOLD), Asking(NOW), "coupon_not_yours"),
        (coupon(audience=GOLD), Asking(NOW, known=lambda: Facts(Member(tier="silver"))), "coupon_not_yours"),
        (coupon(audience=GOLD), Asking(NOW, known=lambda: Facts(Member(tier="gold"))), None),
    ],
)
def test_when_a_coupon_counts(shown: Coupon, asking: Asking, code: str | None) -> None:
    why = refusal(shown, asking)
    assert (why.code if why else None) == code


def test_however_it_is_typed(shop: Shop) -> None:
    code = one(shop)
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("-", " ")):
        found = validate(shop.till, typed)
        assert (found.status, found["usable"], found["code"]) == (200, True, "…" + code[-4:])
    wrong = code[:-1] + ("2" if code[-1] != "2" else "3")
    assert validate(shop.till, wrong).code == "coupon_unknown"


def test_nothing_is_learned_by_guessing_and_guessing_is_limited(shop: Shop) -> None:
    line = printed(shop)[0]
    shop.office.post(f"/v1/coupons/{line['coupon_id']}/block")
    till = shop.caller("staff")
    same = ("status", "code", "title", "detail", "action")
    tried = ("22222-22222-2222-2222", line["code"], "FRESH", "x")
    answers = [validate(till, code) for code in tried]
    assert {tuple(answer[name] for name in same) for answer in answers} == {
        tuple(answers[0][name] for name in same)
    }
    found = {validate(till, f"{n}").status for n in range(100)}
    assert found == {404, 429}
    assert validate(shop.till, one(shop)).status == 200, "another client is not stopped"


def test_by_whom_and_where(shop: Shop) -> None:
    member = shop.enrol(card="9811000000001", tags=["student"])
    other = shop.enrol()
    code = one(shop, audience={"segment": ["student"]}, stores=["str_1"])
    assert validate(shop.till, code).code == "coupon_not_yours"
    assert validate(shop.till, code, member_id=other).code == "coupon_not_yours"
    assert validate(shop.till, code, member_id=member)["usable"]
    scanned = {"kind": "card", "value": "9811000000001"}
    assert validate(shop.till, code, identifier=scanned)["usable"]
    assert validate(shop.till, code, store="str_2").code == "store_not_allowed"
    elsewhere = shop.caller("terminal", store="str_2")
    assert validate(elsewhere, code, store="str_2", member_id=member).code == "coupon_not_here"


def test_a_kind_of_identifier_that_is_none_is_refused(shop: Shop) -> None:
    made = {"code": one(shop), "identifier": {"kind": "tattoo", "value": "1"}}
    refused = shop.office.post("/v1/coupons/validate", made)
    assert (refused.status, refused["code"]) == (422, "validation_failed")


def test_when(shop: Shop) -> None:
    now = datetime.now(UTC)
    over = one(shop, valid_until=(now - HOUR).isoformat())
    assert validate(shop.till, over).code == "coupon_expired"
    assert validate(shop.till, over, occurred_at=(now - 2 * HOUR).isoformat())["state"] == "expired"
    assert validate(shop.till, one(shop, valid_from=(now + HOUR).isoformat())).code == "coupon_not_yet_valid"


def test_a_member_sees_activates_and_shows_what_is_theirs_alone(shop: Shop) -> None:
    members = [shop.enrol() for _ in range(2)]
    printed(shop, kind="personal", members=members, needs_activation=True, name="BIRTHDAY")
    mine, theirs = (shop.member(member) for member in members)
    (own,) = mine.get("/v1/me/coupons")["data"]
    assert (own["state"], own["member_id"], own["activated_at"]) == ("issued", members[0], None)
    shown = shop.office.get(f"/v1/members/{members[0]}/coupons")["data"]
    assert shown == [{**own, "code": "…" + own["code"][-4:]}]
    asked = {"code": own["code"]}
    assert mine.post("/v1/me/coupons/validate", asked, key=None).code == "coupon_not_activated"
    assert theirs.post("/v1/me/coupons/validate", asked, key=None).code == "coupon_unknown"
    assert validate(shop.till, own["code"], member_id=members[1]).code == "coupon_not_yours"
    path = f"/v1/me/coupons/{own['coupon_id']}/activate"
    assert theirs.post(path).code == "coupon_unknown"
    assert mine.post(path)["activated_at"] == mine.post(path)["activated_at"]
    assert mine.post("/v1/me/coupons/validate", asked, key=None)["usable"]
    told = shop.database.fetch_one(
        "SELECT count(*) FROM events WHERE kind = 'coupon_issued' AND subject = %s", (own["coupon_id"],)
    )
    assert told == (1,)


def test_a_till_that_does_not_know_what_it_scanned_asks_what_it_is(shop: Shop) -> None:
    code = one(shop, name="MYSTERY")
    found = shop.till.post("/v1/codes/inspect", {"code": code, "store": "str_1"}, key=None)
    assert (found["kind"], found["usable"], found["coupon"]["name"]) == ("coupon", True, "MYSTERY")
    member = shop.enrol()
    printed(shop, kind="personal", members=[member])
    own = shop.member(member).get("/v1/me/coupons")["data"][0]["code"]
    found = shop.till.post("/v1/codes/inspect", {"code": own, "store": "str_1"}, key=None)
    assert (found["member_id"], found["usable"]) == (member, True)
    assert shop.till.post("/v1/codes/inspect", {"code": "nothing"}, key=None).code == "code_unknown"
    assert make(shop) == 0
