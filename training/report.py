"""The report of a training run: one HTML file that needs nothing else, to be looked at in a browser.

Axes: H height, W width, S step of a risk-coverage curve.
"""

import base64
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image, ImageFilter

from indexer.files import write_text
from training.coverage import RiskCoverage
from training.curves import curve
from training.ranking import harmonic_mean
from wikiclip.region import Mask

QUERY_SIDE, ENTITY_SIDE = 220, 160  # the longer side of thumbnails in pixels
JPEG_QUALITY = 80
RING = 2  # pixels of each of the contour's two tones
DIMMED = 0.45  # how much light is left outside the mask
CANDIDATES = 5  # how many an example shows
RISKS = (0.01, 0.05, 0.1, 0.2)
QUESTION = ("task", "photo", "record", "candidates", "imagenet")  # what the rows of one group of methods have in common


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An entity as the report shows it; its picture is of any size, None where the record has none."""

    entity_id: str
    title: str
    picture: Image.Image | None


@dataclass(frozen=True, kw_only=True)
class Example:
    """A mention, its entity and what was answered.

    Attributes:
        picture: the whole picture, of any size.
        mask: [H, W] of the picture, True inside.
        candidates: with their scores, best first.
    """

    picture: Image.Image
    mask: Mask
    truth: Shown
    candidates: Sequence[tuple[Shown, float]]

    @property
    def rank(self) -> int | None:
        """The right entity's place among the candidates, from 1; None where it is not among them."""
        ids = [candidate.entity_id for candidate, _ in self.candidates]
        return ids.index(self.truth.entity_id) + 1 if self.truth.entity_id in ids else None


