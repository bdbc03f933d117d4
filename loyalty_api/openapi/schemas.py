"""marshmallow schemas as components of the document.

What is sent to us and what we answer differ even when one schema serves both: unknown fields of a request are
refused, while an answer may gain fields at any time. So a schema that is used both ways becomes two
components, and the one for requests has ``Input`` behind its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, cast

import marshmallow as ma
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import fields, validate

from loyalty_api.http import Operation
from loyalty_api.trouble import ProblemSchema

_REQUEST_SUFFIX = "Input"


class NameTaken(ValueError):
    """Two different schemas would become one component."""


class _Names:
    """What each schema's component is called: as its class, with its feature's name before it if need be."""

    def __init__(self, schemas: Iterable[ma.Schema]) -> None:
        kinds = {type(schema) for schema in schemas if _is_declared(type(schema))}
        plain = Counter(map(_plain_name, kinds))
        self._shared = {name for name, count in plain.items() if count > 1}
        twice = [name for name, count in Counter(map(self.of, kinds)).items() if count > 1]
        if twice:
            raise NameTaken(f"A feature has two schemas of one name, {', '.join(sorted(twice))}: rename one.")

    def of(self, schema: Any) -> str:
        kind = schema if isinstance(schema, type) else type(schema)
        name = _plain_name(kind)
        if name in self._shared and _is_declared(kind):
            return kind.__module__.split(".")[1].title() + name
        return name


def _plain_name(kind: type) -> str:
    return kind.__name__.removesuffix("Schema")


def _is_declared(kind: type) -> bool:
    """Whether a schema is a class of ours; pages of items are made on the fly, anew for each list."""
    return kind.__module__.startswith("loyalty_api.")


class _Side:
    """The components of one direction; those in ``renamed`` have another name than ``names`` gives them."""

    def __init__(self, names: _Names, renamed: frozenset[str] = frozenset()) -> None:
        plugin = MarshmallowPlugin(schema_name_resolver=self._name)
        self._spec = APISpec(title="", version="", openapi_version="3.1.0", plugins=[plugin])
        self._names, self._renamed = names, renamed
        self._first: dict[str, ma.Schema] = {}
        # The plug-in gets both when the document above takes it in.
        self._converter = cast(Any, plugin.converter)
        self._resolver = cast(Any, plugin.resolver)
        for function in (_readable_pattern, _bounded_object):
            self._converter.add_attribute_function(function)

    def _name(self, schema: Any) -> str:
        name = self._names.of(schema)
        return name + _REQUEST_SUFFIX if name in self._renamed else name

    def reference(self, schema: ma.Schema) -> dict[str, Any]:
        found: dict[str, Any] = self._resolver.resolve_schema_dict(self._first_like(schema))
        return found

    def _first_like(self, schema: ma.Schema) -> ma.Schema:
        """The schema that has this one's name already, such as another page of the same items."""
        first = self._first.setdefault(self._name(schema), schema)
        if first is not schema and self._shape(first) != self._shape(schema):
            raise NameTaken(f"Two schemas are called {self._name(schema)}: give one another name.")
        return first

    def _shape(self, schema: ma.Schema) -> Any:
        return self._converter.schema2jsonschema(schema)

    def parameters(self, schema: ma.Schema) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._converter.schema2parameters(schema, location="query")
        return found

    def components(self) -> dict[str, Any]:
        found: dict[str, Any] = self._spec.to_dict().get("components", {}).get("schemas", {})
        return found


class Shapes:
    """Every schema of ``operations``, by reference and as components.

    :raises NameTaken: two different schemas have one name.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        listed = list(operations)
        bodies = [operation.body for operation in listed if operation.body]
        answers = [operation.answer for operation in listed if operation.answer]
        answers += [also.answer for operation in listed for also in operation.also.values() if also.answer]
        answers.append(ProblemSchema())
        everything = list(_with_inner([*bodies, *answers]))
        names = _Names(everything)
        asked, self._answers = _Side(names), _Side(names)
        for schema in bodies:
            asked.reference(schema)
        for schema in answers:
            self._answers.reference(schema)
        self._requests = _Side(names, frozenset(asked.components()) & frozenset(self._answers.components()))
        self._descriptions = {names.of(schema): _said(schema) for schema in everything}

    def of_request(self, schema: ma.Schema) -> dict[str, Any]:
        """A reference to ``schema`` as a body that is sent to us."""
        return self._requests.reference(schema)

    def of_answer(self, schema: ma.Schema) -> dict[str, Any]:
        """A reference to ``schema`` as what we answer."""
        return self._answers.reference(schema)

    def of_query(self, schema: ma.Schema) -> list[dict[str, Any]]:
        """The parameters of the query that ``schema`` reads."""
        return self._requests.parameters(schema)

    def components(self) -> dict[str, Any]:
        """All components, by name."""
        answers = {name: _open(shape) for name, shape in self._answers.components().items()}
        found = answers | self._requests.components()
        for name, shape in found.items():
            said = self._descriptions.get(name) or self._descriptions.get(name.removesuffix(_REQUEST_SUFFIX))
            if said:
                shape["description"] = said
        return dict(sorted(found.items()))


def _open(shape: dict[str, Any]) -> dict[str, Any]:
    """An answer's shape: it may gain members, so no client may count on there being no others."""
    return {
        key: value for key, value in shape.items() if not (key == "additionalProperties" and value is False)
    }


def _readable_pattern(_converter: Any, _field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Our patterns end in Python's end of text, which other languages do not know."""
    pattern = ret.get("pattern")
    return {"pattern": f"^(?:{pattern.removesuffix(chr(92) + 'Z')})$"} if pattern else {}


def _bounded_object(_converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """How many members a free object may have."""
    if not isinstance(field, fields.Dict):
        return {}
    bounds = [check.max for check in field.validators if isinstance(check, validate.Length) and check.max]
    return {"maxProperties": min(bounds)} if bounds else {}


def _said(schema: ma.Schema) -> str:
    """The first paragraph that a schema says of itself."""
    return (vars(type(schema)).get("__doc__") or "").strip().split("\n\n")[0]


def _with_inner(schemas: Iterable[ma.Schema]) -> Iterator[ma.Schema]:
    """The schemas and those inside them, each once."""
    waiting, seen = list(schemas), set[type]()
    while waiting:
        schema = waiting.pop()
        if type(schema) not in seen:
            seen.add(type(schema))
            yield schema
            waiting += [inner for field in schema.fields.values() for inner in _inside(field)]


def _inside(field: fields.Field[Any]) -> list[ma.Schema]:
    if isinstance(field, fields.Nested):
        return [field.schema]
    if isinstance(field, fields.Dict):
        return _inside(field.value_field) if field.value_field else []
    return _inside(field.inner) if isinstance(field, fields.List) else []
