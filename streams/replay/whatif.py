"""Settings of a what-if: those at hand, with what `--set` changes; and which of them two runs differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.settings import Settings

SHAPING = ("time", "limits", "detector")
"""Branches of the settings that shape a run's result; all of them are stored with it."""


def with_changes(settings: Settings, changes: Iterable[str]) -> Settings:
    """The settings with each ``branch.name=value`` in place.

    Raises:
        Misconfigured: no such setting, one that does not shape results, or a value it refuses.
    """
    for change in changes:
        key, equals, value = (part.strip() for part in change.partition("="))
        branch, dot, name = key.partition(".")
        if (
            not equals
            or not dot
            or branch not in SHAPING
            or name not in type(getattr(settings, branch)).model_fields
        ):
            names = ", ".join(f"{each}.…" for each in SHAPING)
            raise Misconfigured(
                f"--set {change}: expected NAME=VALUE with a NAME of {names} (`doctor --settings`)"
            )
        settings = settings.model_copy(update={branch: changed(settings, branch, {name: value})})
    return settings


def changed(settings: Settings, branch: str, values: Mapping[str, Any]) -> Any:
    """One branch with these values, checked.

    Raises:
        Misconfigured: a value is refused; the text names it.
    """
    group = getattr(settings, branch)
    try:
        return type(group).model_validate({**group.model_dump(), **values})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join([branch, *(str(part) for part in first["loc"])])
        raise Misconfigured(f"--set {where}: {first['msg']}") from error


def over(settings: Settings, stored: Mapping[str, Any]) -> Settings:
    """The stored settings of a run, changed only by what the environment states explicitly of the detector."""
    stated = {
        name: getattr(settings.detector, name)
        for name in settings.detector.model_fields_set
        if "detector" in settings.model_fields_set
    }
    for branch in SHAPING:
        values = {
            name: value
            for name, value in dict(stored.get(branch, {})).items()
            if name in type(getattr(settings, branch)).model_fields
        }
        settings = settings.model_copy(update={branch: changed(settings, branch, values)})
    return settings.model_copy(update={"detector": changed(settings, "detector", stated)})


def shaping(settings: Settings) -> dict[str, Any]:
    """The settings that shape a result, as stored with the run; no addresses, no secrets."""
    return settings.model_dump(mode="json", include=set(SHAPING))


def as_changes(settings: Settings) -> list[str]:
    """What `--set` must say to get these settings from the defaults."""
    defaults = {branch: type(getattr(settings, branch))().model_dump(mode="json") for branch in SHAPING}
    return [
        f"{branch}.{name}={value}"
        for branch, values in shaping(settings).items()
        for name, value in values.items()
        if defaults[branch][name] != value
    ]


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Settings in which two runs differ: name, of the first, of the second."""
    found: list[tuple[str, Any, Any]] = []
    for branch in sorted(first.keys() | second.keys()):
        one, other = dict(first.get(branch) or {}), dict(second.get(branch) or {})
        found += [
            (f"{branch}.{name}", one.get(name), other.get(name))
            for name in sorted(one.keys() | other.keys())
            if one.get(name) != other.get(name)
        ]
    return found
