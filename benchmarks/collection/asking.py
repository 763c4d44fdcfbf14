"""How many labels a served collection answers rightly, and how sure it says that it is.

Axes: Q label.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from service.client import LinkClient
from training.data.collection.labels import fold_of

TOP_K = 10
SHOWN = {"own": "the record's drawing", "second": "a second drawing", "other": "further drawings"}


@dataclass(frozen=True)
class Asked:
    """One label and what was answered.

    Attributes:
        sort: which of the thing's drawings the photograph shows, as `SHOWN` has it.
        rank: of the right record, from 1; None where it is not among the first ten.
        confidence: that the first is right; None where none is told.
    """

    sort: str
    rank: int | None
    confidence: float | None


def ask(client: LinkClient, folder: Path, fold: int | None) -> Iterator[Asked]:
    """Asks about every label of a fold, or about all, with a progress bar."""
    lines = (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    labels = [label for label in map(json.loads, lines) if fold is None or fold_of(label["entity_id"]) == fold]
    for label in tqdm(labels, desc="Asking", unit=" labels"):
        (result,) = client.link(folder / "photos" / label["picture"], label["region"], top_k=TOP_K).results
        ids = [candidate.entity_id for candidate in result.candidates]
        rank = ids.index(label["entity_id"]) + 1 if label["entity_id"] in ids else None
        yield Asked(label["picture"].split("-")[1], rank, result.confidence)


def lines(answers: Sequence[Asked], sure: float) -> list[str]:
    """A table in Markdown: a line for each sort of photograph, shares in percent."""
    made = [
        "| photographs of | labels | first | among five | among ten | sure | of these right |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for sort, what in SHOWN.items():
        some = [answer for answer in answers if answer.sort == sort]
        known = [answer for answer in some if answer.confidence is not None and answer.confidence >= sure]
        shares = [_percent([answer.rank is not None and answer.rank <= most for answer in some]) for most in (1, 5, 10)]
        right = _percent([answer.rank == 1 for answer in known])
        made.append(f"| {what} | {len(some)} | {' | '.join(shares)} | {len(known)} | {right} |")
    return made


def _percent(holds: Sequence[bool]) -> str:
    return f"{100 * sum(holds) / len(holds):.0f}" if holds else "none"
