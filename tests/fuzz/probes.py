"""One request after another, all of it by chance from a seed: what is called, by whom, and in which manner."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fuzz import hostile
from tests.fuzz.promises import NDJSON
from tests.fuzz.shapes import IN_PATHS, Shapes
from tests.fuzz.wire import Parcel
from tests.fuzz.world import CALLERS, World

_JSON = "application/json"
_VARIABLE = re.compile(r"\{(\w+)\}")
_PAUSE = 0.05
_STRANGER = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IngifQ.e30.AAAA"
# How often each manner comes, in a thousand.
MANNERS: Mapping[str, int] = {
    "valid": 300, "mutated": 330, "spelling": 120, "query": 60, "header": 80, "segment": 30, "content type": 25,
    "compressed": 12, "no body": 15, "unasked body": 8, "broken": 12, "slow": 4, "giant": 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Probe:
    """A request to send. ``operation_id`` is None when it addresses none: any proper refusal will do then."""

    operation_id: str | None
    caller: str
    manner: str
    token: str
    parcel: Parcel


@dataclass(slots=True)
class Draft:
    """A request while it is made up."""

    operation_id: str | None
    method: str
    path: str
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None

    def put(self, name: str, value: str) -> None:
        """The header with this value and no other."""
        self.headers = [pair for pair in self.headers if pair[0].lower() != name.lower()]
        self.headers.append((name, value))

    def head(self, *, length: int | None = None) -> bytes:
        """The request line and the headers."""
        target = self.path + (f"?{self.query}" if self.query else "")
        size = len(self.body or b"") if length is None else length
        sized = [("Content-Length", str(size))] if self.body is not None else []
        lines = [f"{self.method} {target} HTTP/1.1", "Host: loyalty.example"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *sized)]
        return "\r\n".join([*lines, "", ""]).encode("utf-8" if "?é" in target else "latin-1", "replace")

    @property
    def raw(self) -> bytes:
        """The whole request."""
        return self.head() + (self.body or b"")


@dataclass(slots=True)
class Probes:
    """The requests of one lane, in an order that its seed decides."""

    world: World
    shapes: Shapes
    chance: Random
    _ids: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._ids = sorted(self.shapes.promises.operations)

    def next(self) -> Probe:
        """The next request."""
        manner = self.chance.choices(list(MANNERS), MANNERS.values())[0]
        operation_id = self._fitting(manner)
        caller = self._caller(operation_id)
        token = self.world.token(caller) if caller in self.world_kinds else ""
        draft = self._draft(operation_id, caller, token)
        parcel = _MANNERS[manner](self, draft)
        return Probe(draft.operation_id, caller, manner, token, parcel)

    @property
    def world_kinds(self) -> tuple[str, ...]:
        """The kinds of callers who hold a token."""
        return CALLERS[:-2]

    def _operation(self, operation_id: str) -> Mapping[str, Any]:
        return self.shapes.promises.operations[operation_id]

    def _fitting(self, manner: str) -> str:
        """An operation for which the manner means something."""
        for _ in range(50):
            operation_id = self.chance.choice(self._ids)
            operation = self._operation(operation_id)
            has_body, has_query = (
                "requestBody" in operation,
                any(p.get("in") == "query" for p in operation["parameters"]),
            )
            wants = {"query": has_query, "segment": "{" in operation["path"], "unasked body": not has_body}
            needs_body = ("mutated", "spelling", "content type", "compressed", "no body", "slow", "giant")
            if wants.get(manner, has_body if manner in needs_body else True):
                break
        return operation_id

    def _caller(self, operation_id: str) -> str:
        """Mostly one who may; often another one, or nobody."""
        kinds = self._operation(operation_id).get("x-caller-kinds") or ["nobody"]
        return self.chance.choice(kinds) if self.chance.random() < 0.88 else self.chance.choice(CALLERS)

    def _draft(self, operation_id: str, caller: str, token: str) -> Draft:
        operation = self._operation(operation_id)
        path = _VARIABLE.sub(lambda found: str(self._in_path(found[1])), operation["path"])
        draft = Draft(operation_id, operation["method"], path, self._query(operation))
        if caller != "nobody":
            draft.put("Authorization", f"Bearer {token or _STRANGER}")
        for parameter in operation["parameters"]:
            self._header(draft, self.shapes.promises.resolved(parameter))
        if "requestBody" in operation:
            draft.put("Content-Type", next(iter(operation["requestBody"]["content"])))
            draft.body = self._encoded(operation_id, self.shapes.body(operation_id))
        return draft

    def _in_path(self, name: str) -> Any:
        assert name in IN_PATHS, f"Say in IN_PATHS what {{{name}}} in a path means."
        return self.shapes.value({"type": "string"}, name)

    def _query(self, operation: Mapping[str, Any]) -> str:
        asked = [
            f"{parameter['name']}={self.shapes.value(parameter['schema'], parameter['name'])}".replace(
                "+", "%2B"
            )
            for parameter in operation["parameters"]
            if parameter.get("in") == "query" and self.chance.random() < 0.3
        ]
        return "&".join(asked).replace(" ", "%20").encode("ascii", "ignore").decode()

    def _header(self, draft: Draft, parameter: Mapping[str, Any]) -> None:
        name = parameter["name"]
        if name == "Idempotency-Key" and (parameter.get("required") or self.chance.random() < 0.5):
            known = self.chance.random() < 0.05
            draft.put(name, "again" if known else f"fuzz-{self.shapes.number()}")
        elif name == "If-Match":
            draft.put(name, "*")
        elif name in ("Accept-Language", "If-None-Match") and self.chance.random() < 0.3:
            draft.put(name, "nb" if name == "Accept-Language" else '"1"')

    def _encoded(self, operation_id: str, document: Any) -> bytes:
        """The document as its content type has it; lines are documents of their own."""
        kind = next(iter(self._operation(operation_id)["requestBody"]["content"]))
        if kind == NDJSON:
            return b"\n".join(_dumped(line) for line in document)
        if kind == _JSON:
            return _dumped(document)
        pairs = document.items() if isinstance(document, dict) else [("grant_type", document)]
        return "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "replace")

    # The manners.

    def _valid(self, draft: Draft) -> Parcel:
        return _parcel(draft)

    def _mutated(self, draft: Draft) -> Parcel:
        assert draft.operation_id is not None
        body = self.shapes.body(draft.operation_id)
        if isinstance(body, list):
            body = [hostile.mutated(line, self.chance) for line in body]
        else:
            body = hostile.mutated(body, self.chance)
        draft.body = self._encoded(draft.operation_id, body)
        return _parcel(draft)

    def _spelling(self, draft: Draft) -> Parcel:
        assert draft.operation_id is not None
        document = self.shapes.body(draft.operation_id)
        draft.body = hostile.bytes_of(document[0] if isinstance(document, list) else document, self.chance)
        return _parcel(draft)

    def _bad_query(self, draft: Draft) -> Parcel:
        draft.query = self.chance.choice(hostile.QUERIES)
        return _parcel(draft)

    def _bad_header(self, draft: Draft) -> Parcel:
        name, value = self.chance.choice(hostile.HEADERS)
        draft.put(name, value)
        return _parcel(draft)

    def _segment(self, draft: Draft) -> Parcel:
        """Something else in the place of an id. It may be another address then."""
        assert draft.operation_id is not None
        names = _VARIABLE.findall(self._operation(draft.operation_id)["path"])
        odd = self.chance.choice(hostile.SEGMENTS)
        wrong = self.chance.choice(names)
        path = self._operation(draft.operation_id)["path"].replace(f"{{{wrong}}}", odd)
        draft.path = _VARIABLE.sub(lambda found: str(self._in_path(found[1])), path)
        draft.operation_id = None
        return _parcel(draft)

    def _content_type(self, draft: Draft) -> Parcel:
        draft.put("Content-Type", self.chance.choice(hostile.CONTENT_TYPES))
        return _parcel(draft)

    def _compressed(self, draft: Draft) -> Parcel:
        draft.body = self.chance.choice(hostile.bombs())
        draft.put("Content-Encoding", self.chance.choice(("gzip", "gzip", "deflate", "gzip, gzip")))
        return _parcel(draft)

    def _no_body(self, draft: Draft) -> Parcel:
        draft.body = None
        return _parcel(draft)

    def _unasked_body(self, draft: Draft) -> Parcel:
        draft.body = self.chance.choice((b"{}", b"\x00", b'{"a":1}', b"x" * 100_000, hostile.giants()[-1]))
        draft.put(
            "Content-Type", self.chance.choice((_JSON, "text/plain", "multipart/form-data; boundary=b"))
        )
        return _parcel(draft)

    def _slow(self, draft: Draft) -> Parcel:
        """In pieces with pauses, the head too."""
        raw = draft.raw
        cuts = sorted(self.chance.sample(range(1, len(raw)), 4))
        pieces = tuple(raw[a:b] for a, b in zip((0, *cuts), (*cuts, len(raw)), strict=True))
        return Parcel(pieces, draft.method, pause=_PAUSE)

    def _giant(self, draft: Draft) -> Parcel:
        draft.body = self.chance.choice(hostile.giants())
        return _parcel(draft)

    def _broken(self, draft: Draft) -> Parcel:
        """Not HTTP, or only nearly."""
        made = self.chance.choice(_BREAKS)(draft)
        draft.operation_id = None
        return Parcel((made,), draft.method, ends=True)


def _dumped(document: Any) -> bytes:
    # Deeper than orjson goes, too.
    return json.dumps(document, ensure_ascii=False).encode()


def _parcel(draft: Draft) -> Parcel:
    return Parcel((draft.raw,), draft.method)


def _chunked(draft: Draft, body: bytes) -> bytes:
    bare = Draft(None, draft.method, draft.path, headers=[*draft.headers, ("Transfer-Encoding", "chunked")])
    return bare.head() + body


_BREAKS: tuple[Callable[[Draft], bytes], ...] = (
    lambda draft: draft.raw[:-1],
    lambda draft: draft.head(length=10**6) + b"{}",
    lambda draft: draft.head(length=10**30),
    lambda draft: draft.head(length=-1),
    lambda draft: draft.raw.replace(b"HTTP/1.1", b"HTTP/9.9", 1),
    lambda draft: draft.raw.replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    lambda draft: draft.raw.replace(b"\r\n", b"\n"),
    lambda draft: draft.raw.replace(b"Host: loyalty.example\r\n", b"", 1),
    lambda draft: draft.raw.replace(b"Host: ", b"Host : ", 1),
    lambda draft: draft.raw.replace(b"Host: ", b"Host: a\r\nHost: ", 1),
    lambda draft: draft.raw.replace(b"Host: ", b"\x00: y\r\nHost: ", 1),
    lambda draft: draft.raw.replace(b"Host: ", b"X: " + b"y" * 200_000 + b"\r\nHost: ", 1),
    lambda draft: draft.raw.replace(b"Host: ", b"X: y\r\n" * 500 + b"Host: ", 1),
    lambda draft: draft.raw.replace(b" /", b" http://[::1/", 1),
    lambda draft: draft.raw.replace(b" /", b" //", 1),
    lambda draft: draft.raw.replace(b" /", b"  ", 1),
    lambda draft: draft.raw.replace(b" /", b" /" + b"a/" * 40_000, 1),
    lambda draft: b"BREW" + draft.raw,
    lambda draft: b"TRACE" + draft.raw[draft.raw.index(b" ") :],
    lambda draft: b"CONNECT" + draft.raw[draft.raw.index(b" ") :],
    lambda draft: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    lambda draft: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    lambda draft: b"\r\n\r\n",
    lambda draft: b"\xff" * 1000,
    lambda draft: _chunked(draft, b"2\r\n{}\r\n0\r\n\r\n"),
    lambda draft: _chunked(draft, b"zz\r\n{}\r\n0\r\n\r\n"),
    lambda draft: _chunked(draft, b"ffffffffffffffff\r\n{}"),
    lambda draft: _chunked(draft, b"2\r\n{}"),
    lambda draft: _chunked(draft, b"5\r\n{}\r\n0\r\n\r\n"),
)
_MANNERS: Mapping[str, Callable[[Probes, Draft], Parcel]] = {
    "valid": Probes._valid, "mutated": Probes._mutated, "spelling": Probes._spelling, "query": Probes._bad_query,
    "header": Probes._bad_header, "segment": Probes._segment, "content type": Probes._content_type,
    "compressed": Probes._compressed, "no body": Probes._no_body, "unasked body": Probes._unasked_body,
    "broken": Probes._broken, "slow": Probes._slow, "giant": Probes._giant,
}  # fmt: skip
