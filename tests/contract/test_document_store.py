"""What every document store owes its callers: the twin in memory and the one on Postgres."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from streams.domain.batch import Batch
from streams.domain.document import Progress, SourceClass, SourcePartition
from streams.errors import StaleWriter
from tests.builders import (
    NEWS,
    NOON,
    batch,
    dead_letter,
    document,
    memory_store,
    minutes,
    move,
    new_score,
    raw_record,
    scored,
)
from tests.databases import document_store, open_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.adapters.memory.documents import MemoryDocumentStore
    from streams.adapters.postgres.connection import Database
    from streams.adapters.postgres.runs import Run
    from streams.domain.document import Scored
    from streams.ports import DocumentStore

OTHER = SourcePartition("news.raw.v1", 1)


class Harness(Protocol):
    """A store, and what can be seen of it: the same for each kind."""

    store: DocumentStore

    async def current(self) -> dict[str, tuple[object, ...]]:
        """Source id → (revision, known pane, companies)."""

    async def history(self) -> dict[tuple[str, int], tuple[object, ...]]:
        """(source id, revision) → (known pane, superseded pane, companies)."""

    async def mentions(self) -> dict[tuple[str, int, str], object]:
        """(source id, revision, entity) → known pane, current and superseded ones."""

    async def dead_letters(self) -> dict[int, str]:
        """Offset → reason."""

    async def dirty(self) -> set[object]:
        """Panes that await folding."""

    async def scores(self) -> int:
        """How many scores there are."""


class MemoryHarness:
    def __init__(self) -> None:
        self.store: MemoryDocumentStore = memory_store()

    def _kept(self):
        for kept in self.store.documents.values():
            yield None, kept
        for versions in self.store.history.values():
            for version, kept in versions.items():
                yield version, kept

    async def current(self):
        return {
            kept.item.enriched.document.source_id: (
                kept.item.enriched.document.revision,
                kept.known_pane,
                len(kept.mentions.keys() - {"MARKET"}),
            )
            for version, kept in self._kept()
            if version is None
        }

    async def history(self):
        return {
            (doc.source_id, doc.revision): (
                kept.known_pane,
                self.store.superseded_pane(doc.document_id, version),
                len(kept.mentions.keys() - {"MARKET"}),
            )
            for version, kept in self._kept()
            if version is not None
            for doc in [kept.item.enriched.document]
        }

    async def mentions(self):
        return {
            (kept.item.enriched.document.source_id, kept.item.enriched.document.revision, entity): pane
            for _, kept in self._kept()
            for entity, (_, pane) in kept.mentions.items()
        }

    async def dead_letters(self):
        return {offset: letter.reason for (_, offset), letter in self.store.dead_letters.items()}

    async def dirty(self):
        return set(self.store.dirty)

    async def scores(self):
        return len(self.store.scores._scores)


@dataclass
class PostgresHarness:
    database: Database
    run: Run

    def __post_init__(self) -> None:
        self.store = document_store(self.database, self.run)

    async def _rows(self, query: str):
        async with self.database.transaction() as connection:
            return await (await connection.execute(query, {"run": self.run.run_id})).fetchall()

    async def current(self):
        rows = await self._rows(
            "SELECT source_id, revision, known_pane, companies FROM core.document WHERE run_id = %(run)s"
        )
        keys = await self._rows(
            "SELECT source_id, revision, known_pane FROM core.document_key WHERE run_id = %(run)s"
        )
        assert sorted(row[:3] for row in rows) == sorted(keys)
        return {row[0]: row[1:] for row in rows}

    async def history(self):
        rows = await self._rows(
            "SELECT source_id, revision, known_pane, superseded_pane, companies FROM core.document_history"
            " WHERE run_id = %(run)s"
        )
        return {row[:2]: row[2:] for row in rows}

    async def mentions(self):
        rows = await self._rows(
            "SELECT source_id, d.revision, entity_id, m.known_pane, m.companies = d.companies"
            " FROM core.mention m"
            " JOIN core.document d USING (run_id, event_time, document_id) WHERE run_id = %(run)s UNION ALL"
            " SELECT source_id, h.revision, entity_id, m.known_pane, m.companies = h.companies"
            " AND m.superseded_pane = h.superseded_pane FROM core.mention_history m"
            " JOIN core.document_history h USING (run_id, document_id, revision, source_time, content_hash)"
            " WHERE run_id = %(run)s"
        )
        assert all(row[4] for row in rows), "a mention disagrees with its document"
        return {row[:3]: row[3] for row in rows}

    async def dead_letters(self):
        rows = await self._rows("SELECT kafka_offset, reason FROM core.dead_letter WHERE run_id = %(run)s")
        return dict(rows)

    async def dirty(self):
        return {
            row[0]
            for row in await self._rows("SELECT pane_start FROM core.dirty_window WHERE run_id = %(run)s")
        }

    async def scores(self):
        return (await self._rows("SELECT count(*) FROM core.score"))[0][0]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    if request.param == "memory":
        made = MemoryHarness()
        await made.store.register({NEWS: (SourceClass.NEWS, 0), OTHER: (SourceClass.NEWS, 7)})
        yield made
        return
    async with open_run(request.getfixturevalue("migrated")) as (database, run):
        kept = PostgresHarness(database, run)
        await kept.store.register({NEWS: (SourceClass.NEWS, 0), OTHER: (SourceClass.NEWS, 7)})
        yield kept


async def test_a_new_partition_starts_at_its_beginning_and_keeps_it(harness: Harness):
    await harness.store.register({NEWS: (SourceClass.NEWS, 3)})  # type: ignore[attr-defined]
    progress = await harness.store.progress([NEWS, OTHER])
    assert progress == {NEWS: Progress(0, None), OTHER: Progress(7, None)}


async def test_progress_and_watermark_move_with_the_batch(harness: Harness):
    await harness.store.persist(Batch((move(0, 5, watermark=NOON),)))
    assert await harness.store.progress([NEWS]) == {NEWS: Progress(5, NOON)}


async def test_a_batch_that_begins_elsewhere_writes_nothing_and_names_its_partitions(harness: Harness):
    await harness.store.persist(batch(0, scored()))
    late = Batch(
        (move(0, 1), move(7, 8, source=OTHER)),
        (scored(document(source_id="new")),),
        (dead_letter(0),),
    )
    with pytest.raises(StaleWriter) as caught:
        await harness.store.persist(late)
    assert caught.value.partitions == {("news.raw.v1", 0)}
    assert set(await harness.current()) == {"doc-0"}
    assert await harness.dead_letters() == {}
    assert await harness.store.progress([NEWS, OTHER]) == {NEWS: Progress(1, NOON), OTHER: Progress(7, None)}


async def test_a_gap_before_a_batch_is_stale_too(harness: Harness):
    with pytest.raises(StaleWriter):
        await harness.store.persist(batch(3, scored()))


async def test_documents_scores_letters_and_dirty_panes_come_with_one_batch(harness: Harness):
    before = await harness.scores()
    score = new_score(f"only-{id(harness)}")
    await harness.store.persist(
        batch(0, scored(entities=("x.acme", "x.bolt")), dead_letters=(dead_letter(1),), scores=(score, score))
    )
    assert await harness.current() == {"doc-0": (0, NOON + minutes(5), 2)}
    assert set(await harness.mentions()) == {("doc-0", 0, name) for name in ("MARKET", "x.acme", "x.bolt")}
    assert await harness.dead_letters() == {1: "not_json"}
    assert await harness.dirty() == {NOON}
    assert await harness.scores() == before + 1


async def test_a_rehearsal_keeps_nothing_and_raises_what_a_write_would(harness: Harness):
    before = await harness.scores()
    whole = batch(0, scored(), dead_letters=(dead_letter(1),), scores=(new_score(f"re-{id(harness)}"),))
    await harness.store.rehearse(whole)
    assert await harness.current() == {}
    assert await harness.dead_letters() == {}
    assert await harness.scores() == before
    with pytest.raises(StaleWriter):
        await harness.store.rehearse(batch(3, scored()))
    await harness.store.persist(whole)
    assert set(await harness.current()) == {"doc-0"}


async def test_a_redelivery_changes_nothing_but_what_it_alone_says(harness: Harness):
    await harness.store.persist(batch(0, scored(entities=("x.acme",))))
    first = await harness.current()
    await harness.store.persist(batch(1, scored(known=NOON + minutes(40), entities=("x.acme",))))
    assert await harness.current() == first
    await harness.store.persist(batch(2, scored(known=NOON + minutes(40), entities=("x.bolt",))))
    mentions = await harness.mentions()
    assert mentions["doc-0", 0, "x.acme"] == NOON + minutes(5)
    assert mentions["doc-0", 0, "x.bolt"] == NOON + minutes(35)
    assert (await harness.current())["doc-0"] == (0, NOON + minutes(5), 2)


async def test_a_later_version_supersedes_from_the_pane_that_knows_it(harness: Harness):
    await harness.store.persist(batch(0, scored(entities=("x.acme",))))
    revised = document(revision=1, source_time=NOON + minutes(30), content="Corrected.")
    await harness.store.persist(batch(1, scored(revised, known=NOON + minutes(32))))
    assert await harness.current() == {"doc-0": (1, NOON + minutes(25), 0)}
    assert await harness.history() == {("doc-0", 0): (NOON + minutes(5), NOON + minutes(25), 1)}


async def test_two_versions_of_a_new_document_in_one_batch_are_one_current_and_one_superseded(
    harness: Harness,
):
    older, newer = document(), document(revision=1, source_time=NOON + minutes(3), content="Corrected.")
    await harness.store.persist(batch(0, scored(newer), scored(older, known=NOON + minutes(22))))
    assert await harness.current() == {"doc-0": (1, NOON + minutes(5), 0)}
    assert await harness.history() == {("doc-0", 0): (NOON + minutes(15), NOON + minutes(5), 0)}


async def test_a_withdrawal_leaves_no_mentions_and_keeps_the_history(harness: Harness):
    await harness.store.persist(batch(0, scored(entities=("x.acme",))))
    gone = document(revision=1, source_time=NOON + minutes(30), deleted=True, title="", content="")
    await harness.store.persist(batch(1, scored(gone, known=NOON + minutes(32))))
    assert await harness.current() == {"doc-0": (1, NOON + minutes(25), 0)}
    assert set(await harness.mentions()) == {("doc-0", 0, "MARKET"), ("doc-0", 0, "x.acme")}
    assert (await harness.history())["doc-0", 0][1] == NOON + minutes(25)


async def test_a_version_with_another_event_time_makes_both_panes_dirty(harness: Harness):
    await harness.store.persist(batch(0, scored()))
    moved = document(revision=1, event_time=NOON + minutes(60))
    await harness.store.persist(batch(1, scored(moved)))
    assert await harness.dirty() == {NOON, NOON + minutes(60)}
    assert len(await harness.current()) == 1


def story_of_a_document() -> list[Scored]:
    """Three versions, a withdrawal, re-deliveries with other tickers and other watermarks."""
    versions = [
        document(),
        document(revision=1, source_time=NOON + minutes(9), content="Corrected."),
        document(revision=2, source_time=NOON + minutes(20), deleted=True, title="", content=""),
        document(revision=3, source_time=NOON + minutes(31), content="Back again."),
    ]
    return [
        scored(versions[0], entities=("x.acme",)),
        scored(versions[0], known=NOON + minutes(17), entities=("x.acme", "x.bolt")),
        scored(versions[1], known=NOON + minutes(24)),
        scored(versions[1], known=NOON + minutes(21), entities=("x.acme",)),
        scored(versions[2], known=NOON + minutes(29)),
        scored(versions[3], known=NOON + minutes(44), entities=("x.bolt",)),
        scored(versions[3], known=NOON + minutes(49), entities=("x.bolt", "x.acme")),
    ]


EXPECTED_HISTORY = {
    ("doc-0", 0): (NOON + minutes(5), NOON + minutes(15), 2),
    ("doc-0", 1): (NOON + minutes(15), NOON + minutes(20), 1),
    ("doc-0", 2): (NOON + minutes(20), NOON + minutes(35), 0),
}


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_of_arrival_in_any_batches_gives_the_same_rows(harness: Harness, seed: int):
    chance = random.Random(seed)
    arriving = story_of_a_document()
    if seed:
        chance.shuffle(arriving)
    offset = 0
    while arriving:
        taken = [arriving.pop(0) for _ in range(min(len(arriving), chance.randint(1, 4)))]
        numbered = [
            scored(
                item.enriched.document,
                record=raw_record(offset + number),
                known=item.enriched.known_watermark,
                entities=tuple(mention.entity_id for mention in item.mentions[1:]),
            )
            for number, item in enumerate(taken)
        ]
        await harness.store.persist(batch(offset, *numbered))
        offset += len(taken)
    assert await harness.current() == {"doc-0": (3, NOON + minutes(35), 2)}
    assert await harness.history() == EXPECTED_HISTORY
    assert await harness.mentions() == {
        ("doc-0", 0, "MARKET"): NOON + minutes(5),
        ("doc-0", 0, "x.acme"): NOON + minutes(5),
        ("doc-0", 0, "x.bolt"): NOON + minutes(10),
        ("doc-0", 1, "MARKET"): NOON + minutes(15),
        ("doc-0", 1, "x.acme"): NOON + minutes(15),
        ("doc-0", 3, "MARKET"): NOON + minutes(35),
        ("doc-0", 3, "x.bolt"): NOON + minutes(35),
        ("doc-0", 3, "x.acme"): NOON + minutes(40),
    }


async def test_many_documents_with_few_revisions_among_them_are_all_kept(harness: Harness):
    names = [f"doc-{number}" for number in range(60)]
    offset = itertools.count()
    for start in range(0, 60, 20):
        items = [scored(document(source_id=name)) for name in names[start : start + 20]]
        items += [scored(document(source_id=names[start // 2], revision=1, content="Again."))]
        first = next(offset) * 21
        await harness.store.persist(batch(first, *items))
    current = await harness.current()
    assert len(current) == 60
    assert sorted(name for name, row in current.items() if row[0] == 1) == ["doc-0", "doc-10", "doc-20"]
