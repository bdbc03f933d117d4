"""Rate limits: together through Redis, alone without it, and polls that bring nothing new are free."""

from __future__ import annotations

import threading

import flask
import pytest
import redis

from loyalty_api.db import Database
from loyalty_api.engines import Engines
from loyalty_api.throttle import Counter, Throttle, shared_counter
from tests.auth.conftest import Clock
from tests.auth.doors import make_app
from tests.support.tokens import bearer, make_client, token_for


def granted(throttle: Throttle, key: str, rate: int, times: int) -> int:
    return sum(throttle.take(key, rate).granted for _ in range(times))


class Counting:
    """The real count, and how often it was asked."""

    def __init__(self, inner: Counter) -> None:
        self.inner, self.asked = inner, 0

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        self.asked += 1
        return self.inner.incr(key, expiry, amount)


@pytest.fixture
def shared(running: Engines) -> Counting:
    redis.Redis.from_url(running.redis_url).flushall()
    return Counting(shared_counter(running.redis_url))


@pytest.mark.parametrize("rate", [1, 7, 100, 6000])
def test_a_minute_holds_exactly_the_rate(clock: Clock, rate: int) -> None:
    throttle = Throttle(now=clock)
    assert granted(throttle, "a", rate, rate + 50) == rate
    assert granted(throttle, "b", rate, 1) == 1, "each has its own"
    clock.seconds += 60
    assert granted(throttle, "a", rate, rate + 50) == rate


def test_processes_count_together_through_redis(clock: Clock, shared: Counting) -> None:
    processes = [Throttle(shared=shared, now=clock) for _ in range(3)]
    assert sum(granted(processes[n % 3], "a", 300, 1) for n in range(1000)) == 300


def test_a_busy_client_costs_a_round_trip_in_a_hundred(clock: Clock, shared: Counting) -> None:
    throttle = Throttle(shared=shared, now=clock)
    assert granted(throttle, "a", 6000, 7000) == 6000
    assert shared.asked == 100, "a lease is a hundredth, and a refused caller costs none"


def test_threads_never_take_more_than_the_rate(clock: Clock, shared: Counting) -> None:
    throttle, counts = Throttle(shared=shared, now=clock), []
    threads = [
        threading.Thread(target=lambda: counts.append(granted(throttle, "a", 500, 400))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 500


def test_without_redis_each_process_counts_for_itself(clock: Clock) -> None:
    processes = [Throttle(now=clock) for _ in range(2)]
    assert [granted(process, "a", 100, 150) for process in processes] == [100, 100]


def test_when_redis_goes_the_count_goes_on(clock: Clock, shared: Counting) -> None:
    throttle = Throttle(shared=shared, now=clock)
    assert granted(throttle, "a", 100, 60) == 60
    dead = Counting(shared_counter("redis://127.0.0.1:1"))
    throttle._shared = dead
    assert granted(throttle, "a", 100, 100) == 40
    assert dead.asked == 1, "one try a second, so that a dead Redis costs no request its time"


def test_a_hit_that_is_given_back_can_be_taken_again(clock: Clock) -> None:
    throttle = Throttle(now=clock)
    assert granted(throttle, "a", 3, 3) == 3
    throttle.give_back("a")
    assert granted(throttle, "a", 3, 3) == 1
    throttle.give_back("a")
    clock.seconds += 60
    throttle.give_back("a")
    assert granted(throttle, "a", 3, 9) == 3, "a new minute starts with the rate and no more"


def test_callers_nobody_hears_of_again_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty_api.throttle._BUCKETS", 10)
    throttle = Throttle(now=clock)
    for n in range(100):
        throttle.take(f"guess-{n}", 5)
    assert len(throttle._buckets) <= 10


def test_a_client_over_its_rate_gets_429_with_the_fields_that_say_so(app: flask.Flask) -> None:
    slow, quick = token_for(app, rate=3), token_for(app, rate=1000)
    answers = [app.test_client().post("/v1/purchases/str_1", headers=bearer(slow)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"client";q=3;w=60'
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
    problem = answers[-1].get_json()
    assert (problem["code"], problem["action"]) == ("rate_limited", "retry_same_key")
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert app.test_client().post("/v1/purchases/str_1", headers=bearer(quick)).status_code == 200


def test_doors_that_do_not_open_are_counted_too(app: flask.Flask) -> None:
    token = token_for(app, rate=2, scopes=["quotes:create"])
    statuses = [
        app.test_client().post("/v1/purchases/str_1", headers=bearer(token)).status_code for _ in range(3)
    ]
    assert statuses == [403, 403, 429]


def test_a_poll_that_brings_nothing_new_is_free(app: flask.Flask) -> None:
    token = token_for(app, scopes=["members:read"], rate=2)
    headers = {**bearer(token), "If-None-Match": '"1"'}
    polls = [app.test_client().get("/v1/members/balance", headers=headers) for _ in range(20)]
    assert {poll.status_code for poll in polls} == {304}
    assert polls[-1].headers["RateLimit"].startswith('"client";r=2')
    assert app.test_client().get("/v1/members/balance", headers=bearer(token)).status_code == 200


def test_two_applications_share_a_clients_rate(database: Database, shared: Counting) -> None:
    apps = [make_app(database, shared=shared) for _ in range(2)]
    client, secret = make_client(apps[0], rate=10)
    form = {"grant_type": "client_credentials"}
    answer = apps[1].test_client().post("/oauth/token", data=form, auth=(client.public_id, secret))
    headers = bearer(answer.get_json()["access_token"])
    statuses = [
        apps[n % 2].test_client().post("/v1/purchases/str_1", headers=headers).status_code for n in range(14)
    ]
    assert statuses == [200] * 10 + [429] * 4
