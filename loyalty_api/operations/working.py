"""The worker: runs named jobs from the queue, by the clock and as they are deferred, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import procrastinate
import psycopg
from procrastinate import JobContext
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job as StalledJob
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from procrastinate.signals import on_stop

from loyalty_api import clock, telemetry
from loyalty_api.config import Settings
from loyalty_api.db import Database
from loyalty_api.engines.parent import end_with
from loyalty_api.jobs import JOBS, KEYED_JOBS, Job, Limit
from loyalty_api.queue import QUEUE, open_queue
from loyalty_api.sandbox.following import follow_sandbox
from loyalty_api.vault import Vault

_AT_ONCE = 3
_PAUSE_SECONDS = 3.0
_KEPT_HOURS = 30 * 24
_STOP_SECONDS = 10.0
# A job that is told to end does so after the batch it is at.
_GRACE_SECONDS = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often a worker shows that it lives, and after how long in silence its jobs are given to others; seconds."""

    every: float = 5.0
    dead_after: float = 20.0


def work(settings: Settings, *, pulse: Pulse = Pulse()) -> None:
    """Run jobs until SIGTERM or SIGINT; a database that goes away, or one of our connections to it, is waited for."""
    telemetry.configure_logging(settings.log_level)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    database = Database(settings.database_url, threads=_AT_ONCE)
    follow_sandbox(settings, database)
    try:
        while True:
            try:
                asyncio.run(_work(settings, database, pulse))
                return
            except (ConnectorException, psycopg.OperationalError, OSError) as error:
                _log.warning("worker_without_database", extra={"kind": type(error).__name__})
                time.sleep(_PAUSE_SECONDS)
    finally:
        database.close()


async def _work(settings: Settings, database: Database, pulse: Pulse) -> None:
    queue = open_queue(settings.database_url, connections=_AT_ONCE + 2)
    _register(queue, database, pulse, Vault(settings.keys))
    async with queue.open_async():
        await _sweep(queue, pulse)
        running = asyncio.create_task(
            queue.run_worker_async(
                queues=[QUEUE],
                concurrency=_AT_ONCE,
                delete_jobs="successful",
                update_heartbeat_interval=pulse.every,
                stalled_worker_timeout=pulse.dead_after,
                shutdown_graceful_timeout=_GRACE_SECONDS,
                install_signal_handlers=False,
            )
        )

        def end() -> None:
            running.cancel()

        with on_stop(end):
            await asyncio.gather(running, return_exceptions=True)
        if not running.cancelling():
            # It ends without a word, too, when what listens or shows that it lives has lost its connection.
            running.result()
            raise ConnectionError("a part of the worker has ended")


def _register(queue: procrastinate.App, database: Database, pulse: Pulse, vault: Vault) -> None:
    """Every job by its name and its clock; one of a name runs at a time, and no more than one waits."""
    keyed = {name: job.with_keys(vault) for name, job in KEYED_JOBS.items()}
    for name, job in {**JOBS, **keyed}.items():
        add = queue.task(name=name, queue=QUEUE, lock=name, queueing_lock=name, pass_context=True)
        queue.periodic(cron=job.cron)(add(_runner(name, job, database)))

    async def sweep(**_: object) -> None:
        await _sweep(queue, pulse)

    # The sweep holds no lock: it is what frees the locks of those that were killed.
    queue.periodic(cron="* * * * *")(queue.task(name="sweep", queue=QUEUE, queueing_lock="sweep")(sweep))


def _runner(name: str, job: Job, database: Database) -> Callable[..., None]:
    def run(context: JobContext, **_: object) -> None:
        now: datetime = clock.now()
        began = time.monotonic()
        done = job.run(database, now, Limit(told=context.should_abort))
        _log.debug("job_done", extra={"job": name, "done": str(done), "seconds": time.monotonic() - began})

    return run


async def _sweep(queue: procrastinate.App, pulse: Pulse) -> None:
    """Give jobs of workers that have died to those that live, and forget failures after a month."""
    manager = queue.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=pulse.dead_after):
        _log.warning("job_stalled", extra={"job": job.task_name})
        await _take_over(manager, job)
    await manager.delete_old_jobs(nb_hours=_KEPT_HOURS, include_failed=True)


async def _take_over(manager: JobManager, job: StalledJob) -> None:
    """Have the job done again; where the next of its name waits already, that one does what is left."""
    try:
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            await manager.finish_job(job, Status.FAILED, delete_job=True)
    except ConnectorException:
        _log.info("job_taken_over_by_another", extra={"job": job.task_name})


@contextmanager
def worker_beside(settings: Settings) -> Iterator[None]:
    """A worker in a process of its own for as long as the block runs, started again should it die."""
    ended = threading.Event()
    processes: list[multiprocessing.process.BaseProcess] = []

    def keep() -> None:
        while not ended.is_set():
            process = multiprocessing.get_context("spawn").Process(
                target=_work_beside, args=(settings, os.getpid()), name="worker"
            )
            process.start()
            processes[:] = [process]
            while process.is_alive() and not ended.wait(0.5):
                pass
            ended.wait(0 if ended.is_set() else _PAUSE_SECONDS)

    keeper = threading.Thread(target=keep, name="worker-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join(_STOP_SECONDS)
        for process in processes:
            _end(process)


def _end(process: multiprocessing.process.BaseProcess) -> None:
    process.terminate()
    process.join(_STOP_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


def _work_beside(settings: Settings, parent: int) -> None:
    end_with(parent)
    work(settings)
