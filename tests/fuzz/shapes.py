"""Documents as the OpenAPI document asks for them, of real things wherever a name says what is meant."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.fuzz.promises import NDJSON, Promises
from tests.fuzz.world import Pools, made_up

# Which pool holds what a parameter of a path means.
IN_PATHS = {
    "member_id": "mbr", "reward_id": "rwd", "purchase_id": "pur", "redemption_id": "red", "person_id": "per",
    "identifier_id": "idn", "return_id": "ret", "order_id": "ord", "draft_id": "prv", "reject_id": "rej",
    "client_id": "cli", "entry_id": "ent", "lot_id": "lot", "change_no": "number", "store": "store", "sku": "sku",
    "batch_id": "cpb", "coupon_id": "cpn", "backtest_id": "bkt", "rule_id": "rule", "day": "day",
    "gift_id": "gft", "list_id": "gls", "promotion_id": "rule", "reservation_id": "rsv", "quote_id": "quo",
}  # fmt: skip
_BY_NAME = {**IN_PATHS, "store_id": "store", "home_store": "store", "cursor": "cursor", "code": "code"}
_RECEIPT = ("store", "terminal", "business_date", "reference")
_DEEPEST = 6


@dataclass(slots=True)
class Shapes:
    """Makes valid-looking bodies and queries by chance, from what the pools hold at that time."""

    promises: Promises
    pools: Pools
    chance: Random
    now: datetime
    _numbers: int = field(default=0)
    lane: str = "0"

    def body(self, operation_id: str) -> Any:
        """A body for the operation: its example with real things in it, or one made from its schema alone."""
        contents = self.promises.operations[operation_id]["requestBody"]["content"]
        content = next(iter(contents.values()))
        if NDJSON in contents:
            return [self._line(operation_id, content) for _ in range(self.chance.choice((1, 1, 2, 5)))]
        schema = self.promises.resolved(content["schema"])
        if operation_id in ("record_purchase", "create_quote") and self.chance.random() < 0.5:
            return self._sale(schema)
        if "example" in content and self.chance.random() < 0.7:
            return self._grown(self._real(deepcopy(content["example"])), schema)
        return self.value(schema, "")

    def value(self, schema: Mapping[str, Any], name: str, depth: int = 0) -> Any:
        """Something that the schema allows, as far as we can tell."""
        schema = self.promises.resolved(schema)
        real = self._named(name)
        if real is not None and self._is_text(schema):
            return real
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self.value(self.chance.choice(schema[key]), name, depth)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        return self._of_kind(
            self.chance.choice(kind) if isinstance(kind, list) else kind, schema, name, depth
        )

    def number(self) -> str:
        """A number that nobody has used."""
        self._numbers += 1
        return f"{self.lane}-{self._numbers:07d}"

    def moment(self) -> str:
        """A time of late."""
        return (self.now - timedelta(seconds=self.chance.randrange(86_400 * 3))).isoformat()

    def _line(self, operation_id: str, content: Mapping[str, Any]) -> Any:
        schema = self.promises.resolved(content["schema"]["contentSchema"])
        if operation_id == "send_batch" and self.chance.random() < 0.7:
            kind = self.chance.choice(("purchase", "return", "void"))
            by_kind = {"purchase": "record_purchase", "return": "record_return", "void": "void_receipt"}
            return {"type": kind, "body": self.body(by_kind[kind])}
        return self.value(schema, "")

    def _sale(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """A receipt whose sums are right, with more or less of what a receipt may hold."""
        lines = [
            {
                "line_id": str(n),
                "sku": self.pools.any("sku", self.chance),
                "amount": self.chance.randrange(5_000),
            }
            for n in range(1, self.chance.choice((2, 3, 6)))
        ]
        total = sum(line["amount"] for line in lines)
        at = self.moment()
        made = {
            "store": "str_1", "terminal": "1", "business_date": at[:10], "reference": self.number(),
            "occurred_at": at, "currency": "USD", "lines": lines, "total": total,
            "payments": [{"kind": "cash", "amount": total}],
            "identifier": {"kind": "card", "value": self.pools.any("card", self.chance)},
        }  # fmt: skip
        known = schema["properties"]
        return self._grown({name: value for name, value in made.items() if name in known}, schema)

    def _grown(self, document: Any, schema: Mapping[str, Any]) -> Any:
        """The document with a few more of the fields that it may have."""
        if isinstance(document, dict):
            for name, inner in schema.get("properties", {}).items():
                if name not in document and self.chance.random() < 0.15:
                    document[name] = self.value(inner, name, 1)
        return document

    def _real(self, node: Any, name: str = "") -> Any:
        """An example with real things in the places of its own."""
        if isinstance(node, dict):
            found = {key: self._real(value, key) for key, value in node.items()}
            if found.get("kind") == "card" and "value" in found:
                found["value"] = self.pools.any("card", self.chance)
            if set(_RECEIPT) <= found.keys() and name == "original":
                found.update(self._known_receipt())
            return found
        if isinstance(node, list):
            return [self._real(item, name) for item in node]
        real = self._named(name)
        return node if real is None else real

    def _known_receipt(self) -> dict[str, Any]:
        known = self.pools.any("receipt", self.chance)
        return {key: known[key] for key in _RECEIPT}

    def _named(self, name: str) -> Any:
        """A real thing that a field of this name means; None for names that mean nothing to us."""
        if name in _BY_NAME:
            pool = _BY_NAME[name]
            known = self.chance.random() < 0.9 or pool in ("store", "sku")
            return self.pools.any(pool, self.chance) if known else made_up(pool[:3], self.chance)
        if name == "reference":
            return self.number()
        if name in ("occurred_at", "accepted_at", "since", "until", "enrolled_from", "enrolled_to"):
            return self.moment()
        if name in ("business_date", "date"):
            return self.moment()[:10]
        if name == "effective_from":
            return (self.now + timedelta(days=self.chance.randrange(1, 400))).isoformat()
        # Coupons of a whole campaign would keep the worker busy for longer than all that is asked for.
        count = self.chance.choice((1, 7, 300))
        return {"currency": "USD", "email": f"{self.number()}@example.no", "count": count}.get(name)

    @staticmethod
    def _is_text(schema: Mapping[str, Any]) -> bool:
        kind = schema.get("type", "string")
        return ("string" in kind) and "enum" not in schema

    def _of_kind(self, kind: str, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            longest = 0 if depth > _DEEPEST else min(schema.get("maxItems", 3), 3)
            shortest = min(schema.get("minItems", 0), 3)
            number = self.chance.randint(min(shortest, longest), longest)
            return [self.value(schema["items"], name, depth + 1) for _ in range(number)]
        return self._scalar(kind, schema)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        needed = set(schema.get("required", ()))
        often = 0.5 if depth < 2 else 0.15
        found = {
            name: self.value(inner, name, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if name in needed or (depth < _DEEPEST and self.chance.random() < often)
        }
        inner = schema.get("additionalProperties")
        if isinstance(inner, dict) and "properties" not in schema:
            found |= {
                word: self.value(inner, word, depth + 1) for word in self.chance.sample(("en", "nb", "x"), 2)
            }
        return found

    def _scalar(self, kind: str, schema: Mapping[str, Any]) -> Any:
        if kind == "integer":
            least = schema.get("minimum", -3)
            most = min(schema.get("maximum", 10_000), max(least, 0) + 10_000)
            return self.chance.choice((least, most, self.chance.randint(least, max(least, most))))
        if kind == "string":
            return self._text(schema)
        return {"boolean": self.chance.random() < 0.5, "number": 1.5}.get(kind)

    def _text(self, schema: Mapping[str, Any]) -> str:
        by_format = {
            "date-time": self.moment(),
            "date": self.moment()[:10],
            "uri": "https://example.no/a.png",
        }
        if schema.get("format") in by_format:
            return by_format[schema["format"]]
        if "pattern" in schema:
            return self.chance.choice(("12.5", "15", "abc", "12345678", "NO", "str_1", "a-b_c"))
        longest = schema.get("maxLength", 12)
        return self.chance.choice(("Åse", "x", "Brød & smør", "7", "y" * longest, self.number()))[:longest]
