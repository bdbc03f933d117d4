"""The fuzz run would notice: answers that were not promised are told, and a seed asks the same again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import orjson
import pytest
import yaml

from tests.fuzz.probes import MANNERS, Probe, Probes
from tests.fuzz.promises import PROBLEM, Answer, Promises
from tests.fuzz.shapes import Shapes
from tests.fuzz.tally import Tally
from tests.fuzz.world import Pools, World
from tests.support.shop import line, receipt

_DOCUMENT = Path(__file__).parents[2] / "openapi" / "loyalty-api.yaml"
_NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def promises() -> Promises:
    return Promises(yaml.load(_DOCUMENT.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


def problem(status: int, code: str, **headers: str) -> Answer:
    body = {
        "type": f"/problems/{code}", "title": "T", "status": status, "code": code, "detail": "D", "instance": "/",
        "request_id": "req_1", "action": "fix_request", "errors": [],
    }  # fmt: skip
    return Answer(status, {"content-type": PROBLEM, **headers}, orjson.dumps(body))


def test_what_is_promised_is_no_fault(promises: Promises) -> None:
    assert promises.faults("get_member", problem(404, "not_found")) == []
    assert promises.faults("get_member", problem(429, "rate_limited", **{"retry-after": "7"})) == []
    assert promises.faults(None, problem(405, "method_not_allowed")) == []
    assert (
        promises.faults("livez", Answer(200, {"content-type": "application/json"}, b'{"status":"alive"}'))
        == []
    )


@pytest.mark.parametrize(
    ("operation_id", "answer"),
    [
        ("get_member", problem(409, "conflict")),
        ("get_member", problem(404, "store_unknown")),
        ("get_member", problem(429, "rate_limited")),
        ("get_member", Answer(404, {"content-type": "text/html"}, b"<h1>Not Found</h1>")),
        ("get_member", Answer(404, {"content-type": PROBLEM}, b'{"status": 404')),
        ("get_member", Answer(200, {"content-type": "application/json"}, b'{"member_id":7}')),
        (None, Answer(404, {}, b"Traceback (most recent call last):")),
        (None, Answer(404, {"content-type": PROBLEM}, b'{"status":404}')),
    ],
)  # fmt: skip
def test_what_was_not_promised_is_told(promises: Promises, operation_id: str | None, answer: Answer) -> None:
    assert promises.faults(operation_id, answer)


def test_what_went_wrong_is_counted_by_its_sort_and_kept(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "kept", 7, 8080)
    tally.judge("livez", problem(500, "internal_error"), [], b"GET /livez")
    tally.judge("livez", problem(503, "unavailable"), [], b"GET /livez")
    tally.judge("livez", problem(404, "not_found"), ["404 is not promised"], b"GET /livez")
    tally.fail("hang", "livez", "no answer", b"GET /livez")
    assert tally.outcome == {"requests": 0, "server_errors": 1, "undocumented": 1, "hangs": 1}
    assert [file.read_bytes() for file in sorted((tmp_path / "kept").iterdir())] == [b"GET /livez"] * 3
    assert "seed 7" in tally.told()[0]


class Known(World):
    """Everybody has the same token."""

    def token(self, kind: str, *, instead_of: str | None = None) -> str:
        return f"token-of-{kind}"


def drawn(promises: Promises, seed: str, number: int) -> list[Probe]:
    pools, chance = Pools(), Random(seed)
    for what, thing in (("store", "str_1"), ("sku", "bread"), ("card", "4600000000001")):
        pools.add(what, thing)
    pools.add("receipt", receipt(line(100), at=_NOW, reference="1"))
    probes = Probes(Known(None), Shapes(promises, pools, chance, _NOW), chance)  # type: ignore[arg-type]
    return [probes.next() for _ in range(number)]


def test_a_seed_asks_the_same_again_and_another_one_something_else(promises: Promises) -> None:
    first = drawn(promises, "1/0", 150)
    assert first == drawn(promises, "1/0", 150)
    assert first != drawn(promises, "2/0", 150)


def test_every_operation_is_asked_in_every_manner(promises: Promises) -> None:
    asked = drawn(promises, "1/0", 4_000)
    assert {probe.manner for probe in asked} == MANNERS.keys()
    assert {probe.operation_id for probe in asked} - {None} == promises.operations.keys()
