"""Members on a real database: found, locked, enrolled once whoever is quickest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import Database
from loyalty_api.errors import Invalid, NotFound
from loyalty_api.members import identifying, membership, people, service
from loyalty_api.members.identifiers import Identifier
from loyalty_api.members.queries import Filters
from loyalty_api.members.rules import subject_value
from loyalty_api.members.service import Enrolled, Enrolment, IdentifierInUse, NewIdentifier, NewPerson
from tests.members.fixtures import NOW
from tests.members.world import STORE, TILL, VAULT
from tests.purchases.racing import patiently
from tests.support.engines import until

CARD = NewIdentifier("card", "2609001234567")


def enrol(session: Session, *wanted: NewIdentifier, conceal: bool = False, **more: Any) -> Enrolled:
    return service.enrol(
        session,
        vault=VAULT,
        enrolment=Enrolment(identifiers=wanted, **more),
        actor=TILL,
        now=NOW,
        conceal=conceal,
    )


def card(value: str = "2609001234567", **more: Any) -> NewIdentifier:
    return NewIdentifier("card", value, **more)


def events(session: Session, kind: str) -> list[dict[str, Any]]:
    rows = session.execute(
        text(
            "SELECT member_id, subject, body, reaction_due FROM events WHERE kind = :kind ORDER BY event_id"
        ),
        {"kind": kind},
    )
    return [dict(row) for row in rows.mappings()]


def all_at_once(tries: list[Callable[[], Any]]) -> list[Any]:
    """What each of them returned or raised, all started together."""
    barrier = threading.Barrier(len(tries))

    def run(attempt: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return patiently(attempt)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(tries)) as pool:
        return list(pool.map(run, tries))


def test_a_member_is_found_by_any_identifier_however_it_is_spelled(session: Session) -> None:
    made = enrol(
        session, card(), NewIdentifier("phone", "+4722123456"), NewIdentifier("email", "kari@example.no")
    )
    for kind, value in (
        ("card", "2609-0012-3456-7"),
        ("phone", "+47 22 12 34 56"),
        ("email", "KARI@Example.no"),
    ):
        found = service.find(session, vault=VAULT, kind=kind, value=value)  # type: ignore[arg-type]
        assert found is not None
        assert (found.member_id, found.status) == (made.record.row.member_id, "active")


def test_nobody_is_found_by_what_nobody_has_or_what_cannot_be(session: Session) -> None:
    enrol(session, card())
    assert service.find(session, vault=VAULT, kind="card", value="9999999") is None
    assert service.find(session, vault=VAULT, kind="app_code", value="2609001234567") is None
    assert service.find(session, vault=VAULT, kind="phone", value="not a phone") is None


def test_an_identifier_belongs_to_one_member_while_it_is_active(session: Session) -> None:
    enrol(session, card())
    with pytest.raises(IdentifierInUse) as refused:
        enrol(
            session, NewIdentifier("email", "a@example.no"), card("2609-0012-34567", pointer="/identifiers/1")
        )
    assert [fault.pointer for fault in refused.value.errors] == ["/identifiers/1"]


def test_the_same_identifier_twice_in_one_enrolment_is_refused(session: Session) -> None:
    with pytest.raises(Invalid) as refused:
        enrol(session, card(pointer="/identifiers/0"), card("2609 001234567", pointer="/identifiers/1"))
    assert {fault.pointer for fault in refused.value.errors} == {"/identifiers/0", "/identifiers/1"}


def test_of_sixteen_who_enrol_the_same_card_at_once_one_does(database: Database) -> None:
    def attempt() -> Enrolled:
        with database.unit_of_work() as session:
            return enrol(session, card())

    outcomes = all_at_once([attempt] * 16)
    made = [outcome for outcome in outcomes if isinstance(outcome, Enrolled)]
    assert len(made) == 1
    assert sum(isinstance(outcome, IdentifierInUse) for outcome in outcomes) == 15
    with database.unit_of_work() as session:
        assert service.count_members(session) == 1
        found = service.find(session, vault=VAULT, kind="card", value=CARD.value)
        assert found is not None
        assert found.member_id == made[0].record.row.member_id


def wait_until_someone_waits(session: Session) -> None:
    """Until another transaction in this database waits for a lock."""
    waits = text(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    until(lambda: session.execute(waits).scalar_one() > 0, "somebody waits for a lock")


def test_identifiers_are_taken_in_one_order_so_that_nobody_waits_in_a_circle(database: Database) -> None:
    first, second = sorted(("AAAA", "BBBB"), key=lambda value: VAULT.blind("card", value))

    def enrol_both_the_wrong_way_round() -> None:
        with database.unit_of_work() as session:
            enrol(session, card(second), card(first))

    with ThreadPoolExecutor(1) as pool:
        with database.unit_of_work() as holder:
            enrol(holder, card(first))
            waiting = pool.submit(enrol_both_the_wrong_way_round)
            wait_until_someone_waits(holder)
            with database.unit_of_work() as other:
                enrol(other, card(second))
        assert isinstance(waiting.exception(), IdentifierInUse)


def test_a_taken_identifier_is_concealed_by_doing_the_same_work(session: Session) -> None:
    holder = enrol(session, card())
    taken, free = (
        enrol(session, card(), conceal=True),
        enrol(session, card("7777777"), conceal=True),
    )
    assert [made.identifiers[0].status for made in (taken, free)] == ["contested", "active"]
    found = service.find(session, vault=VAULT, kind="card", value=CARD.value)
    assert found is not None
    assert found.member_id == holder.record.row.member_id
    for table in ("identifiers", "events", "data_keys"):
        rows = [
            session.execute(
                text(f"SELECT count(*) FROM {table} WHERE {column} = :member"),
                {"member": made.record.row.member_id},
            ).scalar_one()
            for made in (taken, free)
            for column in ["owner_id" if table == "data_keys" else "member_id"]
        ]
        assert rows[0] == rows[1] > 0


def test_purchases_kept_for_an_identifier_hear_of_it_by_its_blind_index_alone(session: Session) -> None:
    made = enrol(session, card())
    enrol(session, card(), conceal=True)
    told, contested = events(session, "identifier_added")
    assert told["subject"] == ids.show("idn", made.identifiers[0].identifier_id)
    blind = service.blind_of(VAULT, kind="card", value="2609 0012 3456 7")
    assert blind is not None
    assert told["body"] == contested["body"]
    assert told["body"] == {
        "kind": "card",
        "_blind": blind.hex(),
        "actor": {"kind": "terminal", "client": "cli_till"},
    }
    assert [told["reaction_due"], contested["reaction_due"]] == [True, False]


def replace_card(session: Session, made: Enrolled, value: str) -> Identifier:
    return identifying.replace(
        session,
        vault=VAULT,
        member_id=made.record.row.member_id,
        identifier_id=made.identifiers[0].identifier_id,
        new=lambda kind, person_id: NewIdentifier(kind, value, person_id),
        reason="lost",
        actor=TILL,
        now=NOW,
    )


def test_a_lost_card_finds_nobody_once_it_is_replaced(session: Session) -> None:
    made = enrol(session, card())
    fresh = replace_card(session, made, "7777777")
    assert service.find(session, vault=VAULT, kind="card", value=CARD.value) is None
    found = service.find(session, vault=VAULT, kind="card", value="7777777")
    assert found is not None
    assert (found.member_id, found.identifier_id) == (made.record.row.member_id, fresh.identifier_id)
    with pytest.raises(NotFound):
        replace_card(session, made, "8888888")


def test_a_removed_identifier_may_go_to_another_member(session: Session) -> None:
    made = enrol(session, card())
    identifying.remove(
        session,
        vault=VAULT,
        member_id=made.record.row.member_id,
        identifier_id=made.identifiers[0].identifier_id,
        actor=TILL,
        now=NOW,
    )
    other = enrol(session, card())
    found = service.find(session, vault=VAULT, kind="card", value=CARD.value)
    assert found is not None
    assert found.member_id == other.record.row.member_id


def test_a_contested_identifier_that_is_removed_leaves_the_holder_alone(session: Session) -> None:
    holder, guest = enrol(session, card()), enrol(session, card(), conceal=True)
    identifying.remove(
        session,
        vault=VAULT,
        member_id=guest.record.row.member_id,
        identifier_id=guest.identifiers[0].identifier_id,
        actor=TILL,
        now=NOW,
    )
    found = service.find(session, vault=VAULT, kind="card", value=CARD.value)
    assert found is not None
    assert found.member_id == holder.record.row.member_id


def test_a_person_of_a_shared_account_is_found_with_it_and_leaves_with_their_identifiers(
    session: Session,
) -> None:
    ola = NewPerson("Ola")
    made = enrol(session, card(), card("7777777", person_id=ola.person_id), people=[ola])
    member_id = made.record.row.member_id
    found = service.find(session, vault=VAULT, kind="card", value="7777777")
    assert found is not None
    assert found.person_id == ola.person_id
    people.end(session, vault=VAULT, member_id=member_id, person_id=ola.person_id, actor=TILL, now=NOW)
    assert service.find(session, vault=VAULT, kind="card", value="7777777") is None
    assert service.find(session, vault=VAULT, kind="card", value=CARD.value) is not None
    assert service.person_names(session, vault=VAULT, member_id=member_id) == {ola.person_id: "Ola"}


def test_an_identifier_cannot_be_given_to_somebody_outside_the_account(session: Session) -> None:
    ola = NewPerson("Ola")
    enrol(session, people=[ola])
    other = enrol(session)
    with pytest.raises(NotFound):
        identifying.add(
            session,
            vault=VAULT,
            member_id=other.record.row.member_id,
            new=card(person_id=ola.person_id),
            actor=TILL,
            now=NOW,
        )


def test_a_sign_in_finds_its_member_at_its_own_provider_only(session: Session) -> None:
    value = subject_value(issuer="https://idp.example", subject="auth0|42")
    made = enrol(session, NewIdentifier("subject", value))

    def who(issuer: str) -> Any:
        return service.member_for_subject(session, vault=VAULT, issuer=issuer, subject="auth0|42")

    assert who("https://idp.example") == made.record.row.member_id
    assert who("https://other.example") is None


def test_signing_out_everywhere_raises_the_epoch_of_tokens(session: Session) -> None:
    member_id = enrol(session).record.row.member_id
    before = service.epoch(session, member_id)
    membership.sign_out_everywhere(session, member_id=member_id, actor=TILL, now=NOW)
    after = service.epoch(session, member_id)
    assert before is not None
    assert after == before + 1
    assert service.epoch(session, ids.new()) is None


def test_touching_moves_the_version_and_leaves_what_people_edit_alone(session: Session) -> None:
    before = enrol(session).record.row
    assert service.touch(session, member_id=before.member_id, now=NOW) == before.version + 1
    after = service.lock(session, member_id=before.member_id)
    assert (after.version, after.profile_version) == (before.version + 1, before.profile_version)


def test_every_change_that_is_shown_moves_the_version(session: Session) -> None:
    made = enrol(session, card())
    member_id = made.record.row.member_id
    replace_card(session, made, "7777777")
    person = people.add(session, vault=VAULT, member_id=member_id, new=NewPerson("Ola"), actor=TILL, now=NOW)
    people.rename(
        session,
        vault=VAULT,
        member_id=member_id,
        person_id=person.person_id,
        name="Ole",
        actor=TILL,
        now=NOW,
    )
    membership.change_status(
        session, vault=VAULT, member_id=member_id, step="block", reason="misuse", actor=TILL, now=NOW
    )
    row = service.lock(session, member_id=member_id)
    assert (row.version, row.profile_version) == (5, 5)


def test_a_locked_member_is_waited_for(database: Database) -> None:
    with database.unit_of_work() as session:
        member_id = enrol(session).record.row.member_id

    def attempt() -> int:
        with database.unit_of_work() as session:
            row = service.lock(session, member_id=member_id)
            session.execute(
                text("UPDATE members SET version = :v WHERE member_id = :m"),
                {"v": row.version + 1, "m": member_id},
            )
            return row.version

    assert sorted(all_at_once([attempt] * 8)) == list(range(1, 9))


def test_nobody_can_be_locked_or_touched_who_is_not_there(session: Session) -> None:
    for call in (service.lock, service.lock_person, service.ensure_known):
        with pytest.raises(NotFound):
            call(session, member_id=ids.new())
    with pytest.raises(NotFound):
        service.touch(session, member_id=ids.new(), now=NOW)


def test_a_store_has_one_walk_in_account_whoever_asks_first(database: Database) -> None:
    def ask() -> Any:
        with database.unit_of_work() as session:
            return service.walk_in_account(session, store_id=STORE, now=NOW)

    with ThreadPoolExecutor(1) as pool:
        with database.unit_of_work() as session:
            account = service.walk_in_account(session, store_id=STORE, now=NOW)
            waiting = pool.submit(ask)
            wait_until_someone_waits(session)
        assert waiting.result() == ask() == account


def test_a_walk_in_account_is_nobody(session: Session) -> None:
    account = service.walk_in_account(session, store_id=STORE, now=NOW)
    assert service.lock(session, member_id=account).kind == "walk_in"
    assert service.count_members(session) == 0
    assert service.search(session, vault=VAULT, filters=Filters(), after=None, limit=10) == []
    for call in (service.lock_person, service.ensure_known):
        with pytest.raises(NotFound):
            call(session, member_id=account)
    with pytest.raises(NotFound):
        service.get(session, vault=VAULT, member_id=account)


def test_an_unknown_home_store_is_refused(session: Session) -> None:
    with pytest.raises(Invalid) as refused:
        enrol(session, home_store="str_nowhere")
    assert [fault.pointer for fault in refused.value.errors] == ["/home_store"]


def test_members_are_searched_by_whole_words_of_the_name(session: Session) -> None:
    kari = enrol(session, profile={"given_name": "Kari", "family_name": "Nordmann-Åsen"})
    enrol(session, profile={"given_name": "Ola", "family_name": "Nordmann"})

    def found(name: str) -> list[str]:
        records = service.search(session, vault=VAULT, filters=Filters(), after=None, limit=10, name=name)
        return [record.profile["given_name"] for record in records]

    assert found("nordmann") == ["Kari", "Ola"]
    assert found("ASEN kari") == ["Kari"]
    assert found("nord") == found("…") == []
    member = service.lock_person(session, member_id=kari.record.row.member_id)
    membership.edit(
        session,
        vault=VAULT,
        member=member,
        changes={"profile": {"family_name": "Hansen"}},
        actor=TILL,
        now=NOW,
    )
    assert found("kari nordmann") == []
    assert found("kari hansen") == ["Kari"]


def test_an_edit_that_changes_nothing_moves_nothing(session: Session) -> None:
    made = enrol(session, profile={"given_name": "Kari"}, language="nb")
    member = service.lock_person(session, member_id=made.record.row.member_id)
    after = membership.edit(
        session,
        vault=VAULT,
        member=member,
        changes={"profile": {"given_name": "Kari"}, "language": "nb"},
        actor=TILL,
        now=NOW,
    )
    assert after.row.profile_version == member.profile_version
    assert events(session, "profile_changed") == []


def test_what_was_sealed_for_a_member_goes_with_the_members_key(session: Session) -> None:
    made = enrol(session, card(), people=[NewPerson("Ola")], profile={"given_name": "Kari"})
    member_id = made.record.row.member_id
    VAULT.destroy(session, member_id)
    assert service.get(session, vault=VAULT, member_id=member_id).profile == {}
    assert service.person_names(session, vault=VAULT, member_id=member_id) == {}


def test_a_time_of_enrolment_narrows_a_list(session: Session) -> None:
    enrol(session)

    def count(**bounds: Any) -> int:
        return len(service.search(session, vault=VAULT, filters=Filters(**bounds), after=None, limit=10))

    later = NOW + timedelta(seconds=1)
    assert count(enrolled_from=NOW, enrolled_to=later) == 1
    assert count(enrolled_from=later) == count(enrolled_to=NOW) == 0
