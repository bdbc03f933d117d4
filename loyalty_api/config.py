"""Every setting, read once from the environment; all that is wrong with them is reported at once."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
from environs import Env, EnvValidationError, ValidationError, validate

from loyalty_api.errors import Fault, Invalid


class BadSettings(Invalid):
    """One or more environment variables do not hold what they should."""

    code, title = "bad_settings", "The settings in the environment are not valid"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation can set. Durations in seconds; URLs as given to the drivers.

    ``keys`` is the key ring that personal data is encrypted under: the first key encrypts, all of them decrypt.
    ``trusted_proxies`` is how many proxies of ours stand in front and say from where a request came.
    ``worker`` has a server run the jobs too. ``sandbox`` lets business time be set by hand: never for real members.
    An empty ``database_url`` or ``redis_url`` means the embedded engine of this data folder.
    """

    data_dir: Path
    # What holds a secret is not shown where settings are printed.
    database_url: str = field(default="", repr=False)
    database_owner_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)
    without_redis: bool = False
    issuer: str = "http://127.0.0.1:8080"
    audience: str = "loyalty-api"
    keys: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    workers: int = 2
    threads: int = 2
    log_level: str = "info"
    token_seconds: int = 600
    member_token_seconds: int = 900
    default_rate: int = 6000
    trusted_proxies: int = 0
    worker: bool = False
    sandbox: bool = False
    subject_issuers: dict[str, str] = field(default_factory=dict)


def _keys(text: str) -> tuple[tuple[str, bytes], ...]:
    """Parse ``name:base64,name:base64``; each key is 32 bytes."""
    ring = []
    for item in filter(None, text.split(",")):
        name, _, encoded = item.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ValidationError("each key is name:base64") from error
        if len(key) != 32 or not name:
            raise ValidationError("each key is name:base64 of 32 bytes")
        ring.append((name, key))
    return tuple(ring)


def default_data_dir() -> Path:
    """Where embedded engines live unless told otherwise: the user's data folder.

    Root's own folders are closed to the user that PostgreSQL must run as, so root gets one that is not.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/loyalty-api")
    return Path(platformdirs.user_data_dir("loyalty-api", appauthor=False))


def read() -> Settings:
    """The settings of this process.

    :raises BadSettings: one or more variables are wrong; ``errors`` names each of them.
    """
    env = Env(eager=False)
    data_dir = env.path("LOYALTY_DATA_DIR", default_data_dir())
    found: dict[str, Any] = {
        "database_url": env.str("DATABASE_URL", ""),
        "database_owner_url": env.str("DATABASE_OWNER_URL", ""),
        "redis_url": env.str("REDIS_URL", ""),
        "without_redis": env.bool("LOYALTY_WITHOUT_REDIS", False),
        "issuer": env.str(
            "LOYALTY_ISSUER", "http://127.0.0.1:8080", validate=validate.URL(require_tld=False)
        ),
        "audience": env.str("LOYALTY_AUDIENCE", "loyalty-api", validate=validate.Length(min=1)),
        "workers": env.int("LOYALTY_WORKERS", 2, validate=validate.Range(1, 64)),
        "threads": env.int("LOYALTY_THREADS", 2, validate=validate.Range(1, 32)),
        "log_level": env.str(
            "LOYALTY_LOG_LEVEL", "info", validate=validate.OneOf(["debug", "info", "warning", "error"])
        ),
        "token_seconds": env.int("LOYALTY_TOKEN_SECONDS", 600, validate=validate.Range(60, 3600)),
        "member_token_seconds": env.int(
            "LOYALTY_MEMBER_TOKEN_SECONDS", 900, validate=validate.Range(60, 3600)
        ),
        "default_rate": env.int("LOYALTY_DEFAULT_RATE", 6000, validate=validate.Range(1, 1_000_000)),
        "trusted_proxies": env.int("LOYALTY_TRUSTED_PROXIES", 0, validate=validate.Range(0, 5)),
        "worker": env.bool("LOYALTY_WORKER", False),
        "sandbox": env.bool("LOYALTY_SANDBOX", False),
        "subject_issuers": env.json("LOYALTY_SUBJECT_ISSUERS", {}, validate=_registered_issuers),
    }
    keys = env.str("LOYALTY_KEYS", "", validate=_keys_hold)
    try:
        env.seal()
    except EnvValidationError as error:
        raise BadSettings(_listed(error), errors=_faults(error)) from error
    return Settings(
        data_dir=data_dir, keys=_keys(keys) or _kept_keys(data_dir, found["database_url"]), **found
    )


def _kept_keys(data_dir: Path, database_url: str) -> tuple[tuple[str, bytes], ...]:
    """The key ring of an installation of its own: made once, in a file that only its user can read.

    Whoever brings a database brings the keys to it too: a ring that was made here and lost with this machine would
    take all personal data with it.

    :raises BadSettings: there is a database and no ring.
    """
    if database_url:
        fault = Fault(
            "/LOYALTY_KEYS", "required", "Set it together with DATABASE_URL: name:base64 of 32 bytes."
        )
        raise BadSettings(fault.message, errors=[fault])
    path = data_dir / "keys"
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("first:" + base64.b64encode(secrets.token_bytes(32)).decode())
    except FileExistsError:
        pass
    return _keys(path.read_text().strip())


def _keys_hold(text: str) -> None:
    _keys(text)


def _registered_issuers(value: object) -> None:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValidationError("a JSON object: issuer to JWKS text or file")


def _faults(error: EnvValidationError) -> list[Fault]:
    return [
        Fault(f"/{name}", "invalid_value", str(message))
        for name, messages in _by_name(error).items()
        for message in messages
    ]


def _by_name(error: EnvValidationError) -> Mapping[str, list[str]]:
    found = error.error_messages
    return found if isinstance(found, Mapping) else {"environment": list(found)}


def _listed(error: EnvValidationError) -> str:
    return "; ".join(f"{fault.pointer[1:]}: {fault.message}" for fault in _faults(error))
