"""What stands before a publication: lint, a back-test, a second person; and the way back past all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_api.db import driver
from loyalty_api.publishing.linting import lint_document
from loyalty_api.publishing.rules_gate import Asked, Difference, missing
from tests.support.documents import earning
from tests.support.shop import BASIC, Reply, Shop, line, receipt


def gave(before: int, after: int, *, gifts: tuple[int, int] = (0, 0)) -> Difference:
    return Difference((before, after), gifts)


READY = Asked("this", "drafter", "publisher", ("first",), (), True, gave(1000, 1040), 5, ())


def codes(asked: Asked) -> list[str]:
    return [fault.code for fault in missing(asked)]


@pytest.mark.parametrize(
    ("more", "wanting"),
    [
        ({}, []),
        ({"lint_errors": ("One.", "Two.")}, ["lint_error", "lint_error"]),
        ({"tested": None}, ["backtest_missing"]),
        ({"tested": None, "has_purchases": False}, []),
        ({"tested": None, "earlier": ()}, []),
        ({"tested": None, "earlier": ("this",), "lint_errors": ("One.",)}, []),
        ({"tested": gave(1000, 1051)}, ["second_person_missing"]),
        ({"tested": gave(1000, 949)}, ["second_person_missing"]),
        ({"tested": gave(0, 1)}, ["second_person_missing"]),
        ({"tested": gave(1000, 1000, gifts=(400, 421))}, ["second_person_missing"]),
        ({"tested": gave(1000, 1000, gifts=(400, 420))}, []),
        ({"tested": gave(1000, 1000, gifts=(0, 1))}, ["second_person_missing"]),
        ({"tested": gave(1000, 2000, gifts=(0, 1))}, ["second_person_missing"] * 2),
        ({"tested": gave(1000, 9000, gifts=(0, 9)), "second_person_above": None}, []),
        (
            {"tested": gave(1000, 9000), "approved_by": ("drafter", "publisher")},
            ["second_person_missing"],
        ),
        ({"tested": gave(1000, 9000), "approved_by": ("somebody",)}, []),
        ({"tested": None, "lint_errors": ("One.",)}, ["lint_error", "backtest_missing"]),
    ],
)
def test_what_is_missing(more: dict[str, Any], wanting: list[str]) -> None:
    assert codes(replace(READY, **more)) == wanting


def drafted(shop: Shop, document: Any) -> str:
    made = shop.office.post("/v1/program/versions", {"document": document, "note": None})
    assert made.status == 201, made.body
    return f"/v1/program/versions/{made['program_version_id']}"


def published(shop: Shop, path: str, *, by: str = "admin", action: str = "publish") -> Reply:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return shop.caller(by).post(f"{path}/{action}", {"effective_from": soon})


def silent() -> dict[str, Any]:
    """A program with a rule for a level that there is not."""
    document = earning(2)
    never = {
        "id": "gold",
        "kind": "bonus",
        "points": 5,
        "minimum_basket": 500,
        "when": {"member": {"tier": "gold"}},
    }
    document["earn"]["rules"].append(never)
    return document


def test_a_draft_in_which_lint_finds_errors_is_not_published(shop: Shop) -> None:
    path = drafted(shop, silent())
    refused = published(shop, path)
    assert (refused.status, refused.code) == (409, "publish_gate_failed")
    (fault,) = refused["errors"]
    assert (fault["pointer"], fault["code"]) == ("/lint", "lint_error")
    assert fault["message"] == "gold can never give anything: the program has no such level."
    assert shop.office.get(path)["status"] == "draft"
    etag = shop.office.get(path).headers["ETag"]
    assert shop.office.put(path, {"document": earning(2)}, If_Match=etag).status == 200
    assert published(shop, path).status == 201


def test_lint_is_asked_over_http_in_the_callers_language(shop: Shop) -> None:
    path = drafted(shop, silent())
    found = shop.office.post(path + "/lint", key="lint-1", Accept_Language="nb")
    assert (found.status, found["errors"]) == (200, 1)
    first = found["findings"][0]
    assert (first["code"], first["rules"]) == ("never_fires", ["gold"])
    assert first["text"] == "gold kan aldri gi noe: programmet har ikke noe slikt nivå."
    assert first["witness"][0]["basket"]["lines"]
    assert shop.office.post(path + "/lint", key="lint-1", Accept_Language="nb").raw == found.raw


def test_once_something_was_bought_a_back_test_is_needed(fresh_shop: Shop) -> None:
    shop = fresh_shop
    assert published(shop, drafted(shop, earning(2))).status == 201
    assert shop.till.post("/v1/purchases", receipt(line(1000)), key=None).status == 201
    refused = published(shop, drafted(shop, earning(3)))
    assert (refused.status, [fault["code"] for fault in refused["errors"]]) == (409, ["backtest_missing"])


def test_the_way_back_is_one_call_that_asks_for_nothing(fresh_shop: Shop) -> None:
    shop = fresh_shop
    first = shop.office.get("/v1/program/versions")["data"][0]["program_version_id"]
    assert published(shop, drafted(shop, earning(2))).status == 201
    assert shop.till.post("/v1/purchases", receipt(line(1000)), key=None).status == 201
    back = published(shop, f"/v1/program/versions/{first}", action="restore")
    assert (back.status, back["version"], back["document"]) == (201, 3, BASIC)
    again = published(shop, drafted(shop, BASIC))
    assert (again.status, again["fingerprint"]) == (201, back["fingerprint"])
    never = published(shop, drafted(shop, earning(4)), action="restore")
    assert (never.status, never.code) == (409, "never_published")


def test_a_second_person_is_somebody_else_and_agrees_to_one_document(shop: Shop) -> None:
    path = drafted(shop, earning(2))
    own = shop.office.post(path + "/approve")
    assert (own.status, own.code) == (409, "own_draft")
    colleague = shop.caller("staff", scopes=("program:approve",))
    agreed = colleague.post(path + "/approve", {"note": "Looked at it"})
    assert (agreed.status, len(agreed["fingerprint"])) == (201, 64)
    once_more = colleague.post(path + "/approve", {"note": "Looked at it"})
    assert once_more["approved_at"] == agreed["approved_at"]
    assert shop.till.post(path + "/approve").status == 403


def test_the_difference_between_two_versions_over_http(shop: Shop) -> None:
    one, other = drafted(shop, earning(2)), drafted(shop, earning(3))
    found = shop.office.get(f"{other}/diff?with={one.rpartition('/')[2]}")
    assert [change["text"] for change in found["changes"]] == [
        "Rule base: points_per.points 2 points → 3 points"
    ]
    assert shop.office.get(f"{other}/diff?with=nonsense").status == 422


def test_whoever_lints_may_think_longer_than_a_till_may_wait(shop: Shop) -> None:
    """Hundreds of rules take longer than the ten seconds that a transaction may be silent otherwise."""
    silence = "SHOW idle_in_transaction_session_timeout"
    with shop.database.unit_of_work() as session:
        lint_document(session, shop.office.get("/v1/program")["document"], now=datetime.now(UTC))
        assert driver(session).execute(silence).fetchone() == ("2min",)
    with shop.database.unit_of_work() as session:
        assert driver(session).execute(silence).fetchone() == ("10s",)
