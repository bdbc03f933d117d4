"""Days of draws and draws, as everybody sees them and as a member sees its own."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from loyalty_api.draws.rules import SPACE
from loyalty_api.fields import Choice, Day, Flag, Moment, Schema, Text, Whole

_HEX = r"[0-9a-f]{64}"


class DrawOddsSchema(Schema):
    """How many of 4503599627370496 tickets win in each row."""

    gift = Text(required=True)
    rows = ma.fields.List(Whole(least=0, most=SPACE), required=True)


class DrawCountSchema(Schema):
    """How many draws there were by one row of a gift's odds, and how many won."""

    gift = Text(required=True)
    row = Whole(required=True)
    draws = Whole(required=True)
    wins = Whole(required=True)


class DrawDaySchema(Schema):
    """A day of draws: committed before it begins, revealed when nobody can draw any more."""

    day = Day(required=True)
    state = Choice("committed", "open", "over", "revealed", required=True)
    previous = Text(
        required=True, pattern=_HEX, metadata={"description": "The commitment of the day before."}
    )
    commitment = Text(required=True, pattern=_HEX, metadata={"description": "SHA-256 of `record`."})
    committed_at = Moment(required=True)
    begins_at = Moment(required=True)
    ends_at = Moment(required=True)
    reveals_at = Moment(required=True, metadata={"description": "No draw is made from then on."})
    revealed_at = Moment(required=True, allow_none=True)
    draws = Whole(required=True, allow_none=True, metadata={"description": "Once the day is over."})
    wins = Whole(required=True, allow_none=True)
    record = Text(
        required=True,
        allow_none=True,
        longest=10_000_000,
        metadata={"description": "What was committed, to the letter."},
    )
    seed = Text(required=True, allow_none=True, pattern=_HEX)
    odds = ma.fields.List(ma.fields.Nested(DrawOddsSchema()), required=True)
    counts = ma.fields.List(ma.fields.Nested(DrawCountSchema()), required=True)
    previous_digest = Text(required=True, allow_none=True, pattern=_HEX)
    digest = Text(
        required=True,
        allow_none=True,
        pattern=_HEX,
        metadata={"description": "SHA-256 of the list of draws."},
    )


class PublishedDrawSchema(Schema):
    """A draw without a name: its mark can be recognised by its member only."""

    gift = Text(required=True)
    mark = Text(required=True, pattern=_HEX)
    row = Whole(required=True)
    ticket = Whole(required=True, least=0, most=SPACE - 1)
    won = Flag(required=True)


class OwnDrawSchema(Schema):
    """A draw of the member's own; by which row and ticket, once its day is revealed."""

    day = Day(required=True)
    gift = Text(required=True)
    mark = Text(required=True, pattern=_HEX)
    won = Flag(required=True)
    purchase_id = Text(required=True)
    reveals_at = Moment(required=True)
    revealed_at = Moment(required=True, allow_none=True)
    row = Whole(required=True, allow_none=True)
    ticket = Whole(required=True, allow_none=True)
    below = Whole(
        required=True,
        allow_none=True,
        metadata={"description": "The ticket wins when it is below this number."},
    )


class OwnDayDrawsSchema(Schema):
    """A day of draws, the member's draw token, and its draws of that day: all that it takes to repeat them."""

    token = Text(
        required=True,
        pattern=r"[0-9a-f]{32}",
        metadata={"description": "Nobody else knows it. Who does can recognise your draws."},
    )
    day = ma.fields.Nested(DrawDaySchema(), required=True)
    draws = ma.fields.List(ma.fields.Nested(OwnDrawSchema()), required=True)


DAY: dict[str, Any] = {
    "day": "2026-11-18", "state": "revealed",
    "previous": "3b6f1c9e2a7d4e508f13c2ab9d60e7541f8a2c3d4b5e6f708192a3b4c5d6e7f8",
    "commitment": "9ad1e0b7c2f34d5e6f708192a3b4c5d6e7f83b6f1c9e2a7d4e508f13c2ab9d60",
    "committed_at": "2026-11-16T00:10:00Z", "begins_at": "2026-11-17T23:00:00Z", "ends_at": "2026-11-18T23:00:00Z",
    "reveals_at": "2026-11-21T23:00:00Z", "revealed_at": "2026-11-21T23:10:00Z", "draws": 4211, "wins": 83,
    "record": "{\"day\":\"2026-11-18\",\"odds\":{\"lucky_basket\":[90071992547409]},\"previous\":\"3b6f…\",…}",
    "seed": "5e6f708192a3b4c5d6e7f83b6f1c9e2a7d4e508f13c2ab9d609ad1e0b7c2f34d",
    "odds": [{"gift": "lucky_basket", "rows": [90071992547409]}],
    "counts": [{"gift": "lucky_basket", "row": 0, "draws": 4211, "wins": 83}],
    "previous_digest": "c2ab9d60e7541f8a2c3d4b5e6f708192a3b4c5d6e7f83b6f1c9e2a7d4e508f13",
    "digest": "708192a3b4c5d6e7f83b6f1c9e2a7d4e508f13c2ab9d609ad1e0b7c2f34d5e6f",
}  # fmt: skip
PUBLISHED = {
    "gift": "lucky_basket", "mark": "0c6fa1f2d3b4c5967788990011223344556677889900aabbccddeeff00112233", "row": 0,
    "ticket": 52014991520031, "won": True,
}  # fmt: skip
OWN = {
    **{name: PUBLISHED[name] for name in ("gift", "mark", "row", "ticket", "won")}, "day": "2026-11-18",
    "purchase_id": "pur_01m80xfza0e4trdbsjq23m1646", "reveals_at": DAY["reveals_at"],
    "revealed_at": DAY["revealed_at"], "below": 90071992547409,
}  # fmt: skip
