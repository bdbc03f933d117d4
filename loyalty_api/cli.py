"""The ``loyalty`` command. What a command needs is imported when it runs, so that help is quick."""

from __future__ import annotations

from typing import Any

import click

from loyalty_api import __version__
from loyalty_api.errors import LoyaltyError
from loyalty_api.operations import (
    commands,
    commands_access,
    commands_draws,
    commands_program,
    commands_sandbox,
)


class Loyalty(click.Group):
    """Every trouble we have a name for is told in a few lines; anything else is a bug and shows its trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Raises ClickException for a LoyaltyError."""
        try:
            return super().invoke(ctx)
        except LoyaltyError as error:
            raise click.ClickException(told(error)) from error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The demo's command lives with the demo and is imported when it is asked for."""
        if cmd_name == "demo":
            from loyalty_api.demo.command import demo

            return demo
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Those that were added and the demo's."""
        return sorted([*super().list_commands(ctx), "demo"])


def told(error: LoyaltyError) -> str:
    """The title, then one line for each thing that is wrong."""
    if error.errors:
        faults = [f"  {fault.pointer.lstrip('/')}: {fault.message}" for fault in error.errors]
        return "\n".join([f"{error.title}:", *faults])
    return error.title if error.detail == error.title else f"{error.title}. {error.detail}"


@click.group(cls=Loyalty)
@click.version_option(__version__, prog_name="loyalty")
@click.option(
    "--database",
    default="loyalty",
    show_default=True,
    help="Which database of the embedded PostgreSQL to use; the demo's is loyalty_basic.",
)
@click.pass_context
def main(ctx: click.Context, *, database: str) -> None:
    """Loyalty and rewards behind one REST API.

    Settings come from the environment, and `loyalty doctor` says what is wrong with them. Without a
    DATABASE_URL there is an embedded PostgreSQL, in LOYALTY_DATA_DIR.
    """
    ctx.obj = database


for command in (
    commands.serve,
    commands.worker,
    commands.doctor,
    commands.verify,
    commands.db,
    commands.openapi,
    commands_access.client,
    commands_access.keys,
    commands_access.store,
    commands_draws.draws,
    commands_program.program,
    commands_sandbox.sandbox,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
