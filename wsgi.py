"""The application for any WSGI server: ``gunicorn wsgi:app``, ``granian --interface wsgi wsgi:app``.

It is built when it is first asked for, in the process that asks: load it in the workers (no ``--preload``),
since neither connections nor threads survive a fork. It reads the environment and starts no engines.
"""

from __future__ import annotations

from typing import Any

from loyalty_api.operations.serving import create


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    return globals().setdefault("app", create())
