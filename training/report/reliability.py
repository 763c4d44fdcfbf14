"""Reliability diagrams: how often answers are right, against how sure they were said to be (DeGroot & Fienberg 1983).

Axes: Q query.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.measure.confidence import ece
from training.measure.doubt import Doubt
from wikiclip.base.files import appearing_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 10  # of as many answers each
COLUMNS = 4
SIDE = 2.2  # inches of one diagram


def draw_reliability(doubts: Sequence[tuple[str, Doubt]], path: Path) -> None:
    """Writes one diagram for each kind of answers, with its calibration error, side by side; as SVG.

    Args:
        doubts: what each diagram is called, and its answers.
    """
    import matplotlib  # an extra, which `training.learn.run.Run` asks for
    from matplotlib.figure import Figure

    rows = -(-len(doubts) // COLUMNS)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "reliability", "font.size": 8})
        figure = Figure(figsize=(COLUMNS * SIDE, rows * SIDE), layout="constrained")
        grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(doubts) :]:
            axes.remove()
        for axes, (name, found) in zip(grid.flat, doubts, strict=False):
            _draw(axes, found)
            axes.set_title(f"{name}: {ece(found.probability_Q, found.right_Q):.3f}", fontsize=9)
        figure.supxlabel("confidence")
        figure.supylabel("right")
        with appearing_file(path) as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None})


def reliability(
    probability_Q: NDArray[np.float64], right_Q: NDArray[np.bool_], *, bins: int = BINS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the mean confidence of each bin and the share of its answers that are right, least sure first."""
    parts = np.array_split(np.argsort(probability_Q, kind="stable"), min(bins, len(right_Q)))
    told = np.array([probability_Q[part].mean() for part in parts])
    return told, np.array([right_Q[part].mean() for part in parts])


def _draw(axes: "Axes", found: Doubt) -> None:
    told, right = reliability(found.probability_Q, found.right_Q)
    axes.plot((0, 1), (0, 1), color="0.7", linewidth=1)
    axes.plot(told, right, color="#2a6fb0", marker="o", markersize=3, linewidth=1.2)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
