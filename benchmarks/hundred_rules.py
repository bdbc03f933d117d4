"""A program of a hundred rules, as a chain that has run for years has them: by goods, place, time and member."""

from __future__ import annotations

from typing import Any

_DEPARTMENTS = (
    "GROCERY",
    "PRODUCE",
    "MEAT",
    "DRUG GM",
    "DELI",
    "PASTRY",
    "SEAFOOD",
    "NUTRITION",
    "FLORAL",
    "FUEL",
)
_CATEGORIES = ("SOFT DRINKS", "FLUID MILK PRODUCTS", "BAKED BREAD/BUNS/ROLLS", "CHEESE", "BEEF", "BAG SNACKS",
               "FRZN MEAT/MEAT DINNERS", "LUNCHMEAT", "TROPICAL FRUIT", "YOGURT")  # fmt: skip
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def program(document: dict[str, Any]) -> dict[str, Any]:
    """A program with its rules and those of a hundred that it lacks, ten of each kind."""
    own = list(document["earn"]["rules"])
    rules = own + [rule for n in range(10) for rule in _ten(n)]
    return {**document, "earn": {**document["earn"], "rules": rules[:100]}}


def _ten(n: int) -> list[dict[str, Any]]:
    """One rule of each kind: what it selects, or when it holds."""
    day, hour = _DAYS[n % 7], f"{8 + n:02}:00"
    return [
        _bonus(f"department_{n}", where={"department": [_DEPARTMENTS[n]]}),
        _bonus(f"category_{n}", where={"category": [[_CATEGORIES[n]]]}),
        _bonus(f"sku_{n}", where={"sku": [str(1_000_000 + 7 * n + k) for k in range(20)]}),
        _bonus(f"brand_{n}", where={"brand": ["Private" if n % 2 else "National"]}, when={"days": [day]}),
        _bonus(f"store_{n}", when={"store": [f"str_{300 + n}", f"str_{400 + n}"]}),
        _bonus(f"hour_{n}", when={"days": [day], "hours": [{"from": hour, "until": f"{10 + n:02}:00"}]}),
        _bonus(f"season_{n}", when={"from": f"2017-{n + 1:02}-01", "until": f"2017-{n + 1:02}-14"}),
        _bonus(f"tier_{n}", when={"member": {"tier": ["gold" if n % 2 else "silver"]}}),
        _bonus(f"basket_{n}", when={"lines": {"amount": {"at_least": 1_000 * (n + 1)}}}, cap_per_purchase=50),
        _bonus(f"weekly_{n}", where={"department": [_DEPARTMENTS[-1 - n]]}, caps=[{"per": "week", "points": 40}]),
    ]  # fmt: skip


def _bonus(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "bonus", "points_per": {"points": 1, "amount": 200}, **more}
