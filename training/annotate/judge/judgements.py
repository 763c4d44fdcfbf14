"""What people judged, as the page saves it, and the success rates that it makes."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.table import Table

from indexer.kb.jsonl import first_fault
from wikiclip.base.errors import WikiClipError
from wikiclip.base.text_files import read_text

Verdict = Literal["right", "wrong", "unsure"]
Z = 1.959963984540054  # of a normal distribution, for 95%
UNSAID = "-"


class Judgement(BaseModel):
    """One annotation that was judged."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: str
    split: str
    source: str
    method: str
    reference: str
    verdict: Verdict


class Judgements(BaseModel):
    """The file that the page saves.

    Attributes:
        sample: names the sample that was judged.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    sample: str
    judgements: Annotated[list[Judgement], Field(min_length=1)]


def read_judgements(path: Path) -> Judgements:
    """Raises WikiClipError where the file cannot be read or is none that the page saves."""
    try:
        return Judgements.model_validate_json(read_text(path))
    except ValidationError as error:
        raise WikiClipError(f"{path} holds no judgements as the page saves them: {first_fault(error)}.") from error


def wilson(right: int, of: int) -> tuple[float, float]:
    """The interval that holds a share with 95% confidence (Wilson, 1927); all from 0 to 1 where nothing was counted."""
    if not of:
        return 0.0, 1.0
    share, square = right / of, Z * Z
    middle = share + square / (2 * of)
    reach = Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, (middle - reach) / (1 + square / of)), min(1.0, (middle + reach) / (1 + square / of))


def success_table(judgements: Sequence[Judgement]) -> Table:
    """Table 1's success rate: of all, by split, by source, and by who drew the mask for which reference.

    What a person was unsure of counts as not right, as the paper's two classes have it, and is shown.
    """
    table = Table("judged", title="Table 1: success rate, with Wilson's interval of 95%")
    for column in ("n", "right", "wrong", "unsure", "success", "interval"):
        table.add_column(column, justify="right")
    for name, group in _groups(judgements):
        counts = {verdict: sum(one.verdict == verdict for one in group) for verdict in ("right", "wrong", "unsure")}
        low, high = wilson(counts["right"], len(group))
        cells = [f"{count:,}" for count in (len(group), *counts.values())]
        table.add_row(name, *cells, f"{counts['right'] / len(group):.1%}", f"{low:.1%} to {high:.1%}")
    return table


def _groups(judgements: Sequence[Judgement]) -> Iterator[tuple[str, list[Judgement]]]:
    yield "all", list(judgements)
    by: dict[str, Callable[[Judgement], str]] = {
        "split": lambda one: one.split,
        "source": lambda one: one.source,
        "method": lambda one: one.method,
        "reference": lambda one: one.reference,
    }
    for name, of in by.items():
        for value in sorted({of(one) for one in judgements} - {UNSAID}):
            yield f"{name} {value}", [one for one in judgements if of(one) == value]
