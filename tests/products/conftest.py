"""Products and stores are uploaded by the same machinery and tested on the same small application."""

from tests.stores.conftest import app, client, database, schema_url

__all__ = ["app", "client", "database", "schema_url"]
