"""The files of `deploy/` speak of what is there: commands, settings, metrics, paths; and nginx says what it should."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client.parser import text_string_to_metric_families

from loyalty_api import config
from loyalty_api.cli import main
from loyalty_api.problems import CATALOGUE
from tests.docs import markdown
from tests.support.engines import data_folder, start
from tests.support.postgres_tools import ROOT, Tools
from tests.support.processes import free_port
from tests.support.shop import Shop

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
NGINX = (DEPLOY / "nginx.conf").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "loyalty-api"}
RULES = [
    rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
# Those of PostgreSQL's images and of our script that gives passwords.
_OF_THE_SERVER = {"POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS", "OWNER_PASSWORD", "APP_PASSWORD"}


def ensure_command(words: list[str]) -> None:
    """These words after `loyalty` are a command of ours with values that it takes."""
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    command.make_context("loyalty", words)


def known_settings() -> set[str]:
    """Every variable that we read."""
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', Path(config.__file__).read_text()))


# ── systemd ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def unit(path: Path) -> Mapping[str, list[str]]:
    """The entries of a unit, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_what_there_is(path: Path) -> None:
    (start_with,) = unit(path)["ExecStart"]
    program, *words = shlex.split(start_with.replace("%i", "8080"))
    if program.endswith("/loyalty"):
        ensure_command(words)
    elif program.startswith("/opt/loyalty-api/deploy"):
        assert os.access(ROOT / program.removeprefix("/opt/loyalty-api/"), os.X_OK)
    else:
        assert program == "/usr/bin/pg_receivewal"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_closed(path: Path) -> None:
    entries = unit(path)
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictNamespaces"):
        assert entries[name] == ["yes"], name
    assert entries["ProtectSystem"] == ["strict"]
    assert entries["CapabilityBoundingSet"] == [""]
    assert entries["User"][0] != "root"


@pytest.mark.parametrize("name", ["loyalty-api@.service", "loyalty-worker.service"])
def test_a_service_is_told_to_end_by_its_first_process_and_has_the_time_for_it(name: str) -> None:
    from loyalty_api.operations.serving import _LONGEST_REQUEST

    entries = unit(DEPLOY / name)
    assert entries["KillMode"] == ["mixed"]
    assert int(entries["TimeoutStopSec"][0]) > _LONGEST_REQUEST


# ── compose ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_of_compose_runs_a_command_under_settings_that_we_read(name: str) -> None:
    ensure_command(OURS[name]["command"])
    assert set(OURS[name]["environment"]) <= known_settings()
    assert ("DATABASE_OWNER_URL" in OURS[name]["environment"]) == (name == "migrate")


def test_compose_names_only_what_is_there() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        for kind, _, _ in (volume.partition(":") for volume in service.get("volumes", ())):
            assert kind in COMPOSE["volumes"] or kind.startswith("${") or (DEPLOY / kind).exists(), kind
        for needed, on in service.get("depends_on", {}).items():
            if on["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], needed
        assert service["image"] == "loyalty-api" or re.fullmatch(r"[a-z/]+:[0-9.]+", service["image"])
    assert set(services["postgres"]["environment"]) <= _OF_THE_SERVER


def test_the_example_of_the_environment_has_every_value_that_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    given = re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE)
    assert asked == set(given)


def test_the_servers_of_nginx_are_those_of_compose() -> None:
    renamed = " ".join(COMPOSE["services"]["nginx"]["command"])
    for address in re.findall(r"server (127\.0\.0\.1:\d+)", NGINX):
        assert f"s/{address}/" in renamed, address
    for name, port in re.findall(r"s/[0-9.:]+/([a-z0-9-]+):(\d+)/", renamed):
        assert port in COMPOSE["services"][name]["command"]


def test_the_image_has_what_its_build_copies() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in let_in, source
    (words,) = re.findall(r"^CMD \[(.+)\]$", dockerfile, re.MULTILINE)
    ensure_command([word.strip().strip('"') for word in words.split(",")])


def test_the_script_of_the_passwords_gives_them() -> None:
    """Passwords with characters that a careless script would trip over."""
    with data_folder() as folder, start(folder, without_redis=True):
        tools = Tools.of(folder)
        tools.psql("-f", DEPLOY / "postgresql" / "roles.sql")
        given = {"POSTGRES_USER": "loyalty", "OWNER_PASSWORD": "it's \\ $HOME", "APP_PASSWORD": 'a"b c;'}
        tools.run("env", *(f"{k}={v}" for k, v in given.items()), DEPLOY / "postgresql" / "passwords.sh")
        told = tools.psql(
            "-c", "SELECT rolname FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256$%' ORDER BY 1"
        )
        assert told.split() == ["loyalty_app", "loyalty_owner"]


