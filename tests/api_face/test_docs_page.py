"""The API page: served by us alone, under a policy that runs nothing but our own files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import loyalty_api
from loyalty_api import docs_page

STATIC = Path(loyalty_api.__file__).parent / "static"
PAGES = ("/docs", "/problems", "/problems/not_found")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_may_load_nothing_but_what_we_serve(client: FlaskClient, path: str) -> None:
    policy = client.get(path, headers={"Accept": "text/html"}).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", PAGES)
def test_a_page_holds_no_script_and_no_style_of_its_own(client: FlaskClient, path: str) -> None:
    text = client.get(path, headers={"Accept": "text/html"}).get_data(as_text=True)
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=", text)


@pytest.mark.parametrize("path", PAGES)
def test_everything_a_page_names_is_here(client: FlaskClient, path: str) -> None:
    text = client.get(path, headers={"Accept": "text/html"}).get_data(as_text=True)
    named = [url for url in re.findall(r'(?:src|href)="([^"]+)"', text) if not url.startswith(("#", "data:"))]
    assert named
    for url in named:
        assert url.startswith("/"), f"{url} is not ours"
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_for_small_screens_and_for_readers_too(client: FlaskClient, path: str) -> None:
    text = client.get(path, headers={"Accept": "text/html"}).get_data(as_text=True)
    assert '<html lang="en">' in text
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in text
    assert '<a class="skip" href="#content">' in text
    assert 'id="content"' in text


def test_files_are_kept_by_their_tag(client: FlaskClient) -> None:
    first = client.get("/docs/assets/docs.js")
    assert first.mimetype == "text/javascript"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    again = client.get("/docs/assets/docs.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")


@pytest.mark.parametrize("name", ["README.md", "..%2F..%2Fconfig.py", "../../config.py", "nothing.js"])
def test_no_other_file_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/assets/{name}").status_code == 404


def test_what_others_wrote_comes_with_its_licence() -> None:
    folder = STATIC / "swagger-ui"
    assert {"LICENSE", "NOTICE", "README.md"} <= {file.name for file in folder.iterdir()}
    for name, (place, _) in docs_page._ASSETS.items():
        assert (STATIC / place / name).is_file()
