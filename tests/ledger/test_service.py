"""Whatever happens over HTTP, in whatever order: the books balance and every answer agrees with them."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.purchases.racing import breaches, settled
from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, line, receipt

BEGIN = datetime(2031, 1, 15, 9, tzinfo=UTC)


class Town:
    """A few members and strangers, and what may happen to them; time passes."""

    def __init__(self, shop: Shop, today: Calendar, seed: int) -> None:
        self.shop, self.today, self.dice = shop, today, random.Random(seed)
        self.cards = {f"TOWN{n}": shop.enrol(f"TOWN{n}") for n in range(3)}
        self.strangers = [f"STRANGER{n}" for n in range(3)]
        self.sent: list[dict[str, Any]] = []
        self.codes: list[str] = []

    def live(self, steps: int) -> None:
        for _ in range(steps):
            self.today.pass_by(hours=self.dice.randint(0, 90))
            self.dice.choice(
                [self.buy, self.buy, self.buy_late, self.buy_anonymously, self.repeat, self.queue, self.enrol,
                 self.claim, self.look]
            )()  # fmt: skip
            settled(self.shop)

    def body(self, card: str | None, at: datetime) -> dict[str, Any]:
        lines = [
            line(
                self.dice.randint(-200, 3000),
                sku=self.dice.choice(["apple", "bread", "cigar"]),
                line_id=str(n),
            )
            for n in range(self.dice.randint(1, 4))
        ]
        self.sent.append(receipt(*lines, card=card, at=at))
        return self.sent[-1]

    def send(self, body: dict[str, Any]) -> Reply:
        sold = self.shop.till.post("/v1/purchases", body, key=None)
        assert sold.status == 201, sold.body
        if sold["claim_code"]:
            self.codes.append(sold["claim_code"])
        return sold

    def anyone(self) -> str:
        return self.dice.choice([*self.cards, *self.strangers])

    def buy(self) -> None:
        self.send(self.body(self.anyone(), self.today.now))

    def buy_late(self) -> None:
        self.send(self.body(self.anyone(), self.today.now - timedelta(days=self.dice.randint(0, 80))))

    def buy_anonymously(self) -> None:
        self.send(self.body(None, self.today.now))

    def repeat(self) -> None:
        if self.sent:
            again = self.send(self.dice.choice(self.sent))
            assert again.headers["Idempotent-Replayed"] == "true"

    def queue(self) -> None:
        bodies = [self.body(self.anyone(), self.today.now - timedelta(hours=n)) for n in range(4)]
        known = self.dice.sample(self.sent, min(2, len(self.sent)))
        items = [{"type": "purchase", "body": body} for body in bodies + known]
        sent = self.shop.till.upload("POST", "/v1/batch", items)
        assert {result["status"] for result in sent.lines} <= {"created", "duplicate"}

    def enrol(self) -> None:
        if self.strangers:
            card = self.strangers.pop()
            self.cards[card] = self.shop.enrol(card)

    def claim(self) -> None:
        if self.codes:
            app = self.shop.member(self.dice.choice(list(self.cards.values())))
            state = app.post("/v1/me/claims", {"claim_code": self.dice.choice(self.codes)})["state"]
            assert state in ("credited", "already_claimed", "refused")

    def look(self) -> None:
        member = self.dice.choice(list(self.cards.values()))
        assert self.shop.office.get(f"/v1/members/{member}/entries").status == 200


@pytest.mark.parametrize("seed", range(4))
def test_after_anything_the_books_balance_and_every_answer_agrees_with_them(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    shop, today = fresh_shop, Calendar(monkeypatch, BEGIN)
    terms = with_lots(available={"after_days": 14}, expire={"days": 40}, purchases={"late_days": 60})
    terms["earn"]["rules"][1]["lots"] = {"available": "at_once", "expire": {"inactivity": 2}}
    shop.publish(terms, effective_from=BEGIN - timedelta(days=400))
    town = Town(shop, today, seed)
    town.live(45)
    assert breaches(shop) == []
    for member in town.cards.values():
        shown, told = shop.balance(member), shop.office.get(f"/v1/members/{member}/summary")
        assert told["balance"].items() <= {**shown, "worth": None}.items()
        entries = everything(shop, member)
        folded: Counter[str] = Counter()
        for entry in entries:
            folded[entry["from"]] -= entry["points"]
            folded[entry["to"]] += entry["points"]
        assert {name: shown[name] for name in ("available", "pending", "held")} == {
            name: folded[name] for name in ("available", "pending", "held")
        }
        lifetime = {"earned": -folded["issued"], "spent": 0, "expired": folded["expired"], "adjusted": 0}
        assert shown["lifetime"] == lifetime
        bought = shop.office.get(f"/v1/members/{member}/purchases?limit=200")["data"]
        assert sum(purchase["points"]["earned"] for purchase in bought) == lifetime["earned"]
        if entries:
            after = entries[0]["balance_after"]
            assert (after["available"], after["pending"]) == (
                shop.balance(member)["available"],
                shown["pending"],
            )
    assert breaches(shop) == []


def everything(shop: Shop, member: str) -> list[dict[str, Any]]:
    """A member's whole statement, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = shop.office.get(f"/v1/members/{member}/entries?limit=7{cursor}")
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_a_page_of_the_statement_goes_on_where_the_last_one_ended(shop: Shop) -> None:
    member = shop.enrol("PAGES")
    for _ in range(10):
        sold = receipt(line(100, sku="apple"), card="PAGES")
        assert shop.till.post("/v1/purchases", sold, key=None).status == 201
    found = everything(shop, member)
    whole = shop.office.get(f"/v1/members/{member}/entries?limit=200")["data"]
    assert found == whole
    assert len({entry["entry_id"] for entry in found}) == 20
    assert [entry["balance_after"]["version"] for entry in found] == sorted(
        (entry["balance_after"]["version"] for entry in found), reverse=True
    )


def test_an_entry_explains_itself_to_its_owner_and_to_nobody_else(shop: Shop) -> None:
    member, other = shop.enrol("MINE"), shop.enrol("THEIRS")
    shop.till.post("/v1/purchases", receipt(line(1250), card="MINE"), key=None)
    entry = shop.member(member).get("/v1/me/entries")["data"][0]
    assert entry["text"] == "1 point for each whole 1.00 USD of 12.50 USD"
    why = shop.member(member).get(f"/v1/me/entries/{entry['entry_id']}/explanation")
    assert "12" in why["text"]
    assert {step["value"] for step in why["steps"]} >= {"1", "12.50 USD: 12 points"}
    assert shop.member(other).get(f"/v1/me/entries/{entry['entry_id']}/explanation").status == 404


@pytest.mark.parametrize(
    "nobody", ["mbr_00000000000000000000000000", "mbr_1", "pur_00000000000000000000000000"]
)
def test_who_is_not_a_member_has_no_balance(shop: Shop, nobody: str) -> None:
    for what in ("balance", "entries", "summary", "purchases"):
        assert shop.office.get(f"/v1/members/{nobody}/{what}").status == 404
