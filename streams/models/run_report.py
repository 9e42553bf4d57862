"""A training run as a picture: the loss, and what the development split said after each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def draw(history: Mapping[str, Any], title: str, target: Path) -> None:
    """Write the curves of a run's history.json as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    steps, epochs = history["steps"], history["epochs"]
    left.plot([s["epoch"] for s in steps], [s["loss"] for s in steps], linewidth=1)
    left.set(xlabel="epoch", ylabel="training loss")
    for name in epochs[0]["dev"] if epochs else ():
        short = name.rsplit("/", 1)[-1].removesuffix(".csv").removesuffix(".json").split(" (")[0]
        values = [e["dev"][name]["macro_f1"] for e in epochs]
        right.plot([e["epoch"] for e in epochs], values, marker="o", markersize=3, label=short)
    right.set(xlabel="epoch", ylabel="macro-F1, development split")
    right.legend(fontsize=7)
    figure.suptitle(f"{title}: {history['texts']} texts in {history['seconds'] / 60:.0f} minutes", fontsize=9)
    figure.savefig(target, dpi=90)
    plt.close(figure)
