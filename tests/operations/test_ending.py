"""A server that is told to end under load answers what it has taken, and takes nothing that it does not answer."""

from __future__ import annotations

import json
import sys

from tests.cli.conftest import Installation, empty, folder, installation  # noqa: F401 - fixtures
from tests.operations.load import UNDECIDED, Sale, Tills
from tests.operations.servers import serving, shop_over
from tests.purchases.racing import breaches, until_answered
from tests.support.engines import until
from tests.support.shop import Shop

# Its workers are gone before it gets to them.
_SLOW = """
import sys, time
from granian.server.mp import MPServer
from loyalty_api.cli import main

drop = MPServer._drop_shared_socket
MPServer._drop_shared_socket = lambda server: (time.sleep(3), drop(server))
main(sys.argv[1:])
"""


def again(shop: Shop, sales: list[Sale]) -> list[bool]:
    """Whether each of the same receipts, sent once more, is known already."""
    answers = [until_answered(shop.till, json.loads(sale.body), []) for sale in sales]
    assert all(answer.status in (200, 201) for answer in answers)
    return ["Idempotent-Replayed" in answer.headers for answer in answers]


def test_no_request_is_lost_when_a_server_is_told_to_end(installation: Installation) -> None:  # noqa: F811
    """Whether its operator tells the server, or the terminal tells each of its processes."""
    sold: list[Sale] = []
    with shop_over(installation.environment) as shop:
        port = 0
        for whole_group in (False, True):
            with serving(installation.environment, port=port) as server, Tills(shop, server.port) as tills:
                port = server.port
                until(lambda tills=tills: len(tills.acknowledged) > 20, "they sell")
                assert server.end(whole_group=whole_group) == 0
                tills.stop()
            sold += tills.sales
        assert [sale for sale in sold if sale.heard == "half"] == [], "an answer was cut"
        assert {sale.status for sale in sold if sale.heard == "answered"} <= {201, *UNDECIDED}
        unheard = [sale for sale in sold if sale.heard == "unheard"]
        assert not any(again(shop, unheard)), "it was done, and nobody was told"
        known = again(shop, [sale for sale in sold if sale.acknowledged])
        assert all(known), "it was acknowledged, and is not there"
        assert breaches(shop) == []


def test_a_server_whose_workers_were_told_first_ends_all_the_same(installation: Installation) -> None:  # noqa: F811
    with serving(installation.environment, command=[sys.executable, "-c", _SLOW]) as server:
        assert server.end(whole_group=True) == 0
