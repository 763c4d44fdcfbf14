"""Curves as inline SVG: axes with round ticks, and for noisy points a smoothed line over a faint one.

The page around a curve styles its classes: `curve`, `heading`, `note`, `tick`, `grid`, `line`, `faint`, `last`.

Axes: N point, 2 is x and y.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

Points = NDArray[np.float64]  # [N, 2], x ascending

WIDTH, HEIGHT = 360, 210  # about as wide as a phone, where the labels must not shrink
LEFT, RIGHT, TOP, BOTTOM = 54, 334, 32, 170  # the edges of the plot
MOST_POINTS = 1000  # some three a pixel
SMOOTHED = 0.02  # the mean age of what the smoothed line averages, as a share of all points
LARGEST = 1e100  # so that no difference of two values overflows
SMALLEST = 1e-100


def curve(
    points: Iterable[tuple[float, float]],
    *,
    title: str,
    x_label: str = "step",
    smooth: bool = False,
    from_zero: bool = False,
) -> Markup:
    """One curve as an `<svg>` with a text alternative.

    Where y is not finite, or past 1e100, nothing is drawn; the curve says how often that is so.

    Args:
        points: (x, y), x ascending.
        smooth: draw a moving average over the points.
        from_zero: the y axis has 0 on it, whatever the points are.
    """
    every_N2 = np.array(list(points), np.float64).reshape(-1, 2)
    every_N2 = every_N2[np.abs(every_N2[:, 0]) <= LARGEST]
    points_N2 = every_N2[np.abs(every_N2[:, 1]) <= LARGEST]
    left_out = f"{len(every_N2) - len(points_N2):,} not finite" if len(points_N2) < len(every_N2) else ""
    if not len(points_N2):
        return _svg(title, left_out or "no values", "", Markup())
    (x_first, _), (x_last, _) = every_N2[[0, -1]]
    y_N = points_N2[:, 1]
    frame = _Frame.around(every_N2[:, 0], np.append(y_N, 0) if from_zero else y_N)
    lines, shown_N2 = Markup(), points_N2
    if smooth:
        lines += _path("faint", frame.place(thin(points_N2)))
        shown_N2 = np.stack([points_N2[:, 0], moving_average(y_N)], axis=1)
    lines += _path("line", frame.place(thin(shown_N2)))
    ((x, y),) = frame.place(shown_N2[-1:])
    last = Markup('<circle class="last" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(x, y)
    said = (
        f"{x_label} {x_first:,.6g} to {x_last:,.6g}: from {y_N[0]:.4g} to {y_N[-1]:.4g}, lowest {y_N.min():.4g},"
        f" highest {y_N.max():.4g}"
    )
    note = f"{'averaged' if smooth else 'last'} {shown_N2[-1, 1]:.4g}" + (f", {left_out}" if left_out else "")
    return _svg(title, note, said, frame.axes(x_label) + lines + last)


def ticks(low: float, high: float, *, count: int = 5, least: float = 0) -> list[float]:
    """Values 1, 2 or 5 times a power of ten apart, from at most `low` to at least `high`, up to `count` + 2 of them.

    Args:
        least: they are at least this far apart.
    """
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(next(power * times for times in (1, 2, 5, 10) if power * times >= rough * (1 - 1e-9)), least)
    # A hair inwards: 0.3 / 0.1 is not quite 3.
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * number for number in range(first, max(last, first + 1) + 1)]


def tick_labels(values: list[float]) -> list[str]:
    """Ticks in words, all in the same form, with as many digits as it takes to tell them apart."""
    step, largest = values[1] - values[0], max(abs(value) for value in values)
    if step >= 1e-3 and largest < 1e6:
        return [f"{value:,.{max(0, -_exponent(step))}f}" for value in values]
    return [_scientific(value, step) if value else "0" for value in values]


def thin(points_N2: Points, most: int = MOST_POINTS) -> Points:
    """At most `most` of the points, in order: the first, the last, and the lowest and highest y of each stretch."""
    if len(points_N2) <= most:
        return points_N2
    kept = [0, len(points_N2) - 1]
    for stretch in np.array_split(np.arange(1, len(points_N2) - 1), (most - 2) // 2):
        y = points_N2[stretch, 1]
        kept += [stretch[y.argmin()], stretch[y.argmax()]]
    return points_N2[np.unique(kept)]


def moving_average(y_N: NDArray[np.float64], share: float = SMOOTHED) -> NDArray[np.float64]:
    """An exponential moving average of the points so far, the weights of which always sum to 1."""
    decay = 1 - 1 / max(1, share * len(y_N))
    total = weight = 0.0
    averages_N = np.empty_like(y_N)
    for number, y in enumerate(y_N):
        total, weight = decay * total + y, decay * weight + 1
        averages_N[number] = total / weight
    return averages_N


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """The plot's limits and ticks; the x axis ends where the points do, the y axis at a tick."""

    x_low: float
    x_high: float
    x_ticks: list[float]
    y_ticks: list[float]

    @classmethod
    def around(cls, x_N: NDArray[np.float64], y_N: NDArray[np.float64]) -> "_Frame":
        x_low, x_high = _limits(x_N)
        x_ticks = ticks(x_low, x_high, least=1 if (x_N % 1 == 0).all() else 0)
        return cls(x_low=x_low, x_high=x_high, x_ticks=x_ticks, y_ticks=ticks(*_limits(y_N)))

    def place(self, points_N2: Points) -> Points:
        """Where points lie in the picture."""
        x_N, y_N = points_N2.T
        across_N = (x_N - self.x_low) / (self.x_high - self.x_low)
        up_N = (y_N - self.y_ticks[0]) / (self.y_ticks[-1] - self.y_ticks[0])
        return np.stack([LEFT + across_N * (RIGHT - LEFT), BOTTOM - up_N * (BOTTOM - TOP)], axis=1)

    def axes(self, x_label: str) -> Markup:
        """A line across at each y tick, a mark below at each x tick."""
        drawn = Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            (LEFT + RIGHT) / 2, HEIGHT - 6, x_label
        )
        for value, label in zip(self.y_ticks, tick_labels(self.y_ticks), strict=True):
            ((_, y),) = self.place(np.array([[self.x_low, value]]))
            drawn += Markup(
                '<path class="grid" d="M{} {:.1f}H{}"/><text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(LEFT, y, RIGHT, LEFT - 6, y + 4, label)
        for value, label in zip(self.x_ticks, tick_labels(self.x_ticks), strict=True):
            if self.x_low <= value <= self.x_high:
                ((x, _),) = self.place(np.array([[value, self.y_ticks[0]]]))
                drawn += Markup(
                    '<path class="grid" d="M{0:.1f} {1}v4"/>'
                    '<text class="tick" x="{0:.1f}" y="{2}" text-anchor="middle">{3}</text>'
                ).format(x, BOTTOM, BOTTOM + 16, label)
        return drawn


def _limits(values_N: NDArray[np.float64]) -> tuple[float, float]:
    """The lowest and the highest value, moved apart where they are so close that ticks would take many digits."""
    low, high = float(values_N.min()), float(values_N.max())
    largest = max(abs(low), abs(high))
    missing = (0.02 * largest if largest > SMALLEST else 1.0) - (high - low)
    return (low - missing / 2, high + missing / 2) if missing > 0 else (low, high)


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value)) + 1e-9)


def _scientific(value: float, step: float) -> str:
    mantissa, exponent = f"{value:.{max(0, _exponent(value) - _exponent(step))}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _path(name: str, places_N2: Points) -> Markup:
    corners = "L".join(f"{x:.1f} {y:.1f}" for x, y in places_N2)
    return Markup('<path class="{}" d="M{}"/>').format(name, corners)


def _svg(title: str, note: str, said: str, drawn: Markup) -> Markup:
    alternative = ", ".join(part for part in (title, said, note) if part)
    return Markup(
        '<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<text class="heading" x="4" y="16">{}</text><text class="note" x="{}" y="16" text-anchor="end">{}</text>'
        "{}</svg>"
    ).format(WIDTH, HEIGHT, alternative, title, RIGHT, note, drawn)
