"""What stands ready before the first basket: the program, clients with their secrets, stores and products."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.auth import service as auth
from loyalty_api.auth.rules import MAX_RATE
from loyalty_api.db import driver
from loyalty_api.demo.client import NDJSON, Connection, Credential, Refused
from loyalty_api.demo.data import FIRST_DAY, products, store_code
from loyalty_api.program import service as programs
from loyalty_api.program.service import Programs
from loyalty_api.rating.rules_program import check_document

OFFICE, GIVER = "office", "gifts"
"""Clients beside the tills: the back office, and who answers for gifts and their terms."""
_TILL_SCOPES = (
    "members:lookup",
    "quotes:create",
    "purchases:write",
    "returns:write",
    "redemptions:write",
)
_OFFICE_SCOPES = (
    "members:read",
    "members:write",
    "program:read",
    "products:write",
    "purchases:import",
    "stores:write",
    "rewards:write",
    "sandbox:clock",
)
_GIVER_SCOPES = ("program:read", "program:write", "gifts:terms")
# What points can buy where they buy anything.
REWARDS: Mapping[str, Mapping[str, Any]] = {
    "coffee": {
        "kind": "product",
        "name": {"en": "A coffee", "nb": "En kaffe"},
        "price": {"points": 30},
        "limit": {"number": 1, "per": "day"},
    },
    "bag": {
        "kind": "product",
        "name": {"en": "A tote bag", "nb": "Et handlenett"},
        "price": {"points": 60},
        "limit": {"number": 1, "per": "year"},
        "fulfilment": "pickup",
    },
    "money_off": {
        "kind": "money_off",
        "name": {"en": "1.00 off your next basket", "nb": "1,00 i avslag på neste kurv"},
        "price": {"points": 90},
        "value": {"amount": 100},
    },
}
_CHUNK = 5_000


def ensure_program(session: Session, *, document: Mapping[str, Any], now: datetime) -> None:
    """Publish ``document`` as the first version, in force before the first basket, unless there is a version.

    Raises DocumentFaulty.
    """
    connection = driver(session)
    if Programs(lambda found, _: found).published(connection):
        return
    draft = programs.add_draft(
        session,
        draft_id=ids.new(),
        document=document,
        note="The demo's program",
        check=check_document,
        by=auth.COMMAND_LINE,
        now=now,
    )
    programs.publish(
        session,
        draft_id=draft.draft_id,
        effective_from=FIRST_DAY,
        check=check_document,
        by=auth.COMMAND_LINE,
        now=now,
    )


def ensure_clients(
    session: Session, *, held: Mapping[str, Credential], stores: Iterable[int], now: datetime
) -> dict[str, Credential]:
    """The credentials of the back office, of who gives and of a till in each store, beside those ``held`` already.

    Those that the database does not know (any more) are made anew.
    """
    credentials = dict(held)
    for name in (OFFICE, GIVER, *(store_code(store_id=store_id) for store_id in stores)):
        if name not in held or not _is_known(session, held[name]):
            credentials[name] = _create(session, name=name, now=now)
    return credentials


def put_stores(connection: Connection, *, office: Credential, stores: Iterable[int]) -> None:
    """Upload the stores. Raises Refused when one is rejected."""
    documents = (
        {"store": store_code(store_id=store_id), "name": f"Store {store_id}", "time_zone": "UTC"}
        for store_id in stores
    )
    _put(connection, "/v1/stores", documents, office)


def put_products(connection: Connection, *, office: Credential, only: frozenset[int]) -> None:
    """Upload the products in ``only`` that the master knows. Raises Refused when one is rejected."""
    _put(connection, "/v1/products", products(only=only), office)


def put_rewards(connection: Connection, *, office: Credential) -> list[str]:
    """Offer the catalogue, once; the ids of its rewards. Raises Refused when one is not taken."""
    return [_offer(connection, office, name, reward) for name, reward in REWARDS.items()]


def _offer(connection: Connection, office: Credential, name: str, reward: Mapping[str, Any]) -> str:
    answer = connection.call(
        method="POST", path="/v1/rewards", client=office, body=orjson.dumps(reward), key=f"demo-reward-{name}"
    )
    if answer.status != 201:
        raise Refused(f"The reward {name} was refused: {answer.status} {answer.document().get('code')}.")
    return str(answer.document()["reward_id"])


def _is_known(session: Session, held: Credential) -> bool:
    found = auth.authenticate(session, client_id=held.client_id, secret=held.client_secret)
    return found is not None


def _create(session: Session, *, name: str, now: datetime) -> Credential:
    """The back office speaks for everybody at once, so it may do so as fast as any client may."""
    if name == OFFICE:
        made = auth.create_client(
            session, kind="admin", name="Demo: back office", scopes=_OFFICE_SCOPES, rate=MAX_RATE, now=now
        )
    elif name == GIVER:
        made = auth.create_client(
            session, kind="admin", name="Demo: gifts and their terms", scopes=_GIVER_SCOPES, now=now
        )
    else:
        made = auth.create_client(
            session,
            kind="terminal",
            name=f"Demo: till of {name}",
            scopes=_TILL_SCOPES,
            store_id=name,
            now=now,
        )
    client, secret = made
    return Credential(client.public_id, secret)


def _put(connection: Connection, path: str, documents: Iterator[dict[str, Any]], office: Credential) -> None:
    while chunk := list(islice(documents, _CHUNK)):
        body = b"".join(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE) for document in chunk)
        answer = connection.call(method="PUT", path=path, client=office, body=body, content_type=NDJSON)
        if answer.status != 200:
            raise Refused(f"{path}: {answer.status} {answer.document().get('code')}.")
        for line in answer.body.splitlines():
            result = orjson.loads(line)
            if result["status"] == "rejected":
                raise Refused(f"{path}: {line.decode()}")
