"""Every command over SASL/SCRAM and TLS, each with the rights of its role, and no secret in anything that is printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders import NOON, minutes
from tests.secured import Authority, Logins, secured_kafka, secured_postgres, tls_postgres
from tests.service import COMMAND, PATIENCE, fetch, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.slow]

USER = "sentiwatch-worker"
MARK = "mArKeDsEcReT"
ROWS = 40
HANDLE = "zorgblatt"


@dataclass
class Bank:
    """Where the secured parts are, and everything that was ever printed or told to the kernel."""

    kafka: str
    logins: Logins
    triton: str
    authority: Authority
    certificate: Path
    key: Path
    directory: Path
    heard: list[str] = field(default_factory=list)

    def variables(self, role: str, **changes: str) -> dict[str, str]:
        secret = self.directory / f"{role}.url"
        secret.touch(mode=0o600)
        secret.write_text(getattr(self.logins, role))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SENTIWATCH_")}
        return inherited | {
            "SENTIWATCH_LOCAL_DIR": str(self.directory / "none"),
            "SENTIWATCH_KAFKA__BOOTSTRAP": self.kafka,
            "SENTIWATCH_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "SENTIWATCH_KAFKA__SASL_USERNAME": USER,
            "SENTIWATCH_KAFKA__SASL_PASSWORD_FILE": str(self.directory / "kafka.password"),
            "SENTIWATCH_KAFKA__CA_FILE": str(self.authority.file),
            "SENTIWATCH_KAFKA__CERTIFICATE_FILE": str(self.certificate),
            "SENTIWATCH_KAFKA__KEY_FILE": str(self.key),
            "SENTIWATCH_POSTGRES__URL_FILE": str(secret),
            "SENTIWATCH_POSTGRES__SSLMODE": "verify-full",
            "SENTIWATCH_POSTGRES__CA_FILE": str(self.authority.file),
            "SENTIWATCH_PRIVACY__AUTHOR_KEY": f"{MARK}-author",
            "SENTIWATCH_TRITON__URL": self.triton,
            "SENTIWATCH_LOG_LEVEL": "DEBUG",
            "SENTIWATCH_WEB__PORT": "0",
            **changes,
        }

    def run(self, role: str, *arguments: str, **changes: str) -> tuple[int, str, str]:
        """A command by this role; what it prints, and its command line as the kernel shows it, are kept."""
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=self.variables(role, **changes), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.heard.append(Path(f"/proc/{process.pid}/cmdline").read_text())
        out, err = process.communicate(timeout=PATIENCE)
        self.heard += [out, err]
        return process.returncode, out, err

    def does(self, role: str, *arguments: str, **changes: str) -> str:
        code, out, err = self.run(role, *arguments, **changes)
        assert code == 0, (arguments, err, out)
        return out


@pytest.fixture(scope="module")
def bank(triton_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    programs = tls_postgres()
    if programs is None:
        pytest.skip(
            "no PostgreSQL with TLS here: the wheel's has none; install a system's (Debian: postgresql)"
        )
    directory = tmp_path_factory.mktemp("secured")
    authority = Authority(directory)
    ours = authority.issue("worker")
    (directory / "kafka.password").write_text(f"{MARK}-kafka\n")
    passwords = {name: f"{MARK}-{name}" for name in ("postgres", "migrator", "worker", "retention", "reader")}
    with (
        secured_kafka(directory, authority, USER, f"{MARK}-kafka") as kafka,
        secured_postgres(programs, authority, passwords) as logins,
    ):
        made = Bank(kafka, logins, triton_url, authority, ours.certificate, ours.key, directory)
        assert "revision" in made.does("migrator", "db", "upgrade")
        made.does("worker", "topics", "create")
        yield made


def write_posts(path: Path) -> None:
    rows = [
        {"id": f"post-{n}", "content": f"Acme number {n}", "event_time": (NOON + minutes(n)).isoformat(),
         "author": HANDLE if n == 0 else f"other{n % 7}"}
        for n in range(ROWS)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_every_command_works_with_the_rights_of_its_role_and_prints_no_secret(bank: Bank):
    bank.does("worker", "topics", "describe")
    write_posts(bank.directory / "posts.jsonl")
    bank.does(
        "worker",
        "ingest",
        "file",
        str(bank.directory / "posts.jsonl"),
        "--topic",
        "social.raw.v1",
        "--source",
        "forum",
    )

    told = bank.does("worker", "doctor")
    assert "SASL_SSL" in told
    assert "TLSv1" in told
    assert "sentiwatch_writer" in told
    figures = json.loads(bank.does("worker", "worker", "--drain", "--json"))
    assert figures["documents"] == ROWS
    replayed = json.loads(bank.does("worker", "replay", "--run", "again", "--json"))
    assert replayed["documents"] == ROWS
    live = bank.does("worker", "run", "fingerprint", "live").strip()
    assert live == replayed["fingerprint"]

    bank.does("reader", "alerts", "list")
    bank.does("worker", "alerts", "list")
    bank.does("worker", "doctor", "--settings")

    erased = json.loads(
        bank.does("migrator", "erase", "--author", f"@{HANDLE}", "--source", "forum", "--json")
    )
    assert (erased["documents"], erased["rows"]["document"]) == (1, 2)
    ((held),) = erased["kafka"]
    assert (held["topic"], held["first"], held["until"]) == ("social.raw.v1", held["last"], None)
    later = json.loads(bank.does("worker", "replay", "--run", "later", "--json"))
    assert later["documents"] == ROWS - 1
    assert bank.does("worker", "run", "fingerprint", "again").strip() == later["fingerprint"]

    code, _, err = bank.run("worker", "db", "downgrade", "base")
    assert (code, "lacks a right" in err) == (1, True)
    assert secrets_in(bank) == []


def test_a_serving_worker_shows_no_secret_to_those_who_may_ask(bank: Bank, unused_tcp_port: int):
    token = f"{MARK}-token-0123456789"
    (bank.directory / "token").write_text(token)
    changes = {
        "SENTIWATCH_WEB__PORT": str(unused_tcp_port),
        "SENTIWATCH_WEB__TOKEN_FILE": str(bank.directory / "token"),
    }
    worker = subprocess.Popen(
        [*COMMAND, "worker"], env=bank.variables("worker", **changes), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip

    address = f"http://127.0.0.1:{unused_tcp_port}"
    try:
        wait_until(
            lambda: fetch(f"{address}/ready", token)[0] == 200, "the worker is ready over SASL and TLS"
        )
        assert fetch(f"{address}/metrics", "guess")[0] == 401
        status, page = fetch(f"{address}/metrics", token)
        assert (status, "sentiwatch_live 1.0" in page) == (200, True)
    finally:
        worker.terminate()
        bank.heard += worker.communicate(timeout=PATIENCE)
    bank.heard.append(page)
    assert secrets_in(bank) == []


REFUSALS = {
    "a wrong password of Kafka": ({"SENTIWATCH_KAFKA__SASL_PASSWORD_FILE": "{directory}/wrong"}, "refuses"),
    "a broker nobody vouches for": ({"SENTIWATCH_KAFKA__CA_FILE": "{other}"}, "certificate"),
    "no certificate of ours": (
        {"SENTIWATCH_KAFKA__CERTIFICATE_FILE": "", "SENTIWATCH_KAFKA__KEY_FILE": ""},
        "kafka",
    ),
    "a wrong password of Postgres": ({"SENTIWATCH_POSTGRES__URL_FILE": "{directory}/wrong.url"}, "password authentication"),
    "a server nobody vouches for": ({"SENTIWATCH_POSTGRES__CA_FILE": "{other}"}, "certificate"),
    "no TLS to Postgres": ({"SENTIWATCH_POSTGRES__SSLMODE": "disable", "SENTIWATCH_POSTGRES__CA_FILE": ""}, "pg_hba.conf"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_connection_is_one_line_without_a_secret(bank: Bank, case: str, tmp_path: Path):
    other = Authority(tmp_path, "somebody else")
    (bank.directory / "wrong").write_text(f"{MARK}-wrong")
    (bank.directory / "wrong.url").write_text(bank.logins.worker.replace(f"{MARK}-worker", f"{MARK}-wrong"))
    changes, told = REFUSALS[case]
    filled = {
        name: value.format(directory=bank.directory, other=other.file) for name, value in changes.items()
    }
    code, out, err = bank.run("worker", "doctor", **filled)
    assert code == 1, out
    assert any(told in line for line in out.splitlines() if line.startswith("FAIL")), out
    assert "Traceback" not in err
    assert secrets_in(bank) == []


def secrets_in(bank: Bank) -> list[str]:
    """Lines of anything printed so far that hold a marked secret, plain or quoted for a URL."""
    return [line for text in bank.heard for line in text.splitlines() if re.search(MARK, line, re.IGNORECASE)]
