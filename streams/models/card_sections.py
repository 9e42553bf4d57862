"""The parts of the model card that come from reports; each says so when its report is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WATTS: Final = 100
_FIGURES: Final = ("accuracy", "macro_f1", "ece")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def networks(both: Mapping[str, dict[str, Any]]) -> str:
    """One row a network: base, recipe, training time, energy, calibration."""
    rows = []
    for task, metadata in both.items():
        for name, entry in (metadata.get("experts") or {"any": metadata}).items():
            seconds = entry.get("seconds")
            hours = f"{seconds / 3600:.1f} h" if seconds else "not recorded"
            energy = f"{seconds / 3600 * WATTS / 1000:.2f} kWh" if seconds else "–"
            method = entry["calibration"].get("method", "temperature")
            recipe = entry.get("recipe", {}).get("name", "–")
            rows.append((f"{task}, {name}", entry["base_model"], recipe, hours, energy, method))
    return table(("network", "base", "recipe", "training time", "energy, assumed", "calibration"), rows)


def reproduce(both: Mapping[str, dict[str, Any]]) -> str:
    """The training command of each network."""
    lines = []
    for task, metadata in both.items():
        for name, entry in (metadata.get("experts") or {"any": metadata}).items():
            recipe = entry.get("recipe", {})
            stated = recipe.get("name") or f"{task}-{name}"
            note = f"  # {entry['note']}" if entry.get("note") else ""
            lines.append(
                f"    sentiwatch model train --task {task} --recipe {stated} --data DATA "
                f"--backbone BACKBONE --out OUT/{task}-{name}{note}"
            )
    return "\n".join(lines)


def evaluation(report: Mapping[str, Any] | None) -> str:
    """A row a file."""
    if report is None:
        return "Not measured yet."
    rows = [
        (task, name, str(row["n"]), *_with_intervals(row))
        for task, evaluated in report["files"].items()
        for name, row in evaluated.items()
    ]
    return table(("task", "file", "n", "accuracy", "macro-F1", "ECE"), rows)


def baselines(report: Mapping[str, Any] | None) -> str:
    """A row a file and baseline, where they were measured."""
    rows = [
        (name, baseline, *(_with_intervals(row) if "skipped" not in row else ("skipped", row["skipped"], "")))
        for evaluated in (report or {"files": {}})["files"].values()
        for name, measured in evaluated.items()
        for baseline, row in measured.get("baselines", {}).items()
    ]
    if not rows:
        return "Baselines: not measured yet (`sentiwatch model evaluate --baselines`)."
    return "Baselines on the same rows:\n\n" + table(
        ("file", "baseline", "accuracy", "macro-F1", "ECE"), rows
    )


def robustness(report: Mapping[str, Any] | None) -> str:
    """Flip rates by kind."""
    if report is None:
        return "Not measured yet (`sentiwatch model robustness`)."
    rows = [
        (
            f"{group}: {kind}",
            str(row["n"]),
            f"{row['flip_rate']:.1%}",
            f"{row['interval'][0]:.1%}–{row['interval'][1]:.1%}",
        )
        for group in ("swaps", "perturbations")
        for kind, row in report[group].items()
    ]
    shown = table(("what changes", "variants", "flip rate", "95 % interval"), rows)
    return (
        f"Sentiment on {report['sentences']} sentences of our own; another class than the sentence as written is a "
        f"flip. Failures: [robustness.md](robustness.md).\n\n{shown}"
    )


def explanations(report: Mapping[str, Any] | None) -> str:
    """Whether leaving out the top words matters more than leaving out others."""
    method = "`sentiwatch explain` leaves words out (occlusion) and asks the served model again."
    if report is None:
        return f"{method} Faithfulness: not measured yet (`sentiwatch explain --faithfulness`)."
    low, high = report["difference_interval"]
    return (
        f"{method} On {report['n']} sentences of our own, leaving out the top fifth of the words lowers the probability by "
        f"{report['fall_top']:.3f}, as many random words by {report['fall_random']:.3f} (difference "
        f"{low:.3f}–{high:.3f}, 95 % bootstrap); the top words cost more in {report['won']:.0%} of the sentences."
    )


def speed(report: Mapping[str, Any] | None) -> str:
    """Ratios of one run."""
    if report is None:
        return "Not measured yet (`sentiwatch bench triton`)."
    rows = [
        (name, f"{row['over_first']:.2f}", "yes" if row["batch_invariant"] else "no")
        for name, row in report["variants"].items()
    ]
    shown = table(("served as", "texts/s over the first version", "batch-invariant"), rows)
    return f"`sentiwatch bench triton`, sentiment, {report['texts']} texts a turn, ratios within one run:\n\n{shown}"


def _with_intervals(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{row[name]:.3f} ({row['intervals'][name][0]:.3f}–{row['intervals'][name][1]:.3f})"
        for name in _FIGURES
    )
