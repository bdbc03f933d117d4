"""What the answer of a back-test says of gifts."""

from __future__ import annotations

from typing import Any

from loyalty_api.fields import Schema, Text, Whole


class GiftFiguresSchema(Schema):
    """Gifts that purchases bring, by what was decided and by the draft; all of them stand.

    ``draws`` are the chances that were taken, won or not; ``cost`` is in minor units, by what the rules say that a gift
    costs the shop. Points of gifts are in no other figure of a back-test.
    """

    draws_before = Whole(required=True)
    draws_after = Whole(required=True)
    granted_before = Whole(required=True)
    granted_after = Whole(required=True)
    cost_before = Whole(required=True)
    cost_after = Whole(required=True)
    points_before = Whole(required=True)
    points_after = Whole(required=True)
    pieces_before = Whole(required=True)
    pieces_after = Whole(required=True)


class ByGiftSchema(GiftFiguresSchema):
    """One gift rule."""

    gift = Text(required=True)


NONE = {
    f"{name}_{side}": 0
    for name in ("draws", "granted", "cost", "points", "pieces")
    for side in ("before", "after")
}
FIGURES: dict[str, Any] = {
    **NONE, "draws_before": 400, "draws_after": 400, "granted_before": 9, "granted_after": 21, "cost_before": 31500,
    "cost_after": 73500, "pieces_before": 9, "pieces_after": 21,
}  # fmt: skip
UNTOLD: dict[str, Any] = {"gifts": NONE, "by_gift": []}
"""What stands for gifts in results of before they were told."""
