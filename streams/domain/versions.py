"""Which version of a document is current: pure, on what is stored and what arrives.

The current version is the largest (revision, source_time, content hash), never the last to arrive; equal content is a
duplicate. Whatever the order of arrival, the outcome is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from streams.domain.document import Scored, Version


@dataclass(frozen=True, slots=True)
class Stored:
    """The current version of a document as it stands in the store."""

    version: Version
    event_time: datetime


@dataclass(slots=True)
class Plan:
    """What a batch means for the stored documents."""

    insert: list[Scored] = field(default_factory=list)
    """Current versions to insert: new documents, and those in ``replace``."""
    replace: dict[UUID, Stored] = field(default_factory=dict)
    """Stored versions that a newer one supersedes: they move to the history first."""
    history: list[Scored] = field(default_factory=list)
    """Versions that are superseded on arrival."""
    repeat: list[Scored] = field(default_factory=list)
    """Re-deliveries of the stored current version; they may add mentions (a row per ticker) or be known earlier."""


def resolve(stored: Mapping[UUID, Stored], incoming: Sequence[Scored]) -> Plan:
    """Sort a batch's documents into inserts, replacements, history and repeats."""
    plan = Plan()
    for document_id, versions in distinct_versions(incoming).items():
        present = stored.get(document_id)
        newest = max(versions)
        if present is None or newest > present.version:
            plan.insert.append(versions.pop(newest))
            if present is not None:
                plan.replace[document_id] = present
        for version, item in sorted(versions.items()):
            repeated = present is not None and version == present.version
            (plan.repeat if repeated and document_id not in plan.replace else plan.history).append(item)
    plan.history = [item for item in plan.history if not _is_replaced(item, plan.replace)]
    return plan


def _is_replaced(item: Scored, replaced: Mapping[UUID, Stored]) -> bool:
    document = item.enriched.document
    present = replaced.get(document.document_id)
    return present is not None and present.version == document.version


def distinct_versions(incoming: Sequence[Scored]) -> dict[UUID, dict[Version, Scored]]:
    """By document and version; deliveries of one version are merged into one."""
    grouped: dict[UUID, dict[Version, Scored]] = {}
    for item in incoming:
        document = item.enriched.document
        versions = grouped.setdefault(document.document_id, {})
        twin = versions.get(document.version)
        versions[document.version] = item if twin is None else merge(twin, item)
    return grouped


def merge(first: Scored, second: Scored) -> Scored:
    """Two deliveries of one version: all their mentions, known as early as the earlier of them."""
    known = {mention.entity_id for mention in first.mentions}
    mentions = (*first.mentions, *(mention for mention in second.mentions if mention.entity_id not in known))
    earlier, later = first.enriched.known_watermark, second.enriched.known_watermark
    watermark = None if earlier is None or later is None else min(earlier, later)
    return replace(first, mentions=mentions, enriched=replace(first.enriched, known_watermark=watermark))
