from __future__ import annotations

from datetime import timedelta

import pytest

from streams.errors import Misconfigured
from streams.replay.whatif import as_changes, differences, over, shaping, with_changes
from streams.settings import DetectorSettings, Settings


def test_changes_make_settings_and_settings_say_which_changes_made_them():
    changes = ["detector.count_p=1e-08", "time.lateness_news=PT20M", "detector.min_sources=4"]
    settings = with_changes(Settings(), changes)
    assert settings.detector.count_p == 1e-8
    assert settings.time.lateness_news == timedelta(minutes=20)
    assert sorted(as_changes(settings)) == sorted(changes)
    assert with_changes(Settings(), as_changes(settings)) == settings


@pytest.mark.parametrize(
    "change",
    ["detector.count_p", "detector=1", "detector.no=1", "kafka.group=x", "postgres.url=x", "run=live", "=",
     "detector.count_p=2"],
)  # fmt: skip
def test_what_is_no_setting_of_a_result_is_refused(change: str):
    with pytest.raises(Misconfigured, match="--set"):
        with_changes(Settings(), [change])


def test_a_rehearsal_has_the_settings_of_its_base_and_what_is_stated_explicitly():
    stored = shaping(Settings(detector=DetectorSettings(count_p=1e-7, min_sources=5)))
    stated = Settings(detector=DetectorSettings(min_sources=4))
    found = over(stated, stored).detector
    assert (found.count_p, found.min_sources) == (1e-7, 4)
    assert over(Settings(), stored).detector.min_sources == 5


def test_no_secret_and_no_address_is_among_the_shaping_settings():
    assert set(shaping(Settings())) == {"time", "limits", "detector"}


def test_differences_name_each_setting_with_both_values():
    one, other = shaping(Settings()), shaping(with_changes(Settings(), ["detector.min_ratio=3"]))
    assert differences(one, other) == [("detector.min_ratio", 2.0, 3.0)]
    assert differences(one, one) == []
