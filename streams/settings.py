"""Every setting in one frozen tree; the only reader of the environment.

Values come from ``SENTIWATCH_*`` variables (nested with ``__``), then a ``.env`` file, then the local parts that
``sentiwatch local up`` started, then the defaults here. An unknown ``SENTIWATCH_*`` name is refused: a typo must not
silently become a default.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.domain.pseudonym import BEGINNING, AuthorKey, KeyRing
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "SENTIWATCH_"
SHORTEST_TOKEN = 16
# Read by the launcher and the bootstrap scripts, not by the service.
OUTSIDE_NAMES = frozenset({"SENTIWATCH_LOCAL_DIR", "SENTIWATCH_DEBUG"})


class Group(BaseModel):
    """A frozen branch of the tree that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def from_files(cls, values: Any) -> Any:
        """Read each secret that is given as a file; an empty file name is none, as in every shell script."""
        if not isinstance(values, dict):
            return values
        given = {name: value for name, value in values.items() if value != "" or not name.endswith("_file")}
        return given | secrets_in_files(cls, given)


def secrets_in_files(group: type[Group], values: Mapping[str, Any]) -> dict[str, str]:
    """The contents of the ``*_file`` fields whose twin is a secret, without surrounding white space."""
    found = {}
    for name, field in group.model_fields.items():
        path = values.get(f"{name}_file")
        if field.annotation is not SecretStr or not path or f"{name}_file" not in group.model_fields:
            continue
        if values.get(name):
            raise ValueError(f"{name} and {name}_file are both set: keep one")
        try:
            found[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{name}_file: cannot read {path}") from error
        if not found[name]:
            raise ValueError(f"{name}_file: {path} is empty")
    return found


class KafkaSettings(Group):
    bootstrap: str = Field("", description="host:port[,host:port…]; default: the local broker, when it runs")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    sasl_password_file: Path | None = Field(None, description="file that holds the password")
    ca_file: Path | None = Field(
        None, description="authorities that the broker's certificate must come from; default: the system's"
    )
    certificate_file: Path | None = Field(None, description="our own certificate (mutual TLS), PEM")
    key_file: Path | None = Field(None, description="its private key, PEM; default: in the same file")
    group: str = Field("sentiwatch", min_length=1)
    instance_id: str = Field(
        "", description="static membership; unique per worker; default: derived from the host"
    )
    session_timeout: timedelta = timedelta(seconds=10)
    partitions: int = Field(4, ge=1, description="partitions of the input topics, when we create them")
    replication: int = Field(1, ge=1)

    @field_validator("security_protocol", mode="before")
    @classmethod
    def in_capitals(cls, value: object) -> object:
        """Kafka's own clients take either."""
        return value.upper() if isinstance(value, str) else value


class TritonSettings(Group):
    url: str = Field("", description="host:port of gRPC; default: the local server, when it runs")
    timeout: timedelta = Field(
        timedelta(seconds=30), description="per request; well above p99 (design: a cancel can hurt)"
    )
    batch: int = Field(32, ge=1, le=64, description="texts a request")
    in_flight: int = Field(6, ge=1, description="requests at once, over both models")
    probe_interval: timedelta = Field(
        timedelta(seconds=30), description="a harmless question to each model this often"
    )


class PostgresSettings(Group):
    url: SecretStr = Field(
        SecretStr(""), description="postgresql://…; default: the local server, when it runs"
    )
    url_file: Path | None = Field(None, description="file that holds the address with its password")
    sslmode: Literal["", "disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "", description="as libpq's; verify-full checks certificate and host name"
    )
    ca_file: Path | None = Field(None, description="authorities that the server's certificate must come from")
    certificate_file: Path | None = Field(None, description="our own certificate (mutual TLS), PEM")
    key_file: Path | None = Field(None, description="its private key, PEM, readable by us alone")
    pool: int = Field(8, ge=2)

    @property
    def address(self) -> str:
        """The address as libpq takes it, TLS included; holds a password. Empty when none is set."""
        url = self.url.get_secret_value().strip()
        options = {
            "sslmode": self.sslmode,
            "sslrootcert": self.ca_file,
            "sslcert": self.certificate_file,
            "sslkey": self.key_file,
        }
        told = "&".join(f"{name}={quote(str(value), safe='/')}" for name, value in options.items() if value)
        if not url or not told:
            return url
        return f"{url}{'&' if '?' in url else '?'}{told}"


class WebSettings(Group):
    """The status endpoints of a worker: /metrics, /live, /ready."""

    host: str = Field("127.0.0.1", min_length=1, description="any other than loopback needs a token")
    port: int = Field(
        9108, ge=0, le=65_535, description="the next free one from here on; 0 switches the endpoints off"
    )
    token: SecretStr = Field(
        SecretStr(""), description="every request must carry it: Authorization: Bearer …"
    )
    token_file: Path | None = Field(None, description="file that holds the token")

    @field_validator("token")
    @classmethod
    def long_enough(cls, value: SecretStr) -> SecretStr:
        """A token that can be guessed is none."""
        if 0 < len(value.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"must have at least {SHORTEST_TOKEN} characters")
        return value


class WorkerSettings(Group):
    slice_records: int = Field(256, ge=1, description="records a Kafka slice")
    slice_age: timedelta = Field(
        timedelta(milliseconds=200), description="a slice is flushed at this age of its first record"
    )
    slices_in_flight: int = Field(3, ge=1, description="slices being classified at once, per topic")
    bury_ratio: float = Field(
        0.5, gt=0, le=1, description="intake of a topic stops when more of its last records are bad; 1: never"
    )
    bury_least: int = Field(500, ge=1, description="… and at least so many of them")
    bury_window: int = Field(2_000, ge=1, description="… among so many")
    closer_interval: timedelta = timedelta(seconds=1)
    heartbeat_interval: timedelta = Field(timedelta(seconds=30), description="0 switches heartbeats off")
    force_idle: bool = Field(
        default=False,
        description="without the right to write heartbeats: a partition that is read to the broker's end does not hold"
        " windows back; they are marked as forced",
    )
    shutdown: timedelta = timedelta(seconds=20)
    cached_scores: int = Field(50_000, ge=0, description="scores kept in memory in front of the table")


class TimeSettings(Group):
    lateness_social: timedelta = timedelta(minutes=2)
    lateness_news: timedelta = timedelta(minutes=10)
    day_cut: timedelta = Field(timedelta(0), description="start of the day window after midnight UTC")
    max_ahead: timedelta = Field(
        timedelta(minutes=5), description="event time may be this far ahead of the Kafka timestamp"
    )
    horizon: timedelta = Field(
        timedelta(0),
        description="documents this far behind their partition's watermark are dead letters (too_old); whole days; 0 = none",
    )
    silent_after: timedelta = Field(
        timedelta(days=1),
        gt=timedelta(0),
        description="windows are degraded where a partition said nothing for this long",
    )

    @field_validator("day_cut")
    @classmethod
    def a_multiple_of_a_pane(cls, value: timedelta) -> timedelta:
        """Days are made of whole panes."""
        if value % timedelta(minutes=5):
            raise ValueError("must be a multiple of five minutes")
        return value

    @field_validator("horizon")
    @classmethod
    def whole_days(cls, value: timedelta) -> timedelta:
        """So that a whole day is either open or frozen, and no document of the last day is refused."""
        if value % timedelta(days=1) or value < timedelta(0):
            raise ValueError("must be whole days, or 0")
        return value


class LimitSettings(Group):
    text_chars: int = Field(100_000, ge=1, description="title and content together; longer is a dead letter")
    dead_letter_bytes: int = Field(65_536, ge=0, description="original bytes kept of a dead letter")


class DetectorSettings(Group):
    """Thresholds of the pair (negative count, negative share); see `streams.domain.detector`."""

    count_p: float = Field(1e-5, gt=0, lt=1)
    share_p: float = Field(1e-3, gt=0, lt=1)
    close_p: float = Field(1e-2, gt=0, lt=1, description="the looser threshold that keeps an episode open")
    min_negatives: int = Field(5, ge=1, description="negative stories")
    min_sources: int = Field(3, ge=1, description="independent sources of them")
    min_ratio: float = Field(2.0, ge=1, description="observed over expected")
    baseline: timedelta = timedelta(days=28)
    min_history: timedelta = Field(timedelta(days=2), description="no verdict before this much history")
    resolve_after: timedelta = Field(
        timedelta(hours=1), description="this long below the close threshold resolves"
    )


DEMO_KEY = "local-demo-key"
LARGEST_VERSION = 32_767  # a smallint


class RetentionSettings(Group):
    """What `sentiwatch retention run` does; see `streams/domain/README.md`."""

    documents: timedelta = Field(
        timedelta(0),
        ge=timedelta(0),
        description="months of a live run older than this are dropped, evidence of alerts and aggregates excepted; 0 = never",
    )
    months_ahead: int = Field(2, ge=0, le=24, description="months made before their documents come")


class PrivacySettings(Group):
    author_key: SecretStr = Field(
        SecretStr(DEMO_KEY), description="HMAC key for author handles; set your own"
    )
    author_key_file: Path | None = Field(None, description="file that holds the key")
    author_key_version: int = Field(1, ge=1, le=LARGEST_VERSION)
    author_keys: SecretStr = Field(
        SecretStr(""),
        description="several keys in place of one, after a rotation: VERSION[@SINCE]=KEY, a line each or separated by ;"
        " each is used for event times from its SINCE on",
    )
    author_keys_file: Path | None = Field(None, description="file that holds the keys, a line each")

    @model_validator(mode="after")
    def one_way_of_keys(self) -> PrivacySettings:
        """Refuse keys that cannot be read; says which line, never what is in it."""
        if self.author_keys.get_secret_value() and "author_key" in self.model_fields_set:
            raise ValueError("author_key and author_keys are both set: move the key to author_keys")
        self.key_ring()
        return self

    def key_ring(self) -> KeyRing:
        """All keys, the oldest first."""
        listed = self.author_keys.get_secret_value().replace(";", "\n").splitlines()
        keys = [author_key_of(line, number) for number, line in enumerate(listed, start=1) if line.strip()]
        return KeyRing.of(
            keys or [AuthorKey(self.author_key_version, self.author_key.get_secret_value().encode())]
        )

    @property
    def is_demo_key(self) -> bool:
        """Whether handles are keyed with what everybody can read here."""
        return any(key.secret == DEMO_KEY.encode() for key in self.key_ring().keys)


def author_key_of(line: str, number: int) -> AuthorKey:
    """One key of the ring, written `VERSION[@SINCE]=KEY`."""
    name, _, secret = line.strip().partition("=")
    version, _, since = name.partition("@")
    try:
        key = AuthorKey(int(version), secret.encode(), datetime.fromisoformat(since) if since else BEGINNING)
    except ValueError:
        key = AuthorKey(0, b"")
    if not secret or key.since.tzinfo is None or not 1 <= key.version <= LARGEST_VERSION:
        raise ValueError(f"key {number} of author_keys is not VERSION[@SINCE]=KEY (SINCE with an offset)")
    return key


class Settings(BaseSettings):
    """The whole tree. Build it with `load_settings`, which turns mistakes into one clear line."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_file=".env", frozen=True, extra="ignore"
    )

    run: str = Field("live", min_length=1, description="the run whose rows this process writes")
    model_repo: Path = Path("model_repo")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = Field("console", description="json: one object a line")
    notify: bool | None = Field(
        None, description="alerts and dead letters also go to Kafka; default: of the run named live only"
    )
    kafka: KafkaSettings = KafkaSettings()
    triton: TritonSettings = TritonSettings()
    postgres: PostgresSettings = PostgresSettings()
    worker: WorkerSettings = WorkerSettings()
    web: WebSettings = WebSettings()
    time: TimeSettings = TimeSettings()
    limits: LimitSettings = LimitSettings()
    detector: DetectorSettings = DetectorSettings()
    privacy: PrivacySettings = PrivacySettings()
    retention: RetentionSettings = RetentionSettings()

    def lateness(self, source_class: str) -> timedelta:
        """How far behind the watermark a document of this class may be and still count as on time."""
        return self.time.lateness_news if source_class == "news" else self.time.lateness_social


def unknown_names(environment: dict[str, Any]) -> list[str]:
    """`SENTIWATCH_*` names that no setting answers to, sorted."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OUTSIDE_NAMES
    for branch, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            known |= {f"{PREFIX}{branch}__{leaf}".upper() for leaf in kind.model_fields}
    return sorted(
        name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known
    )


@cache
def load_settings() -> Settings:
    """Read the environment once.

    Raises:
        Misconfigured: an unknown name or an unusable value; the text names the variable, never a secret's value.
    """
    unknown = unknown_names({**dotenv_values(".env"), **os.environ})
    if unknown:
        msg = f"unknown setting {', '.join(unknown)}; `sentiwatch doctor --settings` lists the names"
        raise Misconfigured(msg)
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        msg = f"{name}: {first['msg']}"
        raise Misconfigured(msg) from error
    return with_local_parts(settings)


def with_local_parts(settings: Settings) -> Settings:
    """Fill in the addresses of the local parts where none was set."""
    from streams.local.addresses import read_addresses  # noqa: PLC0415 - the launcher reads no settings; avoids a cycle

    local = read_addresses()
    if local is None:
        return settings
    kafka, triton, postgres = settings.kafka, settings.triton, settings.postgres
    if not kafka.bootstrap and local.kafka:
        kafka = kafka.model_copy(update={"bootstrap": local.kafka})
    if not triton.url and local.triton:
        triton = triton.model_copy(update={"url": local.triton})
    if not postgres.url.get_secret_value() and local.postgres:
        postgres = postgres.model_copy(update={"url": SecretStr(local.postgres)})
    return settings.model_copy(update={"kafka": kafka, "triton": triton, "postgres": postgres})


def require(value: str, variable: str) -> str:
    """The value, or one line that says how to get one.

    Raises:
        Misconfigured: nothing is set and no local part runs.
    """
    if value:
        return value
    msg = f"{variable} is not set and no local part runs: start them with `sentiwatch local up`"
    raise Misconfigured(msg)
