"""How many labels each step let through: the yield of an annotation."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from training.annotate.ensemble import MENDINGS
from training.annotate.outcome import Outcome

HINTS: Mapping[str, str] = {
    "places": "widened to the whole picture, as places",
    "dense": "inverted, in dense scenes",
    "propagation": "replaced, where a box passed an error on",
}


class Yield:
    """Counts outcomes."""

    def __init__(self) -> None:
        self.fates: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self.non_visual: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()
        self.mended_and_kept: Counter[str] = Counter()

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Counts further outcomes."""
        for outcome in outcomes:
            self.fates[outcome.fate] += 1
            if outcome.code is not None:
                self.problems[outcome.code] += 1
            if outcome.fate == "non-visual":
                self.non_visual[outcome.why] += 1
            self.mended.update(outcome.mended)
            if outcome.fate == "kept":
                self.mended_and_kept.update(outcome.mended)

    @property
    def read(self) -> int:
        """How many labels there were, those that could not be read included."""
        return self.fates.total()

    def to_json(self) -> dict[str, Any]:
        """Returns the counts by step."""
        return {
            "read": self.read,
            "problems": dict(self.problems.most_common()),
            "non_visual": dict(self.non_visual.most_common()),
            "found": self.fates["disagreement"] + self.fates["kept"],
            "not_found": self.fates["not-found"],
            "mended": {name: self.mended[name] for name in MENDINGS},
            "mended_and_kept": {name: self.mended_and_kept[name] for name in MENDINGS},
            "disagreement": self.fates["disagreement"],
            "kept": self.fates["kept"],
        }


def yield_table(counts: Mapping[str, Any]) -> Table:
    """Returns the counts by step, each with its share of what was read.

    Args:
        counts: as `Yield.to_json` has them.
    """
    table = Table("step", title="Yield")
    table.add_column("labels", justify="right")
    table.add_column("of all", justify="right")
    rows = [("read", counts["read"])]
    rows += [(f"left out: {code}", count) for code, count in counts["problems"].items()]
    rows += [(f"left out: cannot be seen ({why})", count) for why, count in counts["non_visual"].items()]
    rows += [("left out: not found", counts["not_found"]), ("found", counts["found"])]
    rows += [(f"mended: {HINTS[name]}", count) for name, count in counts["mended"].items()]
    rows += [("left out: segmenters do not agree, or are not sure", counts["disagreement"]), ("kept", counts["kept"])]
    for step, count in rows:
        share = f"{count / counts['read']:.1%}" if counts["read"] else ""
        table.add_row(step, f"{count:,}", share, style="bold" if step == "kept" else None)
    return table
