"""Products that selections name, and lines of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from loyalty_api.publishing.rules_lint_times import Impossible
from loyalty_api.publishing.rules_lint_types import Ground
from loyalty_api.rulekit.basket import Line, category_path
from loyalty_api.rulekit.selectors import selector

_MOST_PRODUCTS = 500
_FIELDS = ("sku", "category", "department", "brand", "legal_class", "line_type", "tag")
Where = Mapping[str, Sequence[Any]]


def line_of(product: Line, line_id: str, amount: int, *, quantity: int = 1, unit: str = "each") -> Line:
    """A line of a product."""
    return Line(
        line_id, amount, product.sku, quantity, unit, product.type, (), product.category, product.department,
        product.brand, product.legal_class, tags=product.tags,
    )  # fmt: skip


def product_for(ground: Ground, wheres: Sequence[Where], *, effect: str = "earn") -> Line:
    """A product that all selections name and that exclusions do not keep out of ``effect``.

    :raises Impossible: they name none together (not proven), or only such as are excluded.
    """
    selects = [selector(where) for where in wheres if where]
    excluded = ground.program.excluded
    merged = _merged(wheres)
    found = tried = 0
    for values in _combined(merged):
        made = _product(zip(merged, values, strict=True))
        tried += 1
        if all(select(made) for select in selects):
            found += 1
            if excluded is None or effect not in excluded(made):
                return made
    why = "excluded" if effect == "earn" else "not_discounted"
    raise Impossible(why if found else "products", proven=bool(found) and tried < _MOST_PRODUCTS)


def _merged(wheres: Sequence[Where]) -> Where:
    """What all selections name: of each field the values that all have who ask for it, of categories the inner ones.

    :raises Impossible: there is no such value.
    """
    found: dict[str, Sequence[Any]] = {}
    for where in wheres:
        for name, values in where.items():
            if name not in found:
                found[name] = values
            elif name == "category":
                paths = [
                    (category_path(one), category_path(other)) for one in found[name] for other in values
                ]
                found[name] = [max(pair, key=len) for pair in paths if _inside(*pair)]
            else:
                found[name] = [value for value in found[name] if value in set(values)]
            if not found[name]:
                raise Impossible("products", proven=False)
    return found


def _inside(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one of two paths is the other one or lies below it."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _combined(where: Where) -> Iterator[tuple[Any, ...]]:
    """Values of a selection, one of each field."""
    return islice(product(*[where[name] for name in where]), _MOST_PRODUCTS)


def _product(said: Iterable[tuple[str, Any]]) -> Line:
    """A product with these fields; of categories one inside another the inner one."""
    fields: dict[str, Any] = {}
    for name, value in said:
        if name == "category":
            path = category_path(value)
            if len(path) >= len(fields.get(name, ())):
                fields[name] = path
        else:
            fields[name] = value
    return Line(
        "1", 0, fields.get("sku", "lint-product"), 1, "each", fields.get("line_type", "goods"), (),
        fields.get("category", ()), fields.get("department"), fields.get("brand"), fields.get("legal_class"),
        tags=(fields["tag"],) if "tag" in fields else (),
    )  # fmt: skip


def where_of(said: Mapping[str, Any] | None) -> Where:
    """A selection as lists of values, whatever way it was written."""
    named_values = {name: (said or {}).get(name) for name in _FIELDS}
    return {
        name: (value,) if isinstance(value, str) else tuple(value)
        for name, value in named_values.items()
        if value is not None
    }


def any_product(ground: Ground, where: Where) -> Line:
    """A product that a selection names; conditions count such as may not earn, too."""
    try:
        return product_for(ground, [where])
    except Impossible:
        return _product(zip(where, next(_combined(where)), strict=True))
