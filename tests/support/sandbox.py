"""A shop whose time is moved by hand, as an integrator's sandbox is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from loyalty_api import clock
from loyalty_api.app import create_app
from tests.support.shop import BASIC, Shop, open_shop


@contextmanager
def sandbox_of(shop: Shop, *, document: Mapping[str, Any] = BASIC) -> Iterator[Shop]:
    """The same installation as a sandbox, for as long as the block runs."""
    settings = replace(shop.app.extensions["settings"], sandbox=True)
    try:
        yield open_shop(create_app(settings, database=shop.database), document=document)
    finally:
        clock.follow(clock.machine_now)
