"""``python -m tests.drill``: the drill with a longer load, and its report. The exit code is 1 when it fails."""

from __future__ import annotations

import argparse
import sys

from tests.drill.drill import run


def main() -> None:
    """Run it, and print how long each step took and, as one JSON object, what was found."""
    arguments = argparse.ArgumentParser(prog="make drill", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10, help="how long tills sell, before and after")
    report = run(seconds=arguments.parse_args().seconds)
    for step, seconds in report.seconds.items():
        sys.stdout.write(f"{seconds:7.2f} s  {step}\n")
    sys.stdout.write(f"{report.line()}\n")
    sys.exit(0 if report.passed else 1)


if __name__ == "__main__":
    main()
