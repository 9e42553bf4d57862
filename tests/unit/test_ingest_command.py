import pytest
from typer.testing import CliRunner

from streams.cli.ingest import app
from streams.errors import Misconfigured, SentiwatchError
from streams.settings import load_settings

MAP = "id=id,title=title,event_time=event_time"


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch):
    monkeypatch.setenv("SENTIWATCH_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "a.jsonl"
    made.write_text('{"id":"1","title":"t","event_time":1780315200}\n')
    return str(made)


def run(*arguments):
    return CliRunner().invoke(app, ["file", *arguments])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--topic", "alerts.v1"], "unknown input topic"),
        (["--topic", "news.raw.v1", "--map", "id"], "not target=field"),
        (["--topic", "news.raw.v1", "--map", "id=id"], "says nothing about"),
        (["--topic", "news.raw.v1", "--rate", "0"], "--rate"),
        ([], "--topic"),
    ],
)
def test_wrong_usage_exits_2(path, arguments, told):
    result = run(path, *arguments)
    assert result.exit_code == 2
    assert told in result.output


def test_a_missing_file_is_one_clear_line(tmp_path):
    result = run(str(tmp_path / "none.jsonl"), "--topic", "news.raw.v1")
    assert isinstance(result.exception, Misconfigured)
    assert "no such file" in str(result.exception)


def test_an_unknown_kind_of_file_is_one_clear_line(tmp_path):
    (tmp_path / "a.xlsx").write_text("")
    result = run(str(tmp_path / "a.xlsx"), "--topic", "news.raw.v1")
    assert isinstance(result.exception, Misconfigured)


def test_an_unreachable_broker_is_one_clear_line(path):
    result = run(path, "--topic", "news.raw.v1", "--map", MAP)
    assert isinstance(result.exception, SentiwatchError)
    assert "kafka at 127.0.0.1:1 cannot be reached" in str(result.exception)
    assert result.output == ""


def test_help_shows_an_example():
    assert "--map" in run("--help").output
