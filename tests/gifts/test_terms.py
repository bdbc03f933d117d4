"""Chance tied to buying waits for a person who answers for its terms."""

from __future__ import annotations

from loyalty_api.auth.rules import ALLOWED
from tests.gifts.shop import document
from tests.support.shop import Shop


def test_new_terms_are_published_by_whoever_may_publish_terms(shop: Shop) -> None:
    scopes = tuple(sorted(ALLOWED["admin"] - {"gifts:terms"}))
    author, answering = shop.caller("admin", scopes=scopes), shop.office
    draft = author.post("/v1/program/versions", {"document": document()})["program_version_id"]
    path = f"/v1/program/versions/{draft}/publish"
    refused = author.post(path)
    assert (refused.status, refused.code) == (403, "gift_terms_not_yours")
    assert answering.post(path).status == 201
    later = author.post("/v1/program/versions", {"document": document(remind_days=5)})["program_version_id"]
    assert author.post(f"/v1/program/versions/{later}/publish").status == 201
