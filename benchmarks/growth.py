"""How the figures stand when there are many members: the same ones with ten thousand, a hundred thousand, a million.

Each is a ratio against the ceiling of its own minute, and what is kept is the ratio with most members by the ratio with
fewest. Those who are asked for are a thousand members, chosen evenly among all.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import copying, figures, reads, redeeming, report
from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, Pace, Street
from benchmarks.place import Shop, open_shop, serve_api, serve_ceiling

SIZES = (10_000, 100_000, 1_000_000)
_TARGET = 0.8
# A million members are no laptop's: what a server of its own has of memory and checkpoints.
_ADVISED = Path(__file__).parents[1] / "deploy" / "postgresql" / "loyalty.conf"
_OF_A_SERVER = (
    "shared_buffers", "effective_cache_size", "maintenance_work_mem", "max_wal_size", "checkpoint_timeout",
)  # fmt: skip
_MEASURED: tuple[Callable[[Street, Pace], Figure], ...] = (
    figures.purchases, figures.balance, figures.summary, reads.summary_miss, reads.unchanged, reads.quote,
    reads.look_up, reads.statement, redeeming.redemption, copying.batches,
)  # fmt: skip


def growth(pace: Pace, sizes: Sequence[int] = SIZES) -> Iterator[Figure]:
    """How each figure changes from the smallest crowd to the largest."""
    found: dict[str, dict[int, Figure]] = {}
    with ExitStack() as stack:
        shop = stack.enter_context(open_shop(_settings()))
        with serve_api(shop.folder) as api:
            crowd = Crowd(shop, api)
        for size in sizes:
            began = time.perf_counter()
            asked = crowd.grow(size)
            print(f"{size:,} members, made in {time.perf_counter() - began:.0f} s", file=sys.stderr)
            for figure in _all(asked, pace):
                print(f"  {report.line(figure)}", file=sys.stderr)
                found.setdefault(figure.name, {})[size] = figure
    for name, by_size in found.items():
        yield _grown(name, by_size)


def _settings() -> dict[str, str]:
    """What we advise of these, so that we measure what we advise."""
    said = dict(re.findall(r"^(\w+) = (\S+)", _ADVISED.read_text(), re.MULTILINE))
    return {name: said[name] for name in _OF_A_SERVER}


def _all(shop: Shop, pace: Pace) -> Iterator[Figure]:
    """Every figure in a shop of one size, by servers that have just begun."""
    with ExitStack() as stack:
        street = Street(
            shop,
            api=stack.enter_context(serve_api(shop.folder)),
            without_redis=stack.enter_context(serve_api(shop.folder, redis=False)),
            ceiling=stack.enter_context(serve_ceiling(shop)),
        )
        for measure in _MEASURED:
            yield measure(street, pace)


def _grown(name: str, by_size: dict[int, Figure]) -> Figure:
    fewest, most = min(by_size), max(by_size)
    few, many = by_size[fewest], by_size[most]
    more = {"at": {str(size): round(figure.value, 4) for size, figure in by_size.items()}}
    title = f"{name} with {most:,} members ÷ with {fewest:,}"
    return Figure(f"growth_{name}", title, many.value / few.value, _TARGET, more=more)
