"""A till repeats itself until the answer is definite, and never changes what it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loyalty_api.demo.client import Connection, Credential, NoAnswer, Refused, Tokens

from .shop import Received, Reply, Shop, open_shop

TILL = Credential("cli_1", "secret")


def created(_: Received) -> Reply:
    return Reply(201, {"purchase_id": "pur_1"})


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop(created) as shop:
        yield shop


@pytest.fixture
def connection(shop: Shop) -> Iterator[Connection]:
    connection = Connection(host="127.0.0.1", port=shop.port, tokens=Tokens(), patience=3.0)
    yield connection
    connection.close()


def report(connection: Connection) -> int:
    answer = connection.call(
        method="POST", path="/v1/purchases", client=TILL, body=b'{"reference": "1"}', key="k-1"
    )
    return answer.status


@pytest.mark.parametrize(
    "fault",
    [
        Reply(429, headers={"Retry-After": "0"}),
        Reply(503, headers={"Retry-After": "0"}),
        Reply(500),
        Reply(drop=True),
    ],
    ids=["too many", "unavailable", "broken", "hung up"],
)
def test_the_same_bytes_are_sent_again_until_there_is_an_answer(
    shop: Shop, connection: Connection, fault: Reply
) -> None:
    shop.faults.extend([fault, fault])
    assert report(connection) == 201
    assert len(shop.received) == 3
    assert len({(request.body, request.key, request.authorization) for request in shop.received}) == 1


def test_a_refusal_is_an_answer(shop: Shop, connection: Connection) -> None:
    shop.faults.append(Reply(409, {"code": "receipt_mismatch"}))
    assert report(connection) == 409
    assert len(shop.received) == 1


def test_a_pause_longer_than_our_patience_is_not_waited_for(shop: Shop, connection: Connection) -> None:
    shop.faults.append(Reply(503, headers={"Retry-After": "3600"}))
    with pytest.raises(NoAnswer, match="503"):
        report(connection)


def test_a_token_is_kept_and_asked_for_again_when_it_no_longer_holds(
    shop: Shop, connection: Connection
) -> None:
    report(connection)
    report(connection)
    shop.faults.append(Reply(401))
    assert report(connection) == 201
    assert shop.signed_in == 2
    assert [request.authorization for request in shop.received] == [
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_a_token_is_renewed_before_it_ends() -> None:
    tokens = Tokens()
    tokens.keep(client_id="cli_1", token="short", seconds=0)
    tokens.keep(client_id="cli_2", token="long", seconds=600)
    assert tokens.held(client_id="cli_1") is None
    assert tokens.held(client_id="cli_2") == "long"


def test_a_client_that_is_not_known_is_said_so(shop: Shop, connection: Connection) -> None:
    shop.knows_clients = False
    with pytest.raises(Refused, match="could not sign in"):
        report(connection)
