"""The same from the command line."""

from __future__ import annotations

from tests.cli.conftest import Installation, empty, folder, installation  # noqa: F401 - fixtures


def test_an_operator_sets_and_moves_the_clock(installation: Installation) -> None:  # noqa: F811
    def clock(*words: str) -> str:
        said = installation.loyalty("sandbox", "clock", *words, LOYALTY_SANDBOX="1")
        assert said.exit_code == 0, said.output
        return said.output.splitlines()[-1]

    assert clock("--set", "2017-03-10T12:00:00+01:00") == "2017-03-10T11:00:00+00:00"
    assert clock("--advance", "3d") == "2017-03-13T11:00:00+00:00"
    assert clock() == "2017-03-13T11:00:00+00:00"
    refused = installation.loyalty("sandbox", "clock", "--set", "2017-01-01T00:00:00Z", LOYALTY_SANDBOX="1")
    assert refused.exit_code == 1
    assert "only moves forward" in refused.output


def test_only_a_sandbox_has_one(installation: Installation) -> None:  # noqa: F811
    refused = installation.loyalty("sandbox", "clock", "--advance", "3d")
    assert refused.exit_code == 1
    assert "not a sandbox" in refused.output


def test_what_cannot_be_read_is_refused(installation: Installation) -> None:  # noqa: F811
    for words in (("--set", "tomorrow"), ("--set", "2017-03-10T12:00:00"), ("--advance", "3 days"),
                  ("--set", "2017-03-10T12:00:00Z", "--advance", "3d")):  # fmt: skip
        assert installation.loyalty("sandbox", "clock", *words, LOYALTY_SANDBOX="1").exit_code == 2


def test_the_doctor_says_that_it_is_one(installation: Installation) -> None:  # noqa: F811
    assert "Business time is set by hand" in installation.loyalty("doctor", LOYALTY_SANDBOX="1").output
    assert "sandbox" not in installation.loyalty("doctor").output
