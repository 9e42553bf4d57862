"""Poison: one document that makes a stage or the store raise is found by halving, buried, and its neighbours go through.

What is no document's fault passes through untouched: a dependency that is away, a setting, a stale writer. A document is
buried only after it has failed twice alone.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from streams.domain.batch import Batch
from streams.domain.document import DeadLetter
from streams.domain.outcome import Reason
from streams.errors import Poisonous, SentiwatchError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from streams.domain.document import RawRecord, Scored
    from streams.pipeline import Slice

    Finish = Callable[[Slice], Awaitable[Batch]]
    Rehearse = Callable[[Batch], Awaitable[None]]

log = logging.getLogger(__name__)

ALONE = 2
"""How often a document must fail by itself."""


def is_poison(error: Exception) -> bool:
    """Whether an error may be the fault of a single document."""
    return isinstance(error, Poisonous) or not isinstance(error, SentiwatchError)


async def finish_each(part: Slice, finish: Finish) -> Batch:
    """The slice as a batch; documents that make a stage raise are letters in it.

    Args:
        part: as read.
        finish: enriches and classifies a slice.

    Raises:
        Exception: a slice without documents fails too, so it is none of theirs.
    """
    try:
        return await finish(part)
    except Exception as error:
        if not is_poison(error) or not part.documents:
            raise
        log.warning("a stage failed on %d documents: %s", len(part.documents), told(error))
    return _merged(part, [await _halves(part.half(part.documents), finish)])


async def _halves(part: Slice, finish: Finish, attempt: int = 1) -> Batch:
    documents = part.documents
    try:
        return await finish(part)
    except Exception as error:
        if not is_poison(error):
            raise
        failure = error
    if len(documents) > 1:
        middle = len(documents) // 2
        parts = [part.half(documents[:middle]), part.half(documents[middle:])]
        return _merged(part, [await _halves(one, finish) for one in parts])
    if attempt < ALONE:
        return await _halves(part, finish, attempt + 1)
    return Batch((), dead_letters=(stage_failed(documents[0].record, "enrich or classify", failure),))


def _merged(part: Slice, batches: Sequence[Batch]) -> Batch:
    return Batch(
        part.moves,
        tuple(item for batch in batches for item in batch.documents),
        part.dead_letters + tuple(letter for batch in batches for letter in batch.dead_letters),
        tuple(score for batch in batches for score in batch.scores),
    )


async def without_poison(batch: Batch, error: Exception, rehearse: Rehearse) -> Batch:
    """The batch with the documents that the store refuses as letters.

    Args:
        batch: as it was refused.
        error: why.
        rehearse: writes a batch and takes it back.

    Raises:
        Exception: ``error``, when no document alone is to blame.
    """
    log.warning("the store refused %d documents: %s", len(batch.documents), told(error))
    culprits = await _culprits(batch, batch.documents, rehearse)
    if not culprits:
        raise error
    bad = {id(item) for item, _ in culprits}
    letters = tuple(stage_failed(item.enriched.record, "persist", why) for item, why in culprits)
    return batch.with_documents(tuple(item for item in batch.documents if id(item) not in bad), letters)


async def _culprits(
    batch: Batch, documents: Sequence[Scored], rehearse: Rehearse, attempt: int = 1
) -> list[tuple[Scored, Exception]]:
    if not documents:
        return []
    try:
        await rehearse(batch.with_documents(tuple(documents)))
    except Exception as error:
        if not is_poison(error):
            raise
        failure = error
    else:
        return []
    if len(documents) > 1:
        middle = len(documents) // 2
        return [
            *await _culprits(batch, documents[:middle], rehearse),
            *await _culprits(batch, documents[middle:], rehearse),
        ]
    if attempt < ALONE:
        return await _culprits(batch, documents, rehearse, attempt + 1)
    return [(documents[0], failure)]


def stage_failed(record: RawRecord, stage: str, error: Exception) -> DeadLetter:
    """The letter of a record that a stage cannot bear."""
    log.warning(
        "%s-%d@%d is buried: %s: %s",
        record.source.topic,
        record.source.partition,
        record.offset,
        stage,
        told(error),
    )
    log.debug("the error", exc_info=error)
    return DeadLetter(record, Reason.STAGE_FAILED.value, f"{stage}: {type(error).__name__}")


def told(error: Exception) -> str:
    """The kind of an error and its place; the words of one that is not ours may quote the document, so they stay out."""
    if isinstance(error, SentiwatchError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