def write_report(
    path: Path,
    *,
    title: str,
    settings: dict[str, Any],
    metrics: Sequence[Mapping[str, float]],
    rows: Sequence[Mapping[str, Any]],
    examples: Sequence[Example],
    notes: Sequence[str] = (),
    coverage: RiskCoverage | None = None,
) -> None:
    """Writes the report, in one step where another one was.

    Args:
        settings: what settled the run; may hold further dictionaries.
        metrics: one mapping a step: "step" and what was measured in it.
        rows: of the quality table, as `training.evaluate` makes them.
        notes: paragraphs for the head of the page.
        coverage: how wrong the answers are when only the surest are given.

    Raises:
        ValueError: an example's mask is not of its picture's size.
    """
    environment = Environment(
        loader=PackageLoader("training", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    html = environment.get_template("report.html").render(
        title=title,
        notes=notes,
        settings=list(_flat(settings)),
        steps=len(metrics),
        duration=timedelta(seconds=round(sum(step.get("seconds", 0) for step in metrics))),
        curves=list(_curves(metrics)),
        ranks=_ranks(rows),
        groups=list(_groups(rows)),
        coverage=coverage,
        coverage_curve=None if coverage is None else _coverage_curve(coverage),
        risks=RISKS,
        wrong=[example for example in examples if example.rank != 1],
        right=[example for example in examples if example.rank == 1],
        most=CANDIDATES,
        query_picture=lambda example: inline(outlined(example.picture, example.mask)),
        entity_picture=lambda picture: inline(thumbnail(picture, ENTITY_SIDE)),
    )
    # Half a surrogate pair, which JSON may hold, has no UTF-8.
    write_text(path, html.encode("utf-8", "replace").decode("utf-8"))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def _curves(metrics: Sequence[Mapping[str, float]]) -> Iterator[Markup]:
    for name, smooth, from_zero in (
        ("loss", True, False),
        ("scale", False, False),
        ("gradient_norm", True, True),
        ("learning_rate", False, True),
    ):
        points = [(step["step"], step[name]) for step in metrics if name in step]
        yield curve(points, title=name.replace("_", " "), smooth=smooth, from_zero=from_zero)


def _coverage_curve(coverage: RiskCoverage) -> Markup:
    """A staircase, because a coverage between two steps has the risk of the second."""
    coverage_S, risk_S = 100 * coverage.coverage, 100 * coverage.risk
    corners = zip(np.repeat([0, *coverage_S], 2)[1:-1], np.repeat(risk_S, 2), strict=True)
    return curve(corners, title="wrong among the answers, %", x_label="mentions answered, %", from_zero=True)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Percentages of one method on one split, by rank; what of the rest was measured."""

    percent: dict[int, float]
    interval: tuple[float, float] | None = None  # of rank 1
    counts: tuple[int, int] | None = None  # queries, entities


@dataclass(frozen=True, kw_only=True)
class Group:
    """The methods that were asked the same.

    Attributes:
        question: what they were asked, name -> value.
        methods: name -> split -> figures; the splits are "seen", "unseen" and "harmonic mean".
        best: those ahead at rank 1 of the harmonic mean, or of "unseen" or "seen" where none has the former.
    """

    question: dict[str, str]
    methods: dict[str, dict[str, Figures]]
    best: set[str]


def _ranks(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """The k for which rows have an "rk"."""
    return sorted({int(name[1:]) for row in rows for name in row if name.startswith("r") and name[1:].isdecimal()})


def _groups(rows: Sequence[Mapping[str, Any]]) -> Iterator[Group]:
    ranks, names = _ranks(rows), [name for name in QUESTION if any(name in row for row in rows)]
    asked: dict[tuple[str, ...], dict[str, dict[str, Figures]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        question = tuple(str(row.get(name, "-")) for name in names)
        asked[question][row["method"]][row["split"]] = Figures(
            percent={k: row[f"r{k}"] for k in ranks if f"r{k}" in row},
            interval=(row["r1_lo"], row["r1_hi"]),
            counts=(row["n"], row["n_entities"]),
        )
    for question, methods in sorted(asked.items()):
        for splits in methods.values():
            if "seen" in splits and "unseen" in splits:
                seen, unseen = splits["seen"].percent, splits["unseen"].percent
                splits["harmonic mean"] = Figures(
                    percent={k: harmonic_mean(seen[k], unseen[k]) for k in seen.keys() & unseen.keys()}
                )
        yield Group(
            question=dict(zip(names, question, strict=True)), methods=dict(sorted(methods.items())), best=_best(methods)
        )


def _best(methods: Mapping[str, Mapping[str, Figures]]) -> set[str]:
    for split in ("harmonic mean", "unseen", "seen"):
        first = {method: splits[split].percent[1] for method, splits in methods.items() if split in splits}
        if first:
            return {method for method, percent in first.items() if percent == max(first.values())}
    return set()


def thumbnail(picture: Image.Image, side: int) -> Image.Image:
    """The picture as RGB, at most `side` wide and high and never enlarged; transparency is laid on white."""
    small = picture.convert("RGBA")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")


def outlined(picture: Image.Image, mask: Mask, side: int = QUERY_SIDE) -> Image.Image:
    """A thumbnail that shows a mention: a white and a black contour around the mask, and all outside it dimmed.

    A margin, counted in `side`, makes room for the contour of what touches the picture's border.

    Raises:
        ValueError: the mask is not of the picture's size.
    """
    if mask.shape != (picture.height, picture.width):
        raise ValueError(f"a mask of {mask.shape} for a picture {picture.height} high and {picture.width} wide")
    margin = 2 * RING
    small = thumbnail(picture, side - 2 * margin)
    share_HW = np.asarray(Image.fromarray(mask.astype(np.float32)).resize(small.size, Image.Resampling.BOX))
    # What is too small to fill half of a pixel anywhere is shown where it fills the most.
    inside_HW = (share_HW > 0) & (share_HW >= min(0.5, share_HW.max()))
    inside = Image.fromarray(np.pad(inside_HW, margin).astype(np.uint8) * 255)
    white, black = (inside.filter(ImageFilter.MaxFilter(2 * reach + 1)) for reach in (RING, 2 * RING))
    bright = Image.new("RGB", inside.size)
    bright.paste(small, (margin, margin))
    shown = bright.point(lambda value: DIMMED * value)
    shown.paste("black", mask=black)
    shown.paste("white", mask=white)
    shown.paste(bright, mask=inside)
    return shown


@dataclass(frozen=True)
class Inline:
    """A picture that a page carries in itself: a data URI, and the size in pixels."""

    uri: str
    width: int
    height: int


def inline(picture: Image.Image) -> Inline:
    """An RGB picture as a JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return Inline(f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}", *picture.size)
