"""What the filters make of a case, and what of many."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.filtering.cases import Case
from training.annotate.annotator import Annotator
from training.annotate.ensemble import Mending
from training.annotate.filters.agreement import choose
from training.annotate.overlap import iou

RIGHT = 0.5  # the overlap from which on a mask is counted as right


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Overlaps (IoU) with the truth: of what the first segmenter is surest of, of what agreement chooses, and of what
    the filters that mend make of that; whether it is kept, and who changed it."""

    before: float
    chosen: float
    after: float
    kept: bool
    mended: tuple[Mending, ...]


def judge(case: Case, annotator: Annotator) -> Judged:
    """Runs all filters on a case, which is of no place."""
    chosen = choose(case.answers, annotator.thresholds)
    choice = annotator.ensemble(case.answers, None, case.truth.shape)
    assert chosen is not None
    assert choice is not None
    return Judged(
        before=iou(case.answers[0].candidates[0].mask, case.truth),
        chosen=iou(chosen.mask, case.truth),
        after=iou(choice.mask, case.truth),
        kept=annotator.is_kept(choice),
        mended=choice.mended,
    )


@dataclass
class Measured:
    """Figures over cases; each is a number between 0 and 1, NaN where nothing was counted."""

    judged: list[Judged] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.judged)

    @property
    def success_before(self) -> float:
        """How often the first segmenter is right by itself."""
        return _mean([each.before >= RIGHT for each in self.judged])

    @property
    def success_after(self) -> float:
        """How often what is kept is right."""
        return _mean([each.after >= RIGHT for each in self.judged if each.kept])

    @property
    def overlaps(self) -> tuple[float, float, float]:
        """Mean overlap: of the first segmenter's, of the chosen, and of all that is kept."""
        return (
            _mean([each.before for each in self.judged]),
            _mean([each.chosen for each in self.judged]),
            _mean([each.after for each in self.judged if each.kept]),
        )

    @property
    def kept(self) -> float:
        """The share that is kept."""
        return _mean([each.kept for each in self.judged])

    @property
    def removal(self) -> tuple[float, float]:
        """Precision and recall of the removal: of what is removed how much was wrong, and of the wrong how much is."""
        wrong = [each for each in self.judged if each.after < RIGHT]
        removed = [each for each in self.judged if not each.kept]
        both = sum(not each.kept for each in wrong)
        return both / len(removed) if removed else float("nan"), both / len(wrong) if wrong else float("nan")

    def mending(self, name: Mending) -> tuple[int, float, float, float]:
        """How many a filter changed; their mean overlap before and after; the share that it made better."""
        changed = [each for each in self.judged if name in each.mended]
        return (
            len(changed),
            _mean([each.chosen for each in changed]),
            _mean([each.after for each in changed]),
            _mean([each.after > each.chosen for each in changed]),
        )


def measure(found: Sequence[Case], annotator: Annotator) -> dict[tuple[str, str, float], Measured]:
    """Returns figures by (kind of scene, damage, strength)."""
    measured: dict[tuple[str, str, float], Measured] = {}
    for case in found:
        key = ("crowded" if case.crowded else "loose", case.damage, case.strength)
        measured.setdefault(key, Measured()).judged.append(judge(case, annotator))
    return measured


def together(parts: Sequence[Measured]) -> Measured:
    """Returns the figures over all cases of several."""
    return Measured([each for part in parts for each in part.judged])


def _mean(numbers: Sequence[float | bool]) -> float:
    return float(np.mean(numbers)) if numbers else float("nan")
