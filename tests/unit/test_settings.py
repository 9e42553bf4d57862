import os

import pytest

from streams.errors import Misconfigured
from streams.settings import Settings, load_settings, require, unknown_names


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """No variables, no .env and no local parts but the test's own."""
    for name in [name for name in os.environ if name.startswith("SENTIWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SENTIWATCH_LOCAL_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_an_unknown_variable_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("SENTIWATCH_KAFKA__BOTSTRAP", "x:1")
    with pytest.raises(Misconfigured, match="SENTIWATCH_KAFKA__BOTSTRAP"):
        load_settings()


def test_an_unknown_name_in_the_env_file_is_refused_too(tmp_path):
    (tmp_path / ".env").write_text("SENTIWATCH_RUNS=live\n")
    with pytest.raises(Misconfigured, match="SENTIWATCH_RUNS"):
        load_settings()


def test_a_value_that_does_not_fit_is_one_line_that_names_the_variable(monkeypatch):
    monkeypatch.setenv("SENTIWATCH_TRITON__BATCH", "900")
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert "SENTIWATCH_TRITON__BATCH" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_variables_win_over_the_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("SENTIWATCH_RUN=from-file\nSENTIWATCH_KAFKA__GROUP=file\n")
    monkeypatch.setenv("SENTIWATCH_RUN", "from-environment")
    assert (load_settings().run, load_settings().kafka.group) == ("from-environment", "file")


def test_all_of_our_own_names_are_known():
    assert unknown_names({"SENTIWATCH_KAFKA__GROUP": "", "SENTIWATCH_LOCAL_DIR": "", "HOME": ""}) == []
    assert unknown_names({"sentiwatch_bogus": ""}) == ["sentiwatch_bogus"]


@pytest.mark.parametrize("show", [repr, str, lambda settings: settings.model_dump_json()])
def test_no_secret_is_shown(monkeypatch, show):
    monkeypatch.setenv("SENTIWATCH_POSTGRES__URL", "postgresql://u:hidden-1@h/d")
    monkeypatch.setenv("SENTIWATCH_KAFKA__SASL_PASSWORD", "hidden-2")
    monkeypatch.setenv("SENTIWATCH_PRIVACY__AUTHOR_KEY", "hidden-3")
    assert "hidden" not in show(load_settings())


def test_a_bad_secret_is_not_told_in_the_error(monkeypatch):
    monkeypatch.setenv("SENTIWATCH_POSTGRES__URL", "postgresql://u:hidden@h/d")
    monkeypatch.setenv("SENTIWATCH_POSTGRES__POOL", "hidden")
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert "hidden" not in str(caught.value)


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Settings().run = "other"


def test_news_may_be_later_than_posts():
    settings = Settings()
    assert settings.lateness("news") > settings.lateness("social")


def test_a_missing_address_says_how_to_get_one():
    with pytest.raises(Misconfigured, match=r"SENTIWATCH_TRITON__URL.*local up"):
        require("", "SENTIWATCH_TRITON__URL")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SENTIWATCH_LOG_LEVEL", "FOO"),
        ("SENTIWATCH_RUN", ""),
        ("SENTIWATCH_KAFKA__GROUP", ""),
        ("SENTIWATCH_KAFKA__SECURITY_PROTOCOL", "TLS"),
        ("SENTIWATCH_TIME__DAY_CUT", "PT7M"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=variable):
        load_settings()


def test_the_security_protocol_may_be_written_small(monkeypatch):
    monkeypatch.setenv("SENTIWATCH_KAFKA__SECURITY_PROTOCOL", "ssl")
    assert load_settings().kafka.security_protocol == "SSL"
