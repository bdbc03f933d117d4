"""The corpus: values, texts, headers and whole bodies that nobody means well with."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import orjson

_HEBREW, _ARABIC, _OVERRIDE = "שלום עולם", "مرحبا", "\u202egnp.exe"
_COMBINING = "Z\u0310\u0311\u0312a\u0300\u0301\u0302" * 60
_NORMALS = (
    "ﬀﬃ",
    "\u212b",
    "e\u0301",
    "İstanbul",
    "ß",
    "ǅ",
    "１２３",
    "\u00a0",
    "\u200b\u200d\ufeff",
    "👩‍👩‍👧‍👦",
)
_TEXTS = (
    "", " ", "\x00", "a\x00b", "\x7f\x1b[31m", "\r\nSet-Cookie: x=1", "' OR 1=1 --", "{{7*7}}", "%s%n%d", "$(id)",
    "../../../etc/passwd", "<script>alert(1)</script>", "null", "NaN", "-0", "1e9", "0x10", "١٢٣",
    _HEBREW, _ARABIC, _OVERRIDE, _COMBINING, *_NORMALS, "a" * 201, "a" * 70_000, "\U0010ffff", "\ufffe", "=1+1",
)  # fmt: skip
_TIMES = (
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z",
    "2026-11-21T24:00:00Z", "2026-11-21T23:59:60Z", "2026-11-21", "2026-11-21T10:00:00", "2026-11-21T10:00:00+99:99",
    "1970-01-01T00:00:00Z", "2200-12-31T23:59:59Z", "2026-W47-6", "20261121T100000Z", "2026-11-21T10:00:00.1234567Z",
)  # fmt: skip
_NUMBERS = (
    0, -1, 1, 2**31, 2**53 - 1, 2**53, -(2**53) + 1, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 0.1, -0.0, 1e308, 1.0,
)  # fmt: skip
_OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": ""}, {"\x00": 1}, {"$ref": "#"})
_LARGE = 50
VALUES: tuple[Any, ...] = (*_TEXTS, *_TIMES, *_NUMBERS, *_OTHERS)

CONTENT_TYPES = (
    "", "text/plain", "text/html", "application/xml", "application/json; charset=utf-16", "application/json;",
    "application/x-ndjson", "multipart/form-data; boundary=x", "multipart/form-data", "application/problem+json",
    "application/x-www-form-urlencoded", "application/octet-stream", "*/*", "json", "application/json, text/plain",
    "application/merge-patch+json", "\xff", "a" * 3000,
)  # fmt: skip
HEADERS: tuple[tuple[str, str], ...] = (
    ("Idempotency-Key", ""), ("Idempotency-Key", "k" * 129), ("Idempotency-Key", "k\xe9y"),
    ("Idempotency-Key", "a\tb"), ("Idempotency-Key", '"quoted"'), ("Idempotency-Key", "a, b"),
    ("If-Match", "x"), ("If-Match", '"'), ("If-Match", 'W/"1"'), ("If-Match", "*"), ("If-Match", '"a", "b", *'),
    ("If-Match", '"' + "e" * 5000 + '"'), ("If-None-Match", "*"), ("If-None-Match", '"", W/""'),
    ("If-None-Match", "\xff\xfe"), ("If-Modified-Since", "yesterday"), ("If-Unmodified-Since", "0"),
    ("Accept-Language", "*"), ("Accept-Language", "nb;q=abc, en;q=9e999"), ("Accept-Language", ";;;,,,"),
    ("Accept-Language", ",".join(["nb"] * 3000)), ("Accept-Language", "../../en"), ("Accept-Language", "x" * 5000),
    ("Accept", "text/html"), ("Accept", ";q=1"), ("Accept-Encoding", "gzip;q=0, *;q=0"), ("Accept-Encoding", "br"),
    ("X-Request-Id", "x" * 65), ("X-Request-Id", "a b\tc"), ("X-Request-Id", "\xe9"), ("X-Request-Id", ""),
    ("Range", "bytes=0-"), ("Range", "bytes=9-1,-"), ("Cookie", "a=" + "b" * 4000), ("Cookie", '="; ;;=\xff'),
    ("X-Forwarded-For", "1.2.3.4, '"), ("X-Forwarded-Proto", "gopher"), ("Forwarded", "for=;"), ("Via", "\x01"),
    ("X-HTTP-Method-Override", "DELETE"), ("Upgrade", "h2c"), ("Expect", "100-continue"), ("TE", "trailers"),
    ("Authorization", "Bearer "), ("Authorization", "Basic Og=="), ("Authorization", "Bearer a.b.c"),
    ("Authorization", "Bearer " + "e" * 6000), ("Authorization", "\xff"),
    ("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),
    ("Date", "never"), ("Origin", "null"), ("Content-Language", "\xff"), ("Content-Encoding", "br, gzip, identity"),
    ("Content-MD5", "x"), ("Connection", "close"), ("traceparent", "00-0-0-00"), ("Prefer", "return=minimal"),
)  # fmt: skip
QUERIES = (
    "limit=0", "limit=-1", "limit=201", "limit=99999999999999999999", "limit=1_0", "limit=%D9%A1", "limit=1.0",
    "limit=", "limit=1&limit=2", "limit[]=1", "cursor=", "cursor=x", "cursor=%00", "cursor=%FF%FE",
    "cursor=" + "A" * 5000,
    "cursor=eyJhIjoxfQ", "cursor=..%2F..", "after=-1", "after=abc", "after=99999999999999999999", "after=%00",
    "status=%F0%9F%92%A9", "status=", "tag=%00", "tag=" + "t" * 300, "store=%27", "store=str_1%00", "state=no",
    "since=2026-02-30", "since=9999-12-31T23:59:59-23:59", "until=0001-01-01T00:00:00%2B23:59", "since=now",
    "enrolled_from=x", "enrolled_to=2026-11-21T10:00:00 01:00", "kind=%ED%A0%80", "unknown=1", "%", "%zz", "&&&=&", "=",
    "a" * 7000, "limit=5&" * 500, "limit=5;limit=6", "\u00e9=1", "limit=5#frag", "limit=%EF%BC%95", "?limit=5",
)  # fmt: skip
SEGMENTS = (
    "%00", "%FF", "%2e%2e", "..%2f..", "%2F", "x", "mbr_", "mbr_" + "z" * 26, "mbr_" + "8" * 26, "MBR_01K3",
    "%ED%A0%80", "%F0%9F%92%A9", "a" * 5000, "-1", "0", "9" * 40, "%D9%A1", "null", "*", "me", "%0d%0aX: y", "{}",
)  # fmt: skip


def mutated(document: Any, chance: Random) -> Any:
    """The document with one to three things wrong with it."""
    made = {"": deepcopy(document)}
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = list(_places(made))
        holder, key = chance.choice(places)
        chance.choice(_CHANGES)(holder, key, chance)
    return made.get("")


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in the document: what holds it, and its key there."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def _replace(holder: Any, key: Any, chance: Random) -> None:
    holder[key] = deepcopy(chance.choice(VALUES))


def _drop(holder: Any, key: Any, _chance: Random) -> None:
    if key != "":
        del holder[key]


def _invent(holder: Any, key: Any, chance: Random) -> None:
    if isinstance(holder[key], dict):
        holder[key][chance.choice(("unknown", "", "\x00", "__proto__", "a/b~c", "é"))] = chance.choice(VALUES)


def _multiply(holder: Any, key: Any, chance: Random) -> None:
    """Many of it, unless it is large: a whole program 501 times says no more than one that is too long."""
    large = len(list(islice(_places({"": holder[key]}), _LARGE))) == _LARGE
    holder[key] = [deepcopy(holder[key])] * (2 if large else chance.choice((2, 50, 501)))


def _bury(holder: Any, key: Any, chance: Random) -> None:
    for _ in range(chance.choice((1, 20, 200))):
        holder[key] = [holder[key]] if chance.random() < 0.5 else {"a": holder[key]}


def _opposite(holder: Any, key: Any, chance: Random) -> None:
    """A number of the other sign or off by a little, a text of another case or with a tail."""
    value = holder[key]
    if isinstance(value, int) and not isinstance(value, bool):
        holder[key] = chance.choice((-value, value + 1, value - 1, value * 10, str(value), value + 0.5))
    elif isinstance(value, str):
        holder[key] = chance.choice((value.upper(), value + " ", value * 2, value[:-1], value[::-1], [value]))


_Change = Callable[[Any, Any, Random], None]
_CHANGES: tuple[_Change, ...] = (
    _replace,
    _replace,
    _replace,
    _drop,
    _invent,
    _multiply,
    _bury,
    _opposite,
    _opposite,
)


def bytes_of(document: Any, chance: Random) -> bytes:
    """The document as bytes that are not JSON, or JSON that not everybody reads alike."""
    return chance.choice(_SPELLINGS)(orjson.dumps(document), chance)


def _in_place_of_a_value(token: bytes) -> Callable[[bytes, Random], bytes]:
    """Puts a token where the first value of an object stands, or a text's beginning."""

    def spell(raw: bytes, _chance: Random) -> bytes:
        head, colon, tail = raw.partition(b":")
        _, comma, rest = tail.partition(b",")
        return head + colon + token + (comma + rest if comma else b"}")

    return spell


