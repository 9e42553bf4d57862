"""Experiments as files: variants of one replay, run as a batch, compared with one base run.

    name: budgets
    base: june                      # the run that every variant is compared with
    from: 2026-06-01T00:00:00Z      # optional, as of `sentiwatch replay`
    prices: prices/                 # optional: backtest each variant, too
    variants:
      stricter: {set: {detector.count_p: 1e-8}}
      other-entities: {detect_only: false, gazetteer: next/}

A variant judges the base's stored mentions (``detect_only``, the default) or replays its records.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from streams.errors import Misconfigured
from streams.replay.request import Request

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class Part(BaseModel):
    """A part of the file that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Variant(Part):
    """How one run differs."""

    detect_only: bool = True
    changes: dict[str, Any] = Field({}, alias="set")
    topics: tuple[str, ...] = ()
    gazetteer: str = ""
    rescore: str = ""


class Experiment(Part):
    """The whole file."""

    name: Name
    base: str
    since: AwareDatetime | None = Field(None, alias="from")
    until: AwareDatetime | None = Field(None, alias="to")
    within_hours: float = Field(24.0, ge=0)
    prices: Path | None = None
    variants: dict[Name, Variant] = Field(min_length=1)

    def requests(self) -> dict[str, Request]:
        """One replay a variant; its run is named after experiment and variant."""
        return {name: self._request(name, variant) for name, variant in self.variants.items()}

    def _request(self, name: str, variant: Variant) -> Request:
        return Request(
            name=f"{self.name}-{name}",
            since=self.since,
            until=self.until,
            topics=variant.topics,
            base=self.base if variant.detect_only else "",
            changes=tuple(f"{key}={value}" for key, value in variant.changes.items()),
            gazetteer=variant.gazetteer,
            rescore=variant.rescore,
        )


def read_experiment(path: Path) -> Experiment:
    """The experiment in a YAML file; a relative ``prices`` is seen from there.

    Raises:
        Misconfigured: no YAML, an unknown name, or a value of the wrong kind; the text says where.
    """
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        experiment = Experiment.model_validate(loaded)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Misconfigured(f"{path}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Misconfigured(f"{path}: {where or 'the file'}: {first['msg']}") from error
    if experiment.prices is None or experiment.prices.is_absolute():
        return experiment
    return experiment.model_copy(update={"prices": path.parent / experiment.prices})