# ── alarms ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def metrics(shop: Shop) -> str:
    """What a server that has answered something exposes."""
    shop.office.get("/v1/stores")
    return str(shop.app.test_client().get("/metrics").get_data(as_text=True))


def test_what_is_exposed_can_be_read(metrics: str) -> None:
    found = {family.name for family in text_string_to_metric_families(metrics)}
    assert {"loyalty_requests", "loyalty_request_seconds", "loyalty_check", "loyalty_waiting"} <= found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alarm_speaks_of_what_is_measured(metrics: str, shop: Shop, rule: dict[str, Any]) -> None:
    samples = [s for family in text_string_to_metric_families(metrics) for s in family.samples]
    names = {sample.name for sample in samples}
    labels = {(s.name, name) for s in samples for name in s.labels}
    operations = {endpoint.rpartition(".")[2] for endpoint in shop.app.view_functions}
    assert rule["labels"]["severity"] in ("page", "ticket")
    for name in re.findall(r"\b(loyalty_\w+)", rule["expr"]):
        assert name in names, name
    for name, inside in re.findall(r"\b(loyalty_\w+)\{([^}]*)\}", rule["expr"]):
        for label, _, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', inside):
            assert (name, label) in labels, label
            if label == "operation":
                assert set(value.split("|")) <= operations
            elif label == "kind":
                assert value in {s.labels["kind"] for s in samples if s.name == name}
            elif label == "check":
                assert value in {"database", "durability", "migrations", "redis", "disk"}


def test_every_alarm_has_its_place_in_the_runbook_and_the_other_way_round() -> None:
    page = markdown.section(markdown.read("docs/operations.md"), "Alarms")
    rows = markdown.table(page, "alarm", "it means", "do")
    assert [markdown.code(row[0])[0] for row in rows] == [rule["alert"] for rule in RULES]


# ── nginx ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def directives(name: str) -> list[str]:
    """The values of every directive of this name."""
    bare = re.sub(r"#.*", "", NGINX)
    return [" ".join(value.split()) for value in re.findall(rf"\b{name}\s+([^;{{}}]+);", bare)]


def test_nginx_reads_requests_whole_and_within_the_limits_of_the_api() -> None:
    assert directives("proxy_request_buffering") == ["on"]
    assert directives("client_max_body_size") == ["1m", "64m"]
    assert directives("limit_req_status") == directives("limit_conn_status") == ["429"]
    assert directives("keepalive") == ["32"]


def test_nginx_never_sends_a_write_twice() -> None:
    assert directives("proxy_next_upstream") == ["error"]
    assert "non_idempotent" not in NGINX


def test_nginx_writes_no_card_and_no_token_down() -> None:
    (form,) = re.findall(r"log_format loyalty (.+?);", NGINX, re.DOTALL)
    told = set(re.findall(r"\$(\w+)", form))
    assert not told & {
        "request",
        "request_uri",
        "uri",
        "args",
        "query_string",
        "http_authorization",
        "request_body",
    }
    assert all(value.endswith(" loyalty") or value == "off" for value in directives("access_log"))


def test_the_problems_of_nginx_are_problems_of_ours() -> None:
    for kind, code in re.findall(r'"type":"/problems/(\w+)".*?"code":"(\w+)"', NGINX):
        assert kind == code
        assert code in CATALOGUE


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A folder with a key and a certificate that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loyalty.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "loyalty.example.pem").write_bytes(made.public_bytes(pem))
    (tmp_path / "loyalty.example.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path


def test_nginx_takes_it(certificate: Path) -> None:
    nginx = os.environ.get("LOYALTY_TEST_NGINX") or shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.path.exists(nginx):
        pytest.skip("there is no nginx")
    site = NGINX.replace("/etc/ssl/", f"{certificate}/").replace("/var/log/nginx/", f"{certificate}/")
    site = site.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{free_port()} ssl")
    whole = certificate / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {certificate}/{kind};" for kind in kinds)
    whole.write_text(
        f"pid {certificate}/pid; error_log stderr;\nevents {{}}\nhttp {{\n{folders} access_log off;\n{site}\n}}\n"
    )
    done = subprocess.run(
        [nginx, "-t", "-q", "-p", certificate, "-c", whole], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
