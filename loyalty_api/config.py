"""Every setting, read once from the environment; all that is wrong with them is reported at once."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
from environs import Env, EnvValidationError, validate

from loyalty_api.errors import Fault, Invalid


class BadSettings(Invalid):
    """One or more environment variables do not hold what they should."""

    code, title = "bad_settings", "The settings in the environment are not valid"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation can set. Durations in seconds; URLs as given to the drivers.

    ``keys`` is the key ring that personal data is encrypted under: the first key encrypts, all of them decrypt.
    An empty ``database_url`` or ``redis_url`` means the embedded engine of this data folder.
    """

    data_dir: Path
    database_url: str = ""
    database_owner_url: str = ""
    redis_url: str = ""
    without_redis: bool = False
    issuer: str = "http://127.0.0.1:8080"
    audience: str = "loyalty-api"
    keys: tuple[tuple[str, bytes], ...] = ()
    workers: int = 2
    threads: int = 2
    log_level: str = "info"
    token_seconds: int = 600
    member_token_seconds: int = 900
    default_rate: int = 6000
    subject_issuers: dict[str, str] = field(default_factory=dict)


def _keys(text: str) -> tuple[tuple[str, bytes], ...]:
    """Parse ``name:base64,name:base64``; each key is 32 bytes."""
    ring = []
    for item in filter(None, text.split(",")):
        name, _, encoded = item.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise validate.ValidationError("each key is name:base64") from error
        if len(key) != 32 or not name:
            raise validate.ValidationError("each key is name:base64 of 32 bytes")
        ring.append((name, key))
    return tuple(ring)


def default_data_dir() -> Path:
    """Where embedded engines live unless ``LOYALTY_DATA_DIR`` says otherwise."""
    return Path(platformdirs.user_data_dir("loyalty-api", appauthor=False))
