"""Nothing personal lies in clear anywhere: not in a table, an event, a log line or a stored answer."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from loyalty_api.db import Database
from tests.members.world import World

PLANTED = {
    "given_name": "Zebedee",
    "family_name": "Quillfeather",
    "birth_date": "1971-02-03",
    "email": "zebedee@quillfeather.example",
    "phone": "+4722987654",
    "address": {"street": "Xylophone Lane 9", "postal_code": "0987", "city": "Wombatville", "country": "NO"},
}
CARD = "260977665544332211"
SECRETS = (
    "Zebedee", "Quillfeather", "1971-02-03", "22987654", "Xylophone", "Wombatville", CARD, "Yggdrasil",
    "Peregrine", "tok_planted_77", "idp-subject-77",
)  # fmt: skip


def everything(session: Session) -> str:
    """Every row of every table as text; what is binary as it would read, too."""
    tables = session.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
    rows: list[str] = []
    for table in tables:
        rows += session.execute(text(f"SELECT each::text FROM {table} each")).scalars()
    return "\n".join(rows).lower()


def live_through_everything(world: World) -> None:
    member = world.enrol(
        profile=PLANTED,
        identifiers=[
            {"kind": "card", "value": CARD},
            {"kind": "phone", "value": "+47 22 98 76 54"},
            {"kind": "email", "value": "zebedee@quillfeather.example"},
            {"kind": "payment_card", "value": "tok_planted_77"},
            {"kind": "subject", "value": "https://idp.example|idp-subject-77"},
        ],
        people=[{"name": "Yggdrasil"}],
        terms={"version": "1", "channel": "till"},
    )
    path = f"/members/{member['member_id']}"
    assert world.look_up("card", CARD).status_code == 200
    assert world.staff.post("/members/search", {"name": "quillfeather"}).get_json()["data"]
    assert world.staff.post("/members", {"identifiers": [{"kind": "card", "value": CARD}]}).status_code == 409
    assert (
        world.mobile.post("/members", {"identifiers": [{"kind": "card", "value": CARD}]}).status_code == 201
    )
    own = world.member(member["member_id"])
    edited = own.patch("/me", {"profile": {"given_name": "Peregrine"}}, If_Match='"1"')
    assert edited.status_code == 200, edited.text
    lost = member["identifiers"][0]["identifier_id"]
    assert (
        world.staff.post(f"{path}/identifiers/{lost}/replace", {"issue_card": True, "reason": "lost"})
    ).status_code == 201
    assert world.staff.post(f"{path}/block", {"reason": "misuse"}).status_code == 200
    assert own.delete("/me").status_code == 202


def test_planted_strings_are_in_no_table(world: World, database: Database) -> None:
    live_through_everything(world)
    with database.unit_of_work() as session:
        dump = everything(session)
    assert "member_enrolled" in dump
    for secret in SECRETS:
        assert secret.lower() not in dump
        assert secret.encode().hex() not in dump


def test_planted_strings_are_in_no_log_line(
    world: World, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    with caplog.at_level(logging.DEBUG):
        live_through_everything(world)
    written = "".join(capfd.readouterr()) + caplog.text
    assert not [secret for secret in SECRETS if secret in written]


def test_a_refusal_does_not_repeat_what_it_refuses(world: World) -> None:
    answer = world.till.post("/members", {"identifiers": [{"kind": "phone", "value": "22987654"}]})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/identifiers/0/value"
    assert "22987654" not in answer.text
