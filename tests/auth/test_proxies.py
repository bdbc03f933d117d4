"""Behind a proxy of ours, failed sign-ins are counted by the address it names; nobody else is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty_api import config
from loyalty_api.app import create_app
from loyalty_api.db import Database
from tests.support.shop import KEYS


def statuses(database: Database, *, proxies: int, addresses: list[str]) -> set[int]:
    settings = config.Settings(data_dir=Path("/nonexistent"), keys=KEYS, trusted_proxies=proxies)
    client = create_app(settings, database=database).test_client()
    return {
        client.post(
            "/oauth/token",
            data={"grant_type": "client_credentials", "client_id": f"cli_{n}", "client_secret": "guess"},
            headers={"X-Forwarded-For": address},
        ).status_code
        for n, address in enumerate(addresses)
    }


@pytest.mark.parametrize(("proxies", "expected"), [(0, {401, 429}), (1, {401})])
def test_a_forwarded_address_counts_only_when_a_proxy_is_ours(
    module_database: Database, proxies: int, expected: set[int]
) -> None:
    addresses = [f"192.0.2.{n}" for n in range(80)]
    assert statuses(module_database, proxies=proxies, addresses=addresses) == expected
