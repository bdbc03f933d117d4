"""The same from the command line."""

from __future__ import annotations

from tests.cli.conftest import Installation, empty, folder, installation  # noqa: F401 - fixtures

WINDOW = ("--from", "2026-01-01T00:00:00+01:00", "--to", "2026-01-08T00:00:00+01:00")


def test_what_cannot_be_corrected_is_said_in_a_sentence(installation: Installation) -> None:  # noqa: F811
    unknown = installation.loyalty("program", "correct", "--version", "7", *WINDOW)
    assert unknown.exit_code == 1
    assert "no such program version" in unknown.output
    for words in (("--from", "2026-01-01T00:00:00"), ("--to", "yesterday")):
        given = dict(zip(WINDOW[::2], WINDOW[1::2], strict=True)) | {words[0]: words[1]}
        flat = [word for pair in given.items() for word in pair]
        assert installation.loyalty("program", "correct", "--version", "1", *flat).exit_code == 2
