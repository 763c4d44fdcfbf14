"""Chunks to the file of masks, with what was left out and the yield of each step beside it.

masks.json             images, annotations and categories, in MaskOVEN's format
masks.problems.jsonl   labels that could not be read, {"code", "where", "why"} a line
masks.yield.json       counts by step; written last, so that it is there once all is whole
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from training.annotate.chunks import read_chunk
from training.annotate.outcome import Outcome
from training.annotate.yields import Yield
from wikiclip.base.files import appearing_file, sha256, write_text


@dataclass(frozen=True, kw_only=True)
class Published:
    """What was made.

    Attributes:
        out: the file of masks.
        problems: the file that lists what could not be read.
        counts: of each step, as `Yield.to_json` has them.
        anew: False where all was there before.
    """

    out: Path
    problems: Path
    counts: dict[str, Any]
    anew: bool


class Note(BaseModel):
    """What stands in the file of the yield."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    plan: str
    sha256: str
    counts: dict[str, Any]


def problems_path(out: Path) -> Path:
    return out.with_suffix(".problems.jsonl")


def yield_path(out: Path) -> Path:
    return out.with_suffix(".yield.json")


def published(out: Path, plan_id: str) -> Published | None:
    """Returns what a plan ended in before; None where it did not, or the file is another since."""
    try:
        note = Note.model_validate_json(yield_path(out).read_bytes())
        if note.plan != plan_id or sha256(out) != note.sha256:
            return None
    except (OSError, ValidationError):
        return None
    return Published(out=out, problems=problems_path(out), counts=note.counts, anew=False)


def publish(chunks: Sequence[Path], out: Path, plan_id: str) -> Published:
    """Writes the three files, each in one step. Memory grows with the number of pictures alone: an id of each."""
    made = Yield()
    for outcomes in map(read_chunk, chunks):
        made.add(outcomes)
    with appearing_file(problems_path(out)) as partial, partial.open("w", encoding="ascii") as file:
        for outcome in _all(chunks):
            if outcome.code is not None:
                file.write(json.dumps({"code": outcome.code, "where": outcome.data_id, "why": outcome.why}) + "\n")
    with appearing_file(out) as partial, partial.open("w", encoding="ascii") as file:
        file.write("{")
        _write_list(file, "images", _once((one.image for one in _kept(chunks)), "id"))
        file.write(",\n")
        _write_list(file, "annotations", (one.annotation for one in _kept(chunks)))
        file.write(",\n")
        _write_list(file, "categories", _once(map(_category, _kept(chunks)), "id"))
        file.write("}\n")
    note = Note(plan=plan_id, sha256=sha256(out), counts=made.to_json())
    write_text(yield_path(out), note.model_dump_json(indent=2) + "\n")
    return Published(out=out, problems=problems_path(out), counts=note.counts, anew=True)


def _all(chunks: Sequence[Path]) -> Iterator[Outcome]:
    for path in chunks:
        yield from read_chunk(path)


def _kept(chunks: Sequence[Path]) -> Iterator[Outcome]:
    return (outcome for outcome in _all(chunks) if outcome.annotation is not None)


def _category(outcome: Outcome) -> dict[str, Any]:
    assert outcome.annotation is not None
    return {"id": outcome.annotation["category_id"], "name": outcome.entity}


def _once(found: Iterable[dict[str, Any] | None], key: str) -> Iterator[dict[str, Any]]:
    """Yields the first of each key."""
    seen: set[object] = set()
    for one in found:
        if one is not None and one[key] not in seen:
            seen.add(one[key])
            yield one


def _write_list(file: IO[str], name: str, found: Iterable[object]) -> None:
    """Writes an item a line: a file of gigabytes can then be looked into."""
    file.write(f'"{name}": [')
    for number, one in enumerate(found):
        file.write((",\n" if number else "\n") + json.dumps(one))
    file.write("\n]")
