"""Every metric and every log event by name, each with what it tells. Nothing else names one.

Seconds and records are base units; labels are few and bounded (topics, partitions, reasons, models), never a document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PREFIX: Final = "sentiwatch_"


@dataclass(frozen=True, slots=True)
class Metric:
    """A name without its prefix, its labels and its help text; histograms have ``buckets``."""

    name: str
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        return PREFIX + self.name


# ----------------------------------------------------------------- what goes through: `rate()` of these is documents/s
RECORDS: Final = Metric(
    "records_total", ("topic",), "Kafka records stored and acknowledged, bad ones included."
)
DOCUMENTS: Final = Metric(
    "documents_total", ("topic",), "Documents stored (versions, before duplicates are found)."
)
# A deploy that rejects everything shows here first; the breaker on burial stops intake before a topic is buried.
DEAD_LETTERS: Final = Metric(
    "dead_letters_total", ("topic", "reason"), "Records stored as dead letters, by reason."
)
SLICE_RECORDS: Final = Metric(
    "slice_records",
    ("topic",),
    "Records of one Postgres transaction.",
    (1, 4, 16, 32, 64, 128, 192, 256, 512, 1024),
)
# Kafka timestamp to commit, the exemplar being the slowest document of its slice. History (over a day old) is left out.
END_TO_END: Final = Metric(
    "end_to_end_seconds",
    ("topic",),
    "Kafka timestamp of a document to its commit in Postgres; records over a day old are left out.",
    (0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 300, 1800),
)

# ----------------------------------------------------------------- models
INFERENCE: Final = Metric(
    "inference_seconds",
    ("model",),
    "One call to the model server as the pipeline waits for it, bisection and revival included.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
INFERENCE_TEXTS: Final = Metric("inference_texts_total", ("model",), "Questions sent to the model server.")
INFERENCE_FAILURES: Final = Metric(
    "inference_failures_total", ("model",), "Calls to the model server that failed."
)
# memory and store are hits; hit rate = 1 - rate(model) / sum(rate).
ANSWERS: Final = Metric(
    "score_answers_total", ("model", "origin"), "Answers by where they came from: memory, store or model."
)
MODELS_ANSWERED: Final = Metric(
    "models_answered_age_seconds", (), "Since every model last answered a synthetic question."
)

# ----------------------------------------------------------------- how far behind
LAG: Final = Metric(
    "partition_lag_records", ("topic", "partition"), "Records in Kafka that are not stored yet."
)
# What closes windows: an hour here means that alerts come an hour late.
WATERMARK_DELAY: Final = Metric(
    "partition_watermark_delay_seconds", ("topic", "partition"), "Wall clock less the partition's watermark."
)
QUIET: Final = Metric(
    "partition_quiet_seconds",
    ("topic", "partition"),
    "Since something of an assigned partition was last stored.",
)
PANES_CLOSED: Final = Metric("panes_closed_total", (), "Five-minute panes closed by this process.")
ALERTS_OPENED: Final = Metric("alerts_opened_total", (), "Alert episodes opened by this process.")
CLOSED_UNTIL: Final = Metric(
    "closed_until_timestamp_seconds",
    (),
    "Event time up to which every pane is closed, as this process saw it last.",
)
CLOSER_AGE: Final = Metric(
    "closer_step_age_seconds", (), "Since the closer's last step in this process ended."
)

# ----------------------------------------------------------------- what stands in the way
# 1 for the state a breaker is in (closed, open, half_open), 0 for the others.
DEPENDENCY: Final = Metric(
    "dependency_state",
    ("dependency", "state"),
    "State of the breaker of a dependency: 1 for the one it is in.",
)
DEPENDENCY_OPENED: Final = Metric(
    "dependency_opened_total", ("dependency",), "How often a dependency went away."
)
HALTED: Final = Metric(
    "intake_halted", ("topic",), "1 where intake stopped because too many records were bad."
)
LIVE: Final = Metric("live", (), "1 while the worker gets on, or knows what it waits for; as /live says.")

# ----------------------------------------------------------------- the process
BUILD: Final = Metric("build_info", ("version",), "The release that runs; always 1.")
STARTED: Final = Metric("start_timestamp_seconds", (), "When this worker started.")

STATES: Final = ("closed", "open", "half_open")
"""Of `streams.runtime.breaker`."""

COUNTERS: Final = (RECORDS, DOCUMENTS, DEAD_LETTERS, INFERENCE_TEXTS, INFERENCE_FAILURES, ANSWERS)
HISTOGRAMS: Final = (SLICE_RECORDS, END_TO_END, INFERENCE)

# ----------------------------------------------------------------- log events: `event` of a JSON line
# A slice was committed; DEBUG; carries topic, records and document_ids.
STORED: Final = "stored"
# Records of a slice became dead letters; INFO; carries topic and letters: partition, offset, reason (never content).
BURIED: Final = "buried"
# Metrics and health are served; INFO; carries the address.
SERVING: Final = "serving metrics and health"
