"""What is asked for and changes nothing: who somebody is, what a basket would cost, a statement, what is known."""

from __future__ import annotations

import itertools
import statistics

import orjson
import redis

from benchmarks import baskets, ceiling
from benchmarks.figures import Figure, Pace, Side, Street, interleaved, member_paths, ratio, reads_of, told
from benchmarks.load import Load, drive, request
from benchmarks.place import connect
from loyalty_api.demo import data


def quote(street: Street, pace: Pace) -> Figure:
    """A basket of ten lines priced; the ceiling is the one of purchases, which writes."""
    tills = street.shop.tills(connect(street.api))
    measured = Side(street.api, baskets.purchase_requests(tills, street.shop.cards, path="/v1/quotes"), 200)
    against = Side(street.ceiling, ceiling.entry_requests(street.shop.members), 201)
    title = "POST /v1/quotes (10 lines) ÷ 6 fields, 1 INSERT, 1 UPDATE"
    return ratio("quote", title, None, measured, against, pace)


def look_up(street: Street, pace: Pace) -> Figure:
    """Who is in front of the till, by a card; only tills may ask."""
    token = next(iter(street.shop.tills(connect(street.api)).values()))
    cards = street.shop.cards or sorted(
        {data.card_number(household_id=purchase.household_id) for purchase in baskets.with_ten_lines()}
    )
    bodies = [
        orjson.dumps({"identifier": {"kind": "card", "value": card, "entry": "scanned"}}) for card in cards
    ]
    asked = [request(method="POST", path="/v1/members/lookup", token=token, body=body) for body in bodies]
    measured = Side(street.api, itertools.cycle(asked))
    title = "POST /v1/members/lookup by card ÷ GET hello"
    return ratio("look_up", title, None, measured, _hello(street), pace)


def statement(street: Street, pace: Pace) -> Figure:
    """The first page of a statement, twenty entries at most."""
    measured = Side(street.api, reads_of(street, "entries?limit=20"))
    return ratio("statement", "GET statement (20 entries) ÷ GET hello", None, measured, _hello(street), pace)


def unchanged(street: Street, pace: Pace) -> Figure:
    """A balance that the caller has already, answered 304."""
    connection = connect(street.api)
    token = connection.sign_in(client=street.shop.office)
    asked = []
    for path in member_paths(street, "balance"):
        tag = connection.call(method="GET", path=path, client=street.shop.office).headers["etag"]
        asked.append(request(method="GET", path=path, token=token, more={"If-None-Match": tag}))
    measured = Side(street.api, itertools.cycle(asked), 304)
    return ratio("unchanged", "GET balance, 304 ÷ GET hello", None, measured, _hello(street), pace)


def summary_miss(street: Street, pace: Pace) -> Figure:
    """A first screen that Redis does not have yet, so that it is made and put there, against one without Redis."""
    everyone = len(street.shop.members)
    asked = reads_of(street, "summary")
    alone = reads_of(street, "summary")
    with redis.Redis.from_url(street.shop.running.redis_url) as cache:

        def missed() -> Load:
            cache.flushall()
            return drive(
                port=street.api, requests=itertools.islice(asked, everyone), seconds=60, expected=200
            )

        def recomputed() -> Load:
            some = itertools.islice(alone, everyone)
            return drive(port=street.without_redis, requests=some, seconds=60, expected=200)

        pairs = interleaved(missed, recomputed, pace.rounds)
    rounds = [ours.rate / theirs.rate for ours, theirs in pairs]
    more = {"measured": told([ours for ours, _ in pairs]), "ceiling": told([theirs for _, theirs in pairs])}
    title = "member summary, missed in Redis ÷ recomputed without Redis"
    return Figure("summary_miss", title, statistics.median(rounds), None, rounds=rounds, more=more)


def _hello(street: Street) -> Side:
    return Side(street.ceiling, itertools.repeat(ceiling.HELLO))