_TOKENS = (
    b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"9" * 400, b"9" * 5000, b"1e-400", b"01", b"+1", b".5",
    b"1.", rb'"\ud800"', rb'"\udfff\ud800"', rb'"\ud83d"', b'"\xed\xa0\x80"', b'"\xff"', b'"\xc0\x80"', rb'"\u0000"',
    b'"\x00"', b'"\t"', rb'"\x41"', b"'x'", b"undefined", b"True", b"0x1F", b"/*c*/1", b'"unclosed', b"[1,]", b"{,}",
    b"1e999999999",
)  # fmt: skip
_Spelling = Callable[[bytes, Random], bytes]
_WHOLE: tuple[_Spelling, ...] = (
    lambda raw, _: raw[:-1],
    lambda raw, _: raw + raw,
    lambda raw, _: raw + b"\x00",
    lambda raw, _: b"\xef\xbb\xbf" + raw,
    lambda raw, _: raw.decode().encode("utf-16"),
    lambda raw, _: raw.decode().encode("utf-32"),
    lambda raw, _: b"",
    lambda raw, _: b"[" * 100_000,
    lambda raw, _: b'{"a":' * 20_000,
    lambda raw, _: b"[" * 500 + b"]" * 500,
    lambda raw, _: b'"' + b"\\u0041" * 50_000 + b'"',
    lambda raw, _: b"null",
    lambda raw, _: b"7",
    lambda raw, _: b'"text"',
    lambda raw, _: b"[]",
    lambda raw, _: b"{}",
    lambda raw, chance: chance.randbytes(200),
    lambda raw, chance: raw[: chance.randrange(len(raw) + 1)],
    lambda raw, chance: bytes(b ^ (chance.random() < 0.01) for b in raw),
    # The same key twice: the last one counts everywhere we know of, and must count in all we do.
    lambda raw, _: raw[:-1] + b"," + raw[1:] if raw.startswith(b'{"') else raw,
    lambda raw, _: b"{" + b'"a":1,' * 20_000 + raw[1:],
    lambda raw, _: raw.replace(b'":', b'\\u0000":', 1),
    lambda raw, _: raw.replace(b'"', b'"\\ud83d', 1),
)
_SPELLINGS: tuple[_Spelling, ...] = (*_WHOLE, *map(_in_place_of_a_value, _TOKENS))


@cache
def bombs() -> tuple[bytes, ...]:
    """Compressed bodies: a small honest one, ten million bytes in ten thousand, one in another, a broken one."""
    large = gzip.compress(b'{"a":"' + b"0" * 10_000_000 + b'"}', mtime=0)
    return gzip.compress(b"{}", mtime=0), large, gzip.compress(large, mtime=0), large[:500] + b"x" * 500


@cache
def giants() -> tuple[bytes, ...]:
    """Bodies beyond every limit: of blanks, of one text, of members, of brackets, of lines."""
    ten = 10_000_000
    return (
        b" " * ten + b"{}",
        b'{"a":"' + b"x" * ten + b'"}',
        b"{" + b",".join(b'"k%d":0' % n for n in range(ten // 12)) + b"}",
        b"[" * ten,
        b"{}\n" * (ten // 3),
        b" " * ((1 << 20) - 2) + b"{}",
        b" " * (1 << 20) + b"{}",
    )
