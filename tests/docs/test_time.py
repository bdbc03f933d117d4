"""The guide to time, followed in a sandbox."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.docs import markdown
from tests.docs.conftest import Place, _environment, _wait_until_ready
from tests.docs.shell import follow, run
from tests.support.engines import data_folder
from tests.support.processes import free_port

GUIDE = markdown.read("docs/time.md")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A sandbox of one's own under the guide's program, with its store and an administrator's token."""
    folder = tmp_path_factory.mktemp("sandbox")
    with data_folder() as data:
        environment = {**_environment(folder, data), "LOYALTY_SANDBOX": "1"}
        port = free_port()
        command = [str(folder / "bin" / "loyalty"), "serve", "--port", str(port)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
        )
        try:
            api = f"http://127.0.0.1:{port}"
            _wait_until_ready(api, process)
            store = "loyalty store create str_0412 --name Storgata --time-zone Europe/Oslo"
            client = "loyalty client create admin --name Office"
            _, made = run([store, client], env=environment, folder=folder)
            place = Place(folder, {"API": api})
            found = re.findall(r"client_id +(\S+)\nclient_secret +(\S+)", made)[0]
            yield Place(folder, {**environment, "API": api, "TOKEN": place.token(*found)})
        finally:
            process.terminate()
            process.wait(timeout=120)


def publish(place: Place) -> None:
    """The guide's program, by the commands of the program's guide."""
    program = next(block for block in markdown.blocks(GUIDE, "json") if "currency" in block.text)
    (place.folder / "program.json").write_text(program.text)
    (commands,) = markdown.blocks(markdown.read("docs/program.md"), "sh")
    (printed,) = run([commands.text], env=place.variables, folder=place.folder)
    assert json.loads(printed)["version"] == 1, printed


def test_the_guide_can_be_followed(sandbox: Place) -> None:
    publish(sandbox)
    steps = markdown.blocks(GUIDE, "sh", "json answer")
    assert follow(steps, env=sandbox.variables, folder=sandbox.folder) == 5
    (command,) = [block for block in markdown.blocks(GUIDE, "sh") if block.text.startswith("loyalty")]
    (said,) = markdown.blocks(GUIDE, "text answer")
    (printed,) = run([command.text], env=sandbox.variables, folder=sandbox.folder)
    assert printed.splitlines()[-1] == said.text.strip()


def test_the_jobs_are_those_that_run() -> None:
    from loyalty_api.jobs import JOBS, KEYED_JOBS

    rows = markdown.table(GUIDE, "job", "when", "what it does")
    assert {markdown.code(row[0])[0] for row in rows} == {*JOBS, *KEYED_JOBS, "sweep"}
