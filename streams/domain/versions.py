"""Which version of a document is current: pure, on what is stored and what arrives.

The current version is the largest (revision, source_time, content hash), never the last to arrive; equal content is a
duplicate. Whatever the order of arrival, the outcome is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
    """Deliveries of versions that a later one has superseded already; possibly several of one version."""
    repeat: list[Scored] = field(default_factory=list)
    """Further deliveries of the current version; they may add mentions (a row per ticker) or be known earlier."""


def resolve(stored: Mapping[UUID, Stored], incoming: Sequence[Scored]) -> Plan:
    """Sort a batch's documents into inserts, replacements, history and repeats.

    A delivery means the same whether it shares a batch with others of its document or not.
    """
    plan = Plan()
    for document_id, versions in deliveries(incoming).items():
        present = stored.get(document_id)
        newest = max(versions)
        if present is None or newest > present.version:
            first, *again = versions.pop(newest)
            plan.insert.append(first)
            plan.repeat += again
            if present is not None:
                plan.replace[document_id] = present
        elif newest == present.version:
            plan.repeat += versions.pop(newest)
        for version in sorted(versions):
            plan.history += versions[version]
    return plan


def deliveries(incoming: Sequence[Scored]) -> dict[UUID, dict[Version, list[Scored]]]:
    """By document and version, in order of arrival."""
    grouped: dict[UUID, dict[Version, list[Scored]]] = {}
    for item in incoming:
        document = item.enriched.document
        grouped.setdefault(document.document_id, {}).setdefault(document.version, []).append(item)
    return grouped
