"""``loyalty client``, ``keys`` and ``store``: who may call, and from where."""

from __future__ import annotations

import click

from loyalty_api.operations.here import open_session


@click.group()
def client() -> None:
    """Credentials of tills, staff, backends, partners and administrators."""


@client.command("create")
@click.argument("kind")
@click.option("--name", required=True, help="What people call it.")
@click.option("--store", "store_id", help="The store that a till belongs to: str_…")
@click.option("--scope", "scopes", multiple=True, help="Instead of those its kind usually has; repeat it.")
@click.option("--rate", type=int, help="Requests a minute; else LOYALTY_DEFAULT_RATE.")
def create_client(
    *, kind: str, name: str, store_id: str | None, scopes: tuple[str, ...], rate: int | None
) -> None:
    """Make a client of KIND: terminal, staff, mobile, partner or admin.

    Its secret is printed here and never again.
    """
    from loyalty_api import clock
    from loyalty_api.auth import service

    with open_session() as (session, place):
        made, secret = service.create_client(
            session,
            kind=kind,
            name=name,
            scopes=scopes or None,
            store_id=store_id,
            rate=rate or place.settings.default_rate,
            now=clock.machine_now(),
        )
    # Only after the commit: a secret that was shown belongs to a client that is there.
    click.echo(f"client_id      {made.public_id}\nclient_secret  {secret}")


@client.command("list")
def list_clients() -> None:
    """Print every client: id, kind, store, rate, name."""
    from loyalty_api.auth import service

    with open_session() as (session, _):
        after = None
        while found := service.list_clients(session, after=after, limit=200):
            for one in found:
                state = "revoked" if one.revoked_at else "active"
                belongs = f"{one.kind:9}{one.store_id or '-':16}"
                click.echo(f"{one.public_id}  {state:8}{belongs}{one.rate:>8}/min  {one.name}")
            after = found[-1].client_id


@client.command("revoke")
@click.argument("client_id")
def revoke_client(*, client_id: str) -> None:
    """End the client CLIENT_ID: its tokens stop within a second."""
    from loyalty_api import clock, ids
    from loyalty_api.auth import service

    key = ids.read("cli", client_id)
    if key is None:
        raise service.ClientUnknown(f"{client_id} is not the id of a client: cli_…")
    with open_session() as (session, _):
        service.revoke_client(session, client_id=key, now=clock.machine_now())
    click.echo(f"{client_id} is revoked.")


@click.group()
def keys() -> None:
    """The keys that sign access tokens."""


@keys.command("rotate")
@click.option("--stolen", is_flag=True, help="Drop all keys at once: every token there is dies.")
def rotate_keys(*, stolen: bool) -> None:
    """Publish a new key, which takes over in a few minutes; nobody has to stop for it."""
    from loyalty_api import clock
    from loyalty_api.auth import keys as signing
    from loyalty_api.vault import Vault

    with open_session() as (session, place):
        renew = signing.replace_stolen_keys if stolen else signing.rotate_keys
        kid = renew(session, vault=Vault(place.settings.keys), now=clock.machine_now())
    click.echo(f"{kid} signs {'at once' if stolen else f'in {signing.LEAD}'}.")


@keys.command("list")
def list_keys() -> None:
    """Print the keys whose signatures hold: id, signs from, accepted until."""
    from loyalty_api import clock
    from loyalty_api.auth import keys as signing
    from loyalty_api.auth.rules import holds

    with open_session() as (session, _):
        for key in signing.times(session):
            if holds(key, now=clock.machine_now()):
                until = key.verify_until.isoformat() if key.verify_until else "its successor comes"
                click.echo(f"{key.kid}  signs from {key.use_from.isoformat()}, accepted until {until}")


@click.group()
def store() -> None:
    """The merchant's stores."""


@store.command("create")
@click.argument("store_id")
@click.option("--name", required=True, help="What people call it.")
@click.option("--time-zone", required=True, help="An IANA name, such as Europe/Oslo.")
@click.option("--city")
def create_store(*, store_id: str, name: str, time_zone: str, city: str | None) -> None:
    """Add the store STORE_ID: str_ and what the merchant calls it."""
    from loyalty_api import clock
    from loyalty_api.auth.service import COMMAND_LINE
    from loyalty_api.stores import service

    with open_session() as (session, _):
        made = service.create_store(
            session,
            store_id=store_id,
            name=name,
            time_zone=time_zone,
            city=city,
            now=clock.machine_now(),
            by=COMMAND_LINE,
        )
    click.echo(f"{made.store_id} is there.")


@store.command("list")
def list_stores() -> None:
    """Print every store: id, time zone, name."""
    from loyalty_api.stores import service

    with open_session() as (session, _):
        after = None
        while found := service.list_stores(session, after=after, limit=200):
            for one in found:
                closed = "" if one.active else "  (closed)"
                click.echo(f"{one.store_id:20}{one.time_zone:24}{one.name}{closed}")
            after = found[-1].store_id
