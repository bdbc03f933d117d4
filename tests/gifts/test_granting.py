"""The one door through which every gift is granted: limited, once under its key, never to staff."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.gifts import service as gift_service
from loyalty_api.gifts.service import Because, Granted, grant
from loyalty_api.ledger.service import lock_book, write_book
from loyalty_api.rulekit.facts import Facts, Member
from tests.gifts.shop import named, with_gifts
from tests.purchases.racing import at_once, patiently
from tests.support.shop import Shop


@pytest.fixture(scope="module")
def gifts(shop: Shop) -> Shop:
    return with_gifts(shop)


def give(shop: Shop, member: str, rule: str, *, facts: Facts | None = None, **because: Any) -> Granted:
    """Grant a gift as jobs and people do, in a transaction of its own."""
    with shop.database.unit_of_work() as session:
        _, book = lock_book(session, member_id=ids.read("mbr", member))
        granted = grant(
            session, shop.app.extensions["gifts"], book=book, facts=facts or Facts(Member()), rule_id=rule,
            gift_id=ids.new(), because=Because(**{"type": "event", **because}), now=datetime.now(UTC),
        )  # fmt: skip
        write_book(driver(session), book)
    return granted


def version(shop: Shop, member: str) -> int:
    return int(shop.balance(member)["version"])


def test_a_gift_is_granted_once_under_its_key_and_shown(gifts: Shop) -> None:
    _, member = named(gifts)
    before = version(gifts, member)
    first = give(gifts, member, "ten", facts=Facts(Member(segments=("listed",))), type="list", once="spring")
    again = give(gifts, member, "ten", facts=Facts(Member(segments=("listed",))), type="list", once="spring")
    assert (first.fresh, again.fresh) == (True, False)
    assert first.gift.gift_id == again.gift.gift_id
    assert version(gifts, member) == before + 1


def test_what_stands_against_a_gift_is_named(gifts: Shop) -> None:
    _, member = named(gifts)
    assert give(gifts, member, "ten").refused == "other_segment"
    assert give(gifts, member, "sorry", facts=Facts(Member(staff=True))).refused == "staff"
    assert give(gifts, member, "sorry", facts=Facts(Member("blocked"))).refused == "member_blocked"
    assert give(gifts, member, "smoke").refused == "not_a_gift"
    with pytest.raises(gift_service.RuleUnknown):
        give(gifts, member, "nothing")


def test_many_at_once_share_a_budget_that_never_falls_below_zero(gifts: Shop) -> None:
    members = [named(gifts)[1] for _ in range(8)]
    found = at_once(*[lambda member=member: patiently(give, gifts, member, "sorry") for member in members])
    assert sorted(one.refused or "granted" for one in found) == ["gifts_used_up"] * 6 + ["granted"] * 2
