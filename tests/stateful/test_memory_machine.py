"""Delivery on the in-memory twins, step by step in any order, against the naive fold of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from streams.adapters.memory.documents import MemoryDocumentStore
from streams.domain.document import SourceClass, SourcePartition
from tests.builders import LATENESS
from tests.chaos.fold import TONES, fold, in_units
from tests.chaos.ledger import SOURCE_CLASS
from tests.chaos.sabotage import SABOTAGES
from tests.stateful.machine import DeliveryMachine
from tests.stateful.world import PLACES

if TYPE_CHECKING:
    from streams.adapters.memory.documents import Kept
    from streams.ports import DocumentStore, ScoreStore

STEPS = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


class MemoryMachine(DeliveryMachine):
    """The rows are in dictionaries."""

    def make_store(self) -> tuple[DocumentStore, ScoreStore]:
        self.rows = MemoryDocumentStore(LATENESS)
        partitions = {SourcePartition(*place): (SourceClass(SOURCE_CLASS[place[0]]), 0) for place in PLACES}
        self.run(self.rows.register(partitions))
        return self.rows, self.rows.scores

    def compare(self) -> None:
        expected = fold(self.log.ledger())
        assert documents_of(self.rows) == shortened(expected.documents, 2)
        assert superseded_of(self.rows) == {
            key: (*content, row[-1])
            for key, content in shortened(expected.superseded, 0).items()
            for row in [expected.superseded[key]]
        }
        assert mentions_of(self.rows) == expected.mentions
        letters = {
            (source.topic, source.partition, offset): letter.reason
            for (source, offset), letter in self.rows.dead_letters.items()
        }
        assert letters == expected.dead_letters
        progress = self.run(self.rows.progress([SourcePartition(*place) for place in PLACES]))
        assert {
            (source.topic, source.partition): at.next_offset for source, at in progress.items()
        } == self.log.ends()


def shortened(rows: dict[Any, tuple[Any, ...]], start: int) -> dict[Any, tuple[Any, ...]]:
    """Event time, withdrawn, title, content and from when on it is known: what the twin keeps."""
    return {key: (*row[start : start + 4], row[start + 8]) for key, row in rows.items()}


def content_of(kept: Kept) -> tuple[Any, ...]:
    document = kept.item.enriched.document
    return document.event_time, document.deleted, document.title, document.content, kept.known_pane


def documents_of(store: MemoryDocumentStore) -> dict[Any, tuple[Any, ...]]:
    kept = store.documents.values()
    return {(d.source, d.source_id): content_of(one) for one in kept for d in [one.item.enriched.document]}


def superseded_of(store: MemoryDocumentStore) -> dict[Any, tuple[Any, ...]]:
    return {
        (d.source, d.source_id, version.revision, version.source_time): (
            *content_of(kept),
            store.superseded_pane(document_id, version),
        )
        for document_id, versions in store.history.items()
        for version, kept in versions.items()
        for d in [kept.item.enriched.document]
    }


def mentions_of(store: MemoryDocumentStore) -> dict[Any, tuple[Any, ...]]:
    return {
        (d.source, d.source_id, entity): (
            *map(in_units, mention.sentiment.values),
            TONES[mention.sentiment.top],
            pane,
        )
        for kept in store.documents.values()
        for d in [kept.item.enriched.document]
        for entity, (mention, pane) in kept.mentions.items()
    }


def test_whatever_happens_in_whatever_order_the_twins_hold_what_the_log_says():
    run_state_machine_as_test(MemoryMachine, settings=STEPS)


@pytest.mark.parametrize("name", [name for name in SABOTAGES if name != "none"])
def test_the_machine_finds_a_delivery_that_is_broken_on_purpose(name: str):
    broken = type(f"Broken{name}", (MemoryMachine,), {"sabotage": name})
    only_search = settings(STEPS, max_examples=200, phases=[Phase.generate], database=None)
    with pytest.raises((AssertionError, ExceptionGroup, TimeoutError)):
        run_state_machine_as_test(broken, settings=only_search)
