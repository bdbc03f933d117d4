"""Clients over HTTP, for administrators. A secret is shown once, in the answer that makes the client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response
from sqlalchemy.orm import Session

from loyalty_api.auth import service
from loyalty_api.auth.models import Client
from loyalty_api.auth.rules import CLIENT_KINDS, MAX_RATE, BadClient
from loyalty_api.fields import Choice, Moment, Schema, Text, Whole
from loyalty_api.http import (
    Also,
    Blueprint,
    PreconditionFailed,
    PreconditionRequired,
    id_converter,
    not_modified,
    require_match,
    unit_of_work,
)
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.security import principal

IF_MATCH = {"If-Match": "the ETag of the client as you read it"}

blueprint = Blueprint("clients", __name__, description="Who may call")
blueprint.record_once(lambda state: state.app.url_map.converters.setdefault("cli", id_converter("cli")))


class NewClient(Schema):
    """A client to be made. Without ``scopes`` it gets those its kind usually has."""

    kind = Choice(*CLIENT_KINDS, required=True)
    name = Text(required=True)
    scopes = ma.fields.List(Text(longest=64), validate=ma.validate.Length(max=64), load_default=None)
    store_id = Text(longest=64, load_default=None, allow_none=True)
    rate = Whole(least=1, most=MAX_RATE, load_default=None, metadata={"description": "requests a minute"})


class ClientChange(Schema):
    """What may change about a client; what is left out stays."""

    name = Text(load_default=None)
    scopes = ma.fields.List(Text(longest=64), validate=ma.validate.Length(max=64), load_default=None)
    rate = Whole(least=1, most=MAX_RATE, load_default=None, metadata={"description": "requests a minute"})


class ClientSchema(Schema):
    """A client as it stands."""

    client_id = Text(required=True)
    kind = Choice(*CLIENT_KINDS, required=True)
    name = Text(required=True)
    scopes = ma.fields.List(Text(), required=True)
    store_id = Text(required=True, allow_none=True)
    rate = Whole(required=True, metadata={"description": "requests a minute"})
    status = Choice("active", "revoked", required=True)
    created_at = Moment(required=True)
    revoked_at = Moment(required=True, allow_none=True)


class CreatedClient(ClientSchema):
    """A client that was just made, with its secret."""

    client_secret = Text(required=True, metadata={"description": "shown this once; only its hash is kept"})


EXAMPLE = {
    "client_id": "cli_01k3x8q5g7e3bt0c4dy9mz2a6f",
    "kind": "terminal",
    "name": "Lane 7, Storgata",
    "scopes": ["members:lookup", "purchases:write", "quotes:create", "redemptions:write", "returns:write"],
    "store_id": "str_0412",
    "rate": 6000,
    "status": "active",
    "created_at": "2026-11-21T15:06:41Z",
    "revoked_at": None,
}


@blueprint.operation(
    "POST",
    "/v1/clients",
    "create_client",
    summary="Make a client",
    body=NewClient(),
    example={"kind": "terminal", "name": "Lane 7, Storgata", "store_id": "str_0412"},
    answer=CreatedClient(),
    answer_example={**EXAMPLE, "client_secret": "pYQ3Zb1tqk6mJ1x0c2VwT9nQ4uE8sRfLhD5aG7iKoMw"},
    status=201,
    errors=(BadClient,),
)
@idempotent(status=201)
def create_client(session: Session, body: dict[str, Any]) -> Answer:
    """The secret is in this answer and nowhere else."""
    client, secret = service.create_client(session, **body, now=_now(), actor=principal().client_id)
    return Answer({**_document(client), "client_secret": secret}, headers=_etag_header(client))


@blueprint.operation(
    "GET",
    "/v1/clients",
    "list_clients",
    summary="List clients, oldest first",
    query=PageQuery(),
    answer=page_of(ClientSchema(), "ClientPage"),
    answer_example={"data": [EXAMPLE], "next_cursor": None},
)
def list_clients(query: dict[str, Any]) -> dict[str, Any]:
    """Revoked clients stay in the list."""
    after = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        rows = service.list_clients(session, after=after[0] if after else None, limit=query["limit"] + 1)
    found = page(rows, limit=query["limit"], key=lambda client: [str(client.client_id)])
    return {**found, "data": [_document(client) for client in found["data"]]}


@blueprint.operation(
    "GET",
    "/v1/clients/<cli:client_id>",
    "get_client",
    summary="Read a client",
    answer=ClientSchema(),
    answer_example=EXAMPLE,
    errors=(service.ClientUnknown,),
    also={304: Also("It has not changed since If-None-Match.")},
)
def get_client(client_id: UUID) -> Response | tuple[dict[str, Any], dict[str, str]]:
    """Its ETag is what an edit must name."""
    with unit_of_work() as session:
        client = service.get_client(session, client_id=client_id)
    return not_modified(_etag(client)) or (_document(client), _etag_header(client))


@blueprint.operation(
    "PATCH",
    "/v1/clients/<cli:client_id>",
    "edit_client",
    summary="Change a client's name, scopes or rate",
    body=ClientChange(),
    example={"rate": 12000},
    answer=ClientSchema(),
    answer_example={**EXAMPLE, "rate": 12000},
    headers=IF_MATCH,
    errors=(
        service.ClientUnknown,
        service.ClientRevoked,
        BadClient,
        PreconditionRequired,
        PreconditionFailed,
    ),
)
@idempotent(required=False)
def edit_client(session: Session, client_id: UUID, body: dict[str, Any]) -> Answer:
    """New scopes or another rate end the client's present tokens: it signs in again."""
    client = service.get_client(session, client_id=client_id, lock=True)
    require_match(_etag(client))
    service.edit_client(session, client=client, **body, now=_now(), actor=principal().client_id)
    return Answer(_document(client), headers=_etag_header(client))


@blueprint.operation(
    "POST",
    "/v1/clients/<cli:client_id>/revoke",
    "revoke_client",
    summary="End a client: its tokens stop within a second",
    answer=ClientSchema(),
    answer_example={**EXAMPLE, "status": "revoked", "revoked_at": "2026-11-22T09:00:00Z"},
    errors=(service.ClientUnknown,),
)
@idempotent()
def revoke_client(session: Session, client_id: UUID) -> Answer:
    """A revoked client stays revoked; revoking it again changes nothing."""
    client = service.revoke_client(session, client_id=client_id, now=_now(), actor=principal().client_id)
    return Answer(_document(client), headers=_etag_header(client))


def _document(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.public_id,
        "kind": client.kind,
        "name": client.name,
        "scopes": client.scopes,
        "store_id": client.store_id,
        "rate": client.rate,
        "status": "revoked" if client.revoked_at else "active",
        "created_at": client.created_at,
        "revoked_at": client.revoked_at,
    }


def _etag(client: Client) -> str:
    return str(client.version)


def _etag_header(client: Client) -> dict[str, str]:
    return {"ETag": f'"{_etag(client)}"'}


def _now() -> datetime:
    # Machine time: tokens live by it, and what is revoked at a time must compare with them.
    return datetime.now(UTC)
