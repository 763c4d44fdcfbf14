"""The report of a training run: one HTML file that needs nothing else, to be looked at in a browser.

Axes: H height, W width of a picture; S step of a risk-coverage curve.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from training.measure.coverage import RiskCoverage
from training.measure.releases.oven_score import COLUMNS, HOW_COUNTED, OvenScore, score_rows
from training.report.curves import curve
from training.report.table import grouped, ranks_of, shown_splits
from wikiclip.base.files import write_text
from wikiclip.masks import Mask
from wikiclip.thumbnails import inline, outlined, thumbnail

ENTITY_SIDE = 160  # the longer side of an entity's thumbnail in pixels
CANDIDATES = 5  # how many an example shows
RISKS = (0.01, 0.05, 0.1, 0.2)


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
    scores: Mapping[str, OvenScore] = MappingProxyType({}),
    coverage: RiskCoverage | None = None,
) -> None:
    """Writes the report, in one step where another one was.

    Args:
        settings: what settled the run; may hold further dictionaries.
        metrics: one mapping a step: "step" and what was measured in it.
        rows: of the quality table, as `training.evaluate` makes them.
        notes: paragraphs for the head of the page.
        scores: OVEN's, by the name of what was scored.
        coverage: how wrong the answers are when only the surest are given.

    Raises:
        ValueError: an example's mask is not of its picture's size.
    """
    environment = Environment(
        loader=PackageLoader("training.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    groups = list(grouped(rows))
    shown = shown_splits(groups)
    html = environment.get_template("page.html").render(
        title=title,
        notes=notes,
        settings=list(_flat(settings)),
        steps=len(metrics),
        duration=timedelta(seconds=round(sum(step.get("seconds", 0) for step in metrics))),
        curves=list(_curves(metrics)),
        ranks=ranks_of(rows),
        groups=groups,
        splits_shown=shown,
        counted="unseen" if "unseen" in shown else "seen",
        score_columns=COLUMNS,
        scores=list(score_rows(scores)),
        how_counted=HOW_COUNTED,
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
    """Draws a staircase, because a coverage between two steps has the risk of the second."""
    coverage_S, risk_S = 100 * coverage.coverage, 100 * coverage.risk
    corners = zip(np.repeat([0, *coverage_S], 2)[1:-1], np.repeat(risk_S, 2), strict=True)
    return curve(corners, title="wrong among the answers, %", x_label="mentions answered, %", from_zero=True)
