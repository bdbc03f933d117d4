"""Gifts of a decision and the draws it was made with, in the form in which a purchase keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_api.rulekit.decision import GiftGiven
from loyalty_api.rulekit.facts import Chance


def chances_to_json(chances: Mapping[str, Chance]) -> dict[str, list[int]]:
    """``{rule: [ticket, below, row]}``."""
    return {rule: [chance.ticket, chance.below, chance.row] for rule, chance in chances.items()}


def chances_from_json(document: Mapping[str, Sequence[int]]) -> dict[str, Chance]:
    """What ``chances_to_json`` wrote."""
    return {rule: Chance(*numbers) for rule, numbers in document.items()}


def gifts_to_json(gifts: Sequence[GiftGiven]) -> list[dict[str, Any]]:
    """``[{rule, kind, trigger, numbers?, lines?}]``."""
    return [
        {
            "rule": gift.rule,
            "kind": gift.kind,
            "trigger": gift.trigger,
            **({"numbers": dict(gift.numbers)} if gift.numbers else {}),
            **({"lines": list(gift.lines)} if gift.lines else {}),
        }
        for gift in gifts
    ]


def gift_given(document: Mapping[str, Any]) -> GiftGiven:
    """One gift as ``gifts_to_json`` wrote it."""
    get = document.get
    return GiftGiven(
        document["rule"], document["kind"], document["trigger"], get("numbers", {}), tuple(get("lines", ()))
    )
