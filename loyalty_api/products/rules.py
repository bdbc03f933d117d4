"""What a product is, and which documents describe one."""

from __future__ import annotations

from typing import Any

from loyalty_api.rulekit.flat import Field, Reader, list_of, matching, one_of, or_null, whole
from loyalty_api.values import dataclass

SKU = r"[!-.0-~]{1,64}"
LEGAL_CLASS = r"[a-z][a-z0-9_]{0,39}"
UNITS = ("each", "g", "ml", "mm")
TYPES = ("goods", "deposit", "deposit_return", "gift_card", "service")
DEEPEST_CATEGORY = 8
MOST_TAGS = 20
DEAREST = 1_000_000_000_000
"""The highest cost or deposit that is believed, in minor units."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Product:
    """What rules ask of a product. ``category`` is a path from the outermost group inwards, ``tags`` are sorted."""

    category: tuple[str, ...]
    department: str | None
    brand: str | None
    legal_class: str | None
    unit: str
    type: str
    tags: tuple[str, ...] = ()


is_sku = matching(SKU)
_name = matching(r"[^\x00]{1,200}")
_word = matching(r"[^\x00]{1,100}")
_tag = matching(r"[^\x00]{1,40}")
_money = whole(0, DEAREST)

_reader = Reader(
    {
        "sku": Field(is_sku, "1 to 64 visible ASCII characters without a slash"),
        "name": Field(_name, "1 to 200 characters"),
        "category": Field(list_of(_word, most=DEEPEST_CATEGORY), "a path of at most 8 groups", default=[]),
        "department": Field(or_null(_word), "1 to 100 characters or null", default=None),
        "brand": Field(or_null(_word), "1 to 100 characters or null", default=None),
        "legal_class": Field(or_null(matching(LEGAL_CLASS)), "a lower-case word or null", default=None),
        "deposit": Field(_money, "an amount in minor units, 0 or more", default=0),
        "unit": Field(one_of(*UNITS), f"one of {', '.join(UNITS)}", default="each"),
        "cost": Field(or_null(_money), "an amount in minor units, 0 or more, or null", default=None),
        "type": Field(one_of(*TYPES), f"one of {', '.join(TYPES)}", default="goods"),
        "tags": Field(
            list_of(_tag, most=MOST_TAGS), f"at most {MOST_TAGS} tags of 1 to 40 characters", default=[]
        ),
    }
)


def read(document: Any) -> tuple[Any, ...]:
    """The columns of the product that ``document`` describes: sku, name, category (a list), and so on.

    Tags come last, as a sorted set, so that the same ones are the same however they are sent.

    :raises Invalid: with every fault of the document.
    """
    row = _reader.read(document)
    tags = row[-1]
    return (*row[:-1], sorted(set(tags))) if tags else row
