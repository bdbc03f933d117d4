"""Two installations, made as the README says: the demo's, and one with a PostgreSQL of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.docs import markdown
from tests.docs.shell import run
from tests.support.engines import data_folder, start
from tests.support.processes import free_port


@dataclass(frozen=True, slots=True)
class Place:
    """Where commands are tried: the variables that the pages speak of, and a folder to stand in."""

    folder: Path
    variables: Mapping[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, client: str, secret: str) -> str:
        """An access token of the client."""
        if client not in self.tokens:
            form = f"grant_type=client_credentials&client_id={client}&client_secret={secret}"
            _, answer = self.call("/oauth/token", form.encode(), "application/x-www-form-urlencoded")
            self.tokens[client] = answer["access_token"]
        return self.tokens[client]

    def post(self, path: str, body: Any, *, token: str, key: str | None = None) -> tuple[int, Any]:
        """Status and document of a POST; ``key`` is the Idempotency-Key."""
        headers = {"Authorization": f"Bearer {token}", **({"Idempotency-Key": key} if key else {})}
        return self.call(path, json.dumps(body).encode(), "application/json", headers)

    def call(
        self, path: str, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        request = urllib.request.Request(self.variables["API"] + path, data=body, method="POST")
        for name, value in {"Content-Type": content_type, **(headers or {})}.items():
            request.add_header(name, value)
        for _ in range(100):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as refused:
                if refused.code != 503:
                    return refused.code, json.load(refused)
                # A busy machine asks to come again.
                time.sleep(0.1)
        raise AssertionError(f"{path} was not answered.")


def _environment(folder: Path, data: Path) -> dict[str, str]:
    """Without settings of whoever runs the tests, and with ``loyalty`` to be found.

    One worker is enough, and modules that one process has compiled are ready for the next.
    """
    programs = folder / "bin"
    programs.mkdir()
    (programs / "loyalty").write_text(f'#!/bin/sh\nexec {sys.executable} -m loyalty_api.cli "$@"\n')
    (programs / "loyalty").chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LOYALTY_") and not name.endswith("_URL") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **kept,
        "PATH": f"{programs}:{kept['PATH']}",
        "PYTHONPATH": str(markdown.ROOT),
        "LOYALTY_DATA_DIR": str(data),
        "LOYALTY_WORKERS": "1",
    }


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """`make demo`, with what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    with data_folder() as data, (folder / "complaints").open("w") as complaints:
        environment = _environment(folder, data)
        words = f"demo --days 1 --fast --port {free_port()}".split()
        command = [str(folder / "bin" / "loyalty"), *words]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True, cwd=folder
        )
        assert process.stdout is not None
        said = "".join(takewhile(lambda line: not line.startswith("Serving"), process.stdout))
        try:
            assert "The API page" in said, (folder / "complaints").read_text()
            yield Place(folder, _printed(said))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)


def _printed(said: str) -> dict[str, str]:
    patterns = {
        "API": r"The API page +(\S+)/docs",
        "CLIENT": r"A till's client +(\S+)",
        "SECRET": r"Its secret +(\S+)",
        "STORE": r"\(store (\S+),",
        "CARD": r'"kind": "card", "value": "([^"]+)"',
        "NOW": r"Its time +(\S+)",
    }
    return {name: re.findall(pattern, said)[0] for name, pattern in patterns.items()}


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An installation for real, by the commands of the README, that runs the program of the till's guide."""
    page = markdown.section(markdown.read("README.md"), "Running it for real")
    folder = tmp_path_factory.mktemp("installation")
    with data_folder() as data, start(data) as engines:
        with psycopg.connect(engines.database_url, autocommit=True) as connection:
            for statement in markdown.blocks(page, "sql")[0].text.split(";"):
                connection.execute(statement.strip().encode()) if statement.strip() else None
        host = engines.database_url.partition("?")[2]
        settings, first, serve = (block.text for block in markdown.blocks(page, "sh"))
        port = free_port()
        settings = settings.replace("@127.0.0.1/loyalty", f"@/loyalty?{host}")
        settings = settings.replace("redis://127.0.0.1:6379/0", engines.redis_url)
        environment = _environment(folder, data)
        _, made, exported = run([settings, first, "env -0"], env=environment, folder=folder)
        environment |= dict(item.split("=", 1) for item in exported.split("\0") if "=" in item)
        clients = re.findall(r"client_id +(\S+)\nclient_secret +(\S+)", made)
        words = serve.replace("8080", str(port)).split()
        command = [str(folder / "bin" / words[0]), *words[1:]]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
        )
        try:
            api = f"http://127.0.0.1:{port}"
            _wait_until_ready(api, process)
            variables = {"API": api, "STORE": "str_0412", "CLIENT": clients[1][0], "SECRET": clients[1][1]}
            place = Place(folder, variables)
            variables["OFFICE"] = place.token(*clients[0])
            _publish(place)
            yield place
        finally:
            process.terminate()
            process.wait(timeout=120)


def _publish(place: Place) -> None:
    """Publish the till guide's program with the commands of the program's guide."""
    program = markdown.blocks(markdown.read("docs/till.md"), "json")[0].text
    (place.folder / "program.json").write_text(program)
    (publish,) = markdown.blocks(markdown.read("docs/program.md"), "sh")
    variables = {**place.variables, "TOKEN": place.variables["OFFICE"]}
    (printed,) = run([publish.text], env=variables, folder=place.folder)
    assert json.loads(printed)["version"] == 1, printed


def _wait_until_ready(api: str, process: subprocess.Popen[bytes]) -> None:
    """The limit is only there to end a broken run."""
    until = time.monotonic() + 240
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{api}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("The server of the README did not become ready.")
