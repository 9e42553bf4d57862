"""Versions arrive in any order, in any batches: what is current, and from when on, is the same."""

from __future__ import annotations

import asyncio
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.versions import Stored, resolve
from tests.builders import NEWS, NOON, SourceClass, batch, document, memory_store, minutes, raw_record, scored

CUTS = st.lists(st.integers(0, 10))


@st.composite
def arrivals(draw: st.DrawFn):
    """Deliveries of up to four versions of two documents, each with its own watermark and tickers."""
    count = draw(st.integers(1, 10))
    return [
        {
            "source_id": f"doc-{draw(st.integers(0, 1))}",
            "revision": draw(st.integers(0, 3)),
            "deleted": draw(st.booleans()),
            "known": draw(st.none() | st.integers(0, 60).map(lambda n: NOON + minutes(n))),
            "entities": tuple(draw(st.sets(st.sampled_from(["x.acme", "x.bolt"])))),
        }
        for _ in range(count)
    ]


def build(offset: int, *, known, entities, **changes):
    item = document(source_time=NOON + minutes(changes["revision"]), **changes)
    return scored(item, record=raw_record(offset), known=known, entities=entities)


def stored_after(deliveries, cuts):
    """What the store holds: current and superseded versions with their panes and mentions."""
    store = memory_store()

    async def write() -> None:
        await store.register({NEWS: (SourceClass.NEWS, 0)})
        offset = 0
        for part in parts(deliveries, cuts):
            await store.persist(batch(offset, *(build(offset + n, **item) for n, item in enumerate(part))))
            offset += len(part)

    asyncio.run(write())
    current = {
        key: (kept.item.enriched.document.version, kept.known_pane, panes(kept))
        for key, kept in store.documents.items()
    }
    history = {
        (key, version): (kept.known_pane, store.superseded_pane(key, version), panes(kept))
        for key, versions in store.history.items()
        for version, kept in versions.items()
    }
    return current, history


def panes(kept):
    return {entity: pane for entity, (_, pane) in kept.mentions.items()}


def parts(items, cuts):
    edges = [0, *sorted(cut % (len(items) + 1) for cut in cuts), len(items)]
    return [items[low:high] for low, high in itertools.pairwise(edges) if low < high]


@settings(max_examples=150, deadline=None)
@given(arrivals(), st.randoms(use_true_random=False), CUTS, CUTS)
def test_any_order_and_any_batches_give_the_same_versions_and_panes(deliveries, chance, cuts, other_cuts):
    shuffled = list(deliveries)
    chance.shuffle(shuffled)
    assert stored_after(deliveries, cuts) == stored_after(shuffled, other_cuts)


@settings(max_examples=150, deadline=None)
@given(arrivals(), st.lists(st.integers(0, 10)))
def test_the_current_version_is_the_largest(deliveries, cuts):
    current, _ = stored_after(deliveries, cuts)
    built = [build(0, **item).enriched.document for item in deliveries]
    for document_id, (version, _, _) in current.items():
        assert version == max(item.version for item in built if item.document_id == document_id)


@settings(max_examples=150, deadline=None)
@given(arrivals())
def test_every_delivery_of_a_batch_is_in_exactly_one_part_of_the_plan(deliveries):
    items = [build(n, **item) for n, item in enumerate(deliveries)]
    first = items[0].enriched.document
    plan = resolve({first.document_id: Stored(first.version, first.event_time)}, items)
    planned = [*plan.insert, *plan.history, *plan.repeat]
    assert sorted(item.enriched.record.offset for item in planned) == list(range(len(items)))
