"""Running the commands of a page as a reader would: one after the other, in one shell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.docs.markdown import Block, differs, documents

_MARK = "\x1e"


def run(commands: Sequence[str], *, env: Mapping[str, str], folder: Path) -> list[str]:
    """What each of the commands has printed; the first that fails fails the test."""
    script = "\n".join(f"{command}\nprintf '{_MARK}'" for command in commands)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, **env},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.split(_MARK)[:-1]


def follow(steps: Sequence[Block], *, env: Mapping[str, str], folder: Path) -> int:
    """Run the ``sh`` blocks and hold what they print against the ``json answer`` that follows; how many were held."""
    printed = run([step.text for step in steps if step.kind == "sh"], env=env, folder=folder)
    answers, held = iter(printed), 0
    last = ""
    for step in steps:
        if step.kind == "sh":
            last = next(answers)
            continue
        said, found = list(documents(step.text)), list(documents(last))
        trouble = differs(said, found)
        assert not trouble, f"{trouble}\nThe page says {step.text}\nand the answer is {last}"
        held += 1
    return held
