"""Chunks: what became of a stretch of labels, as it lies on the disk until all are there.

A chunk is a file that gets its name once it is whole, so a chunk that exists never needs to be made again.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from training.annotate.outcome import Outcome
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_file


def chunk_path(workshop: Path, number: int) -> Path:
    """Returns where the chunk of a number is, whether it exists or not."""
    return workshop / "chunks" / f"{number:06}.jsonl"


def write_chunk(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Writes one outcome a line, so that the file exists whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with appearing_file(path) as partial, partial.open("w", encoding="ascii") as file:
        for outcome in outcomes:
            file.write(json.dumps(outcome.model_dump(mode="json", exclude_defaults=True)) + "\n")


def read_chunk(path: Path) -> Iterator[Outcome]:
    """Yields what `write_chunk` wrote.

    Raises:
        WikiClipError: the file was changed.
    """
    with path.open("rb") as lines:
        for line in lines:
            try:
                yield Outcome.model_validate_json(line)
            except ValidationError as error:
                raise WikiClipError(f"{path} was changed; remove it, and run again.") from error
