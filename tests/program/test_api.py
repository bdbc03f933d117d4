"""Drafts that people edit, and publication, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from tests.purchases.racing import another, at_once, insist, insisting
from tests.support.documents import earning, with_lots
from tests.support.shop import BASIC, Reply, Shop, line, receipt

SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def draft(shop: Shop) -> Reply:
    made = shop.office.post("/v1/program/versions", {"document": earning(2), "note": "Double"})
    assert made.status == 201, made.body
    return made


def path(made: Reply, more: str = "") -> str:
    return f"/v1/program/versions/{made['program_version_id']}{more}"


def test_a_draft_changes_nothing_until_it_is_published_and_in_force(shop: Shop) -> None:
    before = shop.office.get("/v1/program")["version"]
    made = draft(shop)
    assert (made["status"], made["version"], made["revision"]) == ("draft", None, 1)
    published = shop.office.post(path(made, "/publish"), {"effective_from": SOON})
    assert (published.status, published["version"]) == (201, before + 1)
    assert shop.office.get("/v1/program")["version"] == before
    assert shop.office.get(path(made))["status"] == "published"


def test_an_edit_needs_the_state_it_was_made_on(shop: Shop) -> None:
    made = draft(shop)
    body = {"document": earning(3), "note": "Triple"}
    assert (shop.office.put(path(made), body).status, made.headers["ETag"]) == (428, '"1"')
    edited = shop.office.put(path(made), body, If_Match='"1"')
    assert (edited.status, edited["revision"], edited.headers["ETag"]) == (200, 2, '"2"')
    stale = shop.office.put(path(made), body, If_Match='"1"')
    assert (stale.status, stale.code) == (412, "precondition_failed")


def test_of_two_who_edit_at_once_one_is_told(shop: Shop) -> None:
    made = draft(shop)
    offices = [another(shop.office) for _ in range(4)]
    answers = at_once(
        *(
            partial(insist, partial(office.put, path(made), {"document": earning(n + 2)}, If_Match='"1"'))
            for n, office in enumerate(offices)
        )
    )
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412]


def test_what_is_published_is_published_once_and_for_ever(shop: Shop) -> None:
    made = draft(shop)
    answers = at_once(
        *(insisting(shop.office, path(made, "/publish"), {"effective_from": SOON}) for _ in range(4))
    )
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    etag = shop.office.get(path(made)).headers["ETag"]
    refused = shop.office.put(path(made), {"document": earning(9)}, If_Match=etag)
    assert (refused.status, refused.code) == (409, "already_published")


def test_the_same_publication_again_gets_the_first_answer(shop: Shop) -> None:
    made = draft(shop)
    first = shop.office.post(path(made, "/publish"), {"effective_from": SOON}, key="publish-1")
    again = shop.office.post(path(made, "/publish"), {"effective_from": SOON}, key="publish-1")
    assert again.raw == first.raw
    assert again.headers["Idempotent-Replayed"] == "true"


def test_rules_that_would_take_effect_before_tills_could_know_are_refused(shop: Shop) -> None:
    made = draft(shop)
    at_once_please = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    refused = shop.office.post(path(made, "/publish"), {"effective_from": at_once_please})
    assert (refused.status, refused.code) == (409, "effective_from_too_soon")
    assert shop.office.get(path(made))["status"] == "draft"


def test_every_fault_of_a_document_is_pointed_at_at_once(shop: Shop) -> None:
    faulty = {
        **BASIC,
        "time_zone": "Middle/Earth",
        "colour": "red",
        "lots": {"available": {"after_days": -1}, "expire": "never"},
        "earn": {"rules": [{"id": "base", "kind": "base"}, {"id": "base", "kind": "sparkle"}]},
    }
    refused = shop.office.post("/v1/program/versions", {"document": faulty})
    assert (refused.status, refused.code) == (422, "program_document_faulty")
    pointers = {fault["pointer"] for fault in refused["errors"]}
    assert {"/time_zone", "/colour", "/lots/available/after_days"} <= pointers
    assert any(pointer.startswith("/earn/rules/1") for pointer in pointers)


def test_points_that_would_die_before_they_wake_are_a_fault(shop: Shop) -> None:
    doomed = with_lots(available={"after_days": 30}, expire={"days": 14})
    refused = shop.office.post("/v1/program/versions", {"document": doomed})
    assert "expires_before_available" in {fault["code"] for fault in refused["errors"]}


def test_a_published_document_is_named_by_its_fingerprint(shop: Shop) -> None:
    def published() -> Reply:
        return shop.office.post(path(draft(shop), "/publish"), {"effective_from": SOON})

    first, second = published(), published()
    assert first["fingerprint"] == second["fingerprint"]
    assert len(first["fingerprint"]) == 64
    assert first["document"] == earning(2)


def test_a_till_may_not_change_the_rules(shop: Shop) -> None:
    assert shop.till.post("/v1/program/versions", {"document": earning(2)}).status == 403


def test_an_expression_is_checked_when_it_is_saved_and_asked_when_something_is_bought(
    fresh_shop: Shop,
) -> None:
    def fruity(expression: str) -> dict[str, Any]:
        bonus = {"id": "fruity", "kind": "bonus", "points": 7, "when": {"cel": expression}}
        document = earning(1)
        return {**document, "earn": {"rules": [*document["earn"]["rules"], bonus]}}

    refused = fresh_shop.office.post("/v1/program/versions", {"document": fruity("amount > 'much'")})
    assert (refused.status, refused.code) == (422, "program_document_faulty")
    (fault,) = refused["errors"]
    assert fault["pointer"] == "/earn/rules/1/when/cel"
    assert "no matching overload for '_>_' applied to '(int, string)'" in fault["message"]

    fresh_shop.publish(
        fruity("categories['Food > Fruit'] * 2 > amount"),
        effective_from=datetime.now(UTC) - timedelta(hours=1),
    )
    fresh_shop.enrol("FRUITY")
    sold, why = {}, {}
    for sku in ("apple", "bread"):
        sold[sku] = fresh_shop.till.post(
            "/v1/purchases", receipt(line(1000, sku=sku), card="FRUITY"), key=None
        )
        assert sold[sku].status == 201, sold[sku].body
        path_of = f"/v1/purchases/{sold[sku]['purchase_id']}/explanation"
        why[sku] = fresh_shop.office.get(path_of).raw.decode()
    assert [effect["rule"] for effect in sold["apple"]["effects"]] == ["base", "fruity"]
    assert [effect["rule"] for effect in sold["bread"]["effects"]] == ["base"]
    failed = "Its expression could not be evaluated on this purchase."
    assert (failed in why["apple"], failed in why["bread"]) == (False, True)
