"""A broker and a PostgreSQL as a bank would run them: TLS everywhere, SCRAM log-ins, client certificates.

The wheel's PostgreSQL is built without TLS, so this one is a system's (Debian: postgresql).
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql

from streams.local.kafka import LocalKafka, _cluster_id
from streams.local.layout import default_layout
from streams.local.processes import Launch, Ownership, end, spawn
from streams.local.programs import Toolbox, part_environment, require_kafka, resolve_jars
from streams.local.sockets import LOOPBACK, choose

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 120.0
GROUPS = {"worker": "sentiwatch_writer", "retention": "sentiwatch_retention", "reader": "bi_reader"}
BROKER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=SASL_SSL://127.0.0.1:{broker},INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_SSL://127.0.0.1:{broker},INTERNAL://127.0.0.1:{internal}
listener.security.protocol.map=SASL_SSL:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.key={key}
ssl.keystore.certificate.chain={certificate}
ssl.truststore.type=PEM
ssl.truststore.certificates={authority}
listener.name.sasl_ssl.ssl.client.auth=required
log.dirs={logs}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.message.timestamp.before.max.ms=9223372036854775807
log.message.timestamp.after.max.ms=9223372036854775807
log.retention.ms=-1
message.max.bytes=4194304
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key, in files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates for this machine's loopback."""

    def __init__(self, directory: Path, name: str = "sentiwatch tests") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key, authority=True)
        self.file = directory / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, authority=False)
        found = Identity(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        found.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        found.key.touch(mode=0o600)
        found.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return found

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(LOOPBACK))])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def tls_postgres() -> Path | None:
    """The programs of a PostgreSQL that was built with TLS."""
    found = [Path(program).resolve().parent for name in ("postgres",) if (program := shutil.which(name))]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in found:
        if all((place / name).is_file() for name in ("postgres", "initdb", "pg_config")):
            asked = subprocess.run(
                [place / "pg_config", "--configure"], capture_output=True, text=True, check=False
            )
            if "openssl" in asked.stdout:
                return place
    return None


@contextmanager
def secured_kafka(directory: Path, authority: Authority, user: str, password: str) -> Iterator[str]:
    """A broker that takes nobody without a certificate of this authority and this log-in."""
    layout, tools = default_layout(), Toolbox()
    java = require_kafka(layout, tools)
    resolve_jars(layout, java, tools)
    identity = authority.issue("broker")
    ports = choose(("broker", "internal", "controller"), {}, set())
    inline = {
        name: path.read_text().replace("\n", "\\n")
        for name, path in (
            ("key", identity.key),
            ("certificate", identity.certificate),
            ("authority", authority.file),
        )
    }
    properties = directory / "server.properties"
    properties.write_text(BROKER.format(logs=directory / "logs", **ports, **inline))
    mark = f"secured-kafka@{directory}"
    program = LocalKafka(layout, mark)._java(java)
    scram = f"SCRAM-SHA-512=[name={user},password={password}]"
    format_arguments = ["format", "-t", _cluster_id(), "-c", str(properties), "--add-scram", scram]
    subprocess.run(
        [*program, "kafka.tools.StorageTool", *format_arguments],
        env=part_environment(mark), capture_output=True, check=True,
    )  # fmt: skip
    process = spawn(
        Launch([*program, "kafka.Kafka", str(properties)], part_environment(mark)), directory / "kafka.log"
    )
    try:
        wait_for_line(directory / "kafka.log", "Kafka Server started")
        yield f"{LOOPBACK}:{ports['broker']}"
    finally:
        end(Ownership(mark, process), signal.SIGTERM, timedelta(seconds=20))


def wait_for_line(log: Path, words: str) -> None:
    until = time.monotonic() + PATIENCE
    while words not in log.read_text(errors="replace"):
        assert time.monotonic() < until, log.read_text(errors="replace")[-2_000:]
        time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Logins:
    """The addresses of one database, one for each role; none says anything of TLS."""

    migrator: str
    worker: str
    retention: str
    reader: str
    passwords: tuple[str, ...]


@contextmanager
def secured_postgres(programs: Path, authority: Authority, passwords: dict[str, str]) -> Iterator[Logins]:
    """A server that takes TLS connections only, with the roles of a deployment as an administrator makes them."""
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    port = choose(("server",), {}, set())["server"]
    mark = f"secured-postgres-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="sentiwatch-tls-", ignore_cleanup_errors=True) as place:
        directory = Path(place)
        directory.chmod(0o711)
        launch = _prepare_cluster(programs, directory, authority, user, passwords["postgres"])
        options = {
            "listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": "", "ssl": "on", "fsync": "off",
            "ssl_cert_file": str(directory / "server.pem"), "ssl_key_file": str(directory / "server.key"),
            "ssl_min_protocol_version": "TLSv1.2", "password_encryption": "scram-sha-256",
        }  # fmt: skip
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(directory / "data"), *arguments]
        log = directory / "log"
        process = spawn(Launch(command, part_environment(mark), directory, launch.user), log)
        try:
            wait_for_line(log, "database system is ready")
            yield _make_logins(f"{LOOPBACK}:{port}", authority, passwords)
        finally:
            end(Ownership(mark, process), signal.SIGINT, timedelta(seconds=20))


def _prepare_cluster(
    programs: Path, directory: Path, authority: Authority, user: int | None, password: str
) -> Launch:
    data, secret, identity = directory / "data", directory / "password", authority.issue("postgres-server")
    data.mkdir(mode=0o700)
    secret.touch(mode=0o600)
    secret.write_text(password)
    for source, name in ((identity.certificate, "server.pem"), (identity.key, "server.key")):
        shutil.copyfile(source, directory / name)
        (directory / name).chmod(0o600)
    if user is not None:
        for path in (data, secret, directory / "server.pem", directory / "server.key"):
            os.chown(path, user, user)
    arguments = [
        "-D",
        str(data),
        "--username=postgres",
        "--auth=scram-sha-256",
        f"--pwfile={secret}",
        "--encoding=UTF8",
    ]
    subprocess.run(
        [programs / "initdb", *arguments, "--locale=C", "--no-instructions"],
        env=part_environment("initdb"), cwd=directory, user=user, group=user,
        extra_groups=None if user is None else [], capture_output=True, check=True,
    )  # fmt: skip
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    return Launch([], {}, directory, user)


def _make_logins(place: str, authority: Authority, passwords: dict[str, str]) -> Logins:
    """As OPERATIONS.md tells an administrator to."""
    tls = f"?sslmode=verify-full&sslrootcert={authority.file}"
    admin = f"postgresql://postgres:{passwords['postgres']}@{place}/postgres{tls}"
    with psycopg.connect(admin, autocommit=True) as connection:
        for group in GROUPS.values():
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(group)))
        for login in ("migrator", *GROUPS):
            group = (
                sql.SQL(" IN ROLE {}").format(sql.Identifier(GROUPS[login]))
                if login in GROUPS
                else sql.SQL("")
            )
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(login), sql.Literal(passwords[login])
                )
                + group
            )
        connection.execute("CREATE DATABASE sentiwatch OWNER migrator")
    urls = {
        login: f"postgresql://{login}:{passwords[login]}@{place}/sentiwatch"
        for login in ("migrator", *GROUPS)
    }
    return Logins(**urls, passwords=tuple(passwords.values()))
