"""Curves as inline SVG: matplotlib lays them out, and the page around them paints them.

A drawing has neither colours nor fonts, so that it suits a light and a dark page: the page styles the classes `curve`,
`heading`, `note`, `tick`, `grid`, `line`, `faint` and `last`.

Axes: N point, 2 is x and y, T tick.
"""

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 360, 210  # about as wide as a phone, where the labels must not shrink
LEFT, RIGHT, TOP, BOTTOM = 54, 334, 32, 170  # the edges of the plot
SMOOTHED = 0.02  # the mean age of what the smoothed line averages, as a share of all points
LARGEST = 1e100  # so that no difference of two values overflows
SMALLEST = 1e-100

DOTS = 72  # an inch, so that one of matplotlib's points is one of the drawing's pixels
LAYOUT: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "font.size": 11,  # what the page sets it in
    "path.simplify_threshold": 1.0,  # pixels: a hundred thousand noisy points leave under a thousand corners
    "axes.formatter.limits": (-3, 6),  # powers of ten that labels are written out between
    "axes.formatter.useoffset": False,
}
OURS = {"heading", "note", "line", "faint", "last"}  # what is drawn under these ids has them as its class
SVG = "{http://www.w3.org/2000/svg}"


def curve(
    points: Iterable[tuple[float, float]],
    *,
    title: str,
    x_label: str = "step",
    smooth: bool = False,
    from_zero: bool = False,
) -> Markup:
    """Returns one curve as an `<svg>` with a text alternative, the same for the same points.

    Where y is not finite, or past 1e100, nothing is drawn; the curve says how often that is so.

    Args:
        points: (x, y), x ascending.
        smooth: draws a moving average over the points.
        from_zero: puts 0 on the y axis, whatever the points are.
    """
    import matplotlib  # an extra, which `training.learn.run.Run` asks for
    from matplotlib.figure import Figure

    every_N2 = np.array(list(points), np.float64).reshape(-1, 2)
    every_N2 = every_N2[np.abs(every_N2[:, 0]) <= LARGEST]
    x_N, y_N = every_N2[np.abs(every_N2[:, 1]) <= LARGEST].T
    left_out = f"{len(every_N2) - len(x_N):,} not finite" if len(x_N) < len(every_N2) else ""
    # The reader's own style does not count.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LAYOUT)
        figure = Figure(figsize=(WIDTH / DOTS, HEIGHT / DOTS), dpi=DOTS)
        if not len(x_N):
            return _svg(figure, title, left_out or "no values", said="")
        axes = figure.add_axes(
            (LEFT / WIDTH, 1 - BOTTOM / HEIGHT, (RIGHT - LEFT) / WIDTH, (BOTTOM - TOP) / HEIGHT), frameon=False
        )
        _set_limits(axes, every_N2[:, 0], np.append(y_N, 0) if from_zero else y_N)
        axes.set_xlabel(x_label, parse_math=False)
        shown_N = y_N
        # Everything is within the limits; a clip would have an id, which only one curve of a page could have.
        if smooth:
            axes.plot(x_N, y_N, gid="faint", clip_on=False)
            shown_N = moving_average(y_N)
        axes.plot(x_N, shown_N, gid="line", clip_on=False)
        axes.plot(x_N[[-1, -1]], shown_N[[-1, -1]], gid="last", clip_on=False)  # of no length: its ends make the dot
        said = (
            f"{x_label} {every_N2[0, 0]:,.6g} to {every_N2[-1, 0]:,.6g}: from {y_N[0]:.4g} to {y_N[-1]:.4g},"
            f" lowest {y_N.min():.4g}, highest {y_N.max():.4g}"
        )
        note = f"{'averaged' if smooth else 'last'} {shown_N[-1]:.4g}" + (f", {left_out}" if left_out else "")
        return _svg(figure, title, note, said=said)


def moving_average(y_N: NDArray[np.float64], share: float = SMOOTHED) -> NDArray[np.float64]:
    """Returns an exponential moving average of the points so far, the weights of which always sum to 1."""
    decay = 1 - 1 / max(1, share * len(y_N))
    total = weight = 0.0
    averages_N = np.empty_like(y_N)
    for number, y in enumerate(y_N):
        total, weight = decay * total + y, decay * weight + 1
        averages_N[number] = total / weight
    return averages_N


def _set_limits(axes: "Axes", x_N: NDArray[np.float64], y_N: NDArray[np.float64]) -> None:
    """Ends the x axis where the points do, and the y axis at round ticks around them."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(*_limits(x_N))
    whole = bool((x_N % 1 == 0).all())
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=whole, min_n_ticks=1 if whole else 2))
    axes.xaxis.set_major_formatter("{x:,.10g}")
    low, high = _limits(y_N)
    ticks_T = np.asarray(MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high))
    hair = 1e-6 * (ticks_T[1] - ticks_T[0])
    first, last = ticks_T[ticks_T <= low + hair].max(), ticks_T[ticks_T >= high - hair].min()
    axes.set_yticks(ticks_T[(ticks_T >= first) & (ticks_T <= last)])
    axes.set_ylim(min(first, low), max(last, high))
    axes.tick_params(length=0, pad=6)
    axes.grid(True)


def _limits(values_N: NDArray[np.float64]) -> tuple[float, float]:
    """Returns the lowest and highest value, moved apart where they are so close that ticks would take many digits."""
    low, high = float(values_N.min()), float(values_N.max())
    largest = max(abs(low), abs(high))
    missing = (0.02 * largest if largest > SMALLEST else 1.0) - (high - low)
    return (low - missing / 2, high + missing / 2) if missing > 0 else (low, high)


def _svg(figure: "Figure", title: str, note: str, *, said: str) -> Markup:
    """Returns the drawing as paths and texts without a style, each with its class."""
    figure.text(4 / WIDTH, 1 - 16 / HEIGHT, title, gid="heading", parse_math=False)
    figure.text(RIGHT / WIDTH, 1 - 16 / HEIGHT, note, gid="note", ha="right", parse_math=False)
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    alternative = ", ".join(part for part in (title, said, note) if part)
    svg = ElementTree.Element(
        "svg", {"class": "curve", "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img", "aria-label": alternative}
    )
    for group in ElementTree.fromstring(file.getvalue()).iter(f"{SVG}g"):
        ours = group.get("id") if group.get("id") in OURS else None
        for path in group.findall(f"{SVG}path"):
            if ours or group.get("id", "").startswith("line2d"):  # and not the grounds of the figure and the axes
                ElementTree.SubElement(svg, "path", {"class": ours or "grid", "d": " ".join(path.get("d", "").split())})
        for text in group.findall(f"{SVG}text"):
            anchor = re.search(r"text-anchor: (\w+)", text.get("style", ""))
            place = {"x": text.get("x", ""), "y": text.get("y", ""), "text-anchor": anchor[1] if anchor else "start"}
            ElementTree.SubElement(svg, "text", {"class": ours or "tick", **place}).text = text.text
    return Markup(ElementTree.tostring(svg, encoding="unicode"))
