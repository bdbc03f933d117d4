"""The permission table: no operation without a row, and no row that contradicts what kinds may hold."""

from __future__ import annotations

from uuid import uuid4

import flask
import pytest

from loyalty_api.auth.permissions import PERMISSIONS, PUBLIC, needs, security_of, security_scheme
from loyalty_api.auth.rules import ALLOWED, CLIENT_KINDS, MEMBER_SCOPES, SCOPES
from loyalty_api.db import Database
from loyalty_api.security import (
    PermissionsMissing,
    Principal,
    StoreNotAllowed,
    ensure_store,
)
from tests.auth.doors import make_app
from tests.support.tokens import bearer, token_for


def caller(kind: str, *scopes: str, store: str | None = None) -> Principal:
    return Principal(
        client_id="cli_x",
        kind=kind,  # type: ignore[arg-type]
        scopes=frozenset(scopes),
        store_id=store,
        member_id=uuid4() if kind == "member" else None,
        token_id="t",
        expires_at=0,
        rate=1,
    )


def test_an_application_with_an_operation_that_has_no_row_does_not_start(database: Database) -> None:
    app = make_app(database)
    app.add_url_rule("/v1/secret", "give_everything_away", lambda: "all of it")
    with pytest.raises(PermissionsMissing, match="give_everything_away"):
        app.extensions["authority"].gate.install(app)


def test_an_operation_added_after_the_start_is_closed(database: Database) -> None:
    app = make_app(database)
    app.add_url_rule("/v1/late", "late", lambda: "open")
    answer = app.test_client().get("/v1/late", headers=bearer(token_for(app, "admin")))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")


def test_public_doors_need_no_token_and_guarded_ones_do(app: flask.Flask) -> None:
    client = app.test_client()
    assert client.get("/livez").status_code == 200
    assert client.head("/livez").status_code == 200
    assert client.head("/v1/clients").status_code == 401
    assert client.options("/v1/clients").status_code == 200
    assert client.get("/v1/nothing").status_code == 404
    assert client.delete("/v1/clients").status_code == 405


@pytest.mark.parametrize("operation", PERMISSIONS)
def test_every_row_can_be_used_and_only_by_kinds_that_may_hold_its_scope(operation: str) -> None:
    access = PERMISSIONS[operation]
    assert set(access.scopes) <= set(SCOPES)
    assert bool(access.scopes) == bool(access.kinds)
    for kind in access.kinds:
        allowed = MEMBER_SCOPES if kind == "member" else ALLOWED[kind]
        assert allowed.intersection(access.scopes)
    assert ("member" in access.kinds) == operation.startswith("me_")


def test_a_row_admits_by_scope_and_kind_together() -> None:
    access = needs("members:read", only=("staff",))
    assert access.admits(caller("staff", "members:read"))
    assert not access.admits(caller("admin", "members:read"))
    assert not access.admits(caller("staff", "members:write"))
    assert not PUBLIC.admits(caller("admin", *SCOPES))
    either = needs("purchases:write", "purchases:import")
    assert either.admits(caller("terminal", "purchases:write"))
    assert either.admits(caller("partner", "purchases:import"))


def test_a_lane_may_not_enumerate_members_or_block_them() -> None:
    lane = caller("terminal", *ALLOWED["terminal"])
    for operation in (
        "list_members",
        "block_member",
        "close_member",
        "create_client",
        "publish_program_version",
    ):
        assert not PERMISSIONS[operation].admits(lane)
    for operation in ("look_up_member", "create_quote", "record_purchase", "send_batch"):
        assert PERMISSIONS[operation].admits(lane)


def test_only_the_administrator_reaches_clients() -> None:
    for operation in ("create_client", "list_clients", "get_client", "edit_client", "revoke_client"):
        assert PERMISSIONS[operation].kinds == {"admin"}


def test_a_terminal_speaks_for_its_own_store_only(app: flask.Flask) -> None:
    headers = bearer(token_for(app, store="str_1"))
    assert app.test_client().post("/v1/purchases/str_1", headers=headers).status_code == 200
    refused = app.test_client().post("/v1/purchases/str_2", headers=headers)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "store_not_allowed")


def test_who_may_speak_for_which_store() -> None:
    for kind in CLIENT_KINDS:
        ensure_store(caller(kind, store="str_1"), "str_1")
        with pytest.raises(StoreNotAllowed):
            ensure_store(caller(kind, "purchases:import", store="str_1"), "str_2")
    for kind in ("staff", "admin"):
        ensure_store(caller(kind), "str_1")
    ensure_store(caller("partner", "purchases:import"), "str_1")
    for unbound in (caller("partner", "purchases:write"), caller("mobile"), caller("member")):
        with pytest.raises(StoreNotAllowed):
            ensure_store(unbound, "str_1")


def test_the_document_says_what_the_table_says() -> None:
    assert security_of("livez") == []
    assert security_of("send_batch") == [{"oauth2": ["purchases:write"]}, {"oauth2": ["purchases:import"]}]
    flow = security_scheme()["flows"]["clientCredentials"]
    assert flow["scopes"].keys() == SCOPES.keys()
