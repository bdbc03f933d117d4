"""The checker passes what is right, and notices each thing that must never be, with the ids of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from loyalty_api import jobs
from loyalty_api.corrections.running import run
from loyalty_api.engines import Engines
from loyalty_api.operations.verify import Verdict, judge
from tests.cli.conftest import Installation
from tests.coupons.printing import printed
from tests.coupons.test_issuing import give
from tests.draws.days import NOW, buy, enrol, keep, lucky, open_draws
from tests.returns.selling import bring, goods, paper
from tests.support.documents import with_lots
from tests.support.shop import Shop, line, receipt

# A thing that must never be, by the invariant that says so. Done as the superuser, who may do everything.
BREACHES = {
    "I2 every journal has postings and balances": "DELETE FROM postings",
    "I3 a balance is the fold of its postings": "UPDATE balances SET earned = earned + 1",
    "I3 a balance is what remains in its lots": "UPDATE lots SET available = available - 1 WHERE available > 0",
    "I3 what remains in a lot is the fold of its postings": "UPDATE lots SET lot_id = gen_random_uuid()",
    "I3 the balances after each journal are the running fold": "UPDATE journals SET available_after = 7",
    "I3 a member's version is not behind its journals, and only persons hold points": "UPDATE members SET version = 0",
    "I4 what has expired is gone": "UPDATE postings SET to_account = 'expired' WHERE to_account = 'available'",
    "I4 a balance knows when time next changes it": "UPDATE balances SET next_due_at = now()",
    "I6 every receipt has its one purchase": "UPDATE receipts SET terminal = '99'",
    "I6 every purchase has its receipt and lies where its locator says": "DELETE FROM receipts",
    "I6 a locator leads to something": "UPDATE locators SET id = gen_random_uuid()",
    "I6 a purchase earned what the ledger says": "UPDATE purchases SET points_bonus = points_bonus + 1",
    "I6 a purchase is the sum of its lines": "UPDATE purchase_lines SET paid = paid + 1",
    "I6 every key that was used has its answer": "UPDATE idempotency_keys SET status = NULL",
    "I6 every return's receipt has its one return, and its locator leads there": "DELETE FROM return_receipts",
    "I6 no more comes back than was bought": "UPDATE return_lines SET value = value + 1000000",
    "I6 no purchase gives back more money than was paid for it": "UPDATE return_lines SET value = value + 1000000",
    "I6 the discounts of a purchase's decision are those that the till took off its lines": (
        "UPDATE purchases SET decision = jsonb_set(decision, '{discounts}',"
        """ '[{"rule": "tea", "granted": 5, "shares": [["1", 5]]}]')"""
    ),
    "I6 the shares of a discount sum to it": (
        "UPDATE purchases SET decision = jsonb_set(decision, '{discounts}',"
        """ '[{"rule": "tea", "granted": 5, "shares": []}]')"""
    ),
    "I6 a reservation that stands holds of budgets what it says, and one that has ended nothing": (
        "UPDATE limit_holds SET amount = amount + 1"
    ),
    "I6 a reservation that stands counts for its own member, and one that has ended for none": (
        "UPDATE reservations SET status = 'released', ended_at = now()"
    ),
    "I6 a reservation that stands holds the coupons that it names, and one that has ended none": (
        "DELETE FROM coupon_holds"
    ),
    "I5 a use of a coupon that is held is there to be used, and nobody else has used it": (
        "UPDATE coupon_holds SET expires_at = now() + interval '1 hour'; UPDATE coupon_codes SET uses = most_uses"
    ),
    "I5 points that a reservation holds are its member's and end with it, and one that was let go holds none": (
        "UPDATE reservations SET expires_at = expires_at - interval '1 second'"
    ),
    "I6 no more points are taken back than a purchase earned": (
        "UPDATE purchases SET outcome = jsonb_set(outcome, '{returned,points}', '999') WHERE outcome ? 'returned'"
    ),
    "I6 a return did what the ledger says": "UPDATE returns SET points_taken_back = points_taken_back + 1",
    "I6 a return that waits has no purchase": "DELETE FROM awaited_returns",
    "I3 what counts on a day is the fold of its purchases and of what came back of them": (
        "UPDATE tier_progress SET spend = spend + 1"
    ),
    "I3 the level that is held is the latest of its history": "UPDATE member_tiers SET shown = 'other'",
    "I3 each change of a level begins where the one before ended": "UPDATE tier_changes SET change_no = change_no + 99",
    "I6 no more points of a purchase count than it earned": (
        "UPDATE purchases SET outcome = jsonb_set(outcome, '{counted,points}', '999') WHERE outcome ? 'counted'"
    ),
    "I9 each change of a level was told, once": "DELETE FROM events WHERE kind = 'tier_changed'",
    "I9 no two events have one position": "UPDATE events SET position = 1",
    "I9 a member's events keep their order": "UPDATE events SET position = -event_id",
    "I9 no activation or expiry is told that was not booked, or twice": (
        "UPDATE events SET kind = 'points_expired' WHERE kind = 'purchase_recorded'"
    ),
    "I9 what is noted as announced was told, once": (
        "INSERT INTO announced_expiries SELECT member_id, now(), now() FROM members"
    ),
    "I1 members hold what the program gave out": "UPDATE balances SET available = available + 1",
    "I3 what is held is the sum of the open holds, lot by lot": "UPDATE holds SET points = points + 1",
    "I3 every open hold is a redemption's that is held, with its end and its points": (
        "UPDATE holds SET expires_at = expires_at + interval '1 hour'"
    ),
    "I5 what was used and given back is what the ledger says": (
        "UPDATE redemptions SET captured_points = captured_points - 1 WHERE captured_points > 0"
    ),
    "I5 what a member has spent is what its redemptions used and kept": (
        "UPDATE redemptions SET purchase_id = gen_random_uuid(), captured_points = captured_points - 1"
        " WHERE captured_points > 0"
    ),
    "I5 a redemption's state follows its points": "UPDATE redemptions SET status = 'expired'",
    "I5 what was taken from a reward's stock is what its redemptions have, and what gifts keep": (
        "UPDATE rewards SET stock_taken = 9"
    ),
    "I5 only a gift of a reward that waits keeps a piece of its stock": (
        "UPDATE gifts SET takes_stock = true WHERE redemption_id IS NOT NULL"
    ),
    "I6 a gift of a reward that its member has is one redemption of that reward, without points": (
        "DELETE FROM redemptions WHERE points = 0"
    ),
    "I5 only what is held or used keeps a piece of the stock": (
        "UPDATE redemptions SET status = 'released' WHERE takes_stock"
    ),
    "I6 a used code stands for points that were used": "UPDATE reward_codes SET state = 'used', used_at = now()",
    "I6 an order belongs to a reward that was used, and a cancelled one was given back": (
        "UPDATE reward_orders SET state = 'cancelled'"
    ),
    "I5 a coupon was used as often as its uses say, and never more often than it may be": (
        "UPDATE coupon_uses SET given_back_at = now(), given_back_by = gen_random_uuid() WHERE given_back_at IS NULL"
    ),
    "I6 a coupon was used with a purchase, where that purchase was made": "UPDATE coupon_uses SET reference = 'x'",
    "I6 a batch has as many coupons as it says have been made, and personal ones are their members'": (
        "UPDATE member_coupons SET member_id = gen_random_uuid()"
    ),
    "I6 a coupon that was given by itself is one of its giver's, and is there": (
        "UPDATE given_coupons SET coupon_id = gen_random_uuid()"
    ),
    "I6 a code that was brought leads to a coupon, and each such coupon has its code": "DELETE FROM brought_codes",
    "I6 a refresh of suggestions has the products and pairs that it says, and none more often than either product": (
        "INSERT INTO suggestion_refreshes VALUES (1, now(), now(), 26, 5, 200, 1, 10, 1, 0)"
    ),
    "I6 every correction is booked as it was asked for": "UPDATE adjustments SET points = points + 1",
    "I6 an event earned what its decision and the ledger say": "UPDATE member_events SET points = points + 1",
    "I6 every event that came under a reference has it alone": "UPDATE event_references SET reference = 'another'",
    "I6 a correction booked what the corrected decision gives beyond the one before": (
        "UPDATE purchase_corrections SET booked = booked + 1"
    ),
    "I6 without returns a correction owes the difference of what the two decisions give": (
        "UPDATE purchase_corrections SET points_after = points_after + 1"
    ),
    "I6 a corrected purchase has the decision of its last correction": (
        "UPDATE purchase_corrections SET version_after = version_after + 1"
    ),
    "I6 a gift of points is booked once its member has it, and not before": (
        'UPDATE gifts SET give = \'{"kind": "points", "points": 9}\' WHERE kind = \'points\''
    ),
    "I6 a gift of a purchase is one that its decision gives": "UPDATE gifts SET rule = 'another'",
    "I6 an occasion that brought a gift has that gift, and a gift of time or of a list has its occasion": (
        "UPDATE gift_occasions SET occasion = 'another'"
    ),
    "I6 a gift by hand says who gave it, and whoever is said to have given has": "DELETE FROM staff_gifts",
    "I6 whoever has an identifier of the staff's is staff": "UPDATE members SET is_staff = false",
    "I9 every gift that was granted was told, once": "DELETE FROM events WHERE kind = 'gift_granted'",
    "I6 a settlement of a period is booked as it says": "UPDATE period_bonuses SET points = points + 1",
    "I6 settlements of a period follow each other, and take back no more than they gave": (
        "UPDATE period_bonuses SET n = n + 1"
    ),
    "I10 each day of draws names the commitment before it, and was committed before it began": (
        "UPDATE draw_days SET previous = repeat('f', 64) WHERE day = (SELECT max(day) FROM draw_days)"
    ),
    "I10 a revealed record is the one that was committed": "UPDATE draw_days SET record = record || ' '",
    "I10 the digest of a revealed day is that of its draws, and names the one before": (
        "UPDATE draw_days SET digest = repeat('f', 64) WHERE digest IS NOT NULL"
    ),
    "I10 a day that is revealed counts its draws and its wins": "UPDATE draw_days SET wins = wins + 1",
    "I10 a draw follows from its day's seed and odds": "UPDATE draws SET won = NOT won",
    "I10 a draw is its member's, who joined before the day was committed, and was made before it was revealed": (
        "UPDATE draws SET mark = sha256(mark)"
    ),
    "I6 a draw was made with a purchase that says so, and each that a purchase says was made": (
        "UPDATE draws SET purchase_id = gen_random_uuid()"
    ),
    "I6 a counter is what the member's purchases claimed": "UPDATE member_counters SET value = value + 1",
    "I6 what is taken of a limit is what purchases claimed and reservations hold, and not more than there is": (
        "UPDATE rule_limits SET taken = taken - 1"
    ),
    "I4 no lot is below zero or holds more than it was born with": (
        "ALTER TABLE lots DROP CONSTRAINT ck_lots_remaining; UPDATE lots SET available = points + 1"
    ),
}
# Every posting takes from one account what it gives to another, so no row there could be breaks this one.
BY_CONSTRUCTION = {"I1 the ledger sums to zero"}


TIERS = {"levels": [{"id": "some", "threshold": 1}, {"id": "more", "threshold": 2000}]}


@pytest.fixture(scope="module")
def busy(shop: Shop) -> Shop:
    """A shop where two members and a stranger have bought, twice each; one claimed later. Some came back."""
    visit = {
        "id": "visit",
        "kind": "bonus",
        "points": 5,
        "budget": 500,
        "caps": [{"per": "day", "points": 8}],
    }
    document = with_lots(tiers=TIERS)
    document["earn"]["rules"].append(visit)
    once = {"points": 20, "budget": 500, "caps": [{"per": "program", "times": 1}]}
    document["earn"]["period_table"] = {"month": {"steps": [{"from": 1, "points": 7}]}}
    document["earn"]["events"] = [{**once, "id": "survey", "event": "survey_answered"}]
    cheaper = {"percent": {"off": "10", "on": "lines"}}
    document["gifts"] = {
        "rules": [
            {"id": "thanks", "trigger": {"purchase": {}}, "give": {"points": 4}, "stock": 99},
            {"id": "hand", "trigger": {"staff": {"per_day": 5}}, "give": {"points": 4}},
            {"id": "listed", "trigger": {"list": {}}, "give": {"points": 4}},
            {"id": "prize", "trigger": {"staff": {"per_day": 5}}, "give": {"reward": prize(shop)}},
        ]
    }
    document["promotions"] = [{"id": "apples", "where": {"sku": ["apple"]}, "benefit": cheaper}]
    shop.publish(document, effective_from=datetime(2019, 1, 1, tzinfo=UTC))
    members = [shop.enrol(card=f"777000{n}") for n in (1, 2)]
    for card in ("7770001", "7770002", None):
        for _ in range(2):
            sold = receipt(line(1000), line(250, sku="apple", line_id="2"), card=card)
            assert shop.till.post("/v1/purchases", sold).status == 201
        assert bring(shop, goods(paper(sold), {"line_id": "1"})).status == 201
    assert bring(shop, goods(paper(receipt()))).body["status"] == "waiting"
    early = shop.till.post("/v1/purchases", receipt(card="7770003"))
    assert early.status == 201
    shop.enrol(card="7770003")
    told = {"event": "survey_answered", "occurred_at": datetime.now(UTC).isoformat(), "reference": "a"}
    assert shop.office.post("/v1/events", {**told, "member_id": members[0]})["points"] == 20
    jobs.settle_periods(shop.database, now=datetime.now(UTC) + timedelta(days=32))
    assert all(shop.balance(member)["available"] > 0 for member in members)
    gift = shop.office.get(f"/v1/members/{members[0]}/gifts")["data"][0]["gift_id"]
    assert shop.till.post(f"/v1/gifts/{gift}/hand-over", {"store": "str_1"}).status == 200
    be_kind(shop, members[1])
    spend(shop, members[0])
    give(shop, members[0])
    brought = {"name": "LEAFLET", "kind": "single", "codes": [{"code": "123"}]}
    assert shop.office.post("/v1/coupon-batches", brought)["made"] == 1
    show_coupons(shop, members[1], "7770002")
    correct(shop)
    draw(shop)
    reserve(shop, members[0], "7770001")
    return shop


def prize(shop: Shop) -> str:
    """A reward that is given, of which there are a few."""
    offer = {"kind": "product", "name": {"en": "Prize"}, "price": {"points": 10}, "stock": 5}
    found: str = shop.office.post("/v1/rewards", offer)["reward_id"]
    return found


def reserve(shop: Shop, member: str, card: str) -> None:
    """A till has a basket of the member's reserved: a coupon, a budget, a limit of the member's, and points."""
    held = {
        "id": "held",
        "when": {"coupon": ["FRESH"]},
        "benefit": {"percent": {"off": "10", "on": "basket"}},
    }
    held |= {"budget": {"times": 5}, "limits": [{"per": "day", "times": 2}]}
    document = with_lots(
        redeem={"rate": {"points": 1, "amount": 10}},
        tiers=TIERS,
        discounts={"reserve_minutes": 15},
        promotions=[held],
    )
    shop.publish(document, effective_from=datetime.now(UTC) - timedelta(minutes=20))
    printed(shop, kind="personal", members=[member])
    code = shop.member(member).get("/v1/me/coupons")["data"][0]["code"]
    sold = receipt(line(1000), card=card, coupons=[code])
    basket = {k: v for k, v in sold.items() if k not in ("business_date", "reference", "total", "payments")}
    quoted = shop.till.post("/v1/quotes", basket, key=None)["quote_id"]
    made = shop.till.post(f"/v1/quotes/{quoted}/reserve", {**basket, "redeem": {"max_points": 10}})
    assert made.status == 201, made.body
    assert [len(made["budgets"]), len(made["coupons"]), made["redemption"]["points"]] == [1, 1, 10]


def draw(shop: Shop) -> None:
    """A member draws yesterday and today, and both days are revealed since."""
    open_draws(shop, lucky(), tiers=TIERS)
    enrol(shop, "7770005")
    for back in (1, 0):
        assert buy(shop, "7770005", at=NOW - timedelta(days=back)).status == 201
    keep(shop, NOW + timedelta(days=6))


def be_kind(shop: Shop, member: str) -> None:
    """Somebody who works here, and is a member too, gives the member something; and the member is on a list."""
    staff = {"identifiers": [{"kind": "staff", "value": "c-1"}]}
    assert shop.office.post("/v1/members", staff)["is_staff"] is True
    given = {"rule": "hand", "reason": "kind", "staff_ref": "c-1"}
    for rule in ("hand", "prize", "prize"):
        made = shop.office.post(f"/v1/members/{member}/gifts", {**given, "rule": rule})
        assert made.status == 201
    claimed = shop.member(member).post(f"/v1/me/gifts/{made['gift_id']}/claim")
    assert claimed["redemption"]["status"] == "held"
    listed = shop.office.post("/v1/gift-lists", {"rule": "listed", "name": "Spring"})["list_id"]
    shop.office.upload("POST", f"/v1/gift-lists/{listed}/members", [{"member_id": member}])
    assert jobs.grant_gifts(shop.database, shop.app.extensions["vault"], now=datetime.now(UTC)).given == 1


def correct(shop: Shop) -> None:
    """A sale of long ago is rated once more under later rules."""
    window = (datetime(2019, 6, 1, tzinfo=UTC), datetime(2019, 7, 1, tzinfo=UTC))
    shop.enrol(card="7770004")
    sold = shop.till.post("/v1/purchases", receipt(card="7770004", at=window[0]))
    *_, done = run(
        shop.database, version=sold["program_version"] + 1, window=window, reason=None, dry_run=False,
        clock=lambda: datetime.now(UTC),
    )  # fmt: skip
    assert (done.corrected, done.taken) == (1, 5)


def spend(shop: Shop, member: str) -> None:
    """The member is given points, uses some, holds some, and has one reward ordered."""
    rate = {"points": 1, "amount": 10}
    shop.publish(
        with_lots(redeem={"rate": rate}, tiers=TIERS), effective_from=datetime(2020, 1, 1, tzinfo=UTC)
    )
    given = shop.office.post(f"/v1/members/{member}/adjustments", {"points": 500, "reason": "goodwill"})
    assert given.status == 201
    offer = {"kind": "product", "name": {"en": "Mug"}, "price": {"points": 10}, "stock": 5}
    mug = shop.office.post("/v1/rewards", offer)["reward_id"]
    sent = shop.office.post("/v1/rewards", {**offer, "fulfilment": "delivery"})["reward_id"]
    till, wish = shop.till, {"member_id": member, "for": "reward", "store": "str_1"}
    held = till.post("/v1/redemptions", {**wish, "reward_id": mug})
    assert held.status == 201
    for more in ({"reward_id": sent}, {"for": "points", "points": 30}):
        made = till.post("/v1/redemptions", {**wish, **more})
        assert till.post(f"/v1/redemptions/{made['redemption_id']}/capture").status == 200


def show_coupons(shop: Shop, member: str, card: str) -> None:
    """The member has two coupons, which count in a purchase each; one of these is undone."""
    bonus = {"id": "fresh", "kind": "bonus", "points": 5, "when": {"coupon": ["FRESH"]}}
    document = with_lots(tiers=TIERS)
    document["earn"]["rules"].append(bonus)
    shop.publish(document, effective_from=datetime(2021, 1, 1, tzinfo=UTC))
    for _ in range(2):
        printed(shop, kind="personal", members=[member])
    for shown in shop.member(member).get("/v1/me/coupons")["data"]:
        sold = receipt(card=card, coupons=[shown["code"]])
        assert shop.till.post("/v1/purchases", sold, key=None)["coupons"][0]["status"] == "used"
    assert shop.till.post("/v1/voids", {"original": paper(sold), "reason": "mistake"}).status == 201


@pytest.fixture
def connection(running: Engines, busy: Shop) -> Iterator[psycopg.Connection]:
    """A connection that may do everything, and whose doings are undone."""
    row = busy.database.fetch_one("SELECT current_database()", ())
    assert row is not None
    with psycopg.connect(running.database_url.replace("/postgres?", f"/{row[0]}?")) as connection:
        yield connection
        connection.rollback()


def broken(verdicts: Iterator[Verdict]) -> dict[str, Verdict]:
    """The invariants that do not hold, by code and rule."""
    return {f"{v.invariant.code} {v.invariant.rule}": v for v in verdicts if v.broken}


def test_what_the_api_wrote_is_right(connection: psycopg.Connection) -> None:
    verdicts = list(judge(connection))
    assert broken(iter(verdicts)) == {}
    empty = {v.invariant.rule for v in verdicts if not v.checked}
    assert empty <= {
        "what has expired is gone",
        "a refresh of suggestions has the products and pairs that it says, and none more often than either product",
        "no two events have one position",
        "no activation or expiry is told that was not booked, or twice",
        "what is noted as announced was told, once",
    }


@pytest.mark.parametrize("rule", BREACHES)
def test_a_breach_is_noticed(connection: psycopg.Connection, rule: str) -> None:
    connection.execute(BREACHES[rule])
    found = broken(judge(connection))
    assert rule in found
    assert 0 < len(found[rule].first) <= 5


def test_every_invariant_has_a_breach_that_shows_it_works(connection: psycopg.Connection) -> None:
    rules = {f"{v.invariant.code} {v.invariant.rule}" for v in judge(connection)}
    assert rules == BREACHES.keys() | BY_CONSTRUCTION


def test_a_points_posting_that_nobody_booked_is_noticed(connection: psycopg.Connection) -> None:
    connection.execute("UPDATE postings SET points = points + 5")
    assert {"I3 a balance is the fold of its postings", "I6 a purchase earned what the ledger says"} <= set(
        broken(judge(connection))
    )


def test_the_command_says_what_holds_and_what_does_not(installation: Installation) -> None:
    said = installation.loyalty("verify")
    assert said.exit_code == 0
    assert all(text.endswith("0 checked, ok") for text in said.output.splitlines())
    journal_id = "0190a000-0000-7000-8000-000000000002"
    installation.execute(
        f"INSERT INTO journals VALUES (gen_random_uuid(), '{journal_id}', 1, 'earn', 'test', NULL, NULL, NULL, NULL,"
        " 'system', NULL, NULL, now(), now(), 0, 0, 0, 0)"
    )
    said = installation.loyalty("verify")
    assert said.exit_code == 1
    assert f"1 checked, 1 BROKEN\n      {journal_id}: no postings" in said.output
