"""Secrets come from the environment or from files, and nothing that is printed shows them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from streams.adapters.postgres.connection import checked, connection_error
from streams.errors import Misconfigured, Unavailable
from streams.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

MARK = "marked-secret-5b1f"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for name in [name for name in os.environ if name.startswith("SENTIWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SENTIWATCH_LOCAL_DIR", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


FILES = {
    "SENTIWATCH_KAFKA__SASL_PASSWORD_FILE": lambda s: s.kafka.sasl_password.get_secret_value(),
    "SENTIWATCH_POSTGRES__URL_FILE": lambda s: s.postgres.address,
    "SENTIWATCH_PRIVACY__AUTHOR_KEY_FILE": lambda s: s.privacy.author_key.get_secret_value(),
}


@pytest.mark.parametrize("variable", FILES)
def test_a_secret_is_read_from_its_file_without_its_line_end(variable, monkeypatch, tmp_path: Path):
    (tmp_path / "secret").write_text(f"{MARK}\n")
    monkeypatch.setenv(variable, str(tmp_path / "secret"))
    settings = load_settings()
    assert FILES[variable](settings) == MARK
    assert MARK not in repr(settings)
    assert MARK not in str(settings.model_dump(mode="json"))


@pytest.mark.parametrize("variable", FILES)
def test_a_secret_given_twice_is_refused_without_telling_it(variable, monkeypatch, tmp_path: Path):
    (tmp_path / "secret").write_text(MARK)
    monkeypatch.setenv(variable, str(tmp_path / "secret"))
    monkeypatch.setenv(variable.removesuffix("_FILE"), MARK)
    with pytest.raises(Misconfigured, match="both set") as refused:
        load_settings()
    assert MARK not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "cannot read"), ("\n", "is empty"), ("\udcff", "cannot read")]
)
def test_a_file_without_a_secret_is_refused_by_the_name_of_its_variable(
    content, told, monkeypatch, tmp_path: Path
):
    if content is not None:
        (tmp_path / "secret").write_bytes(content.encode(errors="surrogateescape"))
    monkeypatch.setenv("SENTIWATCH_KAFKA__SASL_PASSWORD_FILE", str(tmp_path / "secret"))
    with pytest.raises(Misconfigured, match=told) as refused:
        load_settings()
    assert "SENTIWATCH_KAFKA" in str(refused.value)


def test_the_address_of_postgres_carries_its_tls_settings(monkeypatch):
    monkeypatch.setenv("SENTIWATCH_POSTGRES__URL", "postgresql://me:pw@db:5432/x?application_name=y")
    monkeypatch.setenv("SENTIWATCH_POSTGRES__SSLMODE", "verify-full")
    monkeypatch.setenv("SENTIWATCH_POSTGRES__CA_FILE", "/etc/ca & more.pem")
    address = load_settings().postgres.address
    assert address.endswith("?application_name=y&sslmode=verify-full&sslrootcert=/etc/ca%20%26%20more.pem")
    assert checked(address) == address


def test_an_address_without_tls_settings_stays_as_it_was():
    assert Settings(postgres={"url": "postgresql://me:pw@db/x"}).postgres.address == "postgresql://me:pw@db/x"


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("connection failed: FATAL:  password authentication failed for user", Misconfigured),
        ("SSL error: certificate verify failed", Misconfigured),
        ('root certificate file "/x/ca.pem" does not exist\nEither provide the file', Misconfigured),
        ("connection to server failed\nFATAL:  no pg_hba.conf entry for host", Misconfigured),
        ("server does not support SSL, but SSL was required", Misconfigured),
        ("Connection refused", Unavailable),
        ("", Unavailable),
    ],
)
def test_what_no_retry_can_change_is_refused_and_the_rest_is_waited_for(told, kind):
    assert type(connection_error(OSError(told))) is kind
