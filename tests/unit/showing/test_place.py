from __future__ import annotations

import pytest

from streams.errors import Misconfigured
from streams.local.addresses import Addresses
from streams.settings import Settings
from streams.showing.place import hold_place, is_free, mark, settings_at


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIWATCH_LOCAL_DIR", str(tmp_path))
    for name in ("KAFKA__BOOTSTRAP", "TRITON__URL", "POSTGRES__URL"):
        monkeypatch.delenv(f"SENTIWATCH_{name}", raising=False)
    return tmp_path


def held():
    return hold_place(Settings(_env_file=None), Addresses(), None)


def test_an_empty_directory_is_used_as_it_is(state):
    with held() as place:
        assert place.parts.layout.root == state
        assert place.prefix == ""


def test_data_of_others_are_left_alone(state):
    theirs = state / "data" / "postgres" / "row"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    with held() as place:
        assert place.parts.layout.root == state / "demo"
        assert place.prefix == f"SENTIWATCH_LOCAL_DIR={state / 'demo'} "
    assert theirs.exists()


def test_what_an_interrupted_demo_left_is_removed():
    with held() as place:
        mark(place.parts.layout)
        assert not is_free(place.parts.layout)
    with held() as place:
        assert is_free(place.parts.layout)
        assert place.prefix == ""


def test_two_demos_in_one_directory_are_refused():
    with held(), pytest.raises(Misconfigured, match="another demo is running"), held():
        pass


def test_settings_get_the_addresses_that_were_found():
    found = Addresses(kafka="k:1", triton="t:2", postgres="postgresql://u:p@h/d")
    settings = settings_at(Settings(_env_file=None), found)
    assert (settings.kafka.bootstrap, settings.triton.url) == ("k:1", "t:2")
    assert settings.postgres.url.get_secret_value() == "postgresql://u:p@h/d"
