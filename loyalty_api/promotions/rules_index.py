"""Which promotions a basket may meet: looked up by store and product, so that all others cost nothing.

Every promotion lies under one thing that must be in a basket for it to apply: a product, a category, a department, a
brand, or nothing. What is found may still not apply; what is not found cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from loyalty_api.rulekit.basket import Line, category_path
from loyalty_api.values import dataclass

Place = tuple[str, Any]
_FIELDS = ("sku", "category", "department", "brand")


@dataclass(frozen=True, slots=True)
class Entry:
    """What must be there for a promotion: one of these ``stores`` (None: any), and one of these goods (none: any)."""

    stores: tuple[str, ...] | None
    goods: tuple[Place, ...]


@dataclass(slots=True)
class _Goods:
    always: list[int] = field(default_factory=list)
    by_goods: dict[Place, list[int]] = field(default_factory=dict)
    depths: set[int] = field(default_factory=set)

    def add(self, goods: tuple[Place, ...], number: int) -> None:
        if not goods:
            self.always.append(number)
        for place in goods:
            self.by_goods.setdefault(place, []).append(number)
            if place[0] == "category":
                self.depths.add(len(place[1]))

    def of(self, lines: Iterable[Line]) -> set[int]:
        found, by_goods = set(self.always), self.by_goods
        if by_goods:
            for line in lines:
                for place in self._places(line):
                    if place in by_goods:
                        found.update(by_goods[place])
        return found

    def _places(self, line: Line) -> list[Place]:
        paths: list[Place] = [("category", line.category[:depth]) for depth in self.depths]
        return [("sku", line.sku), ("department", line.department), ("brand", line.brand), *paths]


class Index:
    """Promotions by their number in the order in which they act."""

    __slots__ = ("_anywhere", "_by_store")

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._anywhere = _Goods()
        self._by_store: dict[str, _Goods] = {}
        for number, entry in enumerate(entries):
            if entry.stores is None:
                self._anywhere.add(entry.goods, number)
            for store in entry.stores or ():
                self._by_store.setdefault(store, _Goods()).add(entry.goods, number)

    def of(self, store: str, lines: Sequence[Line]) -> list[int]:
        """The numbers of the promotions that a basket of these lines may meet in a store, in order."""
        found = self._anywhere.of(lines)
        here = self._by_store.get(store)
        return sorted(found | here.of(lines)) if here is not None else sorted(found)


def goods_of(where: Mapping[str, Any] | None) -> tuple[Place, ...]:
    """Under what goods a promotion about these lies: its first field that is indexed."""
    for name in _FIELDS:
        values = (where or {}).get(name)
        if values:
            paths = [category_path(value) if name == "category" else value for value in values]
            return tuple([(name, path) for path in dict.fromkeys(paths)])
    return ()
